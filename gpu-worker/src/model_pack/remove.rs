//! Removing a pack: it is a cache of what can be fetched or made again, so nothing of it is kept.

use std::{
    ffi::OsStr,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::{MANIFEST_FILE, fetch::partial_archive, foreign::foreign_in, list, manifest::is_plain_name};

/// A pack that was not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// There is nothing of that name; what else there is.
    #[error("there is no model pack `{name}` in `{}`", .models.display())]
    Missing {
        /// The name asked for.
        name: String,
        /// The folder of packs.
        models: PathBuf,
        /// Packs that are there.
        there: Vec<String>,
    },
    /// Something that a person made so: what it points to may be used elsewhere.
    #[error("`{}` is a link, not a folder", .0.display())]
    Link(PathBuf),
    /// Something lies in it that is nobody's to remove but whose it is.
    #[error("`{}` is none of the pack's files", .0.display())]
    Foreign(PathBuf),
    /// A worker serves it.
    #[error("the model pack in `{}` is in use by a worker", .0.display())]
    InUse(PathBuf),
    /// The disk.
    #[error("`{}` cannot be removed: {source}", .path.display())]
    Disk {
        /// File or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Says, as long as it lives, that a pack is in use.
#[derive(Debug)]
pub struct Hold(#[expect(dead_code, reason = "the lock lasts as long as the file is open")] File);

impl Hold {
    /// Holds the pack in `folder`. File systems without locks are none of its business: there it holds
    /// nothing.
    pub(super) fn on(folder: &Path) -> Option<Self> {
        let file = File::open(folder.join(MANIFEST_FILE)).ok()?;
        file.lock_shared()
            .inspect_err(|error| tracing::debug!(folder = %folder.display(), %error, "the pack is not held"))
            .ok()?;
        Some(Self(file))
    }
}

/// Bytes of the pack `name` in the folder `models`, with what an interrupted download left of it.
pub fn size(models: &Path, name: &str) -> Result<u64, RemoveError> {
    let (folder, part) = places(models, name)?;
    let bytes = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    let files = fs::read_dir(&folder).into_iter().flatten().flatten();
    Ok(files.map(|entry| bytes(&entry.path())).sum::<u64>() + bytes(&part))
}

/// Removes the pack `name` and what an interrupted download left of it. Returns the bytes that this gives
/// back.
pub fn remove(models: &Path, name: &str) -> Result<u64, RemoveError> {
    let (folder, part) = places(models, name)?;
    let bytes = size(models, name)?;
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| RemoveError::Disk { path, source }
    };
    if folder.exists() {
        if is_held(&folder).map_err(failed(&folder))? {
            return Err(RemoveError::InUse(folder));
        }
        refuse_foreign(&folder)?;
        // Under another name first, so that an interrupted removal leaves nothing that looks like a pack.
        let grave =
            tempfile::Builder::new().prefix(".removed.").tempdir_in(models).map_err(failed(models))?;
        fs::rename(&folder, grave.path().join("pack")).map_err(failed(&folder))?;
        grave.close().map_err(failed(&folder))?;
    }
    if part.exists() {
        fs::remove_file(&part).map_err(failed(&part))?;
    }
    Ok(bytes)
}

/// Demands that everything in a pack's folder is a model, named by its manifest, or left there by the system.
fn refuse_foreign(folder: &Path) -> Result<(), RemoveError> {
    let failed = |source| RemoveError::Disk { path: folder.to_owned(), source };
    // A damaged manifest names files too, as far as it goes.
    let manifest = fs::read(folder.join(MANIFEST_FILE)).map_err(failed)?;
    let manifest = String::from_utf8_lossy(&manifest);
    let is_named = |name: &str| manifest.contains(&format!("\"{name}\""));
    let is_ours = |name: &OsStr| {
        Path::new(name).extension().is_some_and(|extension| extension == "onnx")
            || name.to_str().is_some_and(is_named)
    };
    foreign_in(folder, is_ours).map_err(failed)?.map_or(Ok(()), |path| Err(RemoveError::Foreign(path)))
}

/// The pack's folder and its partial archive, of which at least one is there.
fn places(models: &Path, name: &str) -> Result<(PathBuf, PathBuf), RemoveError> {
    let missing =
        || RemoveError::Missing { name: name.to_owned(), models: models.to_owned(), there: list(models) };
    if !is_plain_name(name) {
        return Err(missing());
    }
    let (folder, part) = (models.join(name), partial_archive(models, name));
    if folder.is_symlink() {
        return Err(RemoveError::Link(folder));
    }
    // Only what looks like a pack is one: the folder of models may have been named by mistake.
    if folder.join(MANIFEST_FILE).is_file() || (part.is_file() && !folder.exists()) {
        return Ok((folder, part));
    }
    Err(missing())
}

fn is_held(folder: &Path) -> io::Result<bool> {
    match File::open(folder.join(MANIFEST_FILE))?.try_lock() {
        // The lock ends with the file, before the folder is renamed.
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models() -> tempfile::TempDir {
        let models = tempfile::tempdir().unwrap();
        let pack = models.path().join("open");
        fs::create_dir(&pack).unwrap();
        fs::write(pack.join(MANIFEST_FILE), r#"{"file":"a.onnx"}"#).unwrap();
        fs::write(pack.join("a.onnx"), [0; 1000]).unwrap();
        fs::write(models.path().join(".open.zip.part"), [0; 50]).unwrap();
        models
    }

    #[test]
    fn a_pack_goes_with_its_partial_download_and_its_bytes_are_counted() {
        let models = models();
        assert_eq!(size(models.path(), "open").unwrap(), 1067);
        assert_eq!(remove(models.path(), "open").unwrap(), 1067);
        assert_eq!(fs::read_dir(models.path()).unwrap().count(), 0);
        assert!(matches!(remove(models.path(), "open"), Err(RemoveError::Missing { .. })));
    }

    #[test]
    fn what_is_no_pack_is_left_alone() {
        let models = models();
        let photos = models.path().join("photos");
        fs::create_dir(&photos).unwrap();
        fs::write(photos.join("a.jpg"), "x").unwrap();
        for name in ["photos", "..", ".", "", "open/.."] {
            assert!(matches!(remove(models.path(), name), Err(RemoveError::Missing { .. })), "{name}");
        }
        assert!(photos.join("a.jpg").exists() && models.path().join("open/a.onnx").exists());
    }

    #[test]
    fn a_pack_with_something_of_the_users_in_it_stays_whole() {
        let models = models();
        let pack = models.path().join("open");
        fs::write(pack.join(".DS_Store"), "x").unwrap();
        for make in [|path: &Path| fs::write(path, "x").unwrap(), |path: &Path| fs::create_dir(path).unwrap()]
        {
            let notes = pack.join("notes");
            make(&notes);
            let refused = remove(models.path(), "open");
            assert!(matches!(&refused, Err(RemoveError::Foreign(path)) if *path == notes), "{refused:?}");
            assert!(pack.join("a.onnx").exists() && models.path().join(".open.zip.part").exists());
            fs::remove_file(&notes).or_else(|_| fs::remove_dir(&notes)).unwrap();
        }
        remove(models.path(), "open").unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_left_alone() {
        let models = models();
        std::os::unix::fs::symlink(models.path().join("open"), models.path().join("other")).unwrap();
        assert!(matches!(remove(models.path(), "other"), Err(RemoveError::Link(_))));
        assert!(models.path().join("open/a.onnx").exists());
    }

    #[test]
    fn a_pack_that_is_held_stays_until_it_is_let_go() {
        let models = models();
        let hold = Hold::on(&models.path().join("open")).unwrap();
        assert!(matches!(remove(models.path(), "open"), Err(RemoveError::InUse(_))));
        drop(hold);
        remove(models.path(), "open").unwrap();
    }
}
