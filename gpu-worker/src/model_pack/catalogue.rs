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
    /// Files to take from the archive; others are left in it. Those of optional roles may be missing there.
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

/// What `InsightFace` says of the weights of all its packs.
const INSIGHTFACE_LICENCE: &str = "InsightFace: non-commercial research purposes only";

/// Where `InsightFace` publishes its packs.
const INSIGHTFACE_RELEASE: &str = "https://github.com/deepinsight/insightface/releases/download/v0.7";

/// Name, size and digest of a file, as published.
type Published = (&'static str, u64, &'static str);

const DET_10G: Published =
    ("det_10g.onnx", 16_923_827, "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91");
const DET_2_5G: Published =
    ("det_2.5g.onnx", 3_292_009, "041f73f47371333d1d17a6fee6c8ab4e6aecabefe398ff32cca4e2d5eaee0af9");
const DET_500M: Published =
    ("det_500m.onnx", 2_524_817, "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a");
const W600K_R50: Published =
    ("w600k_r50.onnx", 174_383_860, "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43");
const W600K_MBF: Published =
    ("w600k_mbf.onnx", 13_616_099, "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f");
const GLINTR100: Published =
    ("glintr100.onnx", 260_665_334, "4ab1d6435d639628a6f3e5008dd4f929edf4c4124b1a7169e1048f9fef534cdf");
const LANDMARKS_106: Published =
    ("2d106det.onnx", 5_030_888, "f001b856447c413801ef5c42091ed0cd516fcd21f2d6b79635b1e733a7109dbf");
const LANDMARKS_68: Published =
    ("1k3d68.onnx", 143_607_619, "df5c06b8a0c12e422b2ed8947b8869faa4105387f199c477af038aa01f9a45cc");
const GENDER_AGE: Published =
    ("genderage.onnx", 1_322_532, "4fde69b1c810857b88c64a335084f1c3fe8f01246c9a191b48c7bb756d6652fb");

/// The packs known to this version: those of `InsightFace`'s release 0.7 that bring a model for every role,
/// whose sizes and digests are published. (`buffalo_sc` and the newer `raccoon` packs have no landmarks.)
pub fn catalogue() -> Vec<CatalogueEntry> {
    vec![
        insightface(
            "buffalo_l",
            (288_621_354, "80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f"),
            DET_10G,
            W600K_R50,
        ),
        insightface(
            "buffalo_m",
            (275_951_529, "d98264bd8f2dc75cbc2ddce2a14e636e02bb857b3051c234b737bf3b614edca9"),
            DET_2_5G,
            W600K_R50,
        ),
        insightface(
            "buffalo_s",
            (127_607_557, "d85a87f503f691807cd8bb97128bdf7a0660326cd9cd02657127fa978bab8b5e"),
            DET_500M,
            W600K_MBF,
        ),
        // Its detector is det_10g, under the name under which it was trained.
        insightface(
            "antelopev2",
            (360_662_982, "8e182f14fc6e80b3bfa375b33eb6cff7ee05d8ef7633e738d1c89021dcf0c5c5"),
            ("scrfd_10g_bnkps.onnx", DET_10G.1, DET_10G.2),
            GLINTR100,
        ),
    ]
}

/// A pack of the release; all of them share the landmark models and that for gender and age.
fn insightface(
    name: &str,
    (bytes, sha256): (u64, &str),
    detector: Published,
    recogniser: Published,
) -> CatalogueEntry {
    let file = |role, (file, bytes, sha256): Published| CatalogueFile {
        role,
        file: file.to_owned(),
        bytes,
        sha256: digest(sha256),
    };
    CatalogueEntry {
        name: name.to_owned(),
        licence: INSIGHTFACE_LICENCE.to_owned(),
        notice: format!(
            "The models of {name} are InsightFace's. Their weights may be used for non-commercial research purposes \
             only;\nanything else needs a licence from InsightFace: https://github.com/deepinsight/insightface#license"
        ),
        url: format!("{INSIGHTFACE_RELEASE}/{name}.zip"),
        bytes,
        sha256: digest(sha256),
        files: vec![
            file(ModelRole::Detection, detector),
            file(ModelRole::Recognition, recogniser),
            file(ModelRole::Landmarks106, LANDMARKS_106),
            file(ModelRole::Landmarks68, LANDMARKS_68),
            file(ModelRole::GenderAge, GENDER_AGE),
        ],
    }
}

fn digest(text: &str) -> Sha256Digest {
    text.parse().expect("the catalogue's digests are 64 hexadecimal digits; a test reads them all")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_entry_fills_every_role_of_a_face_pack_and_the_optional_ones_once() {
        for entry in catalogue() {
            let roles: Vec<ModelRole> = entry.files.iter().map(|file| file.role).collect();
            assert_eq!(roles, [&ModelRole::FACE[..], &ModelRole::OPTIONAL].concat(), "{}", entry.name);
        }
    }

    #[test]
    fn no_two_entries_are_one_archive_or_the_same_pair_of_detector_and_recogniser() {
        let entries = catalogue();
        let archives: BTreeSet<_> = entries.iter().map(|entry| (entry.sha256, &entry.url)).collect();
        let pairs: BTreeSet<_> =
            entries.iter().map(|entry| (entry.files[0].sha256, entry.files[1].sha256)).collect();
        assert_eq!((archives.len(), pairs.len()), (entries.len(), entries.len()));
    }
}
