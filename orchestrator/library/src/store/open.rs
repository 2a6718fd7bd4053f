//! How a database is opened: page size, journal, checks, migrations.

use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use facesets_base::{layout::STORE_APPLICATION_ID, library::Library};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{FileSystem, FileSystemPolicy, Store, StoreError, Writer, lock::Lock, schema};

/// Fewer, larger pages: an embedding is 2 kB.
const PAGE_SIZE: i64 = 16_384;

/// How long a statement waits for another connection. Only rollback journals make readers and the writer
/// wait.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

impl Store {
    /// Opens an existing store to look into it; a writer may be at work meanwhile.
    pub fn open_read(library: &Library) -> Result<Self, StoreError> {
        let path = library.store_file();
        if !path.is_file() {
            return Err(StoreError::NoLibrary(library.folder().to_owned()));
        }
        let connection = match open_to_read(&path, OpenFlags::empty()) {
            // Nobody may write there, and a write-ahead log needs a file of shared memory even to be read.
            // Where no log is left the database is complete without.
            Err(error) if is_unwritable(&error) && !path.with_extension("sqlite-wal").exists() => {
                tracing::info!(store = %path.display(), %error, "opened as a file that never changes");
                open_to_read(&unchanging(&path), OpenFlags::SQLITE_OPEN_URI)?
            }
            opened => opened?,
        };
        check_application(&connection, &path)?;
        if schema::version(&connection)? == 0 {
            return Err(StoreError::NoLibrary(library.folder().to_owned()));
        }
        schema::complete(&connection)?;
        schema::make_views(&connection)?;
        Ok(Self { connection })
    }
}

impl Writer {
    /// Opens a store to write, made and migrated as need be, alone.
    pub fn open(library: &Library, policy: FileSystemPolicy) -> Result<Self, StoreError> {
        Self::open_on(library, policy, FileSystem::of)
    }

    /// Opens the store of a library that exists, alone. Whatever file system it lies on was accepted when it
    /// was made.
    pub fn open_existing(library: &Library) -> Result<Self, StoreError> {
        if !library.store_file().is_file() {
            return Err(StoreError::NoLibrary(library.folder().to_owned()));
        }
        Self::open(library, FileSystemPolicy::RollbackJournal)
    }

    /// As [`Self::open`], with another opinion on which file system a folder lies on.
    pub fn open_on(
        library: &Library,
        policy: FileSystemPolicy,
        file_system: impl FnOnce(&Path) -> FileSystem,
    ) -> Result<Self, StoreError> {
        let lock = Lock::take(library)?;
        let file_system = file_system(library.folder());
        let journal = match (file_system.is_safe(), policy) {
            (true, _) => "WAL",
            (false, FileSystemPolicy::RollbackJournal) => "DELETE",
            (false, FileSystemPolicy::Refuse) => {
                let folder = library.folder().to_owned();
                return Err(StoreError::UnsafeFileSystem { folder, kind: file_system.kind });
            }
        };
        let path = library.store_file();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        check_application(&connection, &path)?;
        // The page size must be set before the first page is written, and before the journal is a WAL.
        connection.pragma_update(None, "page_size", PAGE_SIZE)?;
        connection.pragma_update_and_check(None, "journal_mode", journal, |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        schema::migrate(&mut connection)?;
        schema::make_views(&connection)?;
        tracing::info!(store = %path.display(), journal, file_system = file_system.kind, "store opened");
        Ok(Self::new(Store { connection }, lock))
    }
}

/// Opens a database that must be there, and reads its header.
fn open_to_read(path: &Path, more: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags | more)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

fn is_unwritable(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// A name under which `SQLite` neither locks a file nor looks for one beside it.
/// Source: <https://sqlite.org/uri.html>, `immutable`.
fn unchanging(path: &Path) -> PathBuf {
    let mut name = b"file:".to_vec();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'%' | b'?' | b'#' => name.extend(format!("%{byte:02X}").bytes()),
            _ => name.push(*byte),
        }
    }
    name.extend(b"?immutable=1");
    PathBuf::from(OsString::from_vec(name))
}

/// Refuses databases of other programs. A file of no version and no tables is one that was only just made.
fn check_application(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    if schema::application_id(connection)? == STORE_APPLICATION_ID {
        return Ok(());
    }
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 && schema::version(connection)? == 0 {
        Ok(())
    } else {
        Err(StoreError::NotALibrary(path.to_owned()))
    }
}
