//! Which normalisation a model wants, decided as `InsightFace` decides it.

use facesets_core::wire::ModelRole;

use crate::{
    onnx::{NotOnnx, first_node_names},
    vision::Normalisation,
};

/// Nodes that are looked at.
const NODES: usize = 8;

/// Nodes among which the own batch normalisation of a model for landmarks, or for gender and age, may be.
const BATCH_NORMALISATION_NODES: usize = 3;

/// The normalisation of the model in `role`, from the names of its first nodes (`insightface/model_zoo`:
/// `scrfd.py`, `arcface_onnx.py`, `landmark.py`, `attribute.py`).
///
/// A graph that begins with a subtraction and a multiplication normalises its input itself.
pub fn normalisation(role: ModelRole, model: &[u8]) -> Result<Normalisation, NotOnnx> {
    let names = first_node_names(model, NODES)?;
    let any = |prefixes: [&str; 2]| names.iter().any(|name| prefixes.iter().any(|p| name.starts_with(p)));
    let normalises_itself = any(["Sub", "_minus"]) && any(["Mul", "_mul"]);
    let has_bn_data = names.iter().take(BATCH_NORMALISATION_NODES).any(|name| name == "bn_data");
    Ok(match role {
        ModelRole::Recognition if normalises_itself => Normalisation::NONE,
        ModelRole::Recognition => Normalisation { mean: 127.5, std: 127.5 },
        ModelRole::Landmarks106 | ModelRole::Landmarks68 | ModelRole::GenderAge
            if normalises_itself || has_bn_data =>
        {
            Normalisation::NONE
        }
        ModelRole::Detection | ModelRole::Landmarks106 | ModelRole::Landmarks68 | ModelRole::GenderAge => {
            Normalisation { mean: 127.5, std: 128.0 }
        }
        // Its levels have a mean and a deviation for each channel: `vision::append_clip`.
        ModelRole::ClipVisual => Normalisation::NONE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::model_with_nodes;

    fn std_of(role: ModelRole, names: &[&str]) -> f32 {
        normalisation(role, &model_with_nodes(names)).unwrap().std
    }

    #[test]
    fn a_graph_that_subtracts_and_multiplies_first_gets_raw_levels() {
        for names in [["Sub_0", "x", "Mul_1"], ["_minusscalar0", "_mulscalar0", "y"]] {
            assert_eq!(
                [1.0, 1.0, 1.0, 1.0, 128.0].map(f32::to_bits),
                [
                    std_of(ModelRole::Recognition, &names),
                    std_of(ModelRole::Landmarks106, &names),
                    std_of(ModelRole::Landmarks68, &names),
                    std_of(ModelRole::GenderAge, &names),
                    std_of(ModelRole::Detection, &names),
                ]
                .map(f32::to_bits)
            );
        }
    }

    #[test]
    fn one_of_the_two_is_not_enough_and_the_ninth_node_is_too_late() {
        let late = ["Sub", "1", "2", "3", "4", "5", "6", "7", "Mul"];
        for names in [&["Sub"][..], &["Mul"], &late] {
            assert_eq!(std_of(ModelRole::Recognition, names).to_bits(), 127.5f32.to_bits(), "{names:?}");
        }
    }

    #[test]
    fn bn_data_counts_for_landmarks_and_age_among_the_first_three_nodes_only() {
        assert_eq!(std_of(ModelRole::GenderAge, &["bn_data"]).to_bits(), 1f32.to_bits());
        assert_eq!(std_of(ModelRole::GenderAge, &["a", "b", "c", "bn_data"]).to_bits(), 128f32.to_bits());
        assert_eq!(std_of(ModelRole::Landmarks106, &["a", "b", "bn_data"]).to_bits(), 1f32.to_bits());
        assert_eq!(std_of(ModelRole::Landmarks68, &["a", "b", "c", "bn_data"]).to_bits(), 128f32.to_bits());
        assert_eq!(std_of(ModelRole::Recognition, &["bn_data"]).to_bits(), 127.5f32.to_bits());
    }
}
