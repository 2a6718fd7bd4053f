//! Stores of earlier versions, committed as SQL in `tests/fixtures/stores` by
//! `scripts/python/make_old_stores.py`.

use std::{fs, path::PathBuf};

use facesets_base::{library::Library, location::Location};
use tempfile::TempDir;

use crate::store::{FileSystemPolicy, Sighting, Store, Writer, schema};

/// Every version but the current one.
fn versions() -> std::ops::Range<usize> {
    1..schema::MIGRATIONS.len()
}

fn fixture(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/stores");
    fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A library as a program of `version` left it.
fn library_of(version: usize) -> (TempDir, Library) {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::new(folder.path());
    let connection = rusqlite::Connection::open(library.store_file()).unwrap();
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
    connection.execute_batch(&fixture(&format!("v{version}.sql"))).unwrap();
    (folder, library)
}

fn dump(store: &Store) -> String {
    let mut out = Vec::new();
    store.dump(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_store_of_every_earlier_version_keeps_every_row() {
    assert!(versions().contains(&1) && versions().contains(&7));
    for version in versions() {
        let (_folder, library) = library_of(version);
        let writer = Writer::open(&library, FileSystemPolicy::Refuse).unwrap();
        assert_eq!(writer.pragma("user_version"), format!("Integer({})", schema::MIGRATIONS.len()));
        assert_eq!(dump(writer.store()), fixture(&format!("v{version}.dump")), "version {version}");
        assert_eq!(writer.store().verify(&|_| ()).unwrap(), []);
        let unread = writer.store().contents_without_camera().unwrap().len();
        assert_eq!(unread, if version >= 3 { 3 } else { 4 });
        assert_eq!(writer.store().decisions().unwrap().len(), usize::from(version >= 4));
        assert_eq!(writer.store().pins().unwrap().len(), usize::from(version >= 5));
        assert_eq!(writer.store().consent_statements().unwrap().len(), usize::from(version >= 6));

        let contract = writer.store().contracts().unwrap().remove(0);
        let suspect = facesets_core::Sha256Digest::of(b"new");
        let deaths = writer.store().strikes(&suspect, &contract).unwrap();
        assert_eq!(deaths, (version >= 2).then_some(1));
        let location = writer.store().location(&Location::file("/photos/a.jpg")).unwrap().unwrap();
        let sighting = Sighting { size: 1000, mtime_ns: 1_555_000_000_123_456_789, ..Sighting::default() };
        assert_eq!(location.sighting, sighting);
    }
}

#[test]
fn a_store_of_an_earlier_version_is_read_as_it_is() {
    for version in versions() {
        let (_folder, library) = library_of(version);
        let before = fs::read(library.store_file()).unwrap();
        let store = Store::open_read(&library).unwrap();
        assert_eq!(dump(&store), fixture(&format!("v{version}.dump")), "version {version}");
        assert_eq!(store.verify(&|_| ()).unwrap(), []);
        assert_eq!(store.status().unwrap().contracts[0].faces, 1);
        assert_eq!(store.gallery(None).unwrap().faces.len(), 1);
        assert_eq!(store.pins().unwrap().len(), usize::from(version >= 5));
        assert_eq!(store.consent_statements().unwrap().len(), usize::from(version >= 6));
        drop(store);
        assert!(fs::read(library.store_file()).unwrap() == before, "version {version}");
    }
}

#[test]
fn a_store_of_a_later_version_is_refused_with_a_hint() {
    use facesets_base::exit::Hint as _;
    let (_folder, library) = library_of(1);
    let later = schema::MIGRATIONS.len() + 1;
    let connection = rusqlite::Connection::open(library.store_file()).unwrap();
    connection.pragma_update(None, "user_version", later as i64).unwrap();
    drop(connection);
    let errors = [
        Writer::open(&library, FileSystemPolicy::Refuse).unwrap_err(),
        Store::open_read(&library).unwrap_err(),
    ];
    for error in errors {
        assert!(error.to_string().contains(&format!("of version {later}")), "{error}");
        assert!(error.hint().unwrap().contains("newer `facesets`"));
    }
}
