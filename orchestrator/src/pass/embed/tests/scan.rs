//! What a run makes of files that changed, became something else, or are left out.

use std::os::unix::fs::symlink;

use facesets_library::{source::disk::SystemFolders, store::LeftOutPlaces};

use super::*;

/// Writes other bytes of the same length into a photo, and sets its time back.
fn edit_in_place(path: &Path, content: &str) {
    let file = fs::File::options().write(true).open(path).unwrap();
    let modified = file.metadata().unwrap().modified().unwrap();
    fs::write(path, content).unwrap();
    file.set_modified(modified).unwrap();
}

fn status(place: &Place) -> facesets_library::store::StoreStatus {
    Store::open_read(&place.library).unwrap().status().unwrap()
}

fn excluding(place: &Place, patterns: &[&str]) -> Options {
    let patterns: Vec<String> = patterns.iter().map(|text| (*text).to_owned()).collect();
    let filter = Filter::new(&[], &patterns).unwrap();
    let sources = place.sources(ScanOptions { filter, ..ScanOptions::default() });
    Options { sources, ..place.options() }
}

#[test]
fn a_photo_that_was_edited_with_its_time_kept_is_read_again() {
    let place = Place::good();
    let photo = place.photo("a.jpg", "before");
    place.photo("b.jpg", "other");
    place.embed();
    place.sent();
    edit_in_place(&photo, "after!");
    let (exit, summary, _) = place.embed();
    assert_eq!((exit, summary.hashed, summary.new, place.sent()), (Exit::Done, 1, 1, 1));
    let (_, summary, _) = place.embed();
    assert_eq!((summary.hashed, summary.new), (0, 0));
}

#[test]
fn a_library_that_knows_no_inodes_hashes_nothing_anew_until_something_happens() {
    let place = Place::good();
    let photo = place.photo("a.jpg", "before");
    place.photo("b.jpg", "other");
    place.embed();
    place.sent();
    let forget = || {
        let connection = rusqlite::Connection::open(place.library.store_file()).unwrap();
        connection.execute_batch("DELETE FROM inode_change").unwrap();
    };
    forget();
    let (_, summary, _) = place.embed();
    assert_eq!(summary.hashed, 0);
    edit_in_place(&photo, "after!");
    let (_, summary, _) = place.embed();
    assert_eq!((summary.hashed, summary.new, place.sent()), (1, 1, 1));

    // What was edited before anybody kept that: only reading everything tells.
    edit_in_place(&photo, "later!");
    forget();
    let (_, summary, _) = place.embed();
    assert_eq!((summary.hashed, summary.new), (0, 0));
    let sources = place.sources(ScanOptions::default()).rereading(Rereading::Everything);
    let (_, summary, _) = place.embed_with(&Options { sources, ..place.options() });
    assert_eq!((summary.hashed, summary.new, summary.analysed, place.sent()), (2, 1, 1, 1));
}

#[test]
fn a_photo_that_has_become_a_pipe_or_endless_is_named_and_the_rest_goes_on() {
    let place = Place::good();
    let photos = place.folder.path().join("photos");
    // The scan has seen files; what opens them finds something else.
    let sighting = facesets_library::store::Sighting { size: 5, mtime_ns: 1, ..Default::default() };
    let found = |name: &str| facesets_library::source::disk::FoundFile { path: photos.join(name), sighting };
    assert!(std::process::Command::new("mkfifo").arg(photos.join("pipe.jpg")).status().unwrap().success());
    symlink("/dev/zero", photos.join("zero.jpg")).unwrap();
    fs::create_dir(photos.join("folder.jpg")).unwrap();
    place.photo("good.jpg", "good");
    let mut bad = Vec::new();
    let files = ["folder.jpg", "good.jpg", "pipe.jpg", "zero.jpg"].map(found);
    let hashed = facesets_library::source::hash::hash_all(
        files.to_vec(),
        &tokio_util::sync::CancellationToken::default(),
        |file, hashed| {
            if hashed.is_err() {
                bad.push(file.path);
            }
            Ok::<_, std::convert::Infallible>(())
        },
    );
    let Ok(()) = hashed;
    bad.sort();
    assert_eq!(bad, ["folder.jpg", "pipe.jpg", "zero.jpg"].map(|name| photos.join(name)));
    // As the scan itself sees them, they are no photos.
    let follow =
        ScanOptions { symlinks: facesets_library::source::disk::Symlinks::Follow, ..ScanOptions::default() };
    let options = Options { sources: place.sources(follow), ..place.options() };
    let (result, summary, _) = place.embed_with(&options);
    assert_eq!((result.unwrap(), summary.found.files), (Exit::Done, 1));
}

#[test]
fn what_a_later_run_excludes_counts_no_more_until_it_is_taken_again() {
    let place = Place::good();
    for name in ["a.jpg", "privat/b.jpg", "privat/c.jpg"] {
        place.photo(name, name);
    }
    let gone = place.photo("privat/gone.jpg", "gone");
    place.embed();
    place.sent();
    fs::remove_file(gone).unwrap();
    let (result, summary, problems) = place.embed_with(&excluding(&place, &["PRIVAT", "nothing"]));
    assert_eq!((result.unwrap(), summary.found.left_out, summary.vanished), (Exit::Done, 3, 1));
    assert!(problems.iter().any(|problem| problem.starts_with("--exclude nothing: matches nothing")));
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(status(&place).left_out, LeftOutPlaces { pattern: 3, system: 0 });
    let gallery = || Store::open_read(&place.library).unwrap().gallery(None).unwrap().contents.len();
    assert_eq!(gallery(), 1);
    assert!(summary.to_string().contains("left out   3 places of known photos"), "{summary}");

    // Looking elsewhere, or only for something, changes nothing.
    let include = Filter::new(&["a.jpg".to_owned()], &[]).unwrap();
    let sources = place.sources(ScanOptions { filter: include, ..ScanOptions::default() });
    place.embed_with(&Options { sources, ..place.options() }).0.unwrap();
    assert_eq!(gallery(), 1);
    let (_, summary, _) = place.embed();
    assert_eq!((summary.taken_again, summary.found.left_out, summary.hashed, place.sent()), (2, 0, 0, 0));
    assert_eq!((gallery(), status(&place).left_out.pattern), (3, 1), "what is gone was not taken again");
}

#[test]
fn thumbnails_that_are_in_a_library_leave_it_with_the_next_run() {
    let place = Place::good();
    place.photo("a.jpg", "a");
    place.photo("@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg", "a, smaller");
    place.photo("#recycle/b.jpg", "b");
    // As a program did that knew nothing of such folders.
    let take = ScanOptions { system_folders: SystemFolders::Take, ..ScanOptions::default() };
    let options = Options { sources: place.sources(take), ..place.options() };
    let (_, summary, _) = place.embed_with(&options);
    assert_eq!((summary.found.files, summary.analysed), (3, 3));
    let (exit, summary, _) = place.embed();
    assert_eq!((exit, summary.found.files, summary.found.left_out), (Exit::Done, 1, 2));
    let said = summary.to_string();
    assert!(said.contains("system     1 #recycle, 1 @eaDir: kept by NAS"), "{said}");
    assert_eq!(status(&place).left_out, LeftOutPlaces { pattern: 0, system: 2 });
    place.sent();
    let (_, summary, _) = place.embed_with(&options);
    assert_eq!((summary.taken_again, summary.hashed, place.sent()), (2, 0, 0));
}

#[test]
fn files_without_a_photos_name_are_opened_once_and_named_by_extension() {
    let place = Place::good();
    let jpeg = "\u{1}photo in a file without a name";
    let path = place.photo("DJI_0001", jpeg);
    let mut bytes = b"\xFF\xD8\xFF\xE0\0\x10JFIF".to_vec();
    bytes.extend(jpeg.bytes());
    fs::write(&path, bytes).unwrap();
    place.photo("a.json", "{\"title\": \"a photo\"}");
    place.photo("b.psd", "8BPS and more of that");
    place.photo("a.jpg", "a");
    let (exit, summary, _) = place.embed();
    assert_eq!(
        (exit, summary.found.files, summary.found.other_files, summary.analysed),
        (Exit::Done, 2, 2, 2)
    );
    let said = summary.to_string();
    assert!(said.contains("files      2 (2 others passed over: 1 .json, 1 .psd)"), "{said}");
    assert!(said.contains("not read   1 .psd: pictures"), "{said}");
    let store = Store::open_read(&place.library).unwrap();
    let root = fs::canonicalize(place.folder.path()).unwrap();
    assert_eq!(store.no_photos_below(&root).unwrap().len(), 2);
    let (_, summary, _) = place.embed();
    assert_eq!((summary.found.files, summary.hashed, summary.found.other_files), (2, 0, 2));
}
