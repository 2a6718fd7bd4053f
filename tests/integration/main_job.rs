//! The path that everything else widens: photos in, single-face crops and bundles out.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use facesets_tests::{program::Workspace, setup};
use serde_json::Value;

/// embed → cluster → refine → export-swap, with the gates that a small library needs.
fn run_all(photos: &Path) -> Workspace {
    let workspace = Workspace::new();
    workspace.ok([Path::new("embed"), photos]);
    workspace.ok(["cluster", "clusters"]);
    workspace.ok(["refine", "refined", "--min-faces", "2", "--min-blur", "0"]);
    workspace.ok(["export-swap", "refined", "ready"]);
    workspace
}

/// File name of a manifest's face.
fn file_name(face: &Value) -> String {
    let path = face.as_str().or_else(|| face["path"].as_str()).expect("a face has a path");
    Path::new(path).file_name().expect("a photo has a name").to_string_lossy().into_owned()
}

/// Sorted file names of the faces of each set.
fn sets_of(manifest: &Value, list: &str) -> BTreeSet<Vec<String>> {
    let names = |set: &Value| {
        let mut names: Vec<String> = array(&set["faces"]).iter().map(file_name).collect();
        names.sort();
        names
    };
    array(&manifest[list]).iter().map(names).collect()
}

fn array(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}"))
}

fn sorted<const N: usize>(names: [&str; N]) -> Vec<String> {
    let mut names = names.map(str::to_owned).to_vec();
    names.sort();
    names
}

/// Every exported crop.
fn crops(corpus: &Path) -> Vec<PathBuf> {
    let crops: Vec<PathBuf> = walkdir::WalkDir::new(corpus)
        .into_iter()
        .map(|entry| entry.expect("the output can be read").into_path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "png"))
        .collect();
    assert!(!crops.is_empty(), "nothing was exported");
    crops
}

/// Demands that the worker finds exactly one face in each crop at detector sizes 640 and 320.
fn every_crop_has_one_face(workspace: &Workspace) {
    let corpus = workspace.join("ready");
    let crops = crops(&corpus);
    for crop in &crops {
        let image = image::open(crop).expect("a crop is a PNG");
        assert_eq!((image.width(), image.height(), image.color()), (512, 512, image::ColorType::Rgb8));
    }
    for det_size in ["640", "320"] {
        let audit = Workspace::new();
        audit.ok(["embed", corpus.to_str().expect("a temporary path is UTF-8"), "--det-size", det_size]);
        audit.ok(["cluster", "clusters", "--materialize", "none"]);
        let manifest = audit.read_json("clusters/manifest.json");
        let in_persons = array(&manifest["persons"]).iter().flat_map(|person| array(&person["faces"]));
        let mut faces: BTreeMap<PathBuf, usize> = BTreeMap::new();
        for face in in_persons.chain(array(&manifest["singletons"])) {
            *faces.entry(face["path"].as_str().expect("a face has a path").into()).or_default() += 1;
        }
        for crop in &crops {
            assert_eq!(faces.get(crop), Some(&1), "faces in {} at {det_size}", crop.display());
        }
    }
}

/// Demands that every bundle is flat, in order, and holds the crops of its set.
fn every_bundle_holds_its_crops(workspace: &Workspace) {
    let manifest = workspace.read_json("ready/manifest.json");
    for set in array(&manifest["facesets"]) {
        let home = workspace.join("ready").join(set["name"].as_str().expect("a set has a name"));
        for bundle in array(&set["bundles"]) {
            let path = workspace.join("ready").join(bundle.as_str().expect("a bundle has a path"));
            let mut zip = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
            let all = set["images"].as_u64().expect("a set has a number of images") as usize;
            let expected = if bundle.as_str().unwrap().contains("_top30") { all.min(30) } else { all };
            assert_eq!(zip.len(), expected);
            for number in 0..zip.len() {
                let mut entry = zip.by_index(number).unwrap();
                let name = entry.name().unwrap().into_owned();
                assert_eq!(name, format!("{:04}.png", number + 1));
                let mut bytes = Vec::new();
                std::io::copy(&mut entry, &mut bytes).unwrap();
                assert_eq!(bytes, fs::read(home.join("faces").join(name)).unwrap());
            }
        }
    }
}

#[test]
fn the_sample_library_falls_into_its_nine_people() {
    let workspace = run_all(&setup::photos());
    let clusters = workspace.read_json("clusters/manifest.json");

    let group = |person: u8| {
        let portrait = format!("t1-variant-person-{person}.jpg");
        sorted(["t1.jpg", "t1-variant-enlarged.jpg", "t1-variant-mirrored.jpg", &portrait])
    };
    let mut people: BTreeSet<Vec<String>> = (1..=6).map(group).collect();
    people.insert(sorted([
        "obama.jpg",
        "obama-copy.jpg",
        "obama2-32bit.png",
        "obama2-variant-darker.jpg",
        "obama2.jpg",
        "obama3-variant-turned.jpg",
        "obama3.jpg",
        "obama_partial_face.jpg",
        "obama_partial_face2.jpg",
    ]));
    people.insert(sorted([
        "biden-variant-cropped.jpg",
        "biden-variant-brighter.png",
        "biden-variant-exif-orientation-6.jpg",
        "biden-variant-grey.jpg",
        "biden-variant-turned.jpg",
        "biden.jpg",
    ]));
    people.insert(sorted([
        "astronaut-variant-cooler.png",
        "astronaut-variant-enlarged.jpg",
        "astronaut-variant-turned.jpg",
        "astronaut.png",
    ]));
    assert_eq!(sets_of(&clusters, "persons"), people);
    assert_eq!(array(&clusters["singletons"]).len(), 0);
    assert_eq!(array(&clusters["noface"]).iter().map(file_name).collect::<Vec<_>>(), ["coffee.png"]);
    every_crop_has_one_face(&workspace);
    every_bundle_holds_its_crops(&workspace);
}

#[test]
fn six_people_are_told_apart_where_their_photos_are_at_hand() {
    let Some(photos) = setup::shared_photos() else {
        eprintln!("left out: there is no ../shared/photos beside this checkout");
        return;
    };
    let workspace = run_all(&photos);
    let clusters = workspace.read_json("clusters/manifest.json");
    let expected = BTreeSet::from([
        sorted([
            "biden.jpg",
            "train__biden__biden.jpg",
            "train__biden__biden2.jpg",
            "two_people.jpg",
            "test__obama_and_biden.jpg",
        ]),
        sorted([
            "obama.jpg",
            "obama2.jpg",
            "obama-1080p.jpg",
            "test__obama1.jpg",
            "train__obama__obama.jpg",
            "train__obama__obama2.jpg",
            "two_people.jpg",
            "test__obama_and_biden.jpg",
        ]),
        sorted(["alex-lacamoire.png", "test__alex_lacamoire1.jpg", "train__alex_lacamoire__img1.jpg"]),
        sorted([
            "train__kit_harington__john1.jpeg",
            "train__kit_harington__john2.jpeg",
            "test__johnsnow_test1.jpg",
            "test__kit_with_rose.jpg",
        ]),
        sorted(["train__rose_leslie__img1.jpg", "train__rose_leslie__img2.jpg", "test__kit_with_rose.jpg"]),
    ]);
    assert_eq!(sets_of(&clusters, "persons"), expected);
    let mut singletons: Vec<String> = array(&clusters["singletons"]).iter().map(file_name).collect();
    singletons.sort();
    assert_eq!(singletons.len(), 2);
    assert!(singletons.contains(&"lin-manuel-miranda.png".to_owned()), "{singletons:?}");

    let refined = workspace.read_json("refined/manifest.json");
    assert_eq!(array(&refined["facesets"]).len(), 5);
    let rose = dropped(&refined, "test__kit_with_rose.jpg");
    assert_eq!(rose["reason"]["gate"], "short_side");
    assert!((rose["reason"]["pixels"].as_f64().unwrap() - 74.7).abs() < 0.1, "{rose}");

    let kit = array(&workspace.read_json("ready/manifest.json")["facesets"])
        .iter()
        .map(|set| workspace.read_json(format!("ready/{}/manifest.json", set["name"].as_str().unwrap())))
        .flat_map(|set| array(&set["dropped"]).clone())
        .find(|face| file_name(face) == "test__kit_with_rose.jpg")
        .expect("Kit's face beside Rose is too small for the export");
    assert_eq!(kit["reason"]["gate"], "short_side");
    assert_eq!(kit["reason"]["min"], 100.0);
    every_crop_has_one_face(&workspace);
    every_bundle_holds_its_crops(&workspace);

    let again = workspace.json(["refine", "again", "--min-faces", "2", "--min-blur", "0"]);
    assert!(!array(&again["dropped"]).is_empty(), "{again}");
    let said = workspace.ok(["export-swap", "refined", "third", "--no-certificate"]).stdout;
    assert!(said.contains("test__kit_with_rose.jpg") && said.contains("short side 94"), "{said}");
}

fn dropped(manifest: &Value, name: &str) -> Value {
    array(&manifest["dropped"])
        .iter()
        .find(|face| file_name(face) == name)
        .unwrap_or_else(|| panic!("{name} is not dropped"))
        .clone()
}

#[test]
fn the_same_library_gives_the_same_bytes_again() {
    let workspace = run_all(&setup::photos());
    workspace.ok(["export-swap", "refined", "ready-again"]);
    for crop in crops(&workspace.join("ready")) {
        let again = workspace.join("ready-again").join(crop.strip_prefix(workspace.join("ready")).unwrap());
        assert_eq!(fs::read(&crop).unwrap(), fs::read(&again).unwrap(), "{}", crop.display());
    }
    let manifest = |folder: &str| fs::read(workspace.join(folder).join("manifest.json")).unwrap();
    assert_eq!(manifest("ready"), manifest("ready-again"));
}

#[test]
fn an_output_that_is_there_is_refused_or_moved_aside() {
    let workspace = Workspace::new();
    workspace.ok([Path::new("embed"), &setup::photos().join("2015")]);
    workspace.ok(["cluster", "out"]);
    let refused = workspace.run(["cluster", "out"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["exists and is not empty", "hint: pass `--replace`"]);
    workspace.ok(["cluster", "out", "--replace"]);
    assert!(workspace.join("out.previous-1/manifest.json").is_file());
}

#[test]
fn a_photo_has_one_path_however_its_folder_is_named() {
    let workspace = Workspace::new();
    let photos = workspace.join("a/photos");
    fs::create_dir_all(&photos).unwrap();
    fs::copy(setup::photos().join("2009/portraits/biden.jpg"), photos.join("p.jpg")).unwrap();
    std::os::unix::fs::symlink(&photos, workspace.join("link")).unwrap();
    for name in ["a/photos", "a/../a/photos", "link"] {
        let summary = workspace.json(["embed", name]);
        assert_eq!((&summary["files"], &summary["aliases"]), (&1.into(), &0.into()), "{name}: {summary}");
    }
    fs::remove_file(photos.join("p.jpg")).unwrap();
    let run = workspace.run(["cluster", "out", "--json"]);
    let summary = run.json();
    assert_eq!(run.code, Some(1), "{run}");
    assert_eq!((&summary["vanished"], &summary["failed"]), (&1.into(), &0.into()), "{summary}");
}
