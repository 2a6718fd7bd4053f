//! Comparing some clusters with all open ones again.

use rayon::prelude::*;

use super::super::ClusterError;
use super::super::nearest::Nearest;
use super::super::pack::{RowBlock, STRIP};
use super::super::range::{BLOCK, bits};
use super::super::watch::{Watch, check};
use super::state::State;
use super::{NONE, floor_of};

/// Parts that the work is cut into for each thread, so that none waits long for the last.
const PARTS_PER_THREAD: usize = 4;

/// Finds the first neighbours of some open clusters among all open ones. O(ids · open clusters · d).
pub(super) fn rescan(state: &mut State<'_>, ids: &[u32], watch: &dyn Watch) -> Result<(), ClusterError> {
    state.tidy_strips();
    let blocks = ids.len().div_ceil(BLOCK);
    let parts = (rayon::current_num_threads() * PARTS_PER_THREAD).div_ceil(blocks).min(state.strips.len());
    let strips_each = state.strips.len().div_ceil(parts.max(1)).max(1);
    let parts = state.strips.len().div_ceil(strips_each);
    let shared = &*state;
    let found: Vec<Vec<Nearest>> = (0..blocks * parts)
        .into_par_iter()
        .with_max_len(1)
        .map(|number| {
            check(watch)?;
            let rows = ids.chunks(BLOCK).nth(number / parts).unwrap_or(&[]);
            let begin = number % parts * strips_each;
            Ok(scan(shared, rows, begin..(begin + strips_each).min(shared.strips.len())))
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

/// The first neighbours of each row among some strips.
fn scan(state: &State<'_>, ids: &[u32], strips: std::ops::Range<usize>) -> Vec<Nearest> {
    let mut block = RowBlock::pack(state.kernel.row_shape(), ids.len(), state.dims(), |row, mean| {
        state.mean(ids[row], mean);
    });
    block.floor[..ids.len()].fill(floor_of(state.cut));
    let mut found = vec![Nearest::none(state.cut); ids.len()];
    let mut hits = vec![0; block.scale.len()];
    // Columns have no use of their own for what is found.
    let floor = [f32::INFINITY; STRIP];
    for number in strips {
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
                    block.floor[row] = floor_of(last.key.distance);
                }
            }
        }
    }
    found
}
