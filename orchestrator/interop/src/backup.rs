//! A copy of the store that appears under its name when it is whole.

use std::{io, path::Path};

use facesets_base::output::{Existing, FileKind, OutputFile};
use facesets_library::store::{Store, StoreError};

use super::error::InteropError;

/// Copies the store of the file `live` to `path`, whatever a writer does meanwhile; returns the size of the
/// copy in bytes.
pub fn backup(store: &Store, live: &Path, path: &Path, existing: Existing) -> Result<u64, InteropError> {
    let file = OutputFile::create(path, FileKind::Backup, existing, Some(live))?;
    store.copy_to(file.path()).map_err(|error| match error {
        // SQLite does not say which disk it means; the library is only read.
        StoreError::Full => InteropError::at(path)(io::ErrorKind::StorageFull.into()),
        error => error.into(),
    })?;
    let bytes = file.as_file().metadata().map_err(InteropError::at(path))?.len();
    file.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use facesets_base::{library::Library, output::OutputError};
    use facesets_library::store::{self, testing::foreign_database};

    use super::*;

    #[test]
    fn a_backup_replaces_a_backup_and_no_library_by_whatever_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let library = Library::new(path("library"));
        let store = store::Writer::open(&library, store::FileSystemPolicy::RollbackJournal).unwrap();
        store.store().copy_to(&path("copy")).unwrap();
        let live = library.store_file();
        let begin =
            |name: &str| OutputFile::create(&path(name), FileKind::Backup, Existing::MoveAside, Some(&live));
        begin("copy").unwrap();
        fs::hard_link(&live, path("second-name")).unwrap();
        symlink(&live, path("link-to-it")).unwrap();
        for name in ["library/library.sqlite", "second-name", "link-to-it"] {
            let refused = begin(name);
            assert!(matches!(refused, Err(OutputError::InUse { .. })), "{name}: {refused:?}");
        }
        let other = Library::new(path("other-library"));
        drop(store::Writer::open(&other, store::FileSystemPolicy::RollbackJournal).unwrap());
        assert!(matches!(begin("other-library/library.sqlite"), Err(OutputError::Live(_))));
        symlink("copy", path("link")).unwrap();
        foreign_database(&path("other"));
        for name in ["link", "other", "library/lock"] {
            let refused = begin(name);
            assert!(matches!(refused, Err(OutputError::ForeignFile { .. })), "{name}: {refused:?}");
        }
    }
}
