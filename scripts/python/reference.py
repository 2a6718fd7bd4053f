"""The reference implementation, InsightFace's Python library, set up in one way for all who ask it.

Settings: det_size 640 x 640 (not the joint 128 + 640 that InsightFace 1.0 made the default), detection threshold 0.5,
CPU. Runs in the golden environment (scripts/python/requirements/golden.txt).
"""

import contextlib
import os
import sys
import warnings
from importlib import metadata
from pathlib import Path

DET_SIZE = 640
DET_THRESHOLD = 0.5
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png"}


def versions():
    """The versions that decide the numbers."""
    packages = ["insightface", "onnxruntime", "opencv-python-headless", "numpy", "scikit-image"]
    return {name: metadata.version(name) for name in packages}


def load(pack, modules=None, **session):
    """A ready FaceAnalysis over the models in the folder `pack`; `modules` limits which are loaded, `session` goes to
    ONNX Runtime's sessions."""
    with quiet():
        from insightface.app import FaceAnalysis

        app = FaceAnalysis(
            name=str(pack), allowed_modules=modules, providers=["CPUExecutionProvider"], **session
        )
        app.prepare(ctx_id=-1, det_thresh=DET_THRESHOLD, det_size=(DET_SIZE, DET_SIZE))
    return app


@contextlib.contextmanager
def quiet():
    """Keep the library's chatter off stdout and its deprecation warnings off stderr."""
    warnings.filterwarnings("ignore", category=FutureWarning)
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def read(path):
    """An image as InsightFace wants it: 8-bit BGR, EXIF orientation applied, transparency dropped."""
    import cv2

    image = cv2.imread(str(path))
    if image is None:
        sys.exit(f"OpenCV cannot read {path}")
    return image


def photos(folder):
    """All photos under a folder, in a stable order."""
    return sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
