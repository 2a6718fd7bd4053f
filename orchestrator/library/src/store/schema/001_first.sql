-- Some bytes, wherever they lie.
CREATE TABLE content (
    sha256 BLOB NOT NULL PRIMARY KEY CHECK (length(sha256) = 32),
    bytes  INTEGER NOT NULL CHECK (bytes >= 0)
) STRICT, WITHOUT ROWID;

-- A file as it was when it was read last. Paths are raw bytes: Linux names need not be UTF-8.
CREATE TABLE location (
    path     BLOB NOT NULL PRIMARY KEY,
    sha256   BLOB NOT NULL REFERENCES content (sha256),
    size     INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    vanished INTEGER NOT NULL DEFAULT 0 CHECK (vanished IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX location_by_content ON location (sha256, path);

-- What came of one task on one content under one contract. Only outcomes that stay as they are: what may succeed
-- another time has no row.
CREATE TABLE analysis (
    id                 INTEGER PRIMARY KEY,
    sha256             BLOB NOT NULL REFERENCES content (sha256),
    task               TEXT NOT NULL,
    contract           TEXT NOT NULL,
    outcome            TEXT NOT NULL CHECK (outcome IN ('done', 'failed')),
    -- failed
    error_kind         TEXT,
    error_message      TEXT,
    -- done: size of the upright image in pixels
    width              INTEGER,
    height             INTEGER,
    landmarks_contract TEXT,
    -- recorded beside the contract, not part of it
    provider           TEXT,
    worker_version     TEXT,
    runtime_version    TEXT,
    UNIQUE (sha256, task, contract),
    CHECK ((outcome = 'failed') = (error_kind IS NOT NULL)),
    CHECK ((outcome = 'done') = (width IS NOT NULL AND height IS NOT NULL))
) STRICT;

CREATE INDEX analysis_by_contract ON analysis (task, contract, outcome);

-- One detection. Coordinates are pixels of the upright image; blobs are little-endian f32.
CREATE TABLE face (
    id            INTEGER PRIMARY KEY,
    analysis_id   INTEGER NOT NULL REFERENCES analysis (id) ON DELETE CASCADE,
    number        INTEGER NOT NULL CHECK (number >= 0),
    x1            REAL NOT NULL,
    y1            REAL NOT NULL,
    x2            REAL NOT NULL,
    y2            REAL NOT NULL,
    det_score     REAL NOT NULL,
    norm          REAL NOT NULL,
    blur          REAL NOT NULL,
    keypoints     BLOB NOT NULL CHECK (length(keypoints) = 40),
    landmarks_106 BLOB NOT NULL CHECK (length(landmarks_106) = 848),
    landmarks_68  BLOB NOT NULL CHECK (length(landmarks_68) = 816),
    UNIQUE (analysis_id, number)
) STRICT;

-- Apart from the faces, so that looking at boxes and scores does not read two kilobytes a face.
CREATE TABLE embedding (
    face_id INTEGER PRIMARY KEY REFERENCES face (id) ON DELETE CASCADE,
    vector  BLOB NOT NULL CHECK (length(vector) = 2048)
) STRICT;
