#!/usr/bin/env python3
"""Write down what InsightFace's Python library makes of gender and age in a folder of photos, for the Rust worker to be held to.

usage: write_gender_age_golden.py PACK PHOTOS OUT.json

Detector, crop, normalisation and rounding are InsightFace's and OpenCV's. Each face has its box, the three numbers that the
model gave (taken where InsightFace asks the model for them), and what InsightFace calls gender and age, in its order.
"""

import hashlib
import sys
from pathlib import Path

import reference
from write_golden import model_digests, rounded, write


class Listening:
    """A session that remembers its last answer."""

    def __init__(self, session):
        self.session = session
        self.answer = None

    def run(self, names, inputs):
        outputs = self.session.run(names, inputs)
        self.answer = outputs[0][0]
        return outputs


def describe_face(attributes, image, face):
    """One face of the golden file."""
    attributes.get(image, face)
    raw = [round(float(number), 6) for number in attributes.session.answer]
    return {"bbox": rounded(face.bbox), "raw": raw, "gender": int(face.gender), "age": int(face.age)}


def describe_image(app, folder, path):
    """One photo of the golden file."""
    image = reference.read(path)
    attributes = app.models["genderage"]
    return {
        "name": path.relative_to(folder).as_posix(),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "faces": [describe_face(attributes, image, face) for face in app.get(image)],
    }


def main(pack, folder, out):
    """Run the reference over every photo under `folder`."""
    app = reference.load(pack, modules=["detection", "genderage"])
    attributes = app.models["genderage"]
    attributes.session = Listening(attributes.session)
    images = [describe_image(app, folder, path) for path in reference.photos(folder)]
    document = {
        "schema": "facesets.golden-gender-age/1",
        "made_with": reference.versions(),
        "input": {"mean": attributes.input_mean, "std": attributes.input_std, "size": attributes.input_size[0]},
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
