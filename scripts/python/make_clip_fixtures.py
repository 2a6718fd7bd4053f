"""Write what Pillow makes of generated pictures when open_clip prepares them for CLIP, for the worker's tests.

usage: make_clip_fixtures.py OUT.json

Per picture its size, the sha256 of the 224 x 224 x 3 levels, and the middle row of them in hexadecimal. The pictures come
from the formula in `picture`, which the test repeats (gpu-worker/src/vision/clip_tests.rs). Sizes and offsets are
torchvision's: `Resize(224)` truncates the longer side, `CenterCrop(224)` rounds half to even. Needs Pillow and numpy of
.setup/venv; checked once against open_clip's own transform.
"""

import hashlib
import json
import sys

import numpy as np
from PIL import Image

SIDE = 224
ROWS = (111,)
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], dtype=np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], dtype=np.float32)

# As it is, down, up, odd remainders in both directions, lines, single pixels.
SIZES = [
    (224, 224), (225, 223), (640, 427), (427, 640), (1003, 331), (331, 1003), (100, 37), (37, 100), (449, 448),
    (223, 500), (1501, 41), (41, 1501), (3000, 2), (2, 3000), (3, 1), (1, 1),
]


def picture(width, height):
    """Noise, gradients and hard edges from integers alone, as height x width x 3 levels."""
    y, x, c = np.meshgrid(*(np.arange(n, dtype=np.uint64) for n in (height, width, 3)), indexing="ij")
    word = (x * 0x9E3779B1 ^ y * 0x85EBCA6B ^ (c + 1) * 0xC2B2AE35) & 0xFFFFFFFF
    word ^= word >> 15
    word = word * 0x2C1B3C6D & 0xFFFFFFFF
    word ^= word >> 12
    kind = (x // 24 + y // 24) % 3
    edges = (x // 6 + y // 10) % 2 * 255
    return np.choose(kind.astype(np.intp), [word & 255, (x * 3 + y * 5 + c * 40) & 255, edges]).astype(np.uint8)


def prepare(image):
    """The middle SIDE x SIDE pixels of a Pillow image, its shortest side resized to SIDE."""
    width, height = image.size
    short, long = min(width, height), max(width, height)
    new_long = int(SIDE * long / short)
    size = (SIDE, new_long) if width <= height else (new_long, SIDE)
    image = image.resize(size, Image.Resampling.BICUBIC)
    left, top = (int(round((n - SIDE) / 2.0)) for n in size)
    return np.asarray(image.crop((left, top, left + SIDE, top + SIDE)))


def case(size):
    crop = prepare(Image.fromarray(picture(*size)))
    return {
        "width": size[0],
        "height": size[1],
        "sha256": hashlib.sha256(crop.tobytes()).hexdigest(),
        "rows": {str(row): crop[row].tobytes().hex() for row in ROWS},
    }


def main():
    levels = np.arange(256, dtype=np.float32)[:, None]
    inputs = (levels / np.float32(255) - MEAN) / STD
    out = {
        "inputs": {str(level): [float(value) for value in inputs[level]] for level in (0, 1, 127, 255)},
        "cases": [case(size) for size in SIZES],
    }
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(out, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
