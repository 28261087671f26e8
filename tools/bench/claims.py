# SPDX-License-Identifier: GPL-2.0-only
"""What a benchmark has to show, and what is told without being judged."""

import re

# A kick is the hypercall that wakes an IOCore: none while it is awake.
MAX_KICKS_PER_IO = 0.001
# Exits of a guest that takes its completions directly, above those without I/O.
MAX_DIRECT_EXITS_PER_IO = 0.03
DIRECT_BACKEND = "null_blk"
DIRECT_WORKLOADS = "randread-4k-qd1", "randread-4k-qd16"
# Measured in the first round only.
ONCE = "read-128k-qd8"
TROUBLE = re.compile(r"BUG:|WARNING:|Oops|Kernel panic|NMI received for unknown reason|Call Trace|general protection|rcu.*stall")


def label(device):
    """What a device is called where both kinds of iocore are."""
    return {"iocore": "iocore inject", "iocore-direct": "iocore direct"}.get(device, device)


def find(runs, device, backend, workload):
    for run in runs:
        if (run["name"], run["backend"], run["workload"]) == (device, backend, workload):
            return run
    return None


def groups(result):
    return list(dict.fromkeys((run["backend"], run["workload"]) for run in result["runs"]))


def kicks_while_awake(run):
    """Kicks per I/O of the rounds in which the IOCore never slept; None if it always did."""
    awake = [entry for entry in run["rounds"] if not entry["sleeps"]]
    ios = sum(entry["ios"] for entry in awake)
    return sum(entry["kicks"] for entry in awake) / ios if ios else None


def fewest_exits(run):
    """Exits per I/O of the best round: whatever disturbs a run adds to them."""
    return run["spread"]["exits_per_io"]["min"]


def check_run(run, other):
    """Complaints about one run of iocore, which has to make fewer exits than the other one."""
    where = f"{run['workload']} on {run['backend']}: {label(run['name'])}"
    if run["kicks_per_io"] is None or run["exits_per_io"] is None:
        return [f"{where}: no I/O was counted"]
    wrong = []
    kicks = kicks_while_awake(run)
    if kicks is None:
        wrong.append(f"{where}: the IOCore slept in every round")
    elif kicks > MAX_KICKS_PER_IO:
        wrong.append(f"{where}: {kicks:.5f} kicks per I/O while the IOCore was awake, "
                     f"more than {MAX_KICKS_PER_IO}")
    if other and fewest_exits(run) >= fewest_exits(other):
        wrong.append(f"{where}: {fewest_exits(run):.3f} exits per I/O, not fewer than "
                     f"the {fewest_exits(other):.3f} of {label(other['name'])}")
    return wrong


def check_direct(run):
    """Complaints about a run with direct notification, wherever it was measured."""
    where = f"{run['workload']} on {run['backend']}: {label(run['name'])}"
    wrong = []
    kicks = sum(entry["kicks"] for entry in run["rounds"] if not entry["sleeps"])
    if kicks:
        wrong.append(f"{where}: {kicks} kicks while the IOCore was awake")
    if not run["notified"]["direct"]:
        wrong.append(f"{where}: no notification was direct")
    return wrong


def check_direct_exits(run, ios):
    """The claim itself, by at least so many I/Os."""
    where = f"{run['workload']} on {run['backend']}: {label(run['name'])}"
    most = max(entry["ios"] for entry in run["rounds"])
    if most < ios:
        return [f"{where}: no window of {ios} I/Os, the longest has {most}"]
    above = run["exits"]["per_io_above_baseline"]
    if above is None:
        return [f"{where}: there is no baseline"]
    if above > MAX_DIRECT_EXITS_PER_IO:
        return [f"{where}: {above:.4f} exits per I/O above the guest's {run['exits']['baseline']} "
                f"rate, more than {MAX_DIRECT_EXITS_PER_IO}"]
    return []


def check_dmesg(run_dir):
    """The kernels of L1 and of the guest have nothing to complain about."""
    # The console has the last words of a guest that died.
    for name in ("l1-dmesg.log", "l2-dmesg.log", "l2-console.log"):
        path = run_dir / name
        if not path.exists():
            yield f"{name} is missing"
            continue
        for line in path.read_text(errors="replace").splitlines():
            if TROUBLE.search(line):
                yield f"{name}: {line.strip()}"
                break


def rounds_wanted(result, device, backend, workload):
    """One in any case: a benchmark that was cut off has not shown anything."""
    once = device == "bare" or workload == ONCE
    return 1 if once else max(result["environment"]["rounds"][backend], 1)


def rounds_missing(result, group):
    for device in result["environment"]["devices"].split():
        run = find(result["runs"], device, *group)
        wanted = rounds_wanted(result, device, *group)
        have = [entry for entry in run["rounds"] if entry["round"]] if run else []
        if len(have) < wanted:
            yield f"{group[1]} on {group[0]}: {label(device)} was not measured {wanted} times"


def check_group(result, group):
    virtio, inject, direct = (find(result["runs"], device, *group)
                              for device in ("virtio-blk", "iocore", "iocore-direct"))
    wrong = list(rounds_missing(result, group))
    if inject:
        wrong += check_run(inject, virtio)
    if direct:
        wrong += check_run(direct, inject) + check_direct(direct)
        if group[0] == DIRECT_BACKEND and group[1] in DIRECT_WORKLOADS:
            wrong += check_direct_exits(direct, result["environment"]["claim_ios"])
    return wrong


def check(result):
    """The claims: what is not so, a line each."""
    wrong = []
    if result["verify"] == "failed":
        wrong.append("verify: data or filesystem check failed: see verify.log")
    if len(groups(result)) != 10:
        wrong.append(f"only {len(groups(result))} of 10 workloads were measured")
    for group in groups(result):
        wrong += check_group(result, group)
    return wrong
