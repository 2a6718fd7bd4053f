-- Contents that were in flight when a worker died. They are sent alone until they have an outcome, which takes their
-- row away; `deaths` counts the workers that died with nothing else in flight.
CREATE TABLE strike (
    sha256   BLOB NOT NULL REFERENCES content (sha256),
    task     TEXT NOT NULL,
    contract TEXT NOT NULL,
    deaths   INTEGER NOT NULL CHECK (deaths >= 0),
    PRIMARY KEY (sha256, task, contract)
) STRICT, WITHOUT ROWID;
