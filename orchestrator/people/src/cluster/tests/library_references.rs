//! Partitions that scikit-learn and `SciPy` made of [`Household`]s; `scripts/python/make_cluster_fixtures.py`
//! wrote them down.

use serde::Deserialize;

use super::{
    LINKAGES, cut_at,
    household::{Household, checksum},
};
use crate::cluster::{Clusters, Linkage};

const REFERENCES: &str = include_str!("../../../../../tests/fixtures/clustering/references.json");

#[derive(Deserialize)]
struct References {
    households: Vec<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    household: Household,
    checksum: u64,
    partitions: Vec<Partition>,
}

#[derive(Deserialize)]
struct Partition {
    linkage: String,
    threshold: f32,
    /// Of scikit-learn and of `SciPy`, which agree; the script sees to it.
    labels: Vec<usize>,
}

#[test]
fn partitions_are_those_of_scikit_learn_and_scipy() {
    let references: References = serde_json::from_str(REFERENCES).unwrap();
    assert!(references.households.len() >= 3);
    for Reference { household, checksum: expected, partitions } in references.households {
        let embeddings = household.embeddings();
        assert_eq!(checksum(&embeddings), expected, "{household:?} is not what the references are of");
        assert_eq!(partitions.len(), 4 * LINKAGES.len());
        for Partition { linkage, threshold, labels } in partitions {
            let linkage = match linkage.as_str() {
                "average" => Linkage::Average,
                "complete" => Linkage::Complete,
                other => panic!("no such linkage: {other}"),
            };
            let got = cut_at(&embeddings, linkage, threshold);
            assert_eq!(got, Clusters::from_labels(&labels), "{household:?} {linkage:?} {threshold}");
        }
    }
}
