//! A number stands for one person: whatever adds sets, whatever makes them again, and whatever is replaced.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use facesets_tests::{
    portraits::{self, Portrait},
    program::Workspace,
};
use serde_json::{Value, json};

use crate::changes::snapshot;

fn array(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}"))
}

/// Photos of a person, in the folder `pN`.
fn photos_of(workspace: &Workspace, person: usize, photos: std::ops::Range<usize>) {
    let portrait = |number| Portrait {
        name: format!("p{person}/{number}"),
        person,
        look: person,
        distance: 0.05,
        year: Some(2005),
    };
    portraits::add(workspace, &photos.map(portrait).collect::<Vec<_>>());
}

/// Person 0 with five photos and person 1 with four: clustered, refined and exported.
fn two_people() -> Workspace {
    let workspace = Workspace::in_memory();
    photos_of(&workspace, 0, 0..5);
    photos_of(&workspace, 1, 0..4);
    workspace.ok(["cluster", "clusters"]);
    workspace.ok(["refine", "refined", "--min-faces", "3"]);
    workspace.ok(["export-swap", "refined", "ready", "--no-certificate"]);
    workspace
}

/// The person of each refined set, by the folder of its photos.
fn people(workspace: &Workspace) -> BTreeMap<String, String> {
    let person = |face: &Value| face["path"].as_str().unwrap().rsplit('/').nth(1).unwrap().to_owned();
    let set = |set: &Value| {
        let people: BTreeSet<String> = array(&set["faces"]).iter().map(person).collect();
        assert_eq!(people.len(), 1, "{set}");
        (set["name"].as_str().unwrap().to_owned(), people.into_iter().next().unwrap())
    };
    array(&workspace.read_json("refined/manifest.json")["facesets"]).iter().map(set).collect()
}

fn sets(pairs: &[(usize, usize)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(number, person)| (format!("faceset_{number:03}"), format!("p{person}"))).collect()
}

#[test]
fn no_new_person_gets_the_number_of_one_sorted_by_hand_and_no_export_loses_either_without_a_word() {
    let workspace = two_people();
    photos_of(&workspace, 7, 0..4);
    fs::write(workspace.join("recipe.toml"), "trusted = [{ folder = 'photos/p7', label = 'anna' }]\n")
        .unwrap();
    let import = ["import", "folders", "recipe.toml", "--corpus", "ready", "--no-certificate"];
    assert_eq!(workspace.json(import)["identities"][0]["name"], "faceset_003");
    workspace.ok(["consent", "set", "anna", "--in", "ready", "--granted"]);

    photos_of(&workspace, 5, 0..3);
    workspace.ok(["extend", "clusters", "--refine-out", "refined"]);
    assert_eq!(people(&workspace), sets(&[(1, 0), (2, 1), (4, 7), (5, 5)]), "003 is anna's");

    let ready = snapshot(&workspace.join("ready"));
    let export = ["export-swap", "refined", "ready", "--replace", "--no-certificate"];
    let refused = workspace.run(export);
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["faceset_003 (anna, sorted by hand) would be faceset_004", "hint:", "--give-up-sets"]);
    assert!(snapshot(&workspace.join("ready")) == ready && !workspace.join("ready.previous-1").exists());

    let said = workspace.json(export.iter().chain(&["--give-up-sets"]));
    assert_eq!(said["only_in_previous"], json!(["faceset_003"]), "{said}");
    assert!(snapshot(&workspace.join("ready.previous-1")) == ready);
    workspace.ok(["verify", "ready"]);
    // Nobody is lost any more.
    let said = workspace.json(export);
    assert_eq!(said["only_in_previous"], Value::Null, "{said}");
}

#[test]
fn discovering_after_extending_uses_no_number_twice() {
    let workspace = two_people();
    photos_of(&workspace, 5, 0..4);
    workspace.ok(["extend", "clusters", "--refine-out", "refined"]);
    assert_eq!(people(&workspace), sets(&[(1, 0), (2, 1), (3, 5)]));
    photos_of(&workspace, 6, 0..4);
    let discover = ["discover", "photos/p6", "--corpus", "ready", "--no-certificate"];
    let said = workspace.json(discover);
    assert_eq!(said["emitted"], json!([{"name": "faceset_004", "faces": 4}]), "{said}");
    workspace.ok(["undo"]);
    assert_eq!(workspace.json(discover)["emitted"], said["emitted"], "what is taken back frees its number");

    let refused = workspace.run(["export-swap", "refined", "ready", "--replace", "--no-certificate"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["1 of the sets of `ready`", "faceset_004 (discovered) would be gone"]);
    workspace.ok(["export-swap", "refined", "elsewhere", "--no-certificate"]);
}

#[test]
fn whoever_is_refined_again_keeps_the_number_whatever_it_is_by_size() {
    let workspace = two_people();
    assert_eq!(people(&workspace), sets(&[(1, 0), (2, 1)]));
    photos_of(&workspace, 1, 10..15);
    photos_of(&workspace, 3, 0..12);
    let refine = ["refine", "refined", "--replace", "--min-faces"];
    workspace.ok(refine.iter().chain(&["3"]));
    assert_eq!(people(&workspace), sets(&[(1, 0), (2, 1), (3, 3)]));
    workspace.ok(["verify", "refined", "--files"]);
    workspace.ok(["export-swap", "refined", "ready", "--replace", "--no-certificate"]);

    // Who has gone leaves the number behind.
    workspace.ok(refine.iter().chain(&["10"]));
    assert_eq!(people(&workspace), sets(&[(3, 3)]));
    workspace.ok(refine.iter().chain(&["3"]));
    assert_eq!(people(&workspace), sets(&[(3, 3), (4, 1), (5, 0)]));
    let refused = workspace.run(["export-swap", "refined", "ready", "--replace", "--no-certificate"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["2 of the sets", "faceset_001 would be faceset_005", "faceset_002 would be faceset_004"]);

    workspace.ok(["refine", "anew", "--min-faces", "3"]);
    let anew = workspace.read_json("anew/manifest.json");
    let sizes: Vec<usize> = array(&anew["facesets"]).iter().map(|set| array(&set["faces"]).len()).collect();
    assert_eq!(sizes, [12, 9, 5], "another folder begins by size");
}
