//! Where contents lie.

use std::{
    collections::HashMap,
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use facesets_base::location::Location;
use facesets_core::Sha256Digest;
use rusqlite::{OptionalExtension as _, Row, params};

use super::{Store, StoreError};

/// A file as it was when it was read last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocationRecord {
    /// Where it lies.
    pub at: Location,
    /// Its bytes.
    pub sha256: Sha256Digest,
    /// What it looked like from outside.
    pub sighting: Sighting,
    /// Whether it is no longer there.
    pub vanished: bool,
}

/// What tells a changed file from an unchanged one without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sighting {
    /// Size in bytes.
    pub size: u64,
    /// Time of the last change in nanoseconds since 1970. Programs can set it back.
    pub mtime_ns: i64,
    /// Time of the last change of the inode, which they cannot.
    pub inode: InodeChange,
}

/// When a file's inode was changed last: with its bytes, but also with its name, its rights or its number of
/// names. Nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InodeChange {
    /// Nobody has kept it.
    #[default]
    Unknown,
    /// As the file looks; its digest, if there is one, may be older.
    Seen(i64),
    /// As the file looked when its digest was taken.
    Hashed(i64),
}

impl Sighting {
    /// Whether a file that looks so now looks as it did, as far as is known of that.
    pub fn looks_like(&self, now: &Self) -> bool {
        let same_inode = match (self.inode.ns(), now.inode.ns()) {
            (Some(then), Some(now)) => then == now,
            _ => true,
        };
        same_inode && self.has_size_and_time_of(now)
    }

    /// Whether a file that looks so now is as large and as old, whatever happened to its inode.
    pub fn has_size_and_time_of(&self, now: &Self) -> bool {
        (self.size, self.mtime_ns) == (now.size, now.mtime_ns)
    }

    /// Whether a file that looks so now certainly has the digest that was taken.
    pub fn is_still(&self, now: &Self) -> bool {
        matches!(self.inode, InodeChange::Hashed(_)) && now.inode.ns().is_some() && self.looks_like(now)
    }

    /// The same of a file of which the digest was taken since.
    #[must_use]
    pub fn hashed(self) -> Self {
        let inode = self.inode.ns().map_or(InodeChange::Unknown, InodeChange::Hashed);
        Self { inode, ..self }
    }
}

impl InodeChange {
    pub(super) fn ns(self) -> Option<i64> {
        match self {
            Self::Unknown => None,
            Self::Seen(ns) | Self::Hashed(ns) => Some(ns),
        }
    }
}

/// A location joined with what is known of its inode, in the order of [`location`].
const LOCATIONS: &str = "SELECT path, sha256, size, mtime_ns, vanished, ctime_ns, hashed \
     FROM location LEFT JOIN inode_change USING (path)";

impl Store {
    /// What is known of a location.
    pub fn location(&self, at: &Location) -> Result<Option<LocationRecord>, StoreError> {
        let mut statement = self.connection.prepare_cached(&format!("{LOCATIONS} WHERE path = ?1"))?;
        let row = statement.query_row([at.bytes()], |row| Ok(location(row))).optional()?;
        row.transpose()
    }

    /// Every location below the folder `root`, in byte order of the paths, one by one.
    pub fn each_location_below(
        &self,
        root: &Path,
        mut visit: impl FnMut(LocationRecord),
    ) -> Result<(), StoreError> {
        let (first, end) = range_below(root);
        let query = format!("{LOCATIONS} WHERE path >= ?1 AND path < ?2 ORDER BY path");
        let mut statement = self.connection.prepare_cached(&query)?;
        let mut rows = statement.query(params![first, end])?;
        while let Some(row) = rows.next()? {
            visit(location(row)?);
        }
        Ok(())
    }

    /// The digest of every file that is there, and what it looked like when that was taken.
    pub fn sightings(&self) -> Result<HashMap<Location, (Sha256Digest, Sighting)>, StoreError> {
        let mut statement = self.connection.prepare(&format!("{LOCATIONS} WHERE NOT vanished"))?;
        let mut rows = statement.query([])?;
        let mut sightings = HashMap::new();
        while let Some(row) = rows.next()? {
            let LocationRecord { at, sha256, sighting, .. } = location(row)?;
            sightings.insert(at, (sha256, sighting));
        }
        Ok(sightings)
    }

    /// Whether the content was ever seen.
    pub fn knows_content(&self, sha256: &Sha256Digest) -> Result<bool, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT 1 FROM content WHERE sha256 = ?1")?;
        Ok(statement.exists([sha256.as_bytes()])?)
    }
}

/// The first path that can lie below a folder, and the first after it that cannot: one range of bytes.
pub fn range_below(folder: &Path) -> (Vec<u8>, Vec<u8>) {
    let folder = folder.as_os_str().as_bytes();
    let first = if folder.ends_with(b"/") { folder.to_vec() } else { [folder, b"/"].concat() };
    // The byte after `/` is `0`.
    let end = [&first[..first.len() - 1], b"0"].concat();
    (first, end)
}

pub(super) fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

pub(super) fn at(bytes: &[u8]) -> Location {
    Location::from_bytes(bytes.to_vec())
}

pub(super) fn digest(bytes: &[u8]) -> Result<Sha256Digest, StoreError> {
    bytes.try_into().map_err(|error| StoreError::Damaged(format!("{error}")))
}

fn location(row: &Row<'_>) -> Result<LocationRecord, StoreError> {
    let blob = |column| row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from);
    let inode = match (row.get(5)?, row.get(6)?) {
        (Some(ns), Some(true)) => InodeChange::Hashed(ns),
        (Some(ns), _) => InodeChange::Seen(ns),
        (None, _) => InodeChange::Unknown,
    };
    Ok(LocationRecord {
        at: at(blob(0)?),
        sha256: digest(blob(1)?)?,
        sighting: Sighting { size: row.get::<_, i64>(2)? as u64, mtime_ns: row.get(3)?, inode },
        vanished: row.get(4)?,
    })
}
