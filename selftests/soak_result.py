#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""soak_result.py - what the stages of selftests/soak came to

usage: soak_result.py stage DIR --commit ID --seconds S --rc RC
       soak_result.py passed DIR --commit ID    exit code 0 if it did
       soak_result.py line DIR                  its result as a line
       soak_result.py total DIR                 DIR/result.json; exit code 0 if all passed
       soak_result.py report DIR FILE           the table in FILE, between its two marks
"""
import argparse
import datetime
import glob
import json
import os
import re
import sys

FORMAT = 1
BEGIN = "<!-- results: begin -->"
END = "<!-- results: end -->"


def read_tap(path):
    """The points of one TAP stream."""
    test = {"name": os.path.basename(path)[:-len(".tap")], "passed": 0, "failed": 0,
            "skipped": 0, "failures": []}
    with open(path, errors="replace") as f:
        for line in f:
            match = re.match(r"(not )?ok\b(.*)", line)
            if re.match(r"1\.\.0\b.*# *skip", line, re.I):
                test["skipped"] += 1
            elif not match:
                continue
            elif re.search(r"# *(skip|todo)\b", match[2], re.I):
                test["skipped"] += 1
            elif match[1]:
                test["failed"] += 1
                test["failures"].append(line.strip())
            else:
                test["passed"] += 1
    return test


def make_stage(args):
    tests = [read_tap(p) for p in sorted(glob.glob(os.path.join(args.dir, "*.tap")))]
    result = {
        "stage": os.path.basename(os.path.normpath(args.dir)),
        "commit": args.commit,
        "ended": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M"),
        "seconds": args.seconds,
        "exit_code": args.rc,
        "tests": tests,
    }
    for key in ("passed", "failed", "skipped"):
        result[key] = sum(t[key] for t in tests)
    # A stage that ended badly, and that no point tells of, failed all the same.
    result["ok"] = not result["failed"] and result["passed"] > 0 and args.rc == 0
    with open(os.path.join(args.dir, "result.json"), "w") as f:
        json.dump(result, f, indent=1)
    return 0


def read_stage(directory):
    with open(os.path.join(directory, "result.json")) as f:
        return json.load(f)


def stage_passed(args):
    try:
        result = read_stage(args.dir)
    except OSError:
        return 1
    return 0 if result["ok"] and result["commit"] == args.commit else 1


def line_of(r):
    return (f"{r['stage']}: {'passed' if r['ok'] else 'FAILED'}, {r['passed']} passed, "
            f"{r['failed']} failed, {r['skipped']} skipped, {r['seconds']} s, "
            f"commit {short(r['commit'])}")


def short(commit):
    return commit[:12] + ("-dirty" if commit.endswith("-dirty") else "")


def print_line(args):
    try:
        print(line_of(read_stage(args.dir)))
    except OSError:
        return 1
    return 0


def all_stages(directory):
    found = [read_stage(os.path.dirname(p))
             for p in glob.glob(os.path.join(directory, "*", "result.json"))]
    return sorted(found, key=lambda r: r["ended"])


def make_total(args):
    stages = all_stages(args.dir)
    total = {"format": FORMAT, "stages": stages, "ok": bool(stages) and all(s["ok"] for s in stages)}
    for key in ("passed", "failed", "skipped", "seconds"):
        total[key] = sum(s[key] for s in stages)
    total["commits"] = sorted({s["commit"] for s in stages})
    with open(os.path.join(args.dir, "result.json"), "w") as f:
        json.dump(total, f, indent=1)
    for stage in stages:
        for test in stage["tests"]:
            for failure in test["failures"]:
                print(f"soak: {stage['stage']}: {test['name']}: {failure}")
    print(f"soak: {len(stages)} stages in {total['seconds'] // 60} minutes: {total['passed']} "
          f"passed, {total['failed']} failed, {total['skipped']} skipped")
    return 0 if total["ok"] else 1


def table(stages):
    rows = ["| stage | tests | passed | failed | skipped | minutes | commit | ended (UTC) |",
            "|---|---|---|---|---|---|---|---|"]
    for s in stages:
        state = "" if s["ok"] else " (FAILED)"
        rows.append(f"| {s['stage']}{state} | {len(s['tests'])} | {s['passed']} | {s['failed']} | "
                    f"{s['skipped']} | {(s['seconds'] + 59) // 60} | `{short(s['commit'])}` | "
                    f"{s['ended']} |")
    rows.append(f"| **all** | {sum(len(s['tests']) for s in stages)} | "
                f"{sum(s['passed'] for s in stages)} | {sum(s['failed'] for s in stages)} | "
                f"{sum(s['skipped'] for s in stages)} | "
                f"{sum((s['seconds'] + 59) // 60 for s in stages)} | | |")
    failures = [f"* {s['stage']}, {t['name']}: {f}"
                for s in stages for t in s["tests"] for f in t["failures"]]
    return "\n".join(rows + ([""] + ["What failed:", ""] + failures if failures else []))


def report(args):
    stages = all_stages(args.dir)
    if not stages:
        print("soak: there is no result yet", file=sys.stderr)
        return 1
    with open(args.file) as f:
        text = f.read()
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    with open(args.file, "w") as f:
        f.write(f"{head}{BEGIN}\n{table(stages)}\n{END}{tail}")
    return 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("action", choices=("stage", "passed", "line", "total", "report"))
    parser.add_argument("dir")
    parser.add_argument("file", nargs="?")
    parser.add_argument("--commit", default="unknown")
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--rc", type=int, default=0)
    args = parser.parse_args()
    actions = {"stage": make_stage, "passed": stage_passed, "line": print_line,
               "total": make_total, "report": report}
    return actions[args.action](args)


if __name__ == "__main__":
    sys.exit(main())
