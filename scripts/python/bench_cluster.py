#!/usr/bin/env python3
"""Time our clustering engine side by side with fastcluster, SciPy and scikit-learn; see scripts/bench-cluster.

Every contender starts from the matrix of embeddings in a file and runs in a process of its own, so that CPU seconds and
peak memory are what the kernel counted for it (start-up and reading included). The libraries run as one would call them:
scikit-learn on a matrix of distances ("precomputed", as the system that facesets replaces called it, and as it must where
distances are not its own) and with metric="cosine", the others on pdist(..., "cosine"). "blas" is fastcluster on distances
from one matrix product, the fastest way there is to the same tree; its memory is not the least possible.

The embeddings: 60 % faces of people with Zipf sizes (exponent 1.15, the largest a tenth of all rows) and three ages each,
40 % strangers, in 512 dimensions.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

DIMS = 512

LIBRARIES = {
    "precomputed": """
from sklearn.cluster import AgglomerativeClustering
d = numpy.maximum(1 - x @ x.T, 0)
numpy.fill_diagonal(d, 0)
labels = AgglomerativeClustering(n_clusters=None, metric="precomputed", linkage=how, distance_threshold=cut).fit(d).labels_
""",
    "scikit-learn": """
from sklearn.cluster import AgglomerativeClustering
labels = AgglomerativeClustering(n_clusters=None, metric="cosine", linkage=how, distance_threshold=cut).fit(x).labels_
""",
    "scipy": """
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist
labels = fcluster(linkage(numpy.maximum(pdist(x, "cosine"), 0), how), cut, "distance")
""",
    "fastcluster": """
import fastcluster
from scipy.cluster.hierarchy import fcluster
from scipy.spatial.distance import pdist
labels = fcluster(fastcluster.linkage(numpy.maximum(pdist(x, "cosine"), 0), how), cut, "distance")
""",
    "blas": """
import fastcluster
from scipy.cluster.hierarchy import fcluster
n, wide = len(x), x.astype(numpy.float64)
d, begin = numpy.empty(n * (n - 1) // 2), 0
for first in range(0, n, 256):
    block = 1 - wide[first:first + 256] @ wide.T
    for i, row in enumerate(block, first):
        d[begin:begin + n - 1 - i] = row[i + 1:]
        begin += n - 1 - i
numpy.maximum(d, 0, out=d)
labels = fcluster(fastcluster.linkage(d, how), cut, "distance")
""",
}

FRAME = """
import sys, numpy
x, cut, how = numpy.load(sys.argv[1]), float(numpy.float32(sys.argv[2])), sys.argv[3]
{body}
numpy.asarray(labels, dtype="<i8").tofile(sys.argv[4])
"""


def household(rows, seed):
    """Unit embeddings in f32, shuffled."""
    random = np.random.default_rng(seed)

    def unit(v):
        return v / np.linalg.norm(v, axis=1, keepdims=True)

    def around(centres, cosines):
        noise = random.standard_normal(centres.shape)
        noise = unit(noise - (noise * centres).sum(1, keepdims=True) * centres)
        return cosines[:, None] * centres + np.sqrt(1 - cosines[:, None] ** 2) * noise

    parts, left, person = [], rows * 6 // 10, 0
    while left > 0:
        person += 1
        size = min(left, max(2, int(rows / (10 * person**1.15))))
        eras = around(np.repeat(unit(random.standard_normal((1, DIMS))), 3, 0), random.uniform(0.82, 0.95, 3))
        faces = around(eras[random.integers(0, 3, size)], 0.55 + 0.4 * random.beta(5, 2.2, size))
        parts.append(faces.astype(np.float32))
        left -= size
    parts.append(unit(random.standard_normal((rows - rows * 6 // 10, DIMS))).astype(np.float32))
    matrix = np.concatenate(parts)
    return matrix[random.permutation(rows)]


def measure(command):
    """Standard output, wall seconds, CPU seconds and peak bytes of a command; None if it failed."""
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        output = running.stdout.read()
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode != 0:
        return None
    return {
        "output": output,
        "wall": time.monotonic() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": usage.ru_maxrss * 1024,
    }


def same_partition(a, b):
    """Whether labels differ in name only."""
    return len(np.unique(np.stack([a, b]), axis=1).T) == len(np.unique(a)) == len(np.unique(b))


def contenders(engine, python, rows, alone_above):
    """Names with their commands, without matrix, cut, linkage and labels."""
    yield "facesets", None, [engine]
    if rows <= alone_above:
        for name, body in LIBRARIES.items():
            yield name, body, [python, "-c", FRAME.format(body=body)]


def run(options, rows, folder):
    """Measures every contender on one matrix; yields a record each."""
    matrix = str(folder / f"{rows}.npy")
    # In a process of its own: the kernel counts the parent's memory as a child's peak until the child begins its program.
    subprocess.run([sys.executable, __file__, "--make", str(rows), matrix], check=True)
    ours = None
    for name, body, command in contenders(options.engine, sys.executable, rows, options.alone_above):
        labels = folder / f"{name}.labels"
        arguments = [matrix, str(options.threshold), options.linkage]
        load = os.getloadavg()[0]
        result = measure(command + arguments + ([] if body else ["sparse"]) + [str(labels)])
        if result is None:
            print(f"{name}: not measured (see above)", file=sys.stderr)
            continue
        found = np.fromfile(labels, dtype="<i8")
        ours = found if ours is None else ours
        record = {"rows": rows, "name": name, "load": load, "same": bool(same_partition(ours, found))}
        record.update((key, result[key]) for key in ("wall", "cpu", "peak"))
        if body is None:
            record["engine"] = json.loads(result["output"])
        print(
            f"{rows:>8}  {name:<13}{record['cpu']:>9.2f} s CPU{record['wall']:>9.2f} s wall"
            f"{record['peak'] / 1e6:>9.0f} MB  load {load:>5.1f}  {'same' if record['same'] else 'OTHER'} partition",
            flush=True,
        )
        yield record
    os.remove(matrix)


def main():
    if sys.argv[1:2] == ["--make"]:
        np.save(sys.argv[3], household(int(sys.argv[2]), seed=int(sys.argv[2])))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", required=True)
    parser.add_argument("--rows", default="5000,20000,100000")
    parser.add_argument("--alone-above", type=int, default=20000)
    parser.add_argument("--threshold", type=float, default=0.55)
    parser.add_argument("--linkage", choices=["average", "complete"], default="average")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    records = []
    with tempfile.TemporaryDirectory() as folder:
        for rows in map(int, options.rows.split(",")):
            records.extend(run(options, rows, Path(folder)))
    alone = [record for record in records if record["name"] == "facesets"]
    for one, two in zip(alone, alone[1:]):
        growth = math.log(two["cpu"] / one["cpu"]) / math.log(two["rows"] / one["rows"])
        print(f"from {one['rows']} to {two['rows']} rows: CPU seconds grow with the power {growth:.2f}")
    if options.json:
        options.json.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
