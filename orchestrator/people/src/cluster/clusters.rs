//! A partition of rows.

/// Which cluster each row is in. Clusters are numbered from 0 by their first row, so equal partitions are
/// equal values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clusters {
    labels: Vec<usize>,
    count: usize,
}

impl Clusters {
    /// A partition from any labels: rows with the same label are together.
    pub fn from_labels(labels: &[usize]) -> Self {
        let mut numbers = std::collections::HashMap::new();
        let labels = labels
            .iter()
            .map(|label| {
                let next = numbers.len();
                *numbers.entry(*label).or_insert(next)
            })
            .collect();
        Self { labels, count: numbers.len() }
    }

    /// Number of clusters.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The cluster of each row.
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// The rows of each cluster, ascending.
    pub fn members(&self) -> Vec<Vec<usize>> {
        let mut members = vec![Vec::new(); self.count];
        for (row, label) in self.labels.iter().enumerate() {
            members[*label].push(row);
        }
        members
    }
}
