//! Damage is found and named; a copy of a store that is being written is whole.

use std::{
    fs,
    io::{Read as _, Seek as _, SeekFrom, Write as _},
};

use facesets_base::library::Library;
use facesets_core::Sha256Digest;

use super::{
    Finding, Store, StoreError, Writer,
    testing::{analysed, face, failed, library, located, writer},
};

const NOBODY: &dyn Fn(u64) = &|_| {};

/// Two photos with faces and one that failed; the first photo is `/0` with the faces of row ids 1 and 2.
fn fill(writer: &mut Writer) {
    let content = |i: u8| Sha256Digest::of(&[i]);
    let photo = |i: u8, faces| [located(format!("/{i}"), content(i)), analysed(content(i), faces)];
    let first = photo(0, vec![face(1), face(2)]);
    let last = [located("/2", content(2)), failed(content(2))];
    writer.commit(&[first, photo(1, vec![face(3)]), last].concat()).unwrap();
}

/// What is found after a change that neither keys nor checks prevent.
fn found_after(change: &str) -> Vec<Finding> {
    let (_folder, library) = library();
    fill(&mut writer(&library));
    let connection = rusqlite::Connection::open(library.store_file()).unwrap();
    connection.execute_batch("PRAGMA foreign_keys = off; PRAGMA ignore_check_constraints = on").unwrap();
    connection.execute_batch(change).unwrap();
    Store::open_read(&library).unwrap().verify(NOBODY).unwrap()
}

#[test]
fn every_kind_of_damage_is_found_and_named() {
    let first = Sha256Digest::of(&[0]);
    let face = format!("face 0 of {first}");
    for (change, what, problem) in [
        ("UPDATE embedding SET vector = substr(vector, 1, 2044) WHERE face_id = 1", face.as_str(), "not 511"),
        (
            "UPDATE embedding SET vector = CAST(x'0000c07f' || substr(vector, 5) AS BLOB) WHERE face_id = 1",
            &face,
            "value 0",
        ),
        ("UPDATE embedding SET vector = zeroblob(2048) WHERE face_id = 1", &face, "all zero"),
        (
            "UPDATE embedding SET vector = CAST(x'00000041' || substr(vector, 5) AS BLOB) WHERE face_id = 1",
            &face,
            "length is 8",
        ),
        ("DELETE FROM embedding WHERE face_id = 1", &face, "unreadable"),
        ("UPDATE face SET norm = -1 WHERE id = 1", &face, "without length"),
        ("UPDATE face SET norm = 9e999 WHERE id = 1", &face, "without length"),
        ("UPDATE face SET x2 = x1 WHERE id = 1", &face, "is not a box"),
        ("UPDATE face SET det_score = 2 WHERE id = 1", &face, "detector score"),
        ("UPDATE face SET blur = -1 WHERE id = 1", &face, "blur"),
        ("UPDATE face SET x1 = -3e38, x2 = 3e38 WHERE id = 1", &face, "shows nothing of its photo"),
        ("UPDATE face SET x1 = x1 + 500, x2 = x2 + 500 WHERE id = 1", &face, "shows nothing of its photo"),
        (
            "UPDATE face SET landmarks_68 = CAST(x'9276e17e' || substr(landmarks_68, 5) AS BLOB) WHERE id = 1",
            &face,
            "landmark",
        ),
        (
            "UPDATE face SET (x1, y1, x2, y2) = (SELECT x1, y1, x2, y2 FROM face WHERE id = 1) WHERE id = 2",
            &format!("face 1 of {first}"),
            "faces 0 and 1 are the same",
        ),
        ("UPDATE analysis SET width = 0 WHERE id = 1", &first.to_string(), "no photo has 0 × 300 pixels"),
        (
            "UPDATE analysis SET height = 4294967295 WHERE id = 1",
            &first.to_string(),
            "no photo has 400 × 4294967295",
        ),
        (
            "UPDATE face SET landmarks_68 = CAST(x'0000c07f' || substr(landmarks_68, 5) AS BLOB) WHERE id = 1",
            &face,
            "landmark",
        ),
        ("UPDATE face SET keypoints = substr(keypoints, 9) WHERE id = 1", &face, "five keypoints"),
        (
            "UPDATE face SET number = 7 WHERE id = 2",
            &first.to_string(),
            "has 2 faces, but the last is number 7",
        ),
        ("DELETE FROM face WHERE id = 1", "embedding row 1", "refers to a face that is not there"),
        ("DELETE FROM analysis WHERE id = 1", "face row 1", "refers to a analysis that is not there"),
        ("UPDATE analysis SET outcome = 'failed' WHERE id = 1", &face, "belongs to a failure"),
        ("UPDATE analysis SET contract = 'mine' WHERE id = 1", "mine", "is not a contract"),
        ("UPDATE analysis SET sha256 = x'0102' WHERE id = 1", "analysis row 1", "refers to a content"),
        (
            "UPDATE location SET sha256 = zeroblob(32) WHERE path = '/0'",
            "/0",
            "refers to a content that is not there",
        ),
        ("UPDATE location SET size = 4 WHERE path = CAST('/0' AS BLOB)", "/0", "has 4 bytes, its content 3"),
        (
            "UPDATE content SET sha256 = x'01' WHERE bytes = 3 AND sha256 = (SELECT max(sha256) FROM content)",
            "content [01]",
            "has no sha256",
        ),
    ] {
        let change = change.replace("path = '/0'", "path = CAST('/0' AS BLOB)");
        let findings = found_after(&change);
        let named = findings.iter().any(|finding| finding.what == what && finding.problem.contains(problem));
        assert!(named, "`{change}`: {what}: {problem} is not among {findings:#?}");
    }
    assert_eq!(found_after("SELECT 1"), []);
}

#[test]
fn no_page_can_be_overwritten_without_being_found() {
    let (_folder, library) = library();
    let mut first = writer(&library);
    for i in 0..20u32 {
        let content = Sha256Digest::of(&i.to_le_bytes());
        first
            .commit(&[located(format!("/{i}"), content), analysed(content, vec![face(i), face(i + 1)])])
            .unwrap();
    }
    drop(first);
    let mut file = fs::OpenOptions::new().read(true).write(true).open(library.store_file()).unwrap();
    let pages = file.metadata().unwrap().len() / 16_384;
    assert!(pages > 10, "{pages}");
    for page in 0..pages {
        let mut before = vec![0; 16_384];
        let mut put = |bytes: &mut [u8], read: bool| {
            file.seek(SeekFrom::Start(page * 16_384)).unwrap();
            if read { file.read_exact(bytes).unwrap() } else { file.write_all(bytes).unwrap() }
        };
        put(&mut before, true);
        put(&mut vec![0x5a; 16_384], false);
        match Store::open_read(&library).and_then(|store| store.verify(NOBODY)) {
            Ok(findings) => assert!(!findings.is_empty(), "page {page}"),
            Err(error) => assert!(matches!(error, StoreError::Damaged(_)), "page {page}: {error}"),
        }
        put(&mut before, false);
    }
    assert_eq!(Store::open_read(&library).unwrap().verify(NOBODY).unwrap(), []);
}

#[test]
fn a_copy_made_while_a_writer_is_at_work_is_one_moment_of_the_store() {
    let (folder, library) = library();
    let mut first = writer(&library);
    fill(&mut first);
    let (done, stop) = std::sync::mpsc::channel::<()>();
    let work = std::thread::spawn(move || {
        let mut written = 0u32;
        while stop.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            let content = Sha256Digest::of(&written.to_le_bytes());
            let records =
                [located(format!("/more/{written}"), content), analysed(content, vec![face(written)])];
            first.commit(&records).unwrap();
            written += 1;
        }
        written
    });
    let mut sizes = Vec::new();
    for copy in 0..5 {
        let other = Library::new(folder.path().join(copy.to_string()));
        fs::create_dir(other.folder()).unwrap();
        Store::open_read(&library).unwrap().copy_to(&other.store_file()).unwrap();
        let store = Store::open_read(&other).unwrap();
        assert_eq!(store.verify(NOBODY).unwrap(), []);
        let status = store.status().unwrap();
        assert_eq!((status.contents, status.contracts[0].pending), (status.locations, 0));
        sizes.push(status.contents);
    }
    done.send(()).unwrap();
    let written = u64::from(work.join().unwrap());
    assert!(sizes.is_sorted() && *sizes.last().unwrap() <= written + 3, "{sizes:?}");
}
