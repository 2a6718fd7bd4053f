#!/usr/bin/env python3
"""Time `facesets export-swap` side by side with Pillow and OpenCV; see scripts/bench-export.

The photos are made: those of a folder, enlarged to 4000 x 3000 pixels with grain, as JPEG of quality 90; each file has
other bytes, few have other pixels. The faces are where a grid puts them, since nothing looks at them. The sides take turns,
each a whole process tree from start to exit; memory is the highest sum of resident memory over its processes.
"""

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from process_tree import measure

WIDTH, HEIGHT = 4000, 3000
# Columns and rows of the grid in which faces lie; (2 * 400)^2 pixels about each fit a cell.
COLUMNS, ROWS = 4, 3
FACE_WIDTH, FACE_HEIGHT = 300, 400


def pictures(folder, distinct):
    """Encoded JPEGs."""
    sources = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})[:distinct]
    random = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as scratch:
        for source in sources:
            enlarged = Image.open(source).convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
            grain = random.normal(0, 6, (HEIGHT, WIDTH, 1))
            pixels = np.clip(np.asarray(enlarged) + grain, 0, 255).astype(np.uint8)
            path = Path(scratch, "picture.jpg")
            Image.fromarray(pixels).save(path, quality=90)
            yield path.read_bytes()


def marked(jpeg, number):
    """The same picture in other bytes: a comment after the start marker."""
    text = f"facesets bench {number}".encode()
    return jpeg[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + jpeg[2:]


def boxes(faces, random):
    """Boxes of so many faces, each somewhere in a cell of the grid of its own."""
    cell_width, cell_height = WIDTH // COLUMNS, HEIGHT // ROWS
    room = (cell_width - 2 * FACE_HEIGHT) // 2, (cell_height - 2 * FACE_HEIGHT) // 2
    for cell in range(faces):
        left = cell % COLUMNS * cell_width + (cell_width - FACE_WIDTH) / 2 + int(random.integers(-room[0], room[0]))
        top = cell // COLUMNS * cell_height + (cell_height - FACE_HEIGHT) / 2 + int(random.integers(-room[1], room[1]))
        yield [left, top, left + FACE_WIDTH, top + FACE_HEIGHT]


def make(options, folder):
    """Writes the photos; the list of them with their boxes."""
    originals = list(pictures(options.sources, options.distinct))
    random = np.random.default_rng(2)
    listed = []
    for number in range(options.crops // options.faces):
        data = marked(originals[number % len(originals)], number)
        path = folder / f"{number:05}.jpg"
        path.write_bytes(data)
        listed.append(
            {
                "path": str(path),
                "sha256": hashlib.sha256(data).hexdigest(),
                "size": len(data),
                "width": WIDTH,
                "height": HEIGHT,
                "boxes": list(boxes(options.faces, random)),
            }
        )
    return listed


def processor_seconds():
    """Of all processes that were started from here and have ended."""
    times = os.times()
    return times.children_user + times.children_system


def median(runs, key):
    """Of one figure of every turn."""
    return statistics.median(run[key] for run in runs)


def main():
    """Make, take turns, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crops", type=int, default=10_000, help="in all (default 10000)")
    parser.add_argument("--faces", type=int, default=5, help="of each photo (default 5, at most 12)")
    parser.add_argument("--distinct", type=int, default=7, help="pictures with pixels of their own (default 7)")
    parser.add_argument("--runs", type=int, default=1, help="turns (default 1)")
    parser.add_argument("--json", type=Path, help="also write every measurement to this file")
    parser.add_argument("--folder", type=Path, help="where to put photos and crops, made if missing (default: temporary)")
    parser.add_argument("--sources", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--facesets", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--fill", type=Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not 1 <= options.faces <= COLUMNS * ROWS:
        parser.error(f"--faces is from 1 to {COLUMNS * ROWS}")

    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
    measured = {}
    with tempfile.TemporaryDirectory(prefix="facesets-bench.", dir=options.folder) as work:
        work = Path(work)
        (work / "photos").mkdir()
        listed = make(options, work / "photos")
        listing, library, refined = work / "list.json", work / "library", work / "refined"
        listing.write_text(json.dumps(listed), encoding="utf-8")
        subprocess.run([options.fill, library, listing, refined], check=True)
        helper = str(Path(__file__).with_name("reference_export.py"))
        ours = [options.facesets, "--library", library, "export-swap", refined, work / "out", "--no-certificate", "--quiet"]
        sides = {"facesets": ours}
        sides.update({name: [sys.executable, helper, name, listing, work / "out"] for name in ("pillow", "opencv")})
        crops = sum(len(photo["boxes"]) for photo in listed)
        print(f"{len(listed)} photos of 12 MP, {crops} crops, {os.cpu_count()} cores")
        for _ in range(options.runs):
            for name, command in sides.items():
                before = processor_seconds()
                seconds, peak = measure(command, work / "log")
                processor = processor_seconds() - before
                found = list((work / "out").glob("*/faces/*.png"))
                if len(found) != crops:
                    raise SystemExit(f"{name} made {len(found)} crops")
                size = sum(crop.stat().st_size for crop in found)
                shutil.rmtree(work / "out")
                measured.setdefault(name, []).append(
                    {"seconds": seconds, "processor_seconds": processor, "peak": peak, "png_bytes": size / crops}
                )
                print(
                    f"{name:<9}{crops / seconds:>8.1f} crops/s{len(listed) / seconds:>8.2f} photos/s"
                    f"{processor:>8.1f} s of processors"
                    f"{peak / 1e6:>8.0f} MB{size / crops / 1e3:>8.0f} kB a PNG  load {os.getloadavg()[0]:.1f}",
                    flush=True,
                )
    for name in ("pillow", "opencv"):
        times = {key: median(measured[name], key) / median(measured["facesets"], key) for key in ("seconds", "processor_seconds")}
        print(f"facesets / {name}: {times['seconds']:.2f} times as fast, {times['processor_seconds']:.2f} by time of processors")
    if options.json:
        options.json.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
