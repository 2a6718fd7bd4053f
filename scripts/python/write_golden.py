#!/usr/bin/env python3
"""Write down what InsightFace's Python library says about a folder of photos, for the Rust worker to be held to.

usage: write_golden.py PACK PHOTOS OUT.json

The numbers are in the layout of InsightFace: boxes [left, top, right, bottom], points [x, y] and [x, y, z], pose
[pitch, yaw, roll] in degrees, the raw embedding before normalisation; all in pixels of the image with its EXIF
orientation applied. Faces are in the order InsightFace returns them.
"""

import hashlib
import json
import sys
from pathlib import Path

import reference


def rounded(numbers, decimals=4):
    """An array as nested lists with a fixed number of decimals."""
    return [rounded(each, decimals) if each.ndim else round(float(each), decimals) for each in numbers]


def significant(numbers, digits=6):
    """A vector with so many significant digits."""
    return [float(f"{float(each):.{digits}g}") for each in numbers]


def describe_face(face):
    """One face of the golden file."""
    return {
        "bbox": rounded(face.bbox),
        "det_score": round(float(face.det_score), 6),
        "kps": rounded(face.kps),
        "landmark_2d_106": rounded(face.landmark_2d_106),
        "landmark_3d_68": rounded(face.landmark_3d_68),
        "pose": rounded(face.pose),
        "embedding": significant(face.embedding),
    }


def describe_image(app, folder, path):
    """One photo of the golden file."""
    image = reference.read(path)
    height, width = image.shape[:2]
    return {
        "name": path.relative_to(folder).as_posix(),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "width": width,
        "height": height,
        "faces": [describe_face(face) for face in app.get(image)],
    }


def model_digests(pack):
    """The sha256 of each model file by its role, taken from the files themselves."""
    manifest = json.loads((pack / "pack.json").read_text(encoding="utf-8"))
    return {
        role: hashlib.sha256((pack / entry["file"]).read_bytes()).hexdigest()
        for role, entry in manifest["models"].items()
    }


def write(path, document):
    """Write JSON with one line an image, which keeps the file small and its changes readable."""
    images = document.pop("images")
    head = json.dumps(document, separators=(",", ":"))[:-1]
    lines = ",\n".join(json.dumps(image, separators=(",", ":")) for image in images)
    new = path.with_name(path.name + ".new")
    new.write_text(f'{head},"images":[\n{lines}\n]}}\n', encoding="utf-8")
    new.replace(path)


def main(pack, folder, out):
    """Run the reference over every photo under `folder`."""
    app = reference.load(pack)
    images = [describe_image(app, folder, path) for path in reference.photos(folder)]
    document = {
        "schema": "facesets.golden/1",
        "made_with": reference.versions(),
        "settings": {"det_size": reference.DET_SIZE, "det_thresh": reference.DET_THRESHOLD},
        "models": model_digests(pack),
        "images": images,
    }
    write(out, document)
    faces = sum(len(image["faces"]) for image in images)
    print(f"{out}: {len(images)} photos, {faces} faces, {out.stat().st_size} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*(Path(argument) for argument in sys.argv[1:]))
