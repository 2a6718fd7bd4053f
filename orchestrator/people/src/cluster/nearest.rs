//! The nearest neighbours of a cluster, as far as they are known.

/// Where a pair stands in the order of merging, seen from one of its clusters: by distance, and by the
/// neighbour's rank where that ties.
///
/// The rank of a cluster is the lowest rank of its points. For a cluster of rank a, its neighbours x in the
/// order of their ranks are also in the order of (min(a, x), max(a, x)): so the nearest by this key is the
/// first in the order of pairs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Key {
    pub(super) distance: f64,
    pub(super) rank: u32,
}

/// A neighbour at the distance it had when it was looked at; it may have been merged since.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Neighbour {
    pub(super) key: Key,
    pub(super) id: u32,
}

/// The first neighbours in order, at most so many, and how far they are known to be all.
#[derive(Debug, Clone)]
pub(super) struct Nearest {
    /// Ascending.
    pub(super) list: Vec<Neighbour>,
    /// Every live cluster that is not in the list, nor part of one in it, is beyond this.
    pub(super) bound: Key,
}

impl Key {
    /// Whether this comes before `other`. Distances are never NaN.
    pub(super) fn before(self, other: Self) -> bool {
        self.distance < other.distance || (self.distance <= other.distance && self.rank < other.rank)
    }

    /// The last key of all with a distance up to `cut`.
    pub(super) fn end(cut: f64) -> Self {
        Self { distance: cut, rank: u32::MAX }
    }
}

impl Nearest {
    /// No neighbour up to the cut is known, and there are none.
    pub(super) fn none(cut: f64) -> Self {
        Self { list: Vec::new(), bound: Key::end(cut) }
    }

    /// Adds a neighbour at its place.
    pub(super) fn insert(&mut self, neighbour: Neighbour) {
        let at = self.list.partition_point(|other| other.key.before(neighbour.key));
        self.list.insert(at, neighbour);
    }

    /// As [`Self::insert`], unless the list has `capacity` neighbours and all come before; if it gets longer,
    /// the last one is forgotten. Whether the list is full is returned. The bound is left as it is: see
    /// [`Self::limit`].
    pub(super) fn offer(&mut self, neighbour: Neighbour, capacity: usize) -> bool {
        if self.list.len() >= capacity {
            if self.list.last().is_some_and(|last| last.key.before(neighbour.key)) {
                return true;
            }
            self.list.pop();
        }
        if self.list.capacity() == self.list.len() {
            let more = (self.list.len() / 2).max(4).min(capacity - self.list.len());
            self.list.reserve_exact(more);
        }
        self.insert(neighbour);
        self.list.len() == capacity
    }

    /// Keeps the first `capacity` neighbours. A list that is full may have forgotten some: the bound is then
    /// its last.
    pub(super) fn limit(&mut self, capacity: usize) {
        if self.list.len() >= capacity {
            self.list.truncate(capacity);
            if let Some(last) = self.list.last()
                && last.key.before(self.bound)
            {
                self.bound = last.key;
            }
        }
    }
}
