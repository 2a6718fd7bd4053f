//! Clustering as faces see it: groups of rows of a gallery, ties decided by content and face. Pure.

use std::{collections::HashMap, sync::LazyLock};

use ndarray::{ArrayRef2, Axis};

use crate::{
    cluster::{
        ClusterError, Clusters, Constraints, Cut, Engine, Linkage, Unwatched, Watch, centroids, cut_with,
    },
    gallery::Gallery,
    pins::{Kinship, ResolvedPins, parts_someone},
    threshold::CosineDistance,
};

/// How faces are grouped: who computes, who looks on.
#[derive(Clone, Copy)]
pub struct Grouping<'a> {
    /// Who computes.
    pub engine: Engine,
    /// Who looks on, and may stop it.
    pub watch: &'a dyn Watch,
    /// What the user has said.
    pub pins: &'a ResolvedPins,
}

/// Nobody has said anything.
static NO_PINS: LazyLock<ResolvedPins> = LazyLock::new(ResolvedPins::default);

impl Default for Grouping<'_> {
    fn default() -> Self {
        Self { engine: Engine::Auto, watch: &Unwatched, pins: &NO_PINS }
    }
}

impl Grouping<'_> {
    /// The same without pins.
    #[must_use]
    pub fn without_pins(&self) -> Self {
        Self { pins: &NO_PINS, ..*self }
    }

    /// The rows of a gallery but for those that are no faces, as the user says.
    pub fn wanted(&self, gallery: &Gallery) -> Vec<usize> {
        let mut unwanted = self.pins.no_faces.iter().map(|(row, _)| *row).peekable();
        (0..gallery.faces.len()).filter(|row| unwanted.next_if_eq(row).is_none()).collect()
    }

    /// The rows of a gallery that a set may have: but for those that are no faces, and those that are dropped
    /// for good.
    pub fn usable(&self, gallery: &Gallery) -> Vec<usize> {
        let mut wanted = self.wanted(gallery);
        wanted.retain(|row| self.pins.dropped.binary_search_by_key(row, |(dropped, _)| *dropped).is_err());
        wanted
    }

    /// Average-linkage clusters of some faces (ascending rows), each with its rows ascending, in the order of
    /// their first rows.
    ///
    /// Faces that the user says are one person's bring the whole clusters together that they are in without
    /// that: two people are meant, not two faces, which would otherwise leave both. Where the user says that
    /// other faces of these clusters are not one person's, the faces of these clusters are clustered again,
    /// those that belong together first.
    pub fn faces(
        &self,
        gallery: &Gallery,
        rows: &[usize],
        threshold: CosineDistance,
    ) -> Result<Vec<Vec<usize>>, ClusterError> {
        let said = &self.pins.constraints;
        let apart =
            Constraints { together: Vec::new(), apart: Kinship::of(self.pins).apart_of_all_kin(said) };
        let groups = self.average(gallery, rows, threshold, &apart)?;
        if said.together.is_empty() {
            return Ok(groups);
        }
        let mut whole = Vec::new();
        for parts in joined(&groups, &said.together) {
            let mut rows: Vec<usize> = parts.iter().flat_map(|part| groups[*part].iter().copied()).collect();
            rows.sort_unstable();
            if parts.len() > 1 && parts_someone(&rows, &said.apart) {
                whole.extend(self.average(gallery, &rows, threshold, said)?);
            } else {
                whole.push(rows);
            }
        }
        whole.sort_unstable_by_key(|rows| rows.first().copied());
        Ok(whole)
    }

    /// Clusters of some faces, whatever the pins say beside these constraints.
    fn average(
        &self,
        gallery: &Gallery,
        rows: &[usize],
        threshold: CosineDistance,
        constraints: &Constraints,
    ) -> Result<Vec<Vec<usize>>, ClusterError> {
        let ranks = gallery.tie_ranks();
        let clusters = if rows.len() == gallery.faces.len() {
            let how = How { linkage: Linkage::Average, threshold, ranks: &ranks, constraints };
            self.cut(&gallery.embeddings, &how)?
        } else {
            let ranks: Vec<usize> = rows.iter().map(|row| ranks[*row]).collect();
            let some = gallery.embeddings.select(Axis(0), rows);
            let constraints = among(constraints, |row| rows.binary_search(&row).ok());
            let how = How {
                linkage: Linkage::Average,
                threshold,
                ranks: &dense(&ranks),
                constraints: &constraints,
            };
            self.cut(&some, &how)?
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
        // What belongs together is in one group already.
        let mut group_of = HashMap::new();
        if !self.pins.constraints.is_empty() {
            let members = groups.iter().enumerate();
            group_of.extend(members.flat_map(|(group, rows)| rows.iter().map(move |row| (*row, group))));
        }
        let mut constraints = among(&self.pins.constraints, |row| group_of.get(&row).copied());
        constraints.together.clear();
        let how = How { linkage: Linkage::Complete, threshold, ranks: &ranks, constraints: &constraints };
        let merged = self.cut(&centroids, &how)?;
        let united = |parts: Vec<usize>| {
            let mut rows: Vec<usize> = parts.into_iter().flat_map(|part| groups[part].clone()).collect();
            rows.sort_unstable();
            rows
        };
        Ok(merged.members().into_iter().map(united).collect())
    }

    fn cut(&self, embeddings: &ArrayRef2<f32>, how: &How<'_>) -> Result<Clusters, ClusterError> {
        let how = Cut {
            linkage: how.linkage,
            threshold: how.threshold,
            engine: self.engine,
            tie_ranks: Some(how.ranks),
            constraints: Some(how.constraints),
        };
        cut_with(embeddings, &how, self.watch)
    }
}

/// Numbers of groups (of ascending rows) that belong together, as rows of them do; each group once.
fn joined(groups: &[Vec<usize>], together: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let group_of = |row: usize| groups.iter().position(|rows| rows.binary_search(&row).is_ok());
    let mut first: Vec<usize> = (0..groups.len()).collect();
    for (a, b) in together {
        // One that is no face, or not looked at, is in none.
        let (Some(a), Some(b)) = (group_of(*a), group_of(*b)) else { continue };
        let (a, b) = (first[a].min(first[b]), first[a].max(first[b]));
        first.iter_mut().filter(|of| **of == b).for_each(|of| *of = a);
    }
    let mut parts: Vec<Vec<usize>> = vec![Vec::new(); groups.len()];
    for (group, of) in first.into_iter().enumerate() {
        parts[of].push(group);
    }
    parts.retain(|parts| !parts.is_empty());
    parts
}

/// What differs between clusterings.
struct How<'a> {
    linkage: Linkage,
    threshold: CosineDistance,
    ranks: &'a [usize],
    constraints: &'a Constraints,
}

/// The constraints of some rows under other numbers; those of rows without one are left out.
fn among(constraints: &Constraints, number: impl Fn(usize) -> Option<usize>) -> Constraints {
    let renumbered = |pairs: &[(usize, usize)]| {
        let pairs = pairs.iter().filter_map(|(a, b)| Some((number(*a)?, number(*b)?)));
        pairs.filter(|(a, b)| a != b).collect()
    };
    Constraints { together: renumbered(&constraints.together), apart: renumbered(&constraints.apart) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::gallery_of;

    /// Clusters at 0.55 of the faces of a gallery, under pins.
    fn clusters(gallery: &Gallery, together: &[(usize, usize)], apart: &[(usize, usize)]) -> Vec<Vec<usize>> {
        let constraints = Constraints { together: together.to_vec(), apart: apart.to_vec() };
        let pins = ResolvedPins { apart_by: vec![1; apart.len()], constraints, ..ResolvedPins::default() };
        let grouping = Grouping { pins: &pins, ..Grouping::default() };
        let rows: Vec<usize> = (0..gallery.faces.len()).collect();
        grouping.faces(gallery, &rows, CosineDistance::literal(0.55)).unwrap()
    }

    #[test]
    fn two_faces_of_two_people_that_belong_together_unite_these_people() {
        let gallery = gallery_of(&[(0, 0.3), (0, 0.3), (0, 0.3), (1, 0.3), (1, 0.3), (2, 0.3), (3, 0.0)]);
        assert_eq!(clusters(&gallery, &[(0, 3)], &[]), [vec![0, 1, 2, 3, 4], vec![5], vec![6]]);
        assert_eq!(clusters(&gallery, &[(3, 0), (4, 5)], &[]), [vec![0, 1, 2, 3, 4, 5], vec![6]]);
        assert_eq!(clusters(&gallery, &[(5, 6)], &[(0, 1)])[2], [3, 4]);
    }

    #[test]
    fn where_other_faces_are_said_to_be_apart_only_those_are_united_that_must_be() {
        let gallery = gallery_of(&[(0, 0.3), (0, 0.3), (0, 0.3), (1, 0.3), (1, 0.3), (1, 0.3)]);
        let found = clusters(&gallery, &[(0, 3)], &[(1, 4)]);
        let with = |row: usize| found.iter().find(|rows| rows.contains(&row)).unwrap();
        assert_eq!(with(0), with(3), "{found:?}");
        assert!(!with(1).contains(&4), "{found:?}");
        // What is said of a face is said of whoever belongs to it.
        let found = clusters(&gallery, &[(0, 3)], &[(3, 1)]);
        assert!(found.iter().all(|rows| !(rows.contains(&0) && rows.contains(&1))), "{found:?}");
    }
}
