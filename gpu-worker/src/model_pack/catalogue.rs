//! Packs that can be downloaded.

use facesets_core::{Sha256Digest, wire::ModelRole};

/// A pack, where its archive is, and what must be in it.
#[derive(Debug, Clone)]
pub struct CatalogueEntry {
    /// Name of the pack.
    pub name: String,
    /// Licence of the weights, for the manifest.
    pub licence: String,
    /// What must be accepted before the download.
    pub notice: String,
    /// Address of a zip archive.
    pub url: String,
    /// Size of the archive.
    pub bytes: u64,
    /// Digest of the archive.
    pub sha256: Sha256Digest,
    /// Files to take from the archive; others are left in it.
    pub files: Vec<CatalogueFile>,
}

/// A file in an archive.
#[derive(Debug, Clone)]
pub struct CatalogueFile {
    /// What it is for.
    pub role: ModelRole,
    /// Its name, whatever folder of the archive it lies in.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// Its digest.
    pub sha256: Sha256Digest,
}

/// The packs known to this version.
pub fn catalogue() -> Vec<CatalogueEntry> {
    vec![buffalo_l()]
}

/// `InsightFace`'s release 0.7; sizes and digests as published there.
fn buffalo_l() -> CatalogueEntry {
    let files = [
        (
            ModelRole::Detection,
            "det_10g.onnx",
            16_923_827,
            "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91",
        ),
        (
            ModelRole::Recognition,
            "w600k_r50.onnx",
            174_383_860,
            "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
        ),
        (
            ModelRole::Landmarks106,
            "2d106det.onnx",
            5_030_888,
            "f001b856447c413801ef5c42091ed0cd516fcd21f2d6b79635b1e733a7109dbf",
        ),
        (
            ModelRole::Landmarks68,
            "1k3d68.onnx",
            143_607_619,
            "df5c06b8a0c12e422b2ed8947b8869faa4105387f199c477af038aa01f9a45cc",
        ),
    ];
    CatalogueEntry {
        name: "buffalo_l".to_owned(),
        licence: "InsightFace: non-commercial research purposes only".to_owned(),
        notice: "The models of buffalo_l are InsightFace's. Their weights may be used for non-commercial research \
                 purposes only;\nanything else needs a licence from InsightFace: https://github.com/deepinsight/insightface#license"
            .to_owned(),
        url: "https://github.com/deepinsight/insightface/releases/download/v0.7/buffalo_l.zip".to_owned(),
        bytes: 288_621_354,
        sha256: digest("80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f"),
        files: files
            .into_iter()
            .map(|(role, file, bytes, sha256)| CatalogueFile {
                role,
                file: file.to_owned(),
                bytes,
                sha256: digest(sha256),
            })
            .collect(),
    }
}

fn digest(text: &str) -> Sha256Digest {
    text.parse().expect("the catalogue's digests are 64 hexadecimal digits; a test reads them all")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_fills_every_role_once() {
        for entry in catalogue() {
            let mut roles: Vec<ModelRole> = entry.files.iter().map(|file| file.role).collect();
            roles.sort();
            assert_eq!(roles, ModelRole::ALL, "{}", entry.name);
        }
    }
}
