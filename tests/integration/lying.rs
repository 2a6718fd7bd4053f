//! Photos that lie on their side or stand on their head: real ones, turned, through the real models.

use std::{collections::BTreeMap, fs, path::Path};

use facesets_core::ImageLimits;
use facesets_imaging::decode_upright;
use facesets_tests::{program::Workspace, python, setup};
use image::{RgbImage, imageops, imageops::FilterType};
use serde_json::{Value, json};

use crate::certificate::{follows_its_schemas, list, sets};

/// Photos of one man, upright.
const UPRIGHT: [(&str, &str); 3] = [
    ("a.png", "2012/speeches/obama2.jpg"),
    ("b.png", "2009/portraits/obama.jpg"),
    ("c.png", "2012/speeches/obama3.jpg"),
];

/// The same, turned with the clock by so many degrees.
const TURNED: [(&str, &str, f64); 4] = [
    ("a-90.png", "a.png", 90.0),
    ("a-180.png", "a.png", 180.0),
    ("b-270.png", "b.png", -90.0),
    ("b-180.png", "b.png", 180.0),
];

fn photo(path: &Path) -> RgbImage {
    decode_upright(&fs::read(path).unwrap(), &ImageLimits::default()).unwrap()
}

/// Puts the upright photos into `upright`, small enough for a short test.
fn upright(workspace: &Workspace) {
    fs::create_dir_all(workspace.join("photos/upright")).unwrap();
    for (name, from) in UPRIGHT {
        let photo = photo(&setup::photos().join(from));
        let side = photo.width().max(photo.height()).max(1000);
        let scaled = |pixels: u32| pixels * 1000 / side;
        let small =
            imageops::resize(&photo, scaled(photo.width()), scaled(photo.height()), FilterType::Triangle);
        small.save(workspace.join("photos/upright").join(name)).unwrap();
    }
}

/// Puts the turned ones into `turned`.
fn turned(workspace: &Workspace) {
    fs::create_dir_all(workspace.join("photos/turned")).unwrap();
    for (name, from, degrees) in TURNED {
        let photo = photo(&workspace.join("photos/upright").join(from));
        let turned = match degrees as i32 {
            90 => imageops::rotate90(&photo),
            180 => imageops::rotate180(&photo),
            _ => imageops::rotate270(&photo),
        };
        turned.save(workspace.join("photos/turned").join(name)).unwrap();
    }
}

fn name(path: &Value) -> String {
    path.as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

/// The degrees at which eyes are, by photo, of the faces that were left out for lying.
fn lying(dropped: &Value) -> BTreeMap<String, f64> {
    let lies = |drop: &&Value| drop["reason"]["gate"] == "on_its_side";
    let degrees = |drop: &Value| (name(&drop["path"]), drop["reason"]["degrees"].as_f64().unwrap());
    list(dropped).iter().filter(lies).map(degrees).collect()
}

/// How far two directions are apart, in degrees.
fn between(a: f64, b: f64) -> f64 {
    let turn = (a - b).rem_euclid(360.0);
    turn.min(360.0 - turn)
}

fn are_the_turned_ones(lying: &BTreeMap<String, f64>) {
    assert_eq!(lying.len(), TURNED.len(), "{lying:?}");
    for (name, _, degrees) in TURNED {
        assert!(between(lying[name], degrees) < 45.0, "{name}: {lying:?}");
    }
}

const POSES: &str = r#"
import json, sys
import numpy as np
z = np.load(sys.argv[1])
first = {int(c): p.decode().rsplit("/", 1)[1] for p, c in zip(z["locations_path"], z["locations_content"])}
number = lambda value: None if np.isnan(value) else float(value)
print(json.dumps({first[int(c)]: [number(v) for v in pose] for c, pose in zip(z["faces_content"], z["faces_pose"])}))
"#;

#[test]
fn faces_of_photos_that_lie_are_in_no_set_and_the_photos_are_named() {
    let workspace = Workspace::new();
    upright(&workspace);
    workspace.ok(["embed", "photos"]);
    workspace.ok(["cluster", "clusters"]);
    workspace.ok(["refine", "before", "--min-faces", "3", "--min-blur", "0"]);
    workspace.ok(["export-swap", "before", "ready", "--no-certificate"]);
    turned(&workspace);
    workspace.ok(["embed", "photos"]);

    let said = workspace.json(["refine", "refined", "--min-faces", "3", "--min-blur", "0"]);
    assert_eq!((&said["facesets"], &said["faces"]), (&json!(1), &json!(3)), "{said}");
    are_the_turned_ones(&lying(&said["dropped"]));
    let photos: Vec<String> = list(&said["lying"]).iter().map(name).collect();
    assert_eq!(photos, ["a-180.png", "a-90.png", "b-180.png", "b-270.png"], "{said}");
    let text = workspace.ok(["refine", "text", "--min-faces", "3", "--min-blur", "0"]).stdout;
    for part in
        ["face on its side: eyes at", "4 photos lie on their side or stand on their head", "turn them"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }

    // Whoever adds faces to what is there adds none of them, and discovers nobody among them.
    let said = workspace.json(["extend", "clusters", "--refine-out", "before", "--dry-run"]);
    assert_eq!(said["refined"]["joined"], json!([]), "{said}");
    workspace.ok(["extend", "clusters", "--refine-out", "before"]);
    are_the_turned_ones(&lying(&workspace.read_json("before/manifest.json")["dropped"]));
    let discover = [
        "discover",
        "photos/turned",
        "--corpus",
        "ready",
        "--min-faces",
        "1",
        "--min-blur",
        "0",
        "--dry-run",
    ];
    let said = workspace.json(discover);
    assert_eq!(
        (&said["faces"], &said["unmatched"], &said["emitted"]),
        (&json!(4), &json!(0), &json!([])),
        "{said}"
    );
    are_the_turned_ones(&lying(&said["dropped"]));

    // A folder says who they are; the centroid is that of the others, and they are on record.
    fs::write(workspace.join("recipe.toml"), "trusted = ['photos']\n").unwrap();
    let said = workspace.json(["import", "folders", "recipe.toml", "--corpus", "sorted", "--no-certificate"]);
    assert_eq!(list(&said["lying"]).len(), 4, "{said}");
    let [set] = &sets(&workspace, "sorted")[..] else { panic!("one person") };
    assert_eq!(list(&set["faces"]).len(), 3, "{set}");
    assert!(!lying(&set["dropped"]).is_empty(), "{set}");
    follows_its_schemas(&workspace, "sorted");

    // Who wants them gets them last, with a pose that says how they are turned and nothing that was not seen.
    workspace.ok(["refine", "all", "--min-faces", "3", "--min-blur", "0", "--max-roll", "180"]);
    let flags = [
        "--max-roll",
        "180",
        "--no-certificate",
        "--outlier-threshold",
        "2",
        "--duplicate-similarity",
        "off",
    ];
    workspace.ok(["export-swap", "all", "all-ready"].iter().chain(&flags));
    let [set] = &sets(&workspace, "all-ready")[..] else { panic!("one person") };
    let ranked: Vec<String> = list(&set["faces"]).iter().map(|face| name(&face["source"])).collect();
    assert!(ranked.len() > 3 && ranked[..3].iter().all(|name| name.len() == "a.png".len()), "{ranked:?}");
    for face in list(&set["faces"]) {
        let turned = TURNED.iter().find(|(of, ..)| *of == name(&face["source"]));
        let pose = &face["pose"];
        let roll = pose["roll"].as_f64().unwrap();
        match turned {
            Some((_, _, degrees)) => {
                assert!(between(roll, *degrees) < 45.0, "{face}");
                assert_eq!((&pose["pitch"], &pose["yaw"]), (&Value::Null, &Value::Null), "{face}");
                assert_eq!(face["quality"]["terms"]["frontality"], 0.0, "{face}");
            }
            None => assert!(roll.abs() < 20.0 && pose["yaw"].is_number(), "{face}"),
        }
    }
    follows_its_schemas(&workspace, "all-ready");

    workspace.ok(["store", "export", "faces.npz"]);
    let poses = python::json(POSES, &workspace.join("faces.npz"));
    for (name, _, degrees) in TURNED {
        let [pitch, yaw, roll] = &list(&poses[name])[..] else { panic!("three angles: {poses}") };
        assert!(between(roll.as_f64().unwrap(), degrees) < 45.0, "{name}: {poses}");
        assert!(pitch.is_null() && yaw.is_null(), "{name}: {poses}");
    }
    let why = workspace.ok(["why", "photos/turned/a-180.png", "refined"]).stdout;
    assert!(why.contains("it lies: its eyes are at"), "{why}");
}
