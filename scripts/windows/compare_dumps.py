#!/usr/bin/env python3
"""Compare two libraries, made from the same photos by two workers, through their `facesets store dump`s.

usage: compare_dumps.py EXPECTED ACTUAL

Files, contents and outcomes must be the same, and the same faces must have been found; their boxes may differ by
0.01 px and their embeddings by a cosine of 0.9999. Prints the largest differences; exit code 1 if something differs.
"""

import json
import sys
from pathlib import Path

import numpy as np

MAX_BOX_DIFFERENCE = 0.01
MIN_COSINE = 0.9999
MAX_LISTED = 10


def read_dump(path):
    """Return the faces by (photo, task, contract, number), and all other lines but the digest of the whole."""
    faces, others = {}, []
    for text in path.read_text().splitlines():
        line = json.loads(text)
        if "face" in line:
            faces[line["face"], line["task"], line["contract"], line["number"]] = line
        elif "digest" not in line:
            others.append(text)
    return faces, others


def numbers(face, name):
    """Decode an array: the hexadecimal digits of little-endian 32-bit numbers."""
    return np.frombuffer(bytes.fromhex(face[name]), "<f4").astype(np.float64)


def largest_difference(pairs, name):
    return max(float(np.abs(numbers(one, name) - numbers(other, name)).max(initial=0)) for one, other in pairs)


def cosine(one, other):
    a, b = numbers(one, "embedding"), numbers(other, "embedding")
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def list_missing(expected, actual):
    """Say what only one of two collections has; return how many."""
    missing = [("missing", each) for each in expected if each not in actual]
    missing += [("unexpected", each) for each in actual if each not in expected]
    for what, each in missing[:MAX_LISTED]:
        print(f"{what}: {each}")
    if len(missing) > MAX_LISTED:
        print(f"… and {len(missing) - MAX_LISTED} more")
    return len(missing)


def main(expected_path, actual_path):
    expected, expected_lines = read_dump(expected_path)
    actual, actual_lines = read_dump(actual_path)
    failed = list_missing(expected_lines, actual_lines) + list_missing(expected, actual) > 0
    pairs = [(face, actual[key]) for key, face in expected.items() if key in actual]
    if not pairs:
        sys.exit("no face is in both: nothing was compared")
    box = largest_difference(pairs, "bbox")
    lowest = min(cosine(*pair) for pair in pairs)
    print(f"faces compared: {len(pairs)}, in {len({face['face'] for face in expected.values()})} photos")
    print(f"lowest cosine: {lowest:.9f} (at least {MIN_COSINE})")
    print(f"largest difference of a box: {box:.6f} px (at most {MAX_BOX_DIFFERENCE})")
    for name in ("det_score", "norm", "blur", "keypoints", "landmarks_106", "landmarks_68"):
        print(f"largest difference of {name}: {largest_difference(pairs, name):.6f}")
    # Written so that NaN fails.
    failed |= not (box <= MAX_BOX_DIFFERENCE and lowest >= MIN_COSINE)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
