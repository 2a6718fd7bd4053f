//! Whether what was seen in crops says something of them, or of who looked. Pure.

use std::collections::BTreeMap;

use super::{
    draft::{Draft, State},
    renderer::{Losses, RenderError},
};

/// Fewer crops that do not pass prove nothing: a person of whom there are two bad pictures has no set.
const FEW: usize = 3;

/// Refuses to hand anything out where more than half of the crops that were looked at did not pass: those of a sound corpus do, but for a few
/// in a hundred, and a worker that sees nothing would empty it. `name` is that of a set by its number.
pub(super) fn refuse_losses(
    losses: Losses,
    drafts: &[Draft],
    name: &dyn Fn(usize) -> String,
) -> Result<(), RenderError> {
    let mut passed: BTreeMap<usize, usize> = BTreeMap::new();
    let mut failed: Vec<(usize, String)> = Vec::new();
    for draft in drafts {
        let why = match &draft.state {
            State::Good(..) => {
                *passed.entry(draft.set).or_default() += 1;
                continue;
            }
            State::LeftOut(reason) => reason.to_string(),
            State::Unseen(reason) => reason.clone(),
            // A duplicate, or no crop at all: nobody looked.
            State::Open | State::Made(_) | State::Lost(_) => continue,
        };
        failed.push((draft.set, why));
    }
    let (lost, seen) = (failed.len(), failed.len() + passed.values().sum::<usize>());
    if losses == Losses::Accept || lost < FEW || 2 * lost <= seen {
        return Ok(());
    }
    let mut sets: Vec<usize> =
        failed.iter().map(|(set, _)| *set).filter(|set| !passed.contains_key(set)).collect();
    sets.dedup();
    let why = failed.swap_remove(0).1;
    Err(RenderError::MostLost { lost, seen, sets: sets.into_iter().map(name).collect(), why })
}
