//! What is left where the nearest neighbour of every open cluster is known and yet no two are each other's.
//!
//! Without rounding there would be no such place. With it, a union can be nearer to a third cluster than the
//! nearer of its parts, by some 1e-16: A, whose nearest was B, is not told that a new C is nearer by that
//! much, and where many distances are equal, rings A → B → C → A come of it. All distances of a ring are
//! equal but for rounding, so its least one is that of two nearest neighbours.

use super::state::State;

/// Open clusters whose nearest neighbour was found to be alone: by rounding the one saw the other within the
/// cut, the other did not.
pub(super) fn strays(state: &State<'_>) -> Vec<u32> {
    let partner_is_final = |id: &u32| !state.is_open(state.partner[*id as usize]);
    state.open_clusters().into_iter().filter(partner_is_final).collect()
}

/// Disjoint pairs of an open cluster and its nearest neighbour whose own nearest one is no nearer, first
/// come, first served in the order of merging. There is one at least while any cluster is open: the nearest
/// of all. O(open clusters).
pub(super) fn first_pairs(state: &State<'_>) -> Vec<(u32, u32)> {
    let distance =
        |id: u32| state.nearest[id as usize].list.first().map_or(f64::INFINITY, |first| first.key.distance);
    let rank = |id: u32| state.rank[id as usize];
    let pairs = state.open_clusters().into_iter().filter_map(|id| {
        let partner = state.partner[id as usize];
        (distance(id) <= distance(partner)).then(|| {
            let (a, b) = if rank(id) < rank(partner) { (id, partner) } else { (partner, id) };
            (distance(id), a, b)
        })
    });
    let mut pairs: Vec<(f64, u32, u32)> = pairs.collect();
    pairs.sort_unstable_by(|x, y| {
        let ranks = |pair: &(f64, u32, u32)| (rank(pair.1), rank(pair.2));
        x.0.total_cmp(&y.0).then_with(|| ranks(x).cmp(&ranks(y)))
    });
    let mut taken = std::collections::HashSet::new();
    pairs
        .retain(|(_, a, b)| !taken.contains(a) && !taken.contains(b) && taken.insert(*a) && taken.insert(*b));
    pairs.into_iter().map(|(_, a, b)| (a.min(b), a.max(b))).collect()
}
