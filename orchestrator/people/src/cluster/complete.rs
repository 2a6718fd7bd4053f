//! Complete linkage, cut at a distance, exactly and from the sparse graph of pairs within the cut.
//!
//! A pair of clusters can be merged only if every pair of their members is within the cut, so other pairs
//! never matter. A union's neighbours are those that both parts have, at the larger distance. Meant for
//! centroids, where few pairs are within the cut.
//!
//! Time O(n²·d) for the search and O(p·log p) for p pairs; memory n·d bytes for the packed vectors, about 50
//! bytes a pair.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use super::{
    ClusterError,
    constraints::Rules,
    kernel::Kernel,
    points::Points,
    range::{self, PairSink},
    watch::{Stage, Watch, check},
};

/// Most pairs within the cut: they take about 3 GB, no more than the dense engine's largest matrix.
pub const MAX_PAIRS: usize = 60_000_000;

/// Merges between two looks at whether to stop.
const CHECK_EVERY: usize = 1024;

/// The cluster of each point, under any number. Merges at a distance ≤ `cut`; see [`super::cut`] for the
/// order of ties.
pub(super) fn cut(
    points: &Points<'_>,
    rules: &Rules,
    cut: f64,
    kernel: Kernel,
    watch: &dyn Watch,
) -> Result<Vec<usize>, ClusterError> {
    let graph = Graph::new(points.len(), rules, cut);
    range::search(points, &range::pack(points), kernel, &graph, watch)?;
    let mut merging = graph.finish()?;
    watch.begin(Stage::Merge, points.len() as u64);
    let mut steps = 0;
    while let Some(Reverse(pair)) = merging.pairs.pop() {
        steps += 1;
        if steps % CHECK_EVERY == 0 {
            check(watch)?;
        }
        if merging.is_current(&pair) {
            merging.merge(pair.a, pair.b);
            watch.advance(1);
        }
    }
    Ok(merging.labels())
}

/// An edge as one of its ends sees it.
#[derive(Debug, Clone, Copy)]
struct Edge {
    other: u32,
    /// Infinite where it is an edge no more.
    distance: f64,
}

/// Two clusters a < b and their distance when this was noted.
#[derive(Debug, Clone, Copy)]
struct Pair {
    distance: f64,
    a: u32,
    b: u32,
}

/// The pairs within the cut while the search runs.
struct Graph<'a> {
    cut: f64,
    rules: &'a Rules,
    edges: Vec<Mutex<Vec<Edge>>>,
    pairs: AtomicUsize,
}

/// A cluster is known by its first point, which is also its rank.
struct Merging {
    /// Edges of each live cluster, ascending by the other end. An edge to a dead one is no edge.
    edges: Vec<Vec<Edge>>,
    live: Vec<bool>,
    part_of: Vec<u32>,
    pairs: BinaryHeap<Reverse<Pair>>,
}

impl<'a> Graph<'a> {
    fn new(n: usize, rules: &'a Rules, cut: f64) -> Self {
        Self { cut, rules, edges: (0..n).map(|_| Mutex::default()).collect(), pairs: AtomicUsize::new(0) }
    }

    fn add(&self, point: usize, other: usize, distance: f64) {
        let mut edges = self.edges[point].lock().unwrap_or_else(PoisonError::into_inner);
        edges.push(Edge { other: other as u32, distance });
    }

    fn finish(self) -> Result<Merging, ClusterError> {
        if self.is_full() {
            return Err(ClusterError::TooManyPairs);
        }
        let n = self.edges.len() as u32;
        let sorted = |edges: Mutex<Vec<Edge>>| {
            let mut edges = edges.into_inner().unwrap_or_else(PoisonError::into_inner);
            edges.sort_unstable_by_key(|edge| edge.other);
            edges.shrink_to_fit();
            edges
        };
        let edges: Vec<Vec<Edge>> = self.edges.into_iter().map(sorted).collect();
        let mut pairs = Vec::with_capacity(self.pairs.into_inner());
        for (a, edges) in (0..n).zip(&edges) {
            let later = edges.iter().filter(|edge| edge.other > a);
            pairs.extend(later.map(|edge| Reverse(Pair { distance: edge.distance, a, b: edge.other })));
        }
        let pairs = BinaryHeap::from(pairs);
        Ok(Merging { edges, live: vec![true; n as usize], part_of: (0..n).collect(), pairs })
    }
}

impl PairSink for Graph<'_> {
    fn floor(&self, _: usize) -> f32 {
        (1.0 - self.cut) as f32
    }

    fn found(&self, a: usize, b: usize, distance: f64) {
        // Without an edge, unions of these two have none either.
        if distance <= self.cut && !self.rules.are_apart(a, b) && self.pairs.fetch_add(1, Relaxed) < MAX_PAIRS
        {
            self.add(a, b, distance);
            self.add(b, a, distance);
        }
    }

    fn is_full(&self) -> bool {
        self.pairs.load(Relaxed) > MAX_PAIRS
    }
}

impl Merging {
    fn edge(&mut self, of: u32, to: u32) -> Option<&mut Edge> {
        let edges = &mut self.edges[of as usize];
        edges.binary_search_by_key(&to, |edge| edge.other).ok().map(|at| &mut edges[at])
    }

    /// Whether the two clusters are still there, at the same distance.
    fn is_current(&mut self, pair: &Pair) -> bool {
        self.live[pair.a as usize]
            && self.live[pair.b as usize]
            && self.edge(pair.a, pair.b).is_some_and(|edge| edge.distance.total_cmp(&pair.distance).is_eq())
    }

    /// Makes b a part of a.
    fn merge(&mut self, a: u32, b: u32) {
        self.live[b as usize] = false;
        self.part_of[b as usize] = a;
        let of_a = std::mem::take(&mut self.edges[a as usize]);
        let of_b = std::mem::take(&mut self.edges[b as usize]);
        let mut shared = Vec::with_capacity(of_a.len().min(of_b.len()));
        let mut rest = of_b.as_slice();
        for edge in of_a {
            if !self.live[edge.other as usize] || edge.distance.is_infinite() {
                continue;
            }
            rest = &rest[rest.partition_point(|other| other.other < edge.other)..];
            let distance = match rest.first() {
                Some(same) if same.other == edge.other => edge.distance.max(same.distance),
                _ => f64::INFINITY,
            };
            if distance.total_cmp(&edge.distance).is_ne()
                && let Some(mirrored) = self.edge(edge.other, a)
            {
                mirrored.distance = distance;
            }
            if distance.is_finite() {
                shared.push(Edge { other: edge.other, distance });
                if distance > edge.distance {
                    let (a, b) = (a.min(edge.other), a.max(edge.other));
                    self.pairs.push(Reverse(Pair { distance, a, b }));
                }
            }
        }
        self.edges[a as usize] = shared;
    }

    /// A cluster's first point comes before all that became part of it.
    fn labels(self) -> Vec<usize> {
        let mut labels: Vec<usize> = Vec::with_capacity(self.part_of.len());
        for (point, part_of) in self.part_of.iter().enumerate() {
            let whole = *part_of as usize;
            labels.push(if whole == point { point } else { labels[whole] });
        }
        labels
    }
}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        self.distance.total_cmp(&other.distance).then(self.a.cmp(&other.a)).then(self.b.cmp(&other.b))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Pair {}
