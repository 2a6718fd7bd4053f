//! Where arrays go: members of one `.npz`, or `.npy` files in a folder. Neither is seen under its name before it is whole.

use std::{
    fs::{self, File, Permissions},
    io::{self, BufWriter, Write},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{error::InteropError, npy};
use crate::{
    output::{Existing, OutputDir, OutputKind},
    store::Item,
};

/// Rows are a few bytes to two kilobytes; this many bytes go to the file at a time.
const BUFFER: usize = 1 << 20;

/// How the arrays lie in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One file, as `numpy.savez` writes it
    Npz,
    /// A folder with one file an array, which can be mapped into memory
    Npy,
    /// A folder with the tables `contents`, `locations` and `faces`, joined by sha256
    #[cfg(feature = "parquet")]
    Parquet,
}

/// Files under construction. Dropping it without [`Target::finish`] leaves no trace.
#[derive(Debug)]
pub struct Target(Kind);

#[derive(Debug)]
enum Kind {
    Npz { path: PathBuf, zip: Box<ZipWriter<BufWriter<NamedTempFile>>>, existing: Existing },
    Npy(OutputDir),
}

/// What an array is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Array<'a> {
    pub(super) name: &'a str,
    pub(super) item: Item,
    /// `None` for a single item.
    pub(super) rows: Option<u64>,
}

impl Target {
    /// Begins what will be `path`. A file of that name is replaced, a folder moved aside, where `existing` says so.
    pub fn create(path: &Path, format: Format, existing: Existing) -> Result<Self, InteropError> {
        if format == Format::Npy {
            return Ok(Self(Kind::Npy(OutputDir::create(path, OutputKind::Arrays, existing, &[])?)));
        }
        if path.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("npz")) {
            return Err(InteropError::NotNpz(path.to_owned()));
        }
        let (path, file) = begin(path, existing)?;
        let zip = Box::new(ZipWriter::new(BufWriter::with_capacity(BUFFER, file)));
        Ok(Self(Kind::Npz { path, zip, existing }))
    }

    /// Where it will be.
    pub fn path(&self) -> &Path {
        match &self.0 {
            Kind::Npz { path, .. } => path,
            Kind::Npy(folder) => folder.target(),
        }
    }

    /// Writes one array, whose rows `fill` writes.
    pub(super) fn array(
        &mut self,
        array: Array<'_>,
        fill: impl FnOnce(&mut dyn Write) -> Result<(), InteropError>,
    ) -> Result<(), InteropError> {
        let head = npy::head(array.item, array.rows);
        let name = format!("{}.npy", array.name);
        match &mut self.0 {
            Kind::Npz { path, zip, .. } => {
                let bytes = head.len() as u64 + array.rows.unwrap_or(1) * array.item.len() as u64;
                // Stored: embeddings are noise to a compressor, and NumPy reads them four times as fast.
                let options = SimpleFileOptions::default()
                    .compression_method(CompressionMethod::Stored)
                    .large_file(bytes >= u64::from(u32::MAX));
                zip.start_file(name, options)
                    .map_err(|error| InteropError::at(path.as_path())(error.into()))?;
                zip.write_all(&head).map_err(InteropError::at(path.as_path()))?;
                fill(zip)
            }
            Kind::Npy(folder) => {
                let path = folder.path().join(name);
                let file = File::create(&path).map_err(InteropError::at(&path))?;
                let mut file = BufWriter::with_capacity(BUFFER, file);
                file.write_all(&head).map_err(InteropError::at(&path))?;
                fill(&mut file)?;
                file.flush().map_err(InteropError::at(&path))
            }
        }
    }

    /// Puts everything on the disk and then under its name.
    pub fn finish(self) -> Result<PathBuf, InteropError> {
        let (path, zip, existing) = match self.0 {
            Kind::Npz { path, zip, existing } => (path, zip, existing),
            Kind::Npy(folder) => {
                let target = folder.target().to_owned();
                folder.finish()?;
                return Ok(target);
            }
        };
        let finished = zip.finish().map_err(io::Error::from).and_then(|file| Ok(file.into_inner()?));
        put(finished.map_err(InteropError::at(&path))?, &path, existing)?;
        Ok(path)
    }
}

/// A file beside what will be `path`, made absolute.
pub(super) fn begin(path: &Path, existing: Existing) -> Result<(PathBuf, NamedTempFile), InteropError> {
    let path = std::path::absolute(path).map_err(InteropError::at(path))?;
    let taken = path.symlink_metadata().is_ok();
    if path.is_dir() || (taken && existing == Existing::Refuse) {
        return Err(InteropError::Exists(path));
    }
    let parent = path.parent().unwrap_or(Path::new("/"));
    let file = tempfile::Builder::new()
        .prefix(".facesets-partial-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(parent)
        .map_err(InteropError::at(&path))?;
    Ok((path, file))
}

/// Syncs a file and gives it its name.
pub(super) fn put(file: NamedTempFile, path: &Path, existing: Existing) -> Result<(), InteropError> {
    file.as_file().sync_all().map_err(InteropError::at(path))?;
    let persisted = match existing {
        Existing::Refuse => file.persist_noclobber(path),
        Existing::MoveAside => file.persist(path),
    };
    persisted.map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => InteropError::Exists(path.to_owned()),
        _ => InteropError::at(path)(error.error),
    })?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(InteropError::at(folder))
}
