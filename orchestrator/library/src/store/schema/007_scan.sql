-- Places that the last scan of their folder left out though they are known: by a pattern of the user's, or because they lie in a folder
-- that a NAS or another program keeps for itself. They do not count until a scan takes them again.
CREATE TABLE left_out (
    path   BLOB NOT NULL PRIMARY KEY REFERENCES location (path) ON DELETE CASCADE,
    reason TEXT NOT NULL CHECK (reason IN ('pattern', 'system'))
) STRICT, WITHOUT ROWID;

-- When the file at a place was changed last, its inode included (which programs cannot set back), in nanoseconds since 1970, as it was
-- seen last; places without a row were seen before this was kept. `hashed` is 1 where the digest was taken of the file as it was
-- then, 0 where the digest is older and the file only looked as it had before.
CREATE TABLE inode_change (
    path     BLOB NOT NULL PRIMARY KEY REFERENCES location (path) ON DELETE CASCADE,
    ctime_ns INTEGER NOT NULL,
    hashed   INTEGER NOT NULL CHECK (hashed IN (0, 1))
) STRICT, WITHOUT ROWID;

-- Files whose names are not those of photos, and that begin as no photo does: they are opened again only when they look different.
CREATE TABLE no_photo (
    path     BLOB NOT NULL PRIMARY KEY,
    size     INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
