#!/usr/bin/env python3
"""Time `facesets embed` with three unequal workers, one of which is killed; see scripts/bench-workers.

The ideal: photos flow at the sum of the workers' rates until one is killed, then at the sum of the others'. A worker's rate is
what its delay allows: lanes / delay. The time is that of the whole command: start, scan, digests, workers, commits.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

LANES = 2
FAST, SLOW = 0.020, 0.200
KILLED_AFTER = 0.25
"""Share of the photos after which the worker is killed."""


class Worker:
    def __init__(self, program: Path, script: str):
        environment = dict(os.environ, FAKE_WORKER=script)
        self.process = subprocess.Popen([program, "serve"], stdout=subprocess.PIPE, env=environment)
        self.address = json.loads(self.process.stdout.readline())["address"]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def round_of(arguments: argparse.Namespace, folder: Path) -> dict:
    photos = folder / "photos"
    photos.mkdir()
    for number in range(arguments.photos):
        (photos / f"{number:05}.jpg").write_bytes(f"photo {number:05}".encode())
    journal = folder / "journal"
    fake = arguments.bin / "facesets-fake-worker"
    dying = Worker(fake, f"delay={FAST * 1000:.0f} journal={journal}")
    # The photo fails once, on whichever lane gets it; it begins with these words, which have no blanks in FAKE_WORKER.
    erring = Worker(fake, f"delay={FAST * 1000:.0f} error=photo journal={folder / 'erring'}")
    slow = Worker(fake, f"delay={SLOW * 1000:.0f} journal={folder / 'slow'}")
    workers = [dying, erring, slow]
    try:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FACESETS_")}
        environment["FACESETS_LIBRARY"] = str(folder / "library")
        command = [arguments.bin / "facesets", "embed", "--json", photos]
        for worker in workers:
            command += ["--worker", worker.address]
        began = time.monotonic()
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        share = KILLED_AFTER * arguments.photos * (1 / FAST) / (2 / FAST + 1 / SLOW)
        while not journal.exists() or journal.read_bytes().count(b"\n") < share:
            if process.poll() is not None:
                raise SystemExit("it ended before the kill")
            time.sleep(0.005)
        dying.kill()
        killed = time.monotonic() - began
        out, err = process.communicate()
        seconds = time.monotonic() - began
        said = json.loads(out)
        if process.returncode != 0 or said["analysed"] != arguments.photos:
            raise SystemExit(f"exit code {process.returncode}: {out.decode()}\n{err.decode()}")
    finally:
        for worker in workers:
            worker.kill()
    all_rates = LANES * (2 / FAST + 1 / SLOW)
    left_rates = LANES * (1 / FAST + 1 / SLOW)
    ideal = killed + (arguments.photos - all_rates * killed) / left_rates
    slow_share = (folder / "slow").read_bytes().count(b"\n")
    return {"seconds": seconds, "ideal": ideal, "ratio": seconds / ideal, "killed_at": killed,
            "sent": said["sent"], "slow_share": slow_share}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rounds = []
    for number in range(1, arguments.rounds + 1):
        with tempfile.TemporaryDirectory() as folder:
            rounds.append(round_of(arguments, Path(folder)))
        print("round {}: {seconds:.2f} s, ideal {ideal:.2f} s, ratio {ratio:.2f}; killed at {killed_at:.2f} s, "
              "{sent} sent, {slow_share} by the slow one".format(number, **rounds[-1]))
    ratios = [each["ratio"] for each in rounds]
    print(f"total time / ideal: median {statistics.median(ratios):.2f}, worst {max(ratios):.2f}, wanted at most 1.30")
    if arguments.json:
        arguments.json.write_text(json.dumps(rounds, indent=2) + "\n")


if __name__ == "__main__":
    main()
