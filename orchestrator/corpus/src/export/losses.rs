//! Whether what was seen in crops says something of them, or of who looked. Pure.

use std::collections::BTreeSet;

use facesets_people::drops::DropReason;

use super::{
    draft::{Draft, State},
    renderer::{Losses, RenderError},
};

/// Fewer crops that do not pass prove nothing, unless nobody sees anything in any: a person of whom there are
/// two bad pictures has no set.
const FEW: usize = 3;

/// Who made crops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    /// We, about faces that a detector has found: but for a few in a hundred they pass.
    Us,
    /// Somebody else. They may show several people, another one, or nothing at all.
    SomebodyElse,
}

/// Refuses to hand anything out where who looked sees nothing in any crop, or where more than half of those
/// that we made did not pass: a worker that sees nothing would empty a sound corpus. `name` is that of a set
/// by its number.
pub(super) fn refuse_losses(
    losses: Losses,
    maker: Maker,
    drafts: &[Draft],
    name: &dyn Fn(usize) -> String,
) -> Result<(), RenderError> {
    let (mut seen, mut unseen) = (0, 0);
    let mut passed = BTreeSet::new();
    let mut failed: Vec<(usize, String)> = Vec::new();
    for draft in drafts {
        let (shows_nobody, why) = match &draft.state {
            // A duplicate, or no crop at all: nobody looked.
            State::Open | State::Made(_) | State::Lost(_) => continue,
            State::Good(..) => {
                seen += 1;
                passed.insert(draft.set);
                continue;
            }
            State::LeftOut(reason) => {
                (matches!(reason, DropReason::NotOneFace { faces: 0, .. }), reason.to_string())
            }
            State::Unseen(reason) => (true, reason.clone()),
        };
        seen += 1;
        unseen += usize::from(shows_nobody);
        failed.push((draft.set, why));
    }
    let lost = failed.len();
    let blind = seen > 0 && unseen == seen;
    let most = maker == Maker::Us && lost >= FEW && 2 * lost > seen;
    if losses == Losses::Accept || !(blind || most) {
        return Ok(());
    }
    let sets: BTreeSet<usize> =
        failed.iter().map(|(set, _)| *set).filter(|set| !passed.contains(set)).collect();
    let why = failed.swap_remove(0).1;
    Err(RenderError::MostLost { lost, seen, sets: sets.into_iter().map(name).collect(), why })
}
