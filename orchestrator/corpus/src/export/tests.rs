//! Exports of painted photos, looked at by an examiner that knows colours instead of faces.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::PathBuf,
};

use facesets_base::{layout::FACES, location::Location, monitor::Silent};
use facesets_core::{BBox, EMBEDDING_LEN, FaceEmbedding, GenderAge, Sha256Digest};
use facesets_people::{
    consent::Demand,
    drops::{DropReason, Gate},
    gallery::{Content, FaceDetails, Gallery, GalleryFace},
    pins::ResolvedPins,
    view::View,
};
use image::{Rgb, RgbImage};
use ndarray::Array2;
use tokio_util::sync::CancellationToken;

use super::{
    ExportParameters,
    collapse::DuplicateSimilarity,
    formats::{Extras, Format, kind::W600K_R50},
    manifest::FacesetManifest,
    plan, png,
    render::{Rendered, render},
    renderer::{Certify, Losses, RenderError, Renderer},
};
use crate::{
    certificate::{
        Certificate, DET_SIZES, Examine, ExamineError, GenderAgeRecord, NotEstimated, Reading, Readings,
        Seen, Skipped,
    },
    manifest,
};

/// Found when there is enough around it.
const SHY: Rgb<u8> = Rgb([200, 0, 0]);
/// Always two.
const TWIN: Rgb<u8> = Rgb([0, 200, 0]);
/// Found, but like nobody.
const STRANGER: Rgb<u8> = Rgb([0, 0, 200]);
/// No worker can look at it.
const UNREADABLE: Rgb<u8> = Rgb([200, 200, 0]);

/// The part of a crop that a shy face may fill.
const MOST_OF_A_CROP: f32 = 0.3;

struct Colours;

impl Examine for Colours {
    fn contract(&self) -> String {
        "face/test".to_owned()
    }

    fn gender_age(&self) -> Result<String, NotEstimated> {
        Ok("gender-age/test".to_owned())
    }

    fn examine(&self, crops: &BTreeMap<Sha256Digest, PathBuf>) -> Result<Readings, ExamineError> {
        let look = |(sha256, path): (&Sha256Digest, &PathBuf)| {
            assert_eq!(Sha256Digest::of(&fs::read(path).unwrap()), *sha256);
            (*sha256, reading(&image::open(path).unwrap().to_rgb8()))
        };
        Ok(crops.iter().map(look).collect())
    }
}

fn reading(crop: &RgbImage) -> Result<Reading, String> {
    let colour = *crop.get_pixel(crop.width() / 2, crop.height() / 2);
    let near = |pixel: &&Rgb<u8>| pixel.0.iter().zip(colour.0).all(|(a, b)| a.abs_diff(b) < 40);
    let part = crop.pixels().filter(near).count() as f32 / crop.pixels().len() as f32;
    let is = |wanted: Rgb<u8>| wanted.0.iter().zip(colour.0).all(|(a, b)| a.abs_diff(b) < 40);
    if is(UNREADABLE) {
        return Err("the device caught fire".to_owned());
    }
    let faces = if is(TWIN) { 2 } else { usize::from(part < MOST_OF_A_CROP) };
    let embedding = FaceEmbedding::from_raw(&direction(usize::from(is(STRANGER)))).unwrap();
    let seen = DET_SIZES.map(|det_size| Seen { det_size, faces }).to_vec();
    // As many years as the number of the photo, which is painted behind the face.
    let years = f32::from(crop.get_pixel(0, 0)[2]);
    let estimate = GenderAge { female: 0.0, male: 1.0, age: years / 100.0 };
    Ok(Reading { seen, embeddings: vec![embedding; faces], gender_age: vec![estimate; faces] })
}

fn direction(axis: usize) -> Vec<f32> {
    let mut values = vec![0.0; EMBEDDING_LEN];
    values[axis] = 1.0;
    values
}

/// A photo of each colour with a face of 100 pixels in its middle, the first one the best.
fn painted(folder: &tempfile::TempDir, colours: &[Rgb<u8>]) -> Gallery {
    let mut gallery = Gallery {
        // The one whose vectors every format may hold.
        contract: format!("face/v1/det={W600K_R50}/rec={W600K_R50}/size=640"),
        contents: Vec::new(),
        faces: Vec::new(),
        embeddings: Array2::zeros((colours.len(), EMBEDDING_LEN)),
        absent: facesets_people::gallery::Absent::default(),
    };
    gallery.embeddings.column_mut(0).fill(1.0);
    for (number, colour) in colours.iter().enumerate() {
        let photo = RgbImage::from_fn(600, 600, |x, y| {
            if (250..350).contains(&x) && (250..350).contains(&y) {
                *colour
            } else {
                Rgb([90, 90, number as u8])
            }
        });
        let bytes = png::encode(&photo);
        let path = folder.path().join(format!("{number}.png"));
        fs::write(&path, &bytes).unwrap();
        gallery.contents.push(Content {
            sha256: Sha256Digest::of(&bytes),
            locations: vec![Location::file(path)],
            width: 600,
            height: 600,
            bytes: 1000,
            capture_year: None,
        });
        gallery.faces.push(GalleryFace {
            content: number,
            number: 0,
            bbox: BBox::new([250.0, 250.0, 350.0, 350.0]).unwrap(),
            det_score: 0.9 - 0.1 * number as f32,
            norm: 20.0,
            blur: 100.0,
            landmarks_68: Vec::new(),
            roll: None,
            pose: None,
        });
    }
    gallery
}

/// Painted photos look alike, so duplicates are kept.
fn export(gallery: &Gallery, out: &tempfile::TempDir, certify: Certify<'_>, pad_ratio: f32) -> Rendered {
    let duplicate_similarity = DuplicateSimilarity::OFF;
    let parameters =
        ExportParameters { pad_ratio, out_size: 64, duplicate_similarity, ..ExportParameters::default() };
    export_with(gallery, out, certify, parameters)
}

fn export_with(
    gallery: &Gallery,
    out: &tempfile::TempDir,
    certify: Certify<'_>,
    parameters: ExportParameters,
) -> Rendered {
    try_export(gallery, out, certify, parameters).unwrap()
}

fn try_export(
    gallery: &Gallery,
    out: &tempfile::TempDir,
    certify: Certify<'_>,
    parameters: ExportParameters,
) -> Result<Rendered, RenderError> {
    let set = plan(
        gallery,
        "faceset_001",
        (0..gallery.faces.len()).collect(),
        &parameters,
        &ResolvedPins::default(),
    );
    let stop = CancellationToken::new();
    let formats = Format::ALL.iter().copied().collect();
    let details = FaceDetails { keypoints: [[1.0, 2.0]; 5], landmarks_106: Vec::new() };
    let details = (0..gallery.faces.len()).map(|face| (face, details.clone())).collect();
    let extras = Extras { details };
    let view = View::new(gallery.clone(), ResolvedPins::default(), &[]);
    let renderer = Renderer {
        view: &view,
        parameters: &parameters,
        certify,
        demand: Demand::default(),
        formats: &formats,
        extras: &extras,
        monitor: &Silent,
        stop: &stop,
    };
    render(&renderer, &[set], out.path())
}

fn folders() -> (tempfile::TempDir, tempfile::TempDir) {
    (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap())
}

#[test]
fn what_fails_is_cut_wider_or_left_out_with_its_reason_and_ranks_close_up() {
    let (photos, out) = folders();
    let gallery = painted(&photos, &[TWIN, SHY, STRANGER, UNREADABLE, SHY]);
    let rendered = export(&gallery, &out, Certify::By(&Colours, Losses::Accept), 0.0);
    assert_eq!((rendered.failed, rendered.sets.len(), rendered.gaps.len()), (1, 1, 0));
    let set: FacesetManifest = manifest::read(&out.path().join("faceset_001")).unwrap();
    let sources: Vec<_> = set.faces.iter().map(|face| face.source.rsplit('/').next().unwrap()).collect();
    assert_eq!(sources, ["1.png", "4.png"]);
    assert!(set.faces.iter().all(|face| (face.pad_ratio - 0.7).abs() < 1e-6), "{:?}", set.faces);
    let files: Vec<_> = set.faces.iter().map(|face| face.file.as_str()).collect();
    assert_eq!(files, ["faces/0001.png", "faces/0002.png"]);
    assert_eq!(fs::read_dir(out.path().join("faceset_001").join(FACES)).unwrap().count(), 2);
    let gates: Vec<Gate> = set.dropped.iter().map(|drop| drop.reason.gate()).collect();
    // A crop that nobody can look at failed, and is told of as well.
    assert_eq!(gates, [Gate::NotOneFace, Gate::UnlikeInCrop, Gate::NoCrop]);
    assert_eq!(set.faces.len() + set.dropped.len(), 5);
    assert_eq!(set.certificate, Certificate::passed());
    assert_eq!(set.bundles[0].effective_identity_cosine, Some(1.0));
    let png = Sha256Digest::of(&fs::read(out.path().join("faceset_001/faces/0001.png")).unwrap());
    assert_eq!(set.faces[0].png_sha256, Some(png.to_string()));
    assert_eq!(set.bundles.iter().map(|bundle| bundle.crops.len()).collect::<Vec<_>>(), [2, 2, 2]);
    assert_eq!(set.formats.len(), 6);
    // Of the crops that are handed out, and no others: 1 and 4.
    assert_eq!(set.gender_age.as_ref().and_then(GenderAgeRecord::numbers), Some((1, 2)));
    #[cfg(feature = "parquet")]
    {
        let table = File::open(out.path().join("faceset_001/crops.parquet")).unwrap();
        let table = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(table).unwrap();
        let arrow_schema::DataType::FixedSizeList(value, len) =
            table.schema().field_with_name("embedding").unwrap().data_type()
        else {
            panic!("{:?}", table.schema())
        };
        assert_eq!((value.data_type(), *len as usize), (&arrow_schema::DataType::Float32, EMBEDDING_LEN));
        assert_eq!(table.metadata().file_metadata().num_rows(), 2);
    }
    let best = fs::read(out.path().join("faceset_001/best.png")).unwrap();
    assert_eq!(best, fs::read(out.path().join("faceset_001/faces/0001.png")).unwrap());
    for bundle in &set.bundles {
        let path = out.path().join("faceset_001").join(&bundle.file);
        let (sha256, _) = Sha256Digest::of_reader(File::open(path).unwrap()).unwrap();
        assert_eq!(bundle.sha256, sha256.to_string());
    }
}

#[test]
fn of_crops_that_show_the_same_the_best_one_stands_and_the_next_where_it_does_not_pass() {
    let parameters = ExportParameters { out_size: 64, ..ExportParameters::default() };
    for (certify, stands, gates) in [
        (
            Certify::Skip(Skipped::NotWanted),
            "0.png",
            [Gate::VisualDuplicate, Gate::VisualDuplicate].as_slice(),
        ),
        (Certify::By(&Colours, Losses::RefuseMost), "1.png", &[Gate::UnlikeInCrop, Gate::VisualDuplicate]),
    ] {
        let (photos, out) = folders();
        let gallery = painted(&photos, &[STRANGER, SHY, SHY]);
        let rendered = export_with(&gallery, &out, certify, parameters);
        assert_eq!(rendered.failed, 0);
        let set: FacesetManifest = manifest::read(&out.path().join("faceset_001")).unwrap();
        let [face] = &set.faces[..] else { panic!("{:?}", set.faces) };
        assert!(face.source.ends_with(stands), "{}", face.source);
        let found: Vec<Gate> = set.dropped.iter().map(|drop| drop.reason.gate()).collect();
        assert_eq!(found, gates);
        let Some(DropReason::VisualDuplicate { path, sha256, similarity, different_bits, .. }) =
            set.dropped.last().map(|drop| &drop.reason)
        else {
            panic!("{:?}", set.dropped)
        };
        assert_eq!((path, sha256), (&face.source, &face.sha256), "the crop that is kept is named");
        assert!(*similarity > 0.99 && *different_bits == 0);
        assert_eq!(fs::read_dir(out.path().join("faceset_001").join(FACES)).unwrap().count(), 1);
    }
}

#[test]
fn a_set_of_which_nothing_passes_is_a_gap_with_its_reasons() {
    let (photos, out) = folders();
    let gallery = painted(&photos, &[TWIN, TWIN]);
    let rendered = export(&gallery, &out, Certify::By(&Colours, Losses::RefuseMost), 0.5);
    assert!(rendered.sets.is_empty() && rendered.failed == 0);
    assert_eq!(rendered.gaps[0].dropped.len(), 2);
    assert!(!out.path().join("faceset_001").exists());
}

#[test]
fn where_most_crops_do_not_pass_it_is_who_looked_that_is_doubted_unless_the_losses_are_accepted() {
    let parameters = ExportParameters {
        pad_ratio: 0.5,
        out_size: 64,
        duplicate_similarity: DuplicateSimilarity::OFF,
        ..ExportParameters::default()
    };
    let most = Certify::By(&Colours, Losses::RefuseMost);
    for colours in [[TWIN; 4].as_slice(), &[UNREADABLE; 3], &[UNREADABLE], &[SHY, TWIN, STRANGER, TWIN, SHY]]
    {
        let (photos, out) = folders();
        let gallery = painted(&photos, colours);
        let error = try_export(&gallery, &out, most, parameters).unwrap_err();
        let good = colours.iter().filter(|colour| **colour == SHY).count();
        let RenderError::MostLost { lost, seen, sets, .. } = &error else { panic!("{error}") };
        assert_eq!((*lost, *seen), (colours.len() - good, colours.len()));
        assert_eq!(sets.is_empty(), good > 0, "{error}");
    }
    let (photos, out) = folders();
    let gallery = painted(&photos, &[SHY, TWIN, STRANGER, TWIN, SHY]);
    let accepted = Certify::By(&Colours, Losses::Accept);
    assert_eq!(try_export(&gallery, &out, accepted, parameters).unwrap().sets[0].faces.len(), 2);
    // Half of them, or fewer than three, prove nothing.
    for colours in [[TWIN, SHY, STRANGER, TWIN, SHY, SHY].as_slice(), &[TWIN, TWIN]] {
        let (photos, out) = folders();
        try_export(&painted(&photos, colours), &out, most, parameters).unwrap();
    }
}

#[test]
fn a_face_whose_box_shows_nothing_of_its_photo_has_no_crop_and_is_named() {
    let (photos, out) = folders();
    let mut gallery = painted(&photos, &[SHY, SHY]);
    gallery.faces[0].bbox = BBox::new([700.0, 250.0, 800.0, 350.0]).unwrap();
    let rendered = export(&gallery, &out, Certify::Skip(Skipped::NotWanted), 0.5);
    assert_eq!((rendered.failed, rendered.sets[0].faces.len()), (1, 1));
    let [dropped] = &rendered.dropped[..] else { panic!("{rendered:?}") };
    let DropReason::NoCrop { why } = &dropped.reason else { panic!("{dropped:?}") };
    assert!(
        why.contains("shows nothing of its photo of 600 × 600 pixels") && why.contains("store verify"),
        "{why}"
    );
}

#[test]
fn without_an_examiner_everything_is_kept_and_the_manifest_says_that_nobody_looked() {
    let (photos, out) = folders();
    let gallery = painted(&photos, &[TWIN, SHY, STRANGER]);
    let rendered = export(&gallery, &out, Certify::Skip(Skipped::NotWanted), 0.0);
    let set: FacesetManifest = manifest::read(&out.path().join("faceset_001")).unwrap();
    assert_eq!((set.faces.len(), set.dropped.len()), (3, 0));
    assert_eq!(set.certificate, Certificate::Skipped { reason: Skipped::NotWanted });
    let nobody = GenderAgeRecord::NotEstimated { reason: NotEstimated::NotAsked };
    assert_eq!(set.gender_age, Some(nobody));
    assert_eq!((rendered.lowest_cosine, rendered.sets[0].certificate.is_passed()), (None, false));
}
