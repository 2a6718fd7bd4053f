-- Places of files that were deleted, moved or renamed: the last scan found others in their folder, and not
-- these. They do not count until a scan finds them again. A place that has vanished and is not in here may be
-- on a disk that is away.
CREATE TABLE gone (
    path BLOB NOT NULL PRIMARY KEY REFERENCES location (path) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- What a content shows: a digest of its decoded pixels, as the worker gave it that analysed the content, and
-- the version of that digest's definition. Contents with the same one differ in their tags only. Contents
-- without a row were analysed by a worker that gave none.
CREATE TABLE picture (
    sha256  BLOB NOT NULL PRIMARY KEY REFERENCES content (sha256),
    version INTEGER NOT NULL CHECK (version >= 0),
    pixels  BLOB NOT NULL CHECK (length(pixels) = 16)
) STRICT, WITHOUT ROWID;

CREATE INDEX picture_by_pixels ON picture (pixels, version);

-- Files and folders that could not be read when a scan came by, and why: those that it named. What stays as
-- it is need not be named again.
CREATE TABLE unreadable (
    path   BLOB NOT NULL PRIMARY KEY,
    reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;
