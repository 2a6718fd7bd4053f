//! Bundles as their consumers see them: what is exported passes, what would poison a set is caught and named.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use facesets_tests::{
    program::{Run, Workspace},
    setup,
};
use image::{DynamicImage, ImageFormat, RgbImage, imageops};
use serde_json::{Value, json};
use zip::{ZipWriter, write::SimpleFileOptions};

/// Photos, refined with the gates that so few of them need.
pub(crate) fn refined(photos: &Path) -> Workspace {
    refined_in(Workspace::new(), photos)
}

/// The same in a workspace of one's own.
pub(crate) fn refined_in(workspace: Workspace, photos: &Path) -> Workspace {
    workspace.ok([Path::new("embed"), photos]);
    workspace.ok(["refine", "refined", "--min-faces", "2", "--min-blur", "0"]);
    workspace
}

pub(crate) fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}"))
}

/// Manifests of all sets of a corpus.
pub(crate) fn sets(workspace: &Workspace, corpus: &str) -> Vec<Value> {
    let manifest = workspace.read_json(format!("{corpus}/manifest.json"));
    let name = |set: &Value| set["name"].as_str().expect("a set has a name").to_owned();
    let read = |set| workspace.read_json(format!("{corpus}/{}/manifest.json", name(set)));
    list(&manifest["facesets"]).iter().map(read).collect()
}

/// Every file below a folder with its bytes.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.unwrap().into_path());
    let bytes = |path: PathBuf| {
        let relative = path.strip_prefix(folder).unwrap().to_owned();
        (relative, fs::read(&path).unwrap())
    };
    files.filter(|path| path.is_file()).map(bytes).collect()
}

/// Demands that every manifest of a corpus is as its published schema says.
pub(crate) fn follows_its_schemas(workspace: &Workspace, corpus: &str) {
    let schema = |name: &str| {
        let path = setup::repository().join("orchestrator/schema").join(name);
        let schema: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        jsonschema::validator_for(&schema).expect("a schema")
    };
    let demand = |validator: &jsonschema::Validator, manifest: &Value| {
        let errors: Vec<String> = validator
            .iter_errors(manifest)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{corpus}: {errors:?}");
    };
    let (corpora, facesets) = (schema("corpus-1.schema.json"), schema("faceset-1.schema.json"));
    let manifest = workspace.read_json(format!("{corpus}/manifest.json"));
    demand(&corpora, &manifest);
    for set in sets(workspace, corpus) {
        demand(&facesets, &set);
        assert!(!corpora.is_valid(&set), "schemas tell one from the other");
        let mut other = set.clone();
        other["schema"] = json!("facesets.faceset/2");
        assert!(!facesets.is_valid(&other));
        let mut other = set;
        other["faces"][0]["sha256"] = json!("x");
        assert!(!facesets.is_valid(&other));
    }
}

fn as_json(workspace: &Workspace, args: &[&str]) -> Run {
    workspace.command(args.iter().chain(&["--json"])).output().expect("facesets can be started").into()
}

#[test]
fn every_bundle_of_the_sample_photos_is_certified_whenever_and_with_however_many_threads_it_is_made() {
    let photos = tempfile::tempdir().unwrap();
    for entry in walkdir::WalkDir::new(setup::photos()) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            let to = photos.path().join(entry.path().strip_prefix(setup::photos()).unwrap());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(entry.path(), to).unwrap();
        }
    }
    let workspace = refined(photos.path());
    let one = workspace
        .command(["export-swap", "refined", "ready", "--json", "--lanes", "1"])
        .env("RAYON_NUM_THREADS", "1")
        .output()
        .unwrap();
    let one = Run::from(one);
    assert_eq!(one.code, Some(0), "{one}");
    let said = one.json();
    assert_eq!(said["certified"], said["facesets"], "{said}");
    assert!(
        said["facesets"].as_u64() >= Some(9) && said["lowest_effective_identity_cosine"].as_f64() > Some(0.8),
        "{said}"
    );

    // Another day: photos, library and outputs have other times then.
    let later = std::time::SystemTime::now() - std::time::Duration::from_hours(5000);
    for folder in [photos.path(), &workspace.join("library"), &workspace.join("refined")] {
        for entry in walkdir::WalkDir::new(folder) {
            let entry = entry.unwrap();
            if entry.file_type().is_file() {
                File::options().append(true).open(entry.path()).unwrap().set_modified(later).unwrap();
            }
        }
    }
    let many = workspace
        .command(["export-swap", "refined", "again", "--lanes", "3"])
        .env("RAYON_NUM_THREADS", "5")
        .env("TZ", "Pacific/Auckland")
        .output()
        .unwrap();
    let many = Run::from(many);
    assert_eq!(many.code, Some(0), "{many}");
    assert!(many.stdout.contains("certified 9"), "{many}");
    assert_eq!(tree(&workspace.join("ready")), tree(&workspace.join("again")));

    let certified = as_json(&workspace, &["certify", "ready"]);
    assert_eq!(certified.code, Some(0), "{certified}");
    let inspected = certified.json();
    assert_eq!(inspected["findings"], 0);
    for set in sets(&workspace, "ready") {
        assert_eq!(
            set["certificate"],
            json!({"state": "passed", "det_sizes": [640, 320], "det_threshold": 0.5})
        );
        assert_eq!(list(&set["bundles"]).len(), 3);
        for bundle in list(&set["bundles"]) {
            let path = workspace
                .join("ready")
                .join(set["name"].as_str().unwrap())
                .join(bundle["file"].as_str().unwrap());
            let of_path = |inspected: &&Value| {
                Path::new(inspected["path"].as_str().unwrap())
                    .ends_with(path.strip_prefix(workspace.path()).unwrap())
            };
            let inspected =
                list(&inspected["inspected"]).iter().find(of_path).expect("every bundle is inspected");
            assert_eq!(
                inspected["effective_identity_cosine"], bundle["effective_identity_cosine"],
                "{inspected}"
            );
            assert_eq!(inspected["crops"], list(&bundle["crops"]).len(), "{inspected}");
        }
    }
    workspace.ok(["verify", "ready"]);
    follows_its_schemas(&workspace, "ready");
}

/// A bundle of these images.
fn bundle(path: &Path, images: &[RgbImage]) {
    let mut zip = ZipWriter::new(File::create(path).unwrap());
    for (number, image) in images.iter().enumerate() {
        let mut bytes = std::io::Cursor::new(Vec::new());
        DynamicImage::from(image.clone()).write_to(&mut bytes, ImageFormat::Png).unwrap();
        zip.start_file(format!("{:04}.png", number + 1), SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes.get_ref()).unwrap();
    }
    zip.finish().unwrap();
}

/// Shows the face of a crop twice, side by side.
pub(crate) fn plant_a_second_face(crop: &Path) {
    let one = image::open(crop).unwrap().to_rgb8();
    twice(&one).save(crop).unwrap();
}

fn twice(crop: &RgbImage) -> RgbImage {
    let mut two = RgbImage::new(512, 512);
    for x in [0, 256] {
        imageops::replace(&mut two, &resized(crop, 256, 256), x, 128);
    }
    two
}

fn resized(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    imageops::resize(image, width, height, imageops::FilterType::CatmullRom)
}

#[test]
fn a_second_face_a_face_that_fills_the_frame_and_no_face_are_each_caught_and_named() {
    let workspace = refined(&setup::photos());
    workspace.ok(["export-swap", "refined", "ready", "--no-certificate"]);
    let crop = image::open(workspace.join("ready/faceset_001/faces/0001.png")).unwrap().to_rgb8();
    let two = twice(&crop);
    let filling = resized(&imageops::crop_imm(&crop, 206, 196, 100, 100).to_image(), 512, 512);
    let coffee = walkdir::WalkDir::new(setup::photos())
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .find(|path| path.ends_with("coffee.png"))
        .expect("the sample has a photo without a face");
    let faceless = resized(&image::open(coffee).unwrap().to_rgb8(), 512, 512);
    let small = resized(&crop, 500, 500);
    bundle(&workspace.join("planted.fsz"), &[crop, two, filling, faceless, small]);

    let run = as_json(&workspace, &["certify", "planted.fsz"]);
    assert_eq!(run.code, Some(1), "{run}");
    let inspected = run.json();
    let findings: BTreeMap<&str, &str> = list(&inspected["inspected"][0]["findings"])
        .iter()
        .map(|finding| (finding["what"].as_str().unwrap(), finding["problem"].as_str().unwrap()))
        .collect();
    assert!(findings["0002.png"].contains("2 faces at detector size"), "{findings:?}");
    assert!(findings["0003.png"].contains("no face at detector size 640"), "{findings:?}");
    assert!(findings["0004.png"].contains("no face at detector size 640"), "{findings:?}");
    assert!(findings["0005.png"].contains("500 × 500"), "{findings:?}");
    assert_eq!(findings.len(), 4, "{findings:?}");
    let said = workspace.run(["certify", "planted.fsz"]);
    assert!(said.stdout.contains("planted.fsz: 0002.png shows 2 faces at detector size"), "{said}");
}

#[test]
fn crops_too_narrow_for_the_worker_are_cut_again_with_more_padding() {
    let workspace = refined(&setup::photos());
    workspace.ok(["export-swap", "refined", "narrow", "--pad-ratio", "0", "--no-certificate"]);
    let cosines = |run: &Run| -> Vec<f64> {
        list(&run.json()["inspected"])
            .iter()
            .map(|i| i["effective_identity_cosine"].as_f64().unwrap())
            .collect()
    };
    let lowest = |run: &Run| cosines(run).into_iter().fold(1.0, f64::min);
    let before = as_json(&workspace, &["certify", "narrow"]);
    workspace.ok(["export-swap", "refined", "ready", "--pad-ratio", "0"]);
    let after = as_json(&workspace, &["certify", "ready"]);
    assert_eq!(after.code, Some(0), "{after}");
    assert!(lowest(&after) > lowest(&before) + 0.1, "{before}\n{after}");
    let (mut wider, mut left_out) = (0, 0);
    for set in sets(&workspace, "ready") {
        wider += list(&set["faces"]).iter().filter(|face| face["pad_ratio"].as_f64() > Some(0.1)).count();
        left_out += list(&set["dropped"])
            .iter()
            .filter(|drop| {
                ["not_one_face", "unlike_in_crop"].iter().any(|gate| drop["reason"]["gate"] == *gate)
            })
            .count();
        for (number, face) in list(&set["faces"]).iter().enumerate() {
            assert_eq!(face["file"], format!("faces/{:04}.png", number + 1), "ranks close up");
        }
    }
    assert!(wider + left_out > 0);
    follows_its_schemas(&workspace, "ready");
    workspace.ok(["verify", "ready"]);
}

#[test]
fn an_export_that_nobody_can_look_at_is_refused_and_one_that_nobody_shall_look_at_says_so() {
    let workspace = refined(&setup::photos().join("2009"));
    let alone = ["export-swap", "refined", "ready", "--worker", "http://127.0.0.1:9"];
    let refused = workspace.run(alone);
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["nobody can look at the crops", "`--no-certificate`", "`facesets worker test`"]);
    let left = fs::read_dir(workspace.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains("ready")).collect();
    assert!(left.is_empty(), "{left:?}");

    workspace.ok(["export-swap", "refined", "unseen", "--no-certificate", "--format", "best"]);
    let before = tree(&workspace.join("unseen"));
    let refused =
        workspace.run(["export-swap", "refined", "unseen", "--replace", "--worker-binary", "nowhere"]);
    assert_eq!((refused.code, tree(&workspace.join("unseen")) == before), (Some(2), true), "{refused}");
    for set in sets(&workspace, "unseen") {
        assert_eq!(set["certificate"], json!({"state": "skipped", "reason": "not_wanted"}));
        assert_eq!(set["bundles"][0]["effective_identity_cosine"], Value::Null);
    }
    workspace.ok(["verify", "unseen"]);
    follows_its_schemas(&workspace, "unseen");
    let nothing = workspace.run(["certify", "library"]);
    assert_eq!(nothing.code, Some(2), "{nothing}");
    nothing.says(&["there is no bundle and no PNG", "hint:"]);

    // Whatever is handed out is fit for use, by itself and wherever somebody has copied it.
    fs::create_dir(workspace.join("mine")).unwrap();
    fs::copy(workspace.join("unseen/faceset_001/best.png"), workspace.join("mine/anna.png")).unwrap();
    let all =
        ["unseen", "unseen/faceset_001", "unseen/faceset_001/best.png", "unseen/faceset_001/faces", "mine"];
    let inspected = as_json(&workspace, &[&["certify"], &all[..]].concat());
    assert_eq!(inspected.code, Some(0), "{inspected}");
    let inspected = inspected.json();
    let paths = list(&inspected["inspected"]).iter().map(|inspected| inspected["path"].as_str().unwrap());
    assert_eq!(paths.filter(|path| path.ends_with("faceset_001/best.png")).count(), 3, "{inspected}");
}

#[test]
fn a_worker_that_sees_no_face_in_anything_empties_no_corpus_and_one_that_lies_about_photos_fills_no_library()
{
    let photos = setup::photos().join("2009");
    let workspace = refined(&photos);
    workspace.ok(["export-swap", "refined", "ready", "--no-certificate"]);
    let before = tree(&workspace.join("ready"));
    let contract = workspace.read_json("refined/manifest.json")["contract"].as_str().unwrap().to_owned();
    let blind = |args: &[&str]| {
        let mut command = workspace.command(args);
        command.env("FAKE_WORKER", format!("blind={contract}"));
        command.env("FACESETS_WORKER_BINARY", setup::program("facesets-fake-worker"));
        Run::from(command.output().unwrap())
    };
    let run = blind(&["export-swap", "refined", "ready", "--replace"]);
    assert_eq!(run.code, Some(2), "{run}");
    run.says(&["crops do not pass", "nothing would be left of faceset_001", "`--accept-losses`"]);
    assert!(tree(&workspace.join("ready")) == before, "the earlier corpus stays as it is");
    let run = blind(&["export-swap", "refined", "empty", "--accept-losses"]);
    assert_eq!((run.code, sets(&workspace, "empty").len()), (Some(0), 0), "{run}");

    // To the other fake worker, every photo has 640 × 480 pixels.
    let other = Workspace::new();
    let run = other
        .command(["embed", setup::photos().to_str().unwrap()])
        .env("FAKE_WORKER", "")
        .env("FACESETS_WORKER_BINARY", setup::program("facesets-fake-worker"))
        .output()
        .unwrap();
    let run = Run::from(run);
    assert_eq!(run.code, Some(2), "{run}");
    run.says(&["and is said to have 640 × 480", "hint:"]);
    assert!(!other.dump().contains("\"analysis\""), "nothing of it is stored");
}
