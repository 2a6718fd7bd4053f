#!/usr/bin/env python3
"""Write tests/fixtures/clustering/references.json: partitions of made-up libraries by scikit-learn and SciPy.

usage: make_cluster_fixtures.py OUT.json
needs: numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1

The libraries themselves are not written: orchestrator/people/src/cluster/tests/household.rs makes them again, bit by bit (whole
numbers until one division by the length), and compares a checksum. The two libraries must agree on every partition, and
no distance at which clusters are merged may be equal to another or to a threshold, or this script fails; but for copies of
rows, which are merged at distance 0 in whatever order.
"""

import json
import sys
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.cluster import AgglomerativeClustering

# Rows, dimensions, seed, copies.
HOUSEHOLDS = [(300, 512, 20, 0), (500, 128, 21, 0), (600, 64, 22, 0), (700, 512, 23, 450)]
THRESHOLDS = [0.3, 0.45, 0.55, 0.7]
LINKAGES = ["average", "complete"]
LEAST_GAP = 1e-9
# Above the distance of a row to its copy, which is 0 but for the rounding of f32.
OF_COPIES = 1e-6
MASK = (1 << 64) - 1


class SplitMix64:
    """Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014)."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = ((self.state ^ (self.state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, end):
        return self.next() % end

    def direction(self, dims):
        """Roughly normal values: four of 12 bits added up."""
        bits = np.array([self.next() for _ in range(dims)], dtype=np.uint64)
        fields = [(bits >> np.uint64(12 * i)) & np.uint64(0xFFF) for i in range(4)]
        return sum(field.astype(np.int64) for field in fields) - 8190


def embeddings(rows, dims, seed, copies):
    """Unit rows in f32; see household.rs for what they stand for. The order of the random numbers matters."""
    random = SplitMix64(seed)
    vectors, people = [], []
    rows -= copies
    while len(vectors) < rows * 6 // 10:
        person = random.direction(dims)
        for _ in range(max(rows // (6 * (len(people) + 1)), 2)):
            noise = random.direction(dims)
            vectors.append(16 * person + (4 + random.below(13)) * noise)
        people.append(person)
    for _ in range(rows // 50):
        a, b = random.below(len(people)), random.below(len(people))
        vectors.append(10 * people[a] + 9 * people[b] + 6 * random.direction(dims))
    blur = random.direction(dims)
    for _ in range(rows * 8 // 100):
        noise = random.direction(dims)
        vectors.append(16 * blur + (10 + random.below(17)) * noise)
    for _ in range(rows // 50):
        earlier = random.below(len(vectors))
        vectors.append(4 * vectors[earlier] + 3 * random.direction(dims))
    while len(vectors) < rows:
        vectors.append(random.direction(dims))
    del vectors[rows:]
    for number in range(copies):
        vectors.append(vectors[number % 3])
    rows = len(vectors)
    for last in range(rows - 1, 0, -1):
        other = random.below(last + 1)
        vectors[last], vectors[other] = vectors[other], vectors[last]
    whole = np.stack(vectors)
    lengths = np.sqrt((whole * whole).sum(axis=1).astype(np.float64))
    return (whole.astype(np.float64) / lengths[:, None]).astype(np.float32)


def numbered(labels):
    """Labels by first appearance."""
    numbers = {}
    return [numbers.setdefault(int(label), len(numbers)) for label in labels]


def partitions(matrix):
    """The partition at every linkage and threshold, where both libraries agree and nothing ties."""
    wide = matrix.astype(np.float64)
    distances = 1.0 - wide @ wide.T
    distances = np.maximum((distances + distances.T) / 2, 0.0)
    np.fill_diagonal(distances, 0.0)
    for name in LINKAGES:
        tree = linkage(squareform(distances, checks=False), name)
        heights = np.sort(np.concatenate([tree[:, 2], np.float32(THRESHOLDS).astype(np.float64)]))
        if np.diff(heights[heights > OF_COPIES]).min() < LEAST_GAP:
            raise SystemExit(f"{name}: two merges, or a merge and a threshold, are too near to each other")
        for threshold in THRESHOLDS:
            # The program keeps thresholds in f32.
            cut = float(np.float32(threshold))
            ours = numbered(fcluster(tree, cut, "distance"))
            other = AgglomerativeClustering(
                n_clusters=None, metric="precomputed", linkage=name, distance_threshold=cut
            ).fit(distances)
            if ours != numbered(other.labels_):
                raise SystemExit(f"{name} {threshold}: scikit-learn and SciPy differ")
            yield {"linkage": name, "threshold": threshold, "labels": ours}


def main():
    households = []
    for rows, dims, seed, copies in HOUSEHOLDS:
        matrix = embeddings(rows, dims, seed, copies)
        households.append(
            {
                "household": {"rows": rows, "dims": dims, "seed": seed, "copies": copies},
                "checksum": int(matrix.view(np.uint32).astype(np.uint64).sum()),
                "partitions": list(partitions(matrix)),
            }
        )
    versions = {"numpy": np.__version__, "scipy": scipy.__version__, "scikit-learn": sklearn.__version__}
    text = json.dumps({"versions": versions, "households": households}, separators=(",", ":"))
    # A line a partition: changes can be seen.
    Path(sys.argv[1]).write_text(text.replace('{"linkage"', '\n{"linkage"') + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
