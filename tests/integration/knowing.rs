//! What is known of single faces and photos: why, pins, duplicates.

use std::{collections::BTreeSet, path::Path};

use facesets_tests::{
    people::{self, Photo},
    program::Workspace,
    setup,
};
use serde_json::Value;

fn array(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}"))
}

/// Three people with three photos each.
fn three_people() -> Workspace {
    let workspace = Workspace::in_memory();
    let photos: Vec<Photo> =
        (0..3).flat_map(|person| (0..3).map(move |number| Photo::of(person, number))).collect();
    people::add(&workspace, "models", &photos);
    workspace
}

/// Photos of each person of a clustering, as `person/number`, and the singletons.
fn clusters(workspace: &Workspace, folder: &str) -> (BTreeSet<BTreeSet<String>>, BTreeSet<String>) {
    let manifest = workspace.read_json(format!("{folder}/manifest.json"));
    let photo = |face: &Value| {
        let path = face["path"].as_str().unwrap();
        path.split("/photos/").nth(1).unwrap().trim_end_matches(".jpg").to_owned()
    };
    let photos = |faces: &Value| array(faces).iter().map(photo).collect();
    let persons = array(&manifest["persons"]).iter().map(|person| photos(&person["faces"])).collect();
    (persons, photos(&manifest["singletons"]))
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn pins_rule_over_embeddings_and_say_what_they_changed() {
    let workspace = three_people();
    workspace.ok(["pin", "same", "photos/p000/000.jpg", "photos/p001/000.jpg#0", "--merge"]);
    workspace.ok(["pin", "different", "photos/p002/000.jpg", "photos/p002/001.jpg"]);
    workspace.ok(["pin", "no-face", "photos/p000/002.jpg"]);
    workspace.ok(["pin", "same", "photos/p002/001.jpg", "photos/p002/002.jpg"]);
    let refused = workspace.run(["pin", "different", "photos/p001/000.jpg", "photos/p000/000.jpg"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["pin 5", "pin 1", "hint:", "pin remove"]);

    let said = workspace.json(["cluster", "clusters"]);
    let changed: Vec<_> =
        array(&said["pins"]).iter().map(|pin| (pin["pin"].as_i64(), pin["changed"].as_bool())).collect();
    let expected = [(1, true), (2, true), (3, true), (4, false)];
    assert_eq!(changed, expected.map(|(pin, changed)| (Some(pin), Some(changed))), "{said}");
    let (persons, singletons) = clusters(&workspace, "clusters");
    let everybody: BTreeSet<String> = persons.iter().flatten().chain(&singletons).cloned().collect();
    assert!(!everybody.contains("p000/002"), "{everybody:?}");
    let with = |photo: &str| persons.iter().find(|person| person.contains(photo)).unwrap();
    // Both people, not two faces of them.
    assert_eq!(with("p000/000"), &names(&["p000/000", "p000/001", "p001/000", "p001/001", "p001/002"]));
    assert!(with("p002/001").contains("p002/002"));
    assert!(!with("p002/001").contains("p002/000"));
    let refused = workspace.run(["cluster", "dense", "--engine", "dense"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["takes no pins", "hint: use `--engine exact`"]);

    let said = workspace.json(["refine", "refined", "--min-faces", "1"]);
    let gates: Vec<_> = array(&said["dropped"]).iter().map(|drop| drop["reason"]["gate"].clone()).collect();
    assert_eq!(gates, ["pinned"], "{said}");

    let listed = workspace.json(["pin", "list"]);
    assert_eq!(array(&listed["pins"]).len(), 4);
    let text = workspace.ok(["pin", "list"]).stdout;
    for face in ["photos/p000/000.jpg#0 (", "photos/p001/000.jpg#0 (", "photos/p002/002.jpg#0 ("] {
        assert!(text.contains(face), "faces are named as they were pinned: {text}");
    }
    for number in ["1", "2", "3", "4"] {
        let said = workspace.json(["pin", "remove", number]);
        assert_eq!(said["removed"].to_string(), number);
    }
    assert_eq!(workspace.run(["pin", "remove", "1"]).code, Some(2));
    workspace.ok(["cluster", "free"]);
    let person = |p: &str| names(&[&format!("{p}/000"), &format!("{p}/001"), &format!("{p}/002")]);
    assert_eq!(clusters(&workspace, "free").0, ["p000", "p001", "p002"].map(person).into());
}

#[test]
fn a_pin_sends_a_new_face_to_the_set_that_the_user_means() {
    let workspace = three_people();
    workspace.ok(["cluster", "clusters"]);
    let new = [Photo::of(0, 7), Photo::of(1, 7), Photo::of(2, 7)];
    people::add(&workspace, "models", &new);
    let same = ["pin", "same", "photos/p000/007.jpg", "photos/p001/000.jpg"];
    let refused = workspace.run(same);
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["cosine distance", "> 0.55", "they are in groups of 4 and 4 faces", "hint:", "--merge"]);
    assert_eq!(array(&workspace.json(["pin", "list"])["pins"]).len(), 0);
    workspace.ok(same.iter().chain(&["--merge"]));
    workspace.ok(["pin", "different", "photos/p001/007.jpg", "photos/p001/000.jpg"]);
    let said = workspace.json(["extend", "clusters"]);
    assert_eq!(said["clusters"]["pinned"], 2, "{said}");
    let (persons, singletons) = clusters(&workspace, "clusters");
    assert!(persons.contains(&names(&["p001/000", "p001/001", "p001/002", "p000/007"])), "{persons:?}");
    assert!(persons.contains(&names(&["p002/000", "p002/001", "p002/002", "p002/007"])), "{persons:?}");
    assert_eq!(singletons, names(&["p001/007"]));
    workspace.ok(["verify", "clusters"]);
}

#[test]
fn no_bundle_contradicts_a_pin_that_came_after_refine() {
    let workspace = Workspace::new();
    workspace.ok([Path::new("embed"), &setup::photos()]);
    workspace.ok(["refine", "refined", "--min-faces", "2", "--min-blur", "0"]);
    workspace.ok(["export-swap", "refined", "before"]);
    let photos_of = |corpus: &str, set: &str| -> Vec<String> {
        let manifest = workspace.read_json(format!("{corpus}/{set}/manifest.json"));
        let photo = |face: &Value| face["source"].as_str().unwrap().to_owned();
        array(&manifest["faces"]).iter().map(photo).collect()
    };
    let sets = workspace.read_json("before/manifest.json");
    let sets: Vec<&str> = array(&sets["facesets"]).iter().map(|set| set["name"].as_str().unwrap()).collect();
    let [first, second, ..] = sets[..] else { panic!("{sets:?}") };
    let (of_first, of_second) = (photos_of("before", first), photos_of("before", second));
    let (good, last) = (of_first[0].as_str(), of_first[of_first.len() - 1].as_str());
    workspace.ok(["pin", "no-face", good]);
    workspace.ok(["pin", "different", of_first[1].as_str(), last]);
    workspace.ok(["pin", "same", of_first[2].as_str(), of_second[0].as_str(), "--merge"]);

    let found = workspace.run(["verify", "before", "--repair", "--json"]);
    assert_eq!(found.code, Some(1), "{found}");
    let found = found.json();
    let kinds: Vec<&str> = array(&found["findings"]).iter().map(|f| f["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["spoken_against", "spoken_against"], "{found}");
    assert_eq!(found["findings"][0]["what"], format!("{first}/faces/0001.png"));
    assert_eq!(found["repaired"], serde_json::json!([]), "what was said is not undone by repairing");
    let text = workspace.run(["verify", "before"]).stdout;
    assert!(text.contains("pin 1 says that it is no face (`facesets export-swap REFINED /"), "{text}");

    let run = workspace.ok(["export-swap", "refined", "after"]);
    run.says(&[&format!("{first} and {second} have faces that you say are one person's")]);
    assert!(run.stdout.contains("no face, as you said: 1"), "{run}");
    assert!(run.stdout.contains("somebody else, as you said: 1"), "{run}");
    let after = photos_of("after", first);
    assert_eq!(after.len(), of_first.len() - 2);
    assert!(!after.contains(&of_first[0]));
    assert!(!(after.contains(&of_first[1]) && after.contains(&of_first[of_first.len() - 1])), "{after:?}");
    assert_eq!(photos_of("after", second), of_second);
    workspace.ok(["verify", "after"]);
}

#[test]
fn why_names_the_set_or_the_rule_with_the_figures() {
    let workspace = three_people();
    people::add(&workspace, "models", &[Photo::of(0, 8), Photo::of(9, 0)]);
    workspace.ok(["cluster", "clusters"]);
    workspace.ok(["refine", "refined", "--min-faces", "4"]);
    let why = |face: &str| workspace.json(["why", face, "clusters", "refined"]);
    let verdict = |said: &Value, output: usize| said["faces"][0]["outputs"][output]["verdicts"][0].clone();
    let known = why("photos/p000/000.jpg");
    let taken = verdict(&known, 0);
    assert_eq!((&taken["verdict"], &taken["set"]), (&"taken".into(), &"person_001".into()), "{known}");
    assert!((0.0..0.3).contains(&taken["distance"].as_f64().unwrap()), "{taken}");
    assert!(taken["next"][1].as_f64().unwrap() > 0.5, "{taken}");
    assert_eq!(verdict(&known, 1)["set"], "faceset_001");

    let digest = known["sha256"].as_str().unwrap();
    assert_eq!(why(&format!("{}:0", &digest[..16])), known, "a digest names the same face");
    let thin = verdict(&why("photos/p001/000.jpg"), 1);
    assert_eq!((&thin["verdict"], &thin["reason"]["images"]), (&"left_out".into(), &3.into()), "{thin}");
    assert_eq!(verdict(&why("photos/p009/000.jpg"), 0)["verdict"], "alone");
    people::add(&workspace, "models", &[Photo::of(1, 8)]);
    assert_eq!(verdict(&why("photos/p001/008.jpg"), 0)["verdict"], "unknown");
    let text = workspace.ok(["why", "photos/p001/000.jpg", "refined"]).stdout;
    assert!(text.contains("its set has 3 photos < 4"), "{text}");
    let refused = workspace.run(["why", "photos/p777/000.jpg"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["no analysed photo", "hint:"]);
}

#[test]
fn copies_are_found_and_other_photos_of_the_same_people_are_not() {
    let workspace = Workspace::new();
    workspace.ok([Path::new("embed"), &setup::photos()]);
    let said = workspace.json(["dedup", "duplicates"]);
    let report = workspace.read_json("duplicates/duplicates.json");
    let file =
        |path: &Value| Path::new(path.as_str().unwrap()).file_name().unwrap().to_string_lossy().into_owned();
    let identical: Vec<BTreeSet<String>> = array(&report["identical"])
        .iter()
        .map(|photo| array(&photo["paths"]).iter().map(file).collect())
        .collect();
    assert_eq!(identical, [names(&["obama.jpg", "obama-copy.jpg"])]);

    let groups: Vec<BTreeSet<String>> = array(&report["similar"])
        .iter()
        .map(|group| array(group).iter().flat_map(|photo| array(&photo["paths"])).map(file).collect())
        .collect();
    let together = |a: &str, b: &str| groups.iter().any(|group| group.contains(a) && group.contains(b));
    for (original, copy) in [
        ("obama2.jpg", "obama2-32bit.png"),
        ("obama2.jpg", "obama2-variant-darker.jpg"),
        ("astronaut.png", "astronaut-variant-enlarged.jpg"),
        ("t1.jpg", "t1-variant-enlarged.jpg"),
    ] {
        assert!(together(original, copy), "{original} and {copy}: {groups:?}");
    }
    for (one, other) in [
        ("obama.jpg", "obama2.jpg"),
        ("biden.jpg", "biden-variant-cropped.jpg"),
        ("t1.jpg", "t1-variant-mirrored.jpg"),
        ("t1.jpg", "t1-variant-person-1.jpg"),
    ] {
        assert!(!together(one, other), "{one} and {other}: {groups:?}");
    }
    assert_eq!(said["similar_groups"].as_u64(), Some(groups.len() as u64));
    let page = std::fs::read_to_string(workspace.join("duplicates/index.html")).unwrap();
    for photo in array(&report["similar"]).iter().flat_map(array) {
        let thumbnail = format!("thumbnails/{}.png", photo["sha256"].as_str().unwrap());
        assert!(workspace.join("duplicates").join(&thumbnail).is_file() && page.contains(&thumbnail));
    }
}

#[test]
fn a_man_and_a_woman_become_one_set_only_if_that_is_meant_and_then_as_a_whole() {
    let workspace = Workspace::new();
    for folder in ["2009", "2012", "2015"] {
        workspace.ok([Path::new("embed"), &setup::photos().join(folder)]);
    }
    let refine = |out: &str| workspace.json(["refine", out, "--min-faces", "2", "--min-blur", "0"]);
    refine("before");
    let photos = |folder: &str| -> Vec<BTreeSet<String>> {
        let name = |face: &Value| face["path"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let manifest = workspace.read_json(format!("{folder}/manifest.json"));
        array(&manifest["facesets"])
            .iter()
            .map(|set| array(&set["faces"]).iter().map(name).collect())
            .collect()
    };
    let before = photos("before");
    let of =
        |name: &str| before.iter().find(|set| set.contains(name)).unwrap_or_else(|| panic!("{before:?}"));
    let (man, woman) = ("2012/speeches/obama2.jpg", "2015/space-centre/astronaut.png");
    let (of_man, of_woman) = (of("obama2.jpg"), of("astronaut.png"));
    let same = ["pin".into(), "same".into(), setup::photos().join(man), setup::photos().join(woman)];
    let refused = workspace.run(&same);
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["look like two people's", "cosine distance", "they are in groups of", "hint:", "--merge"]);
    assert_eq!(array(&refine("refused")["pins"]).len(), 0);
    assert_eq!(photos("refused"), before);

    workspace.ok(same.iter().chain(&["--merge".into()]));
    let said = refine("merged");
    let pin = &array(&said["pins"])[0];
    assert!(pin["distance"].as_f64() > Some(0.55) && pin["changed"] == true, "{said}");
    let merged = photos("merged");
    // No set of the two faces alone: what is left of both people is in one, the others are as they were.
    let both: BTreeSet<String> = of_man.union(of_woman).cloned().collect();
    let [united] = &merged.iter().filter(|set| !before.contains(set)).collect::<Vec<_>>()[..] else {
        panic!("{merged:?}");
    };
    assert!(united.is_subset(&both) && united.intersection(of_man).count() > 1, "{united:?}");
    let text = workspace.ok(["cluster", "clusters"]).stdout;
    assert!(
        text.contains("pin 1 (same person) changed the result: it joins faces at cosine distance"),
        "{text}"
    );
    assert!(text.contains("which are one now"), "{text}");
    let why = workspace.ok(["why", &setup::photos().join(man).display().to_string()]).stdout;
    assert!(why.contains("pin 1 says that it is the same person as face 0"), "{why}");
    assert!(why.contains("which speaks against it"), "{why}");
}
