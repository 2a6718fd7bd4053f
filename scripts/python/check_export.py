#!/usr/bin/env python3
"""Check exported face crops with InsightFace's own detector.

usage: check_export.py PACK DIR

Every faces/*.png under DIR must be 512 x 512, 8-bit RGB, and hold exactly one face at detector sizes 640 and 320:
face swappers average every face they find in every crop, so a second face poisons a set and a crop without one is
skipped silently. Prints a table; exit code 1 when a crop fails or there is none.
"""

import struct
import sys
from pathlib import Path

import reference

SIDE = 512
DETECTOR_SIZES = (640, 320)
PNG_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
PNG_RGB = 2


def png_layout(path):
    """(width, height, bits, colour type) out of a PNG's header, or None when it is no PNG."""
    with open(path, "rb") as opened:
        head = opened.read(26)
    if len(head) < 26 or not head.startswith(PNG_START):
        return None
    return struct.unpack(">IIBB", head[16:26])


def count_faces(app, image):
    """How many faces the detector finds at each size."""
    found = []
    for size in DETECTOR_SIZES:
        boxes, _ = app.det_model.detect(image, input_size=(size, size), max_num=0, metric="default")
        found.append(len(boxes))
    return found


def check(app, path):
    """(counts, complaint): the complaint is empty when the crop is as it should be."""
    layout = png_layout(path)
    if layout is None:
        return ["-"] * len(DETECTOR_SIZES), "not a PNG"
    counts = count_faces(app, reference.read(path))
    if layout != (SIDE, SIDE, 8, PNG_RGB):
        return counts, "is {}x{}, {} bits, colour type {}".format(*layout)
    if any(count != 1 for count in counts):
        return counts, "not exactly one face"
    return counts, ""


def main(pack, folder):
    """Check all crops and print the table; returns the exit code."""
    crops = sorted(folder.rglob("faces/*.png"))
    if not crops:
        print(f"no faces/*.png under {folder}")
        return 1
    app = reference.load(pack, modules=["detection"])
    width = max(len(str(path.relative_to(folder))) for path in crops)
    print(f"{'crop':{width}}  faces at 640  at 320  verdict")
    failures = 0
    for path in crops:
        counts, complaint = check(app, path)
        failures += bool(complaint)
        print(f"{str(path.relative_to(folder)):{width}}  {counts[0]:>12}  {counts[1]:>6}  {complaint or 'ok'}")
    print(f"{len(crops)} crops, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*(Path(argument) for argument in sys.argv[1:])))
