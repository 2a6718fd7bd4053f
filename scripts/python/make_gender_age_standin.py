#!/usr/bin/env python3
"""Build the pack "gender-age-standin": the open pack with a stand-in for gender and age. For tests.

usage: make_gender_age_standin.py OPEN_PACK OUT

InsightFace's genderage.onnx is licensed; what crops, feeds, carries and sums up its answers can be tried with any function
of the same shape. This one averages the picture to 12 x 12 cells of three channels (432 numbers) and weighs them: its answers
mean nothing, and every one of them changes with the channels' order, the crop's place and size, and the scale of the levels.
Input [N, 3, 96, 96] of raw levels, as the first node's name `bn_data` says; output [N, 3]: female, male, age / 100.

The same bytes on every machine with the pinned `onnx` and `numpy`; checked against the digest below.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np

from make_open_pack import Graph, check, describe

NAME = "gender-age-standin"
FILE = "genderage.onnx"
SIDE = 96
CELLS = 12
FEATURES = 3 * CELLS * CELLS
SHA256 = "9ff7d58ede06d148da98ff215bf7c3e7556a14740da98910e450408ff912d34d"


def weights():
    """FEATURES x 3 numbers made of integers: a stripe of cells across the picture counts for, the next one against."""
    channel, y, x = np.meshgrid(np.arange(3), np.arange(CELLS), np.arange(CELLS), indexing="ij")
    female = ((5 * channel + 3 * y + x) % 7 - 3) / 4
    male = ((3 * channel + y + 4 * x) % 5 - 2) / 4
    age = ((2 * channel + 2 * y + 5 * x) % 9 - 4) / 64
    return np.stack([female, male, age], axis=-1).reshape(FEATURES, 3)


def build(path):
    """Write the graph."""
    graph = Graph()
    levels = graph.op("Mul", ["data", graph.floats("per_level", 1 / 255)], "levels", node_name="bn_data")
    cell = [SIDE // CELLS] * 2
    cells = graph.op("AveragePool", [levels], "cells", kernel_shape=cell, strides=cell)
    row = graph.op("Reshape", [cells, graph.ints("row_shape", [-1, FEATURES])], "row")
    weighed = graph.op("MatMul", [row, graph.floats("weights", weights())], "weighed")
    graph.op("Add", [weighed, graph.floats("bias", [0.0, 0.4, 0.4])], "fc1")
    graph.save(path, ("data", ["batch", 3, SIDE, SIDE]), [("fc1", ["batch", 3])])


def main(open_pack, out):
    """Copy the open pack, build the model beside it, and write a manifest that has both."""
    manifest = json.loads((open_pack / "pack.json").read_text(encoding="utf-8"))
    out.mkdir(parents=True, exist_ok=True)
    for entry in manifest["models"].values():
        shutil.copyfile(open_pack / entry["file"], out / entry["file"])
    build(out / FILE)
    entry = describe(out / FILE)
    check(entry, SHA256)
    manifest["name"] = NAME
    manifest["source"] += " With a stand-in for gender and age by make_gender_age_standin.py, which knows neither."
    manifest["models"]["gender_age"] = entry
    (out / "pack.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*(Path(argument) for argument in sys.argv[1:]))
