# SPDX-License-Identifier: GPL-2.0-only
"""
What a guest costs without I/O, and what of a run's exits is above that.

A baseline is a rate of exits of the same guest in the same boot, with the same
notifier, either idle or busy. Of the two, a run is judged by the one whose share of
idle time is nearer to its own; there is nothing in between.
"""

import raw as rawdata

KINDS = "idle", "busy"
# A guest that is idle for less than this share of its time is a busy one.
IDLE_SHARE = 0.5


def pool_guest(windows):
    """The guest's timer interrupts a second, and the exits a second beside them."""
    known = [window for window in windows if window["guest"]]
    if not known:
        return None
    count = len(known)
    return {"idle": sum(window["guest"]["idle"] for window in known) / count,
            "exits_per_s": sum(w["exits"]["total"] / w["seconds"] for w in known) / count,
            "timer_interrupts_per_s": sum(w["guest"]["timer_interrupts_per_s"]
                                          for w in known) / count}


def pool(windows):
    """One baseline of several windows."""
    seconds = sum(window["seconds"] for window in windows)
    by_reason = {}
    for window in windows:
        for reason, count in window["exits"]["by_reason"].items():
            by_reason[reason] = by_reason.get(reason, 0) + count
    total = sum(by_reason.values())
    return {"seconds": seconds, "exits": {"total": total, "by_reason": by_reason},
            "exits_per_s": total / seconds,
            "each_exits_per_s": [w["exits"]["total"] / w["seconds"] for w in windows],
            "guest": pool_guest(windows)}


def read_one(raw, notifier, kind, vendor):
    windows = []
    for path in sorted(raw.glob(f"baseline-{notifier}-{kind}-*.after")):
        base = path.with_suffix("")
        window = rawdata.read_window(base, vendor)
        window["guest"] = rawdata.read_guest(base.with_name(base.name + ".log"))
        windows.append(window)
    return pool(windows) if windows else None


def read_all(raw, vendor):
    """{notifier: {"idle": ..., "busy": ...}}, of the notifiers measured."""
    found = {}
    for notifier in ("inject", "direct"):
        kinds = {kind: read_one(raw, notifier, kind, vendor) for kind in KINDS}
        if all(kinds.values()):
            found[notifier] = kinds
    return found


def guest_idle(rounds):
    """The share of its time for which the guest's CPU was idle; None if not known."""
    known = [entry["guest"] for entry in rounds if entry["guest"]]
    seconds = sum(guest["seconds"] for guest in known)
    return sum(guest["idle"] * guest["seconds"] for guest in known) / seconds if seconds else None


def fitting(idle_share):
    """The kind of baseline for a guest so idle. Where that is not known: the lower one."""
    return "busy" if idle_share is not None and idle_share < IDLE_SHARE else "idle"


def above(exits, seconds, ios, rate):
    """Exits per I/O that are more than a baseline's rate explains; may be negative."""
    return (exits - rate * seconds) / ios if ios else None


def timer_ratio(rounds, busy):
    """The guest's timer interrupts a second in a run, as a share of the busy baseline's."""
    known = [entry["guest"] for entry in rounds if entry["guest"]]
    seconds = sum(guest["seconds"] for guest in known)
    if not seconds or not busy["guest"] or not busy["guest"]["timer_interrupts_per_s"]:
        return None
    ticks = sum(guest["timer_interrupts_per_s"] * guest["seconds"] for guest in known)
    return ticks / seconds / busy["guest"]["timer_interrupts_per_s"]


def above_timer(rounds, busy):
    """
    Exits per I/O that the guest's own timer interrupts do not explain, at so many
    exits for each as the busy baseline has. None where the guest told nothing.
    """
    guest, ios = busy["guest"], sum(entry["ios"] for entry in rounds)
    if not guest or not guest["timer_interrupts_per_s"] or not ios:
        return None
    if not all(entry["guest"] for entry in rounds):
        return None
    each = guest["exits_per_s"] / guest["timer_interrupts_per_s"]
    ticks = sum(entry["guest"]["timer_interrupts_per_s"] * entry["seconds"] for entry in rounds)
    return (sum(entry["exits"]["total"] for entry in rounds) - each * ticks) / ios


def compare(rounds, baselines):
    """The figures above the baselines, of all rounds together."""
    if not baselines:
        return {"per_io_above_baseline": None, "baseline": None}
    exits = sum(entry["exits"]["total"] for entry in rounds)
    seconds = sum(entry["seconds"] for entry in rounds)
    ios = sum(entry["ios"] for entry in rounds)
    figures = {f"above_{kind}": above(exits, seconds, ios, baselines[kind]["exits_per_s"])
               for kind in KINDS}
    kind = fitting(guest_idle(rounds))
    return figures | {"above_timer": above_timer(rounds, baselines["busy"]),
                      "timer_ratio": timer_ratio(rounds, baselines["busy"]),
                      "per_io_above_baseline": figures[f"above_{kind}"], "baseline": kind}
