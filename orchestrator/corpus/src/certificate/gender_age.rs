//! Gender and age of a set's person, summed up from what a model says of each of its crops. Pure.
//!
//! A model is often wrong about one picture, and seldom about most: of the crops, each of which says one
//! gender, the majority decides, and the age is the median, so that no single crop moves either far. Neither
//! says who somebody is.

use facesets_core::{Gender, GenderAge};
use serde::{Deserialize, Serialize};

/// What is said of gender and age; part of a set's manifest where one of its formats tells them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum GenderAgeRecord {
    /// A model has looked at the crops.
    Estimated {
        /// What the estimates are under.
        contract: String,
        /// That of most crops; where they are tied, that of the best.
        gender: GenderWord,
        /// The median in whole years, never below 0.
        age: u32,
        /// Crops that the model takes for a woman's.
        female: usize,
        /// Crops that the model takes for a man's.
        male: usize,
    },
    /// Nothing is known, and nothing made up.
    NotEstimated {
        /// Why not.
        reason: NotEstimated,
    },
}

/// A [`Gender`] as manifests have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "documented at `Gender`")]
pub enum GenderWord {
    Female,
    Male,
}

/// Why there is no estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotEstimated {
    /// The model pack has no model for them.
    NoModel,
    /// The workers have different models for them, or only some have one: what comes of it would depend on
    /// who takes which crop.
    ModelsDiffer,
    /// No worker was asked; the set's certificate says why.
    NotAsked,
    /// The detector size of the set's contract is none of the certificate's, and at it no crop showed a face.
    NoFace,
}

impl std::fmt::Display for NotEstimated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoModel => "the model pack has no genderage model",
            Self::ModelsDiffer => "the workers do not all have the same genderage model",
            Self::NotAsked => "no worker looked at the crops",
            Self::NoFace => "no face was found in the crops at the detector size of their contract",
        })
    }
}

impl GenderAgeRecord {
    /// What estimates for the crops of a set, best first, come to.
    pub fn sum_up(contract: &str, crops: &[GenderAge]) -> Self {
        let Some(best) = crops.first() else {
            return Self::NotEstimated { reason: NotEstimated::NoFace };
        };
        let male = crops.iter().filter(|crop| crop.gender() == Gender::Male).count();
        let female = crops.len() - male;
        let gender = match male.cmp(&female) {
            std::cmp::Ordering::Greater => Gender::Male,
            std::cmp::Ordering::Less => Gender::Female,
            std::cmp::Ordering::Equal => best.gender(),
        };
        let gender = if gender == Gender::Male { GenderWord::Male } else { GenderWord::Female };
        Self::Estimated { contract: contract.to_owned(), gender, age: median_age(crops), female, male }
    }

    /// `InsightFace`'s numbers: 0 for female, 1 for male, and years; `None` where they are not known.
    pub fn numbers(&self) -> Option<(i64, i64)> {
        match self {
            Self::Estimated { gender, age, .. } => {
                Some((i64::from(*gender == GenderWord::Male), i64::from(*age)))
            }
            Self::NotEstimated { .. } => None,
        }
    }
}

/// The middle of the ages, or the mean of the two in the middle; halves of years are rounded to even, as
/// `InsightFace` rounds a face's.
fn median_age(crops: &[GenderAge]) -> u32 {
    let mut years: Vec<f64> = crops.iter().map(|crop| f64::from(crop.years())).collect();
    years.sort_by(f64::total_cmp);
    let (low, high) = (years[(years.len() - 1) / 2], years[years.len() / 2]);
    // Casting saturates.
    f64::midpoint(low, high).round_ties_even() as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn crop(male: f32, years: f32) -> GenderAge {
        GenderAge { female: 0.0, male, age: years / 100.0 }
    }

    fn summed(crops: &[GenderAge]) -> (i64, i64) {
        GenderAgeRecord::sum_up("gender-age/test", crops).numbers().unwrap()
    }

    #[test]
    fn most_crops_decide_the_gender_however_sure_the_model_is_of_the_others() {
        assert_eq!(summed(&[crop(-99.0, 30.0), crop(0.1, 30.0), crop(0.1, 30.0)]), (1, 30));
        // Tied: the best crop.
        assert_eq!(summed(&[crop(-0.1, 30.0), crop(9.0, 30.0)]).0, 0);
        assert_eq!(summed(&[crop(0.1, 30.0), crop(-9.0, 30.0)]).0, 1);
        // Neither is larger, so the first of the two it is.
        assert_eq!(summed(&[crop(0.0, 30.0)]).0, 0);
    }

    #[test]
    fn the_age_is_the_median_and_no_crop_moves_it_far() {
        assert_eq!(summed(&[crop(1.0, 31.0), crop(1.0, 29.0), crop(1.0, 95.0)]).1, 31);
        assert_eq!(summed(&[crop(1.0, 30.0), crop(1.0, 41.0), crop(1.0, 2.0), crop(1.0, 33.0)]).1, 32);
        assert_eq!(summed(&[crop(1.0, -4.0)]).1, 0);
    }

    #[test]
    fn nothing_seen_is_nothing_known() {
        let record = GenderAgeRecord::sum_up("gender-age/test", &[]);
        assert_eq!(record, GenderAgeRecord::NotEstimated { reason: NotEstimated::NoFace });
        assert_eq!(record.numbers(), None);
    }

    proptest! {
        #[test]
        fn the_order_of_crops_counts_only_where_votes_are_tied(
            crops in prop::collection::vec((-1.0f32..1.0, -10.0f32..120.0), 1..20),
            turn in 0usize..20,
        ) {
            let crops: Vec<GenderAge> = crops.into_iter().map(|(male, years)| crop(male, years)).collect();
            let mut turned = crops.clone();
            turned.rotate_left(turn % crops.len());
            let (one, other) = (summed(&crops), summed(&turned));
            prop_assert_eq!(one.1, other.1);
            let male = crops.iter().filter(|crop| crop.gender() == Gender::Male).count();
            prop_assert!(one.0 == other.0 || male * 2 == crops.len());
        }
    }
}
