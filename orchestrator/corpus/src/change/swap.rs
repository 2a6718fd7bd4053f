//! Swapping one entry: which rename is next follows from the names that are there. Pure.

use super::Entry;

/// Which way a change goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// From the old to the new.
    Forward,
    /// Back to the old.
    Back,
}

/// Which names of an entry are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Presence {
    /// In the root.
    pub(super) current: bool,
    /// Among what is under construction.
    pub(super) staged: bool,
    /// Among what was replaced.
    pub(super) kept: bool,
}

/// A place of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    Current,
    Staged,
    Kept,
}

/// A rename.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) from: Position,
    pub(super) to: Position,
}

/// Names that no interrupted change leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unrecognised;

/// The next rename of an entry; `None` when it is where it belongs.
pub(super) fn next(
    entry: &Entry,
    direction: Direction,
    presence: Presence,
) -> Result<Option<Move>, Unrecognised> {
    // Backwards is forwards with the two stores swapped.
    let (leaving, coming, store, source) = match direction {
        Direction::Forward => (entry.old.is_some(), entry.new.is_some(), Position::Kept, Position::Staged),
        Direction::Back => (entry.new.is_some(), entry.old.is_some(), Position::Staged, Position::Kept),
    };
    let there = |place: Position| match place {
        Position::Current => presence.current,
        Position::Staged => presence.staged,
        Position::Kept => presence.kept,
    };
    let take_out = Move { from: Position::Current, to: store };
    let bring_in = Move { from: source, to: Position::Current };
    match (leaving, coming, there(Position::Current), there(store), there(source)) {
        (true, true, true, false, true) | (true, false, true, false, false) => Ok(Some(take_out)),
        (true, true, false, true, true) | (false, true, false, false, true) => Ok(Some(bring_in)),
        (true, true, true, true, false)
        | (true, false, false, true, false)
        | (false, true, true, false, false) => Ok(None),
        _ => Err(Unrecognised),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(old: bool, new: bool) -> Entry {
        let some = |is: bool| is.then(String::new);
        Entry { name: "set".to_owned(), old: some(old), new: some(new) }
    }

    /// All states on the way, from the old to the new or back.
    fn walk(entry: &Entry, direction: Direction, mut presence: Presence) -> Vec<Presence> {
        let mut states = vec![presence];
        while let Some(Move { from, to }) = next(entry, direction, presence).unwrap() {
            let mut set = |place, there| match place {
                Position::Current => presence.current = there,
                Position::Staged => presence.staged = there,
                Position::Kept => presence.kept = there,
            };
            set(from, false);
            set(to, true);
            states.push(presence);
        }
        states
    }

    #[test]
    fn from_every_state_on_the_way_both_ends_can_be_reached() {
        for (old, new) in [(true, true), (true, false), (false, true)] {
            let entry = entry(old, new);
            let before = Presence { current: old, staged: new, kept: false };
            let after = Presence { current: new, staged: false, kept: old };
            let way = walk(&entry, Direction::Forward, before);
            assert_eq!(way.len(), 1 + usize::from(old) + usize::from(new));
            for state in way {
                assert_eq!(walk(&entry, Direction::Forward, state).last(), Some(&after));
                assert_eq!(walk(&entry, Direction::Back, state).last(), Some(&before));
            }
        }
    }

    #[test]
    fn what_no_change_leaves_behind_is_not_guessed_at() {
        let lost = Presence { current: false, staged: false, kept: false };
        assert_eq!(next(&entry(true, true), Direction::Forward, lost), Err(Unrecognised));
        let doubled = Presence { current: true, staged: true, kept: true };
        assert_eq!(next(&entry(true, true), Direction::Back, doubled), Err(Unrecognised));
    }
}
