#!/usr/bin/env python3
"""The crops and bundles of `facesets export-swap` as one would make them with Pillow or OpenCV, on every core.

usage: reference_export.py pillow|opencv LIST.json OUT

The list is that of bench_export.py. Every photo is decoded once for all of its crops: the square of twice the long side of
the box about its centre, black outside the photo, resized to 512 x 512 with a filter that antialiases (Lanczos, or in
OpenCV the mean of the area, as its Lanczos does not), written as PNG with the library's own defaults. Sets are bundled as
uncompressed zip files: the first 30 crops, and all. Nothing is ranked, hashed or written down: this is the least work.
"""

import json
import multiprocessing
import os
import sys
import zipfile
from pathlib import Path

SIDE = 512
TOP = 30


def square(box):
    """(left, top, side) of the crop of a box, in pixels."""
    x1, y1, x2, y2 = box
    side = round(2 * max(x2 - x1, y2 - y1))
    return round((x1 + x2 - side) / 2), round((y1 + y2 - side) / 2), side


def with_pillow(path, boxes):
    """(function that writes a crop to a path) for every box."""
    from PIL import Image

    photo = Image.open(path).convert("RGB")
    for box in boxes:
        left, top, side = square(box)
        crop = photo.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        yield crop.save


def with_opencv(path, boxes):
    """The same."""
    import cv2

    cv2.setNumThreads(1)
    photo = cv2.imread(path, cv2.IMREAD_COLOR)
    height, width = photo.shape[:2]
    for box in boxes:
        left, top, side = square(box)
        right, bottom = left + side, top + side
        inside = photo[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
        edges = (max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0))
        crop = cv2.copyMakeBorder(inside, *edges, cv2.BORDER_CONSTANT)
        crop = cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        yield lambda target, crop=crop: cv2.imwrite(str(target), crop)


def export(work):
    """All crops of one photo."""
    library, path, boxes, targets = work
    crops = {"pillow": with_pillow, "opencv": with_opencv}[library](path, boxes)
    for write, target in zip(crops, targets):
        write(target)


def bundle(folder):
    """The two zip files of a set."""
    crops = sorted((folder / "faces").iterdir())
    for name, members in (("top", crops[:TOP]), ("all", crops)):
        with zipfile.ZipFile(folder / f"{name}.fsz", "w", zipfile.ZIP_STORED) as bundled:
            for crop in members:
                bundled.write(crop, crop.name)


def main():
    """Photos, then bundles, each on every core."""
    library, listed, out = sys.argv[1], json.loads(Path(sys.argv[2]).read_text()), Path(sys.argv[3])
    folders, works, counts = set(), [], {}
    for number, photo in enumerate(listed):
        targets = []
        for person in range(len(photo["boxes"])):
            folder = out / f"{number // 100:03}-{person}"
            folders.add(folder)
            counts[folder] = counts.get(folder, 0) + 1
            targets.append(folder / "faces" / f"{counts[folder]:04}.png")
        works.append((library, photo["path"], photo["boxes"], targets))
    for folder in folders:
        (folder / "faces").mkdir(parents=True)
    with multiprocessing.Pool(len(os.sched_getaffinity(0))) as pool:
        for _ in pool.imap_unordered(export, works):
            pass
        pool.map(bundle, sorted(folders))


if __name__ == "__main__":
    main()
