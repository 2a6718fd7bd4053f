//! A corpus of the system before this one becomes one of ours, and stays what it was where nobody asked.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use facesets_tests::{program::Workspace, setup};
use serde_json::{Value, json};

use crate::{certificate, changes::snapshot};

fn array(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}"))
}

fn write_json(path: &Path, value: &Value) {
    fs::write(path, serde_json::to_vec(value).unwrap()).unwrap();
}

/// One of our sets as the old system would have written it under another name: its entries say photo, box and
/// composite quality, the box as another detector draws it. Returns the entries.
fn old_set(workspace: &Workspace, from: &str, to: &str, bundles: &str) -> Vec<Value> {
    let (from, to) = (workspace.join(from), workspace.join(to));
    fs::create_dir_all(to.join("faces")).unwrap();
    let ours: Value = serde_json::from_slice(&fs::read(from.join("manifest.json")).unwrap()).unwrap();
    let entries: Vec<Value> = array(&ours["faces"])
        .iter()
        .map(|face| {
            let file = face["file"].as_str().unwrap();
            fs::copy(from.join(file), to.join(file)).unwrap();
            let bbox: Vec<f64> = array(&face["bbox"]).iter().map(|at| at.as_f64().unwrap() + 3.5).collect();
            let quality = json!({"composite": face["quality"]["composite"]});
            json!({"file": file.trim_start_matches("faces/"), "source": face["source"], "bbox": bbox, "quality": quality})
        })
        .collect();
    for suffix in ["top30", "all"] {
        fs::write(to.join(format!("{bundles}_{suffix}.fsz")), "an old zip").unwrap();
    }
    write_json(
        &to.join("manifest.json"),
        &json!({"name": to.file_name().unwrap().to_str(), "faces": entries}),
    );
    entries
}

/// A library of two people without the astronaut, refined, and an old corpus of it in `old`:
///
/// - `faceset_003`, sorted by hand: its last crop was dropped, one entry is of a photo that nobody has
/// - `faceset_007`, found in a folder
/// - `faceset_005` masked, `faceset_012` merged into 3, `faceset_020` only in the manifest
fn old_corpus() -> Workspace {
    let workspace = Workspace::new();
    let folders = ["2009", "2012", "2013"].map(|folder| setup::photos().join(folder));
    workspace.ok(std::iter::once(Path::new("embed")).chain(folders.iter().map(PathBuf::as_path)));
    workspace.ok(["refine", "refined", "--min-faces", "2", "--min-blur", "0"]);
    workspace.ok(["export-swap", "refined", "made"]);
    let first = workspace.join("old/faceset_003");
    let mut entries = old_set(&workspace, "made/faceset_001", "old/faceset_003", "barack");
    fs::write(first.join("barack.txt"), "barack").unwrap();
    fs::write(first.join("notes.md"), "by hand").unwrap();
    for litter in [".DS_Store", "faces/._0001.png", "faces/Thumbs.db"] {
        fs::write(first.join(litter), "litter").unwrap();
    }
    let dropped = entries.last().unwrap()["file"].as_str().unwrap().to_owned();
    fs::create_dir(first.join("faces/_dropped")).unwrap();
    fs::rename(first.join("faces").join(&dropped), first.join("faces/_dropped").join(&dropped)).unwrap();
    fs::copy(first.join("faces/0001.png"), first.join("faces/0099.png")).unwrap();
    entries.push(json!({"file": "0099.png", "source": "/nowhere/x.jpg", "bbox": [1, 2, 30, 40]}));
    write_json(&first.join("manifest.json"), &json!({"name": "faceset_003", "faces": entries}));

    old_set(&workspace, "made/faceset_002", "old/faceset_007", "faceset_007");
    fs::write(workspace.join("old/faceset_007/osrc.txt"), "osrc").unwrap();
    old_set(&workspace, "made/faceset_002", "old/_masked/faceset_005", "faceset_005");
    old_set(&workspace, "made/faceset_001", "old/_merged/faceset_012", "faceset_012");
    fs::write(workspace.join("old/review.html"), "looked at").unwrap();
    fs::write(workspace.join("old/desktop.ini"), "litter").unwrap();
    fs::create_dir(workspace.join("old/_masked/@eaDir")).unwrap();
    fs::create_dir(workspace.join("old/_merged/drafts")).unwrap();
    let master = json!({
        "facesets": [{"name": "faceset_003"}, {"name": "faceset_007"}, {"name": "faceset_020"}],
        "thin_eras": [],
        "masked": [{"name": "faceset_005"}],
        "merged": [{"name": "faceset_012", "merged_into": "faceset_003"}],
        "consolidate_run": {"edge": 0.55},
    });
    write_json(&workspace.join("old/manifest.json"), &master);
    workspace
}

/// Adopts, demanding that something is left over.
fn adopt(workspace: &Workspace, flags: &[&str]) -> Value {
    let run = workspace.run(["adopt", "old", "--json"].iter().chain(flags));
    assert_eq!(run.code, Some(1), "{run}");
    run.json()
}

#[test]
fn an_old_corpus_is_taken_over_with_its_numbers_and_everything_works_on_it() {
    let workspace = old_corpus();
    let old = workspace.join("old");
    let first_state = snapshot(&old);
    let entries = array(&workspace.read_json("old/faceset_003/manifest.json")["faces"]).len();
    let rehearsed = adopt(&workspace, &["--dry-run"]);
    assert_eq!(snapshot(&old), first_state);
    let said = adopt(&workspace, &[]);
    for key in ["sets", "crops", "dropped", "unmatched", "aside", "missing"] {
        assert_eq!(said[key], rehearsed[key], "{key}");
    }
    let left: Vec<&str> = array(&said["left"]).iter().map(|path| path.as_str().unwrap()).collect();
    for litter in ["desktop.ini", "@eaDir", ".DS_Store", "._0001.png", "Thumbs.db"] {
        assert!(left.iter().any(|path| path.ends_with(litter)), "{litter}: {left:?}");
    }
    let strange = json!([{
        "set": "faceset_003", "file": "0099.png", "source": "/nowhere/x.jpg", "bbox": [1.0, 2.0, 30.0, 40.0],
        "why": "unknown_photo",
    }]);
    assert_eq!(
        (&said["unmatched"], &said["sets"], &said["dropped"]),
        (&strange, &json!(2), &json!(1)),
        "{said}"
    );
    let run = workspace.ok(["verify", "old"]);
    assert!(run.stdout.contains("2 sets") && run.stdout.contains(" 0 findings"), "{run}");

    // What was there is there, under its name, with its bytes.
    let now = snapshot(&old);
    for (path, bytes) in &first_state {
        let kind = path.extension().unwrap_or_default().to_str().unwrap();
        match path.strip_prefix("faceset_003/faces/0099.png") {
            Ok(_) => assert_eq!(now[Path::new("faceset_003/faces/_unmatched/0099.png")], *bytes),
            Err(_) if path.starts_with("_masked") || !["json", "fsz"].contains(&kind) => {
                assert!(now[path] == *bytes, "{}", path.display());
            }
            Err(_) => assert!(now.contains_key(path), "{}", path.display()),
        }
    }
    let set = workspace.read_json("old/faceset_003/manifest.json");
    assert_eq!(set["certificate"]["state"], "passed");
    assert_eq!((&set["label"], &set["marker"]), (&json!("barack"), &json!("barack")));
    assert_eq!(set["origin"], json!({"kind": "hand-sorted", "run": 1}));
    assert_eq!(array(&set["faces"]).len(), entries - 2);
    assert_eq!(set["dropped"][0]["reason"], json!({"gate": "decided", "decision": 1}));
    let other = workspace.read_json("old/faceset_007/manifest.json");
    assert_eq!((&other["label"], &other["marker"]), (&Value::Null, &json!("osrc")));
    assert_eq!(other["origin"]["kind"], "discovered");
    let master = workspace.read_json("old/manifest.json");
    assert_eq!(master["merged"][0]["merged_into"], "faceset_003");
    assert_eq!(
        (&master["masked"][0]["name"], &master["gaps"][0]["name"]),
        (&json!("faceset_005"), &json!("faceset_020"))
    );

    // Numbers go on after the highest that was ever given.
    let astronaut = setup::photos().join("2015");
    workspace.ok([Path::new("embed"), &astronaut]);
    let discover = ["discover", astronaut.to_str().unwrap(), "--corpus", "old", "--min-blur", "0"];
    let found = workspace.json(discover.iter().chain(&["--min-faces", "2"]));
    assert_eq!(found["emitted"][0]["name"], "faceset_021", "{found}");
    let again =
        workspace.json(["discover", setup::photos().join("2013").to_str().unwrap(), "--corpus", "old"]);
    assert_eq!(
        (&again["unmatched"], &again["matches"][0]["name"]),
        (&json!(0), &json!("faceset_007")),
        "{again}"
    );
    let recipe = |label: &str, folder: &Path| {
        fs::create_dir_all(workspace.join(label)).unwrap();
        fs::write(
            workspace.join("recipe.toml"),
            format!("trusted = [{{ folder = '{}', label = '{label}' }}]\n", folder.display()),
        )
        .unwrap();
        workspace.run(["import", "folders", "recipe.toml", "--corpus", "old"])
    };
    let known = recipe("barack", &setup::photos().join("2012"));
    assert_eq!(known.code, Some(2), "{known}");
    known.says(&["`barack` is in the corpus already: faceset_003"]);
    let new = recipe("buzz", &astronaut);
    assert_eq!(new.code, Some(0), "{new}");
    assert!(workspace.join("old/faceset_022/buzz.txt").is_file());
    workspace.ok(["verify", "old"]);

    for _ in 0..3 {
        workspace.ok(["undo"]);
    }
    assert_eq!(snapshot(&old), first_state);
}

#[test]
fn old_crops_are_looked_at_and_those_that_show_two_faces_or_none_are_left_out_with_the_reason() {
    let workspace = old_corpus();
    let old = workspace.join("old");
    certificate::plant_a_second_face(&old.join("faceset_003/faces/0001.png"));
    let planted = fs::read(old.join("faceset_003/faces/0001.png")).unwrap();
    // Nothing but darkness in a whole set.
    for entry in fs::read_dir(old.join("faceset_007/faces")).unwrap() {
        image::RgbImage::new(512, 512).save(entry.unwrap().path()).unwrap();
    }
    let before = snapshot(&old);
    let unseen = workspace.run(["adopt", "old", "--no-certificate"]);
    assert_eq!(unseen.code, Some(1), "{unseen}");
    let set = workspace.read_json("old/faceset_003/manifest.json");
    assert_eq!(set["certificate"], json!({"state": "skipped", "reason": "not_wanted"}));
    assert_eq!(set["faces"][0]["file"], "faces/0001.png");
    workspace.ok(["undo"]);

    let said = adopt(&workspace, &[]);
    assert_eq!(
        (&said["applied"]["certified"], &said["applied"]["gaps"]),
        (&json!(1), &json!(["faceset_007"]))
    );
    let set = workspace.read_json("old/faceset_003/manifest.json");
    assert_eq!(set["certificate"]["state"], "passed");
    assert_eq!(set["faces"][0]["file"], "faces/0002.png", "names stay");
    let drop = array(&set["dropped"]).last().unwrap();
    assert_eq!((&drop["reason"]["gate"], &drop["reason"]["paddings"]), (&json!("not_one_face"), &json!(1)));
    let dropped = fs::read_dir(old.join("faceset_003/faces/_dropped")).unwrap();
    assert!(dropped.into_iter().any(|entry| fs::read(entry.unwrap().path()).unwrap() == planted));
    let master = workspace.read_json("old/manifest.json");
    assert_eq!(master["unmatched"][0]["name"], "faceset_007", "{master}");
    assert!(old.join("_unmatched/faceset_007/faces/0001.png").is_file());
    workspace.ok(["verify", "old"]);
    workspace.ok(["certify", "old/faceset_003/barack_all.fsz"]);
    workspace.ok(["undo"]);
    assert_eq!(snapshot(&old), before);
}

#[test]
fn killed_at_any_step_an_adoption_leaves_the_old_corpus_or_ours() {
    let workspace = old_corpus();
    let old = workspace.join("old");
    let before = snapshot(&old);
    adopt(&workspace, &[]);
    let after: BTreeSet<PathBuf> = snapshot(&old).into_keys().collect();
    workspace.ok(["undo"]);
    let mut seen = [0, 0];
    for step in 1.. {
        // Crops are looked at between the first two steps; afterwards there is no difference.
        let command = ["adopt", "old", "--no-certificate"];
        let command = if step <= 3 { &command[..2] } else { &command };
        let run = workspace.run_cut_off(&format!("kill={step}"), command);
        workspace.ok(["status"]);
        let now = snapshot(&old);
        let taken = now != before;
        seen[usize::from(taken)] += 1;
        if taken {
            assert_eq!(now.into_keys().collect::<BTreeSet<_>>(), after, "after step {step}");
            workspace.ok(["verify", "old"]);
            workspace.ok(["undo"]);
            assert_eq!(snapshot(&old), before, "after step {step}");
        }
        if run.code.is_some() {
            assert!(taken, "{run}");
            break;
        }
    }
    assert!(seen[0] >= 2 && seen[1] >= 5, "{seen:?}");
}

#[test]
fn what_the_old_system_had_dropped_comes_back_by_no_way_while_the_adoption_stands() {
    let workspace = old_corpus();
    let entries = workspace.read_json("old/faceset_003/manifest.json");
    let entries = array(&entries["faces"]);
    let dropped = entries[entries.len() - 2]["source"].as_str().unwrap().to_owned();
    let has = |manifest: &str| {
        let manifest = workspace.read_json(manifest);
        let sets = manifest["facesets"].as_array().map_or_else(|| vec![manifest.clone()], Clone::clone);
        let faces = sets.iter().flat_map(|set| array(&set["faces"]));
        faces.flat_map(|face| [&face["source"], &face["path"]]).any(|path| *path == dropped.as_str())
    };
    let gates = |said: &Value| -> Vec<String> {
        let of_photo = array(&said["dropped"]).iter().filter(|drop| drop["path"] == dropped.as_str());
        of_photo.map(|drop| drop["reason"]["gate"].as_str().unwrap().to_owned()).collect()
    };
    assert!(has("made/faceset_001/manifest.json") && has("refined/manifest.json"));
    adopt(&workspace, &["--plan", "plan.json"]);
    workspace.ok(["apply", "plan.json"]);
    workspace.ok(["verify", "old"]);

    let exported = workspace.json(["export-swap", "refined", "again"]);
    assert_eq!(
        (has("again/faceset_001/manifest.json"), gates(&exported)),
        (false, vec!["decided".to_owned()])
    );
    let why = workspace.ok(["why", &dropped, "again", "old"]).stdout;
    assert!(why.contains("decision 1 has dropped it for good"), "{why}");
    assert!(why.contains("faceset_003: its crop lay in `_dropped`"), "{why}");
    let refined = workspace.json(["refine", "fresh", "--min-faces", "2", "--min-blur", "0"]);
    assert_eq!((has("fresh/manifest.json"), gates(&refined)), (false, vec!["decided".to_owned()]));
    workspace.ok(["cluster", "clusters"]);
    workspace.ok([Path::new("embed"), &setup::photos().join("2015")]);
    workspace.ok(["extend", "clusters", "--refine-out", "fresh"]);
    assert!(!has("fresh/manifest.json"));
    let folder = setup::photos().join("2012");
    workspace.ok([
        "discover",
        folder.to_str().unwrap(),
        "--corpus",
        "again",
        "--match-threshold",
        "0.01",
        "--min-blur",
        "0",
        "--min-faces",
        "1",
    ]);
    let corpus = workspace.read_json("again/manifest.json");
    for set in array(&corpus["facesets"]) {
        assert!(!has(&format!("again/{}/manifest.json", set["name"].as_str().unwrap())), "{set}");
    }

    for _ in 0..3 {
        workspace.ok(["undo"]);
    }
    workspace.ok(["export-swap", "refined", "undone"]);
    assert!(has("undone/faceset_001/manifest.json"));
}

#[test]
fn what_cannot_be_taken_over_is_refused_with_what_would_help() {
    let workspace = old_corpus();
    let refused = |workspace: &Workspace, args: &[&str], said: &[&str]| {
        let run = workspace.run(["adopt"].iter().chain(args));
        assert_eq!(run.code, Some(2), "{run}");
        run.says(said);
    };
    refused(&workspace, &["made"], &["is a corpus of this program already"]);
    refused(&workspace, &["old", "--map", "boks=box"], &["no field `boks`", "`bbox`"]);
    refused(&workspace, &["refined"], &["hint:"]);

    // Other names of fields, as they may be anywhere in the old corpus.
    for entry in walkdir::WalkDir::new(workspace.join("old")) {
        let path = entry.unwrap().into_path();
        if path.ends_with("manifest.json") {
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text.replace("\"source\":", "\"photo\":").replace("\"file\":", "\"png\":"))
                .unwrap();
        }
    }
    refused(
        &workspace,
        &["old"],
        &["faces[0] has no usable `file`; it has", "`photo`", "`png`", "hint:", "--map"],
    );
    let before = snapshot(&workspace.join("old"));
    adopt(&workspace, &["--map", "file=png", "--map", "source=photo"]);
    workspace.ok(["verify", "old"]);
    refused(&workspace, &["old"], &["is a corpus of this program already"]);
    workspace.ok(["undo"]);

    let other = Workspace::new();
    other.ok([Path::new("embed"), &setup::photos().join("2015")]);
    let old = workspace.join("old");
    let args = [old.to_str().unwrap(), "--map", "file=png", "--map", "source=photo"];
    refused(&other, &args, &["is a face of this library", "hint:", "facesets embed"]);
    assert_eq!(snapshot(&old), before);
}

#[test]
fn an_old_set_whose_person_refuses_is_not_taken_over_and_undo_brings_it_back() {
    let workspace = old_corpus();
    let old = workspace.join("old");
    let first_state = snapshot(&old);
    workspace.ok(["consent", "set", "faceset_002", "--in", "made", "--refused"]);
    let refused = json!({"name": "faceset_007", "state": "refused", "statements": [1]});
    assert_eq!(adopt(&workspace, &["--dry-run", "--no-certificate"])["withheld"], json!([refused]));
    let said = adopt(&workspace, &["--no-certificate"]);
    assert_eq!(said["applied"]["withheld"], json!([refused]), "{said}");
    assert!(old.join("faceset_003").is_dir() && !old.join("faceset_007").exists());
    let gaps = workspace.read_json("old/manifest.json")["gaps"].clone();
    let gap = array(&gaps).iter().find(|gap| gap["name"] == "faceset_007").unwrap();
    assert_eq!(gap["consent"]["state"], "refused", "{gaps}");
    workspace.ok(["verify", "old"]);
    certificate::follows_its_schemas(&workspace, "old");
    workspace.ok(["undo"]);
    assert!(snapshot(&old) == first_state);
    let said = adopt(&workspace, &["--no-certificate", "--include-refused"]);
    assert_eq!(said["applied"]["withheld"], json!([]), "{said}");
    assert!(old.join("faceset_007/manifest.json").is_file());
}
