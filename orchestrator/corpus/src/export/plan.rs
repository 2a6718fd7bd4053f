//! Which faces of a set are exported, in which order, with how much around them.

use std::{
    cmp::Ordering,
    collections::{BTreeSet, HashMap},
    ops::RangeInclusive,
};

use facesets_core::BBox;
use facesets_people::{
    drops::{Drop, DropReason},
    gallery::Gallery,
    pins::ResolvedPins,
    quality::QualityTerms,
    refine::{keep, ruled_out, within_centroid},
    threshold::{CosineDistance, non_negative},
    upright::{MAX_ROLL, on_its_side},
};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{
    collapse::DuplicateSimilarity,
    era::Era,
    origin::{Origin, OriginKind},
};

/// Least padding that a crop is narrowed to: with less around it, a face that fills the frame is not detected
/// again.
pub(super) const MIN_PAD_RATIO: f32 = 0.2;

/// Step in which padding is tried.
const PAD_STEP: f32 = 0.02;

/// How many other paddings a crop is tried with.
const OTHER_PADDINGS: u32 = 3;

/// How much wider each of them is: the last one shows a face half as large as padding 0.5 does.
const WIDER_STEP: f32 = 0.35;

/// Largest part of another face's box that may be in a crop: below this, detectors do not see a face.
const MAX_VISIBLE_PART_OF_OTHER: f32 = 0.15;

/// Pixels on a side of a crop: more than any swapper takes at the upper end, less than shows a face at the
/// lower one.
pub const OUT_SIZES: RangeInclusive<i64> = 16..=4096;

/// Every knob of the export.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ExportParameters {
    /// Farthest cosine distance of a face from its set's centroid.
    pub outlier_threshold: CosineDistance,
    /// Least short side of a face's box in pixels.
    #[serde(deserialize_with = "min_face_short")]
    pub min_face_short: f32,
    /// Most degrees by which a face is turned in the photo; 180 keeps faces on their side or head too.
    #[serde(default = "max_roll")]
    pub max_roll: f32,
    /// Least cosine similarity of faces whose crops show the same picture, so that only the better one is
    /// kept; `off` keeps all.
    #[serde(default = "duplicates_were_kept")]
    pub duplicate_similarity: DuplicateSimilarity,
    /// Padding on each side of the box, as a part of its long side (from 0 to 4); less where another face is
    /// near.
    #[serde(deserialize_with = "pad_ratio")]
    pub pad_ratio: f32,
    /// Side of the square crops in pixels.
    #[serde(deserialize_with = "out_size")]
    pub out_size: u32,
    /// Crops in the bundle of the best.
    pub top_n: usize,
    /// Crops in the bundle of good ones that differ most from each other; 0 for none.
    #[serde(default = "default_diverse_n")]
    pub diverse_n: usize,
}

impl Default for ExportParameters {
    fn default() -> Self {
        Self {
            outlier_threshold: CosineDistance::literal(0.45),
            min_face_short: 100.0,
            max_roll: MAX_ROLL,
            duplicate_similarity: DuplicateSimilarity::default(),
            pad_ratio: 0.5,
            out_size: 512,
            top_n: 30,
            diverse_n: default_diverse_n(),
        }
    }
}

/// What is added to corpora of earlier versions is gated too: nobody had decided otherwise.
fn max_roll() -> f32 {
    MAX_ROLL
}

/// More add nothing to an averaged identity, the author of roop-unleashed says.
fn default_diverse_n() -> usize {
    8
}

/// What manifests of earlier versions were made with.
fn duplicates_were_kept() -> DuplicateSimilarity {
    DuplicateSimilarity::OFF
}

/// A set that will be exported.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedSet {
    /// `faceset_NNN`.
    pub name: String,
    /// What its bundles are named after, instead of its name.
    pub label: Option<String>,
    /// Name of a text file in it that says where it came from.
    pub marker: Option<String>,
    /// The set that it is an era of, and which.
    pub era: Option<(String, Era)>,
    /// How it came about.
    pub origin: Origin,
    /// Rows of the gallery that show its person, exported or not: what is said of them is said of the set.
    pub person: BTreeSet<usize>,
    /// Best first; one face a photo.
    pub faces: Vec<PlannedFace>,
    /// What was left out.
    pub dropped: Vec<Drop>,
}

/// A face that will be exported.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannedFace {
    /// Row of the gallery.
    pub face: usize,
    /// How good it is.
    pub quality: QualityTerms,
    /// Padding that keeps other faces out; at most what was asked for.
    pub pad_ratio: f32,
}

/// Plans the export of the set `name` of `refine` with these faces (rows of the gallery).
///
/// What the user says goes first: faces that are none, that are dropped for good or that are not the person
/// of the set neither are exported nor move the centroid. Nor do those that lie.
pub fn plan(
    gallery: &Gallery,
    name: &str,
    faces: Vec<usize>,
    parameters: &ExportParameters,
    pins: &ResolvedPins,
) -> PlannedSet {
    let mut dropped = Vec::new();
    let allowed = as_the_user_says(gallery, faces, pins, &mut dropped);
    let upright = keep(allowed, &mut dropped, |face| on_its_side(gallery, face, parameters.max_roll));
    let close = within_centroid(gallery, upright, parameters.outlier_threshold, &mut dropped);
    let large = keep(close, &mut dropped, |face| {
        let pixels = gallery.faces[face].bbox.short_side();
        let min = parameters.min_face_short;
        (pixels < min).then_some(DropReason::ShortSide { pixels, min })
    });
    let mut planned = Vec::new();
    for face in large {
        let quality = QualityTerms::of(&gallery.faces[face]);
        match widest_padding(gallery, face, parameters.pad_ratio) {
            Ok(pad_ratio) => planned.push(PlannedFace { face, quality, pad_ratio }),
            Err(reason) => dropped.push(Drop { face, reason }),
        }
    }
    planned.sort_by(|a, b| by_rank(gallery, a, b));
    let faces = one_a_photo(gallery, planned, &mut dropped);
    dropped.sort_by_key(|drop| drop.face);
    let origin = Origin { kind: OriginKind::Auto, run: 0 };
    let left_out = dropped.iter().filter(|drop| !drop.reason.speaks_against_person());
    let person = faces.iter().map(|planned| planned.face).chain(left_out.map(|drop| drop.face)).collect();
    PlannedSet { name: name.to_owned(), label: None, marker: None, era: None, origin, person, faces, dropped }
}

/// The faces of a set that nothing that the user says keeps out of it; the others go to `dropped`.
pub fn as_the_user_says(
    gallery: &Gallery,
    faces: Vec<usize>,
    pins: &ResolvedPins,
    dropped: &mut Vec<Drop>,
) -> Vec<usize> {
    let out: HashMap<usize, DropReason> = ruled_out(pins).map(|drop| (drop.face, drop.reason)).collect();
    let faces = keep(faces, dropped, |face| out.get(&face).cloned());
    let intruders: HashMap<usize, i64> = pins.intruders(gallery, &faces).into_iter().collect();
    keep(faces, dropped, |face| intruders.get(&face).map(|pin| DropReason::Apart { pin: *pin }))
}

/// Better first; between equals the content decides, so that the order never depends on that of the input.
pub(super) fn by_rank(gallery: &Gallery, a: &PlannedFace, b: &PlannedFace) -> Ordering {
    let key =
        |planned: &PlannedFace| (gallery.content_of(planned.face).sha256, gallery.faces[planned.face].number);
    b.quality.composite().total_cmp(&a.quality.composite()).then_with(|| key(a).cmp(&key(b)))
}

/// Keeps the best face of each photo.
fn one_a_photo(gallery: &Gallery, ranked: Vec<PlannedFace>, dropped: &mut Vec<Drop>) -> Vec<PlannedFace> {
    let mut kept: Vec<PlannedFace> = Vec::with_capacity(ranked.len());
    let mut number_kept = HashMap::new();
    for planned in ranked {
        let record = &gallery.faces[planned.face];
        if let Some(&kept_number) = number_kept.get(&record.content) {
            dropped.push(Drop { face: planned.face, reason: DropReason::SamePhoto { kept_number } });
        } else {
            number_kept.insert(record.content, record.number);
            kept.push(planned);
        }
    }
    kept
}

/// The largest padding up to `wanted` with which no other detection of the photo is visible in the crop.
pub(super) fn widest_padding(gallery: &Gallery, face: usize, wanted: f32) -> Result<f32, DropReason> {
    let record = &gallery.faces[face];
    let others: Vec<BBox> = neighbours(gallery, face).map(|other| gallery.faces[other].bbox).collect();
    let fits = |pad: f32| shows_none(&record.bbox, pad, &others);
    let least = wanted.min(MIN_PAD_RATIO);
    let steps = ((wanted - least) / PAD_STEP).floor() as u32;
    (0..=steps)
        .map(|step| wanted - step as f32 * PAD_STEP)
        .find(|pad| fits(*pad))
        .ok_or(DropReason::OtherFaceInCrop { min_pad_ratio: least })
}

/// How a crop is to be cut again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    /// No face was found, or a distorted one: detectors lose faces that fill the frame.
    Wider,
    /// Several were found.
    Narrower,
}

/// The paddings with which to try a crop again that was found wanting. None shows another detection of the
/// photo.
pub(super) fn other_paddings(gallery: &Gallery, face: &PlannedFace, change: Padding) -> Vec<f32> {
    let bbox = gallery.faces[face.face].bbox;
    let others: Vec<BBox> = neighbours(gallery, face.face).map(|other| gallery.faces[other].bbox).collect();
    let step = match change {
        Padding::Wider => WIDER_STEP,
        Padding::Narrower => (MIN_PAD_RATIO - face.pad_ratio) / OTHER_PADDINGS as f32,
    };
    if change == Padding::Narrower && step >= 0.0 {
        return Vec::new();
    }
    let paddings = (1..=OTHER_PADDINGS).map(|number| face.pad_ratio + number as f32 * step);
    paddings.filter(|pad| shows_none(&bbox, *pad, &others)).collect()
}

/// Whether a crop with this padding shows none of the other faces.
fn shows_none(bbox: &BBox, pad: f32, others: &[BBox]) -> bool {
    let crop = square_around(bbox, pad);
    others.iter().all(|other| part_inside(other, &crop) <= MAX_VISIBLE_PART_OF_OTHER)
}

/// The other faces of the same photo. Faces of a photo are neighbours in the gallery's order.
fn neighbours(gallery: &Gallery, face: usize) -> impl Iterator<Item = usize> {
    let content = gallery.faces[face].content;
    let same = move |other: &usize| gallery.faces[*other].content == content;
    let before = (0..face).rev().take_while(same);
    let after = (face + 1..gallery.faces.len()).take_while(same);
    before.chain(after)
}

/// The square crop of a box: its side is (1 + 2·pad) · long side, about the same centre.
pub fn square_around(bbox: &BBox, pad_ratio: f32) -> BBox {
    let half = bbox.long_side() * (0.5 + pad_ratio);
    let [x, y] = bbox.centre();
    BBox { x1: x - half, y1: y - half, x2: x + half, y2: y + half }
}

/// Reads a side of a crop from a manifest or a plan, which anybody may have written.
pub fn out_size<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let size = u32::deserialize(from)?;
    let fits = OUT_SIZES.contains(&i64::from(size));
    if fits {
        Ok(size)
    } else {
        Err(de::Error::custom(format!("crops of {size} pixels on a side cannot be made")))
    }
}

fn pad_ratio<'de, D: Deserializer<'de>>(from: D) -> Result<f32, D::Error> {
    parse_pad_ratio(&f32::deserialize(from)?.to_string()).map_err(de::Error::custom)
}

fn min_face_short<'de, D: Deserializer<'de>>(from: D) -> Result<f32, D::Error> {
    non_negative(&f32::deserialize(from)?.to_string()).map_err(de::Error::custom)
}

/// Parses a padding from 0 to 4.
pub fn parse_pad_ratio(text: &str) -> Result<f32, String> {
    let in_range = |ratio: &f32| (0.0..=4.0).contains(ratio);
    text.parse().ok().filter(in_range).ok_or_else(|| "a number from 0 to 4 is needed".to_owned())
}

/// Which part of `inner`'s area is inside `outer`, in [0, 1].
fn part_inside(inner: &BBox, outer: &BBox) -> f32 {
    let width = (inner.x2.min(outer.x2) - inner.x1.max(outer.x1)).max(0.0);
    let height = (inner.y2.min(outer.y2) - inner.y1.max(outer.y1)).max(0.0);
    width * height / (inner.width() * inner.height())
}

#[cfg(test)]
mod tests {
    use facesets_base::location::Location;
    use facesets_core::Sha256Digest;
    use facesets_people::{
        cluster::Constraints,
        drops::Gate,
        gallery::{Content, GalleryFace},
    };
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;

    /// Faces (photo, box) with the same embedding; photos in order.
    fn gallery(faces: &[(usize, [f32; 4])]) -> Gallery {
        let mut embeddings = Array2::zeros((faces.len(), 4));
        embeddings.column_mut(0).fill(1.0);
        let photos = faces.iter().map(|(photo, _)| photo + 1).max().unwrap_or(0);
        Gallery {
            contract: "face/test".to_owned(),
            contents: (0..photos)
                .map(|i| Content {
                    sha256: Sha256Digest::of(&i.to_le_bytes()),
                    locations: vec![Location::file(format!("/{i}.jpg"))],
                    width: 4000,
                    height: 3000,
                    bytes: 1000,
                    capture_year: None,
                })
                .collect(),
            faces: faces
                .iter()
                .enumerate()
                .map(|(i, (content, corners))| GalleryFace {
                    content: *content,
                    number: i as u32,
                    bbox: BBox::new(*corners).unwrap(),
                    det_score: 0.9,
                    norm: 20.0,
                    blur: 100.0,
                    landmarks_68: Vec::new(),
                    roll: None,
                    pose: None,
                })
                .collect(),
            embeddings,
            absent: facesets_people::gallery::Absent::default(),
        }
    }

    fn square(x: f32, y: f32, side: f32) -> [f32; 4] {
        [x, y, x + side, y + side]
    }

    #[test]
    fn larger_faces_rank_first_and_small_ones_are_dropped_with_their_figures() {
        let gallery = gallery(&[
            (0, square(0.0, 0.0, 120.0)),
            (1, square(0.0, 0.0, 240.0)),
            (2, square(0.0, 0.0, 99.0)),
        ]);
        let planned =
            plan(&gallery, "s", vec![0, 1, 2], &ExportParameters::default(), &ResolvedPins::default());
        assert_eq!(planned.faces.iter().map(|f| f.face).collect::<Vec<_>>(), [1, 0]);
        assert_eq!(
            planned.dropped,
            [Drop { face: 2, reason: DropReason::ShortSide { pixels: 99.0, min: 100.0 } }]
        );
    }

    #[test]
    fn what_the_user_says_goes_before_every_rule() {
        let gallery = gallery(&[0, 1, 2, 3].map(|photo| (photo, square(0.0, 0.0, 200.0))));
        let pins = ResolvedPins {
            no_faces: vec![(0, 5)],
            dropped: vec![(0, 8), (1, 9)],
            constraints: Constraints { together: vec![], apart: vec![(2, 3)] },
            apart_by: vec![6],
            ..ResolvedPins::default()
        };
        let planned = plan(&gallery, "s", vec![0, 1, 2, 3], &ExportParameters::default(), &pins);
        let [stays] = planned.faces[..] else { panic!("{planned:?}") };
        let goes = 5 - stays.face;
        let drop = |face, reason| Drop { face, reason };
        assert_eq!(
            planned.dropped,
            [
                drop(0, DropReason::Pinned { pin: 5 }),
                drop(1, DropReason::Decided { decision: 9 }),
                drop(goes, DropReason::Apart { pin: 6 })
            ]
        );
    }

    #[test]
    fn a_photo_gives_its_best_face_only() {
        let gallery = gallery(&[(0, square(0.0, 0.0, 120.0)), (0, square(1500.0, 0.0, 240.0))]);
        let planned = plan(&gallery, "s", vec![0, 1], &ExportParameters::default(), &ResolvedPins::default());
        assert_eq!(planned.faces.iter().map(|f| f.face).collect::<Vec<_>>(), [1]);
        assert_eq!(planned.dropped[0].reason, DropReason::SamePhoto { kept_number: 1 });
    }

    #[test]
    fn padding_shrinks_until_the_neighbour_is_out_or_the_face_is_dropped() {
        let far = gallery(&[(0, square(0.0, 0.0, 200.0)), (0, square(600.0, 0.0, 200.0))]);
        assert_eq!(widest_padding(&far, 0, 0.5), Ok(0.5));
        let near = gallery(&[(0, square(0.0, 0.0, 200.0)), (0, square(250.0, 0.0, 200.0))]);
        let pad = widest_padding(&near, 0, 0.5).unwrap();
        assert!((0.3..0.5).contains(&pad), "{pad}");
        let touching = gallery(&[(0, square(0.0, 0.0, 200.0)), (0, square(150.0, 0.0, 60.0))]);
        assert_eq!(widest_padding(&touching, 0, 0.5).unwrap_err().gate(), Gate::OtherFaceInCrop);
    }

    #[test]
    fn faces_of_other_photos_do_not_narrow_a_crop() {
        let gallery = gallery(&[(0, square(0.0, 0.0, 200.0)), (1, square(150.0, 0.0, 60.0))]);
        assert_eq!(widest_padding(&gallery, 0, 0.5), Ok(0.5));
    }

    proptest! {
        #[test]
        fn the_order_of_the_input_does_not_matter(
            faces in prop::collection::vec((0usize..6, 0.0f32..2000.0, 60.0f32..400.0), 1..12), shift in 0usize..12,
        ) {
            let mut faces: Vec<(usize, [f32; 4])> = faces.into_iter().map(|(photo, x, side)| (photo, square(x, 10.0, side))).collect();
            faces.sort_by_key(|(photo, _)| *photo);
            let gallery = gallery(&faces);
            let rows: Vec<usize> = (0..faces.len()).collect();
            let mut rotated = rows.clone();
            rotated.rotate_left(shift % faces.len());
            let (parameters, pins) = (ExportParameters::default(), ResolvedPins::default());
            let planned = plan(&gallery, "s", rows, &parameters, &pins);
            prop_assert_eq!(planned.faces.len() + planned.dropped.len(), faces.len());
            prop_assert_eq!(planned, plan(&gallery, "s", rotated, &parameters, &pins));
        }
    }
}
