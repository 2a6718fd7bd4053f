//! Changes that are cut off after every step, and renames that fail, on real folders.

mod waiting;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use facesets_base::{layout::KEPT, library::Library};
use facesets_library::store::{FileSystemPolicy, Writer};

use super::*;

/// Steps of which some fail: renames whose source lies below a name, so many times; and everything after a
/// point.
#[derive(Debug, Default)]
struct Failing {
    name: &'static str,
    times: AtomicU32,
    tried: AtomicU32,
}

impl Failing {
    fn new(name: &'static str, times: u32) -> Self {
        Self { name, times: times.into(), tried: 0.into() }
    }
}

impl Steps for Failing {
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let matches = from.file_name().is_some_and(|name| name == self.name);
        if matches && self.times.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
            self.tried.fetch_add(1, Relaxed);
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        fs::rename(from, to)
    }

    fn pause(&self, _: Duration) {}
}

/// Takes the last decision back that can be.
fn undo(journal: &mut Writer, steps: &dyn Steps) -> Result<Intent, ChangeError> {
    Undo::find(journal.store())?.carry_out(journal, steps)
}

struct Fixture {
    folder: tempfile::TempDir,
    writer: Writer,
}

impl Fixture {
    /// A root with two sets and a manifest.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("out");
        for set in ["a", "b"] {
            fs::create_dir_all(root.join(set)).unwrap();
            fs::write(root.join(set).join("photo.jpg"), format!("old {set}")).unwrap();
        }
        fs::write(root.join("manifest.json"), "old").unwrap();
        let library = Library::new(folder.path().join("library"));
        Self { writer: Writer::open(&library, FileSystemPolicy::RollbackJournal).unwrap(), folder }
    }

    /// Adds a file to each of some new roots, as one change by this command.
    fn add_to(&mut self, command: &str, roots: &[&str]) {
        let roots: Vec<PathBuf> = roots.iter().map(|root| self.folder.path().join(root)).collect();
        let change = Change::begin(&mut self.writer, &Disk, command, &roots).unwrap();
        for root in &roots {
            fs::write(change.staging(root).join("manifest.json"), command).unwrap();
        }
        change.finish(&[]).unwrap();
    }

    /// Why decisions are passed over, and the command that would be taken back.
    fn undoable(&self) -> (Vec<(String, Why)>, Option<String>) {
        let undo = Undo::find(self.writer.store()).unwrap();
        let passed = undo.passed_over.iter().map(|passed| (passed.command.clone(), passed.why)).collect();
        (passed, undo.decision().ok().map(|(_, intent)| intent.command.clone()))
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// Changes a, removes b, adds c.
    fn change(&mut self, steps: &dyn Steps) -> Result<i64, ChangeError> {
        let root = self.root();
        let change = Change::begin(&mut self.writer, steps, "test", std::slice::from_ref(&root))?;
        for set in ["a", "c"] {
            fs::create_dir_all(change.staging(&root).join(set)).unwrap();
            fs::write(change.staging(&root).join(set).join("photo.jpg"), format!("new {set}")).unwrap();
        }
        fs::write(change.staging(&root).join("manifest.json"), "new").unwrap();
        change.finish(&[(root, "b".to_owned())])
    }

    /// Every file of the root, without what is kept.
    fn files(&self) -> Vec<(String, String)> {
        let mut files: Vec<_> = walkdir::WalkDir::new(self.root())
            .into_iter()
            .filter_entry(|entry| entry.file_name() != KEPT)
            .map(Result::unwrap)
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| {
                let name = entry.path().strip_prefix(self.root()).unwrap().display().to_string();
                (name, fs::read_to_string(entry.path()).unwrap())
            })
            .collect();
        files.sort();
        files
    }
}

fn files(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn old() -> Vec<(String, String)> {
    files(&[("a/photo.jpg", "old a"), ("b/photo.jpg", "old b"), ("manifest.json", "old")])
}

fn new() -> Vec<(String, String)> {
    files(&[("a/photo.jpg", "new a"), ("c/photo.jpg", "new c"), ("manifest.json", "new")])
}

#[test]
fn a_change_is_all_there_and_undo_gives_back_what_was() {
    let mut fixture = Fixture::new();
    fixture.change(&Disk).unwrap();
    assert_eq!(fixture.files(), new());
    assert_eq!(undo(&mut fixture.writer, &Disk).unwrap().command, "test");
    assert_eq!(fixture.files(), old());
    assert!(matches!(undo(&mut fixture.writer, &Disk), Err(ChangeError::NothingToUndo)));
}

#[test]
fn decisions_are_taken_back_one_after_the_other() {
    let mut fixture = Fixture::new();
    fixture.change(&Disk).unwrap();
    fs::create_dir(fixture.root().join("b")).unwrap();
    fixture.change(&Disk).unwrap();
    for _ in 0..2 {
        undo(&mut fixture.writer, &Disk).unwrap();
        let _ = fs::remove_dir(fixture.root().join("b"));
    }
    assert_eq!(fixture.files(), old());
}

#[test]
fn a_change_that_is_given_up_leaves_nothing() {
    let mut fixture = Fixture::new();
    let root = fixture.root();
    drop(Change::begin(&mut fixture.writer, &Disk, "test", std::slice::from_ref(&root)).unwrap());
    assert_eq!(fixture.files(), old());
    assert!(!root.join(KEPT).exists());
    assert_eq!(fixture.writer.store().decisions().unwrap(), []);

    let new = fixture.folder.path().join("new");
    drop(Change::begin(&mut fixture.writer, &Disk, "test", std::slice::from_ref(&new)).unwrap());
    assert!(!new.exists());
}

#[test]
fn a_rename_that_fails_for_a_moment_is_tried_again() {
    let mut fixture = Fixture::new();
    let steps = Failing::new("c", 5);
    fixture.change(&steps).unwrap();
    assert_eq!((fixture.files(), steps.tried.into_inner()), (new(), 5));
}

#[test]
fn a_rename_that_keeps_failing_turns_everything_back() {
    for name in ["a", "b", "c", "manifest.json"] {
        let mut fixture = Fixture::new();
        let error = fixture.change(&Failing::new(name, 6)).unwrap_err();
        assert!(matches!(error, ChangeError::RolledBack { .. }), "{name}: {error}");
        assert_eq!(fixture.files(), old(), "{name}");
        assert_eq!(fixture.writer.store().decisions().unwrap(), [], "{name}");
        assert!(!fixture.root().join(KEPT).exists(), "{name}");
        fixture.change(&Disk).unwrap();
        assert_eq!(fixture.files(), new(), "{name}");
    }
}

#[test]
fn a_change_that_is_stuck_is_settled_by_the_next_command() {
    let mut fixture = Fixture::new();
    // `a` moves aside but neither comes nor goes back, until the next command.
    let error = fixture.change(&Failing::new("a", 100)).unwrap_err();
    assert!(matches!(error, ChangeError::RolledBack { .. }), "nothing had moved: {error}");
    fixture.change(&Disk).unwrap();
    let error = undo(&mut fixture.writer, &Failing::new("manifest.json", 6)).unwrap_err();
    assert!(matches!(error, ChangeError::RolledBack { .. }), "{error}");
    assert_eq!(fixture.files(), new(), "an undo that fails leaves everything as it was");
    undo(&mut fixture.writer, &Disk).unwrap();
    assert_eq!(fixture.files(), old());
}

#[test]
fn undo_refuses_to_lose_what_was_changed_by_hand() {
    let mut fixture = Fixture::new();
    fixture.change(&Disk).unwrap();
    fs::write(fixture.root().join("c/other.jpg"), "precious").unwrap();
    let error = undo(&mut fixture.writer, &Disk).unwrap_err();
    assert!(matches!(error, ChangeError::ChangedSince { ref name, .. } if name == "c"), "{error}");
    fs::remove_file(fixture.root().join("c/other.jpg")).unwrap();
    undo(&mut fixture.writer, &Disk).unwrap();
    assert_eq!(fixture.files(), old());
}

#[test]
fn quarantined_sets_are_swapped_one_by_one_and_their_folder_goes_with_the_last() {
    let mut fixture = Fixture::new();
    let root = fixture.root();
    let mut add = |set: &str, removed: &[(PathBuf, String)]| {
        let change = Change::begin(&mut fixture.writer, &Disk, "test", std::slice::from_ref(&root)).unwrap();
        fs::create_dir_all(change.staging(&root).join("_thin").join(set)).unwrap();
        fs::write(change.staging(&root).join("_thin").join(set).join("photo.jpg"), set).unwrap();
        change.finish(removed).unwrap();
    };
    add("x", &[]);
    add("y", &[]);
    add("z", &[(root.clone(), "_thin/x".to_owned())]);
    let thin = |names: &[&str]| {
        let mut all: Vec<(String, String)> =
            names.iter().map(|name| (format!("_thin/{name}/photo.jpg"), (*name).to_owned())).collect();
        all.extend(old());
        all
    };
    assert_eq!(fixture.files(), thin(&["y", "z"]));
    for names in [&["x", "y"][..], &["x"], &[]] {
        undo(&mut fixture.writer, &Disk).unwrap();
        assert_eq!(fixture.files(), thin(names));
    }
    assert!(!root.join("_thin").exists());
}

#[test]
fn a_decision_whose_folder_is_gone_or_another_is_passed_over_and_the_one_before_is_undone() {
    let mut fixture = Fixture::new();
    let path = |name: &str| fixture.folder.path().join(name);
    let (other, aside) = (path("other"), path("other.previous-1"));
    fixture.change(&Disk).unwrap();
    fixture.add_to("first", &["other"]);
    fixture.add_to("second", &["gone"]);
    fs::remove_dir_all(fixture.folder.path().join("gone")).unwrap();
    fs::rename(&other, &aside).unwrap();
    fs::create_dir(&other).unwrap();
    let passed = vec![("second".to_owned(), Why::Gone), ("first".to_owned(), Why::NothingKept)];
    assert_eq!(fixture.undoable(), (passed, Some("test".to_owned())));
    assert_eq!(undo(&mut fixture.writer, &Disk).unwrap().command, "test");
    assert_eq!(fixture.files(), old());
    assert!(matches!(undo(&mut fixture.writer, &Disk), Err(ChangeError::NothingToUndo)));

    // What is put back can be undone again.
    fs::remove_dir(&other).unwrap();
    fs::rename(&aside, &other).unwrap();
    assert_eq!(undo(&mut fixture.writer, &Disk).unwrap().command, "first");
    assert!(!other.join("manifest.json").exists());
}

#[test]
fn a_decision_under_one_that_is_passed_over_is_passed_over_too() {
    let mut fixture = Fixture::new();
    fixture.change(&Disk).unwrap();
    fixture.add_to("early", &["one"]);
    fixture.add_to("both", &["one", "two"]);
    fs::remove_dir_all(fixture.folder.path().join("two")).unwrap();
    let passed = vec![("both".to_owned(), Why::Gone), ("early".to_owned(), Why::Buried)];
    assert_eq!(fixture.undoable(), (passed, Some("test".to_owned())));
    undo(&mut fixture.writer, &Disk).unwrap();
    assert_eq!(fs::read_to_string(fixture.folder.path().join("one/manifest.json")).unwrap(), "both");
}
