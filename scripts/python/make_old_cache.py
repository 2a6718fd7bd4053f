#!/usr/bin/env python3
"""Make a cache as the system before this one would have left it, out of what `facesets store export` wrote.

usage: make_old_cache.py EXPORT.npz OLD.npz [VARIANT]

One row a face, named by the path of its photo; texts are plain unicode arrays; photos without a face stand in a list of their own. What the old
system is known to have called by a name of its own is called so. VARIANT makes it worse:

  other-names   the arrays that stand for path, box and embedding are called otherwise
  pickled       paths are Python objects
  unit          embeddings are unit vectors, their lengths are gone
  no-keypoints  the detector's five points are gone
  widths        boxes are x, y, width, height
  changed       the digest of the first photo is that of another
"""

import sys

import numpy as np


def old_cache(new, variant):
    """The arrays of the old cache."""
    first = {}
    for path, content in zip(new["locations_path"], new["locations_content"]):
        first.setdefault(int(content), path.decode())
    owners = [int(content) for content in new["faces_content"]]
    digests = [bytes(row).hex() for row in new["contents_sha256"]]
    # As if faces had come in any order.
    order = np.argsort([digests[owner][::-1] for owner in owners], kind="stable")[::-1]
    raw = new["faces_embedding"] * new["faces_norm"][:, None]
    faceless = [first[content] for content in sorted(first) if content not in set(owners)]
    old = {
        "path": np.array([first[owner] for owner in owners])[order],
        "sha256": np.array([digests[owner] for owner in owners])[order],
        "bbox": new["faces_bbox"].astype("<f8")[order],
        "det_score": new["faces_det_score"][order],
        "embedding": raw[order],
        "blur": new["faces_blur"].astype("<f8")[order],
        "keypoints": new["faces_keypoints"][order],
        "landmark_2d_106": new["faces_landmarks_106"][order],
        "landmark_3d_68": new["faces_landmarks_68"][order],
        "pose": new["faces_pose"][order],
        "noface": np.array(faceless),
    }
    if variant == "other-names":
        for name, other in [("path", "paths"), ("bbox", "boxes"), ("embedding", "emb")]:
            old[other] = old.pop(name)
    elif variant == "pickled":
        old["path"] = old["path"].astype(object)
    elif variant == "unit":
        old["embedding"] = new["faces_embedding"][order]
    elif variant == "no-keypoints":
        del old["keypoints"]
    elif variant == "widths":
        old["bbox"][:, 2:] -= old["bbox"][:, :2]
    elif variant == "changed":
        photo = old["path"][0]
        old["sha256"][old["path"] == photo] = "0" * 64
    elif variant != "":
        sys.exit(f"there is no variant {variant}")
    return old


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    np.savez_compressed(sys.argv[2], **old_cache(np.load(sys.argv[1]), "".join(sys.argv[3:])))


if __name__ == "__main__":
    main()
