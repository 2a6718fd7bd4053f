//! Comparing some clusters with all open ones again.

use std::{
    ops::Range,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use rayon::prelude::*;

use super::{
    super::{
        ClusterError,
        nearest::Nearest,
        pack::{RowBlock, STRIP},
        range::{BLOCK, bits},
        watch::{Watch, check},
    },
    NONE, floor_of,
    state::State,
};

/// Which part of the clusters whose nearest neighbour is unknown is compared again at a time, at least a
/// block. No smaller part costs more on made-up libraries; where thousands of rows are nearly equal, all of
/// them are unknown at once and only the nearest few are needed next.
const PART: usize = 32;

/// Takes those out of `unknown` that are to be compared again first: the nearest, as far as is known.
pub(super) fn first(state: &State<'_>, unknown: &mut Vec<u32>) -> Vec<u32> {
    unknown.retain(|id| state.is_open(*id));
    let bound = |id: &u32| state.nearest[*id as usize].bound;
    unknown.sort_unstable_by(|a, b| {
        let (x, y) = (bound(a), bound(b));
        x.distance.total_cmp(&y.distance).then(x.rank.cmp(&y.rank)).then(a.cmp(b))
    });
    let many = (unknown.len() / PART).max(BLOCK).min(unknown.len());
    let rest = unknown.split_off(many);
    std::mem::replace(unknown, rest)
}

/// Finds the first neighbours of some open clusters among all open ones. O(ids · open clusters · d).
pub(super) fn rescan(state: &mut State<'_>, ids: &[u32], watch: &dyn Watch) -> Result<(), ClusterError> {
    state.tidy_strips();
    let blocks = ids.len().div_ceil(BLOCK);
    // As few parts as keep all threads busy: each has to find enough neighbours of its own before it can pass
    // over any.
    let parts = rayon::current_num_threads().div_ceil(blocks);
    let strips_each = state.strips.len().div_ceil(parts).max(1);
    let parts = state.strips.len().div_ceil(strips_each);
    let shared = &*state;
    let floors: Vec<AtomicU32> =
        (0..ids.len()).map(|_| AtomicU32::new(floor_of(state.cut).to_bits())).collect();
    let found: Vec<Vec<Nearest>> = (0..blocks * parts)
        .into_par_iter()
        .with_max_len(1)
        .map(|number| {
            check(watch)?;
            let first = number / parts * BLOCK;
            let rows = first..(first + BLOCK).min(ids.len());
            let begin = number % parts * strips_each;
            let strips = begin..(begin + strips_each).min(shared.strips.len());
            Ok(scan(shared, &ids[rows.clone()], &floors[rows], strips))
        })
        .collect::<Result<_, ClusterError>>()?;
    for (rows, parts) in ids.chunks(BLOCK).zip(found.chunks(parts)) {
        for (row, id) in rows.iter().enumerate() {
            let mut nearest = Nearest::none(state.cut);
            for neighbour in parts.iter().flat_map(|part| &part[row].list) {
                nearest.offer(*neighbour, state.kept);
            }
            nearest.limit(state.kept);
            state.nearest[*id as usize] = nearest;
        }
    }
    Ok(())
}

/// The first neighbours of each row among some strips. `floors` are shared by all who look for neighbours of
/// the same rows: when one has found enough, the others need nothing beyond its last.
fn scan(state: &State<'_>, ids: &[u32], floors: &[AtomicU32], strips: Range<usize>) -> Vec<Nearest> {
    let mut block = RowBlock::pack(state.kernel.row_shape(), ids.len(), state.dims(), |row, mean| {
        state.mean(ids[row], mean);
    });
    let mut found = vec![Nearest::none(state.cut); ids.len()];
    let mut hits = vec![0; block.scale.len()];
    // Columns have no use of their own for what is found.
    let floor = [f32::INFINITY; STRIP];
    for number in strips {
        for (floor, shared) in block.floor.iter_mut().zip(floors) {
            *floor = f32::from_bits(shared.load(Relaxed));
        }
        state.kernel.screen(&block, &state.strips[number], &floor, &mut hits);
        for (row, hits) in hits[..ids.len()].iter().enumerate() {
            for column in bits(*hits) {
                let other = state.tenant[number * STRIP + column];
                if other == NONE || other == ids[row] {
                    continue;
                }
                let neighbour = state.neighbour(ids[row], other);
                if neighbour.key.distance <= state.cut
                    && found[row].offer(neighbour, state.kept)
                    && let Some(last) = found[row].list.last()
                {
                    let floor = floor_of(last.key.distance);
                    // Two parts may overwrite each other's floor; either is right.
                    if floor > f32::from_bits(floors[row].load(Relaxed)) {
                        floors[row].store(floor.to_bits(), Relaxed);
                    }
                }
            }
        }
    }
    found
}
