//! Real people: extended, imported from folders sorted by hand, discovered among strangers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use facesets_tests::{program::Workspace, setup};
use serde_json::Value;

fn array(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}"))
}

/// File name of the photo of a manifest's entry.
fn photo(entry: &Value) -> String {
    let path = ["path", "source"].iter().find_map(|key| entry[key].as_str()).expect("an entry has a path");
    Path::new(path).file_name().expect("a photo has a name").to_string_lossy().into_owned()
}

/// Names of sets and of the photos in each.
fn sets(manifest: &Value, list: &str) -> BTreeMap<String, BTreeSet<String>> {
    let set = |set: &Value| {
        (set["name"].as_str().unwrap().to_owned(), array(&set["faces"]).iter().map(photo).collect())
    };
    array(&manifest[list]).iter().map(set).collect()
}

/// Copies photos into a folder of a workspace; they are other places of the same contents.
fn copy(workspace: &Workspace, folder: &str, photos: &[PathBuf]) {
    let folder = workspace.join(folder);
    fs::create_dir_all(&folder).unwrap();
    for photo in photos {
        fs::copy(photo, folder.join(photo.file_name().unwrap())).unwrap();
    }
}

fn names(photos: &[&str]) -> BTreeSet<String> {
    photos.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn extending_keeps_every_number_and_adds_the_one_new_person() {
    let workspace = Workspace::new();
    let photos = setup::photos();
    for folder in ["2009", "2012", "2018"] {
        workspace.ok([Path::new("embed"), &photos.join(folder)]);
    }
    workspace.ok(["cluster", "clusters"]);
    workspace.ok(["refine", "refined", "--min-faces", "2", "--min-blur", "0"]);
    let before = |list: &str, folder: &str| sets(&workspace.read_json(folder), list);
    let persons = before("persons", "clusters/manifest.json");
    let facesets = before("facesets", "refined/manifest.json");

    // More of one person, an alias of another, a photo without a face, and somebody new.
    workspace.ok([Path::new("embed"), &photos]);
    let said = workspace.json(["extend", "clusters", "--refine-out", "refined"]);
    assert_eq!(said["clusters"]["new_faces"], 8, "{said}");
    assert_eq!(array(&said["clusters"]["new_sets"]).len(), 1, "{said}");

    let manifest = workspace.read_json("clusters/manifest.json");
    let after = sets(&manifest, "persons");
    assert_eq!(after.len(), persons.len() + 1);
    for (name, photos) in &persons {
        assert!(after[name].is_superset(photos), "{name}");
    }
    let astronaut = names(&[
        "astronaut-variant-cooler.png",
        "astronaut-variant-enlarged.jpg",
        "astronaut-variant-turned.jpg",
        "astronaut.png",
    ]);
    let new = format!("person_{:03}", persons.len() + 1);
    assert_eq!(after[&new], astronaut);
    assert_eq!(array(&manifest["noface"]).iter().map(photo).collect::<Vec<_>>(), ["coffee.png"]);
    assert_eq!(fs::read_dir(workspace.join("clusters").join(&new)).unwrap().count(), 4);
    assert_eq!(fs::read_dir(workspace.join("clusters/_noface")).unwrap().count(), 1);

    let refined = sets(&workspace.read_json("refined/manifest.json"), "facesets");
    for (name, photos) in &facesets {
        assert!(refined[name].is_superset(photos), "{name}");
    }
    assert_eq!(refined[&format!("faceset_{:03}", facesets.len() + 1)], astronaut);
    for folder in ["clusters", "refined"] {
        workspace.ok(["verify", folder, "--files"]);
    }

    let again = workspace.ok(["extend", "clusters", "--refine-out", "refined"]);
    assert!(again.stdout.contains("nothing has changed"), "{again}");
    workspace.ok(["undo"]);
    assert_eq!(before("persons", "clusters/manifest.json"), persons);
    assert_eq!(before("facesets", "refined/manifest.json"), facesets);
    assert!(!workspace.join("clusters").join(&new).exists());
}

#[test]
fn hand_sorted_and_discovered_people_share_a_corpus() {
    let workspace = Workspace::new();
    let photos = setup::photos();
    let group = photos.join("2018/group");
    copy(&workspace, "sorted/one", &[group.join("t1-variant-person-1.jpg")]);
    copy(&workspace, "sorted/две", &[group.join("t1-variant-person-2.jpg")]);
    workspace.ok([Path::new("embed"), &photos, Path::new("sorted")]);
    let recipe = format!(
        "trusted = ['sorted/one', 'sorted/две']\nmixed = ['{}']\nmin_face_short = 20.0\ntop_n = 2\n",
        group.display()
    );
    fs::write(workspace.join("recipe.toml"), recipe).unwrap();
    let import = ["import", "folders", "recipe.toml", "--corpus", "ready"];
    let said = workspace.json(import);
    assert_eq!(array(&said["identities"]).len(), 2, "{said}");
    assert_eq!(said["applied"]["certified"], 2, "{said}");
    let exported: Vec<u64> =
        array(&said["identities"]).iter().map(|one| one["exported"].as_u64().unwrap()).collect();
    let written = workspace.read_json("ready/manifest.json");
    let written: Vec<u64> =
        array(&written["facesets"]).iter().map(|set| set["images"].as_u64().unwrap()).collect();
    assert_eq!(exported, written, "what is said is what was written: {said}");

    let group_of = |person: u8| {
        let portrait = format!("t1-variant-person-{person}.jpg");
        names(&["t1.jpg", "t1-variant-enlarged.jpg", "t1-variant-mirrored.jpg", &portrait])
    };
    let set = |name: &str| workspace.read_json(format!("ready/{name}/manifest.json"));
    let box_in_group = |set: &Value| {
        let entries = array(&set["faces"]).iter().chain(array(&set["dropped"]));
        let of_group: Vec<Value> =
            entries.filter(|entry| photo(entry) == "t1.jpg").map(|entry| entry["bbox"].clone()).collect();
        assert_eq!(of_group.len(), 1, "{set}");
        of_group[0].clone()
    };
    for (number, (label, person)) in (1..).zip([("one", 1), ("две", 2)]) {
        let name = format!("faceset_{number:03}");
        let manifest = set(&name);
        assert_eq!(manifest["label"], label);
        assert_eq!(manifest["origin"]["kind"], "hand-sorted");
        let everything: BTreeSet<String> =
            array(&manifest["faces"]).iter().chain(array(&manifest["dropped"])).map(photo).collect();
        assert_eq!(everything, group_of(person), "{name}");
        let home = workspace.join("ready").join(&name);
        for file in [format!("{label}_top2.fsz"), format!("{label}_all.fsz"), format!("{label}.txt")] {
            assert!(home.join(&file).is_file(), "{file}");
        }
    }
    assert!(box_in_group(&set("faceset_001")) != box_in_group(&set("faceset_002")));
    workspace.ok(["verify", "ready"]);
    let refused = workspace.run(import);
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["`one` is in the corpus already: faceset_001", "hint:"]);

    assert_eq!(set("faceset_001")["certificate"]["state"], "passed");

    let corpus = fs::read(workspace.join("ready/manifest.json")).unwrap();
    let root = photos.to_str().unwrap();
    let discover =
        ["discover", root, "--corpus", "ready", "--min-blur", "0", "--min-short", "20", "--min-faces", "3"];
    let dry = workspace.json(discover.iter().chain(&["--dry-run"]));
    assert_eq!(fs::read(workspace.join("ready/manifest.json")).unwrap(), corpus, "nothing was touched");
    let unseen = workspace.run(discover.iter().chain(&["--worker-binary", "/nowhere/worker", "--json"]));
    assert_eq!(unseen.code, Some(2), "{unseen}");
    unseen.says(&["nobody can look at the crops", "--no-certificate", "facesets worker test"]);
    assert_eq!(fs::read(workspace.join("ready/manifest.json")).unwrap(), corpus, "nothing was touched");
    let said = workspace.json(discover);
    // The plan cannot know which crops show the same.
    let numbers = |said: &Value, list: &str, count: &str| -> BTreeMap<String, u64> {
        let set = |set: &Value| Some((set["name"].as_str()?.to_owned(), set[count].as_u64()?));
        array(&said[list]).iter().filter_map(set).collect()
    };
    let (written, planned) = (numbers(&said, "emitted", "faces"), numbers(&dry, "emitted", "faces"));
    assert!(written.keys().eq(planned.keys()), "{written:?} {planned:?}");
    assert!(written.iter().all(|(name, crops)| *crops <= planned[name]) && written != planned, "{written:?}");
    let mut listed = numbers(&workspace.read_json("ready/manifest.json"), "facesets", "images");
    listed.retain(|name, _| written.contains_key(name));
    assert_eq!(written, listed, "what is said is what was written");
    let matched: Vec<_> = array(&said["matches"]).iter().map(|set| set["faces"].clone()).collect();
    assert_eq!(matched, [4, 4], "{said}");
    assert_eq!(said["applied"]["certified"], said["applied"]["built"], "{said}");
    // Four others of the group, and three people with photos of their own.
    let emitted: Vec<&str> =
        array(&said["emitted"]).iter().map(|set| set["name"].as_str().unwrap()).collect();
    let gaps = array(&said["gaps"]).len();
    assert_eq!((said["clusters"].as_u64(), said["survivors"].as_u64()), (Some(7), Some(7)), "{said}");
    assert_eq!(emitted.len() + gaps, 7, "{said}");
    assert!(emitted.iter().all(|name| *name > "faceset_002"), "{emitted:?}");
    for name in &emitted {
        let manifest = set(name);
        assert_eq!(manifest["origin"], serde_json::json!({"kind": "discovered", "run": 2}));
        assert_eq!(manifest["certificate"]["state"], "passed", "{manifest}");
        assert!(workspace.join("ready").join(name).join("photos.txt").is_file());
        assert!(workspace.join("ready").join(name).join(format!("{name}_all.fsz")).is_file());
    }
    workspace.ok(["verify", "ready"]);
    workspace.ok(["certify", "ready"]);
    let page = fs::read_to_string(workspace.join("ready/index.html")).unwrap();
    assert!(page.contains("faceset_001") && page.contains(emitted[0]));

    let nothing = workspace.json(discover);
    let matched: u64 = array(&nothing["matches"]).iter().map(|set| set["faces"].as_u64().unwrap()).sum();
    assert_eq!(matched + nothing["unmatched"].as_u64().unwrap(), nothing["faces"].as_u64().unwrap());
    assert_eq!(array(&nothing["emitted"]).len(), 0, "{nothing}");
    workspace.ok(["undo"]);
    assert_eq!(fs::read(workspace.join("ready/manifest.json")).unwrap(), corpus);
    workspace.ok(["verify", "ready"]);
}

#[test]
fn a_photo_of_two_people_lands_with_both_where_their_photos_are_at_hand() {
    let Some(photos) = setup::shared_photos() else {
        eprintln!("left out: there is no ../shared/photos beside this checkout");
        return;
    };
    let workspace = Workspace::new();
    let of = |names: &[&str]| names.iter().map(|name| photos.join(name)).collect::<Vec<_>>();
    copy(&workspace, "sorted/barack", &of(&["obama.jpg", "obama2.jpg", "train__obama__obama.jpg"]));
    copy(&workspace, "sorted/joe", &of(&["biden.jpg", "train__biden__biden2.jpg"]));
    workspace.ok([Path::new("embed"), &photos, Path::new("sorted")]);
    fs::write(
        workspace.join("recipe.toml"),
        format!("trusted = ['sorted/barack', 'sorted/joe']\nmixed = ['{}']\n", photos.display()),
    )
    .unwrap();
    workspace.ok(["import", "folders", "recipe.toml", "--corpus", "ready"]);
    for name in ["faceset_001", "faceset_002"] {
        let manifest = workspace.read_json(format!("ready/{name}/manifest.json"));
        let everything: BTreeSet<String> =
            array(&manifest["faces"]).iter().chain(array(&manifest["dropped"])).map(photo).collect();
        for both in ["two_people.jpg", "test__obama_and_biden.jpg"] {
            assert!(everything.contains(both), "{both} in {name}: {everything:?}");
        }
    }
    workspace.ok(["verify", "ready"]);
}
