#!/usr/bin/env python3
"""Measure `facesets embed` on very many tiny images; see scripts/bench-embed-many."""

import argparse
import json
import os
import re
import struct
import subprocess
import tempfile
import time
import zlib
from pathlib import Path

SIDE = 16
FILES_A_FOLDER = 1000
WANTED_MIB = 200 * 1e6 / 2**20


def png(number: int) -> bytes:
    """A grey PNG whose first pixels are the number."""
    rows = bytearray(SIDE * (SIDE + 1))
    rows[1:9] = struct.pack("<Q", number)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(rows))) + chunk(b"IEND", b"")


def make(folder: Path, count: int) -> None:
    for number in range(count):
        if number % FILES_A_FOLDER == 0:
            (folder / f"{number // FILES_A_FOLDER:04}").mkdir(parents=True)
        (folder / f"{number // FILES_A_FOLDER:04}" / f"IMG_{number:07}.png").write_bytes(png(number))


class Run:
    """A command run to its end, with what the kernel counted for it alone."""

    def __init__(self, command: list, environment: dict, log: Path):
        began = time.monotonic()
        with tempfile.TemporaryFile() as out, open(log, "wb") as err:
            process = subprocess.Popen(command, env=environment, stdout=out, stderr=err)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            self.out = out.read().decode()
        self.seconds = time.monotonic() - began
        if process.returncode != 0:
            raise SystemExit(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{log.read_text()}")
        self.peak_mib = usage.ru_maxrss / 1024
        self.user, self.system = usage.ru_utime, usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=Path, required=True)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        make(folder / "photos", arguments.images)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FACESETS_")}
        environment["FACESETS_LIBRARY"] = str(folder / "library")
        worker = subprocess.Popen([arguments.bin / "facesets-fake-worker", "serve"], stdout=subprocess.PIPE)
        try:
            address = json.loads(worker.stdout.readline())["address"]
            embed = [arguments.bin / "facesets", "embed", "--json", "-v", folder / "photos", "--worker", address]
            results = {"images": arguments.images}
            for name in ("first", "again"):
                run = Run(embed, environment, folder / "log")
                said = json.loads(run.out)
                stages = dict(re.findall(r"^(scan|hash|analyse): \d+(?:/\d+)?, ([\d.]+)/s", (folder / "log").read_text(), re.M))
                results[name] = {
                    "peak_mib": run.peak_mib, "seconds": run.seconds, "user": run.user, "system": run.system,
                    "analysed": said["analysed"], "stages_per_second": stages,
                }
                print(f"{name} run: {said['analysed']} analysed in {run.seconds:.1f} s; peak memory {run.peak_mib:.0f} MiB; "
                      f"processor {run.user:.1f} s user, {run.system:.1f} s system; stages (items/s): {stages}")
            ticks = Path(f"/proc/{worker.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
            user, system = (int(count) / os.sysconf("SC_CLK_TCK") for count in ticks)
            print(f"worker's share: {user:.1f} s user, {system:.1f} s system")
        finally:
            worker.kill()
            worker.wait()
        assert results["first"]["analysed"] == arguments.images, results
    peak = results["first"]["peak_mib"]
    print(f"peak memory {peak:.0f} MiB, wanted at most {WANTED_MIB:.0f} (200 MB)")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
