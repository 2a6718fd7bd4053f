-- What the camera wrote beside the pixels of a content: when it was taken, in local time (`2019-05-04T13:07:59`), the
-- minutes by which that is ahead of UTC, and the EXIF orientation; each null where the file does not say. Contents
-- without a row were not read yet.
CREATE TABLE camera (
    sha256         BLOB NOT NULL PRIMARY KEY REFERENCES content (sha256),
    taken          TEXT,
    offset_minutes INTEGER,
    orientation    INTEGER CHECK (orientation BETWEEN 1 AND 8)
) STRICT, WITHOUT ROWID;
