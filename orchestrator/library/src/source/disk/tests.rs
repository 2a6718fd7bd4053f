//! Folders with everything that folders can have.

use std::{
    ffi::OsStr,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{PermissionsExt as _, symlink},
    },
    path::Path,
};

use facesets_base::monitor::Silent;

use super::*;

fn scan_with(root: &Path, options: &ScanOptions) -> Scan {
    scan(&[root.to_owned()], options, &Silent, &CancellationToken::new())
}

fn scan_all(root: &Path) -> Scan {
    scan_with(root, &ScanOptions::default())
}

/// Empty files, and the folders they lie in.
fn files(folder: &Path, names: &[&str]) {
    for name in names {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
}

/// A temporary folder by its real path.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let real = fs::canonicalize(folder.path()).unwrap();
    (folder, real)
}

fn names(scan: &Scan, root: &Path) -> Vec<PathBuf> {
    scan.files.iter().map(|file| file.path.strip_prefix(root).unwrap().to_owned()).collect()
}

#[test]
fn photos_are_found_by_extension_in_byte_order() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("b/.thumbnails")).unwrap();
    for name in ["b/x.JPG", "b-1.jpeg", "a.txt", "noextension", ".hidden.jpg", "b/.thumbnails/t.jpg", "z.png"]
    {
        fs::write(folder.path().join(name), name).unwrap();
    }
    symlink("z.png", folder.path().join("link.png")).unwrap();
    let scan = scan_all(folder.path());
    assert_eq!(names(&scan, folder.path()), ["b-1.jpeg", "b/x.JPG", "z.png"].map(PathBuf::from));
    assert_eq!((scan.other, scan.symlinks, scan.hidden, scan.excluded), (2, 1, 1, 0));
    assert_eq!(scan.system[".thumbnails"], 1);
    assert_eq!(scan.files[0].sighting.size, 8);
    assert!(scan.unreadable.is_empty());
}

#[test]
fn a_file_under_two_roots_is_found_once() {
    let folder = tempfile::tempdir().unwrap();
    let photo = folder.path().join("a.jpg");
    fs::write(&photo, "a").unwrap();
    let roots = [folder.path().to_owned(), photo, folder.path().to_owned()];
    let scan =
        scan(&absolute_roots(&roots).unwrap(), &ScanOptions::default(), &Silent, &CancellationToken::new());
    assert_eq!(scan.files.len(), 1);
}

#[test]
fn names_that_are_no_utf8_or_very_long_are_kept_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let broken = OsStr::from_bytes(b"caf\xe9.jpg");
    // Greek letters take two bytes each; a name may have 255 bytes.
    let long = format!("{}.jpg", "ω".repeat(125));
    fs::write(folder.path().join(broken), "1").unwrap();
    fs::write(folder.path().join(&long), "2").unwrap();
    let expected = [PathBuf::from(broken), PathBuf::from(long)];
    assert_eq!(names(&scan_all(folder.path()), folder.path()), expected);
}

#[test]
fn an_unreadable_folder_is_named_and_the_rest_is_found() {
    if rustix::process::geteuid().is_root() {
        return; // Nothing is unreadable to root.
    }
    let folder = tempfile::tempdir().unwrap();
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::write(folder.path().join("open.jpg"), "1").unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o0)).unwrap();
    let scan = scan_all(folder.path());
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(scan.files.len(), 1);
    let expected = Unreadable { path: closed, reason: "Permission denied (os error 13)".to_owned() };
    assert_eq!(scan.unreadable, [expected]);
}

#[test]
fn a_root_that_is_not_there_is_an_error() {
    let error = absolute_roots(&[PathBuf::from("/no/such/folder")]).unwrap_err();
    assert!(matches!(error, ScanError::Missing(_)) && error.hint().is_some());
}

#[test]
fn patterns_leave_out_files_and_whole_folders_and_are_counted() {
    let (_guard, root) = folder();
    files(&root, &["a.jpg", "b.png", "notes.txt", "cache/1.jpg", "cache/2.jpg", "x/cache/3.jpg", "x/c.jpg"]);
    let filter = Filter::new(&[], &["cache".to_owned(), "/b.*".to_owned()]).unwrap();
    let options = ScanOptions { filter, ..ScanOptions::default() };
    let scan = scan_with(&root, &options);
    assert_eq!(names(&scan, &root), ["a.jpg", "x/c.jpg"].map(PathBuf::from));
    assert_eq!((scan.excluded, scan.other), (3, 1));

    let filter = Filter::new(&["x/**".to_owned()], &["cache".to_owned()]).unwrap();
    let options = ScanOptions { filter, ..ScanOptions::default() };
    assert_eq!(names(&scan_with(&root, &options), &root), ["x/c.jpg"].map(PathBuf::from));
    // What is named itself is meant.
    let named = scan_with(&root.join("b.png"), &options);
    assert_eq!((named.files.len(), named.excluded), (1, 0));
}

#[test]
fn hidden_files_are_found_on_request() {
    let (_guard, root) = folder();
    files(&root, &[".a.jpg", ".cache/b.jpg", "c.jpg"]);
    let options = ScanOptions { hidden: Hidden::Take, ..ScanOptions::default() };
    let scan = scan_with(&root, &options);
    assert_eq!(names(&scan, &root), [".a.jpg", ".cache/b.jpg", "c.jpg"].map(PathBuf::from));
    assert_eq!(scan.hidden, 0);
    assert_eq!(scan_all(&root.join(".cache")).files.len(), 1, "a root is meant, whatever its name");
}

#[test]
fn followed_links_end_and_every_file_has_its_real_path_once() {
    let (_guard, root) = folder();
    let (_elsewhere, elsewhere) = folder();
    files(&root, &["a/1.jpg", "b/2.jpg"]);
    files(&elsewhere, &["3.jpg", "deep/4.jpg", "no photo.txt", "nameless"]);
    for (target, link) in [
        (Path::new("."), "self"),
        (Path::new("../b"), "a/b"),
        (Path::new("../a"), "b/a"),
        (Path::new("a/1.jpg"), "again.jpg"),
        (&elsewhere, "outside"),
        (&elsewhere.join("deep"), "a/outside"),
        (&elsewhere.join("nameless"), "named.jpg"),
    ] {
        symlink(target, root.join(link)).unwrap();
    }
    symlink(&root, elsewhere.join("back")).unwrap();
    symlink("gone.jpg", root.join("dangling.jpg")).unwrap();
    symlink("loop.jpg", root.join("loop.jpg")).unwrap();

    let options = ScanOptions { symlinks: Symlinks::Follow, ..ScanOptions::default() };
    let scan = scan_with(&root, &options);
    let mut expected = vec![root.join("a/1.jpg"), root.join("b/2.jpg")];
    expected.extend(["3.jpg", "deep/4.jpg", "nameless"].map(|name| elsewhere.join(name)));
    expected.sort();
    assert_eq!(scan.files.iter().map(|file| file.path.clone()).collect::<Vec<_>>(), expected);
    let unreadable: Vec<_> = scan.unreadable.iter().map(|unreadable| unreadable.path.clone()).collect();
    assert_eq!(unreadable, ["dangling.jpg", "loop.jpg"].map(|name| root.join(name)));
    // The text, and the nameless file before a link gives it a name.
    assert_eq!((scan.symlinks, scan.other), (0, 2));
}

#[test]
fn patterns_are_matched_against_the_path_of_a_link() {
    let (_guard, root) = folder();
    let (_elsewhere, elsewhere) = folder();
    files(&elsewhere, &["1.jpg", "raw/2.jpg"]);
    symlink(&elsewhere, root.join("phone")).unwrap();
    let count = |include: &[&str], exclude: &[&str]| {
        let owned = |patterns: &[&str]| patterns.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let filter = Filter::new(&owned(include), &owned(exclude)).unwrap();
        let options = ScanOptions { filter, symlinks: Symlinks::Follow, ..ScanOptions::default() };
        scan_with(&root, &options).files.len()
    };
    assert_eq!(count(&["phone/*.jpg"], &[]), 1);
    assert_eq!(count(&["phone"], &["phone/raw"]), 1);
    assert_eq!(count(&[], &["phone"]), 0);
}

/// A folder that looks as if a command had written it.
fn output(folder: &Path, name: &str, schema: &str) {
    let file = match schema {
        "duplicates" => "duplicates.json",
        "era-report" => "era.json",
        _ => "manifest.json",
    };
    files(folder, &[&format!("{name}/{file}"), &format!("{name}/person_001/crop.png")]);
    fs::write(folder.join(name).join(file), format!("{{\n  \"schema\": \"facesets.{schema}/1\"\n}}"))
        .unwrap();
}

#[test]
fn what_our_own_commands_wrote_is_passed_over_and_named() {
    let (_guard, root) = folder();
    files(&root, &["a.jpg", "app/manifest.json", "app/b.jpg"]);
    fs::write(root.join("app/manifest.json"), r#"{"name": "an app"}"#).unwrap();
    for (name, schema) in [
        ("out/clusters", "clusters"),
        ("out/refined", "refined"),
        ("out/ready", "corpus"),
        ("out/ready.previous-1", "corpus"),
        ("duplicates", "duplicates"),
        ("page", "era-report"),
    ] {
        output(&root, name, schema);
    }
    let scan = scan_all(&root);
    assert_eq!(names(&scan, &root), ["a.jpg", "app/b.jpg"].map(PathBuf::from));
    let expected = ["duplicates", "out/clusters", "out/ready", "out/ready.previous-1", "out/refined", "page"];
    assert_eq!(scan.outputs, expected.map(|name| root.join(name)));
}

#[test]
fn an_output_or_a_part_of_it_that_is_named_is_looked_at() {
    let (_guard, root) = folder();
    files(&root, &["a.jpg"]);
    output(&root, "ready", "corpus");
    output(&root, "ready/faceset_001", "faceset");
    let all = ["ready/faceset_001/person_001/crop.png", "ready/person_001/crop.png"];
    for (roots, expected) in [
        (&["ready"][..], &all[..]),
        (&["ready/faceset_001"], &all[..1]),
        (&["ready/person_001"], &all[1..]),
        (&["", "ready"], &["a.jpg", all[0], all[1]]),
        (&["ready", ""], &["a.jpg", all[0], all[1]]),
    ] {
        let roots: Vec<PathBuf> = roots.iter().map(|name| root.join(name)).collect();
        let roots = absolute_roots(&roots).unwrap();
        let scan = scan(&roots, &ScanOptions::default(), &Silent, &CancellationToken::new());
        assert_eq!(names(&scan, &root), expected.iter().map(PathBuf::from).collect::<Vec<_>>(), "{roots:?}");
        assert!(scan.outputs.is_empty(), "{roots:?}");
    }
}

#[test]
fn an_output_behind_a_link_is_passed_over() {
    let (_guard, root) = folder();
    let (_other_guard, elsewhere) = folder();
    output(&elsewhere, "ready", "corpus");
    symlink(elsewhere.join("ready"), root.join("link")).unwrap();
    let follow = ScanOptions { symlinks: Symlinks::Follow, ..ScanOptions::default() };
    let scan = scan_with(&root, &follow);
    assert_eq!((scan.files.len(), scan.outputs), (0, vec![elsewhere.join("ready")]));
}

/// The first bytes of a JPEG.
const JPEG: &[u8] = b"\xFF\xD8\xFF\xE0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0";

#[test]
fn what_programs_keep_for_themselves_is_passed_over_by_name() {
    let (_guard, root) = folder();
    let kept = [
        "@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg",
        "2019/@eaDir/b.jpg/SYNOPHOTO_THUMB_XL.jpg",
        "#recycle/c.jpg",
        "$RECYCLE.BIN/d.jpg",
        ".stversions/e.jpg",
        "._a.jpg",
        "My.photoslibrary/resources/derivatives/f.jpg",
    ];
    files(&root, &["a.jpg", "2019/b.jpg", "My.photoslibrary/originals/1/g.jpg", ".own.jpg"]);
    files(&root, &kept);
    let taken = ["2019/b.jpg", "My.photoslibrary/originals/1/g.jpg", "a.jpg"].map(PathBuf::from);
    let scan = scan_all(&root);
    assert_eq!(names(&scan, &root), taken);
    assert_eq!((scan.system.values().sum::<u64>(), scan.hidden, scan.excluded), (7, 1, 0));
    assert_eq!((scan.system["@eaDir"], scan.system["._*"]), (2, 1));

    let options = ScanOptions { hidden: Hidden::Take, ..ScanOptions::default() };
    assert_eq!(scan_with(&root, &options).files.len(), 4, "hidden ones are another matter");
    let options = ScanOptions { system_folders: SystemFolders::Take, ..ScanOptions::default() };
    assert_eq!(scan_with(&root, &options).files.len(), taken.len() + kept.len());
    assert_eq!(scan_all(&root.join("#recycle")).files.len(), 1, "a root is meant, whatever its name");
}

#[test]
fn known_places_are_left_out_as_the_walk_leaves_them_out() {
    let filter = Filter::new(&[], &["privat".to_owned(), "/a/*.jpg".to_owned()]).unwrap();
    let options = ScanOptions { filter, ..ScanOptions::default() };
    let roots = [PathBuf::from("/photos"), PathBuf::from("/photos/#recycle/mine")];
    for (path, reason) in [
        ("/photos/b/PRIVAT/x.jpg", Some(LeftOut::Pattern)),
        ("/photos/a/x.jpg", Some(LeftOut::Pattern)),
        ("/photos/b/a/x.jpg", None),
        ("/photos/@eaDir/x.jpg", Some(LeftOut::System)),
        ("/photos/.hidden/x.jpg", None),
        ("/photos/#recycle/x.jpg", Some(LeftOut::System)),
        ("/photos/#recycle/mine/x.jpg", None),
        ("/photos/#recycle/mine/@eaDir/x.jpg", Some(LeftOut::System)),
        ("/elsewhere/@eaDir/x.jpg", None),
    ] {
        assert_eq!(options.leaves_out(&roots, Path::new(path)), reason, "{path}");
    }
}

#[test]
fn what_begins_as_a_photo_is_one_whatever_its_name() {
    let (_guard, root) = folder();
    let photos = ["DJI_0001", "a.jpg_original", "a.jpg~2", "a.jpg.1", "a.JPG ", "a.jp", "a.mpo", "notes.txt"];
    for name in photos {
        fs::write(root.join(name), JPEG).unwrap();
    }
    for (name, text) in [
        ("a.json", "{\"title\": \"a photo of mine\"}"),
        ("b.json", "{\"title\": \"a photo of mine\"}"),
        ("tiny", "\u{7f}"),
        ("a.jxl", "\u{1}JXL, which nobody decodes"),
    ] {
        fs::write(root.join(name), text).unwrap();
    }
    fs::write(root.join("half.jpg.part"), JPEG).unwrap();
    let mut scan = scan_all(&root);
    assert_eq!((scan.files.len(), scan.unnamed.len()), (0, photos.len() + 3));
    let none = scan.sort_out_unnamed(&LookedAt::new(), &CancellationToken::new());
    let mut expected = photos.map(PathBuf::from);
    expected.sort();
    assert_eq!(names(&scan, &root), expected);
    assert_eq!((scan.other, scan.extensions[".json"], scan.extensions[".part"]), (5, 2, 1));
    assert_eq!(none.len(), 3, "{none:?}");

    // What was looked at is opened again only when it looks different.
    let known = |scan: &Scan| {
        let photos = scan.files.iter().map(|file| (file.path.clone(), (file.sighting, Holds::Photo)));
        let none = none.iter().map(|file| (file.path.clone(), (file.sighting, Holds::Other)));
        photos.chain(none).collect::<LookedAt>()
    };
    let known = known(&scan);
    fs::write(root.join("b.json"), JPEG).unwrap();
    let mut scan = scan_all(&root);
    scan.files.clear();
    let none = scan.sort_out_unnamed(&known, &CancellationToken::new());
    assert_eq!((scan.files.len(), none.len(), scan.other), (photos.len() + 1, 0, 4));

    let filter = Filter::new(&["*.jxl".to_owned()], &[]).unwrap();
    let asked = scan_with(&root, &ScanOptions { filter, ..ScanOptions::default() });
    assert_eq!(names(&asked, &root), [PathBuf::from("a.jxl")], "whoever names an extension means it");
    let one = scan_for_one(&[root], &ScanOptions::default(), &Silent, &CancellationToken::new());
    assert!(!one.files.is_empty());
}
