//! Manifests that somebody else may have written: no name in them leads out of the folder that it belongs to.

use std::{fs, path::Path};

use facesets_tests::{
    portraits::{self, Portrait},
    program::Workspace,
};
use serde_json::{Value, json};

use crate::changes::snapshot;

/// Two people, clustered, refined and exported; and a folder that is none of ours.
fn workspace() -> Workspace {
    let workspace = Workspace::in_memory();
    let portrait = |person: usize, number: usize| Portrait {
        name: format!("p{person}/{number}"),
        person,
        look: person,
        distance: 0.05,
        year: None,
    };
    let all = (0..2).flat_map(|person| (0..3).map(move |number| portrait(person, number)));
    portraits::add(&workspace, &all.collect::<Vec<_>>());
    workspace.ok(["cluster", "clusters"]);
    workspace.ok(["refine", "refined", "--min-faces", "2"]);
    workspace.ok(["export-swap", "refined", "ready", "--no-certificate"]);
    fs::create_dir_all(workspace.join("victim/faces")).unwrap();
    fs::write(workspace.join("victim/faces/0001.png"), "mine").unwrap();
    fs::write(workspace.join("victim/manifest.json"), "mine").unwrap();
    workspace
}

/// Changes a manifest; gives back what undoes that.
fn edit(workspace: &Workspace, folder: &str, change: impl Fn(&mut Value)) -> impl FnOnce() {
    let path = workspace.join(folder).join("manifest.json");
    let before = fs::read(&path).unwrap();
    let mut manifest: Value = serde_json::from_slice(&before).unwrap();
    change(&mut manifest);
    fs::write(&path, serde_json::to_vec(&manifest).unwrap()).unwrap();
    move || fs::write(path, before).unwrap()
}

#[test]
fn nothing_is_written_outside_of_the_export_whatever_the_refined_sets_are_called() {
    let workspace = workspace();
    let victim = snapshot(&workspace.join("victim"));
    let absolute = workspace.join("victim").display().to_string();
    for name in ["../victim", "../../victim", absolute.as_str(), "", ".", "..", ".hidden", "a/b", "a\0b"] {
        let put_back = edit(&workspace, "refined", |refined| refined["facesets"][0]["name"] = json!(name));
        for command in [
            &["export-swap", "refined", "out", "--no-certificate"][..],
            &["extend", "clusters", "--refine-out", "refined"],
            &["verify", "refined"],
        ] {
            let refused = workspace.run(command);
            assert_eq!(refused.code, Some(2), "{name:?}: {refused}");
            refused.says(&["refined/manifest.json", "cannot be the name of a set", "hint:"]);
        }
        // With its fields in another order it is taken for nothing of ours, before any of it is read.
        let refused = workspace.run(["refine", "refined", "--replace"]);
        assert_eq!(refused.code, Some(2), "{name:?}: {refused}");
        refused.says(&["refined` is not empty, and nothing that `facesets refine` wrote", "hint:"]);
        put_back();
        assert!(snapshot(&workspace.join("victim")) == victim && !workspace.join("out").exists(), "{name:?}");
    }
    let put_back =
        edit(&workspace, "refined", |refined| refined["facesets"][1]["name"] = json!("faceset_001"));
    let refused = workspace.run(["export-swap", "refined", "out", "--no-certificate"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["two sets are called `faceset_001`"]);
    put_back();
    workspace.ok(["export-swap", "refined", "out", "--no-certificate"]);
}

#[test]
fn no_corpus_is_followed_out_of_its_folder() {
    let workspace = workspace();
    let evil = |manifest: &mut Value, at: &str, name: &str| {
        *manifest.pointer_mut(at).unwrap_or_else(|| panic!("{at}")) = json!(name);
    };
    for (folder, at, name) in [
        ("clusters", "/persons/0/name", "../victim"),
        ("ready", "/facesets/0/name", "../victim"),
        ("ready", "/facesets/0/bundles/0", "../victim/x.fsz"),
    ] {
        let put_back = edit(&workspace, folder, |manifest| evil(manifest, at, name));
        let refused = workspace.run(["verify", folder]);
        assert_eq!(refused.code, Some(2), "{at}: {refused}");
        refused.says(&[name, "cannot be the name of a set or of a file in one"]);
        put_back();
    }
    for (at, name) in [
        ("/name", "../victim"),
        ("/label", "../victim"),
        ("/marker", "/victim"),
        ("/faces/0/file", "../../victim/faces/0001.png"),
        ("/bundles/0/file", "../../victim.fsz"),
        ("/bundles/0/crops/0", "../../victim/faces/0001.png"),
    ] {
        let put_back = edit(&workspace, "ready/faceset_001", |manifest| evil(manifest, at, name));
        let found = workspace.run(["verify", "ready", "--json"]);
        assert_eq!(found.code, Some(1), "{at}: {found}");
        let finding = &found.json()["findings"][0];
        assert_eq!(finding["what"], "faceset_001", "{at}: {finding}");
        assert!(finding["problem"].as_str().unwrap().contains(name), "{at}: {finding}");
        put_back();
    }
    workspace.ok(["verify", "ready"]);
    assert_eq!(fs::read_to_string(Path::new(&workspace.join("victim/manifest.json"))).unwrap(), "mine");
}
