//! Constructed galleries: people are axes, noise is an angle.

use facesets_base::location::Location;
use facesets_core::{BBox, Sha256Digest};
use ndarray::Array2;
use proptest::prelude::*;

use super::*;
use crate::{
    drops::Gate,
    gallery::{Content, GalleryFace},
};

/// A face of person `axis`, `tilt` radians away from it towards an axis of its own, in a photo of its own.
struct Sketch {
    axis: usize,
    tilt: f32,
    short: f32,
    blur: f32,
    det_score: f32,
}

impl Sketch {
    fn of(axis: usize) -> Self {
        Self { axis, tilt: 0.0, short: 200.0, blur: 100.0, det_score: 0.9 }
    }
}

fn gallery(sketches: &[Sketch]) -> Gallery {
    let people = 1 + sketches.iter().map(|s| s.axis).max().unwrap_or(0);
    let mut embeddings = Array2::zeros((sketches.len(), people + sketches.len()));
    for (i, sketch) in sketches.iter().enumerate() {
        embeddings[[i, sketch.axis]] = sketch.tilt.cos();
        embeddings[[i, people + i]] = sketch.tilt.sin();
    }
    Gallery {
        contract: "face/test".to_owned(),
        contents: (0..sketches.len())
            .map(|i| Content {
                sha256: Sha256Digest::of(&i.to_le_bytes()),
                locations: vec![Location::file(format!("/photos/{i:03}.jpg"))],
                width: 1000,
                height: 1000,
                bytes: 1000,
                capture_year: None,
            })
            .collect(),
        faces: sketches
            .iter()
            .enumerate()
            .map(|(content, sketch)| GalleryFace {
                content,
                number: 0,
                bbox: BBox::new([10.0, 10.0, 10.0 + sketch.short, 20.0 + sketch.short]).unwrap(),
                det_score: sketch.det_score,
                norm: 20.0,
                blur: sketch.blur,
                landmarks_68: Vec::new(),
                roll: None,
                pose: None,
            })
            .collect(),
        embeddings,
        absent: crate::gallery::Absent::default(),
    }
}

fn refined(sketches: &[Sketch], min_faces: usize) -> Refined {
    let parameters = RefineParameters { min_faces, ..RefineParameters::default() };
    refine(&gallery(sketches), &parameters, &Grouping::default()).unwrap()
}

#[test]
fn people_become_facesets_largest_first() {
    let sketches = [0, 1, 1, 0, 1].map(Sketch::of);
    assert_eq!(refined(&sketches, 2).facesets, [vec![1, 2, 4], vec![0, 3]]);
}

#[test]
fn each_gate_drops_what_is_below_its_default_and_keeps_what_is_on_it() {
    let mut sketches: Vec<Sketch> = (0..8).map(|_| Sketch::of(0)).collect();
    sketches[0].short = 89.9;
    sketches[1].short = 90.0;
    sketches[2].blur = 39.9;
    sketches[3].blur = 40.0;
    sketches[4].det_score = 0.59;
    sketches[5].det_score = 0.6;
    let refined = refined(&sketches, 1);
    assert_eq!(refined.facesets, [vec![1, 3, 5, 6, 7]]);
    let gates: Vec<_> = refined.dropped.iter().map(|drop| (drop.face, drop.reason.gate())).collect();
    assert_eq!(gates, [(0, Gate::ShortSide), (2, Gate::Blur), (4, Gate::DetScore)]);
}

#[test]
fn a_set_with_too_few_photos_is_dropped_face_by_face() {
    let sketches = [0, 0, 0, 1].map(Sketch::of);
    let refined = refined(&sketches, 3);
    assert_eq!(refined.facesets, [vec![0, 1, 2]]);
    assert_eq!(refined.dropped, [Drop { face: 3, reason: DropReason::TooFewImages { images: 1, min: 3 } }]);
}

#[test]
fn a_face_that_lies_is_gated_and_unites_nobody() {
    // The last one lies, and is as near to one person as to the other.
    let mut gallery = gallery(&[0, 0, 1, 1, 0].map(Sketch::of));
    gallery.embeddings[[4, 0]] = 0.5f32.sqrt();
    gallery.embeddings[[4, 1]] = 0.5f32.sqrt();
    gallery.faces[4].roll = Some(-100.0);
    let refined = |max_roll| {
        let gates = Gates { max_roll, ..Gates::default() };
        let parameters = RefineParameters { gates, min_faces: 2, ..RefineParameters::default() };
        refine(&gallery, &parameters, &Grouping::default()).unwrap()
    };
    let gated = refined(MAX_ROLL);
    assert_eq!(gated.facesets, [vec![0, 1], vec![2, 3]]);
    let reason = DropReason::OnItsSide { degrees: -100.0, max: MAX_ROLL };
    assert_eq!(gated.dropped, [Drop { face: 4, reason }]);
    assert!(refined(180.0).facesets.iter().any(|set| set.contains(&4)), "who wants it gets it");
    // What is too small in the first place says nothing of how it lies.
    gallery.faces[4].bbox = BBox::new([0.0, 0.0, 20.0, 20.0]).unwrap();
    assert_eq!(gate(&gallery, 4, &Gates::default()).unwrap().gate(), Gate::ShortSide);
    let mut dropped = Vec::new();
    assert_eq!(without_lying(&gallery, vec![0, 4], &Gates::default(), &mut dropped), [0]);
    assert_eq!(dropped[0].reason.gate(), Gate::ShortSide);
}

#[test]
fn groups_with_too_few_photos_are_told_by_size() {
    assert_eq!(refined(&[0, 1, 1, 0, 1, 2].map(Sketch::of), 4).thin, [3, 2, 1]);
    assert_eq!(refined(&[0, 1, 1, 0, 1, 2].map(Sketch::of), 2).thin, [1]);
}

#[test]
fn two_faces_of_one_photo_are_one_image() {
    let mut gallery = gallery(&[0, 0].map(Sketch::of));
    gallery.faces[1].content = 0;
    let parameters = RefineParameters { min_faces: 2, ..RefineParameters::default() };
    assert_eq!(
        refine(&gallery, &parameters, &Grouping::default()).unwrap().facesets,
        Vec::<Vec<usize>>::new()
    );
}

#[test]
fn outliers_go_only_where_there_are_faces_enough_to_tell() {
    // tilts towards axes of their own: cosine to the centroid is about cos(tilt)
    let mut sketches: Vec<Sketch> = (0..9).map(|_| Sketch::of(0)).collect();
    sketches[8].tilt = 1.3;
    let mut dropped = Vec::new();
    let gallery = gallery(&sketches);
    let parameters = RefineParameters::default();
    let kept = without_outliers(&gallery, (0..9).collect(), &parameters, &mut dropped);
    assert_eq!(kept, (0..8).collect::<Vec<_>>());
    assert_eq!(dropped[0].reason.gate(), Gate::Outlier);
    assert_eq!(without_outliers(&gallery, vec![0, 1, 8], &parameters, &mut dropped), [0, 1, 8]);
}

#[test]
fn nothing_in_gives_nothing_out() {
    assert_eq!(refined(&[], 1), Refined { facesets: vec![], dropped: vec![], thin: vec![] });
}

proptest! {
    #[test]
    fn every_face_is_in_exactly_one_set_or_drop(
        faces in prop::collection::vec((0usize..4, 0.0f32..1.3, 50.0f32..200.0, 0.0f32..90.0), 0..25), min_faces in 0usize..5,
    ) {
        let sketches: Vec<Sketch> = faces
            .into_iter()
            .map(|(axis, tilt, short, blur)| Sketch { axis, tilt, short, blur, det_score: 0.8 })
            .collect();
        let refined = refined(&sketches, min_faces);
        let mut seen: Vec<usize> = refined.facesets.iter().flatten().copied().collect();
        seen.extend(refined.dropped.iter().map(|drop| drop.face));
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..sketches.len()).collect::<Vec<_>>());
        prop_assert!(refined.facesets.iter().all(|set| set.len() >= min_faces.max(1)));
    }
}
