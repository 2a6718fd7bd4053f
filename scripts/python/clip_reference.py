"""Print, as a JSON list, what the stand-in for CLIP must give for each photo: Pillow prepares it, numpy does the rest.

usage: clip_reference.py PHOTO...

For the worker's tests. Needs Pillow and numpy of .setup/venv; see make_clip_standin.py for the arithmetic.
"""

import json
import sys

import numpy as np
from PIL import Image, ImageOps

from make_clip_fixtures import SIDE, prepare
from make_clip_standin import CELLS, LEAST


def embedding(path):
    """The unit vector of a photo."""
    with Image.open(path) as image:
        levels = prepare(ImageOps.exif_transpose(image).convert("RGB")) / 255.0
    cell = SIDE // CELLS
    cells = levels.reshape(CELLS, cell, CELLS, cell, 3).mean((1, 3)).reshape(-1)
    cells = np.maximum(cells, LEAST)
    return (cells / np.linalg.norm(cells)).tolist()


if __name__ == "__main__":
    print(json.dumps([embedding(path) for path in sys.argv[1:]]))
