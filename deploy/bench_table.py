#!/usr/bin/env python3
"""Reads the results of the outside harness (bench.py, one JSON object a line)
from standard input and prints what was asked beside what was measured: the
medians of the clean runs, the generator's own ceiling, fsyncs per message,
and what a row cannot get past. It prints and does not judge."""
import json
import os
import statistics
import sys

# profile, ours, beside whom, rate end to end (times theirs), CPU per message (share of theirs)
ROWS = [
    ("s20-5k", "gatepost", "postfix", 6, 1 / 6),
    ("s20-100k", "gatepost", "postfix", 3, 1 / 3),
    ("s1-5k", "gatepost", "postfix", 1.5, None),
    ("s20-mime", "gatepost-policy", "postfix+rspamd", 6, None),
    ("s20-5k", "gatepost-secured", "postfix+milter-replace", 2.5, None),
]
NOISE = 0.12  # share of CPU of other work above which a run counts only where there is no other
CORES = os.cpu_count() or 1

rows = [json.loads(line) for line in sys.stdin if line.strip()]


def median(key, **want):
    """Median over the clean runs, and the number of those runs."""
    runs = [r for r in rows if all(r.get(k) == v for k, v in want.items()) and r.get(key) and not r.get("error")]
    clean = [r for r in runs if r.get("foreign", 0) <= NOISE]
    values = [r[key] for r in clean or runs]
    return (statistics.median(values) if values else 0), len(clean), len(runs)


def bound(profile, ours):
    """What the row cannot get past."""
    rate = median("e2e_per_s", kind="smtp", profile=profile, target=ours)[0]
    cpu = median("cpu_ms_per_msg", kind="smtp", profile=profile, target=ours)[0]
    load = median("load_cpu_ms_per_msg", kind="smtp", profile=profile, target=ours)[0]
    mine, all_of_it = rate * cpu / 1e3 / CORES, rate * (cpu + load) / 1e3 / CORES
    if all_of_it > 0.75:
        return f"CPU: {mine:.0%} of {CORES} cores, with generator and sink {all_of_it:.0%}"
    return f"waiting for commits and for the peers in turn: CPU {mine:.0%} of {CORES} cores, with generator and sink {all_of_it:.0%}"


def of(x, y):
    return f"{x / y:.2f}" if x and y else "-"


def relays():
    lines = []
    for profile, ours, peer, aim, share in ROWS:
        rate, clean, runs = median("e2e_per_s", kind="smtp", profile=profile, target=ours)
        theirs = median("e2e_per_s", kind="smtp", profile=profile, target=peer)[0]
        cpu = median("cpu_ms_per_msg", kind="smtp", profile=profile, target=ours)[0]
        their_cpu = median("cpu_ms_per_msg", kind="smtp", profile=profile, target=peer)[0]
        ceiling = median("e2e_per_s", kind="smtp", profile=profile, target="direct")[0]
        if not rate:
            continue
        wanted = f"{share:.2f}" if share else "-"
        lines.append(f"| {profile} | {ours} | {rate:,.0f} | {peer} {theirs:,.0f} | {of(rate, theirs)} ({aim}) | {cpu:.3f} | {of(cpu, their_cpu)} ({wanted}) | {ceiling:,.0f} | {bound(profile, ours)} | {clean}/{runs} |")
    if lines:
        print("\n| profile | target | end to end/s | beside | times (aim) | CPU ms/message | share of theirs (aim) | generator alone/s | bounded by | clean/runs |")
        print("|---|---|---|---|---|---|---|---|---|---|")
        print("\n".join(lines))


def syncs():
    for r in rows:
        if r["kind"] == "fsync":
            print(f"{r['target']}: {r['sync_per_msg']:.2f} calls of the fsync family per message, 5 sessions, 5 kB, under strace")


def idle():
    for r in rows:
        if r["kind"] == "idle":
            print(f"{r['target']}: {r['mib_per_1000']:.1f} MiB for 1,000 idle {r['proto'].upper()} connections (aim 27), {r['open']} open, {r['failed']} failed")


relays()
print()
syncs()
idle()
