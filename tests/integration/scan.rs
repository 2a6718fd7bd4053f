//! Folders as NAS systems, cameras and editors leave them, and what their photos count for afterwards.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use facesets_tests::{
    program::{Run, Workspace},
    setup,
};
use serde_json::json;

/// Photos of one man.
const PORTRAITS: [&str; 3] =
    ["2009/portraits/obama.jpg", "2012/speeches/obama2.jpg", "2012/speeches/obama3.jpg"];

fn copy(workspace: &Workspace, photo: &str, name: &str) -> PathBuf {
    let to = workspace.join("photos").join(name);
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(setup::photos().join(photo), &to).unwrap();
    to
}

/// Three photos of a man, called a, b and c.
fn photos() -> Workspace {
    let workspace = Workspace::new();
    for (photo, name) in PORTRAITS.iter().zip(["a.jpg", "b.jpg", "c.jpg"]) {
        copy(&workspace, photo, name);
    }
    workspace
}

fn refine(workspace: &Workspace, out: &str) -> Run {
    workspace.ok(["refine", out, "--min-faces", "2", "--min-blur", "0"])
}

#[test]
fn a_folder_without_photos_is_said_to_be_one_and_makes_no_library() {
    let workspace = Workspace::new();
    fs::create_dir(workspace.join("photos")).unwrap();
    let run = workspace.run(["embed", "photos"]);
    assert_eq!(run.code, Some(2), "{run}");
    run.says(&["there is no photo in", "no library was made", "hint:"]);
    fs::create_dir(workspace.join("photos/@eaDir")).unwrap();
    for (name, text) in
        [("a.json", "{\"title\": \"a\"}"), ("b.jxl", "JPEG XL, they say"), ("@eaDir/c.jpg", "c")]
    {
        fs::write(workspace.join("photos").join(name), text).unwrap();
    }
    let run = workspace.run(["embed", "photos", "--exclude", "nothing"]);
    assert_eq!(run.code, Some(2), "{run}");
    assert!(run.stdout.contains("files      0 (3 others passed over: 1 .json, 1 .jxl)"), "{run}");
    assert!(
        run.stdout.contains("not read   1 .jxl") && run.stdout.contains("1 @eaDir: kept by NAS"),
        "{run}"
    );
    run.says(&["`--exclude nothing`: matches nothing"]);
    assert!(!workspace.join("library").exists());
}

#[test]
fn photos_count_by_what_they_are_where_they_lie_and_whether_they_are_left_out() {
    let workspace = photos();
    // Unusual names, thumbnails, a bin, and what is private.
    fs::rename(workspace.join("photos/b.jpg"), workspace.join("photos/b.jpg~2")).unwrap();
    copy(&workspace, PORTRAITS[2], "@eaDir/c.jpg/SYNOPHOTO_THUMB_XL.jpg");
    copy(&workspace, "2009/portraits/biden.jpg", "#recycle/biden.jpg");
    copy(&workspace, "2009/portraits/biden.jpg", "Mu\u{308}ll/biden.jpg");
    let first = workspace.json(["embed", "photos"]);
    assert_eq!((&first["files"], &first["faces"]), (&json!(4), &json!(4)), "{first}");
    assert_eq!(first["system_folders"], json!({ "@eaDir": 1, "#recycle": 1 }));
    let faces = |out: &str| {
        let manifest = workspace.read_json(format!("{out}/manifest.json"));
        [manifest["persons"].clone(), manifest["singletons"].clone()]
    };
    workspace.ok(["cluster", "all"]);

    // An exclusion that comes later, in other capitals and the other form of the letter.
    let second = workspace.json(["embed", "photos", "--exclude", "MÜLL"]);
    assert_eq!((&second["left_out"], &second["sent"]), (&json!(1), &json!(0)), "{second}");
    let status = workspace.json(["status"]);
    assert_eq!(status["left_out"], json!({ "pattern": 1, "system": 0 }));
    assert_eq!(status["contracts"][0]["faces"], json!(3), "{status}");
    workspace.ok(["cluster", "fewer"]);
    let of = |out: &str| serde_json::to_string(&faces(out)).unwrap();
    assert!(of("all").contains("biden.jpg") && !of("fewer").contains("biden.jpg"), "{}", of("fewer"));
    let third = workspace.json(["embed", "photos"]);
    assert_eq!((&third["taken_again"], &third["sent"], &third["hashed"]), (&json!(1), &json!(0), &json!(0)));
    workspace.ok(["cluster", "again"]);
    assert_eq!(faces("again"), faces("all"), "it counts as if nothing had been");
}

/// Other bytes of the same length, at the same time.
fn edit_in_place(path: &Path) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    let mut bytes = fs::read(path).unwrap();
    // Behind the end of the picture nobody looks.
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(path, bytes).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
}

#[test]
fn what_export_complains_about_embed_heals_and_nothing_waits_for_a_pipe() {
    let workspace = photos();
    for name in ["a.jpg", "b.jpg", "c.jpg"] {
        let path = workspace.join("photos").join(name);
        let bytes = [fs::read(&path).unwrap(), b"!".to_vec()].concat();
        fs::write(path, bytes).unwrap();
    }
    workspace.ok(["embed", "photos"]);
    refine(&workspace, "refined");
    edit_in_place(&workspace.join("photos/a.jpg"));
    let export = |refined: &str, out: &str| workspace.run(["export-swap", refined, out, "--no-certificate"]);
    let run = export("refined", "ready");
    assert_eq!(run.code, Some(1), "{run}");
    run.says(&["a.jpg", "has changed since it was embedded", "`facesets embed`"]);
    let run = workspace.run(["cluster", "copies"]);
    run.says(&["a.jpg", "has changed since it was embedded"]);
    let healed = workspace.json(["embed", "photos"]);
    assert_eq!((&healed["hashed"], &healed["new"], &healed["analysed"]), (&json!(1), &json!(1), &json!(1)));
    refine(&workspace, "refined-2");
    let run = export("refined-2", "ready-2");
    assert_eq!(run.code, Some(0), "{run}");
    let quiet = workspace.ok(["-q", "refine", "refined-3", "--min-faces", "9"]);
    assert!(quiet.stdout.contains("left out, too few photos"), "{quiet}");
    assert!(!quiet.stdout.contains("face at"), "{quiet}");

    // Between the scan and the reading anything can happen.
    for name in ["a.jpg", "b.jpg"] {
        fs::remove_file(workspace.join("photos").join(name)).unwrap();
    }
    assert!(Command::new("mkfifo").arg(workspace.join("photos/a.jpg")).status().unwrap().success());
    symlink("/dev/zero", workspace.join("photos/b.jpg")).unwrap();
    let run = export("refined-2", "ready-3");
    assert_eq!(run.code, Some(1), "{run}");
    run.says(&["photos/a.jpg", "photos/b.jpg", "it is no regular file"]);
    let run = workspace.run(["cluster", "copies-2"]);
    assert_eq!(run.code, Some(1), "{run}");
    let run = workspace.run(["store", "verify", "--files"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(Command::new("mkfifo").arg(workspace.join("bundle.fsz")).status().unwrap().success());
    assert_ne!(workspace.run(["certify", "bundle.fsz"]).code, Some(0));
    fs::remove_file(workspace.join("ready-2/faceset_001/faces/0001.png")).unwrap();
    let crop = workspace.join("ready-2/faceset_001/faces/0001.png");
    assert!(Command::new("mkfifo").arg(crop).status().unwrap().success());
    assert_eq!(workspace.run(["verify", "ready-2"]).code, Some(1));
    let run = workspace.run(["embed", "photos", "--rehash"]);
    assert_eq!(run.code, Some(0), "what is no file is no photo: {run}");
}
