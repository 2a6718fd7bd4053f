//! Where arrays come from: members of one `.npz`, or `.npy` files in a folder. Several are read side by side,
//! each from its own place.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use facesets_base::archive::{Archive, UnpackLimit};
use tokio_util::sync::CancellationToken;

use super::import_error::ImportError;

/// Bytes read ahead of each array; some thirty are open at a time.
const BUFFER: usize = 64 * 1024;

/// Named arrays, as bytes with their head.
pub trait Arrays {
    /// What they are called, in no order.
    fn names(&self) -> Vec<String>;
    /// The bytes of one, from its head on. Reading to the end fails if they are not those that were written.
    fn open(&self, name: &str) -> Result<Box<dyn Read>, ImportError>;
}

/// The arrays in a file or a folder.
pub fn open(path: &Path) -> Result<Box<dyn Arrays>, ImportError> {
    if path.is_dir() {
        return Ok(Box::new(Folder(path.to_owned())));
    }
    let archive = Archive::open(path, UnpackLimit::FOR_ARRAYS, &CancellationToken::new());
    let archive = archive.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => ImportError::NotArrays(path.to_owned()),
        io::ErrorKind::InvalidData => ImportError::Zip { path: path.to_owned(), problem: error.to_string() },
        _ => ImportError::at(path)(error),
    })?;
    Ok(Box::new(Npz { path: path.to_owned(), archive }))
}

struct Folder(PathBuf);

impl Arrays for Folder {
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let names = names.filter(|name| !name.starts_with('.'));
        names.filter_map(|name| name.strip_suffix(".npy").map(str::to_owned)).collect()
    }

    fn open(&self, name: &str) -> Result<Box<dyn Read>, ImportError> {
        let path = self.0.join(format!("{name}.npy"));
        let file = File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ImportError::Missing(name.to_owned()),
            _ => ImportError::at(&path)(error),
        })?;
        Ok(Box::new(BufReader::with_capacity(BUFFER, file)))
    }
}

struct Npz {
    path: PathBuf,
    archive: Archive,
}

impl Arrays for Npz {
    fn names(&self) -> Vec<String> {
        let names = self.archive.members.iter().filter_map(|member| member.name.strip_suffix(".npy"));
        names.map(str::to_owned).collect()
    }

    fn open(&self, name: &str) -> Result<Box<dyn Read>, ImportError> {
        let member =
            self.archive.members.iter().find(|member| member.name.strip_suffix(".npy") == Some(name));
        let member = member.ok_or_else(|| ImportError::Missing(name.to_owned()))?;
        self.archive.read(member).map_err(|error| ImportError::Zip {
            path: self.path.clone(),
            problem: format!("`{name}.npy`: {error}"),
        })
    }
}
