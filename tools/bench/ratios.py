# SPDX-License-Identifier: GPL-2.0-only
"""
Ratios of speed between devices. Runs of the same round, which took turns, make a
ratio of their own; what is told is the median of the rounds with their spread.
"""

import claims

PAIRS = ("iocore-direct", "iocore"), ("iocore", "virtio-blk")


def median(values):
    values = sorted(values)
    half = len(values) // 2
    if len(values) % 2:
        return values[half]
    return (values[half - 1] + values[half]) / 2


def spread(values):
    return {"min": min(values), "median": median(values), "max": max(values)}


def by_round(run):
    """IOPS of each round; the claims' long window, round 0, has no partner."""
    return {entry["round"]: entry["iops"] for entry in run["rounds"] if entry["round"]} if run else {}


def of_pair(first, second):
    """first/second round by round; None if they share no round."""
    above, below = by_round(first), by_round(second)
    values = [above[n] / below[n] for n in sorted(above) if below.get(n)]
    return spread(values) | {"rounds": values} if values else None


def of_group(result, group):
    ratios = {"backend": group[0], "workload": group[1]}
    for first, second in PAIRS:
        runs = [claims.find(result["runs"], device, *group) for device in (first, second)]
        ratio = of_pair(*runs)
        if ratio:
            ratios[f"{claims.label(first)}/{claims.label(second)}"] = ratio
    return ratios


def of_all(result):
    """Of every workload that is measured in every round."""
    return [of_group(result, group) for group in claims.groups(result) if group[1] != claims.ONCE]


def verdict(ratio):
    if ratio["min"] > 1:
        return "faster in every round"
    if ratio["max"] < 1:
        return "slower in every round"
    return "faster by the median" if ratio["median"] > 1 else "not faster by the median"


def order(ratios):
    """Whether direct > inject > virtio, in words."""
    parts = [ratio for ratio in ratios.values() if isinstance(ratio, dict)]
    if len(parts) < len(PAIRS):
        return ""
    if all(ratio["min"] > 1 for ratio in parts):
        return "direct > inject > virtio: in every round"
    if all(ratio["median"] > 1 for ratio in parts):
        return "direct > inject > virtio: by the medians"
    return "direct > inject > virtio: no"


def lines(result):
    """The ratios as text."""
    out = []
    for ratios in result["ratios"]:
        out.append(f"  {ratios['workload']} on {ratios['backend']}".ljust(32) + order(ratios))
        for name, ratio in ratios.items():
            if isinstance(ratio, dict):
                out.append(f"    {name:<28}{ratio['median']:6.2f}  ({ratio['min']:.2f} to "
                           f"{ratio['max']:.2f} in {len(ratio['rounds'])} rounds, {verdict(ratio)})")
    return out
