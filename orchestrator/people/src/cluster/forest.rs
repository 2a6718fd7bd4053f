//! Which cluster a cluster has become part of.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A union-find forest whose paths are shortened by readers too.
pub(super) struct Forest {
    /// Itself for a live cluster.
    parent: Vec<AtomicU32>,
}

impl Forest {
    /// `n` clusters, all live, with room for all that can come of them.
    pub(super) fn new(n: usize) -> Self {
        let mut parent = Vec::with_capacity(n.saturating_mul(2));
        parent.extend((0..n as u32).map(AtomicU32::new));
        Self { parent }
    }

    /// Makes one cluster of two live ones; returns its id.
    pub(super) fn join(&mut self, a: u32, b: u32) -> u32 {
        let id = self.parent.len() as u32;
        self.parent.push(AtomicU32::new(id));
        for part in [a, b] {
            *self.parent[part as usize].get_mut() = id;
        }
        id
    }

    /// The live cluster that `id` is, or is part of.
    pub(super) fn root(&self, id: u32) -> u32 {
        // Threads shorten paths at the same time; whatever they write is an ancestor, so any order is right.
        let mut node = id;
        loop {
            let parent = self.parent[node as usize].load(Relaxed);
            if parent == node {
                return node;
            }
            let grandparent = self.parent[parent as usize].load(Relaxed);
            self.parent[node as usize].store(grandparent, Relaxed);
            node = grandparent;
        }
    }

    /// Whether a cluster is live.
    pub(super) fn is_root(&self, id: u32) -> bool {
        self.parent[id as usize].load(Relaxed) == id
    }
}
