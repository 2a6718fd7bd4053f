//! The cache of the system before this one comes into a library, and says what it lacks where it cannot.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use facesets_tests::{
    program::{Run, Workspace},
    setup,
};
use serde_json::{Value, json};

/// Ten photos, some with a face, one with none, one with six.
fn embedded() -> Workspace {
    let workspace = Workspace::new();
    let photos = workspace.join("photos");
    fs::create_dir(&photos).unwrap();
    for folder in ["2009/portraits", "2013/visit", "2018/group"] {
        for entry in fs::read_dir(setup::photos().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, photos.join(path.file_name().unwrap())).unwrap();
        }
    }
    fs::write(
        photos.join("grey.png"),
        fs::read(setup::repository().join("tests/fixtures/formats/grey.heic.png")).unwrap(),
    )
    .unwrap();
    workspace.ok(["embed", "photos"]);
    workspace.ok(["store", "export", "faces.npz"]);
    workspace
}

/// The contracts of a library's results: of faces, of landmarks.
fn contracts(workspace: &Workspace) -> [String; 2] {
    let dump = workspace.dump();
    let mut lines = dump.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of = |line: Value| {
        Some([line["contract"].as_str()?.to_owned(), line["landmarks_contract"].as_str()?.to_owned()])
    };
    lines.find_map(of).expect("there is a result")
}

fn old_cache(workspace: &Workspace, variant: &str) -> PathBuf {
    let old = workspace.join(format!("old-{variant}.npz"));
    let output = Command::new(setup::folder().join("venv/bin/python"))
        .arg(setup::repository().join("scripts/python/make_old_cache.py"))
        .args([workspace.join("faces.npz"), old.clone()])
        .args((!variant.is_empty()).then_some(variant))
        .output()
        .expect("Python can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    old
}

fn import(into: &Workspace, cache: &Path, contracts: &[String; 2], flags: &[&str]) -> Run {
    let [faces, landmarks] = contracts;
    let assumed = ["--assume-contract", faces, "--assume-contract", landmarks];
    into.run(["store", "import", cache.to_str().unwrap()].iter().chain(&assumed).chain(flags))
}

/// Numbers as a dump writes them.
fn numbers(value: &Value) -> Vec<f32> {
    let digits = value.as_str().unwrap().as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let bytes: Vec<u8> = digits.chunks(2).map(byte).collect();
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// Demands that two dumps say the same, but for the rounding of vectors that were multiplied by their lengths
/// in between.
fn same_but_for_rounding(here: &str, there: &str) {
    let lines = |dump: &str| -> Vec<Value> {
        let all = dump.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        all.filter(|line| line.get("digest").is_none()).collect()
    };
    let (here, there) = (lines(here), lines(there));
    assert_eq!(here.len(), there.len());
    for (mut here, mut there) in here.into_iter().zip(there) {
        if here.get("embedding").is_some() {
            for field in ["embedding", "norm"] {
                let (here, there) = (numbers(&here[field].take()), numbers(&there[field].take()));
                assert_eq!(here.len(), there.len());
                let near = |(here, there): (&f32, &f32)| (here - there).abs() <= 1e-5 * there.abs().max(1.0);
                assert!(here.iter().zip(&there).all(near), "{field}");
            }
        }
        assert_eq!(here, there);
    }
}

#[test]
fn an_old_cache_becomes_the_library_that_embedding_would_have_made() {
    let workspace = embedded();
    let contracts = contracts(&workspace);
    let expected = workspace.dump();
    for (variant, flags) in [
        ("", &[][..]),
        ("other-names", &["--map", "path=paths", "--map", "bbox=boxes", "--map", "embedding=emb"]),
    ] {
        let cache = old_cache(&workspace, variant);
        let other = Workspace::new();
        let rehearsed = import(&other, &cache, &contracts, &[flags, &["--dry-run", "--json"]].concat());
        assert_eq!((rehearsed.code, other.join("library").exists()), (Some(0), false), "{rehearsed}");
        let run = import(&other, &cache, &contracts, &[flags, &["--json"]].concat());
        assert_eq!((run.code, run.json()["left_out"].clone()), (Some(0), json!([])), "{run}");
        assert_eq!(run.json()["outcomes"], rehearsed.json()["outcomes"]);
        same_but_for_rounding(&other.dump(), &expected);
        assert_eq!(other.json(["store", "verify"])["findings"], json!([]));
        let again = import(&other, &cache, &contracts, &[flags, &["--json"]].concat()).json();
        assert_eq!(
            (&again["outcomes"]["new"], &again["locations"]["new"]),
            (&json!(0), &json!(0)),
            "{again}"
        );
        // Nothing is left to be sent.
        let photos = workspace.join("photos");
        let embed = other.json(["embed", photos.to_str().unwrap(), "--dry-run"]);
        assert!(embed.to_string().contains("\"to_send\":0"), "{embed}");
    }
}

#[test]
fn photos_that_are_gone_or_have_changed_are_left_out_by_name() {
    let workspace = embedded();
    let contracts = contracts(&workspace);
    let cache = old_cache(&workspace, "changed");
    fs::remove_file(workspace.join("photos/biden.jpg")).unwrap();
    let other = Workspace::new();
    let run = import(&other, &cache, &contracts, &["--json"]);
    assert_eq!(run.code, Some(1), "{run}");
    run.says(&["biden.jpg`: cannot be read", "has changed since it was measured"]);
    let left_out = run.json()["left_out"].as_array().unwrap().len();
    assert_eq!(left_out, 2, "{run}");
    let contents = workspace.json(["status"])["contents"].as_u64().unwrap();
    assert_eq!(other.json(["status"])["contents"], contents - 2);

    fs::rename(workspace.join("photos"), workspace.join("away")).unwrap();
    let nothing = import(&Workspace::new(), &cache, &contracts, &[]);
    assert_eq!(nothing.code, Some(2), "{nothing}");
    nothing.says(&["not one of", "hint: mount the photos"]);
}

#[test]
fn what_an_old_cache_lacks_is_named_and_never_invented() {
    let workspace = embedded();
    let contracts = contracts(&workspace);
    let other = Workspace::new();
    let refused = |variant: &str, flags: &[&str], said: &[&str]| {
        let run = import(&other, &old_cache(&workspace, variant), &contracts, flags);
        assert_eq!(run.code, Some(2), "{run}");
        run.says(said);
    };
    refused(
        "pickled",
        &[],
        &["the array `path` is pickled", "hint:", "allow_pickle=True", "z['path']", ".astype(str)"],
    );
    refused("unit", &[], &["`embedding` holds unit vectors and there is no `norm`", "hint:"]);
    refused("", &["--map", "norm=blur"], &["its length is", "`norm` says"]);
    refused(
        "no-keypoints",
        &[],
        &["cannot hold faces without `keypoints`", "`landmark_2d_106`", "hint:", "facesets embed"],
    );
    refused("other-names", &[], &["without `path`, `bbox`, `embedding`", "`emb`", "--map"]);
    refused("widths", &[], &["`bbox`, row"]);
    refused("", &["--map", "boks=bbox"], &["no field `boks`", "`landmarks_106`"]);
    refused("", &["--map", "bbox=boks"], &["no array `boks` to be `bbox`", "`landmark_3d_68`"]);
    refused("", &["--map", "bbox=embedding"], &["`embedding` has the shape", "[rows, 4] is needed"]);
    refused("", &["--map", "path=blur"], &["`blur` is of type `<f8`, texts"]);
    refused("", &["--assume-contract", "face/v1/x"], &["`--assume-contract face/v1/x` is neither"]);
    refused(
        "",
        &["--assume-contract", &contracts[0]],
        &["one contract of face embeddings is to be assumed, not 2"],
    );
    let cache = old_cache(&workspace, "");
    let one = other.run(["store", "import", cache.to_str().unwrap(), "--assume-contract", &contracts[0]]);
    one.says(&["one contract of landmarks is to be assumed, not 0", "hint:"]);
    let plain = other.run(["store", "import", cache.to_str().unwrap()]);
    plain.says(&["`meta` is missing", "hint:", "--assume-contract"]);
    assert_eq!(other.json(["status"])["contents"], 0);
}
