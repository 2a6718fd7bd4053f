//! Libraries at the edge: nothing in them, one face, faces that are all the same.

use facesets_tests::{
    people::{self, Photo},
    program::Workspace,
};
use serde_json::Value;

fn count(value: &Value) -> usize {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}")).len()
}

/// Photos with these faces.
fn library(photos: &[&[usize]]) -> Workspace {
    let workspace = Workspace::in_memory();
    let photos: Vec<Photo> = (0..)
        .zip(photos)
        .map(|(number, people)| Photo { name: format!("{number}.jpg"), people: people.to_vec() })
        .collect();
    people::add(&workspace, "models", &photos);
    workspace
}

#[test]
fn without_a_library_every_command_says_how_to_get_one() {
    let workspace = Workspace::new();
    for command in [
        &["cluster", "out"][..],
        &["refine", "out"],
        &["dedup", "out"],
        &["why", "a.jpg"],
        &["pin", "list"],
        &["undo"],
    ] {
        let refused = workspace.run(command);
        assert_eq!(refused.code, Some(2), "{command:?}: {refused}");
        refused.says(&["there is no library", "hint: run `facesets embed"]);
        assert!(!workspace.join("out").exists());
    }
}

#[test]
fn a_library_without_a_face_gives_empty_outputs_that_can_be_extended() {
    let workspace = library(&[&[], &[]]);
    workspace.ok(["cluster", "clusters"]);
    workspace.ok(["refine", "refined", "--min-faces", "2"]);
    let manifest = workspace.read_json("clusters/manifest.json");
    assert_eq!((count(&manifest["persons"]), count(&manifest["noface"])), (0, 2));
    people::add(&workspace, "models", &[Photo::of(0, 0), Photo::of(0, 1)]);
    let said = workspace.json(["extend", "clusters", "--refine-out", "refined"]);
    assert_eq!(said["clusters"]["new_sets"][0]["name"], "person_001", "{said}");
    assert_eq!(said["refined"]["new_sets"][0]["name"], "faceset_001", "{said}");
    workspace.ok(["verify", "clusters"]);
    workspace.ok(["verify", "refined"]);
}

#[test]
fn one_face_is_a_singleton() {
    let workspace = library(&[&[3]]);
    for engine in ["exact", "dense"] {
        workspace.ok(["cluster", engine, "--engine", engine]);
        let manifest = workspace.read_json(format!("{engine}/manifest.json"));
        assert_eq!((count(&manifest["persons"]), count(&manifest["singletons"])), (0, 1));
    }
    let refined = workspace.json(["refine", "refined", "--min-faces", "1"]);
    assert_eq!(refined["facesets"], 1, "{refined}");
}

#[test]
fn faces_that_are_all_equal_are_one_person() {
    // Faces of one made-up person in one photo have the same embedding.
    let workspace = library(&[&[3; 40]]);
    for engine in ["exact", "dense"] {
        workspace.ok(["cluster", engine, "--engine", engine, "--threshold", "0"]);
        let manifest = workspace.read_json(format!("{engine}/manifest.json"));
        assert_eq!((count(&manifest["persons"]), count(&manifest["singletons"])), (1, 0), "{engine}");
    }
    let refined = workspace.json(["refine", "refined", "--min-faces", "2"]);
    assert_eq!((&refined["facesets"], count(&refined["dropped"])), (&0.into(), 40), "one photo is no set");
}
