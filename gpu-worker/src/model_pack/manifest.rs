//! `pack.json`: what a pack's files must be.

use std::collections::BTreeMap;

use facesets_core::{
    Sha256Digest,
    wire::{ModelInfo, ModelRole, PackInfo, PackState},
};
use serde::{Deserialize, Serialize};

use crate::engine::RoleWord as _;

/// Name of the manifest inside a pack.
pub const MANIFEST_FILE: &str = "pack.json";

/// What `schema` says in a manifest of this version.
pub const SCHEMA: &str = "facesets.model-pack/1";

/// A manifest as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema: String,
    /// Name of the pack and of its folder.
    pub name: String,
    /// Licence of the weights, in words.
    pub licence: String,
    /// Where the files come from.
    pub source: String,
    /// Files by role; roles that this version does not know are left alone.
    pub models: BTreeMap<String, ManifestModel>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestModel {
    /// Name inside the pack's folder.
    pub file: String,
    /// Size.
    pub bytes: u64,
    /// Digest, 64 hexadecimal digits.
    pub sha256: String,
}

/// A role's file, checked as far as can be without looking at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExpectedFile {
    pub(super) role: ModelRole,
    pub(super) file: String,
    pub(super) bytes: u64,
    pub(super) sha256: Sha256Digest,
}

impl Manifest {
    /// The files of every role that the pack fills, or what is wrong with them. It fills all roles for faces,
    /// and then perhaps optional ones too, or none, and if none, that of CLIP.
    pub(super) fn files(&self) -> Result<Vec<ExpectedFile>, String> {
        if self.schema != SCHEMA {
            return Err(format!("its schema is `{}`, this version reads `{SCHEMA}`", self.schema));
        }
        let has = |role: &ModelRole| self.models.contains_key(role.word());
        let lacks = |role: &ModelRole| !has(role);
        let mut of_faces = ModelRole::FACE.iter().chain(&ModelRole::OPTIONAL);
        let for_faces = of_faces.any(has) || lacks(&ModelRole::ClipVisual);
        if let Some(role) = ModelRole::FACE.iter().find(|role| for_faces && lacks(role)) {
            return Err(format!("it names no `{}` model", role.word()));
        }
        ModelRole::ALL.into_iter().filter(has).map(|role| self.file(role)).collect()
    }

    fn file(&self, role: ModelRole) -> Result<ExpectedFile, String> {
        let model = &self.models[role.word()];
        if !is_plain_name(&model.file) {
            return Err(format!("`{}` is not a plain file name", model.file));
        }
        let sha256 =
            model.sha256.parse().map_err(|error: facesets_core::digest::InvalidDigest| error.to_string())?;
        Ok(ExpectedFile { role, file: model.file.clone(), bytes: model.bytes, sha256 })
    }
}

/// How the pack is announced to clients.
pub(super) fn info(manifest: &Manifest, files: &[ExpectedFile]) -> PackInfo {
    let models =
        files.iter().map(|file| ModelInfo { role: file.role, file: file.file.clone(), sha256: file.sha256 });
    PackInfo {
        name: manifest.name.clone(),
        models: models.collect(),
        licence: manifest.licence.clone(),
        state: PackState::Available,
    }
}

/// Whether `name` is one component of a path, on Unix and on Windows.
pub(super) fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', ':', '\0'])
}
