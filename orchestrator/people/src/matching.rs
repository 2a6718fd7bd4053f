//! Which set a face is nearest to. Pure.

use ndarray::{Array2, ArrayRef2, Axis};
use rayon::prelude::*;

use crate::{cluster::centroids, gallery::Gallery, upright::upright};

/// Faces compared in one go: enough for the product of matrices to be fast, few enough for its result to stay
/// small.
const BLOCK: usize = 256;

/// The nearest of some sets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nearest {
    /// Number of the set.
    pub set: usize,
    /// Cosine distance to its centroid.
    pub distance: f32,
}

/// Centroids of sets that may be matched; empty ones match nothing.
#[derive(Debug, Clone)]
pub struct Centroids {
    /// Number of the set of each row.
    sets: Vec<usize>,
    /// One row a set.
    matrix: Array2<f32>,
}

impl Centroids {
    /// The centroids of sets of faces (rows of the gallery), of those that are upright.
    pub fn of(gallery: &Gallery, sets: &[Vec<usize>]) -> Self {
        let filled: Vec<usize> = (0..sets.len()).filter(|set| !sets[*set].is_empty()).collect();
        let groups: Vec<Vec<usize>> = filled.iter().map(|set| upright(gallery, &sets[*set])).collect();
        Self { matrix: centroids(&gallery.embeddings, &groups), sets: filled }
    }

    /// The set nearest to each of some faces, of equally near ones the first; `None` without any set. O(faces
    /// · sets · d).
    pub fn nearest(&self, gallery: &Gallery, faces: &[usize]) -> Vec<Option<Nearest>> {
        self.each(gallery, faces, |similarities| {
            let mut best: Option<(usize, f32)> = None;
            for (at, similarity) in similarities.iter().enumerate() {
                if best.is_none_or(|(_, highest)| *similarity > highest) {
                    best = Some((at, *similarity));
                }
            }
            best.map(|(at, similarity)| Nearest { set: self.sets[at], distance: 1.0 - similarity })
        })
    }

    /// Every set within `threshold` of each of some faces, in the order of the sets.
    pub fn within(&self, gallery: &Gallery, faces: &[usize], threshold: f32) -> Vec<Vec<Nearest>> {
        self.each(gallery, faces, |similarities| {
            let near = similarities.iter().enumerate().map(|(at, similarity)| (at, 1.0 - similarity));
            near.filter(|(_, distance)| *distance <= threshold)
                .map(|(at, distance)| Nearest { set: self.sets[at], distance })
                .collect()
        })
    }

    fn each<T: Send>(&self, gallery: &Gallery, faces: &[usize], look: impl Fn(&[f32]) -> T + Sync) -> Vec<T> {
        let turned: &ArrayRef2<f32> = &self.matrix.t();
        let block = |faces: &[usize]| -> Vec<T> {
            let similarities = gallery.embeddings.select(Axis(0), faces).dot(turned);
            similarities.rows().into_iter().map(|row| look(&row.to_vec())).collect()
        };
        faces.par_chunks(BLOCK).flat_map_iter(block).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::gallery_of;

    #[test]
    fn a_face_is_nearest_to_the_set_of_its_person() {
        // Two faces on each of three axes, and one between the first two, nearer to the second.
        let gallery = gallery_of(&[(0, 0.0), (0, 0.0), (1, 0.0), (1, 0.0), (2, 0.0), (2, 0.0), (1, 0.6)]);
        let centroids = Centroids::of(&gallery, &[vec![0, 1], vec![], vec![2, 3]]);
        let nearest = centroids.nearest(&gallery, &[1, 3, 6]);
        let sets: Vec<usize> = nearest.iter().map(|nearest| nearest.unwrap().set).collect();
        assert_eq!(sets, [0, 2, 2]);
        assert!((nearest[2].unwrap().distance - (1.0 - 0.6f32.cos())).abs() < 1e-6);
        assert_eq!(centroids.within(&gallery, &[4], 0.5), [vec![]]);
        assert_eq!(centroids.within(&gallery, &[4], 1.0)[0].len(), 2);
        assert_eq!(Centroids::of(&gallery, &[vec![]]).nearest(&gallery, &[0]), [None]);
    }
}
