//! People over many years: probed, split, extended, taken back; killed at every step.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::Stdio,
    thread,
    time::Duration,
};

use facesets_tests::{
    portraits::{self, Portrait},
    program::Workspace,
    setup,
};
use serde_json::Value;

use crate::{certificate, changes::snapshot, kills};

const CORPUS: [&str; 2] = ["--corpus", "ready"];

fn portrait(name: &str, look: usize, distance: f32, year: impl Into<Option<u16>>) -> Portrait {
    Portrait { name: name.to_owned(), person: 0, look, distance, year: year.into() }
}

/// `count` photos of one time.
fn time(look: usize, count: usize, year: u16) -> Vec<Portrait> {
    (0..count).map(|number| portrait(&format!("{year}/{number:02}"), look, 0.05, year)).collect()
}

/// A corpus of somebody with two eras of `count` photos, somebody else, and what else there is of the former.
fn corpus(count: usize, more: &[Portrait]) -> Workspace {
    let workspace = Workspace::in_memory();
    let mut all = time(0, count, 2005);
    all.extend(time(1, count, 2015));
    all.extend(
        (0..count)
            .map(|number| Portrait { person: 1, ..portrait(&format!("other/{number:02}"), 5, 0.05, 2010) }),
    );
    all.extend_from_slice(more);
    portraits::add(&workspace, &all);
    workspace.ok(["refine", "refined", "--min-faces", "3"]);
    workspace.ok(["export-swap", "refined", "ready", "--no-certificate"]);
    workspace
}

/// Nobody looks at the crops: there are no faces in photos of made-up people.
fn era<'a>(command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let unseen = (command != "probe").then_some("--no-certificate");
    let words = ["era", command, "faceset_001"].into_iter().chain(CORPUS).chain(more.iter().copied());
    words.chain(unseen).collect()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}"))
}

fn names(value: &Value) -> Vec<&str> {
    list(value).iter().map(|set| set["name"].as_str().unwrap()).collect()
}

fn manifest(workspace: &Workspace, set: &str) -> Value {
    workspace.read_json(Path::new("ready").join(set).join("manifest.json"))
}

/// File names of the photos of some entries.
fn photos(entries: &Value) -> Vec<String> {
    let path =
        |entry: &Value| ["source", "path"].iter().find_map(|key| entry[*key].as_str().map(str::to_owned));
    let name = |path: String| path.split("/photos/").last().unwrap().to_owned();
    let mut names: Vec<String> = list(entries).iter().filter_map(path).map(name).collect();
    names.sort();
    names
}

#[test]
fn a_person_is_split_by_era_and_grows_and_everything_can_be_taken_back() {
    let workspace = corpus(
        22,
        &[
            portrait("more/near", 0, 0.38, 2008),
            portrait("more/other-time", 0, 0.38, 2016),
            portrait("more/undated", 1, 0.38, None),
        ],
    );
    let ready = workspace.join("ready");
    let first = snapshot(&ready);

    let said = workspace.json(era("probe", &[]));
    assert_eq!(said["verdict"]["verdict"], "sortable", "{said}");
    assert_eq!((said["verdict"]["anchors"].as_u64(), said["faces"].as_u64()), (Some(2), Some(47)), "{said}");
    assert_eq!(photos(&said["undated"]), ["more/undated.png"]);
    assert_eq!(list(&said["cuts"]).len(), 5);
    let dry = workspace.json(era("split", &["--dry-run"]));
    assert!(dry["applied"].is_null(), "{dry}");
    assert!(snapshot(&ready) == first, "neither changes anything");

    let said = workspace.json(era("split", &[]));
    assert_eq!(said["eras"], dry["eras"]);
    assert_eq!(names(&said["eras"]), ["faceset_001_2005", "faceset_001_2015"], "{said}");
    assert_eq!(names(&said["thin"]), ["faceset_001_2016", "faceset_001_undated"], "{said}");
    assert_eq!(photos(&said["undated"]), ["more/undated.png"]);
    let set = manifest(&workspace, "faceset_001_2005");
    assert_eq!((&set["parent"], &set["era"]["label"]), (&"faceset_001".into(), &"2005".into()));
    assert_eq!((list(&set["era"]["founding"]).len(), list(&set["era"]["joined"]).len()), (22, 1));
    assert!(photos(&set["faces"]).contains(&"more/near.png".to_owned()));
    for file in ["2005.txt", "faceset_001_2005_all.fsz", "faceset_001_2005_top30.fsz", "faces/0023.png"] {
        assert!(ready.join("faceset_001_2005").join(file).is_file(), "{file}");
    }
    let master = workspace.read_json("ready/manifest.json");
    assert_eq!(
        names(&master["facesets"]),
        ["faceset_001", "faceset_001_2005", "faceset_001_2015", "faceset_002"]
    );
    assert_eq!(names(&master["thin_eras"]), ["faceset_001_2016", "faceset_001_undated"]);
    assert!(ready.join("_thin/faceset_001_2016/faces/0001.png").is_file());
    assert_eq!(master["runs"][0]["command"], "era split faceset_001");
    workspace.ok(["verify", "ready"]);
    let split = snapshot(&ready);

    let again = workspace.run(era("split", &[]));
    assert_eq!(again.code, Some(2), "{again}");
    again.says(&["`faceset_001` has 4 eras already", "hint:", "--replace"]);
    let refused = workspace.run(["era", "probe", "faceset_001_2005", "--corpus", "ready"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["is an era itself", "hint:"]);
    let nothing = workspace.ok(era("extend", &[]));
    assert!(nothing.stdout.contains("nothing has changed"), "{nothing}");

    portraits::add(
        &workspace,
        &[
            portrait("later/joins", 1, 0.30, 2018),
            portrait("later/too-late", 1, 0.30, 2021),
            portrait("later/no-year", 0, 0.20, None),
            portrait("later/odd", 0, 0.42, 2005),
        ],
    );
    let said = workspace.json(era("extend", &[]));
    assert_eq!(names(&said["joined"]), ["faceset_001_2015"], "{said}");
    assert_eq!(photos(&said["joined"][0]["faces"]), ["later/joins.png"]);
    assert_eq!(photos(&said["undated"]), ["later/no-year.png"], "{said}");
    assert_eq!(photos(&said["refused"]), ["later/odd.png", "later/too-late.png"], "{said}");
    let grown = manifest(&workspace, "faceset_001_2015");
    assert_eq!(list(&grown["era"]["founding"]).len(), 22);
    assert_eq!(grown["era"]["joined"][0]["by"], "extend");
    assert_eq!(list(&grown["faces"]).len(), 23);
    assert_eq!(grown["origin"], serde_json::json!({"kind": "auto", "run": 1}));
    workspace.ok(["verify", "ready"]);
    let now = snapshot(&ready);
    assert!(now != split);
    let nothing = workspace.ok(era("extend", &[]));
    assert!(nothing.stdout.contains("nothing has changed"), "{nothing}");
    assert!(snapshot(&ready) == now, "a second time changes nothing");

    workspace.ok(["undo"]);
    assert!(snapshot(&ready) == split);
    workspace.ok(["undo"]);
    assert!(snapshot(&ready) == first);
    assert!(!ready.join("_thin").exists());
    workspace.ok(["verify", "ready"]);
}

#[test]
fn an_era_of_which_copies_make_too_few_crops_lies_in_thin_and_an_export_anew_moves_all_of_them_aside() {
    let workspace = corpus(4, &time(2, 3, 2010));
    let ready = workspace.join("ready");
    let before = snapshot(&ready);
    // Five photos, and three pictures.
    let copies = ["2010/00~copy", "2010/01~copy"];
    portraits::add(&workspace, &copies.map(|name| portrait(name, 2, 0.05, 2010)));
    let said = workspace.json(era("split", &["--min-anchor", "4"]));
    assert_eq!(names(&said["eras"]), ["faceset_001_2005", "faceset_001_2015"], "{said}");
    assert_eq!(names(&said["thin"]), ["faceset_001_2010"], "{said}");
    assert_eq!(said["applied"]["thinned"], serde_json::json!(["faceset_001_2010"]), "{said}");
    let crops = serde_json::json!({"faceset_001_2005": 4, "faceset_001_2010": 3, "faceset_001_2015": 4});
    assert_eq!(said["applied"]["crops"], crops, "what was written, not what there was before");
    let master = workspace.read_json("ready/manifest.json");
    assert_eq!(names(&master["thin_eras"]), ["faceset_001_2010"]);
    assert!(
        !names(&master["facesets"]).contains(&"faceset_001_2010") && !ready.join("faceset_001_2010").exists()
    );
    let thin = manifest(&workspace, "_thin/faceset_001_2010");
    assert_eq!((list(&thin["faces"]).len(), photos(&thin["dropped"]).len()), (3, 2), "{thin}");
    assert!(ready.join("_thin/faceset_001_2010/faces/0003.png").is_file());
    workspace.ok(["verify", "ready"]);
    workspace.ok(["undo"]);
    assert!(snapshot(&ready) == before);
    let text = workspace.ok(era("split", &["--min-anchor", "4"])).stdout;
    assert!(text.contains("too few crops are left of faceset_001_2010: it lies in `_thin`"), "{text}");

    // A new export knows nothing of eras: it says so, and loses none.
    let split = snapshot(&ready);
    let said = workspace.json(["export-swap", "refined", "ready", "--replace", "--no-certificate"]);
    let eras = ["faceset_001_2005", "faceset_001_2015", "faceset_001_2010"];
    assert_eq!(said["only_in_previous"], serde_json::json!(eras), "{said}");
    assert!(snapshot(&workspace.join("ready.previous-1")) == split);
    workspace.ok(["verify", "ready.previous-1"]);
    workspace.ok(["verify", "ready"]);
    assert!(snapshot(&ready) == before);
    let undo = workspace.run(["undo"]);
    assert_eq!(undo.code, Some(2), "{undo}");
    assert!(snapshot(&ready) == before && snapshot(&workspace.join("ready.previous-1")) == split);
    // Eras are made again in the new one.
    let said = workspace.json(era("split", &["--min-anchor", "4"]));
    assert_eq!(said["applied"]["thinned"], serde_json::json!(["faceset_001_2010"]), "{said}");
}

#[test]
fn killed_at_any_step_a_split_leaves_the_old_or_the_new_state_and_so_does_its_undo() {
    let workspace = corpus(4, &[portrait("more/alone", 2, 0.0, 2010)]);
    let ready = workspace.join("ready");
    let split = era("split", &["--min-anchor", "4"]);
    let old = snapshot(&ready);
    workspace.ok(&split);
    let new = snapshot(&ready);
    assert!(new.keys().any(|path| path.starts_with("_thin/faceset_001_2010")), "{:?}", new.keys());
    workspace.ok(["undo"]);
    let (mut olds, mut news) = (0, 0);
    for step in 1.. {
        let run = workspace.run_cut_off(&format!("kill={step}"), &split);
        workspace.ok(["verify", "ready"]);
        let now = snapshot(&ready);
        if now == new {
            news += 1;
            // Cut off too, and settled by the next command.
            workspace.run_cut_off(&format!("kill={step}"), &["undo"]);
            workspace.ok(["verify", "ready"]);
            if snapshot(&ready) == new {
                workspace.ok(["undo"]);
            }
        } else {
            olds += 1;
        }
        assert!(snapshot(&ready) == old, "after step {step}");
        assert!(!ready.join("_thin").exists());
        if run.code.is_some() {
            assert_eq!(run.code, Some(0), "{run}");
            break;
        }
    }
    // Begun, built; written down, one rename for each of three sets, two for page and manifest, swapped,
    // done, and to the end.
    assert_eq!((olds, news), (2, 1 + 3 + 4 + 2 + 1));
}

#[test]
fn eras_of_real_photos_are_certified_and_a_crop_that_shows_two_faces_is_cut_again() {
    let workspace = Workspace::new();
    workspace.ok([Path::new("embed"), &setup::photos()]);
    workspace.ok(["refine", "refined", "--min-faces", "2", "--min-blur", "0"]);
    workspace.ok(["export-swap", "refined", "ready", "--no-certificate"]);
    let planted = workspace.join("ready/faceset_001/faces/0001.png");
    certificate::plant_a_second_face(&planted);
    let planted = fs::read(&planted).unwrap();

    let split = ["era", "split", "faceset_001", "--corpus", "ready", "--min-anchor", "2", "--anyway"];
    let before = snapshot(&workspace.join("ready"));
    let dry = workspace.run([&split[..], &["--dry-run", "--worker-binary", "/nowhere"]].concat());
    assert_eq!(dry.code, Some(0), "nobody is asked: {dry}");
    assert!(snapshot(&workspace.join("ready")) == before);
    let has_it =
        |set: &str| snapshot(&workspace.join("ready").join(set)).values().any(|bytes| *bytes == planted);
    let unseen = workspace.json(split.iter().chain(&["--no-certificate"]));
    assert!(names(&unseen["eras"]).into_iter().any(has_it), "crops that are there are used again: {unseen}");
    workspace.ok(["undo"]);
    let said = workspace.json(split);
    let names = names(&said["eras"]);
    assert!(!names.is_empty(), "{said}");
    assert_eq!(said["applied"]["certified"], names.len(), "{said}");
    for name in names {
        let set = manifest(&workspace, name);
        assert_eq!(set["certificate"]["state"], "passed", "{set}");
        assert!(set["bundles"][0]["effective_identity_cosine"].as_f64() > Some(0.8), "{set}");
        assert!(!has_it(name), "{name}");
        workspace.ok(["certify", &format!("ready/{name}")]);
    }
}

#[test]
fn killed_while_a_worker_looks_a_split_is_all_there_or_has_never_been_and_no_process_is_left() {
    let workspace = Workspace::new();
    workspace.ok([Path::new("embed"), &setup::photos()]);
    workspace.ok(["refine", "refined", "--min-faces", "2", "--min-blur", "0"]);
    workspace.ok(["export-swap", "refined", "ready", "--no-certificate"]);
    let before = snapshot(&workspace.join("ready"));
    let mut never = 0;
    for pause in [0, 100, 300, 900] {
        let split = ["era", "split", "faceset_001", "--corpus", "ready", "--min-anchor", "2", "--anyway"];
        let mut command = workspace.command(split);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        assert!(said.any(|line| line.starts_with("worker:")), "a worker is asked");
        thread::sleep(Duration::from_millis(pause));
        child.kill().unwrap();
        child.wait().unwrap();
        workspace.ok(["verify", "ready"]);
        kills::no_process_is_left(&workspace);
        if snapshot(&workspace.join("ready")) == before {
            never += 1;
        } else {
            workspace.ok(["undo"]);
        }
        assert!(snapshot(&workspace.join("ready")) == before, "after {pause} ms");
    }
    assert!(never > 0, "no kill met a split at work");
}

#[test]
fn what_was_set_aside_and_what_lies_nowhere_any_more_outlive_an_extension_and_a_new_split() {
    let workspace = corpus(4, &[]);
    let ready = workspace.join("ready");
    let dropped = |set: &str| ready.join(set).join("faces/_dropped");
    workspace.ok(era("split", &["--min-anchor", "4"]));
    fs::create_dir(dropped("faceset_001_2005")).unwrap();
    fs::write(dropped("faceset_001_2005").join("0009.png"), "set aside").unwrap();
    let before = fs::read(ready.join("faceset_001_2005/faces/0001.png")).unwrap();
    fs::remove_dir_all(workspace.join("photos/2005")).unwrap();

    portraits::add(&workspace, &[portrait("later/joins", 0, 0.3, 2006)]);
    let said = workspace.json(era("extend", &[]));
    assert_eq!(said["applied"]["failed"], 0, "earlier crops are used again: {said}");
    assert_eq!(list(&manifest(&workspace, "faceset_001_2005")["faces"]).len(), 5);
    assert!((1..=5).any(|number| {
        fs::read(ready.join(format!("faceset_001_2005/faces/{number:04}.png"))).unwrap() == before
    }));
    assert_eq!(fs::read(dropped("faceset_001_2005").join("0009.png")).unwrap(), b"set aside");

    // Nothing is called 2005 any more: what was set aside goes with the first of the new sets.
    // And every crop is there already, whatever the set was called.
    let said = workspace
        .json(era("split", &["--replace", "--min-anchor", "4", "--sub-threshold", "0.6", "--anyway"]));
    assert_eq!((names(&said["eras"]).len(), said["applied"]["failed"].as_u64()), (1, Some(0)), "{said}");
    let only = names(&said["eras"])[0].to_owned();
    assert!(!ready.join("faceset_001_2005").exists() && only != "faceset_001_2005");
    assert_eq!(fs::read(dropped(&only).join("faceset_001_2005/0009.png")).unwrap(), b"set aside");
    assert_eq!(list(&manifest(&workspace, &only)["faces"]).len(), 9);
    workspace.ok(["undo"]);
    assert_eq!(list(&manifest(&workspace, "faceset_001_2005")["faces"]).len(), 5);
    workspace.ok(["verify", "ready"]);
}

#[test]
fn reports_show_faces_by_year_and_a_set_without_eras_is_refused_with_a_hint() {
    let workspace = corpus(4, &[portrait("more/<b>odd&name", 0, 0.3, None)]);
    let refused = workspace.run(era("extend", &[]));
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["`faceset_001` has no eras", "hint:", "era split"]);
    let refused = workspace.run(era("split", &[]));
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["no sub-cluster of `faceset_001` has 20 photos or more", "hint:", "era probe"]);
    // One sub-cluster of nine photos: what `probe` finds not sortable, `split` does not split by the same
    // flags.
    let before = snapshot(&workspace.join("ready"));
    let flags = ["--min-anchor", "4", "--sub-threshold", "0.6"];
    let probed = workspace.json(era("probe", &flags));
    let verdict = serde_json::json!({"verdict": "too_few_anchors", "anchors": 1, "min_anchor": 4});
    assert_eq!(probed["verdict"], verdict, "{probed}");
    let refused = workspace.run(era("split", &flags));
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&[
        "`faceset_001` is not sortable: 1 sub-clusters have 4 photos or more",
        "hint:",
        "--anyway",
    ]);
    assert!(snapshot(&workspace.join("ready")) == before);
    let said = workspace.json(era("split", &[&flags[..], &["--anyway"]].concat()));
    assert_eq!((&said["verdict"], names(&said["eras"]).len()), (&verdict, 1), "{said}");
    workspace.ok(["undo"]);
    let refused = workspace.run(["era", "probe", "nobody", "--corpus", "ready"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["there is no set `nobody`", "hint:"]);

    let few = ["--min-anchor", "4", "--thumbnails", "2", "--report", "report"];
    for (command, more) in [("probe", &few[..]), ("split", &few), ("extend", &few[4..])] {
        let said = workspace.json(era(command, more));
        assert!(said["report"].as_str().unwrap().ends_with("/report"), "{said}");
        let page = fs::read_to_string(workspace.join("report/index.html")).unwrap();
        assert!(page.contains("Cosine distances") && !page.contains("<b>odd"), "{command}");
        assert_eq!(workspace.read_json("report/era.json")["schema"], "facesets.era-report/1");
        let pictures = fs::read_dir(workspace.join("report/thumbnails")).unwrap().count();
        let shown = page.matches("<img").count();
        assert_eq!((pictures, shown > 0 || command == "extend"), (shown, true), "{command}");
        if command != "extend" {
            assert!(page.contains("<h3>2005 (4)</h3>") && page.contains("and 2 more"), "{page}");
            assert!(page.contains("odd&amp;name"), "{page}");
        }
    }
    let text = workspace.ok(era("probe", &["--min-anchor", "4"])).stdout;
    for part in
        ["cut at 0.35", "sub-cluster 1", "faces whose photo has no year: 1", "sortable: 2 sub-clusters"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}
