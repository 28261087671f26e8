# SPDX-License-Identifier: GPL-2.0-only
"""Read what tools/bench/l1/bench wrote: counters, fio's reports, the guest's own times."""

import json
import re

import exit_reasons

HIST_LINE = re.compile(r"\{ exit_reason: +(\d+) \} hitcount: +(\d+)")
# How a VM hears of completions, in the order of the snapshots.
WAYS = "direct", "repended", "injected"
# Of /proc/stat, in all kernels.
TICKS_PER_S = 100


def read_pairs(path):
    """Lines of "key value", the value as text."""
    pairs = (line.split(" ", 1) for line in path.read_text().splitlines() if " " in line)
    return {key: value for key, value in pairs}


def read_notified(text):
    """Notifications so far, by their way."""
    found = re.search(r"^notified (\d+) (\d+) (\d+)$", text, re.M)
    return {way: int(found.group(n + 1)) if found else 0 for n, way in enumerate(WAYS)}


def read_snapshot(path):
    text = path.read_text()
    numbers = {key: int(value) for key, value in
               re.findall(r"^(us|ios|kicks|sleeps) (\d+)$", text, re.M)}
    numbers |= read_notified(text)
    exits = {int(code): int(count) for code, count in HIST_LINE.findall(text)}
    dropped = re.search(r"Dropped: (\d+)", text)
    if dropped and int(dropped.group(1)):
        raise ValueError(f"{path}: the histogram of exits overflowed")
    return numbers, exits


def read_window(base, vendor):
    """What happened between two snapshots."""
    first, exits_before = read_snapshot(base.with_name(base.name + ".before"))
    last, exits_after = read_snapshot(base.with_name(base.name + ".after"))
    by_reason = {}
    for code, count in exits_after.items():
        count -= exits_before.get(code, 0)
        if count:
            reason = exit_reasons.name(vendor, code)
            by_reason[reason] = by_reason.get(reason, 0) + count
    return {
        "seconds": (last["us"] - first["us"]) / 1e6,
        "ios": last["ios"] - first["ios"],
        "kicks": last["kicks"] - first["kicks"],
        "sleeps": last["sleeps"] - first["sleeps"],
        "notified": {way: last[way] - first[way] for way in WAYS},
        "exits": {"total": sum(by_reason.values()), "by_reason": by_reason},
    }


def read_fio(path):
    """fio's own view of a run: IOPS and latency in microseconds."""
    text = path.read_text()
    job = json.JSONDecoder().raw_decode(text[text.index("{"):])[0]["jobs"][0]
    if job["error"]:
        raise ValueError(f"{path}: fio reports error {job['error']}")
    side = job["read"] if job["read"]["total_ios"] else job["write"]
    percentile = side["lat_ns"]["percentile"]
    return {
        "iops": side["iops"],
        "lat_us": {
            "mean": side["lat_ns"]["mean"] / 1000,
            "p50": percentile["50.000000"] / 1000,
            "p99": percentile["99.000000"] / 1000,
        },
    }


def read_guest_moment(text, when):
    """Seconds since boot, seconds idle and timer interrupts, just before or after the I/O."""
    uptime = re.search(rf"^{when} (\d+\.\d+) ", text, re.M)
    cpu = re.search(rf"^{when} cpu +(.*)$", text, re.M)
    timer = re.search(rf"^{when} +LOC: +(\d+)", text, re.M)
    if not (uptime and cpu and timer):
        return None
    ticks = [int(n) for n in cpu.group(1).split()]
    # Idle with and without I/O in flight.
    return float(uptime.group(1)), (ticks[3] + ticks[4]) / TICKS_PER_S, int(timer.group(1))


def read_guest(path):
    """How the guest's CPU spent a run; None where that is not known."""
    if not path.exists():
        return None
    text = path.read_text()
    before, after = (read_guest_moment(text, when) for when in ("pre", "post"))
    if not before or not after or after[0] <= before[0]:
        return None
    seconds = after[0] - before[0]
    return {"seconds": seconds,
            "idle": min(max((after[1] - before[1]) / seconds, 0), 1),
            "timer_interrupts_per_s": (after[2] - before[2]) / seconds}


def read_round(meta, vendor):
    """One measured window and the fio run around it, and what was measured."""
    base = meta.with_suffix("")
    report = base.with_name(base.name + ".json")
    about = read_pairs(meta)
    entry = read_window(base, vendor) | read_fio(report)
    entry["round"] = int(about["round"])
    entry["command"] = about["command"]
    entry["guest"] = None if about["device"] == "bare" else read_guest(report)
    return (about["device"], about["backend"], about["workload"]), entry


def read_rounds(raw, vendor):
    """All measured rounds, by (device, backend, workload)."""
    runs = {}
    for meta in sorted((raw / "runs").glob("*.meta")):
        key, entry = read_round(meta, vendor)
        runs.setdefault(key, []).append(entry)
    return runs


def read_verify(raw, devices):
    """"ok", "failed", or None where iocore was left out."""
    if not any(device.startswith("iocore") for device in devices):
        return None
    log = raw / "verify.log"
    lines = log.read_text().split("\n") if log.exists() else []
    return "ok" if "verify: ok" in lines else "failed"
