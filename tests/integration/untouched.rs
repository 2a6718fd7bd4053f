//! What is not ours stays as it is, what is away makes nobody else wait, and what others have written is not
//! believed.

use std::fs;

use facesets_tests::people::{self, Photo};

use crate::changes::{clustered, more, snapshot};

#[test]
fn a_file_that_is_named_replaces_nothing_but_an_earlier_one_of_its_kind() {
    let workspace = clustered(2, 2);
    more(&workspace, 2);
    let store = workspace.join("library/library.sqlite");
    fs::hard_link(&store, workspace.join("second-name")).unwrap();
    fs::write(workspace.join("photo.jpg"), "a photo").unwrap();
    std::os::unix::fs::symlink("photo.jpg", workspace.join("link")).unwrap();
    let photo = workspace.join("photos/p000/000.jpg");
    let plans = ["photo.jpg", "link", "clusters/manifest.json", "library/library.sqlite"];
    let before = |name: &str| fs::read(workspace.join(name)).unwrap();
    for name in plans.into_iter().chain([photo.to_str().unwrap()]) {
        let was = before(name);
        for force in [&[][..], &["--replace-plan"]] {
            let plan = ["extend", "clusters", "--plan", name];
            let refused = workspace.run(plan.iter().chain(force));
            assert_eq!(refused.code, Some(2), "{name}: {refused}");
            refused.says(&[name, "stays as it is", "hint: name another file"]);
        }
        if name == "library/library.sqlite" {
            workspace.ok(["store", "verify"]);
        } else {
            assert_eq!(before(name), was, "{name}");
        }
    }
    workspace.ok(["extend", "clusters", "--plan", "plan.json"]);
    let again = workspace.run(["extend", "clusters", "--plan", "plan.json"]);
    assert_eq!(again.code, Some(2), "{again}");
    again.says(&["`--replace-plan`"]);
    workspace.ok(["extend", "clusters", "--plan", "plan.json", "--replace-plan"]);

    workspace.ok(["store", "backup", "copy.sqlite"]);
    workspace.ok(["store", "backup", "copy.sqlite", "--force"]);
    for name in ["library/library.sqlite", "second-name", "photo.jpg", "plan.json"] {
        let refused = workspace.run(["store", "backup", name, "--force"]);
        assert_eq!(refused.code, Some(2), "{name}: {refused}");
        workspace.ok(["store", "verify"]);
    }
    fs::write(workspace.join("other.npz"), "PK\u{3}\u{4} of another program").unwrap();
    let refused = workspace.run(["store", "export", "other.npz", "--force"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    workspace.ok(["store", "export", "ours.npz"]);
    workspace.ok(["store", "export", "ours.npz", "--force"]);
}

#[test]
fn a_corpus_that_is_away_in_the_middle_of_its_change_makes_only_itself_wait() {
    let workspace = clustered(3, 2);
    workspace.ok(["cluster", "others"]);
    more(&workspace, 3);
    workspace.ok(["extend", "clusters"]);
    let whole = snapshot(&workspace.join("clusters"));
    workspace.ok(["undo"]);
    let killed = workspace.run_cut_off("kill=5", &["extend", "clusters"]);
    assert_eq!(killed.code, None, "{killed}");
    let (clusters, moved) = (workspace.join("clusters"), workspace.join("moved"));
    fs::rename(&clusters, &moved).unwrap();

    for args in
        [&["status"][..], &["store", "backup", "copy.sqlite"], &["extend", "others"], &["verify", "others"]]
    {
        let run = workspace.run(args);
        assert_eq!(run.code, Some(0), "{args:?}: {run}");
        run.says(&["clusters", "was interrupted and waits", "is not there"]);
    }
    for args in [&["verify", "moved"][..], &["extend", "moved"], &["cluster", "clusters"]] {
        let run = workspace.run(args);
        assert_eq!(run.code, Some(2), "{args:?}: {run}");
        run.says(&["cannot be used now", "hint: put", "facesets undo --abandon"]);
    }
    fs::rename(&moved, &clusters).unwrap();
    let back = workspace.ok(["status"]);
    back.says(&["had been interrupted: it is complete now"]);
    assert!(snapshot(&clusters) == whole);

    // Gone for good.
    people::add(&workspace, "models", &[Photo::of(0, 95)]);
    let killed = workspace.run_cut_off("kill=5", &["extend", "clusters"]);
    assert_eq!(killed.code, None, "{killed}");
    fs::remove_dir_all(&clusters).unwrap();
    workspace.ok(["undo", "--abandon", "clusters"]);
    let after = workspace.ok(["cluster", "clusters"]);
    assert!(!after.stderr.contains("waits"), "{after}");
    let nothing = workspace.run(["undo", "--abandon", "clusters"]);
    assert_eq!(nothing.code, Some(2), "{nothing}");
}

#[test]
fn a_name_makes_no_line_of_its_own_and_what_systems_leave_is_no_fault() {
    let workspace = clustered(2, 2);
    for litter in [".DS_Store", "Thumbs.db", "person_001/._x.jpg", "person_001/desktop.ini"] {
        fs::write(workspace.join("clusters").join(litter), "litter").unwrap();
    }
    fs::create_dir(workspace.join("clusters/@eaDir")).unwrap();
    let run = workspace.ok(["verify", "clusters"]);
    for litter in [".DS_Store", "Thumbs.db", "person_001/._x.jpg", "person_001/desktop.ini", "@eaDir"] {
        assert!(run.stdout.contains(&format!("{litter}: not ours")), "{litter}: {run}");
    }
    more(&workspace, 2);
    workspace.ok(["extend", "clusters"]);
    fs::write(workspace.join("clusters/person_001/.DS_Store"), "litter").unwrap();
    workspace.ok(["undo"]);

    let name = "x\n0 sets, 0 files, 0 findings\u{202e}";
    fs::write(workspace.join("clusters/person_001").join(name), "x").unwrap();
    let run = workspace.run(["verify", "clusters"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stdout.contains("person_001/x\\n0 sets, 0 files, 0 findings\\u{202e}: is not"), "{run}");
    assert_eq!(run.stdout.lines().filter(|line| line.contains("0 findings")).count(), 1, "{run}");
    let refused = workspace.run(["verify", "gone\nerror: forged"]);
    assert!(refused.stderr.contains("gone\\nerror: forged"), "{refused}");
    assert_eq!(refused.stderr.lines().filter(|line| line.starts_with("error:")).count(), 1, "{refused}");
    let exact = workspace.run(["verify", "clusters", "--json"]).json();
    assert_eq!(exact["findings"][0]["what"], format!("person_001/{name}"));
}

#[test]
fn a_plan_of_somebody_elses_making_is_refused_before_anything_is_done() {
    let workspace = clustered(2, 2);
    more(&workspace, 2);
    workspace.ok(["extend", "clusters", "--plan", "plan.json"]);
    let plan = workspace.read_json("plan.json");
    let photos = workspace.join("photos").canonicalize().unwrap();
    let before = snapshot(&photos);
    let corpus = |out_size: u64| {
        serde_json::json!({ "origin": "discovered", "sets": [], "parameters": {
            "outlier_threshold": 0.45, "min_face_short": 100, "pad_ratio": 0.5, "out_size": out_size, "top_n": 30,
        }})
    };
    let nothing = facesets_core::Sha256Digest::of(b"").to_string();
    for (root, becomes, said) in [
        (photos.to_str().unwrap(), plan["targets"][0]["becomes"].clone(), "no folder that this plan"),
        (photos.to_str().unwrap(), serde_json::json!({ "corpus": corpus(512) }), "no folder that this plan"),
        ("/", serde_json::json!({ "corpus": corpus(512) }), "no absolute path of a folder"),
        ("/new", serde_json::json!({ "corpus": corpus(0) }), "crops of 0 pixels"),
        ("/new", serde_json::json!({ "corpus": corpus(4_000_000_000) }), "crops of 4000000000 pixels"),
    ] {
        let mut hostile = plan.clone();
        hostile["targets"] = serde_json::json!([{ "root": root, "was": nothing, "becomes": becomes }]);
        fs::write(workspace.join("hostile.json"), hostile.to_string()).unwrap();
        let refused = workspace.run(["apply", "hostile.json"]);
        assert_eq!(refused.code, Some(2), "{refused}");
        refused.says(&[said, "hint:"]);
    }
    assert!(snapshot(&photos) == before);
}
