-- What the user says of faces. A face is named for good by the photo's digest and its box, not by a row: analyses come and go.
CREATE TABLE pin (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     TEXT NOT NULL CHECK (kind IN ('same', 'different', 'no_face')),
    sha256   BLOB NOT NULL CHECK (length(sha256) = 32),
    x1       REAL NOT NULL,
    y1       REAL NOT NULL,
    x2       REAL NOT NULL,
    y2       REAL NOT NULL,
    -- the other face; of a statement about one face, the same face again
    sha256_b BLOB NOT NULL CHECK (length(sha256_b) = 32),
    x1_b     REAL NOT NULL,
    y1_b     REAL NOT NULL,
    x2_b     REAL NOT NULL,
    y2_b     REAL NOT NULL
) STRICT;
