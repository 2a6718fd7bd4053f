//! Who agreed, and where photos come from: said of faces, kept over clusterings, carried into manifests,
//! demanded of exports.

use std::{fs, path::Path};

use facesets_tests::{
    portraits::{self, Portrait},
    program::Workspace,
};
use serde_json::{Value, json};

use crate::{certificate::follows_its_schemas, changes::snapshot};

fn array(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}"))
}

fn portrait(person: usize, look: usize, number: usize, year: u16) -> Portrait {
    let name = format!("p{person}/{year}-{number}");
    Portrait { name, person, look, distance: 0.05, year: Some(year) }
}

/// Three people with four photos each, refined; nobody looks at crops, as there are no faces in them.
fn three_people() -> Workspace {
    let workspace = Workspace::in_memory();
    let photos = (0..3).flat_map(|person| (0..4).map(move |number| portrait(person, person, number, 2005)));
    portraits::add(&workspace, &photos.collect::<Vec<_>>());
    workspace.ok(["refine", "refined", "--min-faces", "3"]);
    workspace
}

fn export<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["export-swap", "refined", out, "--no-certificate"], more].concat()
}

fn manifest(workspace: &Workspace, set: &str) -> Value {
    workspace.read_json(Path::new(set).join("manifest.json"))
}

/// Path of the photo of a set's best face.
fn best_photo(workspace: &Workspace, set: &str) -> String {
    manifest(workspace, set)["faces"][0]["source"].as_str().unwrap().to_owned()
}

fn names(sets: &Value) -> Vec<&str> {
    array(sets).iter().map(|set| set["name"].as_str().unwrap()).collect()
}

#[test]
fn what_is_said_of_faces_stands_in_manifests_whatever_their_set_is_called() {
    let workspace = three_people();
    let said = workspace.json([
        "consent",
        "set",
        "faceset_001",
        "--in",
        "refined",
        "--granted",
        "--note",
        "signed on paper 7",
        "--licence",
        "CC-BY-4.0",
        "--source",
        "the family's album",
    ]);
    assert_eq!(said["statements"][0]["statement"], 1, "{said}");
    assert_eq!(array(&said["statements"][0]["faces"]).len(), 4, "{said}");
    workspace.ok(export("ready", &[]));
    let first = manifest(&workspace, "ready/faceset_001");
    assert_eq!(first["consent"], json!({"state": "granted", "statements": [1], "note": "signed on paper 7"}));
    assert_eq!(first["provenance"], json!({"licence": "CC-BY-4.0", "source": "the family's album"}));
    let second = manifest(&workspace, "ready/faceset_002");
    assert_eq!(
        (&second["consent"], &second["provenance"]),
        (&json!({"state": "unknown", "statements": []}), &Value::Null)
    );
    follows_its_schemas(&workspace, "ready");
    workspace.ok(["verify", "ready"]);

    // A clustering of its own, in which that person's set has the largest number, as others have more photos
    // now.
    let more = (1..3).flat_map(|person| (10..13).map(move |number| portrait(person, person, number, 2005)));
    let best = best_photo(&workspace, "ready/faceset_001");
    portraits::add(&workspace, &more.collect::<Vec<_>>());
    workspace.ok(["refine", "other", "--min-faces", "3"]);
    workspace.ok(["export-swap", "other", "again", "--no-certificate"]);
    let of_person = |name: &&str| {
        let set = manifest(&workspace, &format!("again/{name}"));
        array(&set["faces"]).iter().any(|face| face["source"] == best.as_str())
    };
    let all = ["faceset_001", "faceset_002", "faceset_003"];
    let now = all.iter().find(|name| of_person(name)).unwrap();
    assert_ne!(*now, "faceset_001");
    for name in all {
        let state = manifest(&workspace, &format!("again/{name}"))["consent"]["state"].clone();
        assert_eq!(state, if name == *now { "granted" } else { "unknown" }, "{name}");
    }
    let listed = workspace.json(["consent", "list", "--in", "again"]);
    assert_eq!(names(&listed["sets"]), all);
    assert_eq!(array(&listed["statements"]).len(), 1);
    assert_eq!(workspace.run(["consent", "remove", "7"]).code, Some(2));
    assert_eq!(workspace.json(["consent", "remove", "1"]), json!({"removed": 1}));
    assert_eq!(workspace.json(["consent", "list"])["statements"], json!([]));
}

#[test]
fn a_refused_set_is_left_out_unless_it_is_asked_for_and_one_without_consent_where_that_is_demanded() {
    let workspace = three_people();
    workspace.ok(export("before", &[]));
    let [one, other] = ["before/faceset_001", "before/faceset_002"].map(|set| best_photo(&workspace, set));
    workspace.ok(["consent", "set", &one, "--granted"]);
    workspace.ok(["consent", "set", &other, "--refused"]);

    let open = workspace.ok(export("open", &[])).stdout;
    for line in [
        "faceset_002 is left out: consent is refused by statement 2\n",
        "\n1 set left out: consent refused (`--include-refused` hands it out)\n",
        "\n2 facesets with ",
    ] {
        assert!(open.contains(line), "{open}");
    }
    assert!(!open.contains("faceset_003"), "{open}");
    assert!(!workspace.join("open/faceset_002").exists());
    assert_eq!(
        manifest(&workspace, "open")["gaps"],
        json!([{"name": "faceset_002", "dropped": [], "consent": {"state": "refused", "statements": [2]}}])
    );
    follows_its_schemas(&workspace, "open");
    workspace.ok(["verify", "open"]);
    let page = fs::read_to_string(workspace.join("open/index.html")).unwrap();
    assert!(page.contains("faceset_002: consent is refused by statement 2"), "{page}");

    let all = workspace.ok(export("all", &["--include-refused"]));
    all.says(&[
        "`faceset_002`: consent is refused by statement 2 (it is handed out as `--include-refused` says)",
    ]);
    assert!(!all.stderr.contains("faceset_003"), "{all}");
    assert_eq!(manifest(&workspace, "all/faceset_002")["consent"]["state"], "refused");
    workspace.ok(["verify", "all"]);

    let said = workspace.json(export("strict", &["--require-consent"]));
    assert_eq!(
        (&said["facesets"], names(&said["withheld"])),
        (&json!(1), vec!["faceset_002", "faceset_003"]),
        "{said}"
    );
    assert_eq!(said["withheld"][0]["state"], "refused");
    let corpus = manifest(&workspace, "strict");
    assert_eq!(names(&corpus["gaps"]), ["faceset_002", "faceset_003"]);
    assert_eq!(corpus["gaps"][0]["consent"], json!({"state": "refused", "statements": [2]}));
    assert!(!workspace.join("strict/faceset_002").exists());
    follows_its_schemas(&workspace, "strict");
    workspace.ok(["verify", "strict"]);
    let text = workspace.ok(export("strict", &["--require-consent", "--replace"])).stdout;
    assert!(text.contains("faceset_003 is left out: nobody has said whether consent is granted"), "{text}");

    // A later refusal of a face of the same set contradicts, and counts; `verify` finds the set that says
    // otherwise.
    let faces = manifest(&workspace, "strict/faceset_001");
    let another = faces["faces"][1]["source"].as_str().unwrap();
    workspace.ok(["consent", "set", another, "--refused", "--note", "took it back"]);
    let found = workspace.run(["verify", "strict", "--json"]);
    assert_eq!(found.code, Some(1), "{found}");
    let findings = &found.json()["findings"];
    assert_eq!((array(findings).len(), &findings[0]["kind"]), (1, &json!("consent")), "{findings}");
    let problem = findings[0]["problem"].as_str().unwrap();
    assert!(
        problem.contains(
            "says that consent is granted, but now consent is refused by statements 1, 3, which contradict"
        ),
        "{problem}"
    );
    let nothing = workspace.json(export("nothing", &["--require-consent"]));
    assert_eq!(nothing["facesets"], 0, "{nothing}");
    assert_eq!(nothing["withheld"][0]["contradictory"], true, "{nothing}");

    for (args, parts) in [
        (
            &["consent", "set", "faceset_001", "--in", "open"][..],
            &["nothing is said", "hint: add `--granted`"][..],
        ),
        (
            &["consent", "set", "faceset_009", "--in", "open", "--granted"],
            &["there is no set `faceset_009`", "hint:"],
        ),
        (&["consent", "set", "photos/none.png", "--granted"], &["no analysed photo", "hint:"]),
        (&["consent", "set", "x", "--granted", "--refused"], &["cannot be used with"]),
        (
            &["export-swap", "refined", "x", "--require-consent", "--include-refused"],
            &["cannot be used with"],
        ),
    ] {
        let refused = workspace.run(args);
        assert_eq!(refused.code, Some(2), "{refused}");
        refused.says(parts);
    }
}

#[test]
fn eras_have_the_consent_of_the_whole_person_and_it_is_demanded_of_what_is_added_too() {
    let workspace = three_people();
    portraits::add(&workspace, &(0..4).map(|number| portrait(0, 0, number, 2015)).collect::<Vec<_>>());
    let stranger: Vec<Portrait> = (0..5).map(|number| portrait(5, 9, number, 2010)).collect();
    workspace.ok(["refine", "refined", "--min-faces", "3", "--replace"]);
    workspace.ok(export("ready", &[]));
    // One photo speaks for all eras.
    workspace.ok(["consent", "set", &best_photo(&workspace, "ready/faceset_001"), "--granted"]);
    workspace.ok(export("ready", &["--replace"]));
    let split = [
        "era",
        "split",
        "faceset_001",
        "--corpus",
        "ready",
        "--min-anchor",
        "4",
        "--anyway",
        "--no-certificate",
    ];
    let said = workspace.json(split.iter().chain(&["--require-consent"]));
    assert_eq!(said["applied"]["withheld"], json!([]), "{said}");
    let eras = names(&said["eras"]);
    assert!(!eras.is_empty());
    for name in eras {
        assert_eq!(manifest(&workspace, &format!("ready/{name}"))["consent"]["state"], "granted", "{name}");
    }
    workspace.ok(["verify", "ready"]);
    follows_its_schemas(&workspace, "ready");

    portraits::add(&workspace, &stranger);
    let discover = ["discover", "photos", "--corpus", "ready", "--no-certificate", "--min-faces", "4"];
    let plan = discover.iter().chain(&["--require-consent", "--plan", "plan.json"]);
    let planned = workspace.json(plan);
    assert_eq!(planned["withheld"][0]["name"], planned["emitted"][0]["name"], "{planned}");
    let ready = snapshot(&workspace.join("ready"));
    let said = workspace.json(["apply", "plan.json", "--no-certificate"]);
    let withheld = &said["applied"]["withheld"];
    assert_eq!((names(withheld).len(), &withheld[0]["state"]), (1, &json!("unknown")), "{said}");
    assert_eq!(said["applied"]["decision"], 0, "no set, no decision: {said}");
    let text = workspace.ok(discover.iter().chain(&["--require-consent"])).stdout;
    assert!(text.contains("is left out: nobody has said") && text.contains("nothing has changed"), "{text}");
    assert!(snapshot(&workspace.join("ready")) == ready);
    let said = workspace.json(discover);
    assert_eq!(said["applied"]["withheld"], json!([]), "{said}");
    workspace.ok(["verify", "ready"]);
}

#[test]
fn nobody_who_refuses_is_added_to_a_corpus_split_into_eras_or_kept_when_it_is_made_again() {
    let workspace = three_people();
    portraits::add(&workspace, &(0..4).map(|number| portrait(0, 0, number, 2015)).collect::<Vec<_>>());
    workspace.ok(["refine", "refined", "--min-faces", "3", "--replace"]);
    workspace.ok(export("ready", &[]));
    let person = |person: usize| -> Vec<Portrait> {
        (0..4).map(|number| portrait(person, person, number, 2010)).collect()
    };
    portraits::add(&workspace, &person(5));
    let discover = ["discover", "photos/p5", "--corpus", "ready", "--no-certificate", "--min-faces", "4"];
    let found = workspace.json(discover)["emitted"][0]["name"].as_str().unwrap().to_owned();
    let refuse = |set: &str| workspace.json(["consent", "set", set, "--in", "ready", "--refused"]);
    refuse(&found);
    refuse("faceset_001");
    let named = workspace.run(["verify", "ready", "--json"]);
    let what: Vec<String> = array(&named.json()["findings"])
        .iter()
        .filter(|finding| finding["kind"] == "consent")
        .map(|finding| finding["what"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!((named.code, what), (Some(1), vec!["faceset_001".to_owned(), found.clone()]), "{named}");

    // New photos of theirs are no new person, which they would be where their set is not in the corpus.
    let later: Vec<Portrait> = (20..24).map(|number| portrait(5, 5, number, 2011)).collect();
    portraits::add(&workspace, &later);
    workspace.ok(export("others", &[]));
    let discover = ["discover", "photos/p5", "--corpus", "others", "--no-certificate", "--min-faces", "4"];
    let said = workspace.json(discover);
    assert_eq!(said["matches"], json!([{"name": "consent refused by statement 1", "faces": 8}]), "{said}");
    assert_eq!((&said["emitted"], &said["applied"]["decision"]), (&json!([]), &json!(0)), "{said}");
    let said = workspace.json(discover.iter().chain(&["--dry-run", "--include-refused"]));
    assert_eq!((array(&said["emitted"]).len(), said.get("withheld")), (1, None), "{said}");

    // The word of a folder is no consent.
    fs::write(workspace.join("recipe.toml"), "trusted = [{ folder = 'photos/p5', label = 'eve' }]\n")
        .unwrap();
    let import = ["import", "folders", "recipe.toml", "--corpus", "others", "--no-certificate"];
    let rehearsed = workspace.json(import.iter().chain(&["--dry-run"]));
    assert_eq!(rehearsed["withheld"][0]["state"], "refused", "{rehearsed}");
    let said = workspace.json(import);
    assert_eq!(
        (&said["applied"]["built"], &said["applied"]["withheld"]),
        (&json!(0), &rehearsed["withheld"])
    );

    let split = [
        "era",
        "split",
        "faceset_001",
        "--corpus",
        "ready",
        "--min-anchor",
        "4",
        "--anyway",
        "--no-certificate",
    ];
    let said = workspace.json(split);
    assert_eq!(said["applied"]["built"], 0, "{said}");
    assert_eq!(said["applied"]["withheld"][0]["state"], "refused", "{said}");
    workspace.ok(["undo"]);

    // Nobody wants to keep a set whose person refuses; the discovered one would be missed otherwise.
    let text = workspace.ok(export("ready", &["--replace"])).stdout;
    assert!(text.contains(&format!("{found} is left out: consent is refused by statement 1\n")), "{text}");
    assert!(text.contains("2 sets left out: consent refused"), "{text}");
    let corpus = manifest(&workspace, "ready");
    assert_eq!(names(&corpus["facesets"]), ["faceset_002", "faceset_003"]);
    assert_eq!(names(&corpus["gaps"]), ["faceset_001", found.as_str()]);
    workspace.ok(["verify", "ready"]);
    follows_its_schemas(&workspace, "ready");
}

#[test]
fn a_single_face_whose_person_refuses_is_no_candidate() {
    let workspace = three_people();
    // At a cosine distance of 0.42 from the person in common: alone for `cluster` at 0.3, near for a
    // candidate.
    portraits::add(&workspace, &[Portrait { distance: 0.35, ..portrait(0, 0, 9, 2005) }]);
    workspace.ok(["cluster", "clusters", "--threshold", "0.3"]);
    let flags = ["--candidates", "--raw", "clusters", "--candidate-min-score", "0"];
    let before = workspace.json(export("before", &flags));
    assert_eq!(before["candidates"], 1, "{before}");
    workspace.ok(["consent", "set", "photos/p0/2005-9.png", "--refused"]);
    let run = workspace.ok(export("after", &flags));
    run.says(&["1 single faces are no candidates: consent refused"]);
    assert_eq!(array(&manifest(&workspace, "after/_candidates")["sets"]).len(), 0);
    let all = workspace.json(export("all", &[&flags[..], &["--include-refused"]].concat()));
    assert_eq!(all["candidates"], 1, "{all}");
}
