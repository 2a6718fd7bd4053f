"""Reads what `facesets export-swap --format` writes for other tools, as their formats are described, and prints it as JSON.

Knows nothing of facesets: each reader follows the description of the tool's format alone.
Usage: read_formats.py FACESET_FOLDER
"""

import json
import sys
from pathlib import Path

import duckdb
import numpy as np
from PIL import Image
from safetensors.numpy import load_file


def visomaster(path):
    """A list of identities, each with a name and a store of embeddings by the name of the model."""
    identities = json.loads(path.read_text(encoding="utf-8"))
    return [(identity["name"], identity["embedding_store"]["Inswapper128ArcFace"]) for identity in identities]


def rope(path):
    """`Name: X`, then 512 numbers, a line each; then the next identity."""
    identities = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("Name: "):
            identities.append((line.removeprefix("Name: "), []))
        else:
            identities[-1][1].append(float(line))
    return identities


def reactor(folder):
    """The only face model of a folder: every tensor in it by its name."""
    (path,) = folder.glob("*.safetensors")
    return load_file(path)


def parquet(path):
    """Rows with numbers as they are and lists of numbers as the bytes of their float32."""
    table = duckdb.sql(f"SELECT * FROM read_parquet('{path}')")
    rows = [dict(zip(table.columns, row)) for row in table.fetchall()]
    for row in rows:
        for column in ("bbox", "embedding"):
            row[column] = in_hex(np.array(row[column], np.float32))
    return rows


def in_hex(array):
    return array.astype(array.dtype.newbyteorder("<")).tobytes().hex()


def main():
    folder = Path(sys.argv[1])
    with Image.open(folder / "best.png") as image:
        best = [image.format, image.mode, *image.size]
    embeddings = np.load(folder / "embeddings.npy", allow_pickle=False)
    model = reactor(folder)
    result = {
        "visomaster": visomaster(folder / "visomaster.json"),
        "rope": rope(folder / "merged_embeddings.txt"),
        "best": best,
        "npy": {
            "dtype": str(embeddings.dtype),
            "shape": embeddings.shape,
            "norms": np.linalg.norm(embeddings.astype(np.float64), axis=1).tolist(),
            "cosine_of_mean_to_rope": cosine(embeddings.mean(axis=0), rope(folder / "merged_embeddings.txt")[0][1]),
        },
        "reactor": {name: (str(tensor.dtype), tensor.shape, in_hex(tensor)) for name, tensor in model.items()},
        "reactor_embedding": model["embedding"].tolist(),
        "parquet": parquet(folder / "crops.parquet"),
    }
    print(json.dumps(result))


def cosine(a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


if __name__ == "__main__":
    main()
