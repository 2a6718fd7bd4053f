#!/usr/bin/env python3
"""Steady speed of InsightFace's Python library on a folder of photos, in one process, after a warm-up over all of them.

usage: reference_rate.py PACK PHOTOS SECONDS shipped|tuned

Every photo is read with OpenCV and goes through FaceAnalysis.get, one after another, as InsightFace's examples do.
`shipped` is FaceAnalysis as it is installed: every session has a pool of threads of its own that spin. `tuned` is what a
person who knows ONNX Runtime makes of it: no spinning, one thread a core in each session, sequential execution, one
thread in OpenCV. Prints one line of JSON.
"""

import json
import os
import sys
import time
from pathlib import Path

import reference


def tuned_options():
    """Session options without spinning."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count()
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options


def main(pack, folder, seconds, kind):
    """Warm up, then go round until the time is over; the last round is finished."""
    if kind == "tuned":
        import cv2

        cv2.setNumThreads(1)
        app = reference.load(pack, sess_options=tuned_options())
    else:
        app = reference.load(pack)
    paths = reference.photos(folder)
    for path in paths:
        app.get(reference.read(path))
    photos = faces = 0
    processor, began = time.process_time(), time.monotonic()
    while time.monotonic() - began < seconds:
        faces += sum(len(app.get(reference.read(path))) for path in paths)
        photos += len(paths)
    elapsed = time.monotonic() - began
    processor = time.process_time() - processor
    print(json.dumps({"per_second": photos / elapsed, "faces": faces, "processor_ms_per_photo": 1e3 * processor / photos}))


if __name__ == "__main__":
    if len(sys.argv) != 5 or sys.argv[4] not in ("shipped", "tuned"):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), sys.argv[4])
