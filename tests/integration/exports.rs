//! What an export hands out: each picture once, and in the formats of other tools what they read.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use facesets_core::ImageLimits;
use facesets_imaging::decode_upright;
use facesets_tests::{
    portraits::{self, Portrait},
    program::{NAMESAKE, Workspace},
    python, setup,
};
use image::imageops::{self, FilterType};
use serde_json::{Value, json};

use crate::certificate::{follows_its_schemas, list, refined, refined_in, sets};

fn file_name(path: &Value) -> &str {
    path.as_str().and_then(|path| path.rsplit('/').next()).expect("a photo has a name")
}

/// Photos whose crops are duplicates in a corpus, each with the photo whose crop is kept.
fn duplicates(sets: &[Value]) -> BTreeMap<&str, &str> {
    let dropped = sets.iter().flat_map(|set| list(&set["dropped"]));
    let duplicate = |drop: &'_ &Value| drop["reason"]["gate"] == "visual_duplicate";
    dropped
        .filter(duplicate)
        .map(|drop| (file_name(&drop["path"]), file_name(&drop["reason"]["path"])))
        .collect()
}

#[test]
fn copies_of_a_photo_are_exported_once_and_other_photos_of_the_same_person_all() {
    let photos = tempfile::tempdir().unwrap();
    for (name, from) in [
        ("a.jpg", "2012/speeches/obama2.jpg"),
        ("b.jpg", "2009/portraits/obama.jpg"),
        ("c.jpg", "2012/speeches/obama3.jpg"),
        // Made of obama2.jpg by Pillow: every pixel darker, compressed again.
        ("darker.jpg", "2012/speeches/obama2-variant-darker.jpg"),
    ] {
        fs::copy(setup::photos().join(from), photos.path().join(name)).unwrap();
    }
    // In another size and format, and cut to another frame in which the face has another place.
    let portrait =
        decode_upright(&fs::read(photos.path().join("b.jpg")).unwrap(), &ImageLimits::default()).unwrap();
    let (width, height) = portrait.dimensions();
    let small = imageops::resize(&portrait, width * 4 / 5, height * 4 / 5, FilterType::Triangle);
    small.save(photos.path().join("smaller.webp")).unwrap();
    let cut = imageops::crop_imm(&portrait, 0, 0, width * 9 / 10, height).to_image();
    cut.save(photos.path().join("cut.png")).unwrap();

    let workspace = refined(photos.path());
    workspace.ok(["export-swap", "refined", "ready"]);
    let ready = sets(&workspace, "ready");
    let found = duplicates(&ready);
    let original = |name: &str| match name {
        "darker.jpg" => "a.jpg".to_owned(),
        "smaller.webp" | "cut.png" => "b.jpg".to_owned(),
        name => name.to_owned(),
    };
    let kept: Vec<&str> =
        ready.iter().flat_map(|set| list(&set["faces"])).map(|face| file_name(&face["source"])).collect();
    let pictures: BTreeSet<String> = kept.iter().map(|name| original(name)).collect();
    assert_eq!(pictures.into_iter().collect::<Vec<_>>(), ["a.jpg", "b.jpg", "c.jpg"], "{kept:?} {found:?}");
    assert_eq!((kept.len(), found.len()), (3, 3), "{kept:?} {found:?}");
    for (left_out, for_this) in &found {
        assert!(kept.contains(for_this) && original(left_out) == original(for_this), "{found:?}");
    }
    workspace.ok(["verify", "ready"]);
    follows_its_schemas(&workspace, "ready");
    let why =
        workspace.ok(["why", photos.path().join(found.keys().next().unwrap()).to_str().unwrap(), "ready"]);
    assert!(why.stdout.contains("shows the same as"), "{why}");

    workspace.ok(["export-swap", "refined", "all", "--duplicate-similarity", "off", "--no-certificate"]);
    let all = sets(&workspace, "all");
    assert_eq!((list(&all[0]["faces"]).len(), duplicates(&all).len()), (6, 0));
    assert_eq!(all[0]["parameters"]["duplicate_similarity"], Value::Null);
    follows_its_schemas(&workspace, "all");
}

#[test]
fn the_original_is_handed_out_and_not_a_copy_of_it_that_ranks_better() {
    let photos = tempfile::tempdir().unwrap();
    let portrait = decode_upright(
        &fs::read(setup::photos().join("2012/speeches/obama2.jpg")).unwrap(),
        &ImageLimits::default(),
    )
    .unwrap();
    // Large and soft, as from an old lens; and what a messenger makes of it, which is sharper pixel by pixel.
    let (width, height) = portrait.dimensions();
    let original = imageops::resize(&portrait, width * 2, height * 2, FilterType::CatmullRom);
    original.save(photos.path().join("original.jpg")).unwrap();
    let shrunk = |percent: u32| {
        imageops::resize(
            &original,
            width * 2 * percent / 100,
            height * 2 * percent / 100,
            FilterType::Triangle,
        )
    };
    shrunk(60).save(photos.path().join("messenger.jpg")).unwrap();
    shrunk(30).save(photos.path().join("thumbnail.jpg")).unwrap();
    fs::copy(setup::photos().join("2009/portraits/obama.jpg"), photos.path().join("other.jpg")).unwrap();

    let workspace = refined(photos.path());
    let composite = |name: &str| {
        let photo = photos.path().join(name);
        workspace.json(["why", photo.to_str().unwrap()])["faces"][0]["composite"].as_f64().unwrap()
    };
    assert!(composite("messenger.jpg") > composite("original.jpg"), "else there were nothing to show");
    let said = workspace.ok(["refine", "again", "--min-faces", "4", "--min-blur", "0"]).stdout;
    let of_four = "4 photos, 2 of them seem to show the same as others (similarity ≥ 0.95): 2 pictures";
    assert!(said.contains(&format!("{of_four}, fewer than `--min-faces 4`")), "{said}");
    workspace.ok(["export-swap", "refined", "ready", "--no-certificate"]);
    let ready = sets(&workspace, "ready");
    let kept: BTreeSet<&str> =
        ready.iter().flat_map(|set| list(&set["faces"])).map(|face| file_name(&face["source"])).collect();
    assert_eq!(kept, ["original.jpg", "other.jpg"].into());
    assert_eq!(
        duplicates(&ready),
        BTreeMap::from([("messenger.jpg", "original.jpg"), ("thumbnail.jpg", "original.jpg")])
    );
}

#[test]
fn a_face_whose_photo_cannot_be_read_any_more_is_told_of_with_the_reason() {
    let workspace = Workspace::in_memory();
    let portrait =
        |number| Portrait { name: format!("anna/{number}"), person: 0, look: 0, distance: 0.05, year: None };
    portraits::add(&workspace, &(0..4).map(portrait).collect::<Vec<_>>());
    workspace.ok(["refine", "refined", "--min-faces", "2"]);
    fs::remove_file(workspace.join("photos/anna/2.png")).unwrap();
    let run = workspace.run(["export-swap", "refined", "ready", "--no-certificate", "--json"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert_eq!((&run.json()["failed"], list(&run.json()["dropped"]).len()), (&json!(1), 1), "{run}");
    let [set] = &sets(&workspace, "ready")[..] else { panic!("one person") };
    assert_eq!((list(&set["faces"]).len(), list(&set["dropped"]).len()), (3, 1), "{set}");
    let dropped = &set["dropped"][0];
    assert_eq!((file_name(&dropped["path"]), &dropped["reason"]["gate"]), ("2.png", &json!("no_crop")));
    assert!(dropped["reason"]["why"].as_str().unwrap().contains("cannot read"), "{dropped}");
    follows_its_schemas(&workspace, "ready");
    workspace.ok(["verify", "ready"]);
}

#[test]
fn every_other_format_is_read_by_readers_that_know_nothing_of_us() {
    let workspace = refined_in(Workspace::with_worker(NAMESAKE), &setup::photos().join("2012"));
    let formats = "visomaster,rope,best,npy,reactor,parquet";
    workspace.ok(["export-swap", "refined", "ready", "--no-certificate", "--format", formats]);
    workspace.ok(["verify", "ready"]);
    follows_its_schemas(&workspace, "ready");
    let dump: Vec<Value> = workspace.dump().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let program = fs::read_to_string(setup::repository().join("scripts/python/read_formats.py")).unwrap();
    for set in sets(&workspace, "ready") {
        let name = set["name"].as_str().unwrap();
        let faces = list(&set["faces"]);
        let read = python::json(&program, &workspace.join("ready").join(name));
        assert_eq!(read["best"], json!(["PNG", "RGB", 512, 512]));
        assert_eq!(
            (&read["npy"]["dtype"], &read["npy"]["shape"]),
            (&json!("float32"), &json!([faces.len(), 512]))
        );
        assert!(list(&read["npy"]["norms"]).iter().all(|norm| (norm.as_f64().unwrap() - 1.0).abs() < 1e-5));
        assert!(read["npy"]["cosine_of_mean_to_rope"].as_f64() > Some(0.99), "{}", read["npy"]);
        for tool in ["visomaster", "rope"] {
            let [identity] = &list(&read[tool])[..] else { panic!("{tool}: {read}") };
            assert_eq!((&identity[0], list(&identity[1]).len()), (&json!(name), 512), "{tool}");
        }
        let close = |(a, b): (&Value, &Value)| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-6;
        let numbers = |tool: &str| list(&read[tool][0][1]).clone();
        assert!(numbers("visomaster").iter().zip(&numbers("rope")).all(close), "both are the same mean");
        assert!(list(&read["reactor_embedding"]).iter().zip(&numbers("rope")).all(close), "so is ReActor's");
        is_the_best_face(&read["reactor"], &set, &dump);
        is_a_row_a_crop(&read["parquet"], &set, &dump);
    }
    for file in ["faceset_001.safetensors", "crops.parquet"] {
        fs::write(workspace.join("ready/faceset_001").join(file), "x").unwrap();
        let found = workspace.run(["verify", "ready"]);
        assert!(
            found.code == Some(1) && found.stdout.contains(&format!("{file}: has other bytes")),
            "{found}"
        );
    }
    workspace.ok(["verify", "ready", "--repair"]);
}

#[test]
fn formats_whose_readers_take_the_vectors_for_another_recognisers_are_refused_before_anything_is_written() {
    let workspace = refined(&setup::photos().join("2012"));
    let export = |formats: &str| {
        workspace.run(["export-swap", "refined", "ready", "--no-certificate", "--format", formats])
    };
    for (format, others) in [("visomaster", "npy,"), ("rope", ""), ("reactor", "best,parquet,")] {
        let refused = export(&format!("{others}{format}"));
        assert_eq!(refused.code, Some(2), "{refused}");
        let start = format!("`{format}` would hold vectors of a recogniser that their readers do not know");
        refused.says(&[&start, "`w600k_r50`", "hint: leave these formats out", "`.fsz`", "buffalo_l"]);
        assert!(!workspace.join("ready").exists());
    }
    let run = export("best,npy,parquet");
    assert_eq!(run.code, Some(0), "{run}");
    let [set] = &sets(&workspace, "ready")[..] else { panic!("{run}") };
    assert_eq!((list(&set["formats"]).len(), list(&set["bundles"]).len()), (3, 3));
    for file in ["best.png", "embeddings.npy", "crops.parquet"] {
        assert!(workspace.join("ready/faceset_001").join(file).is_file(), "{file}");
    }
    workspace.ok(["verify", "ready"]);
}

/// The numbers of a list as the dump of the store has them.
fn hexadecimal(numbers: &Value) -> String {
    let bytes = list(numbers).iter().flat_map(|number| (number.as_f64().unwrap() as f32).to_le_bytes());
    bytes.fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The face of a crop in the dump of the store.
fn in_dump<'a>(dump: &'a [Value], face: &Value) -> &'a Value {
    let bbox = hexadecimal(&face["bbox"]);
    dump.iter()
        .find(|line| line["face"] == face["sha256"] && line["bbox"] == bbox.as_str())
        .expect("every crop shows a face of the store")
}

/// Demands the tensors of a ReActor face model, bit for bit what the store has of the best face.
fn is_the_best_face(tensors: &Value, set: &Value, dump: &[Value]) {
    let best = &set["faces"][0];
    let stored = in_dump(dump, best);
    let floats = |shape: &[usize], bytes: &Value| json!(["float32", shape, bytes]);
    let pose = json!([best["pose"]["pitch"], best["pose"]["yaw"], best["pose"]["roll"]]);
    for (name, expected) in [
        ("bbox", floats(&[4], &stored["bbox"])),
        ("kps", floats(&[5, 2], &stored["keypoints"])),
        ("det_score", floats(&[], &stored["det_score"])),
        ("landmark_3d_68", floats(&[68, 3], &stored["landmarks_68"])),
        ("pose", floats(&[3], &json!(hexadecimal(&pose)))),
        ("landmark_2d_106", floats(&[106, 2], &stored["landmarks_106"])),
        ("gender", json!(["int64", [], "ff".repeat(8)])),
        ("age", json!(["int64", [], "ff".repeat(8)])),
    ] {
        assert_eq!(tensors[name], expected, "{name}");
    }
    assert_eq!((&tensors["embedding"][0], &tensors["embedding"][1]), (&json!("float32"), &json!([512])));
    assert_eq!(tensors.as_object().unwrap().len(), 9, "ReActor knows no other");
}

/// Demands a row for each crop in the order of their ranks, with what the manifest and the store have of it.
fn is_a_row_a_crop(rows: &Value, set: &Value, dump: &[Value]) {
    assert_eq!(list(rows).len(), list(&set["faces"]).len());
    let dated = list(rows).iter().filter(|row| !row["capture_year"].is_null()).count();
    assert!((1..list(rows).len()).contains(&dated), "some photos say their year, some do not: {rows}");
    for (rank, (row, face)) in (1..).zip(list(rows).iter().zip(list(&set["faces"]))) {
        let stored = in_dump(dump, face);
        assert_eq!(row["rank"], rank);
        for same in ["file", "png_sha256", "source", "sha256"] {
            assert_eq!(row[same], face[same], "{same}");
        }
        let of_photo = dump.iter().find(|line| line["content"] == face["sha256"]).unwrap();
        let taken = of_photo["camera"]["taken"].as_str();
        let year: Option<i64> = taken.map(|taken| taken[..4].parse().unwrap());
        assert_eq!(row["capture_year"].as_i64(), year);
        assert_eq!(face["capture_year"], json!(year), "the manifest says it too");
        for (column, bytes) in [("bbox", &stored["bbox"]), ("embedding", &stored["embedding"])] {
            assert_eq!(row[column], *bytes, "{column}");
        }
        let terms = &face["quality"]["terms"];
        let (pose, nowhere) = (&face["pose"], &Value::Null);
        for (column, expected) in [
            ("pad_ratio", &face["pad_ratio"]),
            ("frontality", &terms["frontality"]),
            ("det_score", &terms["det_score"]),
            ("landmark_symmetry", &terms["landmark_symmetry"]),
            ("face_size", &terms["face_size"]),
            ("sharpness", &terms["sharpness"]),
            ("composite", &face["quality"]["composite"]),
            ("pitch", &pose["pitch"]),
            ("yaw", &pose["yaw"]),
            ("roll", &pose["roll"]),
        ] {
            let number = |value: &Value| value.as_f64().map(|number| number as f32);
            assert_eq!(number(&row[column]), number(expected), "{column}");
            assert!(*expected != *nowhere, "{column}");
        }
    }
}
