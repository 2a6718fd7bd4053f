#!/usr/bin/env python3
"""Embed a folder of photos the way InsightFace's own examples do: read each with OpenCV, then FaceAnalysis.get.

usage: reference_embed.py PACK PHOTOS

This is the other side of scripts/bench-embed: all four models, default threads, nothing tuned. Prints the number of
photos and faces.
"""

import sys
from pathlib import Path

import reference


def main(pack, folder):
    """Process every photo, keeping nothing but the count."""
    app = reference.load(pack)
    paths = reference.photos(folder)
    faces = sum(len(app.get(reference.read(path))) for path in paths)
    print(f"{len(paths)} photos, {faces} faces")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
