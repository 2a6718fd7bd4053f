-- Who agreed to what, as the user says it. A statement is about faces, which are named for good as pins name them, so that it outlives every
-- clustering: a set has the consent of its faces.
CREATE TABLE consent (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    -- what the user named when it was said: a set, or a face
    about   TEXT NOT NULL,
    -- NULL where a statement is about licence or source only
    state   TEXT CHECK (state IN ('granted', 'refused', 'unknown')),
    note    TEXT,
    licence TEXT,
    source  TEXT,
    CHECK (coalesce(state, note, licence, source) IS NOT NULL)
) STRICT;

CREATE TABLE consent_face (
    consent INTEGER NOT NULL REFERENCES consent (id),
    number  INTEGER NOT NULL,
    sha256  BLOB NOT NULL CHECK (length(sha256) = 32),
    x1      REAL NOT NULL,
    y1      REAL NOT NULL,
    x2      REAL NOT NULL,
    y2      REAL NOT NULL,
    PRIMARY KEY (consent, number)
) STRICT, WITHOUT ROWID;
