//! Where arrays go: members of one `.npz`, or `.npy` files in a folder. Neither is seen under its name before
//! it is whole.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use facesets_base::output::{Existing, FileKind, OutputDir, OutputFile, OutputKind};
use facesets_library::{npy, store::Item};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::error::InteropError;

/// Rows are a few bytes to two kilobytes; this many bytes go to the file at a time.
const BUFFER: usize = 1 << 20;

/// How the arrays lie in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    Npz(Box<ZipWriter<BufWriter<OutputFile>>>, PathBuf),
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
    /// Begins what will be `path`. An earlier export of that name is replaced, a folder moved aside, where
    /// `existing` says so.
    pub fn create(path: &Path, format: Format, existing: Existing) -> Result<Self, InteropError> {
        if format == Format::Npy {
            return Ok(Self(Kind::Npy(OutputDir::create(path, OutputKind::Arrays, existing, &[])?)));
        }
        if path.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("npz")) {
            return Err(InteropError::NotNpz(path.to_owned()));
        }
        let file = OutputFile::create(path, FileKind::Arrays, existing, None)?;
        let path = file.target().to_owned();
        let zip = ZipWriter::new(BufWriter::with_capacity(BUFFER, file));
        Ok(Self(Kind::Npz(Box::new(zip), path)))
    }

    /// Where it will be.
    pub fn path(&self) -> &Path {
        match &self.0 {
            Kind::Npz(_, path) => path,
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
            Kind::Npz(zip, path) => {
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
        match self.0 {
            Kind::Npz(zip, path) => {
                let finished = zip.finish().map_err(io::Error::from);
                let file =
                    finished.and_then(|file| Ok(file.into_inner()?)).map_err(InteropError::at(path))?;
                Ok(file.finish()?)
            }
            Kind::Npy(folder) => {
                let target = folder.target().to_owned();
                folder.finish()?;
                Ok(target)
            }
        }
    }
}
