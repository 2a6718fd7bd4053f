//! What must hold of any bytes in a folder of packs: the mutations beside this file and `tests/fuzz` demand
//! it.

use std::path::Path;

use facesets_core::wire::ModelRole;
use facesets_worker::{
    model_pack::{Pack, normalisation},
    onnx::{first_node_names, split_prelu},
};

use crate::seeds::PACK;

/// Nodes that are asked for.
const NODES: usize = 8;

/// A pack whose files all lie in its own folder, for faces (perhaps with optional models), for CLIP or both;
/// or what is wrong with it.
pub(crate) fn manifest(text: &[u8]) {
    let folder = Path::new("models").join(PACK);
    match Pack::described_by(text, folder.clone(), PACK) {
        Err(reason) => assert!(!reason.is_empty()),
        Ok(pack) => {
            let roles: Vec<ModelRole> = pack.roles().collect();
            let faces = ModelRole::FACE.iter().filter(|role| roles.contains(role)).count();
            assert!(faces == ModelRole::FACE.len() || (faces == 0 && roles == [ModelRole::ClipVisual]));
            assert_eq!((&pack.info().name[..], pack.info().models.len()), (PACK, roles.len()));
            for role in roles {
                let path = pack.path(role);
                assert_eq!(path.parent(), Some(&*folder), "{}", path.display());
                assert!(pack.info().sha256(role).is_some());
            }
        }
    }
}

/// The names of a model's first nodes, how its input is normalised, and its graph for processors; or that it
/// is none.
pub(crate) fn model(bytes: &[u8]) {
    let names = first_node_names(bytes, NODES);
    assert!(names.as_ref().is_ok_and(|names| names.len() <= NODES) || names.is_err());
    for role in ModelRole::ALL {
        assert_eq!(normalisation(role, bytes).is_ok(), names.is_ok());
    }
    let split = split_prelu(bytes);
    assert!(*split == *bytes || first_node_names(&split, NODES).is_ok());
}
