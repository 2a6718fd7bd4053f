//! Opening, reading and checking packs on disk.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use facesets_core::{
    Sha256Digest,
    wire::{ModelRole, PackInfo},
};

use super::{
    Hold, MANIFEST_FILE, Manifest, PackError,
    manifest::{ExpectedFile, info, is_plain_name},
};

/// A pack whose manifest is in order; its files have not been looked at.
#[derive(Debug, Clone)]
pub struct Pack {
    folder: PathBuf,
    files: Vec<ExpectedFile>,
    info: PackInfo,
}

/// One file and what became of comparing it.
#[derive(Debug)]
pub struct FileCheck {
    /// Name inside the pack.
    pub file: String,
    /// What it is for.
    pub role: ModelRole,
    /// The outcome.
    pub state: FileState,
}

/// Whether a file is what the manifest says.
pub type FileState = Result<(), PackError>;

impl Pack {
    /// Reads the manifest of the pack `name` in the folder `models`.
    pub fn open(models: &Path, name: &str) -> Result<Self, PackError> {
        if !is_plain_name(name) {
            return Err(PackError::Name(name.to_owned()));
        }
        let folder = models.join(name);
        let path = folder.join(MANIFEST_FILE);
        let text = fs::read(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => {
                PackError::Missing { name: name.to_owned(), models: models.to_owned(), there: list(models) }
            }
            _ => PackError::Read { path: path.clone(), source },
        })?;
        Self::described_by(&text, folder, name).map_err(|reason| PackError::Manifest { path, reason })
    }

    /// The pack `name` in `folder` that a manifest describes, or what is wrong with it; nothing is read.
    pub fn described_by(manifest: &[u8], folder: PathBuf, name: &str) -> Result<Self, String> {
        let manifest: Manifest = serde_json::from_slice(manifest).map_err(|error| error.to_string())?;
        if manifest.name != name {
            return Err(format!("it is named `{}`, its folder `{name}`", manifest.name));
        }
        let files = manifest.files()?;
        let info = info(&manifest, &files);
        Ok(Self { folder, files, info })
    }

    /// Name, files and licence, as announced to clients.
    pub fn info(&self) -> &PackInfo {
        &self.info
    }

    /// The roles that it fills: all those for faces, perhaps with optional ones; that of CLIP; or both.
    pub fn roles(&self) -> impl Iterator<Item = ModelRole> {
        self.files.iter().map(|file| file.role)
    }

    /// The bytes of the model in `role`, equal to what the manifest says.
    ///
    /// # Panics
    /// If the pack does not fill `role`.
    pub fn read(&self, role: ModelRole) -> Result<Vec<u8>, PackError> {
        let expected = self.expected(role);
        let path = self.folder.join(&expected.file);
        let bytes = fs::read(&path).map_err(|source| PackError::Read { path: path.clone(), source })?;
        compare(expected, path, bytes.len() as u64, Sha256Digest::of(&bytes))?;
        Ok(bytes)
    }

    /// Where the model in `role` lies.
    ///
    /// # Panics
    /// If the pack does not fill `role`.
    pub fn path(&self, role: ModelRole) -> PathBuf {
        self.folder.join(&self.expected(role).file)
    }

    /// Keeps `models remove` away from the pack for as long as the result lives.
    pub fn hold(&self) -> Option<Hold> {
        Hold::on(&self.folder)
    }

    /// Compares every file.
    pub fn verify(&self) -> Vec<FileCheck> {
        let checks = self.files.iter().map(|expected| FileCheck {
            file: expected.file.clone(),
            role: expected.role,
            state: check(expected, self.folder.join(&expected.file)),
        });
        checks.collect()
    }

    fn expected(&self, role: ModelRole) -> &ExpectedFile {
        self.files
            .iter()
            .find(|file| file.role == role)
            .unwrap_or_else(|| panic!("pack `{}` is asked for a role that it does not fill", self.info.name))
    }
}

/// Names of the packs in the folder `models`, sorted; none if it cannot be read.
pub fn list(models: &Path) -> Vec<String> {
    let entries = fs::read_dir(models).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().join(MANIFEST_FILE).is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| is_plain_name(name))
        .collect();
    names.sort();
    names
}

fn check(expected: &ExpectedFile, path: PathBuf) -> FileState {
    let digest = File::open(&path).and_then(Sha256Digest::of_reader);
    match digest {
        Ok((digest, bytes)) => compare(expected, path, bytes, digest),
        Err(source) => Err(PackError::Read { path, source }),
    }
}

fn compare(expected: &ExpectedFile, path: PathBuf, bytes: u64, digest: Sha256Digest) -> FileState {
    if bytes != expected.bytes {
        Err(PackError::Size { path, expected: expected.bytes, found: bytes })
    } else if digest != expected.sha256 {
        Err(PackError::Digest { path, expected: expected.sha256, found: digest })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::RoleWord as _;

    /// A folder of packs with one sound pack, `good`, whose files hold their own role's word.
    fn models() -> tempfile::TempDir {
        let models = tempfile::tempdir().unwrap();
        write_pack(models.path(), "good", |_| {});
        models
    }

    fn write_pack(models: &Path, name: &str, change: impl Fn(&mut serde_json::Value)) {
        let folder = models.join(name);
        fs::create_dir(&folder).unwrap();
        let mut manifest = json!({
            "schema": super::super::SCHEMA, "name": name, "licence": "MIT", "source": "a test", "models": {},
        });
        for role in ModelRole::FACE {
            let (word, file) = (role.word(), format!("{}.onnx", role.word()));
            fs::write(folder.join(&file), word).unwrap();
            manifest["models"][word] = json!({"file": file, "bytes": word.len(), "sha256": Sha256Digest::of(word.as_bytes()).to_string()});
        }
        change(&mut manifest);
        fs::write(folder.join(MANIFEST_FILE), manifest.to_string()).unwrap();
    }

    #[test]
    fn a_sound_pack_opens_verifies_and_gives_its_bytes() {
        let models = models();
        let pack = Pack::open(models.path(), "good").unwrap();
        assert!(pack.verify().iter().all(|check| check.state.is_ok()));
        assert_eq!(pack.read(ModelRole::Recognition).unwrap(), b"recognition");
        assert_eq!(pack.info().sha256(ModelRole::Detection), Some(Sha256Digest::of(b"detection")));
    }

    #[test]
    fn a_pack_is_for_faces_for_clip_or_for_both_and_never_half_of_one() {
        let models = models();
        let clip = json!({"file": "detection.onnx", "bytes": 9, "sha256": Sha256Digest::of(b"detection").to_string()});
        write_pack(models.path(), "clip", |m| m["models"] = json!({"clip_visual": clip}));
        write_pack(models.path(), "both", |m| m["models"]["clip_visual"] = clip.clone());
        write_pack(models.path(), "half", |m| {
            m["models"] = json!({"clip_visual": clip, "detection": m["models"]["detection"]});
        });
        write_pack(models.path(), "none", |m| m["models"] = json!({}));
        let roles = |name| Pack::open(models.path(), name).map(|pack| pack.roles().collect::<Vec<_>>());
        assert_eq!(roles("good").unwrap(), ModelRole::FACE);
        assert_eq!(roles("clip").unwrap(), [ModelRole::ClipVisual]);
        assert_eq!(roles("both").unwrap(), [&ModelRole::FACE[..], &[ModelRole::ClipVisual]].concat());
        write_pack(models.path(), "more", |m| m["models"]["gender_age"] = clip.clone());
        assert_eq!(roles("more").unwrap(), [&ModelRole::FACE[..], &ModelRole::OPTIONAL].concat());
        // What makes results comparable is the same with and without it.
        let contracts = |name| {
            let pack = Pack::open(models.path(), name).unwrap();
            (pack.info().face_contract(640), pack.info().landmarks_contract(640))
        };
        assert_eq!(contracts("more"), contracts("good"));
        write_pack(models.path(), "faceless", |m| {
            m["models"] = json!({"clip_visual": clip, "gender_age": clip});
        });
        for name in ["half", "none", "faceless"] {
            let error = roles(name).unwrap_err().to_string();
            assert!(error.contains("it names no `"), "{error}");
        }
    }

    #[test]
    fn a_missing_pack_is_an_error_that_lists_the_others() {
        let error = Pack::open(models().path(), "buffalo_l").unwrap_err().to_string();
        assert!(error.contains("no model pack `buffalo_l`") && error.contains("holds `good`"), "{error}");
    }

    #[test]
    fn a_changed_byte_names_the_file_and_both_digests() {
        let models = models();
        fs::write(models.path().join("good/detection.onnx"), "detectioN").unwrap();
        let pack = Pack::open(models.path(), "good").unwrap();
        let error = pack.read(ModelRole::Detection).unwrap_err().to_string();
        for part in [
            "detection.onnx",
            &Sha256Digest::of(b"detection").to_string(),
            &Sha256Digest::of(b"detectioN").to_string(),
        ] {
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(pack.verify().iter().filter(|check| check.state.is_err()).count(), 1);
    }

    #[test]
    fn a_truncated_or_absent_file_is_told_apart() {
        let models = models();
        fs::write(models.path().join("good/detection.onnx"), "det").unwrap();
        fs::remove_file(models.path().join("good/recognition.onnx")).unwrap();
        let pack = Pack::open(models.path(), "good").unwrap();
        assert!(matches!(
            pack.read(ModelRole::Detection),
            Err(PackError::Size { expected: 9, found: 3, .. })
        ));
        assert!(matches!(pack.read(ModelRole::Recognition), Err(PackError::Read { .. })));
    }

    #[test]
    fn manifests_that_make_no_sense_are_refused_with_the_reason() {
        let models = tempfile::tempdir().unwrap();
        write_pack(models.path(), "schema", |m| m["schema"] = json!("facesets.model-pack/9"));
        write_pack(models.path(), "name", |m| m["name"] = json!("other"));
        write_pack(models.path(), "role", |m| {
            drop(m["models"].as_object_mut().unwrap().remove("landmarks_68"));
        });
        write_pack(models.path(), "path", |m| m["models"]["detection"]["file"] = json!("../x.onnx"));
        write_pack(models.path(), "digest", |m| m["models"]["detection"]["sha256"] = json!("abc"));
        for name in ["schema", "name", "role", "path", "digest"] {
            let error = Pack::open(models.path(), name).unwrap_err();
            assert!(matches!(error, PackError::Manifest { .. }), "{name}: {error}");
        }
        assert!(matches!(Pack::open(models.path(), "../up"), Err(PackError::Name(_))));
        assert_eq!(list(models.path()).len(), 5);
    }
}
