//! Clustering as faces see it: groups of rows of a gallery, ties decided by content and face. Pure.

use ndarray::Axis;

use crate::{
    cluster::{ClusterError, Clusters, Cut, Engine, Linkage, Unwatched, Watch, centroids, cut_with},
    gallery::Gallery,
    threshold::CosineDistance,
};

/// How faces are grouped: who computes, who looks on.
#[derive(Clone, Copy)]
pub struct Grouping<'a> {
    /// Who computes.
    pub engine: Engine,
    /// Who looks on, and may stop it.
    pub watch: &'a dyn Watch,
}

impl Default for Grouping<'_> {
    fn default() -> Self {
        Self { engine: Engine::Auto, watch: &Unwatched }
    }
}

impl Grouping<'_> {
    /// Average-linkage clusters of some faces (ascending rows), each with its rows ascending, in the order of their first rows.
    pub fn faces(
        &self,
        gallery: &Gallery,
        rows: &[usize],
        threshold: CosineDistance,
    ) -> Result<Vec<Vec<usize>>, ClusterError> {
        let ranks = gallery.tie_ranks();
        let clusters = if rows.len() == gallery.faces.len() {
            self.cut(&gallery.embeddings, Linkage::Average, threshold, &ranks)?
        } else {
            let ranks: Vec<usize> = rows.iter().map(|row| ranks[*row]).collect();
            let some = gallery.embeddings.select(Axis(0), rows);
            self.cut(&some, Linkage::Average, threshold, &dense(&ranks))?
        };
        let of_rows = |members: Vec<usize>| members.into_iter().map(|member| rows[member]).collect();
        Ok(clusters.members().into_iter().map(of_rows).collect())
    }

    /// Unites groups whose centroids are all within `threshold` of each other.
    ///
    /// Complete linkage: a chain of similar centroids must not pull different people together.
    pub fn merged(
        &self,
        gallery: &Gallery,
        groups: &[Vec<usize>],
        threshold: CosineDistance,
    ) -> Result<Vec<Vec<usize>>, ClusterError> {
        let ranks = gallery.tie_ranks();
        let first = |group: &Vec<usize>| group.iter().map(|row| ranks[*row]).min().unwrap_or_default();
        let ranks = dense(&groups.iter().map(first).collect::<Vec<_>>());
        let centroids = centroids(&gallery.embeddings, groups);
        let merged = self.cut(&centroids, Linkage::Complete, threshold, &ranks)?;
        let united = |parts: Vec<usize>| {
            let mut rows: Vec<usize> = parts.into_iter().flat_map(|part| groups[part].clone()).collect();
            rows.sort_unstable();
            rows
        };
        Ok(merged.members().into_iter().map(united).collect())
    }

    fn cut(
        &self,
        embeddings: &ndarray::ArrayRef2<f32>,
        linkage: Linkage,
        threshold: CosineDistance,
        ranks: &[usize],
    ) -> Result<Clusters, ClusterError> {
        let how = Cut { engine: self.engine, tie_ranks: Some(ranks), ..Cut::new(linkage, threshold) };
        cut_with(embeddings, &how, self.watch)
    }
}

/// Distinct ranks with gaps as a permutation of 0..n in the same order.
fn dense(ranks: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..ranks.len()).collect();
    order.sort_by_key(|at| ranks[*at]);
    let mut dense = vec![0; ranks.len()];
    for (rank, at) in order.into_iter().enumerate() {
        dense[at] = rank;
    }
    dense
}
