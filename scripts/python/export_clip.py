"""Make a model pack of open_clip's visual tower, with the text bundle that belongs to it.

usage: export_clip.py OUT --model NAME --pretrained TAG_OR_FILE [--licence TEXT] [--prompts FILE] [--opset N]
       export_clip.py OUT --model NAME --random SEED            (untrained weights, to try the export)

OUT becomes a pack, named as its folder:

    pack.json    manifest with the one model `clip_visual`
    visual.onnx  input [N, 3, 224, 224], output [N, D], float32, N free; the weights are inside the file
    text.json    the text bundle, below

text.json, schema `facesets.clip-text/1`:

    model          {name, pretrained, licence, random}: what open_clip was asked for
    visual_sha256  of the visual.onnx beside it: with any other model the vectors mean nothing
    tokenizer      {name, context_length, sha256}: sha256 of the vocabulary file
    activation     `gelu` or `quick_gelu`
    dimensions     D, 768 for ViT-L-14
    logit_scale    factor of the cosines before the softmax over the classes of one domain
    templates      what the phrases were put into
    domains        [{name, classes: [{name, prompts, vector}]}]: `vector` is the unit vector in the direction of the
                   mean of the prompts' unit vectors; `prompts` are the sentences as they were encoded

Before anything is written under its name the exported graph is run with ONNX Runtime on pictures, alone and in a batch,
and compared with torch (cosine >= 0.99999); a model that wants another preparation of its images is refused.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import open_clip
import torch
from open_clip.tokenizer import default_bpe
from PIL import Image

from make_clip_fixtures import MEAN, SIDE, STD, picture

BUNDLE_SCHEMA = "facesets.clip-text/1"
PACK_SCHEMA = "facesets.model-pack/1"
LEAST_COSINE = 0.99999
#: A protobuf message, and so an ONNX file with its weights inside, ends here.
MOST_BYTES = 2**31 - 1
#: As many rows as the worker's fixed batches; the first is alone.
TRIED_BATCHES = (1, 2, 5)


class Refused(Exception):
    """Why no pack was made."""


class Visual(torch.nn.Module):
    """The visual tower alone: prepared pictures in, image features out, as they leave the projection."""

    def __init__(self, model):
        super().__init__()
        self.visual = model.visual

    def forward(self, pixels):
        """[N, 3, 224, 224] -> [N, D]"""
        return self.visual(pixels)


def load(arguments):
    """The model, its preparation of pictures and its tokenizer."""
    pretrained = None if arguments.random is not None else arguments.pretrained
    if arguments.random is not None:
        torch.manual_seed(arguments.random)
    try:
        model, _, prepare = open_clip.create_model_and_transforms(
            arguments.model, pretrained=pretrained, precision="fp32", device="cpu"
        )
    except RuntimeError as error:
        raise Refused(f"open_clip does not give the model: {error}") from error
    return model.eval(), prepare, open_clip.get_tokenizer(arguments.model)


def check_preparation(model):
    """Stop when the model wants other pictures than the worker makes."""
    config = open_clip.get_model_preprocess_cfg(model)
    wanted = {"interpolation": "bicubic", "resize_mode": "shortest", "mode": "RGB"}
    for name, value in wanted.items():
        if config.get(name, value) != value:
            raise Refused(f"the model wants {name} {config[name]}, the worker does {value}")
    size = config.get("size", SIDE)
    if size not in (SIDE, (SIDE, SIDE), [SIDE, SIDE]):
        raise Refused(f"the model wants {size} pixels, the worker makes {SIDE}")
    for name, ours in (("mean", MEAN), ("std", STD)):
        if not np.allclose(config[name], ours, atol=1e-6):
            raise Refused(f"the model wants {name} {config[name]}, the worker uses {ours.tolist()}")


def activation_of(model):
    """`gelu` or `quick_gelu`: weights of one give garbage with the other, without an error."""
    names = {type(module).__name__ for module in model.visual.modules()}
    return "quick_gelu" if "QuickGELU" in names else "gelu"


def export(model, path, opset):
    """Write the tower as one ONNX file with a free batch size."""
    example = torch.zeros(2, 3, SIDE, SIDE)
    program = torch.onnx.export(
        Visual(model).eval(),
        (example,),
        dynamo=True,
        opset_version=opset,
        input_names=["pixels"],
        output_names=["features"],
        dynamic_shapes={"pixels": {0: torch.export.Dim("batch", min=1, max=1024)}},
    )
    program.save(str(path), external_data=False)
    if path.stat().st_size > MOST_BYTES:
        raise Refused(f"the model has {path.stat().st_size} bytes; one file holds {MOST_BYTES}")
    opsets = {entry.domain: entry.version for entry in onnx.load(path).opset_import}
    if opsets.get("", 0) > opset:
        raise Refused(f"the exporter wrote opset {opsets['']}, not {opset}")


def check_export(model, prepare, path):
    """Stop when ONNX Runtime, alone or in batches, says other than torch. Returns the least cosine and D."""
    sizes = [(640, 427), (300, 500), (224, 224), (90, 61), (1003, 331)]
    pixels = torch.stack([prepare(Image.fromarray(picture(*size))) for size in sizes])
    with torch.inference_mode():
        expected = model.visual(pixels).numpy()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    [entry], [result] = session.get_inputs(), session.get_outputs()
    if entry.shape[1:] != [3, SIDE, SIDE] or isinstance(entry.shape[0], int):
        raise Refused(f"the exported input has the shape {entry.shape}")
    least = 1.0
    for batch in TRIED_BATCHES:
        [got] = session.run([result.name], {entry.name: pixels[:batch].numpy()})
        dot = (got * expected[:batch]).sum(1)
        lengths = np.linalg.norm(got, axis=1) * np.linalg.norm(expected[:batch], axis=1)
        least = min(least, float((dot / lengths).min()))
    if not least >= LEAST_COSINE:
        raise Refused(f"ONNX Runtime and torch agree to a cosine of {least} only")
    return least, expected.shape[1]


def unit(vectors):
    """Scaled to length 1 along the last axis, in double precision."""
    vectors = np.asarray(vectors, np.float64)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def encode_classes(model, tokenizer, templates, domains):
    """The `domains` of a text bundle."""
    bundle = []
    for domain, classes in domains.items():
        entries = []
        for name, phrases in classes.items():
            prompts = [template.format(phrase) for phrase in phrases for template in templates]
            with torch.inference_mode():
                vectors = unit(model.encode_text(tokenizer(prompts)).numpy())
            vector = unit(vectors.mean(0)).astype(np.float32)
            entries.append({"name": name, "prompts": prompts, "vector": [float(value) for value in vector]})
        bundle.append({"name": domain, "classes": entries})
    return bundle


def sha256(path):
    """Digest of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path, value):
    """A file for people and programs."""
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def text_bundle(arguments, model, tokenizer, visual, dimensions):
    """What text.json says."""
    prompts = json.loads(Path(arguments.prompts).read_text(encoding="utf-8"))
    return {
        "schema": BUNDLE_SCHEMA,
        "model": {
            "name": arguments.model,
            "pretrained": None if arguments.random is not None else arguments.pretrained,
            "licence": arguments.licence,
            "random": arguments.random is not None,
        },
        "visual_sha256": sha256(visual),
        "tokenizer": {
            "name": Path(default_bpe()).name,
            "context_length": tokenizer.context_length,
            "sha256": sha256(default_bpe()),
        },
        "activation": activation_of(model),
        "dimensions": dimensions,
        "logit_scale": float(model.logit_scale.detach().exp()),
        "templates": prompts["templates"],
        "domains": encode_classes(model, tokenizer, prompts["templates"], prompts["domains"]),
    }


def manifest(arguments, name, visual):
    """What pack.json says."""
    weights = f"random weights (seed {arguments.random})" if arguments.random is not None else arguments.pretrained
    return {
        "schema": PACK_SCHEMA,
        "name": name,
        "licence": arguments.licence,
        "source": f"open_clip {open_clip.__version__}: {arguments.model}, {weights}, exported by export_clip.py",
        "models": {"clip_visual": {"file": visual.name, "bytes": visual.stat().st_size, "sha256": sha256(visual)}},
    }


def make_pack(arguments):
    """Everything, made beside its place and renamed into it."""
    out = Path(arguments.out)
    if out.exists():
        raise Refused(f"{out} is there already; move it away or name another folder")
    model, prepare, tokenizer = load(arguments)
    check_preparation(model)
    out.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        visual = new / "visual.onnx"
        export(model, visual, arguments.opset)
        least, dimensions = check_export(model, prepare, visual)
        write_json(new / "text.json", text_bundle(arguments, model, tokenizer, visual, dimensions))
        write_json(new / "pack.json", manifest(arguments, out.name, visual))
        new.chmod(0o755)
        new.rename(out)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    print(f"{out}: {dimensions} numbers an image, cosine to torch at least {least:.7f}")


def arguments_of(argv):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--model", default="ViT-L-14")
    parser.add_argument("--pretrained", default="dfn2b_s39b")
    parser.add_argument("--licence", default="apple-amlr")
    parser.add_argument("--prompts", default=Path(__file__).with_name("clip_prompts.json"))
    parser.add_argument("--opset", type=int, default=18)
    parser.add_argument("--random", type=int, metavar="SEED")
    return parser.parse_args(argv)


if __name__ == "__main__":
    try:
        make_pack(arguments_of(sys.argv[1:]))
    except Refused as refusal:
        sys.exit(f"export_clip: {refusal}")
