//! Fetching a pack: archive, comparison, files, manifest, and only then its name.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::{
    CatalogueEntry, CatalogueFile, DownloadError, MANIFEST_FILE, Manifest, ManifestModel, Pack, Progress,
    SCHEMA,
    download::{Wanted, download},
    foreign::foreign_in,
    unpack::unpack,
};
use crate::engine::RoleWord as _;

/// What came of fetching.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The pack is there now.
    New(PathBuf),
    /// It was there already, and whole.
    AlreadyThere(PathBuf),
}

/// A pack that could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The archive did not arrive.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// The archive is not what was promised.
    #[error("the archive `{}` cannot be used: {reason}", .path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// What has the pack's name is somebody else's, or holds something that is.
    #[error("`{}` is no part of the pack `{pack}`: nothing is put in its place", .path.display())]
    Foreign {
        /// What is in the way.
        path: PathBuf,
        /// The pack that was to be there.
        pack: String,
    },
    /// The disk.
    #[error("`{}` cannot be written: {source}", .path.display())]
    Disk {
        /// File or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Fetches `entry` into the folder `models`. The partial archive stays for the next time when the line
/// breaks; nothing half-made is ever visible under the pack's name.
pub fn fetch(entry: &CatalogueEntry, models: &Path, progress: &dyn Progress) -> Result<Fetched, FetchError> {
    let folder = models.join(&entry.name);
    if is_whole(models, &entry.name) {
        return Ok(Fetched::AlreadyThere(folder));
    }
    refuse_foreign(entry, &folder)?;
    fs::create_dir_all(models).map_err(disk(models))?;
    let part = partial_archive(models, &entry.name);
    download(Wanted { url: &entry.url, bytes: entry.bytes, sha256: entry.sha256 }, &part, progress)?;

    let staging = tempfile::Builder::new()
        .prefix(&format!(".{}.", entry.name))
        .tempdir_in(models)
        .map_err(disk(models))?;
    let files = unpack(&part, &entry.files, staging.path())?;
    let manifest = staging.path().join(MANIFEST_FILE);
    write_manifest(entry, &files, &manifest).map_err(disk(&manifest))?;
    // It may have come, or changed, meanwhile.
    refuse_foreign(entry, &folder)?;
    publish(&staging, &folder).map_err(disk(&folder))?;
    fs::remove_file(&part).map_err(disk(&part))?;
    Ok(Fetched::New(folder))
}

/// The files of optional roles that `entry` knows and the pack in the folder `models` does not have.
pub fn lacking<'a>(entry: &'a CatalogueEntry, models: &Path) -> Vec<&'a str> {
    let Ok(pack) = Pack::open(models, &entry.name) else { return Vec::new() };
    let optional = entry.files.iter().filter(|file| file.role.is_optional());
    optional
        .filter(|file| pack.roles().all(|role| role != file.role))
        .map(|file| file.file.as_str())
        .collect()
}

/// Where the archive of a pack is gathered.
pub(super) fn partial_archive(models: &Path, name: &str) -> PathBuf {
    models.join(format!(".{name}.zip.part"))
}

fn is_whole(models: &Path, name: &str) -> bool {
    Pack::open(models, name).is_ok_and(|pack| pack.verify().iter().all(|check| check.state.is_ok()))
}

fn write_manifest(entry: &CatalogueEntry, files: &[&CatalogueFile], path: &Path) -> io::Result<()> {
    let models = files.iter().map(|file| {
        let model =
            ManifestModel { file: file.file.clone(), bytes: file.bytes, sha256: file.sha256.to_string() };
        (file.role.word().to_owned(), model)
    });
    let manifest = Manifest {
        schema: SCHEMA.to_owned(),
        name: entry.name.clone(),
        licence: entry.licence.clone(),
        source: entry.url.clone(),
        models: models.collect(),
    };
    let mut file = File::create_new(path)?;
    serde_json::to_writer_pretty(&mut file, &manifest)?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// Demands that whatever has the pack's name is a folder with files of the pack, whole or not, and nothing
/// else.
fn refuse_foreign(entry: &CatalogueEntry, folder: &Path) -> Result<(), FetchError> {
    let foreign = |path: PathBuf| Err(FetchError::Foreign { path, pack: entry.name.clone() });
    match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return foreign(folder.to_owned()),
        Err(error) => return Err(disk(folder)(error)),
    }
    let is_ours = |name: &OsStr| entry.files.iter().any(|file| name == file.file.as_str());
    foreign_in(folder, is_ours).map_err(disk(folder))?.map_or(Ok(()), foreign)
}

/// Gives the staged folder its name; a damaged pack of that name makes way first.
fn publish(staging: &tempfile::TempDir, folder: &Path) -> io::Result<()> {
    let mut aside = None;
    if folder.exists() {
        let parent = folder.parent().unwrap_or(Path::new("."));
        let grave = tempfile::Builder::new().prefix(".damaged.").tempdir_in(parent)?;
        fs::rename(folder, grave.path().join("pack"))?;
        aside = Some(grave);
    }
    // The staged folder is renamed, not kept: its guard then finds nothing to remove.
    fs::rename(staging.path(), folder)?;
    open_for_all(folder)?;
    aside.map_or(Ok(()), tempfile::TempDir::close)
}

/// A temporary folder is its owner's alone; a pack may be read by whom the system's habits allow.
#[cfg(unix)]
fn open_for_all(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same shape as on Unix")]
fn open_for_all(_folder: &Path) -> io::Result<()> {
    Ok(())
}

fn disk(path: &Path) -> impl FnOnce(io::Error) -> FetchError {
    move |source| FetchError::Disk { path: path.to_owned(), source }
}
