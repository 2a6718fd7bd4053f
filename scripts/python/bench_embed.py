#!/usr/bin/env python3
"""Time `facesets embed` side by side with InsightFace's Python library, on the same photos and models.

Each run is a whole process tree, from start to exit, model loading included. So that start-up can be told apart, each
side also runs over a single photo: steady images/s = (photos - 1) / (time for all - time for one). The sides take
turns. Memory is the highest sum of resident memory over the tree's processes, looked at every 50 ms; pages shared
between two of them count twice.
"""

import argparse
import json
import os
import shutil
import statistics
import struct
import sys
import tempfile
import zlib
from pathlib import Path

from process_tree import measure

PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
JPEG_SUFFIXES = {".jpg", ".jpeg"}


# --- photos --------------------------------------------------------------------------------------------------------


def marked(data, suffix, mark):
    """The same picture as another file: a mark after a JPEG's end, or in a text chunk of a PNG."""
    if suffix in JPEG_SUFFIXES:
        return data + mark
    body = b"tEXt" + b"Comment\x00" + mark
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    end = data.rfind(PNG_END)
    if end < 0:
        raise SystemExit("bench_embed: a PNG without its end")
    return data[:end] + chunk + data[end:]


def copy_photos(source, folder, copies):
    """Fill `folder` with `copies` of each photo, no two files the same, so that neither side can skip one."""
    paths = sorted(p for p in source.rglob("*") if p.suffix.lower() in JPEG_SUFFIXES | {".png"})
    if not paths:
        raise SystemExit(f"bench_embed: no photos under {source}")
    count = 0
    for copy in range(copies):
        for path in paths:
            suffix = path.suffix.lower()
            data = marked(path.read_bytes(), suffix, f"facesets benchmark {count}".encode())
            (folder / f"{count:05}{suffix}").write_bytes(data)
            count += 1
    return count


def one_photo(folder, target):
    """A folder with the first photo alone, for the start-up time."""
    first = min(folder.iterdir())
    shutil.copyfile(first, target / first.name)


# --- running ------------------------------------------------------------------------------------------------------


class Side:
    """One of the two contestants and what was measured of it."""

    def __init__(self, name, command_for):
        self.name = name
        self.command_for = command_for  # (photos, scratch folder) -> command
        self.whole, self.steady, self.startup, self.memory = [], [], [], []

    def run(self, photos, single, count):
        """One run over a single photo and one over all."""
        with tempfile.TemporaryDirectory(prefix="facesets-bench-run.") as scratch:
            scratch = Path(scratch)
            (scratch / "one").mkdir()
            (scratch / "all").mkdir()
            short, _ = measure(self.command_for(single, scratch / "one"), scratch / "log")
            seconds, peak = measure(self.command_for(photos, scratch / "all"), scratch / "log")
        self.startup.append(short)
        self.whole.append(count / seconds)
        if count > 1 and seconds > short:
            self.steady.append((count - 1) / (seconds - short))
        self.memory.append(peak / 1e6)


def compete(sides, photos, single, count, runs):
    """Alternate the sides, swapping who goes first, and say how it goes."""
    for run in range(runs):
        for side in sides if run % 2 == 0 else reversed(sides):
            side.run(photos, single, count)
            print(f"  run {run + 1}: {side.name}: {side.whole[-1]:.2f} images/s", file=sys.stderr, flush=True)


# --- the report ----------------------------------------------------------------------------------------------------


def spread(values):
    """min / median / max."""
    if not values:
        return "-"
    return f"{min(values):.2f} / {statistics.median(values):.2f} / {max(values):.2f}"


def report(sides, count, runs):
    """The table, and the ratio of the medians."""
    print(f"{count} photos, {runs} runs each, {os.cpu_count()} cores; min / median / max")
    for side in sides:
        print(f"\n{side.name}")
        print(f"  images/s, whole process   {spread(side.whole)}")
        print(f"  images/s, steady          {spread(side.steady)}")
        print(f"  one photo, seconds        {spread(side.startup)}")
        print(f"  peak memory, MB           {spread(side.memory)}")
    ours, theirs = sides[1], sides[0]
    print(f"\nfacesets / InsightFace: {ratio(ours.whole, theirs.whole)} whole, {ratio(ours.steady, theirs.steady)} steady")


def ratio(ours, theirs):
    """How many times as fast, by the medians."""
    if not ours or not theirs:
        return "-"
    return f"{statistics.median(ours) / statistics.median(theirs):.2f}x"


def as_json(sides, count):
    """The raw measurements."""
    keys = ("whole", "steady", "startup", "memory")
    return {"photos": count, "cores": os.cpu_count(), **{s.name: {k: getattr(s, k) for k in keys} for s in sides}}


def contestants(options):
    """InsightFace first, facesets second."""
    helper = str(Path(__file__).with_name("reference_embed.py"))
    reference = [sys.executable, helper, str(options.pack)]
    ours = str(options.facesets)
    return [
        Side("InsightFace", lambda photos, scratch: [*reference, str(photos)]),
        Side("facesets", lambda photos, scratch: [ours, "embed", str(photos), "--library", str(scratch)]),
    ]


def main():
    """Read the options, prepare the photos, run and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--copies", type=int, default=1, help="distinct files of each photo (default 1)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each side (default 3)")
    parser.add_argument("--json", type=Path, help="also write the raw measurements to this file")
    parser.add_argument("--pack", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--facesets", type=Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="facesets-bench.") as work:
        photos, single = Path(work, "photos"), Path(work, "single")
        photos.mkdir()
        single.mkdir()
        count = copy_photos(options.photos, photos, options.copies)
        one_photo(photos, single)
        sides = contestants(options)
        compete(sides, photos, single, count, options.runs)
    report(sides, count, options.runs)
    if options.json:
        options.json.write_text(json.dumps(as_json(sides, count), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
