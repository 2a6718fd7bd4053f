#!/usr/bin/env python3
"""Write tests/fixtures/stores: a small store of every schema version that a release or a user may have left behind, as SQL text,
and beside each the canonical dump that it must have after migration.

usage: make_old_stores.py SCHEMA_FOLDER OUT_FOLDER
needs: nothing but Python's own sqlite3

A store of version N is what the first N files of the schema folder make of an empty database, with a few rows of every table: a
photo with an alias that has vanished, one without a face, one that failed, one that nobody analysed, a path that is no
UTF-8; from version 2 on a suspect, from 3 on what a camera says, from 4 on a change that was made, from 5 on a pin, from 6 on a
statement about consent, from 7 on a place that a pattern leaves out, a change of an inode and a file that is no photo. The dump is put
together here from the same rows, not by facesets, so that the two check each other. Numbers are exact in single precision.
"""

import hashlib
import json
import sqlite3
import struct
import sys
from pathlib import Path

APPLICATION_ID = 0x46534554
# The current version is made by every other test.
VERSIONS = [1, 2, 3, 4, 5, 6, 7]


def sha(text):
    return hashlib.sha256(text.encode()).digest()


MODEL = sha("model").hex()
CONTRACT = f"face/v1/det={MODEL}/rec={MODEL}/size=640"
LANDMARKS = f"landmarks/v1/det={MODEL}/l106={MODEL}/l68={MODEL}/size=640"
FACE, EMPTY, FAILED, NEW = (sha(name) for name in ["face", "empty", "failed", "new"])

CONTENTS = [(FACE, 1000), (EMPTY, 2000), (FAILED, 0), (NEW, 3_000_000_000)]
LOCATIONS = [  # path, content, size, mtime in ns, vanished
    (b"/photos/a.jpg", FACE, 1000, 1_555_000_000_123_456_789, 0),
    (b"/photos/copies/a.jpg", FACE, 1000, -1, 1),
    ("/photos/ფოტო.png".encode(), EMPTY, 2000, 5, 0),
    (b"/photos/caf\xe9.jpg", FAILED, 0, 6, 0),
    (b"/photos/new.heic", NEW, 3_000_000_000, 7, 0),
]
LEFT_OUT = b"/photos/copies/a.jpg"
CAMERA = FACE, "2019-05-04T13:07:59", 120, 6
INTENT = '{"schema":"facesets.intent/1","command":"extend","roots":[]}'
DONE = "done", None, None
ANALYSES = [  # content, outcome, kind, message, width, height, landmarks contract, provider, worker, runtime
    (FACE, *DONE, 640, 480, LANDMARKS, "cpu", "0.1.0", "1.31.1"),
    (EMPTY, *DONE, 3, 2, LANDMARKS, "cpu", "0.1.0", "1.31.1"),
    (FAILED, "failed", "decode", "the file is empty", None, None, None, None, None, None),
]


def floats(values):
    return struct.pack(f"<{len(values)}f", *values)


def face():
    """The one face, as the columns of `face` after `number`, and its embedding."""
    points = lambda count: floats([i % 97 / 4 for i in range(count)])
    corners = [10.5, 20.25, 110.0, 140.75]
    numbers = [0.875, 21.5, 130.25]  # det_score, norm, blur
    # 256 sixteenths make a vector of length 1.
    unit = floats([(-1) ** (i % 3) / 16 if i % 2 else 0.0 for i in range(512)])
    return corners, numbers, points(10), points(212), points(204), unit


def fill(db, version):
    corners, numbers, keypoints, landmarks_106, landmarks_68, unit = face()
    db.executemany("INSERT INTO content VALUES (?, ?)", CONTENTS)
    db.executemany("INSERT INTO location VALUES (?, ?, ?, ?, ?)", LOCATIONS)
    for row, (content, *rest) in enumerate(ANALYSES, 1):
        marks = ", ".join("?" * 13)
        db.execute(f"INSERT INTO analysis VALUES ({marks})", (row, content, "faces", CONTRACT, *rest))
    values = (1, 1, 0, *corners, *numbers, keypoints, landmarks_106, landmarks_68)
    db.execute(f"INSERT INTO face VALUES ({', '.join('?' * len(values))})", values)
    db.execute("INSERT INTO embedding VALUES (1, ?)", (unit,))
    if version >= 2:
        db.execute("INSERT INTO strike VALUES (?, 'faces', ?, 1)", (NEW, CONTRACT))
    if version >= 3:
        db.execute("INSERT INTO camera VALUES (?, ?, ?, ?)", CAMERA)
    if version >= 4:
        db.execute("INSERT INTO decision VALUES (7, 'done', ?)", (INTENT,))
    if version >= 5:
        values = (3, "no_face", FACE, *corners, FACE, *corners)
        db.execute(f"INSERT INTO pin VALUES ({', '.join('?' * len(values))})", values)
    if version >= 6:
        db.execute("INSERT INTO consent VALUES (2, 'anna', 'granted', 'paper of 3 May', NULL, NULL)")
        db.execute("INSERT INTO consent_face VALUES (2, 0, ?, ?, ?, ?, ?)", (FACE, *corners))
    if version >= 7:
        db.execute("INSERT INTO left_out VALUES (?, 'pattern')", (LEFT_OUT,))
        db.execute("INSERT INTO inode_change VALUES (?, 8, 1)", (b"/photos/new.heic",))
        db.execute("INSERT INTO no_photo VALUES (?, 4, 5, 6)", (b"/photos/notes",))


def dump(version):
    """The lines of `facesets store dump`."""
    lines = []
    for path, content, size, _, vanished in sorted(LOCATIONS):
        lines.append({
            "location": path.decode(errors="replace"), "path_hex": path.hex(), "sha256": content.hex(),
            "size": size, "vanished": bool(vanished),
        })
        if version >= 7 and path == LEFT_OUT:
            lines[-1]["left_out"] = "pattern"
    for content, size in sorted(CONTENTS):
        camera = {"orientation": 6, "taken": "2019-05-04T13:07:59+02:00"} if version >= 3 and content == FACE else None
        lines.append({"content": content.hex(), "bytes": size, "camera": camera})
    for content, outcome, kind, message, width, height, landmarks, *_ in sorted(ANALYSES):
        lines.append({
            "analysis": content.hex(), "task": "faces", "contract": CONTRACT, "outcome": outcome, "error_kind": kind,
            "error_message": message, "width": width, "height": height, "landmarks_contract": landmarks,
        })
    corners, (det_score, norm, blur), keypoints, landmarks_106, landmarks_68, unit = face()
    lines.append({
        "face": FACE.hex(), "task": "faces", "contract": CONTRACT, "number": 0, "bbox": floats(corners).hex(),
        "det_score": floats([det_score]).hex(), "norm": floats([norm]).hex(), "blur": floats([blur]).hex(),
        "keypoints": keypoints.hex(), "landmarks_106": landmarks_106.hex(), "landmarks_68": landmarks_68.hex(),
        "embedding": unit.hex(),
    })
    text = lambda line: json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    body = "".join(map(text, lines))
    return body + text({"digest": hashlib.sha256(body.encode()).hexdigest()})


def main():
    schema, out = map(Path, sys.argv[1:])
    steps = sorted(schema.glob("*.sql"))
    for version in VERSIONS:
        db = sqlite3.connect(":memory:")
        for step in steps[:version]:
            db.executescript(step.read_text())
        fill(db, version)
        db.commit()
        pragmas = f"PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {version};\n"
        # Tables come in alphabetical order, children before parents.
        text = "\n".join(["PRAGMA foreign_keys = OFF;", *db.iterdump()])
        (out / f"v{version}.sql").write_text(f"{text}\n{pragmas}")
        (out / f"v{version}.dump").write_text(dump(version))


if __name__ == "__main__":
    main()
