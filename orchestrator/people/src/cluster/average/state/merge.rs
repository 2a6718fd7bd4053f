//! Merging clusters: the sums of their vectors, and what is known of the neighbours of unions.

use rayon::prelude::*;

use super::{
    super::{
        super::nearest::{Key, Nearest},
        BOUND_SLACK, FEW, NONE,
    },
    MergeFate, OwnSum, State,
};

impl State<'_> {
    /// Merges disjoint pairs of open clusters. Returns the clusters whose nearest neighbour is to be found
    /// again: the unions, and those whose neighbour was merged. O(pairs · d · neighbours + open clusters).
    pub(in crate::cluster::average) fn merge(&mut self, pairs: &[(u32, u32)]) -> Vec<u32> {
        let work: Vec<_> = pairs.iter().map(|&(a, b)| (a, b, self.take_sum(a), self.take_sum(b))).collect();
        let points = self.points;
        let add = |(a, b, sum_a, sum_b): (u32, u32, OwnSum, OwnSum)| {
            let weighed = |point: u32| (points.vector(point as usize), points.weight(point as usize));
            add_up(sum_a.ok_or_else(|| weighed(a)), sum_b.ok_or_else(|| weighed(b)))
        };
        let sums: Vec<Box<[f64]>> = if work.len() < FEW {
            work.into_iter().map(add).collect()
        } else {
            work.into_par_iter().with_min_len(8).map(add).collect()
        };

        let first = self.fate.len() as u32;
        let mut lists = Vec::with_capacity(pairs.len());
        for (&(a, b), sum) in pairs.iter().zip(sums) {
            lists.push((self.take_nearest(a), self.take_nearest(b), a, b));
            self.create(a, b, sum);
        }
        let shared = &*self;
        let combine = |(number, (of_a, of_b, a, b)): (usize, (Nearest, Nearest, u32, u32))| {
            shared.combined(first + number as u32, (of_a, a), (of_b, b))
        };
        let combined: Vec<Nearest> = if lists.len() < FEW / 8 {
            lists.into_iter().enumerate().map(combine).collect()
        } else {
            lists.into_par_iter().enumerate().with_min_len(1).map(combine).collect()
        };
        for (number, nearest) in combined.into_iter().enumerate() {
            self.nearest[first as usize + number] = nearest;
        }
        self.clusters_to_refresh(first)
    }

    /// The neighbours of a union: all that its parts knew, at their true distances. Whatever neither knew is,
    /// on the weighted mean, beyond both bounds.
    fn combined(&self, id: u32, (of_a, a): (Nearest, u32), (of_b, b): (Nearest, u32)) -> Nearest {
        let mut others: Vec<u32> = of_a
            .list
            .iter()
            .chain(&of_b.list)
            .map(|neighbour| self.forest.root(neighbour.id))
            .filter(|&root| root != id && self.is_open(root))
            .collect();
        others.sort_unstable();
        others.dedup();
        let mut nearest = Nearest::none(self.cut);
        if of_a.bound != nearest.bound || of_b.bound != nearest.bound {
            let (size_a, size_b) = (f64::from(self.size[a as usize]), f64::from(self.size[b as usize]));
            let mean = (size_a * of_a.bound.distance + size_b * of_b.bound.distance) / (size_a + size_b);
            nearest.bound = Key::end(mean - BOUND_SLACK);
        }
        nearest.list = others
            .into_iter()
            .map(|other| self.neighbour(id, other))
            .filter(|neighbour| neighbour.key.distance <= self.cut)
            .collect();
        nearest.list.sort_unstable_by(|x, y| {
            x.key.distance.total_cmp(&y.key.distance).then(x.key.rank.cmp(&y.key.rank))
        });
        nearest.limit(self.kept);
        nearest.list.shrink_to_fit();
        nearest
    }

    /// The unions from `first` on, and the open clusters whose neighbour was merged.
    fn clusters_to_refresh(&mut self, first: u32) -> Vec<u32> {
        let (fate, partner, forest) = (&self.fate, &mut self.partner, &self.forest);
        let mut dirty = Vec::new();
        self.open.retain(|&id| {
            if fate[id as usize] != MergeFate::Open {
                return false;
            }
            let neighbour = partner[id as usize];
            if id >= first {
                dirty.push(id);
            } else if neighbour != NONE && !forest.is_root(neighbour) {
                partner[id as usize] = NONE;
                dirty.push(id);
            }
            true
        });
        dirty
    }
}

/// A sum, or a point and how many rows it stands for.
type Summand<'a> = Result<Box<[f64]>, (&'a [f32], u32)>;

/// The sum of two; the order does not matter.
fn add_up(a: Summand<'_>, b: Summand<'_>) -> Box<[f64]> {
    let times = |value: &f32, weight: u32| f64::from(*value) * f64::from(weight);
    match (a, b) {
        (Ok(mut sum), Ok(other)) => {
            sum.iter_mut().zip(&other).for_each(|(sum, other)| *sum += other);
            sum
        }
        (Ok(mut sum), Err((point, weight))) | (Err((point, weight)), Ok(mut sum)) => {
            sum.iter_mut().zip(point).for_each(|(sum, value)| *sum += times(value, weight));
            sum
        }
        (Err((a, of_a)), Err((b, of_b))) => {
            a.iter().zip(b).map(|(a, b)| times(a, of_a) + times(b, of_b)).collect()
        }
    }
}
