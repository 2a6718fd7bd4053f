#!/usr/bin/env python3
"""Build the pack "clip-standin": it has the signature of CLIP's visual tower and understands nothing. For tests.

usage: make_clip_standin.py OUT

CLIP's weights are licensed and heavy; what batches, carries and stores its vectors can be tried with any function of the
same shape. This one undoes the normalisation, averages the picture to 16 x 16 cells of three channels (768 numbers, cell
by cell from the top left, red, green, blue), and scales them to unit length. No number is below 1e-6 before that, so that
a black picture has a direction too. Input [N, 3, 224, 224], output [N, 768].

The same bytes on every machine with the pinned `onnx`; checked against the digest below.
"""

import json
import sys
from pathlib import Path

import numpy as np

from make_open_pack import Graph, check, describe

SIDE = 224
CELLS = 16
FEATURES = CELLS * CELLS * 3
LEAST = 1e-6
MEAN = [0.48145466, 0.4578275, 0.40821073]
STD = [0.26862954, 0.26130258, 0.27577711]
SHA256 = "b73a52ef07362dc58cea7fe64dbe5de4e4145a6670f70fb68ae5ed653ddaf862"


def build(path):
    """Write the graph."""
    graph = Graph()
    per_channel = (1, 3, 1, 1)
    scaled = graph.op("Mul", ["pixels", graph.floats("std", np.reshape(STD, per_channel))], "scaled")
    levels = graph.op("Add", [scaled, graph.floats("mean", np.reshape(MEAN, per_channel))], "levels")
    cell = [SIDE // CELLS] * 2
    cells = graph.op("AveragePool", [levels], "cells", kernel_shape=cell, strides=cell)
    last = graph.op("Transpose", [cells], "channels_last", perm=[0, 2, 3, 1])
    row = graph.op("Reshape", [last, graph.ints("row_shape", [-1, FEATURES])], "row")
    above = graph.op("Max", [row, graph.floats("least", LEAST)], "above_zero")
    length = graph.op("ReduceL2", [above], "length", axes=[1], keepdims=1)
    graph.op("Div", [above, length], "features")
    graph.save(path, ("pixels", ["batch", 3, SIDE, SIDE]), [("features", ["batch", FEATURES])])


def main(out):
    """Build the model and its manifest."""
    out.mkdir(parents=True, exist_ok=True)
    visual = out / "visual.onnx"
    build(visual)
    entry = describe(visual)
    check(entry, SHA256)
    manifest = {
        "schema": "facesets.model-pack/1",
        "name": "clip-standin",
        "licence": "MIT OR Apache-2.0",
        "source": "A stand-in for tests: a thumbnail in the shape of CLIP's image embedding. It recognises nothing.",
        "models": {"clip_visual": entry},
    }
    (out / "pack.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
