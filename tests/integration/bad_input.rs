//! What lies in real photo folders: each bad thing is named with its reason, and the run goes on.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _, process::CommandExt as _},
    path::Path,
};

use facesets_tests::{
    program::{Run, Workspace},
    setup,
};

/// The user and group `nobody` of Debian.
const NOBODY: u32 = 65534;

/// A photo with one face.
fn portrait() -> Vec<u8> {
    fs::read(setup::photos().join("2009/portraits/obama.jpg")).expect("the sample library has it")
}

/// A PNG of 30,000 × 30,000 white pixels in some hundred kilobytes.
fn bomb(path: &Path) {
    const SIDE: u32 = 30_000;
    let file = std::io::BufWriter::new(fs::File::create(path).unwrap());
    let mut encoder = png::Encoder::new(file, SIDE, SIDE);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().unwrap();
    let mut rows = writer.stream_writer().unwrap();
    let row = [0xFF; SIDE as usize / 8];
    for _ in 0..SIDE {
        std::io::Write::write_all(&mut rows, &row).unwrap();
    }
    rows.finish().unwrap();
}

#[test]
fn each_bad_file_is_named_with_its_reason_and_the_others_are_done() {
    let workspace = Workspace::new();
    let photos = workspace.join("photos");
    fs::create_dir(&photos).unwrap();
    let whole = portrait();
    fs::write(photos.join("good.jpg"), &whole).unwrap();
    fs::write(photos.join("corrupt.jpg"), &whole[..whole.len() / 2]).unwrap();
    fs::write(photos.join("empty.jpg"), b"").unwrap();
    fs::write(photos.join("text.jpg"), b"dear diary").unwrap();
    bomb(&photos.join("bomb.png"));

    let run = workspace.run(["embed", "photos"]);
    assert_eq!(run.code, Some(1), "{run}");
    run.says(&[
        "corrupt.jpg",
        "damaged",
        "empty.jpg",
        "is empty",
        "text.jpg",
        "no image format",
        "bomb.png",
        "30000×30000",
    ]);
    assert!(!run.stderr.contains("good.jpg"), "{run}");

    let again = workspace.command(["embed", "photos", "--json"]).output().map(Run::from).unwrap();
    assert_eq!(again.code, Some(0), "what is known and has not changed was named once: {again}");
    assert_eq!((&again.json()["sent"], &again.json()["known_failures"]), (&0.into(), &4.into()), "{again}");
    let listed = workspace.command(["status", "--failed"]).output().map(Run::from).unwrap();
    for name in ["corrupt.jpg", "empty.jpg", "text.jpg", "bomb.png"] {
        assert!(listed.stdout.contains(name), "{listed}");
    }
}

#[test]
fn limits_are_flags() {
    let workspace = Workspace::new();
    fs::create_dir(workspace.join("photos")).unwrap();
    fs::write(workspace.join("photos/good.jpg"), portrait()).unwrap();
    for (flag, value, reason) in
        [("--max-pixels", "1000", "more than the limit of 1000 pixels"), ("--max-image-bytes", "999", "999")]
    {
        let library = workspace.join(flag);
        let run = Run::from(
            workspace
                .command(["embed", "photos", flag, value])
                .env("FACESETS_LIBRARY", library)
                .output()
                .unwrap(),
        );
        assert_eq!(run.code, Some(1), "{run}");
        run.says(&["good.jpg", reason]);
    }
}

#[test]
fn odd_names_and_a_photo_without_a_face_are_processed() {
    let workspace = Workspace::new();
    let photos = workspace.join("photos");
    fs::create_dir(&photos).unwrap();
    let not_utf8 = OsStr::from_bytes(b"caf\xe9 \xff.jpg");
    // 60 Georgian letters of 3 bytes each, and more in the folder: 200 characters of path in another script.
    let long = format!("{}.jpg", "საქართველოსსილამაზე".chars().cycle().take(80).collect::<String>());
    let folder = "ფოტო".repeat(20);
    fs::create_dir(photos.join(&folder)).unwrap();
    fs::write(photos.join(not_utf8), portrait()).unwrap();
    fs::copy(setup::photos().join("2009/portraits/biden.jpg"), photos.join(&folder).join(&long)).unwrap();
    fs::copy(setup::photos().join("2020/cafe/coffee.png"), photos.join("coffee.png")).unwrap();

    let summary = workspace.json(["embed", "photos"]);
    assert_eq!(summary["sent"], 3, "{summary}");
    workspace.ok(["cluster", "out"]);
    let manifest = workspace.read_json("out/manifest.json");
    assert_eq!(manifest["singletons"].as_array().unwrap().len(), 2);
    assert_eq!(manifest["noface"].as_array().unwrap().len(), 1);
    let escaped = manifest["non_utf8_paths"][0]["escaped"].as_str().unwrap();
    assert!(escaped.ends_with("photos/caf\\xe9 \\xff.jpg"), "{escaped}");
    let placed = fs::read_dir(workspace.join("out/_singletons")).unwrap().count();
    assert_eq!(placed, 2);
}

#[test]
fn an_unreadable_folder_is_named_and_the_rest_is_done() {
    let workspace = Workspace::new();
    let photos = workspace.join("photos");
    fs::create_dir_all(photos.join("closed")).unwrap();
    fs::write(photos.join("good.jpg"), portrait()).unwrap();
    fs::write(photos.join("closed/hidden.jpg"), portrait()).unwrap();
    fs::set_permissions(photos.join("closed"), fs::Permissions::from_mode(0o000)).unwrap();

    let run = run_as_ordinary_user(&workspace, &["embed", "photos", "--json"]);
    fs::set_permissions(photos.join("closed"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(run.code, Some(1), "{run}");
    run.says(&["photos/closed", "ermission denied"]);
    assert_eq!(run.json()["sent"], 1, "{run}");
}

/// Nothing is unreadable to root: root runs it as `nobody`, from a place that `nobody` can read.
pub(crate) fn run_as_ordinary_user(workspace: &Workspace, args: &[&str]) -> Run {
    if !rustix::process::geteuid().is_root() {
        return workspace.run(args);
    }
    fs::set_permissions(workspace.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let programs = workspace.join("programs");
    fs::create_dir_all(programs.join("models/open")).unwrap();
    for program in ["facesets", "facesets-worker"] {
        fs::copy(setup::program(program), programs.join(program)).unwrap();
    }
    fs::copy(setup::runtime(), programs.join("runtime.so")).unwrap();
    for file in fs::read_dir(setup::models().join("open")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), programs.join("models/open").join(file.file_name())).unwrap();
    }
    let mut command = workspace.command(args);
    let mut as_nobody = std::process::Command::new(programs.join("facesets"));
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => as_nobody.env(name, value),
            None => as_nobody.env_remove(name),
        };
    }
    as_nobody
        .args(args)
        .current_dir(workspace.path())
        .env("FACESETS_MODELS", programs.join("models"))
        .env("FACESETS_RUNTIME", programs.join("runtime.so"))
        .uid(NOBODY)
        .gid(NOBODY);
    command = as_nobody;
    command.output().expect("facesets can be started as nobody").into()
}

#[test]
fn a_full_disk_behind_standard_error_is_no_panic() {
    let machine = Workspace::new();
    let mut command = machine.command(["embed", "nowhere"]);
    command.stderr(fs::File::options().write(true).open("/dev/full").unwrap());
    assert_eq!(command.status().unwrap().code(), Some(2));
}
