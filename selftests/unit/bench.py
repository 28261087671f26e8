#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The arithmetic of the benchmark's report, on raw data made up here. TAP."""

import json
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
BENCH = pathlib.Path(__file__).resolve().parents[2] / "tools/bench"
sys.path.insert(0, str(BENCH))

import baseline  # noqa: E402
import ratios  # noqa: E402
import raw as rawdata  # noqa: E402

WORKLOADS = [f"{rw}-4k-qd{depth}" for rw in ("randread", "randwrite") for depth in (1, 16)]
ENVIRONMENT = """accelerator tcg
kernel 6.12
cpus 2
machine_cpus 2
vendor svm
qemu 10
fio fio-3
idle_us 1000000
window_s 1
claim_ios 100000
devices bare virtio-blk iocore iocore-direct
rounds_null_blk 1
rounds_nvme 1
"""
count = 0
failed = 0


def ok(good, name, why=""):
    global count, failed
    count += 1
    if not good:
        failed += 1
    print(f"{'ok' if good else 'not ok'} {count} - {name}" + ("" if good else f"\n# {why}"))


def near(value, wanted, name):
    ok(value is not None and abs(value - wanted) < 1e-9, name, f"{value}, not {wanted}")


def snapshot(seconds, ios, exits, kicks=0, notified=(0, 0, 0)):
    """Counters after so many seconds; exits: {code: count}."""
    hist = "".join(f"{{ exit_reason: {code:10} }} hitcount: {n:10}\n" for code, n in exits.items())
    return (f"us {int(5e6 + seconds * 1e6)}\nios {7 + ios}\nkicks {kicks}\nsleeps 0\n"
            f"notified {' '.join(map(str, notified))}\n# event histogram\n{hist}"
            f"\nTotals:\n    Hits: 1\n    Dropped: 0\n")


def guest_times(idle, seconds, timer):
    """What the guest says of itself before and after the I/O."""
    ticks = int(idle * seconds * 100)
    return (f"pre 10.00 5.00\npre cpu  5 0 9 300 200 0 0 0\npre  LOC:   1000   timer\n"
            f"post {10 + seconds:.2f} 6.00\npost cpu  5 0 9 {300 + ticks - 10} 210 0 0 0\n"
            f"post  LOC:   {1000 + timer}   timer\n")


def fio_report(iops):
    side = {"iops": iops, "total_ios": 9,
            "lat_ns": {"mean": 2000, "percentile": {"50.000000": 1000, "99.000000": 3000}}}
    return json.dumps({"jobs": [{"error": 0, "read": side, "write": side}]}) + "\n"


def write_window(base, *args, **more):
    base.with_name(base.name + ".before").write_text(snapshot(0, 0, {0x60: 10}))
    base.with_name(base.name + ".after").write_text(snapshot(*args, **more))


def write_run(raw, number, device, backend, workload, *, ios, exits, seconds, idle, iops, **more):
    base = raw / "runs" / f"{number}-{device}-{backend}-{workload}"
    write_window(base, seconds, ios, {0x60: 10, 0x7c: exits}, **more)
    base.with_name(base.name + ".json").write_text(
        guest_times(idle, seconds, 250) + fio_report(iops))
    base.with_name(base.name + ".meta").write_text(
        f"round {number}\ndevice {device}\nbackend {backend}\nworkload {workload}\ncommand fio\n")


def write_baselines(raw):
    """inject: 100 a second idle, 400 busy; direct: 50 and 300, of 200 timer interrupts."""
    for notifier, idle, busy in ("inject", 100, 400), ("direct", 50, 300):
        for kind, rate in ("idle", idle), ("busy", busy):
            for time in 1, 2:
                write_window(raw / f"baseline-{notifier}-{kind}-{time}", 2, 0,
                             {0x60: 10, 0x7c: 2 * rate + (10 if time == 1 else -10)})
        for time in 1, 2:
            (raw / f"baseline-{notifier}-busy-{time}.log").write_text(guest_times(0, 4, 800))


def make_raw(raw, direct_exits=6200):
    """A benchmark of one round; returns after the claim's windows of 100000 I/Os in 20 s."""
    (raw / "runs").mkdir(parents=True)
    (raw / "environment").write_text(ENVIRONMENT)
    (raw / "verify.log").write_text("verify: ok\n")
    for name in "l1-dmesg.log", "l2-dmesg.log", "l2-console.log":
        (raw.parent / name).write_text("all is well\n")
    write_baselines(raw)
    for backend in "nvme", "null_blk":
        for workload in WORKLOADS + ["read-128k-qd8"]:
            where = backend, workload
            write_run(raw, 1, "bare", *where, ios=9000, exits=0, seconds=1, idle=0, iops=9000)
            write_run(raw, 1, "virtio-blk", *where, ios=1000, exits=3000, seconds=1, idle=0,
                      iops=1000)
            write_run(raw, 1, "iocore", *where, ios=2000, exits=2400, seconds=1, idle=0.1,
                      iops=2000, notified=(0, 0, 2000))
            write_run(raw, 1, "iocore-direct", *where, ios=5000, exits=350, seconds=1, idle=0.1,
                      iops=5000, notified=(4990, 10, 0))
    for workload in "randread-4k-qd1", "randread-4k-qd16":
        write_run(raw, 0, "iocore-direct", "null_blk", workload, ios=100000, exits=direct_exits,
                  seconds=20, idle=0.1, iops=4000, notified=(99990, 10, 0))


def report(folder, *args):
    raw = pathlib.Path(folder) / "out"
    target = pathlib.Path(folder) / "result"
    make_raw(raw, *args)
    target.mkdir()
    done = subprocess.run([sys.executable, "-B", BENCH / "report", raw, target],
                          capture_output=True, text=True, check=False)
    result = target / "result.json"
    return done, json.loads(result.read_text()) if result.exists() else None


def find(result, notifier, workload):
    return next(run for run in result["runs"] if run["notifier"] == notifier and
                run["backend"] == "null_blk" and run["workload"] == workload)


def test_above():
    near(baseline.above(1300, 2, 1000, 400), 0.5, "above: exits less the baseline's, per I/O")
    near(baseline.above(700, 2, 1000, 400), -0.1, "above: may be negative")
    ok(baseline.above(700, 2, 0, 400) is None, "above: none without I/O")


def test_fitting():
    ok(baseline.fitting(0.9) == "idle", "an idle guest is judged by the idle baseline")
    ok(baseline.fitting(0.1) == "busy", "a busy guest is judged by the busy baseline")
    ok(baseline.fitting(0.5) == "idle", "in between: the one that is stricter")
    ok(baseline.fitting(None) == "idle", "unknown: the one that is stricter")
    rounds = [{"guest": {"seconds": 1, "idle": 1.0}}, {"guest": None},
              {"guest": {"seconds": 3, "idle": 0.2}}]
    near(baseline.guest_idle(rounds), 0.4, "idle time is weighed by the length of the rounds")


def test_guest(folder):
    path = pathlib.Path(folder) / "guest"
    path.write_text(guest_times(0.25, 8, 2000) + fio_report(1))
    guest = rawdata.read_guest(path)
    near(guest["idle"], 0.25, "guest: idle and waiting time count as idle")
    near(guest["timer_interrupts_per_s"], 250, "guest: timer interrupts a second")
    near(rawdata.read_fio(path)["iops"], 1, "guest: fio's report is found behind its times")
    path.write_text(fio_report(1))
    ok(rawdata.read_guest(path) is None, "guest: nothing known, nothing told")


def test_ratios():
    def run(*iops):
        return {"rounds": [{"round": n, "iops": value} for n, value in enumerate(iops)]}

    ratio = ratios.of_pair(run(9, 2, 3, 8), run(1, 1, 1, 2))
    ok((ratio["min"], ratio["median"], ratio["max"]) == (2, 3, 4),
       "ratios: by round, without the claim's window", str(ratio))
    ok(ratios.of_pair(run(9), run(1)) is None, "ratios: none without a common round")
    ok("every round" in ratios.order({"a": {"min": 1.1, "median": 2}, "b": {"min": 1.2, "median": 2}}),
       "ratios: above in every round")
    ok(ratios.order({"a": {"min": 1.1, "median": 2}, "b": {"min": 0.9, "median": 0.95}}).endswith("no"),
       "ratios: not above")


def test_report():
    with tempfile.TemporaryDirectory() as folder:
        done, result = report(folder)
    ok(done.returncode == 0, "report: all claims hold", done.stdout + done.stderr)
    if not result:
        return
    near(result["baselines"]["direct"]["busy"]["exits_per_s"], 300, "report: a baseline is pooled")
    run = find(result, "direct", "randread-4k-qd1")
    # Of 105000 I/Os in 21 s.
    near(run["exits_per_io"], 6550 / 105000, "report: total exits per I/O")
    near(run["exits"]["above_idle"], (6550 - 50 * 21) / 105000, "report: above idle")
    near(run["exits"]["above_busy"], (6550 - 300 * 21) / 105000, "report: above busy")
    near(run["exits"]["per_io_above_baseline"], (6550 - 300 * 21) / 105000,
         "report: above the baseline of a guest as busy")
    # 250 timer interrupts in each run, so 250 in the round and in the claim's window of
    # 20 s: 500, each of 1.5 exits.
    near(run["exits"]["above_timer"], (6550 - 1.5 * 500) / 105000, "report: above the timer's")
    near(run["exits"]["timer_ratio"], 500 / 21 / 200, "report: timer interrupts of run and baseline")
    ok(run["notified"] == {"direct": 104980, "repended": 20, "injected": 0},
       "report: ways of notification", str(run["notified"]))
    inject = find(result, "inject", "randread-4k-qd1")
    near(inject["exits"]["per_io_above_baseline"], 1, "report: inject has baselines of its own")
    ok("iocore direct" in done.stdout and "direct > inject > virtio: in every round" in done.stdout,
       "report: the table has direct's rows and the ratios", done.stdout)


def test_broken_claim():
    with tempfile.TemporaryDirectory() as folder:
        done, _ = report(folder, 20000)
    ok(done.returncode == 1 and "exits per I/O above the guest's busy rate" in done.stdout,
       "report: too many exits break the claim", done.stdout + done.stderr)


def main():
    print("TAP version 13")
    test_above()
    test_fitting()
    with tempfile.TemporaryDirectory() as folder:
        test_guest(folder)
    test_ratios()
    test_report()
    test_broken_claim()
    print(f"1..{count}")
    return 1 if failed else 0


sys.exit(main())
