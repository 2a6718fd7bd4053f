//! Average linkage (UPGMA) of unit vectors, cut at a distance, exactly and without the matrix of distances.
//!
//! For unit vectors the mean cosine distance of all pairs of clusters A and B is 1 − ΣA·ΣB / (|A|·|B|): a sum
//! and a size a cluster are enough. Reciprocal nearest neighbours may be merged in any order, because average
//! linkage is reducible (a union is never nearer to a third cluster than the nearer of its parts; Bruynooghe
//! 1977, Murtagh 1983). Each cluster knows its first few neighbours and a bound on all others ([`Nearest`]);
//! when none of the pairs can be proven, the clusters that ran out of neighbours are compared with all again,
//! the nearest first.
//!
//! What the lists cannot hold does not matter, ties included:
//!
//! - *Invariant*: an open cluster that is neither in the list of A nor a union of one in it is beyond A's
//!   bound. The first search and a new comparison begin with that. A union of clusters beyond a bound is
//!   beyond it, as it is no nearer than the nearer part; a union's own bound is the mean of its parts', as
//!   its distances are. A bound ends at the cut only if nothing within the cut was ever left out.
//! - So the head of a list, looked at anew, is the nearest of all if it is not beyond the bound; a list that
//!   is empty, with its bound at the cut, says that nothing is within the cut now or later. Only then a
//!   cluster is final.
//! - *Rounding* breaks each of these sentences by some 1e-16 a merge, so they hold up to a tolerance
//!   ([`BOUND_SLACK`] is far above it, and far below any difference of distances that f32 embeddings can
//!   tell). That is the tolerance of the result too: every merge is of two clusters to neither of which a
//!   third was nearer by more, and no two within the cut by more are left. Which of two pairs comes first
//!   that differ by less is nobody's to say.
//! - *The loop ends with no cluster open.* Each turn merges, finishes a cluster, or makes unknown ones known.
//!   Where every nearest neighbour is known and no two are each other's, which only rounding can bring about,
//!   the nearest pair of all is merged ([`rings`]).
//!
//! Rows that are equal bit by bit are one point with a weight from the beginning ([`Points::folded`]):
//! nothing is nearer than distance 0, so they are merged before anything else whatever the rounding. Those
//! that something is said of stay points of their own.
//!
//! Time O(n²·d) for the first search, which dominates; memory n·d bytes for the packed vectors, 8·d bytes a
//! live union (at most n/2), 16 bytes a known neighbour (at most 16 a cluster).

mod rescan;
mod rings;
mod state;

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use rayon::prelude::*;
use state::State;

use super::{
    ClusterError,
    constraints::Rules,
    kernel::Kernel,
    nearest::{Key, Nearest, Neighbour},
    points::Points,
    range::{self, PairSink},
    watch::{Stage, Watch, check},
};

/// How many neighbours a cluster keeps. More cost memory, fewer cost rescans; the result is the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept {
    /// A point, of the first search; at least 1.
    pub(super) points: usize,
    /// A union, and whatever was rescanned; at least 1.
    pub(super) unions: usize,
}

impl Default for Kept {
    fn default() -> Self {
        // Least CPU time of 8..=64 each at 20,000 and 100,000 made-up faces (AVX-512); nearly flat from 12 to
        // 32.
        Self { points: 16, unions: 16 }
    }
}

/// Work on fewer clusters than this is not worth waking threads for.
const FEW: usize = 32;

/// Taken off the bound of a union: more than rounding can add to it.
const BOUND_SLACK: f64 = 1e-12;

/// No cluster.
const NONE: u32 = u32::MAX;

/// What is known of the nearest neighbour of a cluster.
enum Outlook {
    /// It is this one.
    Known(u32),
    /// There is none up to the cut, and never will be.
    Alone,
    /// It is beyond the bound.
    Unknown,
}

/// The cluster of each point, under any number. Merges at a distance ≤ `cut`; see [`super::cut`] for the
/// order of ties.
pub(super) fn cut(
    points: &Points<'_>,
    mut rules: Rules,
    cut: f64,
    kernel: Kernel,
    kept: Kept,
    watch: &dyn Watch,
) -> Result<Vec<usize>, ClusterError> {
    let n = points.len();
    let strips = range::pack(points);
    let lists = Lists::new(n, &rules, cut, kept.points);
    range::search(points, &strips, kernel, &lists, watch)?;
    let nearest = lists.finish();
    let together = std::mem::take(&mut rules.together);
    let mut state = State::new(points, cut, kernel, kept.unions, strips, nearest);
    state.set_foes(rules.into_foes());
    watch.begin(Stage::Merge, n as u64);
    contract(&mut state, together);
    let mut dirty = state.open_clusters();
    let mut unknown: Vec<u32> = Vec::new();
    while state.any_is_open() {
        check(watch)?;
        watch.advance(refresh(&mut state, &dirty, &mut unknown));
        let mut pairs = reciprocal(&state, &dirty);
        if pairs.is_empty() {
            dirty = rescan::first(&state, &mut unknown);
            if !dirty.is_empty() {
                rescan::rescan(&mut state, &dirty, watch)?;
                continue;
            }
            dirty = rings::strays(&state);
            if !dirty.is_empty() {
                continue;
            }
            pairs = rings::first_pairs(&state);
            assert!(!pairs.is_empty() || !state.any_is_open(), "of open clusters some two are nearest");
        }
        dirty = state.merge(&pairs);
        watch.advance(pairs.len() as u64);
    }
    Ok((0..n as u32).map(|point| state.forest.root(point) as usize).collect())
}

/// Merges the points of each group, however far apart they are: what is known of the neighbours of a union
/// follows from its parts in the same way wherever they lie.
fn contract(state: &mut State<'_>, mut groups: Vec<Vec<u32>>) {
    while !groups.is_empty() {
        let halves = groups.iter().flat_map(|group| group.chunks_exact(2));
        let pairs: Vec<(u32, u32)> = halves.map(|pair| (pair[0], pair[1])).collect();
        state.merge(&pairs);
        for group in &mut groups {
            for id in group.iter_mut() {
                *id = state.forest.root(*id);
            }
            group.dedup();
        }
        groups.retain(|group| group.len() > 1);
    }
}

/// Finds out what is known of the nearest neighbours of `dirty` clusters; returns how many are alone.
fn refresh(state: &mut State<'_>, dirty: &[u32], unknown: &mut Vec<u32>) -> u64 {
    let work: Vec<(u32, Nearest)> = dirty.iter().map(|id| (*id, state.take_nearest(*id))).collect();
    let look = |(id, mut nearest): (u32, Nearest)| {
        let outlook = state.outlook(id, &mut nearest);
        (id, nearest, outlook)
    };
    let done: Vec<_> = if work.len() < FEW {
        work.into_iter().map(look).collect()
    } else {
        work.into_par_iter().with_min_len(16).map(look).collect()
    };
    let mut alone = 0;
    for (id, nearest, outlook) in done {
        state.nearest[id as usize] = nearest;
        match outlook {
            Outlook::Known(neighbour) => state.partner[id as usize] = neighbour,
            Outlook::Alone => {
                state.retire(id);
                alone += 1;
            }
            Outlook::Unknown => {
                state.partner[id as usize] = NONE;
                unknown.push(id);
            }
        }
    }
    alone
}

/// Pairs of clusters that are each other's nearest neighbours, ascending. One of each pair is dirty, else it
/// were merged by now.
fn reciprocal(state: &State<'_>, dirty: &[u32]) -> Vec<(u32, u32)> {
    let mut pairs: Vec<(u32, u32)> = dirty
        .iter()
        .filter_map(|&id| {
            let partner = state.partner[id as usize];
            (partner != NONE && state.partner[partner as usize] == id)
                .then(|| (id.min(partner), id.max(partner)))
        })
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// The neighbours of all points while the first search runs.
struct Lists<'a> {
    cut: f64,
    rules: &'a Rules,
    kept: usize,
    nearest: Vec<Mutex<Nearest>>,
    /// Bits of the scalar product below which a point has no more use for a pair.
    floors: Vec<AtomicU32>,
}

impl<'a> Lists<'a> {
    fn new(n: usize, rules: &'a Rules, cut: f64, kept: usize) -> Self {
        let floor = floor_of(cut).to_bits();
        Self {
            cut,
            rules,
            kept,
            nearest: (0..n).map(|_| Mutex::new(Nearest::none(cut))).collect(),
            floors: (0..n).map(|_| AtomicU32::new(floor)).collect(),
        }
    }

    fn offer(&self, point: usize, other: usize, distance: f64) {
        // Mostly only one of the two has a use for the other; no need to wait for the lock to find out.
        if floor_of(distance) < self.floor(point) {
            return;
        }
        let key = Key { distance, rank: other as u32 };
        let mut nearest = self.nearest[point].lock().unwrap_or_else(PoisonError::into_inner);
        if nearest.offer(Neighbour { key, id: other as u32 }, self.kept)
            && let Some(last) = nearest.list.last()
        {
            self.floors[point].store(floor_of(last.key.distance).to_bits(), Relaxed);
        }
    }

    /// The set of neighbours does not depend on the order in which they came.
    fn finish(self) -> Vec<Nearest> {
        let kept = self.kept;
        let finished = self.nearest.into_iter().map(|list| {
            let mut nearest = list.into_inner().unwrap_or_else(PoisonError::into_inner);
            nearest.limit(kept);
            nearest
        });
        finished.collect()
    }
}

impl PairSink for Lists<'_> {
    fn floor(&self, point: usize) -> f32 {
        f32::from_bits(self.floors[point].load(Relaxed))
    }

    fn found(&self, a: usize, b: usize, distance: f64) {
        if distance <= self.cut && !self.rules.are_apart(a, b) {
            self.offer(a, b, distance);
            self.offer(b, a, distance);
        }
    }
}

/// Scalar product of a pair at this distance; the screen's bounds have slack for its rounding.
fn floor_of(distance: f64) -> f32 {
    (1.0 - distance) as f32
}
