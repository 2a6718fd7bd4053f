//! Photos that are deleted, moved or written anew by an organiser: they leave everything that counts, come
//! back when they are seen again, and can be forgotten for good. A disk that is away is not that:
//! `outputs.rs`.

use std::{fs, path::Path};

use facesets_core::Sha256Digest;
use facesets_tests::{program::Workspace, setup};
use serde_json::{Value, json};

/// The file with a comment, as an organiser writes it that leaves the picture as it is.
fn retagged(jpeg: &[u8], comment: &str) -> Vec<u8> {
    let length = (2 + comment.len() as u16).to_be_bytes();
    [&jpeg[..2], b"\xFF\xFE", &length, comment.as_bytes(), &jpeg[2..]].concat()
}

/// A workspace with three photos of one man, a copy of the first, and a file that is no photo, in `lib`.
fn three_of_one_man() -> Workspace {
    let workspace = Workspace::new();
    fs::create_dir_all(workspace.join("lib/2011")).unwrap();
    for (name, photo) in [
        ("obama.jpg", "2009/portraits/obama.jpg"),
        ("obama2.jpg", "2012/speeches/obama2.jpg"),
        ("obama3.jpg", "2012/speeches/obama3.jpg"),
        ("copy.jpg", "2009/portraits/obama.jpg"),
    ] {
        fs::copy(setup::photos().join(photo), workspace.join("lib").join(name)).unwrap();
    }
    fs::write(workspace.join("lib/broken.jpg"), "no photo").unwrap();
    workspace
}

/// Facesets and faces of a new refined folder of this name, which demands no error.
fn refined(workspace: &Workspace, name: &str, min_faces: &str) -> (Value, Value) {
    let said = workspace.json(["refine", name, "--min-faces", min_faces, "--min-blur", "0"]);
    (said["facesets"].clone(), said["faces"].clone())
}

#[test]
fn what_is_gone_counts_for_nothing_comes_back_when_it_is_seen_again_and_can_be_forgotten() {
    let workspace = three_of_one_man();
    let lib = |name: &str| workspace.join("lib").join(name);
    let first = workspace.run(["embed", "lib"]);
    assert_eq!(first.code, Some(1), "{first}");
    first.says(&["broken.jpg"]);
    refined(&workspace, "before", "3");
    fs::remove_file(lib("copy.jpg")).unwrap();
    for name in ["obama.jpg", "obama2.jpg", "obama3.jpg"] {
        let photo = fs::read(lib(name)).unwrap();
        fs::write(lib("2011").join(name), retagged(&photo, "Artist")).unwrap();
        fs::rename(lib(name), workspace.join(name)).unwrap();
    }

    let said = workspace.json(["embed", "lib"]);
    let counted = json!([said["gone"], said["away"], said["new"], said["retagged"], said["known_failures"]]);
    assert_eq!((counted, &said["failures"]), (json!([4, 0, 3, 3, 1]), &json!([])), "{said}");
    let clusters = workspace.json(["cluster", "clusters"]);
    assert_eq!((&clusters["faces"], &clusters["vanished"]), (&json!(3), &json!(0)), "{clusters}");
    assert_eq!(refined(&workspace, "none", "5"), (json!(0), json!(0)));
    workspace.ok(["export-swap", "none", "empty", "--no-certificate"]);
    // What was refined earlier is exported without them.
    let stale = workspace.json(["export-swap", "before", "stale", "--no-certificate"]);
    assert_eq!(
        (&stale["absent"], &stale["crops"], &stale["failed"]),
        (&json!(3), &json!(0), &json!(0)),
        "{stale}"
    );
    let verified = workspace.json(["verify", "before"]);
    assert_eq!((&verified["absent"], &verified["findings"]), (&json!(4), &json!([])), "{verified}");
    let why = workspace.run(["why", "lib/obama.jpg"]);
    assert_eq!(why.code, Some(2), "{why}");
    why.says(&["`lib/obama.jpg` is gone", "hint: `facesets embed`"]);

    // Of a photo that lies at two places, only those are told where it lies.
    fs::copy(lib("2011/obama3.jpg"), lib("again.jpg")).unwrap();
    workspace.ok(["embed", "lib"]);
    refined(&workspace, "twice", "3");
    assert!(fs::read_to_string(workspace.join("twice/manifest.json")).unwrap().contains("again.jpg"));
    fs::remove_file(lib("again.jpg")).unwrap();
    fs::remove_file(lib("2011/obama2.jpg")).unwrap();
    let run = workspace.ok(["embed", "lib"]);
    assert!(run.stdout.contains("gone       2") && run.stdout.contains("known      1 failures"), "{run}");
    assert_eq!(refined(&workspace, "once", "2"), (json!(1), json!(2)));
    let manifest = fs::read_to_string(workspace.join("once/manifest.json")).unwrap();
    assert!(!manifest.contains("again.jpg") && manifest.contains("obama3.jpg"), "{manifest}");

    // Seen again, at another place: it counts, and nobody is asked to look at it.
    fs::rename(workspace.join("obama2.jpg"), lib("2011/returned.jpg")).unwrap();
    let said = workspace.json(["embed", "lib"]);
    assert_eq!((&said["sent"], &said["new"]), (&json!(0), &json!(0)), "{said}");
    assert_eq!(refined(&workspace, "returned", "3"), (json!(1), json!(3)));
    let status = workspace.json(["status"]);
    assert_eq!((&status["gone"]["contents"], &status["away"]), (&json!(3), &json!(0)), "{status}");
    let failed = workspace.ok(["status", "--failed"]).stdout;
    assert!(failed.contains("broken.jpg: ") && failed.contains("store forget --gone"), "{failed}");
    assert!(!workspace.ok(["status"]).stdout.contains("broken.jpg"));

    forgetting_takes_everything_out(&workspace);
}

/// Whether the library's files hold some bytes.
fn holds(workspace: &Workspace, bytes: &[u8]) -> bool {
    let files = ["library.sqlite", "library.sqlite-wal"].map(|name| workspace.join("library").join(name));
    files
        .iter()
        .filter_map(|file| fs::read(file).ok())
        .any(|file| file.windows(bytes.len()).any(|window| window == bytes))
}

fn forgetting_takes_everything_out(workspace: &Workspace) {
    let digest = |path: &Path| *Sha256Digest::of(&fs::read(path).unwrap()).as_bytes();
    let [gone, there] = ["obama.jpg", "lib/2011/obama.jpg"].map(|name| digest(&workspace.join(name)));
    let before = workspace.dump();
    let rehearsed = workspace.json(["store", "forget", "--gone", "--dry-run"]);
    assert_eq!((&rehearsed["contents"], &rehearsed["faces"]), (&json!(3), &json!(3)), "{rehearsed}");
    let refused = workspace.run(["store", "forget", "lib/2011"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["3 of these photos still lie on the disk", "--even-if-there"]);
    let unknown = workspace.run(["store", "forget", "elsewhere"]);
    assert_eq!(unknown.code, Some(2), "{unknown}");
    unknown.says(&["knows no photo at `elsewhere`"]);
    assert!(workspace.dump() == before && holds(workspace, &gone));

    let said = workspace.json(["store", "forget", "--gone"]);
    assert_eq!((&said["contents"], &said["faces"]), (&json!(3), &json!(3)), "{said}");
    assert!(!holds(workspace, &gone) && holds(workspace, &there), "its bytes are gone, the others' are not");
    assert_eq!(workspace.json(["status"])["gone"], json!({ "places": 0, "contents": 0 }));
    assert_eq!(workspace.json(["store", "verify"])["findings"], json!([]));
    assert_eq!(workspace.json(["store", "forget", "--gone"])["contents"], 0);
    assert_eq!(refined(workspace, "rest", "3"), (json!(1), json!(3)));

    let said = workspace.json(["store", "forget", "lib/2011/obama.jpg", "--even-if-there"]);
    assert_eq!(&said["contents"], &json!(1), "{said}");
    assert!(!holds(workspace, &there));
    let again = workspace.json(["embed", "lib"]);
    assert_eq!((&again["new"], &again["sent"]), (&json!(1), &json!(1)), "{again}");
}
