//! What the user says of faces, whatever their embeddings say: same person, not the same, not a face, dropped
//! for good. Pure.

use std::collections::{BTreeSet, HashMap};

use facesets_base::exit::Hint;
use facesets_core::{BBox, Sha256Digest};
use serde::Serialize;

use crate::{
    cluster::{Constraints, centroid},
    gallery::{FaceFinder, Gallery},
    threshold::CosineDistance,
};

/// A face as it is named for good.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PinnedFace {
    /// Digest of its photo.
    pub sha256: Sha256Digest,
    /// Its box when it was pinned.
    pub bbox: BBox,
}

/// What a pin says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PinKind {
    /// Two faces are one person's.
    Same,
    /// Two faces are not.
    Different,
    /// There is no face, or none that anybody wants.
    NoFace,
}

/// A statement of the user.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pin {
    /// Its number.
    pub id: i64,
    /// What it says.
    pub kind: PinKind,
    /// Of which face.
    pub a: PinnedFace,
    /// And which other one; of one face alone, the same again.
    pub b: PinnedFace,
}

/// Pins that cannot all be true.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("pin {apart} says that two faces are not one person's, but by {} they are", list(.together))]
pub struct Contradiction {
    apart: i64,
    together: Vec<i64>,
}

/// A face that a decision has dropped for good.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DroppedForGood {
    /// The face.
    pub face: PinnedFace,
    /// Number of the decision.
    pub decision: i64,
}

/// Pins and lasting drops as rows of a gallery.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResolvedPins {
    /// For the clustering.
    pub constraints: Constraints,
    /// The pins behind `constraints.apart`, in its order.
    pub apart_by: Vec<i64>,
    /// Rows that are no faces, ascending, with the pin that says so.
    pub no_faces: Vec<(usize, i64)>,
    /// Rows that are dropped for good, ascending, with the decision that says so.
    pub dropped: Vec<(usize, i64)>,
    /// Pins whose faces the gallery does not have.
    pub unresolved: Vec<i64>,
}

/// What a pin changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PinEffect {
    /// The pin.
    pub pin: i64,
    /// What it says.
    pub kind: PinKind,
    /// Whether the result were another without it.
    pub changed: bool,
    /// Cosine distance of its two faces; `None` of one face.
    pub distance: Option<f32>,
    /// The distance at which faces are one person's on average without it.
    pub threshold: CosineDistance,
    /// Where its two faces are one person's, but are in two groups without pins: how many faces these have.
    pub unites: Option<[usize; 2]>,
    /// Whether these groups are not united as a whole, since other pins say that faces of them are not one
    /// person's.
    pub kept_apart: bool,
}

/// Finds the faces that pins mean, and pins that contradict each other.
pub fn resolve(gallery: &Gallery, pins: &[Pin]) -> Result<ResolvedPins, Contradiction> {
    let mut resolved = ResolvedPins::default();
    let finder = FaceFinder::new(gallery);
    let find = |face: &PinnedFace| finder.find(&face.sha256, &face.bbox);
    // Pins that say that faces are one person's, as edges.
    let mut same: Vec<(usize, usize, i64)> = Vec::new();
    let mut different = Vec::new();
    for pin in pins {
        let (Some(a), Some(b)) = (find(&pin.a), find(&pin.b)) else {
            resolved.unresolved.push(pin.id);
            continue;
        };
        match pin.kind {
            PinKind::Same if a != b => same.push((a, b, pin.id)),
            PinKind::Different => different.push((a, b, pin.id)),
            PinKind::NoFace => resolved.no_faces.push((a, pin.id)),
            PinKind::Same => {}
        }
    }
    resolved.no_faces.sort_unstable();
    resolved.no_faces.dedup_by_key(|(row, _)| *row);
    let gone: BTreeSet<usize> = resolved.no_faces.iter().map(|(row, _)| *row).collect();
    same.retain(|(a, b, _)| !gone.contains(a) && !gone.contains(b));
    different.retain(|(a, b, _)| !gone.contains(a) && !gone.contains(b));
    for (a, b, apart) in &different {
        if let Some(together) = path(&same, *a, *b) {
            return Err(Contradiction { apart: *apart, together });
        }
    }
    resolved.constraints.together = same.iter().map(|(a, b, _)| (*a, *b)).collect();
    resolved.constraints.apart = different.iter().map(|(a, b, _)| (*a, *b)).collect();
    resolved.apart_by = different.iter().map(|(_, _, pin)| *pin).collect();
    Ok(resolved)
}

impl ResolvedPins {
    /// With the faces that decisions have dropped for good; those that the gallery does not have are of no
    /// account.
    #[must_use]
    pub fn with_dropped(mut self, gallery: &Gallery, dropped: &[DroppedForGood]) -> Self {
        let finder = FaceFinder::new(gallery);
        let row =
            |drop: &DroppedForGood| Some((finder.find(&drop.face.sha256, &drop.face.bbox)?, drop.decision));
        self.dropped = dropped.iter().filter_map(row).collect();
        self.dropped.sort_unstable();
        self.dropped.dedup_by_key(|(row, _)| *row);
        self
    }

    /// The faces that must leave a set so that no two stay in it that the user says are not one person's,
    /// each with the pin that says so.
    ///
    /// Of two that are apart, the one stays whose faces (its own and those that pins unite with it) are
    /// nearer to the set's centroid.
    pub fn intruders(&self, gallery: &Gallery, set: &[usize]) -> Vec<(usize, i64)> {
        if self.constraints.apart.is_empty() || set.is_empty() {
            return Vec::new();
        }
        let kinship = Kinship::of(self);
        let centroid = centroid(&gallery.embeddings, set);
        let mut kin: HashMap<usize, Vec<usize>> = HashMap::new();
        for row in set.iter().filter(|row| kinship.knows(**row)) {
            kin.entry(kinship.first(*row)).or_default().push(*row);
        }
        let ranks = gallery.tie_ranks();
        let key = |rows: &Vec<usize>| {
            let sum: f32 = rows.iter().map(|row| gallery.embedding(*row).dot(&centroid)).sum();
            (sum / rows.len() as f32, rows.iter().map(|row| ranks[*row]).min())
        };
        let mut kin: Vec<(usize, Vec<usize>)> = kin.into_iter().collect();
        kin.sort_by(|(_, a), (_, b)| {
            let ((a, first_a), (b, first_b)) = (key(a), key(b));
            b.total_cmp(&a).then(first_a.cmp(&first_b))
        });
        let mut staying: Vec<usize> = Vec::new();
        let mut leaving = Vec::new();
        for (first, rows) in kin {
            match staying.iter().find_map(|stays| self.apart_by(&kinship, first, *stays)) {
                Some(pin) => leaving.extend(rows.into_iter().map(|row| (row, pin))),
                None => staying.push(first),
            }
        }
        leaving.sort_unstable();
        leaving
    }

    /// The pin that says that two faces, or their kin, are apart.
    fn apart_by(&self, kinship: &Kinship, a: usize, b: usize) -> Option<i64> {
        let (a, b) = (kinship.first(a), kinship.first(b));
        let says = |(x, y): &(usize, usize)| {
            let pair = (kinship.first(*x), kinship.first(*y));
            pair == (a, b) || pair == (b, a)
        };
        let at = self.constraints.apart.iter().position(says)?;
        self.apart_by.get(at).copied()
    }
}

/// The pins that lead from one face to another; `None` where none do.
fn path(same: &[(usize, usize, i64)], from: usize, to: usize) -> Option<Vec<i64>> {
    let mut came_by: HashMap<usize, (usize, i64)> = HashMap::new();
    let mut front = vec![from];
    let mut seen = BTreeSet::from([from]);
    while let Some(face) = front.pop() {
        if face == to {
            let mut pins = Vec::new();
            let mut at = to;
            while let Some((before, pin)) = came_by.get(&at) {
                pins.push(*pin);
                at = *before;
            }
            pins.sort_unstable();
            return Some(pins);
        }
        for (a, b, pin) in same {
            let other = if *a == face {
                *b
            } else if *b == face {
                *a
            } else {
                continue;
            };
            if seen.insert(other) {
                came_by.insert(other, (face, *pin));
                front.push(other);
            }
        }
    }
    None
}

/// Who belongs together and who does not, through any number of pins.
#[derive(Debug, Default)]
pub struct Kinship {
    /// The first row of those that belong together.
    first: HashMap<usize, usize>,
    /// Pairs of first rows that are apart, both ways.
    apart: BTreeSet<(usize, usize)>,
}

impl Kinship {
    /// What follows from some pins.
    pub fn of(pins: &ResolvedPins) -> Self {
        let mut first: HashMap<usize, usize> = HashMap::new();
        for (a, b) in &pins.constraints.together {
            let (a, b) = (*first.get(a).unwrap_or(a), *first.get(b).unwrap_or(b));
            first.values_mut().filter(|root| **root == b).for_each(|root| *root = a);
            first.insert(a, a);
            first.insert(b, a);
        }
        let mut kinship = Self { first, apart: BTreeSet::new() };
        for (a, b) in &pins.constraints.apart {
            let (a, b) = (kinship.first(*a), kinship.first(*b));
            kinship.apart.extend([(a, b), (b, a)]);
        }
        kinship
    }

    /// Whether the user says that two faces are one person's.
    pub fn are_together(&self, a: usize, b: usize) -> bool {
        !self.first.is_empty() && self.first(a) == self.first(b)
    }

    /// Whether the user says that they are not.
    pub fn are_apart(&self, a: usize, b: usize) -> bool {
        !self.apart.is_empty() && self.apart.contains(&(self.first(a), self.first(b)))
    }

    /// Whether pins speak of a face.
    pub fn knows(&self, row: usize) -> bool {
        let first = self.first(row);
        self.first.contains_key(&row) || self.apart.range((first, 0)..=(first, usize::MAX)).next().is_some()
    }

    /// What is said of pairs that are apart, of all that belong to one of a pair and all that belong to the
    /// other.
    pub fn apart_of_all_kin(&self, said: &Constraints) -> Vec<(usize, usize)> {
        let kin = |row: usize| {
            let first = self.first(row);
            let kin = self.first.iter().filter(move |(_, of)| **of == first).map(|(row, _)| *row);
            kin.chain([row]).collect::<BTreeSet<usize>>()
        };
        let pairs = said.apart.iter().flat_map(|(a, b)| {
            let others = kin(*b);
            kin(*a).into_iter().flat_map(move |a| others.clone().into_iter().map(move |b| (a, b)))
        });
        pairs.collect()
    }

    fn first(&self, row: usize) -> usize {
        self.first.get(&row).copied().unwrap_or(row)
    }
}

/// What each pin about two faces changed, from the groups at `threshold` without any pins.
pub fn effects(
    gallery: &Gallery,
    pins: &[Pin],
    groups_without: &[Vec<usize>],
    threshold: CosineDistance,
) -> Vec<PinEffect> {
    let all = resolve(gallery, pins).map(|resolved| resolved.constraints).unwrap_or_default();
    let mut group_of: HashMap<usize, usize> = HashMap::new();
    for (group, rows) in groups_without.iter().enumerate() {
        group_of.extend(rows.iter().map(|row| (*row, group)));
    }
    let effect = |pin: &Pin| {
        let one = resolve(gallery, std::slice::from_ref(pin)).ok()?;
        let pair = one.constraints.together.first().or(one.constraints.apart.first()).copied();
        let groups = pair.map(|(a, b)| [group_of.get(&a).copied(), group_of.get(&b).copied()]);
        let changed = match (pin.kind, groups) {
            (PinKind::NoFace, _) => !one.no_faces.is_empty(),
            (PinKind::Same, Some([a, b])) => a != b,
            (PinKind::Different, Some([a, b])) => a == b,
            (_, None) => return None,
        };
        let united = groups.filter(|_| changed && pin.kind == PinKind::Same);
        let united = united.and_then(|[a, b]| Some([&groups_without[a?], &groups_without[b?]]));
        let kept_apart = united.is_some_and(|[a, b]| {
            let mut rows = [a.as_slice(), b.as_slice()].concat();
            rows.sort_unstable();
            parts_someone(&rows, &all.apart)
        });
        Some(PinEffect {
            pin: pin.id,
            kind: pin.kind,
            changed,
            distance: pair.map(|(a, b)| distance(gallery, a, b)),
            threshold,
            unites: united.map(|groups| groups.map(Vec::len)),
            kept_apart,
        })
    };
    pins.iter().filter_map(effect).collect()
}

/// Cosine distance of two faces.
pub fn distance(gallery: &Gallery, a: usize, b: usize) -> f32 {
    1.0 - gallery.embedding(a).dot(&gallery.embedding(b))
}

fn list(pins: &[i64]) -> String {
    let names: Vec<String> = pins.iter().map(|pin| format!("pin {pin}")).collect();
    names.join(" and ")
}

impl Hint for Contradiction {
    fn hint(&self) -> Option<String> {
        Some("remove one of them with `facesets pin remove NUMBER`".to_owned())
    }
}

/// Whether two of some faces (ascending rows) are not one person's.
pub fn parts_someone(rows: &[usize], apart: &[(usize, usize)]) -> bool {
    let has = |row: &usize| rows.binary_search(row).is_ok();
    apart.iter().any(|(a, b)| has(a) && has(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::gallery_of;

    fn face(gallery: &Gallery, row: usize) -> PinnedFace {
        PinnedFace { sha256: gallery.content_of(row).sha256, bbox: gallery.faces[row].bbox }
    }

    fn pin(gallery: &Gallery, id: i64, kind: PinKind, a: usize, b: usize) -> Pin {
        Pin { id, kind, a: face(gallery, a), b: face(gallery, b) }
    }

    #[test]
    fn contradictory_pins_are_named() {
        let gallery = gallery_of(&[(0, 0.0), (1, 0.0), (2, 0.0), (3, 0.0)]);
        let pins = [
            pin(&gallery, 1, PinKind::Same, 0, 1),
            pin(&gallery, 2, PinKind::Same, 2, 1),
            pin(&gallery, 3, PinKind::Different, 0, 3),
            pin(&gallery, 4, PinKind::Different, 2, 0),
        ];
        let error = resolve(&gallery, &pins).unwrap_err();
        assert_eq!(error, Contradiction { apart: 4, together: vec![1, 2] });
        assert_eq!(
            error.to_string(),
            "pin 4 says that two faces are not one person's, but by pin 1 and pin 2 they are"
        );
        assert_eq!(resolve(&gallery, &pins[..3]).unwrap().constraints.apart, [(0, 3)]);
    }

    #[test]
    fn a_pin_follows_its_face_to_the_box_of_another_detector() {
        let gallery = gallery_of(&[(0, 0.0), (0, 0.0)]);
        let mut moved = pin(&gallery, 1, PinKind::Different, 0, 1);
        moved.a.bbox.x1 += 15.0;
        assert_eq!(resolve(&gallery, &[moved]).unwrap().constraints.apart, [(0, 1)]);
        moved.a.bbox.x1 += 150.0;
        let resolved = resolve(&gallery, &[moved]).unwrap();
        assert_eq!((resolved.constraints.apart, resolved.unresolved), (vec![], vec![1]));
    }

    #[test]
    fn of_faces_that_are_apart_the_one_that_is_nearer_to_the_set_stays() {
        // Four of one person; of the last two, who the user says are one person, one looks like them.
        let gallery = gallery_of(&[(0, 0.0), (0, 0.1), (0, 0.2), (1, 0.0), (0, 0.1), (2, 0.0)]);
        let pins = [
            pin(&gallery, 7, PinKind::Different, 3, 0),
            pin(&gallery, 8, PinKind::Same, 4, 5),
            pin(&gallery, 9, PinKind::Different, 5, 1),
        ];
        let resolved = resolve(&gallery, &pins).unwrap();
        // The one that looks like them is apart through its kin, which need not be in the set.
        assert_eq!(resolved.intruders(&gallery, &[0, 1, 2, 3, 4]), [(3, 7), (4, 9)]);
        assert_eq!(resolved.intruders(&gallery, &[0, 2, 3, 4]), [(3, 7)]);
        assert_eq!(resolved.intruders(&gallery, &[0, 1, 2, 3, 4, 5]), [(3, 7), (4, 9), (5, 9)]);
        assert_eq!(resolved.intruders(&gallery, &[2, 3]), []);
    }

    #[test]
    fn a_lasting_drop_follows_its_face_to_the_box_of_another_detector() {
        let gallery = gallery_of(&[(0, 0.0), (0, 0.0)]);
        let mut drop = DroppedForGood { face: face(&gallery, 1), decision: 4 };
        drop.face.bbox.x1 += 15.0;
        let away =
            DroppedForGood { face: PinnedFace { sha256: Sha256Digest::of(b""), ..drop.face }, decision: 5 };
        assert_eq!(ResolvedPins::default().with_dropped(&gallery, &[away, drop]).dropped, [(1, 4)]);
    }

    #[test]
    fn effects_tell_what_would_be_otherwise() {
        let gallery = gallery_of(&[(0, 0.0), (0, 0.0), (1, 0.0)]);
        let pins = [
            pin(&gallery, 1, PinKind::Same, 0, 1),
            pin(&gallery, 2, PinKind::Different, 0, 1),
            pin(&gallery, 3, PinKind::Same, 0, 2),
            pin(&gallery, 4, PinKind::NoFace, 2, 2),
        ];
        let cut = CosineDistance::literal(0.55);
        let found = effects(&gallery, &pins, &[vec![0, 1], vec![2]], cut);
        let changed: Vec<bool> = found.iter().map(|effect| effect.changed).collect();
        assert_eq!(changed, [false, true, true, true]);
        assert_eq!((found[2].unites, found[2].distance), (Some([2, 1]), Some(1.0)));
        assert_eq!((found[0].unites, found[1].unites), (None, None));
    }

    #[test]
    fn a_pin_between_groups_that_other_pins_part_is_said_to_unite_no_more_than_its_faces() {
        let gallery = gallery_of(&[(0, 0.0), (0, 0.0), (1, 0.0), (1, 0.0)]);
        let said = |pins: &[Pin]| {
            let groups = [vec![0, 1], vec![2, 3]];
            effects(&gallery, pins, &groups, CosineDistance::literal(0.55))[0].kept_apart
        };
        let same = pin(&gallery, 1, PinKind::Same, 0, 2);
        assert!(!said(&[same]));
        assert!(said(&[same, pin(&gallery, 2, PinKind::Different, 1, 3)]));
    }
}
