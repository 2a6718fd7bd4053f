#!/usr/bin/env python3
"""Time `facesets embed` on files that have not changed side by side with find; see scripts/bench-scan."""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path

FILES_A_FOLDER = 1000


def make_tree(folder, files):
    for number in range(files):
        place = folder / f"{number // FILES_A_FOLDER:04}"
        if number % FILES_A_FOLDER == 0:
            place.mkdir(parents=True)
        (place / f"IMG_{number:06}.jpg").write_bytes(b"photo %d" % number)


def run(command, environment):
    """Wall seconds, CPU seconds, peak memory in MB and standard output of a process."""
    began = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"exit code {process.returncode}: {command}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--facesets", type=Path, required=True)
    parser.add_argument("--worker", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    folder = options.folder
    if folder.exists():
        raise SystemExit(f"{folder} exists already")
    tree = folder / "photos"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FACESETS_")}
    environment |= {"FACESETS_LIBRARY": str(folder / "library"), "FACESETS_WORKER_BINARY": str(options.worker)}
    facesets = [str(options.facesets), "embed", str(tree), "--json"]
    contenders = {
        "find": ["find", str(tree), "-type", "f", "-printf", "%s %T@\n"],
        "embed --dry-run": [*facesets, "--dry-run"],
        "embed": facesets,
    }
    try:
        make_tree(tree, options.files)
        seconds, _, memory, output = run(facesets, environment)
        summary = json.loads(output)
        assert summary["analysed"] == options.files, summary
        print(f"first embed of {options.files} tiny files: {seconds:.2f} s, {memory:.0f} MB")
        measured = {name: [] for name in contenders}
        for _ in range(options.rounds):
            for name, command in contenders.items():
                *figures, output = run(command, environment)
                if name == "embed":
                    assert json.loads(output)["hashed"] == json.loads(output)["sent"] == 0
                if name == "embed --dry-run":
                    found = json.loads(output)
                    assert found["to_read"] == 0 and found["contracts"][0]["analysed"] == options.files
                measured[name].append(figures)
    finally:
        shutil.rmtree(folder)
    medians = {name: [statistics.median(column) for column in zip(*runs)] for name, runs in measured.items()}
    print(f"{'medians':16} {'wall s':>8} {'x find':>7} {'CPU s':>8} {'x find':>7} {'peak MB':>8}")
    for name, (wall, cpu, memory) in medians.items():
        find_wall, find_cpu, _ = medians["find"]
        print(f"{name:16} {wall:8.3f} {wall / find_wall:7.2f} {cpu:8.3f} {cpu / find_cpu:7.2f} {memory:8.0f}")
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}; CPU of `embed` is with that of the worker it starts")
    if options.json:
        options.json.write_text(json.dumps(measured, indent=1))


if __name__ == "__main__":
    main()
