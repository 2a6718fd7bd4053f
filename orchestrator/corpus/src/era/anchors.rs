//! The one rule by which anything joins an era: near enough, and of about its time.

use facesets_people::{cluster::centroids, gallery::Gallery, threshold::CosineDistance};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use super::years::dominant;

/// Farthest from the dominant year of an era, in years: faces change slowly enough.
const YEAR_WINDOW: u16 = 5;

/// Every knob of joining.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct JoinParameters {
    /// Farthest cosine distance from the centroid of the nearest era at which anything joins it.
    pub join_threshold: CosineDistance,
    /// Most years from its dominant year at which anything joins an era.
    pub year_window: u16,
}

impl Default for JoinParameters {
    fn default() -> Self {
        Self { join_threshold: CosineDistance::literal(0.40), year_window: YEAR_WINDOW }
    }
}

/// The eras that may be joined, by their founding members alone: whatever joins changes neither centroid nor
/// year.
#[derive(Debug, Clone)]
pub struct Anchors {
    /// One centroid a row.
    centres: Array2<f32>,
    /// Dominant years.
    years: Vec<Option<u16>>,
}

/// Whether something joins an era; `anchor` is the number of the nearest one, distances are to its centroid.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "fit", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the figures; the variants say what they mean")]
pub enum Fit {
    /// It does.
    Joins { anchor: usize, distance: f32 },
    /// There is no era near enough.
    TooFar { anchor: usize, distance: f32 },
    /// The nearest era is of another time. Others are not tried: what looks like one era and is dated like
    /// another is wrong about something.
    OtherYears { anchor: usize, distance: f32, years: u16 },
    /// It has no year, or the nearest era has none.
    NoYear { anchor: usize, distance: f32 },
    /// There is no era at all.
    NoAnchor,
}

impl Anchors {
    /// Eras with these founding members (rows of the gallery, none empty) and the years of each.
    pub fn new(gallery: &Gallery, founding: &[Vec<usize>], years: &[Vec<u16>]) -> Self {
        Self {
            centres: centroids(&gallery.embeddings, founding),
            years: years.iter().map(|years| dominant(years)).collect(),
        }
    }

    /// Where something with this unit vector and year belongs; of equally near eras the first counts.
    /// O(anchors · d).
    pub fn fit(&self, vector: &Array1<f32>, year: Option<u16>, parameters: &JoinParameters) -> Fit {
        let distances = self.centres.rows().into_iter().map(|centre| 1.0 - centre.dot(vector));
        let nearest = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        let Some((anchor, distance)) = nearest else { return Fit::NoAnchor };
        match (year, self.years[anchor]) {
            _ if distance > parameters.join_threshold.get() => Fit::TooFar { anchor, distance },
            (Some(year), Some(own)) if year.abs_diff(own) <= parameters.year_window => {
                Fit::Joins { anchor, distance }
            }
            (Some(year), Some(own)) => Fit::OtherYears { anchor, distance, years: year.abs_diff(own) },
            _ => Fit::NoYear { anchor, distance },
        }
    }
}

impl Fit {
    /// The nearest era and the distance to its centroid.
    pub fn nearest(&self) -> Option<(usize, f32)> {
        match *self {
            Self::Joins { anchor, distance }
            | Self::TooFar { anchor, distance }
            | Self::OtherYears { anchor, distance, .. }
            | Self::NoYear { anchor, distance } => Some((anchor, distance)),
            Self::NoAnchor => None,
        }
    }

    /// In words; `nearest` is the name of the nearest era.
    pub fn explain(&self, nearest: &str) -> String {
        match self {
            Self::Joins { distance, .. } => format!("joins {nearest} at {distance:.3}"),
            Self::TooFar { distance, .. } => {
                format!("the nearest era, {nearest}, is too far away: {distance:.3}")
            }
            Self::OtherYears { distance, years, .. } => {
                format!("near {nearest} ({distance:.3}), but {years} years from its dominant one")
            }
            Self::NoYear { distance, .. } => {
                format!("near {nearest} ({distance:.3}), but one of them has no year")
            }
            Self::NoAnchor => "there is no era".to_owned(),
        }
    }
}
