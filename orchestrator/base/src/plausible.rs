//! What nobody can have measured in a photo of a certain size. Whatever is said of faces from outside
//! (workers' answers, arrays that are imported) is compared with this before it is believed, and what a
//! library holds can be too. Pure.
//!
//! The bounds are wide: a detector may be wrong, and a face may reach beyond its photo. What they keep out is
//! of no use to anybody, and would become black crops, vast squares and sums that overflow.

use facesets_core::{
    BBox, Detections, Face, FaceAnalysis, FaceCount, GenderAge, GenderAges,
    wire::{AnalyzeFaces, TaskResult},
};

/// Longest side of a photo in pixels: up to there, coordinates (`f32`) tell every pixel from the next.
const MAX_SIDE: u32 = 1 << 24;

/// Most faces of one photo. An answer with landmarks has room for some 2000.
pub const MAX_FACES: usize = 10_000;

/// How far a box or a point of the detector may lie beyond its photo, as a part of the photo's longer side:
/// the faces that detectors are trained on are not larger than their input.
const REACH: f32 = 1.0;

/// The same for landmarks, which a network places in a crop of one and a half boxes, or somewhat beside it.
const LANDMARK_REACH: f32 = 4.0;

/// Overlap of two faces (intersection over union) above which they are one: above that of
/// [`AnalyzeFaces::NMS_THRESHOLD`] the weaker one was dropped, with some room for devices that differ.
const SAME_FACE: f32 = AnalyzeFaces::NMS_THRESHOLD + 0.05;

/// Longest raw embedding. Recognisers give some tens.
const MAX_NORM: f32 = 1e5;

/// Largest variance of the Laplacian: of 8-bit levels, whose 3×3 Laplacian lies within ±2040, it is below
/// this.
const MAX_BLUR: f32 = 1e7;

/// Largest output of the network for gender, and largest age in hundreds of years.
const MAX_LOGIT: f32 = 1e4;
const MAX_AGE: f32 = 10.0;

/// What is said of a face whose box no photo holds.
const ELSEWHERE: &str = "has a box that shows nothing of its photo, or is vast";

/// Width and height of an upright photo in pixels, each at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    width: u32,
    height: u32,
}

/// What cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Implausible {
    /// No photo has this size.
    #[error("no photo has {0} × {1} pixels")]
    Size(u32, u32),
    /// The photo has another one.
    #[error("the photo has {photo} pixels, and is said to have {said}")]
    OtherSize {
        /// By its own header.
        photo: Extent,
        /// In the answer.
        said: Extent,
    },
    /// Too many faces.
    #[error("{0} faces in one photo, more than {MAX_FACES}")]
    TooManyFaces(usize),
    /// The same face twice.
    #[error("faces {0} and {1} are the same: their boxes overlap more than the detector lets two faces")]
    Twice(usize, usize),
    /// A box or a measurement of a face.
    #[error("face {number} {what}")]
    Face {
        /// The face's number in the photo.
        number: usize,
        /// What it is said to have.
        what: &'static str,
    },
}

impl Extent {
    /// Of a photo as it is said to be.
    pub fn new(width: u32, height: u32) -> Result<Self, Implausible> {
        let sides = 1..=MAX_SIDE;
        let fits = sides.contains(&width) && sides.contains(&height);
        fits.then_some(Self { width, height }).ok_or(Implausible::Size(width, height))
    }

    /// Width in pixels.
    pub fn width(self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(self) -> u32 {
        self.height
    }

    /// Whether a box has a whole pixel of the photo in it, and does not reach vastly beyond it.
    fn holds(self, bbox: &BBox) -> bool {
        let corners = bbox.corners();
        let points = corners.as_chunks::<2>().0;
        bbox.clamped(self.width, self.height).is_some() && self.is_near(points, REACH)
    }

    /// Whether points lie within the photo, or beyond it by at most so many of its longer sides. A third
    /// coordinate counts as the others.
    fn is_near<const N: usize>(self, points: &[[f32; N]], reach: f32) -> bool {
        let [width, height] = [self.width, self.height].map(|side| side as f32);
        let beyond = reach * width.max(height);
        let near = |value: f32, side: f32| (-beyond..=side + beyond).contains(&value);
        // The depth of landmarks has the scale of the other two and no origin in the photo.
        points.iter().all(|point| {
            let depth = point.get(2).copied().unwrap_or(0.0);
            near(point[0], width) && near(point[1], height) && near(depth, width.max(height))
        })
    }
}

impl std::fmt::Display for Extent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} × {}", self.width, self.height)
    }
}

/// Whether a result can be that of a photo; of one whose size nobody here knows, the result's own counts.
pub fn check_result(result: &TaskResult, photo: Option<Extent>) -> Result<(), Implausible> {
    match result {
        TaskResult::Faces(analysis) => check_analysis(analysis, photo),
        TaskResult::Count(count) => check_count(count, photo),
        // A unit vector is all that it says, and its type says that it is one.
        TaskResult::Clip(_) => Ok(()),
    }
}

/// Whether all that is said of the faces of a photo can be.
pub fn check_analysis(analysis: &FaceAnalysis, photo: Option<Extent>) -> Result<(), Implausible> {
    let extent = same_size(analysis.width, analysis.height, photo)?;
    check_boxes(analysis.faces.iter().map(|face| face.bbox), extent)?;
    for (number, face) in analysis.faces.iter().enumerate() {
        check_face(face, extent).map_err(|what| Implausible::Face { number, what })?;
    }
    analysis.gender_age.as_deref().map_or(Ok(()), check_estimates)
}

fn check_count(count: &FaceCount, photo: Option<Extent>) -> Result<(), Implausible> {
    let extent = same_size(count.width, count.height, photo)?;
    let check = |size: &Detections| check_boxes(size.faces.iter().map(|face| face.bbox), extent);
    count.sizes.iter().try_for_each(check)
}

/// The size that is said, if it is the photo's.
fn same_size(width: u32, height: u32, photo: Option<Extent>) -> Result<Extent, Implausible> {
    let said = Extent::new(width, height)?;
    match photo {
        Some(photo) if photo != said => Err(Implausible::OtherSize { photo, said }),
        _ => Ok(said),
    }
}

fn check_boxes(boxes: impl ExactSizeIterator<Item = BBox>, photo: Extent) -> Result<(), Implausible> {
    if boxes.len() > MAX_FACES {
        return Err(Implausible::TooManyFaces(boxes.len()));
    }
    let boxes: Vec<BBox> = boxes.collect();
    if let Some(number) = boxes.iter().position(|bbox| !photo.holds(bbox)) {
        return Err(Implausible::Face { number, what: ELSEWHERE });
    }
    check_distinct(&boxes)
}

/// Whether boxes are those of different faces.
pub fn check_distinct(boxes: &[BBox]) -> Result<(), Implausible> {
    let earlier =
        |number: usize| boxes[..number].iter().position(|other| other.iou(&boxes[number]) > SAME_FACE);
    let twice = (0..boxes.len()).find_map(|number| Some(Implausible::Twice(earlier(number)?, number)));
    twice.map_or(Ok(()), Err)
}

/// Whether box and measurements of a face can be, by themselves; what it is said to have if not.
pub fn check_face(face: &Face, photo: Extent) -> Result<(), &'static str> {
    let within = |value: f32, most: f32| value > 0.0 && value <= most;
    if !photo.holds(&face.bbox) {
        Err(ELSEWHERE)
    } else if !within(face.det_score, 1.0) {
        Err("has a detector score outside of (0, 1]")
    } else if !within(face.embedding.norm, MAX_NORM) {
        Err("has an embedding without length, or of one that no recogniser gives")
    } else if !(0.0..=MAX_BLUR).contains(&face.blur) {
        Err("has a blur that no picture has")
    } else if !photo.is_near(&face.keypoints, REACH) {
        Err("has a keypoint that is no number or lies far outside of its photo")
    } else if !photo.is_near(&face.landmarks_106, LANDMARK_REACH)
        || !photo.is_near(&face.landmarks_68, LANDMARK_REACH)
    {
        Err("has a landmark that is no number or lies far outside of its photo")
    } else {
        Ok(())
    }
}

fn check_estimates(estimates: &GenderAges) -> Result<(), Implausible> {
    let fits = |estimate: &GenderAge| {
        let GenderAge { female, male, age } = *estimate;
        [female.abs(), male.abs()].iter().all(|logit| *logit <= MAX_LOGIT) && age.abs() <= MAX_AGE
    };
    match estimates.faces.iter().position(|estimate| !fits(estimate)) {
        Some(number) => Err(Implausible::Face { number, what: "has a gender or an age that nobody has" }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
