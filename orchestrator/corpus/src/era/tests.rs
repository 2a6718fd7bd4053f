//! Constructed people: one direction for the person, others for what the years made of them.

use std::{collections::BTreeSet, path::PathBuf};

use facesets_base::{layout::FACESET_SCHEMA, location::Location};
use facesets_core::Sha256Digest;
use facesets_people::{
    drops::{Drop, DropReason, Gate},
    gallery::Gallery,
    grouping::Grouping,
    pins::ResolvedPins,
    testing::gallery_of,
    threshold::CosineDistance,
    view::View,
};
use ndarray::Array2;
use proptest::prelude::*;

use super::*;
use crate::{
    certificate::Certificate,
    export::{
        ExportParameters,
        corpus::Corpus,
        manifest::{CorpusManifest, ExportedFace, FacesetManifest, Gap},
        origin::{Origin, OriginKind},
    },
    manifest::dropped_faces,
};

/// Directions in which faces may change.
const LOOKS: usize = 6;

/// A face: how it looks, how far it is from that, and when it was photographed.
#[derive(Debug, Clone, Copy)]
struct Sketch {
    /// Direction of change; looks are orthogonal.
    look: usize,
    /// Cosine distance from that direction, towards one of the face's own (or of `towards`).
    distance: f32,
    /// Another look to change towards.
    towards: Option<usize>,
    year: Option<u16>,
}

fn at(look: usize, distance: f32, year: impl Into<Option<u16>>) -> Sketch {
    Sketch { look, distance, towards: None, year: year.into() }
}

fn between(look: usize, towards: usize, distance: f32, year: impl Into<Option<u16>>) -> Sketch {
    Sketch { towards: Some(towards), ..at(look, distance, year) }
}

/// `count` equal faces, all that an era needs.
fn many(count: usize, sketch: Sketch) -> Vec<Sketch> {
    vec![sketch; count]
}

fn scene(sketches: &[Sketch]) -> (Gallery, Years) {
    let mut gallery = gallery_of(&vec![(0, 0.0); sketches.len()]);
    gallery.embeddings = Array2::zeros((sketches.len(), LOOKS + sketches.len()));
    for (row, sketch) in sketches.iter().enumerate() {
        let cosine = 1.0 - sketch.distance;
        gallery.embeddings[[row, sketch.look]] = cosine;
        let own = sketch.towards.unwrap_or(LOOKS + row);
        gallery.embeddings[[row, own]] = (1.0 - cosine * cosine).sqrt();
    }
    for (content, sketch) in gallery.contents.iter_mut().zip(sketches) {
        content.capture_year = sketch.year;
    }
    let years = Years::new(&gallery);
    (gallery, years)
}

fn all(gallery: &Gallery) -> Vec<usize> {
    (0..gallery.faces.len()).collect()
}

fn split_of(gallery: &Gallery, years: &Years) -> Split {
    let (parameters, join) = (SplitParameters::default(), JoinParameters::default());
    split(gallery, &all(gallery), years, &parameters, &join, &Grouping::default()).unwrap()
}

fn split_sketches(sketches: &[Sketch]) -> Split {
    let (gallery, years) = scene(sketches);
    split_of(&gallery, &years)
}

fn labels(split: &Split) -> Vec<&str> {
    split.anchors.iter().map(|bucket| bucket.label.as_str()).collect()
}

fn joined(bucket: &Bucket) -> Vec<usize> {
    bucket.joined.iter().map(|(face, _)| *face).collect()
}

fn surveyed(gallery: &Gallery, subject: &Subject) -> Survey {
    survey(gallery, subject, &SurveyParameters::default(), &ResolvedPins::default())
}

#[test]
fn faces_are_recovered_up_to_the_threshold_below_the_roots_and_from_nobody_else() {
    let mut sketches = many(20, at(0, 0.0, 2010));
    sketches.extend([at(0, 0.45, 2010), at(0, 0.551, 2010), at(0, 0.1, 2010), at(0, 0.1, 2010)]);
    sketches.push(at(0, 0.1, 2010));
    let (mut gallery, _) = scene(&sketches);
    gallery.contents[22].locations = vec![Location::file("/elsewhere/022.jpg")];
    let seed: Vec<usize> = (0..20).collect();
    let root = Subject::common_root(&gallery, &seed).unwrap();
    assert_eq!(root, PathBuf::from("/photos"));
    let mut subject = Subject { seed, roots: vec![root], ..Subject::default() };
    subject.others.insert(23);
    subject.excluded.extend([3, 24]);
    let found = surveyed(&gallery, &subject);
    let expected: Vec<usize> = (0..21).filter(|face| *face != 3).collect();
    assert_eq!((found.faces, found.recovered, found.dropped), (expected, 1, vec![]));

    subject.roots.push("/elsewhere".into());
    assert!(surveyed(&gallery, &subject).faces.contains(&22));
    for (distance, recovered) in [(0.549, true), (0.551, false)] {
        let parameters = SurveyParameters {
            tighten_threshold: CosineDistance::literal(2.0),
            ..SurveyParameters::default()
        };
        let mut sketches = many(20, at(0, 0.0, 2010));
        sketches.push(at(0, distance, 2010));
        let (gallery, _) = scene(&sketches);
        let found = survey(&gallery, &subject, &parameters, &ResolvedPins::default());
        assert_eq!(found.faces.contains(&20), recovered, "{distance}");
    }
}

#[test]
fn what_was_recovered_is_measured_again_from_its_own_centre() {
    let mut sketches = many(200, at(0, 0.0, 2010));
    sketches.extend([at(0, 0.49, 2010), at(0, 0.52, 2010)]);
    let (gallery, _) = scene(&sketches);
    let subject = Subject { seed: (0..200).collect(), roots: vec!["/".into()], ..Subject::default() };
    let found = surveyed(&gallery, &subject);
    assert!(found.faces.contains(&200) && !found.faces.contains(&201));
    assert_eq!(found.dropped.len(), 1);
    let Drop { face: 201, reason: DropReason::Outlier { distance, max } } = found.dropped[0] else {
        panic!("{:?}", found.dropped)
    };
    assert!(distance > max && (max - 0.50).abs() < 1e-6);
}

#[test]
fn each_gate_of_quality_counts_from_both_sides() {
    let (mut gallery, _) = scene(&many(12, at(0, 0.0, 2010)));
    for (face, short) in [(0, 89.9), (1, 90.0)] {
        gallery.faces[face].bbox.x2 = gallery.faces[face].bbox.x1 + short;
    }
    (gallery.faces[2].blur, gallery.faces[3].blur) = (39.9, 40.0);
    (gallery.faces[4].det_score, gallery.faces[5].det_score) = (0.59, 0.6);
    let subject = Subject { seed: all(&gallery), ..Subject::default() };
    let found = surveyed(&gallery, &subject);
    assert_eq!(found.faces, [1, 3, 5, 6, 7, 8, 9, 10, 11]);
    let gates: Vec<_> = found.dropped.iter().map(|drop| (drop.face, drop.reason.gate())).collect();
    assert_eq!(gates, [(0, Gate::ShortSide), (2, Gate::Blur), (4, Gate::DetScore)]);
}

#[test]
fn pins_keep_other_people_out() {
    let (gallery, _) = scene(&many(4, at(0, 0.1, 2010)));
    let subject = Subject { seed: vec![0, 1], roots: vec!["/".into()], ..Subject::default() };
    let mut pins = ResolvedPins::default();
    pins.constraints.apart.push((1, 2));
    let found = survey(&gallery, &subject, &SurveyParameters::default(), &pins);
    assert_eq!(found.faces, [0, 1, 3]);
}

#[test]
fn a_set_is_cut_at_the_sub_threshold() {
    for (distance, eras) in [(0.34, 1), (0.36, 2)] {
        let mut sketches = many(20, at(0, 0.0, 2005));
        sketches.extend(many(20, between(0, 1, distance, 2015)));
        assert_eq!(split_sketches(&sketches).anchors.len(), eras, "{distance}");
    }
}

#[test]
fn an_era_needs_its_number_of_distinct_photos() {
    let mut sketches = many(20, at(0, 0.0, 2005));
    sketches.extend(many(20, at(1, 0.0, 2015)));
    let (mut gallery, years) = scene(&sketches);
    assert_eq!(labels(&split_of(&gallery, &years)), ["2005", "2015"]);
    // Two faces of one photo are one image.
    gallery.faces[39].content = gallery.faces[38].content;
    gallery.faces[39].number = 1;
    let split = split_of(&gallery, &years);
    assert_eq!((labels(&split), split.alone.len()), (vec!["2005"], 1));
    assert_eq!(split.alone[0].0.founding, (20..40).collect::<Vec<_>>());
}

#[test]
fn a_fragment_joins_up_to_the_distance_and_not_beyond() {
    for (distance, joins) in [(0.399, true), (0.401, false)] {
        let mut sketches = many(20, at(0, 0.0, 2010));
        sketches.push(at(0, distance, 2010));
        let split = split_sketches(&sketches);
        assert_eq!(joined(&split.anchors[0]), if joins { vec![20] } else { vec![] }, "{distance}");
        let refused = |fit: &Fit| matches!(fit, Fit::TooFar { anchor: 0, distance: d } if *d > 0.4);
        assert_eq!(split.alone.iter().filter(|(_, fit)| refused(fit)).count(), usize::from(!joins));
    }
}

#[test]
fn a_fragment_joins_up_to_five_years_away_and_never_without_a_year() {
    for (year, reason) in [
        (Some(2015), None),
        (Some(2016), Some("6 years from its dominant one")),
        (Some(2005), None),
        (Some(2004), Some("6 years from its dominant one")),
        (None, Some("has no year")),
    ] {
        let mut sketches = many(20, at(0, 0.0, 2010));
        sketches.push(at(0, 0.38, year));
        let split = split_sketches(&sketches);
        let said = split.alone.first().map(|(_, fit)| fit.explain("it"));
        match (reason, said) {
            (None, None) => assert_eq!(joined(&split.anchors[0]), [20]),
            (Some(reason), Some(said)) => assert!(said.contains(reason), "{year:?}: {said}"),
            other => panic!("{year:?}: {other:?}"),
        }
    }
    let mut undated = many(20, at(0, 0.0, None));
    undated.push(at(0, 0.38, 2010));
    let split = split_sketches(&undated);
    assert_eq!(labels(&split), ["undated"]);
    assert!(matches!(split.alone[0].1, Fit::NoYear { .. }), "an era without years gets nobody");
}

#[test]
fn the_dominant_year_counts_and_not_the_span() {
    let mut sketches = many(18, at(0, 0.0, 2011));
    sketches.extend(many(3, at(0, 0.0, 2024)));
    sketches.extend([at(0, 0.38, 2024), at(0, 0.38, 2016)]);
    let split = split_sketches(&sketches);
    assert_eq!(split.anchors[0].dominant_year, Some(2011));
    assert_eq!(joined(&split.anchors[0]), [22]);
    assert!(matches!(split.alone[0].1, Fit::OtherYears { years: 13, .. }), "{:?}", split.alone);
}

#[test]
fn only_the_nearest_era_is_asked() {
    // Nearer to the era of 2005, dated like that of 2020, near enough to both.
    let mut sketches = many(20, at(0, 0.0, 2005));
    sketches.extend(many(20, at(1, 0.0, 2020)));
    sketches.push(between(0, 1, 0.27, 2020));
    let (gallery, years) = scene(&sketches);
    let parameters =
        SplitParameters { sub_threshold: CosineDistance::literal(0.2), ..SplitParameters::default() };
    let join = JoinParameters::default();
    let split = split(&gallery, &all(&gallery), &years, &parameters, &join, &Grouping::default()).unwrap();
    let second = 1.0 - gallery.embedding(40).dot(&gallery.embedding(20));
    assert!(second < join.join_threshold.get(), "the other would be near enough: {second}");
    assert!(matches!(split.alone[0].1, Fit::OtherYears { anchor: 0, years: 15, .. }), "{:?}", split.alone);
}

#[test]
fn whoever_joins_brings_nobody_along() {
    // 19 faces join an era of 20. Another face is near them, and would be near a centroid that had moved
    // towards them.
    let mut sketches = many(20, at(0, 0.0, 2010));
    sketches.extend(many(19, between(0, 1, 0.38, 2012)));
    sketches.push(between(0, 1, 0.79, 2012));
    let (gallery, years) = scene(&sketches);
    let parameters =
        SplitParameters { sub_threshold: CosineDistance::literal(0.1), ..SplitParameters::default() };
    let join = JoinParameters::default();
    let split = split(&gallery, &all(&gallery), &years, &parameters, &join, &Grouping::default()).unwrap();
    let fragment: Vec<usize> = (20..39).collect();
    assert_eq!((split.anchors[0].founding.len(), joined(&split.anchors[0])), (20, fragment));
    let moved = Anchors::new(&gallery, &[(0..39).collect()], &[vec![2010; 39]]);
    let chained = moved.fit(&gallery.embedding(39).to_owned(), Some(2012), &JoinParameters::default());
    assert!(matches!(chained, Fit::Joins { .. }), "the case shows nothing otherwise: {chained:?}");
    assert_eq!(split.alone[0].0.founding, [39]);
    assert!(matches!(split.alone[0].1, Fit::TooFar { .. }));
}

#[test]
fn eras_of_one_label_are_told_apart() {
    let mut sketches = many(22, at(0, 0.0, 2011));
    sketches.extend(many(21, at(1, 0.0, 2011)));
    sketches.extend(many(20, at(2, 0.0, 2011)));
    sketches.push(at(3, 0.0, None));
    sketches.push(at(4, 0.0, None));
    let split = split_sketches(&sketches);
    assert_eq!(labels(&split), ["2011", "2011_2", "2011_3"]);
    let alone: Vec<_> = split.alone.iter().map(|(bucket, _)| bucket.label.as_str()).collect();
    assert_eq!(alone, ["undated", "undated_2"]);
}

#[test]
fn later_faces_join_by_the_same_rule_one_by_one() {
    let mut sketches = many(20, at(0, 0.0, 2010));
    sketches.extend([
        at(0, 0.399, 2015),
        at(0, 0.401, 2010),
        at(0, 0.1, 2016),
        at(0, 0.1, None),
        at(1, 0.0, None),
    ]);
    let (gallery, years) = scene(&sketches);
    let anchors = Anchors::new(&gallery, &[(0..20).collect()], &[vec![2010; 20]]);
    let faces: Vec<usize> = (20..25).collect();
    let extended = extend(&gallery, &faces, &years, &anchors, &JoinParameters::default());
    assert_eq!(
        extended.joined.iter().map(|(face, anchor, _)| (*face, *anchor)).collect::<Vec<_>>(),
        [(20, 0)]
    );
    let reasons: Vec<_> = extended.unjoined.iter().map(|(face, fit)| (*face, fit)).collect();
    assert!(
        matches!(
            reasons[..],
            [
                (21, Fit::TooFar { .. }),
                (22, Fit::OtherYears { years: 6, .. }),
                (23, Fit::NoYear { .. }),
                (24, Fit::TooFar { .. })
            ]
        ),
        "{reasons:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_order_in_which_faces_come_changes_nothing(
        new in prop::collection::vec((0usize..3, 0.0f32..0.6, prop::option::of(2000u16..2025)), 1..24), cut in 0usize..24,
    ) {
        let mut sketches = many(20, at(0, 0.0, 2005));
        sketches.extend(many(20, at(1, 0.0, 2015)));
        sketches.extend(new.iter().map(|(look, distance, year)| at(*look, *distance, *year)));
        let (gallery, years) = scene(&sketches);
        let anchors =
            Anchors::new(&gallery, &[(0..20).collect(), (20..40).collect()], &[vec![2005; 20], vec![2015; 20]]);
        let send = |faces: &[usize]| extend(&gallery, faces, &years, &anchors, &JoinParameters::default());
        let faces: Vec<usize> = (40..sketches.len()).collect();
        let (first, second) = faces.split_at(cut.min(faces.len()));
        let (at_once, one, other) = (send(&faces), send(first), send(second));
        prop_assert_eq!(&at_once.joined, &[one.joined, other.joined].concat());
        prop_assert_eq!(at_once.joined.len() + at_once.unjoined.len(), faces.len());
        let left: Vec<usize> = at_once.unjoined.iter().map(|(face, _)| *face).collect();
        prop_assert_eq!(send(&left).joined, vec![], "what was refused once is refused again");
    }

    #[test]
    fn every_face_is_in_one_bucket_and_everything_that_joined_is_near_and_of_the_time(
        faces in prop::collection::vec((0usize..4, 0.0f32..0.5, prop::option::of(2000u16..2025)), 1..60),
    ) {
        let sketches: Vec<Sketch> = faces.iter().map(|(look, distance, year)| at(*look, *distance, *year)).collect();
        let (gallery, years) = scene(&sketches);
        let parameters = SplitParameters { min_anchor: 3, ..SplitParameters::default() };
        let join = JoinParameters::default();
        let split = split(&gallery, &all(&gallery), &years, &parameters, &join, &Grouping::default()).unwrap();
        let buckets: Vec<&Bucket> = split.anchors.iter().chain(split.alone.iter().map(|(bucket, _)| bucket)).collect();
        let mut seen: Vec<usize> =
            buckets.iter().flat_map(|bucket| bucket.founding.iter().copied().chain(joined(bucket))).collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, all(&gallery));
        let names: BTreeSet<&str> = buckets.iter().map(|bucket| bucket.label.as_str()).collect();
        prop_assert_eq!(names.len(), buckets.len());
        for anchor in &split.anchors {
            prop_assert!(anchor.founding.len() >= 3);
            prop_assert_eq!(anchor.dominant_year, dominant(&years.among(&anchor.founding)));
            prop_assert!(anchor.joined.iter().all(|(_, distance)| *distance <= 0.40));
            prop_assert!(anchor.joined.is_empty() || anchor.dominant_year.is_some());
        }
    }

    #[test]
    fn a_histogram_counts_every_face_once(
        distances in prop::collection::vec(0.0f32..0.9, 1..40),
    ) {
        let (gallery, _) = scene(&distances.iter().map(|distance| at(0, *distance, None)).collect::<Vec<_>>());
        let bins = histogram(&gallery, &all(&gallery));
        prop_assert_eq!(bins.iter().map(|bin| bin.faces).sum::<usize>(), distances.len());
        prop_assert!(bins.windows(2).all(|pair| (pair[0].to - pair[1].from).abs() < 1e-6));
        prop_assert!(bins[0].faces > 0 && bins[bins.len() - 1].faces > 0);
    }
}

#[test]
fn a_probe_says_what_a_set_falls_into_and_whether_that_is_age() {
    let probed = |sketches: &[Sketch]| {
        let (gallery, years) = scene(sketches);
        probe(&gallery, &all(&gallery), &years, &SplitParameters::default(), &Grouping::default()).unwrap()
    };
    let two = |first: Option<u16>, second: Option<u16>| {
        let mut sketches = many(20, at(0, 0.0, first));
        sketches.extend(many(20, between(0, 1, 0.42, second)));
        sketches
    };
    let sortable = probed(&two(Some(2005), Some(2015)));
    let spans = Verdict::Sortable { anchors: 2, earliest: (2005, 2005), latest: (2015, 2015) };
    assert_eq!((sortable.verdict, sortable.explained, sortable.dated), (spans, Some(1.0), 40));
    let sizes: Vec<usize> = sortable.cuts.iter().map(|cut| cut.sizes.len()).collect();
    assert_eq!(sizes, [2, 2, 2, 1, 1], "0.30, 0.35, 0.40, 0.45, 0.50");
    assert_eq!(sortable.cuts[3].sizes, [40]);

    let verdict = |sketches: &[Sketch]| probed(sketches).verdict;
    assert_eq!(verdict(&two(Some(2010), Some(2010))), Verdict::YearsOverlap { anchors: 2 });
    assert_eq!(verdict(&two(Some(2010), None)), Verdict::TooFewYears { anchors: 2, dated_anchors: 1 });
    let one = verdict(&two(Some(2005), Some(2015))[..39]);
    assert_eq!(one, Verdict::TooFewAnchors { anchors: 1, min_anchor: 20 });
    let mut mixed = two(Some(2005), Some(2015));
    mixed.iter_mut().step_by(2).for_each(|sketch| sketch.year = Some(2010));
    let overlapping = probed(&mixed);
    assert!(!overlapping.verdict.is_sortable() && overlapping.explained.unwrap() < 0.6);
}

/// What a change is made from where the user says nothing.
fn eras_of<'a>(
    view: &'a View,
    years: &'a Years,
    corpus: &'a Corpus,
    parent: &'a FacesetManifest,
) -> Eras<'a> {
    Eras { view, years, corpus, parent }
}

/// What is known of a gallery where users say nothing.
fn view_of(gallery: &Gallery) -> View {
    View::new(gallery.clone(), ResolvedPins::default(), &[])
}

/// A corpus of one set with these faces of a gallery.
fn corpus_of(gallery: &Gallery, faces: &[usize], dropped: &[Drop]) -> Corpus {
    let parameters = ExportParameters::default();
    let set = FacesetManifest {
        schema: FACESET_SCHEMA.to_owned(),
        name: "faceset_001".to_owned(),
        label: Some("anna".to_owned()),
        marker: None,
        parent: None,
        era: None,
        beside: Vec::new(),
        unmatched: Vec::new(),
        origin: Origin { kind: OriginKind::Auto, run: 0 },
        contract: gallery.contract.clone(),
        parameters,
        certificate: Certificate::default(),
        consent: None,
        provenance: None,
        bundles: Vec::new(),
        formats: Vec::new(),
        gender_age: None,
        faces: crate::export::plan(
            gallery,
            "faceset_001",
            faces.to_vec(),
            &parameters,
            &ResolvedPins::default(),
        )
        .faces
        .iter()
        .map(|planned| {
            ExportedFace::new(gallery, planned, "faces/0001.png".to_owned(), Sha256Digest::of(b"a crop"))
        })
        .collect(),
        dropped: dropped_faces(gallery, dropped),
    };
    let manifest = CorpusManifest::empty(gallery.contract.clone(), parameters);
    Corpus { manifest, sets: vec![set], thin: Vec::new() }
}

/// What a corpus would have of a set of a change.
fn exported(gallery: &Gallery, parent: &FacesetManifest, set: &EraSet) -> FacesetManifest {
    let planned =
        set.plan(&parent.name, &view_of(gallery), &parent.parameters, parent.origin.clone()).unwrap();
    FacesetManifest {
        name: set.name.clone(),
        label: set.label.clone(),
        parent: Some(parent.name.clone()),
        era: Some(set.era.clone()),
        faces: planned
            .faces
            .iter()
            .map(|face| {
                ExportedFace::new(gallery, face, "faces/0001.png".to_owned(), Sha256Digest::of(b"a crop"))
            })
            .collect(),
        dropped: dropped_faces(gallery, &planned.dropped),
        ..parent.clone()
    }
}

#[test]
fn eras_with_too_few_crops_are_thin_and_founding_members_stay_when_others_join() {
    let mut sketches = many(20, at(0, 0.0, 2005));
    sketches.extend(many(20, at(1, 0.0, 2015)));
    sketches.extend([at(2, 0.0, 2010), at(1, 0.38, 2016)]);
    let (mut gallery, years) = scene(&sketches);
    // One face is large enough for `refine`, but not for the export.
    gallery.faces[0].bbox.x2 = gallery.faces[0].bbox.x1 + 95.0;
    let view = view_of(&gallery);
    let mut corpus = corpus_of(&gallery, &all(&gallery), &[]);
    let parent = corpus.sets[0].clone();
    let split = split_of(&gallery, &years);
    let eras = eras_of(&view, &years, &corpus, &parent);
    let change = eras.split(&split, 20).unwrap();
    let sets: Vec<_> = change.sets.iter().map(|set| (set.name.as_str(), set.thin)).collect();
    assert_eq!(
        sets,
        [("faceset_001_2005", true), ("faceset_001_2015", false), ("faceset_001_2010", true)],
        "19 crops are too few"
    );
    assert_eq!(change.sets[1].label.as_deref(), Some("anna_2015"));
    assert_eq!((change.sets[1].era.founding.len(), change.sets[1].era.joined.len()), (20, 1));
    assert_eq!(change.sets[1].era.joined[0].by, crate::export::era::JoinedBy::Fragment);

    corpus.sets.push(exported(&gallery, &parent, &change.sets[1]));
    let eras = eras_of(&view, &years, &corpus, &parent);
    let joining = [("faceset_001_2015".to_owned(), vec![(40, 0.3)])].into();
    let grown = eras.extend(&joining);
    assert_eq!(grown.sets.len(), 1);
    assert_eq!(grown.sets[0].era.founding, change.sets[1].era.founding, "the anchor is never re-centred");
    assert_eq!(grown.sets[0].era.joined.len(), 2);
    assert_eq!(grown.sets[0].era.dominant_year, Some(2015));

    // Of the last one, the export left nothing: its face was sent somewhere all the same.
    let of_2015: Vec<usize> = (20..40).chain([41]).collect();
    assert_eq!(eras.members().into_iter().collect::<Vec<_>>(), of_2015);
    let dropped = dropped_faces(
        &gallery,
        &[Drop { face: 40, reason: DropReason::OtherFaceInCrop { min_pad_ratio: 0.2 } }],
    );
    corpus.manifest.gaps.push(Gap::new("faceset_001_2010", dropped));
    let eras = eras_of(&view, &years, &corpus, &parent);
    assert!(eras.members().contains(&40));
}

#[test]
fn a_drop_by_decision_stands_in_every_split_and_one_by_a_rule_is_looked_at_anew() {
    let (gallery, years) = scene(&many(24, at(0, 0.0, 2010)));
    let decided = Drop { face: 1, reason: DropReason::Pinned { pin: 7 } };
    let by_rule = Drop { face: 2, reason: DropReason::Outlier { distance: 0.5, max: 0.45 } };
    let mut corpus = corpus_of(&gallery, &all(&gallery), &[by_rule]);
    let view = view_of(&gallery);
    let parent = corpus.sets[0].clone();
    let split = split_of(&gallery, &years);
    let first = {
        let eras = eras_of(&view, &years, &corpus, &parent);
        eras.split(&split, 20).unwrap()
    };
    let mut era = exported(&gallery, &parent, &first.sets[0]);
    era.dropped.extend(dropped_faces(&gallery, &[decided]));
    corpus.sets.push(era);
    assert_eq!(drops_that_stand(&corpus, &view.index), BTreeSet::from([1]));

    let eras = eras_of(&view, &years, &corpus, &parent);
    let again = eras.split(&split, 20).unwrap();
    assert_eq!(again.sets[0].name, first.sets[0].name, "its own name is free again");
    assert_eq!(again.removed, Vec::<String>::new());
    let planned = exported(&gallery, &parent, &again.sets[0]);
    assert_eq!(planned.rows(&view.index), [0].into_iter().chain(2..24).collect::<Vec<_>>());
    assert_eq!(planned.dropped.len(), 1);
    let grown = eras.extend(&[("faceset_001_2010".to_owned(), vec![(2, 0.1)])].into());
    assert_eq!(grown.sets[0].dropped.len(), 1, "also when it grows");
}

#[test]
fn an_era_without_one_of_its_founding_members_is_not_measured() {
    let (gallery, years) = scene(&many(20, at(0, 0.0, 2010)));
    let corpus = corpus_of(&gallery, &all(&gallery), &[]);
    let view = view_of(&gallery);
    let parent = corpus.sets[0].clone();
    let eras = eras_of(&view, &years, &corpus, &parent);
    let mut set = eras.split(&split_of(&gallery, &years), 20).unwrap().sets.remove(0);
    assert_eq!(EraSet::founding_rows(&set.name, &set.era, &view.index).unwrap(), all(&gallery));
    set.era.founding[3].sha256 = "00".repeat(32);
    let error = EraSet::founding_rows(&set.name, &set.era, &view.index).unwrap_err();
    assert!(error.to_string().contains("a member of `faceset_001_2010` is no face of this library"));
}
