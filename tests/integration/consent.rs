//! Who agreed, and where photos come from: said of faces, kept over clusterings, carried into manifests, demanded of exports.

use std::path::Path;

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

    // A clustering of its own, in which that person's set has the largest number, as others have more photos now.
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
fn without_consent_a_set_is_left_out_where_it_is_demanded_and_told_of_where_it_is_refused() {
    let workspace = three_people();
    workspace.ok(export("before", &[]));
    let [one, other] = ["before/faceset_001", "before/faceset_002"].map(|set| best_photo(&workspace, set));
    workspace.ok(["consent", "set", &one, "--granted"]);
    workspace.ok(["consent", "set", &other, "--refused"]);

    let open = workspace.ok(export("open", &[]));
    open.says(&["faceset_002", "consent is refused by statement 2", "--require-consent"]);
    assert!(!open.stderr.contains("faceset_003"), "{open}");
    assert_eq!(manifest(&workspace, "open/faceset_002")["consent"]["state"], "refused");

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

    // A later refusal of a face of the same set contradicts, and counts; `verify` finds the set that says otherwise.
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
