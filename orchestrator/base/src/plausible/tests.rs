//! What a detector can say of a photo passes, everything else is named.

use facesets_core::{
    CountContract, DetectedFace, EMBEDDING_LEN, FaceContract, FaceEmbedding, LandmarksContract, Sha256Digest,
    contract::GenderAgeContract,
    face::{LANDMARKS_68, LANDMARKS_106},
};
use proptest::prelude::*;

use super::*;

const PHOTO: Extent = Extent { width: 640, height: 480 };

fn bbox(corners: [f32; 4]) -> BBox {
    BBox::new(corners).unwrap()
}

fn face(corners: [f32; 4]) -> Face {
    let [x, y] = bbox(corners).centre();
    Face {
        bbox: bbox(corners),
        det_score: 0.9,
        keypoints: [[x, y]; 5],
        embedding: FaceEmbedding::from_raw(&[1.0; EMBEDDING_LEN]).unwrap(),
        landmarks_106: vec![[x, y]; LANDMARKS_106],
        landmarks_68: vec![[x, y, -80.0]; LANDMARKS_68],
        blur: 120.0,
    }
}

fn analysis(faces: Vec<Face>) -> FaceAnalysis {
    let (detector, det_size, preprocessing) = (Sha256Digest::of(b"model"), 640, 1);
    FaceAnalysis {
        pack: "open".to_owned(),
        contract: FaceContract { detector, recogniser: detector, det_size, preprocessing },
        landmarks_contract: LandmarksContract {
            detector,
            landmarks_106: detector,
            landmarks_68: detector,
            det_size,
            preprocessing,
        },
        width: PHOTO.width,
        height: PHOTO.height,
        pixels: None,
        faces,
        gender_age: None,
    }
}

fn check(faces: Vec<Face>) -> Result<(), Implausible> {
    check_analysis(&analysis(faces), Some(PHOTO))
}

#[test]
fn faces_that_reach_beyond_the_photo_or_touch_each_other_are_faces() {
    let cut_off = face([-150.0, -90.0, 200.0, 300.0]);
    let filling = face([-300.0, -400.0, 900.0, 1000.0]);
    for alone in [cut_off.clone(), filling] {
        assert_eq!(check(vec![alone]), Ok(()));
    }
    // Two fifths of what the two cover together, as much as the detector lets two faces overlap.
    let neighbours = vec![cut_off, face([300.0, 100.0, 400.0, 200.0]), face([343.0, 100.0, 443.0, 200.0])];
    assert_eq!(check(neighbours), Ok(()));
    assert_eq!(check(Vec::new()), Ok(()));
}

#[test]
fn a_box_that_shows_nothing_of_the_photo_or_is_vast_is_none() {
    for corners in [
        [-3e38, -3e38, 3e38, 3e38],
        [10.0, 10.0, 3e38, 20.0],
        [700.0, 10.0, 800.0, 110.0],
        [10.0, 480.0, 100.0, 580.0],
        [-200.0, -200.0, 0.0, 0.0],
        [10.2, 10.2, 10.9, 10.9],
        [-641.0, 10.0, 100.0, 110.0],
        [10.0, 10.0, 100.0, 1121.0],
    ] {
        let sound = [face([1.0, 1.0, 9.0, 9.0]), face([300.0, 300.0, 400.0, 400.0])];
        let [first, last] = sound;
        let faces = vec![first, Face { bbox: bbox(corners), ..last }];
        assert_eq!(check(faces), Err(Implausible::Face { number: 1, what: ELSEWHERE }), "{corners:?}");
    }
}

#[test]
fn the_same_face_is_there_once() {
    let one = face([100.0, 100.0, 200.0, 200.0]);
    for other in [one.clone(), face([110.0, 110.0, 210.0, 210.0]), face([100.0, 100.0, 200.0, 150.0])] {
        let faces = vec![one.clone(), face([300.0, 100.0, 400.0, 200.0]), other];
        assert_eq!(check(faces), Err(Implausible::Twice(0, 2)));
    }
    let many = (0..=MAX_FACES).map(|_| one.clone()).collect();
    assert_eq!(check(many), Err(Implausible::TooManyFaces(MAX_FACES + 1)));
}

#[test]
fn the_photo_has_the_size_that_its_header_says() {
    for (width, height) in [(0, 0), (0, 480), (u32::MAX, u32::MAX), (MAX_SIDE + 1, 1)] {
        for photo in [None, Some(PHOTO)] {
            let said = FaceAnalysis { width, height, ..analysis(Vec::new()) };
            assert_eq!(check_analysis(&said, photo), Err(Implausible::Size(width, height)));
        }
    }
    let turned = FaceAnalysis { width: 480, height: 640, ..analysis(Vec::new()) };
    let error = check_analysis(&turned, Some(PHOTO)).unwrap_err();
    assert_eq!(error.to_string(), "the photo has 640 × 480 pixels, and is said to have 480 × 640");
    assert_eq!(check_analysis(&turned, None), Ok(()));
}

#[test]
fn what_is_measured_of_a_face_is_within_what_can_be_measured() {
    type Spoil = fn(&mut Face);
    let spoils: [(&str, Spoil); 11] = [
        ("score", |face| face.det_score = 0.0),
        ("score", |face| face.det_score = f32::NAN),
        ("length", |face| face.embedding.norm = 3e38),
        ("length", |face| face.embedding.norm = 0.0),
        ("blur", |face| face.blur = 3e38),
        ("blur", |face| face.blur = -1.0),
        ("keypoint", |face| face.keypoints[2][1] = 3e38),
        ("landmark", |face| face.landmarks_106[77][0] = -3e38),
        ("landmark", |face| face.landmarks_68[9][2] = 3e38),
        ("landmark", |face| face.landmarks_68[67][1] = f32::NAN),
        ("landmark", |face| face.landmarks_106[0] = [50_000.0, 5.0]),
    ];
    for (part, spoil) in spoils {
        let mut spoilt = face([100.0, 100.0, 200.0, 200.0]);
        spoil(&mut spoilt);
        let error = check(vec![face([300.0, 100.0, 400.0, 200.0]), spoilt]).unwrap_err();
        assert!(error.to_string().starts_with("face 1 has ") && error.to_string().contains(part), "{error}");
    }
}

#[test]
fn estimates_and_counts_are_bounded_as_well() {
    let said = analysis(vec![face([100.0, 100.0, 200.0, 200.0])]);
    let FaceContract { detector, det_size, preprocessing, .. } = said.contract;
    let contract = GenderAgeContract { detector, gender_age: detector, det_size, preprocessing };
    for (estimate, fits) in [
        (GenderAge { female: -4.0, male: 5.0, age: 0.41 }, true),
        (GenderAge { female: 3e38, male: 5.0, age: 0.41 }, false),
        (GenderAge { female: 0.0, male: 5.0, age: -3e38 }, false),
        (GenderAge { female: 0.0, male: f32::NAN, age: 0.4 }, false),
    ] {
        let gender_age = Some(Box::new(GenderAges { contract, faces: vec![estimate] }));
        let said = FaceAnalysis { gender_age, ..said.clone() };
        assert_eq!(check_analysis(&said, Some(PHOTO)).is_ok(), fits, "{estimate:?}");
    }

    let contract = CountContract { detector, det_size, preprocessing };
    let detected = |corners| DetectedFace { bbox: bbox(corners), det_score: 0.7 };
    let count = |width, faces| {
        let sizes = vec![Detections { contract, faces }];
        TaskResult::Count(FaceCount { pack: "open".to_owned(), width, height: 480, sizes })
    };
    let one = detected([100.0, 100.0, 200.0, 200.0]);
    assert_eq!(check_result(&count(640, vec![one]), Some(PHOTO)), Ok(()));
    assert!(check_result(&count(480, vec![one]), Some(PHOTO)).is_err());
    assert_eq!(check_result(&count(640, vec![one, one]), Some(PHOTO)), Err(Implausible::Twice(0, 1)));
    assert!(check_result(&count(640, vec![detected([-9e9, 0.0, 1.0, 1.0])]), Some(PHOTO)).is_err());
}

proptest! {
    #[test]
    fn what_passes_makes_a_crop_that_shows_something_of_the_photo(
        corners in prop::array::uniform4(-4000.0f32..4000.0), (width, height) in (1u32..2000, 1u32..2000),
    ) {
        let Ok(bbox) = BBox::new(corners) else { return Ok(()) };
        let photo = Extent::new(width, height).unwrap();
        if photo.holds(&bbox) {
            let shown = bbox.clamped(width, height).unwrap();
            prop_assert!(shown.width > 0 && shown.height > 0);
            prop_assert!(bbox.long_side() <= 3.0 * width.max(height) as f32);
        }
    }
}
