//! `verify` on corpora that were damaged: every damage is found and named, what can be derived is made again
//! byte for byte.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use facesets_tests::{program::Workspace, setup};

/// Every file but what is kept.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let all =
        walkdir::WalkDir::new(folder).into_iter().filter_entry(|entry| entry.file_name() != ".facesets");
    let files = all.map(|entry| entry.unwrap().into_path());
    let bytes = |path: PathBuf| (path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
    files.filter(|path| path.is_file()).map(bytes).collect()
}

/// The bytes that a repair has kept of a file.
fn kept_in(corpus: &Path, path: &Path) -> Option<Vec<u8>> {
    ["repair-1", "repair-2"]
        .iter()
        .find_map(|repair| fs::read(corpus.join(".facesets").join(repair).join(path)).ok())
}

fn flip(path: &Path, at: impl Fn(usize) -> usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = at(bytes.len());
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// A kind of damage: what it is called, what is done to a corpus, what is said of it.
type Damage = (&'static str, fn(&Path), &'static str);

const REPAIRABLE: [Damage; 9] = [
    (
        "a bit of a crop",
        |c| flip(&c.join("faceset_001/faces/0002.png"), |n| n / 2),
        "faces/0002.png: has other bytes",
    ),
    (
        "a crop is gone",
        |c| fs::remove_file(c.join("faceset_001/faces/0001.png")).unwrap(),
        "faces/0001.png: cannot be read",
    ),
    (
        "a bit of a crop in a bundle",
        |c| flip(&c.join("faceset_001/faceset_001_all.fsz"), |n| n / 2),
        "faceset_001_all.fsz: ",
    ),
    (
        "a bit of a date in a bundle's directory",
        |c| flip(&c.join("faceset_001/faceset_001_top30.fsz"), |_| 10),
        "faceset_001_top30.fsz: ",
    ),
    (
        "a bundle is gone",
        |c| fs::remove_file(c.join("faceset_002/faceset_002_diverse8.fsz")).unwrap(),
        "_diverse8.fsz: ",
    ),
    (
        "a crop and every bundle with it",
        |c| {
            flip(&c.join("faceset_001/faces/0001.png"), |n| n / 2);
            for bundle in ["all", "top30", "diverse8"] {
                fs::write(c.join(format!("faceset_001/faceset_001_{bundle}.fsz")), "PK").unwrap();
            }
        },
        "is no bundle that can be read",
    ),
    (
        "the manifest over all counts wrongly",
        |c| {
            let path = c.join("manifest.json");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text.replacen("\"certified\": true", "\"certified\": false", 1)).unwrap();
        },
        "is not what the manifest over all says of it",
    ),
    ("the manifest over all is gone", |c| fs::remove_file(c.join("manifest.json")).unwrap(), "cannot access"),
    (
        "the contact sheet is gone",
        |c| fs::remove_file(c.join("index.html")).unwrap(),
        "index.html: is missing",
    ),
];

const FINAL: [Damage; 2] = [
    (
        "a stranger among the crops",
        |c| fs::write(c.join("faceset_001/faces/x.png"), "x").unwrap(),
        "faces/x.png: is not in the manifest",
    ),
    ("a set's manifest", |c| flip(&c.join("faceset_002/manifest.json"), |_| 0), "faceset_002: "),
];

#[test]
fn every_damage_to_a_corpus_is_found_and_what_can_be_derived_is_made_again_byte_for_byte() {
    let workspace = Workspace::new();
    workspace.ok([Path::new("embed"), &setup::photos()]);
    workspace.ok(["refine", "refined", "--min-faces", "2", "--min-blur", "0"]);
    // Whether certified or not, bytes are bytes; the one damage that flips `certified` needs a certificate.
    workspace.ok(["export-swap", "refined", "ready"]);
    let whole = tree(&workspace.join("ready"));
    for (number, (what, damage, said)) in REPAIRABLE.iter().chain(&FINAL).enumerate() {
        let corpus = workspace.join("damaged");
        let _ = fs::remove_dir_all(&corpus);
        for (path, bytes) in &whole {
            let path = corpus.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        damage(&corpus);
        let damaged = tree(&corpus);
        assert!(damaged != whole, "{what}");
        let found = workspace.run(["verify", "damaged"]);
        assert!(matches!(found.code, Some(1 | 2)), "{what}: {found}");
        assert!(found.stdout.contains(said) || found.stderr.contains(said), "{what}: {found}");
        assert_eq!(tree(&corpus), damaged, "{what}: looking changes nothing");

        let repaired = workspace.run(["verify", "damaged", "--repair"]);
        if number < REPAIRABLE.len() {
            assert_eq!(repaired.code, Some(0), "{what}: {repaired}");
            assert!(repaired.stdout.contains(": repaired"), "{what}: {repaired}");
            assert!(tree(&corpus) == whole, "{what}: {repaired}");
            // What was there may have been changed on purpose.
            let other = |(path, bytes): &(&PathBuf, &Vec<u8>)| whole.get(*path) != Some(*bytes);
            let replaced: BTreeMap<_, _> = damaged.iter().filter(other).collect();
            let all_kept =
                replaced.iter().all(|(path, bytes)| kept_in(&corpus, path) == Some((*bytes).clone()));
            assert!(all_kept, "{what}: {:?}", replaced.keys());
        } else {
            assert_eq!(repaired.code, Some(1), "{what}: {repaired}");
            assert!(repaired.stdout.contains(said), "{what}: {repaired}");
            assert!(tree(&corpus) == damaged, "{what}: {repaired}");
        }
    }
    let refined = workspace.run(["verify", "refined", "--repair"]);
    assert_eq!(refined.code, Some(2), "{refined}");

    // A manifest of a version to come is whole, and so is one that nobody can read now.
    let manifest = workspace.join("ready/manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let newer = text.replace("facesets.corpus/1", "facesets.corpus/2");
    fs::write(&manifest, &newer).unwrap();
    let refused = workspace.run(["verify", "ready", "--repair"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["facesets.corpus/2", "hint: nothing was changed"]);
    assert_eq!(fs::read_to_string(&manifest).unwrap(), newer);
    fs::remove_file(&manifest).unwrap();
    fs::create_dir(&manifest).unwrap();
    let refused = workspace.run(["verify", "ready", "--repair"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(manifest.is_dir(), "what cannot be read is not replaced");
    fs::remove_dir(&manifest).unwrap();
    fs::write(&manifest, text).unwrap();

    // Nothing is written through a link.
    let (faces, elsewhere) = (workspace.join("ready/faceset_001/faces"), workspace.join("elsewhere"));
    fs::rename(&faces, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &faces).unwrap();
    fs::write(elsewhere.join("0001.png"), "mine").unwrap();
    let left = workspace.run(["verify", "ready", "--repair"]);
    assert_eq!(left.code, Some(1), "{left}");
    left.says(&["is not repaired", "symbolic link"]);
    assert_eq!(fs::read_to_string(elsewhere.join("0001.png")).unwrap(), "mine");
}
