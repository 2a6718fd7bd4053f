#!/usr/bin/env python3
"""Steady speed of the worker's pipeline beside InsightFace's Python library and beside the bare ceiling.

For every set of photos the sides take turns: InsightFace as shipped, InsightFace hand-tuned (reference_rate.py says
how), and `facesets-worker bench`, which takes turns within itself between its lanes and the bare ceiling (the same
sessions run back to back, one thread each on every core, plus decoding). Models are loaded and every photo has been
seen once before the clock starts; all decode, detect, recognise and place both sets of landmarks. The medians are
compared.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

# Times as fast as InsightFace as shipped and hand-tuned, and the share of the bare ceiling.
MUSTS = {"photos": (3.0, 1.45, 0.9), "group photo": (2.4, 1.8, 0.9)}


def output_of(command):
    """The line of JSON that a command prints last."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"bench_steady: {' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(photos, options):
    """One turn of every side."""
    helper = str(Path(__file__).with_name("reference_rate.py"))
    reference = [sys.executable, helper, str(options.pack), str(photos), str(options.seconds)]
    ours = [str(options.worker), "bench", str(photos), "--provider", "cpu", "--json", "--runs", "1"]
    ours += ["--seconds", str(options.seconds), "--models", str(options.pack.parent), "--pack", options.pack.name]
    return {
        "shipped": output_of([*reference, "shipped"]),
        "tuned": output_of([*reference, "tuned"]),
        "facesets": output_of(ours),
    }


def median(turns, side, key):
    """Of one figure over all turns."""
    return statistics.median(turn[side][key] for turn in turns)


def report(name, turns):
    """One set of photos."""
    shipped, tuned = (median(turns, side, "per_second") for side in ("shipped", "tuned"))
    ours, ceiling = (median(turns, "facesets", f"{side}_per_second") for side in ("pipeline", "ceiling"))
    of_ceiling = median(turns, "facesets", "of_ceiling")
    by_processor = median(turns, "facesets", "of_ceiling_by_processor_time")
    print(f"\n{name}, photos/s, {len(turns)} turns")
    print(f"  InsightFace as shipped    {shipped:7.2f}")
    print(f"  InsightFace hand-tuned    {tuned:7.2f}")
    print(f"  bare ceiling              {ceiling:7.2f}")
    print(f"  facesets                  {ours:7.2f}")
    musts = MUSTS[name]
    print(f"  / shipped                 {ours / shipped:7.2f}   must be {musts[0]}")
    print(f"  / hand-tuned              {ours / tuned:7.2f}   must be {musts[1]}")
    print(f"  / ceiling                 {of_ceiling:7.3f}   must be {musts[2]}; by processor time {by_processor:.3f}")
    costs = [median(turns, side, "processor_ms_per_photo") for side in ("shipped", "tuned", "facesets")]
    print("  processor ms a photo      shipped {:.1f}, hand-tuned {:.1f}, facesets {:.1f}".format(*costs))


def main():
    """Take turns on every set and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=8, help="of each measurement (default 8)")
    parser.add_argument("--runs", type=int, default=3, help="turns (default 3)")
    parser.add_argument("--json", type=Path, help="also write every measurement to this file")
    parser.add_argument("--photos", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--group", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--pack", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--worker", type=Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    everything = {}
    with tempfile.TemporaryDirectory(prefix="facesets-bench.") as work:
        Path(work, "group.jpg").symlink_to(options.group.resolve())
        sets = {"photos": options.photos, "group photo": Path(work)}
        for name in sets:
            everything[name] = []
        for run in range(options.runs):
            for name, photos in sets.items():
                everything[name].append(measure(photos, options))
                print(f"  turn {run + 1}, {name}", file=sys.stderr, flush=True)
    print(f"{os.cpu_count()} cores; {options.photos} and {options.group.name}")
    for name, turns in everything.items():
        report(name, turns)
    if options.json:
        options.json.write_text(json.dumps(everything, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
