//! What is said where no set came of it: which rules took how many faces, and the flags that would keep them.

use std::{collections::BTreeMap, fmt};

use facesets_corpus::manifest::DroppedFace;
use facesets_people::{
    drops::{DropReason, Gate},
    refine::fewest,
};
use serde::Serialize;

/// Whose flags are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flags {
    /// Those of `refine` and `discover`.
    Gates,
    /// Those of `export-swap`.
    Export,
    /// Keys of a recipe of `import folders`.
    Recipe,
}

/// Why there is no set; part of a summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Shortage {
    /// Faces that there were.
    faces: usize,
    /// What became of them.
    taken: Vec<Taken>,
}

/// The faces that one rule took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Taken {
    gate: Gate,
    faces: usize,
    /// What would keep them, for people to type.
    keep: Option<String>,
}

impl Shortage {
    /// Of these drops, which are all the faces that there were. `thin` are the photos of each group that has
    /// too few of them, most first.
    pub(crate) fn new(dropped: &[DroppedFace], thin: &[usize], flags: Flags) -> Self {
        let mut by_gate: BTreeMap<Gate, Vec<&DropReason>> = BTreeMap::new();
        for drop in dropped {
            by_gate.entry(drop.reason.gate()).or_default().push(&drop.reason);
        }
        let taken = |(gate, reasons): (&Gate, &Vec<&DropReason>)| Taken {
            gate: *gate,
            faces: reasons.len(),
            keep: match gate {
                Gate::TooFewImages => fewest(thin).map(|(min_faces, sets)| {
                    format!("`--min-faces {min_faces}` makes {sets} of the {} groups a set", thin.len())
                }),
                _ => flags.keep(*gate, reasons),
            },
        };
        Self { faces: dropped.len(), taken: by_gate.iter().map(taken).collect() }
    }
}

impl Flags {
    /// What would keep all of the faces that a gate has left out for these reasons.
    fn keep(self, gate: Gate, reasons: &[&DropReason]) -> Option<String> {
        let figure = |reason: &&DropReason| match **reason {
            DropReason::ShortSide { pixels, .. } => Some(pixels.floor()),
            DropReason::Blur { blur, .. } => Some(blur.floor()),
            // Two digits are what a person types.
            DropReason::DetScore { det_score, .. } => Some((det_score * 100.0).floor() / 100.0),
            DropReason::Outlier { distance, .. } => Some((distance * 100.0).ceil() / 100.0),
            _ => None,
        };
        let figures = reasons.iter().filter_map(figure);
        let figure = if gate == Gate::Outlier { figures.reduce(f32::max) } else { figures.reduce(f32::min) };
        let flag = match (self, gate) {
            (_, Gate::OnItsSide) if self != Self::Recipe => {
                return Some("`--max-roll 180` keeps them".to_owned());
            }
            (_, Gate::NotOneFace | Gate::UnlikeInCrop) => {
                return Some("`--no-certificate` hands them out unseen".to_owned());
            }
            (Self::Gates, Gate::ShortSide) => "--min-short ",
            (Self::Gates, Gate::Blur) => "--min-blur ",
            (Self::Gates, Gate::DetScore) => "--min-det-score ",
            (Self::Gates | Self::Export, Gate::Outlier) => "--outlier-threshold ",
            (Self::Export, Gate::ShortSide) => "--min-face-short ",
            (Self::Recipe, Gate::ShortSide) => "min_face_short = ",
            _ => return None,
        };
        figure.map(|figure| {
            let place = if self == Self::Recipe { " in the recipe" } else { "" };
            format!("`{flag}{figure}`{place} keeps them")
        })
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.faces == 0 {
            return writeln!(f, "there is no set, as there was no face to make one from");
        }
        writeln!(f, "there is no set: of {} faces none is left", self.faces)?;
        for Taken { gate, faces, keep } in &self.taken {
            write!(f, "  {faces}: {gate}")?;
            match keep {
                Some(keep) => writeln!(f, "; {keep}")?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use facesets_corpus::manifest::dropped_faces;
    use facesets_people::{drops::Drop, testing::gallery_of};

    use super::*;

    #[test]
    fn every_rule_is_told_with_its_faces_and_the_flag_that_keeps_them_all() {
        let reasons = [
            DropReason::ShortSide { pixels: 74.7, min: 90.0 },
            DropReason::ShortSide { pixels: 80.0, min: 90.0 },
            DropReason::Blur { blur: 0.5, min: 40.0 },
            DropReason::DetScore { det_score: 0.559, min: 0.6 },
            DropReason::Outlier { distance: 0.561, max: 0.55 },
            DropReason::OnItsSide { degrees: 90.0, max: 45.0 },
            DropReason::Pinned { pin: 1 },
            DropReason::TooFewImages { images: 4, min: 15 },
        ];
        let gallery = gallery_of(&vec![(0, 0.0); reasons.len()]);
        let drops: Vec<Drop> = (0..).zip(reasons).map(|(face, reason)| Drop { face, reason }).collect();
        let shortage = Shortage::new(&dropped_faces(&gallery, &drops), &[4, 3, 2, 1], Flags::Gates);
        assert_eq!(
            shortage.to_string().lines().collect::<Vec<_>>(),
            [
                "there is no set: of 8 faces none is left",
                "  2: face too small; `--min-short 74` keeps them",
                "  1: too blurred; `--min-blur 0` keeps them",
                "  1: detector not confident; `--min-det-score 0.55` keeps them",
                "  1: face on its side or head; `--max-roll 180` keeps them",
                "  1: too far from the centroid; `--outlier-threshold 0.57` keeps them",
                "  1: too few photos in its set; `--min-faces 3` makes 2 of the 4 groups a set",
                "  1: no face, as you said",
            ]
        );
        let of_export = Shortage::new(&dropped_faces(&gallery, &drops[..2]), &[], Flags::Export);
        assert!(of_export.to_string().contains("`--min-face-short 74` keeps them"), "{of_export}");
        let of_recipe = Shortage::new(&dropped_faces(&gallery, &drops[..2]), &[], Flags::Recipe);
        assert!(of_recipe.to_string().contains("`min_face_short = 74` in the recipe"), "{of_recipe}");
    }

    #[test]
    fn sets_of_three_photos_are_proposed_and_smaller_ones_only_where_there_is_nothing_else() {
        assert_eq!(fewest(&[14, 6, 5, 2, 1]), Some((5, 3)));
        assert_eq!(fewest(&[2, 2, 1]), Some((2, 2)));
        assert_eq!(fewest(&[1, 1]), Some((1, 2)));
        assert_eq!(fewest(&[]), None);
    }
}
