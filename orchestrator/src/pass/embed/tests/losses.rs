//! Photos that are gone, that cannot be reached or read, and that show what another one does.

use std::os::unix::fs::symlink;

use facesets_core::{PixelDigest, wire::TaskResult};
use facesets_library::{
    source::disk::Symlinks,
    store::{Absence, GonePlaces},
};

use super::*;

impl Place {
    /// Photos that count, and what is gone, from a run that takes losses so.
    fn after(&self, losses: Losses) -> (usize, GonePlaces, Summary, Vec<String>) {
        let (result, summary, problems) = self.embed_with(&Options { losses, ..self.options() });
        assert_eq!(result.unwrap(), Exit::Done, "{problems:?}");
        let store = Store::open_read(&self.library).unwrap();
        let counting = store.gallery(None).unwrap().contents.len();
        (counting, store.status().unwrap().gone, summary, problems)
    }
}

#[test]
fn many_photos_that_are_gone_at_once_are_doubted_until_the_user_says_so() {
    let place = Place::good();
    for i in 0..50 {
        place.photo(format!("old/{i}.jpg"), &format!("photo {i}"));
    }
    place.embed();
    // Moved is not lost.
    let photos = place.folder.path().join("photos");
    fs::rename(photos.join("old"), photos.join("new")).unwrap();
    let (contents, gone, summary, problems) = place.after(Losses::Doubt);
    assert_eq!((contents, gone, problems), (50, GonePlaces { places: 50, contents: 0 }, vec![]));
    assert_eq!((summary.gone, summary.away, summary.new), (50, 0, 0));

    for i in 0..26 {
        fs::remove_file(photos.join(format!("new/{i}.jpg"))).unwrap();
    }
    for vanished in [26, 0] {
        let (contents, gone, summary, problems) = place.after(Losses::Doubt);
        assert_eq!((contents, gone.contents, summary.gone, summary.away), (50, 0, 0, 26));
        assert_eq!((summary.vanished, problems.len()), (vanished, 1));
        assert!(
            problems[0].contains("26 of 50 photos") && problems[0].contains("--accept-gone"),
            "{problems:?}"
        );
    }
    let (contents, gone, summary, problems) = place.after(Losses::Accept);
    assert_eq!((contents, gone.contents, summary.gone, summary.away), (24, 26, 26, 0));
    assert_eq!(problems, Vec::<String>::new());
    // Fewer are believed.
    for i in 26..40 {
        fs::remove_file(photos.join(format!("new/{i}.jpg"))).unwrap();
    }
    assert_eq!(place.after(Losses::Doubt).0, 10);
}

#[test]
fn a_disk_that_is_away_changes_nothing_and_is_told_of() {
    let place = Place::good();
    for name in ["disk/a.jpg", "disk/2010/b.jpg", "c.jpg"] {
        place.photo(name, name);
    }
    place.embed();
    let photos = place.folder.path().join("photos");
    let elsewhere = place.folder.path().join("unplugged");
    fs::rename(photos.join("disk"), &elsewhere).unwrap();
    fs::create_dir(photos.join("disk")).unwrap();
    for vanished in [2, 0] {
        let (contents, gone, summary, problems) = place.after(Losses::Doubt);
        assert_eq!((contents, gone, summary.away, summary.vanished), (3, GonePlaces::default(), 2, vanished));
        assert!(problems.len() == 1 && problems[0].contains("2 photos are not there"), "{problems:?}");
    }
    fs::remove_dir(photos.join("disk")).unwrap();
    fs::rename(&elsewhere, photos.join("disk")).unwrap();
    let (contents, _, summary, problems) = place.after(Losses::Doubt);
    assert_eq!((contents, summary.away, summary.hashed, problems.len()), (3, 0, 0, 0));
    assert_eq!(Store::open_read(&place.library).unwrap().status().unwrap().vanished, 0);
}

#[test]
fn what_was_moved_out_of_a_folder_that_is_left_empty_has_moved() {
    let place = Place::good();
    let photos = place.folder.path().join("photos");
    for i in 0..52 {
        place.photo(format!("inbox/{i}.jpg"), &format!("photo {i}"));
    }
    place.photo("other.jpg", "other");
    place.embed();
    fs::create_dir(photos.join("2011")).unwrap();
    for i in 0..24 {
        fs::rename(photos.join(format!("inbox/{i}.jpg")), photos.join(format!("2011/{i}.jpg"))).unwrap();
    }
    for i in 24..52 {
        fs::remove_file(photos.join(format!("inbox/{i}.jpg"))).unwrap();
    }
    let (contents, gone, summary, problems) = place.after(Losses::Doubt);
    assert_eq!((contents, gone, summary.away), (53, GonePlaces { places: 24, contents: 0 }, 28));
    assert!(problems.len() == 1 && problems[0].contains("28 photos are not there"), "{problems:?}");
    // In a folder that is there, that others have moved makes the loss no smaller.
    place.photo("inbox/new.jpg", "new");
    let (_, gone, _, problems) = place.after(Losses::Doubt);
    assert_eq!((gone.contents, problems.len()), (0, 1));
    assert!(problems[0].contains("28 of 53 photos are missing"), "{problems:?}");
}

#[test]
fn what_an_earlier_version_called_vanished_is_looked_at_again() {
    let place = Place::good();
    let [deleted, stays] = ["deleted.jpg", "stays.jpg"].map(|name| place.photo(name, name));
    place.embed();
    fs::remove_file(&deleted).unwrap();
    let mut writer = Writer::open(&place.library, FileSystemPolicy::Refuse).unwrap();
    writer.commit(&[Record::Absent { path: deleted, absence: Absence::Away }]).unwrap();
    drop(writer);
    let (contents, gone, summary, _) = place.after(Losses::Doubt);
    assert_eq!((contents, gone.contents, summary.gone, summary.vanished), (1, 1, 1, 0));
    assert!(stays.exists());
}

#[test]
fn what_cannot_be_read_is_named_once_and_again_when_it_was_mended_between() {
    let place = Place::good();
    place.photo("a.jpg", "a");
    let photos = place.folder.path().join("photos");
    symlink(place.folder.path().join("target.jpg"), photos.join("link.jpg")).unwrap();
    let follow = || place.sources(ScanOptions { symlinks: Symlinks::Follow, ..ScanOptions::default() });
    let embed = || {
        let (result, summary, problems) = place.embed_with(&Options { sources: follow(), ..place.options() });
        (result.unwrap(), summary.known_failures, problems.len())
    };
    assert_eq!(embed(), (Exit::SomeFailed, 0, 1));
    assert_eq!(embed(), (Exit::Done, 1, 0));
    let store = Store::open_read(&place.library).unwrap();
    let [unreadable] = &store.status().unwrap().unreadable[..] else { panic!() };
    assert!(unreadable.path.ends_with("link.jpg") && unreadable.reason.contains("leads nowhere"));
    let sources = follow();
    let dry =
        dry_run(&sources, KnownFailures::Count, Losses::Doubt, &place.library, &Problems::default()).unwrap();
    assert_eq!((dry.unreadable, dry.known_failures), (0, 1));

    let target = place.folder.path().join("target.jpg");
    fs::write(&target, "target").unwrap();
    assert_eq!(embed(), (Exit::Done, 0, 0));
    fs::remove_file(target).unwrap();
    assert_eq!(embed(), (Exit::SomeFailed, 0, 1), "it was mended, and is broken again");
}

#[test]
fn contents_that_show_the_same_pixels_are_told_as_retagged() {
    // What comes before a `#` stands for the pixels, what comes after it for the tags.
    let place = Place::new(answer_each(|item| {
        let mut reply = done(item);
        if let Ok((results, _)) = &mut reply.outcome
            && let [TaskResult::Faces(analysis)] = &mut results[..]
        {
            let pixels = item.data.split(|byte| *byte == b'#').next().unwrap();
            let digest = *facesets_core::Sha256Digest::of(pixels).as_bytes().first_chunk().unwrap();
            analysis.pixels = Some(PixelDigest { version: 1, digest });
        }
        reply
    }));
    place.photo("a.jpg", "a#1");
    place.photo("b.jpg", "b#1");
    place.photo("b again.jpg", "b#2");
    assert_eq!(place.embed().1.retagged, 1, "of two that are new one is the other");
    let before = place.dump();
    fs::remove_file(place.folder.path().join("photos/a.jpg")).unwrap();
    place.photo("2011/a.jpg", "a#2");
    place.photo("c.jpg", "c#1");
    let (exit, summary, _) = place.embed();
    assert_eq!((exit, summary.new, summary.retagged, summary.gone), (Exit::Done, 2, 1, 1));
    assert!(before.lines().all(|line| !line.contains("pixels")), "not every worker tells");
    let store = Store::open_read(&place.library).unwrap();
    let of = |text: &str| store.picture(&facesets_core::Sha256Digest::of(text.as_bytes())).unwrap();
    assert!(of("a#1").is_some() && of("a#1") == of("a#2") && of("a#1") != of("b#1"));
}
