//! The clusters of a running average linkage.

mod merge;

use std::collections::HashMap;

use rayon::prelude::*;

use super::{
    super::{
        forest::Forest,
        kernel::Kernel,
        nearest::{Key, Nearest, Neighbour},
        pack::{STRIP, Strip},
        points::Points,
    },
    NONE, Outlook,
};

/// Fewest columns that are worth packing together.
const MIN_COLUMNS: usize = 4 * STRIP;

/// What becomes of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MergeFate {
    /// It may still be merged.
    Open,
    /// It has been merged.
    Merged,
    /// It is final: nothing is, or ever will be, within the cut of it.
    Final,
}

/// Clusters 0..n are the points, the others unions in the order of merging.
pub(super) struct State<'a> {
    points: &'a Points<'a>,
    pub(super) cut: f64,
    pub(super) kernel: Kernel,
    /// Neighbours that a union keeps.
    pub(super) kept: usize,
    pub(super) forest: Forest,
    fate: Vec<MergeFate>,
    /// Rows of each.
    size: Vec<u32>,
    pub(super) rank: Vec<u32>,
    /// Sum of the vectors of union n + i, while it is open.
    sums: Vec<OwnSum>,
    pub(super) nearest: Vec<Nearest>,
    /// Nearest neighbour, where it is known.
    pub(super) partner: Vec<u32>,
    /// Clusters that may be open; those that are not are thrown out from time to time.
    open: Vec<u32>,
    /// Means of the open clusters.
    pub(super) strips: Vec<Strip>,
    /// Cluster of each column of the strips, or [`NONE`].
    pub(super) tenant: Vec<u32>,
    /// Column of each cluster, where it is open.
    column: Vec<u32>,
    tenants: usize,
    /// Points that must never be with one of an open cluster's, where there are any.
    foes: HashMap<u32, Vec<u32>>,
}

/// The sum of a union; a point has none of its own.
type OwnSum = Option<Box<[f64]>>;

/// The vector that a cluster's distances come from.
enum Total<'a> {
    Point(&'a [f32]),
    Sum(&'a [f64]),
}

impl<'a> State<'a> {
    pub(super) fn new(
        points: &'a Points<'a>,
        cut: f64,
        kernel: Kernel,
        kept: usize,
        strips: Vec<Strip>,
        nearest: Vec<Nearest>,
    ) -> Self {
        let n = points.len();
        let ids: Vec<u32> = (0..n as u32).collect();
        let mut tenant = ids.clone();
        tenant.resize(strips.len() * STRIP, NONE);
        Self {
            points,
            cut,
            kernel,
            kept,
            forest: Forest::new(n),
            fate: vec![MergeFate::Open; n],
            size: (0..n).map(|point| points.weight(point)).collect(),
            rank: ids.clone(),
            sums: Vec::new(),
            nearest,
            partner: vec![NONE; n],
            open: ids.clone(),
            strips,
            tenant,
            column: ids,
            tenants: n,
            foes: HashMap::new(),
        }
    }

    /// Says which points must never be together.
    pub(super) fn set_foes(&mut self, foes: HashMap<u32, Vec<u32>>) {
        self.foes = foes;
    }

    /// The clusters that may still be merged, ascending.
    pub(super) fn open_clusters(&self) -> Vec<u32> {
        (0..self.fate.len() as u32).filter(|id| self.fate[*id as usize] == MergeFate::Open).collect()
    }

    /// Whether anything may still be merged.
    pub(super) fn any_is_open(&self) -> bool {
        self.tenants > 0
    }

    /// Whether a cluster may still be merged.
    pub(super) fn is_open(&self, id: u32) -> bool {
        self.fate[id as usize] == MergeFate::Open
    }

    /// Values of a vector.
    pub(super) fn dims(&self) -> usize {
        self.points.dims()
    }

    /// Mean of all distances between two clusters' members, infinite where they must not be together. O(d).
    pub(super) fn distance(&self, a: u32, b: u32) -> f64 {
        if self.are_apart(a, b) {
            return f64::INFINITY;
        }
        let product = match (self.total(a), self.total(b)) {
            (Total::Point(a), Total::Point(b)) => self.kernel.dot(a, b),
            (Total::Point(a), Total::Sum(b)) | (Total::Sum(b), Total::Point(a)) => self.kernel.dot(a, b),
            (Total::Sum(a), Total::Sum(b)) => self.kernel.dot(a, b),
        };
        1.0 - product / (self.parts(a) * self.parts(b))
    }

    /// How many unit vectors a cluster's total is the sum of: a point's is one, however many rows it stands
    /// for.
    fn parts(&self, id: u32) -> f64 {
        if (id as usize) < self.points.len() { 1.0 } else { f64::from(self.size[id as usize]) }
    }

    fn are_apart(&self, a: u32, b: u32) -> bool {
        !self.foes.is_empty()
            && self.foes.get(&a).is_some_and(|foes| foes.iter().any(|foe| self.forest.root(*foe) == b))
    }

    /// A cluster as a neighbour of another.
    pub(super) fn neighbour(&self, of: u32, id: u32) -> Neighbour {
        Neighbour { key: Key { distance: self.distance(of, id), rank: self.rank[id as usize] }, id }
    }

    /// Writes the mean of a cluster's vectors.
    pub(super) fn mean(&self, id: u32, out: &mut [f32]) {
        match self.total(id) {
            Total::Point(vector) => out.copy_from_slice(vector),
            Total::Sum(sum) => {
                let size = f64::from(self.size[id as usize]);
                out.iter_mut().zip(sum).for_each(|(out, sum)| *out = (sum / size) as f32);
            }
        }
    }

    pub(super) fn take_nearest(&mut self, id: u32) -> Nearest {
        std::mem::replace(&mut self.nearest[id as usize], Nearest::none(self.cut))
    }

    /// Looks for the nearest neighbour of an open cluster in its list.
    ///
    /// A neighbour that was merged is replaced by the union it is in, at its true distance, only when it
    /// comes first: a union is not before the first of its parts.
    pub(super) fn outlook(&self, id: u32, nearest: &mut Nearest) -> Outlook {
        while let Some(first) = nearest.list.first().copied() {
            if self.is_open(first.id) {
                let beyond = nearest.bound.before(first.key);
                return if beyond { Outlook::Unknown } else { Outlook::Known(first.id) };
            }
            nearest.list.remove(0);
            let root = self.forest.root(first.id);
            // A final cluster is beyond the cut.
            if self.is_open(root) && !nearest.list.iter().any(|other| other.id == root) {
                let union = self.neighbour(id, root);
                if union.key.distance <= self.cut {
                    nearest.insert(union);
                }
            }
        }
        if nearest.bound == Key::end(self.cut) { Outlook::Alone } else { Outlook::Unknown }
    }

    /// Makes a cluster final; what it needed memory for is let go.
    pub(super) fn retire(&mut self, id: u32) {
        self.close(id, MergeFate::Final);
        if let Some(union) = (id as usize).checked_sub(self.points.len()) {
            self.sums[union] = None;
        }
    }

    /// Packs the means of the open clusters again if most columns are empty.
    pub(super) fn tidy_strips(&mut self) {
        if self.tenant.len() < MIN_COLUMNS || self.tenants * 2 > self.tenant.len() {
            return;
        }
        let mut tenant = std::mem::take(&mut self.tenant);
        tenant.retain(|id| *id != NONE);
        // The old ones go first: both together would be the peak of the whole run.
        self.strips = Vec::new();
        let pack = |ids: &[u32]| {
            let mut strip = Strip::empty(self.dims());
            let (mut mean, mut quanta) = (vec![0.0; self.dims()], Vec::new());
            for (column, id) in ids.iter().enumerate() {
                self.mean(*id, &mut mean);
                strip.set(column, &mean, &mut quanta);
            }
            strip
        };
        let strips = tenant.par_chunks(STRIP).map(pack).collect();
        self.strips = strips;
        for (column, id) in tenant.iter().enumerate() {
            self.column[*id as usize] = column as u32;
        }
        tenant.resize(self.strips.len() * STRIP, NONE);
        self.tenant = tenant;
    }

    fn total(&self, id: u32) -> Total<'_> {
        match (id as usize).checked_sub(self.points.len()) {
            None => Total::Point(self.points.vector(id as usize)),
            Some(union) => Total::Sum(self.sums[union].as_deref().unwrap_or(&[])),
        }
    }

    fn take_sum(&mut self, id: u32) -> OwnSum {
        (id as usize).checked_sub(self.points.len()).and_then(|union| self.sums[union].take())
    }

    /// Enters the union of two clusters, without its neighbours.
    fn create(&mut self, a: u32, b: u32, sum: Box<[f64]>) {
        let id = self.forest.join(a, b);
        let foes: Vec<u32> = [a, b].iter().filter_map(|part| self.foes.remove(part)).flatten().collect();
        if !foes.is_empty() {
            self.foes.insert(id, foes);
        }
        self.close(a, MergeFate::Merged);
        self.close(b, MergeFate::Merged);
        self.fate.push(MergeFate::Open);
        self.size.push(self.size[a as usize] + self.size[b as usize]);
        self.rank.push(self.rank[a as usize].min(self.rank[b as usize]));
        self.sums.push(Some(sum));
        self.nearest.push(Nearest::none(self.cut));
        self.partner.push(NONE);
        self.open.push(id);
        // It moves into the column of one of its parts.
        let column = self.column[a as usize] as usize;
        let (mut mean, mut quanta) = (vec![0.0; self.dims()], Vec::new());
        self.mean(id, &mut mean);
        self.strips[column / STRIP].set(column % STRIP, &mean, &mut quanta);
        self.tenant[column] = id;
        self.tenants += 1;
        self.column.push(column as u32);
    }

    fn close(&mut self, id: u32, fate: MergeFate) {
        self.fate[id as usize] = fate;
        self.partner[id as usize] = NONE;
        self.nearest[id as usize] = Nearest::none(self.cut);
        let column = self.column[id as usize] as usize;
        self.strips[column / STRIP].clear(column % STRIP);
        self.tenant[column] = NONE;
        self.tenants -= 1;
    }
}
