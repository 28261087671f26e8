#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Decide litmus tests by exhaustive search, where herd7 is not installed.

usage: explore.py FILE.litmus...

Knows READ_ONCE, WRITE_ONCE, smp_load_acquire, smp_store_release and smp_mb, with
constants stored and no branches. A processor does its accesses in any order that
its barriers and accesses to the same word allow; memory is one (a store becomes
visible to all others at once). Without branches that is weaker than x86. Every
barrier is then weakened in turn, and the forbidden result has to appear.
"""

import re
import sys
from collections import namedtuple

Op = namedtuple("Op", "kind word arg barrier")  # kind: read, write or mb

PATTERNS = (
    (r"(r\d+) = READ_ONCE\(\*(\w+)\)", lambda m: Op("read", m[2], m[1], "")),
    (r"(r\d+) = smp_load_acquire\((\w+)\)", lambda m: Op("read", m[2], m[1], "acquire")),
    (r"WRITE_ONCE\(\*(\w+), (\d+)\)", lambda m: Op("write", m[1], int(m[2]), "")),
    (r"smp_store_release\((\w+), (\d+)\)", lambda m: Op("write", m[1], int(m[2]), "release")),
    (r"smp_mb\(\)", lambda m: Op("mb", "", "", "mb")),
    (r"int r\d+", lambda m: None),
)


def statement(text):
    for pattern, make in PATTERNS:
        match = re.fullmatch(pattern, text)
        if match:
            return make(match)
    raise SystemExit(f"cannot read: {text}")


def parse(path):
    """The threads, and the exists clause as a function of the registers."""
    with open(path, encoding="ascii") as file:
        text = file.read()
    text = re.sub(r"\(\*(?!\w).*?\*\)", "", text, flags=re.S)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    threads = []
    for body in re.findall(r"^P\d+\([^)]*\)\s*{(.*?)^}", text, flags=re.S | re.M):
        ops = [statement(s.strip()) for s in body.split(";") if s.strip()]
        threads.append([op for op in ops if op])
    clause = re.search(r"^exists (.*)", text, flags=re.S | re.M)[1]
    clause = re.sub(r"(\d+):(r\d+)=(\d+)", r"regs[\1, '\2'] == \3", clause)
    clause = clause.replace("/\\", "and").replace("\\/", "or").strip()
    return threads, eval("lambda regs: " + clause)  # our own files


def ordered(ops, i, j):
    """Must ops[i] be done before ops[j] may be?"""
    a, b = ops[i], ops[j]
    return (a.kind == "mb" or b.kind == "mb" or a.barrier == "acquire" or
            b.barrier == "release" or a.word == b.word)


def reachable(threads, wanted):
    """Does any execution end in the wanted registers?"""
    start = (tuple(frozenset() for _ in threads), (), ())
    todo, seen = [start], {start}
    while todo:
        done, memory, regs = todo.pop()
        if all(len(d) == len(ops) for d, ops in zip(done, threads)):
            if wanted(dict(regs)):
                return True
            continue
        for t, ops in enumerate(threads):
            for j, op in enumerate(ops):
                if j in done[t] or any(ordered(ops, i, j) and i not in done[t]
                                       for i in range(j)):
                    continue
                words, registers = dict(memory), dict(regs)
                if op.kind == "write":
                    words[op.word] = op.arg
                elif op.kind == "read":
                    registers[t, op.arg] = words.get(op.word, 0)
                after = done[:t] + (done[t] | {j},) + done[t + 1:]
                state = (after, tuple(sorted(words.items())), tuple(sorted(registers.items())))
                if state not in seen:
                    seen.add(state)
                    todo.append(state)
    return False


def weaker(threads):
    """The same threads with one barrier less, for each barrier."""
    for t, ops in enumerate(threads):
        for i, op in enumerate(ops):
            if op.barrier:
                less = [] if op.kind == "mb" else [op._replace(barrier="")]
                yield f"P{t} {op.barrier}", threads[:t] + [ops[:i] + less + ops[i + 1:]] + \
                    threads[t + 1:]


def main():
    n = failed = 0
    for path in sys.argv[1:]:
        threads, wanted = parse(path)
        name = path.rsplit("/", 1)[-1]
        cases = [(f"{name}: never", not reachable(threads, wanted))]
        for what, mutant in weaker(threads):
            cases.append((f"{name}: noticed without {what}", reachable(mutant, wanted)))
        for case, good in cases:
            n += 1
            failed += not good
            print(f"{'' if good else 'not '}ok {n} - {case}")
    print(f"1..{n}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
