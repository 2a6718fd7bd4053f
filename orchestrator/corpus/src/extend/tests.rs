//! People who come back, and people who come for the first time.

use facesets_base::layout::{CLUSTERS_SCHEMA, REFINED_SCHEMA};
use facesets_people::{
    drops::{DropReason, Gate},
    grouping::Grouping,
    pins::ResolvedPins,
    refine::{RefineParameters, order_by_size, refine},
    testing::gallery_of,
};

use super::*;
use crate::{
    manifest::{ClusterManifest, DroppedFace, RefinedManifest, dropped_faces, named_sets},
    placement::Placement,
};

/// Everybody seen in the first photos, and in all.
fn galleries(faces: &[(usize, f32)], first: usize) -> (Gallery, Gallery) {
    let all = gallery_of(faces);
    let mut part = all.clone();
    part.contents.truncate(first);
    part.faces.truncate(first);
    part.embeddings = part.embeddings.select(ndarray::Axis(0), &(0..first).collect::<Vec<_>>());
    (part, all)
}

fn clustered(gallery: &Gallery) -> ClusterManifest {
    let all: Vec<usize> = (0..gallery.faces.len()).collect();
    let groups = Grouping::default().faces(gallery, &all, NEW_THRESHOLD).unwrap();
    let (mut persons, singles): (Vec<_>, Vec<_>) = groups.into_iter().partition(|group| group.len() > 1);
    order_by_size(&mut persons);
    ClusterManifest {
        schema: CLUSTERS_SCHEMA.to_owned(),
        contract: gallery.contract.clone(),
        threshold: NEW_THRESHOLD,
        materialize: Placement::Copy,
        persons: named_sets(gallery, &persons, "person"),
        singletons: entries(gallery, &singles.concat()),
        noface: Vec::new(),
        non_utf8_paths: Vec::new(),
    }
}

fn refined(gallery: &Gallery, min_faces: usize) -> RefinedManifest {
    let parameters = RefineParameters { min_faces, ..RefineParameters::default() };
    let refined = refine(gallery, &parameters, &Grouping::default()).unwrap();
    RefinedManifest {
        schema: REFINED_SCHEMA.to_owned(),
        contract: gallery.contract.clone(),
        parameters,
        materialize: Placement::Copy,
        facesets: named_sets(gallery, &refined.facesets, "faceset"),
        highest_number: refined.facesets.len(),
        dropped: dropped_faces(gallery, &refined.dropped),
        non_utf8_paths: Vec::new(),
    }
}

fn shape(sets: &[NamedSet]) -> Vec<(&str, Vec<&str>)> {
    // Paths are `/photos/NNN.jpg`.
    sets.iter()
        .map(|set| (set.name.as_str(), set.faces.iter().map(|face| &face.path[8..11]).collect()))
        .collect()
}

#[test]
fn known_people_keep_their_numbers_and_a_stranger_seen_twice_gets_the_next() {
    // Two of person 0, three of person 1, one of person 2; then one more of each, and one of person 3.
    let faces = [(0, 0.1), (0, 0.1), (1, 0.1), (1, 0.1), (1, 0.1), (2, 0.1)];
    let later = [(0, 0.2), (0, 0.1), (1, 0.1), (2, 0.1), (3, 0.0)];
    let (before, after) = galleries(&[&faces[..], &later[..]].concat(), faces.len());
    let old = clustered(&before);
    let (new, said) =
        extend_clusters(&after, &old, &ExtendParameters::default(), &Grouping::default()).unwrap();
    assert_eq!(
        shape(&new.persons),
        [
            ("person_001", vec!["002", "003", "004", "008"]),
            ("person_002", vec!["000", "001", "006", "007"]),
            ("person_003", vec!["005", "009"]),
        ]
    );
    assert_eq!(new.singletons.len(), 1);
    let joined = |name: &str, faces| Joined { name: name.to_owned(), faces };
    assert_eq!(said.joined, [joined("person_001", 1), joined("person_002", 2)]);
    assert_eq!((said.new_sets, said.new_faces, said.left), (vec![joined("person_003", 1)], 5, 1));

    let (again, said) =
        extend_clusters(&after, &new, &ExtendParameters::default(), &Grouping::default()).unwrap();
    assert_eq!((again, said.new_faces), (new, 0), "extending again changes nothing");
}

#[test]
fn a_face_whose_photo_is_gone_leaves_and_its_number_stays_taken() {
    let (all, _) = galleries(&[(0, 0.0), (0, 0.1), (0, 0.2), (1, 0.0), (1, 0.1)], 5);
    let old = clustered(&all);
    let (first_person, _) = galleries(&[(0, 0.0), (0, 0.1), (0, 0.2)], 3);
    let (new, said) =
        extend_clusters(&first_person, &old, &ExtendParameters::default(), &Grouping::default()).unwrap();
    assert_eq!(said.gone, 2);
    assert_eq!(shape(&new.persons), [("person_001", vec!["000", "001", "002"]), ("person_002", vec![])]);
}

#[test]
fn a_faceset_comes_about_once_there_are_photos_enough_and_other_drops_stand() {
    let faces = [(0, 0.1), (0, 0.1), (0, 0.1), (1, 0.1), (1, 0.1)];
    let later = [(0, 0.1), (1, 0.1), (0, 0.1)];
    let (mut before, mut after) = galleries(&[&faces[..], &later[..]].concat(), faces.len());
    // A face of person 0 that was too blurred, and a new one that is.
    for (gallery, rows) in [(&mut before, &[2][..]), (&mut after, &[2, 7][..])] {
        for row in rows {
            gallery.faces[*row].blur = 1.0;
        }
    }
    let mut old = refined(&before, 2);
    old.parameters.min_faces = 3;
    // That set has never been.
    let one = old.facesets.remove(1);
    old.highest_number = 1;
    let waiting = one
        .faces
        .into_iter()
        .map(|face| DroppedFace { face, reason: DropReason::TooFewImages { images: 2, min: 3 } });
    old.dropped.extend(waiting);
    let (new, said) =
        extend_refined(&after, &old, 0, &ExtendParameters::default(), &Grouping::default()).unwrap();
    assert_eq!(
        shape(&new.facesets),
        [("faceset_001", vec!["000", "001", "005"]), ("faceset_002", vec!["003", "004", "006"])]
    );
    let gates: Vec<Gate> = new.dropped.iter().map(|drop| drop.reason.gate()).collect();
    assert_eq!(gates, [Gate::Blur, Gate::Blur]);
    assert_eq!((said.new_faces, said.left), (3, 2));
}

#[test]
fn what_is_dropped_for_good_joins_no_set_and_no_new_one() {
    // One of person 0 comes and is dropped for good; one of person 1 waited for company and is dropped
    // meanwhile.
    let faces = [(0, 0.1), (0, 0.1), (0, 0.1), (1, 0.1)];
    let (before, after) = galleries(&[&faces[..], &[(0, 0.1), (0, 0.1), (1, 0.1), (1, 0.1)]].concat(), 4);
    let mut old = refined(&before, 2);
    let thin = DropReason::TooFewImages { images: 1, min: 2 };
    assert!(old.dropped.iter().any(|drop| drop.reason == thin), "{:?}", old.dropped);
    old.parameters.min_faces = 2;
    let pins = ResolvedPins { dropped: vec![(3, 8), (4, 9)], ..ResolvedPins::default() };
    let grouping = Grouping { pins: &pins, ..Grouping::default() };
    let (new, _) = extend_refined(&after, &old, 0, &ExtendParameters::default(), &grouping).unwrap();
    assert_eq!(
        shape(&new.facesets),
        [("faceset_001", vec!["000", "001", "002", "005"]), ("faceset_002", vec!["006", "007"])]
    );
    let reasons: Vec<DropReason> = new.dropped.iter().map(|drop| drop.reason.clone()).collect();
    assert_eq!(reasons, [DropReason::Decided { decision: 8 }, DropReason::Decided { decision: 9 }]);
    let (again, _) = extend_refined(&after, &new, 0, &ExtendParameters::default(), &grouping).unwrap();
    assert_eq!(again, new);
}

#[test]
fn a_new_faceset_has_a_number_past_all_that_are_taken_here_or_elsewhere() {
    let (before, after) =
        galleries(&[(0, 0.1), (0, 0.1), (0, 0.1), (1, 0.1), (1, 0.1), (2, 0.1), (2, 0.1)], 3);
    let names = |highest_number, elsewhere| {
        let old = RefinedManifest { highest_number, ..refined(&before, 2) };
        let parameters = ExtendParameters::default();
        let (new, _) = extend_refined(&after, &old, elsewhere, &parameters, &Grouping::default()).unwrap();
        let names: Vec<String> = new.facesets.iter().map(|set| set.name.clone()).collect();
        (names.join(" "), new.highest_number)
    };
    assert_eq!(names(1, 0), ("faceset_001 faceset_002 faceset_003".to_owned(), 3));
    assert_eq!(names(1, 4), ("faceset_001 faceset_005 faceset_006".to_owned(), 6));
    assert_eq!(names(7, 4), ("faceset_001 faceset_008 faceset_009".to_owned(), 9), "the seventh is gone");
    assert_eq!(names(0, 0).0, "faceset_001 faceset_002 faceset_003", "written before there was a mark");
}
