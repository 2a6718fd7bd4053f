//! What is known of some rows before they are compared: that two belong together, or that they do not.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{ClusterError, points::Points};

/// Pairs of rows that somebody has spoken about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Constraints {
    /// Rows in one cluster, whatever their distance.
    pub together: Vec<(usize, usize)>,
    /// Rows whose clusters are never merged: their distance is infinite, and so is that of all unions that
    /// they are in.
    pub apart: Vec<(usize, usize)>,
}

/// [`Constraints`] of points.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Points that are one cluster from the beginning; ascending, at least two each.
    pub(super) together: Vec<Vec<u32>>,
    foes: HashMap<u32, Vec<u32>>,
}

impl Constraints {
    /// Whether nobody has said anything.
    pub fn is_empty(&self) -> bool {
        self.together.is_empty() && self.apart.is_empty()
    }

    /// The rows that something is said of.
    pub(super) fn rows(&self) -> HashSet<usize> {
        self.together.iter().chain(&self.apart).flat_map(|(a, b)| [*a, *b]).collect()
    }
}

impl Rules {
    /// Every row that something is said of is a point.
    ///
    /// # Errors
    /// Two rows that belong together, directly or through others, and yet do not.
    pub(super) fn new(constraints: Option<&Constraints>, points: &Points<'_>) -> Result<Self, ClusterError> {
        let Some(constraints) = constraints.filter(|constraints| !constraints.is_empty()) else {
            return Ok(Self::default());
        };
        let mut point_of = vec![0; points.rows()];
        for point in 0..points.len() {
            point_of[points.row_of(point)] = point as u32;
        }
        let mut parent: BTreeMap<u32, u32> = BTreeMap::new();
        for &(a, b) in &constraints.together {
            let (a, b) = (root(&parent, point_of[a]), root(&parent, point_of[b]));
            parent.insert(a.max(b), a.min(b));
            parent.entry(a.min(b)).or_insert(a.min(b));
        }
        let mut foes: HashMap<u32, Vec<u32>> = HashMap::new();
        for &(a, b) in &constraints.apart {
            let (x, y) = (point_of[a], point_of[b]);
            if root(&parent, x) == root(&parent, y) {
                return Err(ClusterError::Contradiction { a, b });
            }
            foes.entry(x).or_default().push(y);
            foes.entry(y).or_default().push(x);
        }
        let mut groups: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for point in parent.keys() {
            groups.entry(root(&parent, *point)).or_default().push(*point);
        }
        let together = groups.into_values().filter(|group| group.len() > 1).collect();
        Ok(Self { together, foes })
    }

    /// Whether two points are never together because somebody said so of these very points.
    pub(super) fn are_apart(&self, a: usize, b: usize) -> bool {
        !self.foes.is_empty() && self.foes.get(&(a as u32)).is_some_and(|foes| foes.contains(&(b as u32)))
    }

    /// The points that each point is apart from.
    pub(super) fn into_foes(self) -> HashMap<u32, Vec<u32>> {
        self.foes
    }
}

fn root(parent: &BTreeMap<u32, u32>, mut point: u32) -> u32 {
    while let Some(next) = parent.get(&point).filter(|next| **next != point) {
        point = *next;
    }
    point
}
