//! Changes that were cut off and whose folders are away by the time of the next command.

use std::panic::{AssertUnwindSafe, catch_unwind};

use facesets_base::layout::KEPT;

use super::*;

/// Ends as a process that is killed would, after so many renames.
#[derive(Debug)]
struct CutOff(AtomicU32);

impl Steps for CutOff {
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn pause(&self, _: Duration) {}

    fn reached(&self, point: &str) {
        if point == "renamed" && self.0.fetch_sub(1, Relaxed) == 1 {
            std::panic::panic_any("killed");
        }
    }
}

/// A change of `out` and, if asked for, of `other` too, that is cut off after so many renames.
fn cut_off(fixture: &mut Fixture, renames: u32, roots: &[&str]) {
    let steps = CutOff(renames.into());
    let roots: Vec<PathBuf> = roots.iter().map(|root| fixture.folder.path().join(root)).collect();
    let cut = catch_unwind(AssertUnwindSafe(|| {
        let change = Change::begin(&mut fixture.writer, &steps, "cut", &roots).unwrap();
        for root in &roots {
            fs::create_dir_all(change.staging(root).join("a")).unwrap();
            fs::write(change.staging(root).join("a/photo.jpg"), "new a").unwrap();
            fs::write(change.staging(root).join("manifest.json"), "new").unwrap();
        }
        change.finish(&[])
    }));
    assert!(cut.is_err(), "it was not cut off");
}

fn waiting(fixture: &mut Fixture) -> Vec<Waiting> {
    let settled = settle(&mut fixture.writer, &Disk).unwrap();
    assert_eq!(settled.recovered, []);
    settled.waiting
}

#[test]
fn only_the_folder_that_is_away_waits_and_its_change_goes_on_when_it_is_back() {
    for renames in 1..=3 {
        let mut fixture = Fixture::new();
        fixture.add_to("before", &["out"]);
        cut_off(&mut fixture, renames, &["out"]);
        let (root, away) = (fixture.root(), fixture.folder.path().join("moved"));
        fs::rename(&root, &away).unwrap();
        // A mount point stays where its disk is not.
        for in_its_place in [false, true] {
            if in_its_place {
                fs::create_dir(&root).unwrap();
            }
            let waiting = waiting(&mut fixture);
            let [waits] = &waiting[..] else { panic!("{waiting:?}") };
            assert_eq!(waits.why.as_ref().unwrap(), &root);
            let other = fixture.folder.path().join("other");
            let touched = [&root, &root.join("a"), &away, &other].map(|path| waits.touches(path));
            assert_eq!(touched, [true, true, true, false]);

            let refused = Change::begin(&mut fixture.writer, &Disk, "same", std::slice::from_ref(&root));
            assert!(matches!(refused, Err(ChangeError::Waits { .. })));
            drop(refused);
            let passed = fixture.undoable().0;
            assert!(passed.iter().any(|(command, _)| command == "before"), "{passed:?}");
        }
        fixture.add_to("another", &["other"]);
        assert_eq!(fixture.undoable().1.as_deref(), Some("another"));

        fs::remove_dir(&root).unwrap();
        fs::rename(&away, &root).unwrap();
        let settled = settle(&mut fixture.writer, &Disk).unwrap();
        assert_eq!(settled.recovered, [Recovered::Finished("cut".to_owned())]);
        let files = fixture.files();
        assert!(files.contains(&("a/photo.jpg".to_owned(), "new a".to_owned())), "{files:?}");
        assert!(settle(&mut fixture.writer, &Disk).unwrap().waiting.is_empty());
    }
}

#[test]
fn a_change_whose_folder_is_gone_for_good_is_given_up_and_its_other_folders_are_as_before() {
    // Of `out`: a aside, a in, manifest aside, manifest in; then the same of `two`.
    for renames in 1..8 {
        let mut fixture = Fixture::new();
        let path = |fixture: &Fixture, name: &str| fixture.folder.path().join(name);
        let gone = path(&fixture, "two");
        fs::create_dir_all(gone.join("a")).unwrap();
        fs::write(gone.join("a/photo.jpg"), "old").unwrap();
        fs::write(gone.join("manifest.json"), "old").unwrap();
        cut_off(&mut fixture, renames, &["out", "two"]);
        fs::remove_dir_all(&gone).unwrap();
        assert_eq!(waiting(&mut fixture).len(), 1, "{renames}");
        let abandoned = abandon(&mut fixture.writer, &Disk, &gone).unwrap();
        let expected = Abandoned {
            command: "cut".to_owned(),
            as_before: vec![fixture.root()],
            left: vec![gone.clone()],
        };
        assert_eq!(abandoned, expected, "{renames}");
        assert_eq!(fixture.files(), old(), "{renames}");
        assert!(waiting(&mut fixture).is_empty());
        let again = abandon(&mut fixture.writer, &Disk, &gone);
        assert!(matches!(again, Err(ChangeError::NothingWaits(_))), "{again:?}");
        fixture.change(&Disk).unwrap();
        assert_eq!(fixture.files(), new());
    }
}

#[test]
fn what_somebody_moved_by_hand_keeps_only_its_own_folder_waiting_and_can_be_given_up_too() {
    let mut fixture = Fixture::new();
    cut_off(&mut fixture, 2, &["out"]);
    let odd = fixture.root().join(KEPT).join("1/old/a");
    fs::rename(&odd, fixture.folder.path().join("taken")).unwrap();
    let waits = waiting(&mut fixture);
    assert!(matches!(waits[0].why, Err(ChangeError::Unrecognised { .. })), "{waits:?}");
    fixture.add_to("another", &["other"]);
    let root = fixture.root();
    assert_eq!(abandon(&mut fixture.writer, &Disk, &root).unwrap().left, [root]);
    assert!(waiting(&mut fixture).is_empty());
}

#[test]
fn what_was_only_being_built_is_taken_back_when_its_folder_is_there_or_never_came_to_be() {
    let mut fixture = Fixture::new();
    let (root, away, new) =
        (fixture.root(), fixture.folder.path().join("moved"), fixture.folder.path().join("new"));
    std::mem::forget(Change::begin(&mut fixture.writer, &Disk, "cut", std::slice::from_ref(&root)).unwrap());
    fs::rename(&root, &away).unwrap();
    assert_eq!(waiting(&mut fixture).len(), 1);
    std::mem::forget(Change::begin(&mut fixture.writer, &Disk, "new", std::slice::from_ref(&new)).unwrap());
    fs::remove_dir_all(&new).unwrap();
    fs::rename(&away, &root).unwrap();
    let recovered = settle(&mut fixture.writer, &Disk).unwrap().recovered;
    assert_eq!(recovered, ["cut", "new"].map(|command| Recovered::TakenBack(command.to_owned())));
    assert_eq!(fixture.files(), old());
    assert!(!root.join(KEPT).exists());
}

#[test]
fn nothing_is_written_through_a_link_in_a_folder() {
    let mut fixture = Fixture::new();
    let (root, elsewhere) = (fixture.root(), fixture.folder.path().join("elsewhere"));
    fs::create_dir(&elsewhere).unwrap();
    for link in [KEPT, "_thin"] {
        std::os::unix::fs::symlink(&elsewhere, root.join(link)).unwrap();
        let changed = Change::begin(&mut fixture.writer, &Disk, "test", std::slice::from_ref(&root))
            .and_then(|change| {
                fs::create_dir_all(change.staging(&root).join("_thin/x")).unwrap();
                change.finish(&[])
            });
        assert!(matches!(changed, Err(ChangeError::Link(_))), "{link}: {changed:?}");
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "{link}");
        fs::remove_file(root.join(link)).unwrap();
        assert_eq!(fixture.files(), old(), "{link}");
        assert_eq!(fixture.writer.store().decisions().unwrap(), [], "{link}");
    }
}
