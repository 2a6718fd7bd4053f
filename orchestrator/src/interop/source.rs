//! Where arrays come from: members of one `.npz`, or `.npy` files in a folder. Several are read side by side, each from its own place.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use flate2::read::DeflateDecoder;
use zip::{CompressionMethod, ZipArchive};

use super::import_error::ImportError;

/// Bytes read ahead of each array; some thirty are open at a time.
const BUFFER: usize = 64 * 1024;

/// Named arrays, as bytes with their head.
pub(super) trait Arrays {
    /// What they are called, in no order.
    fn names(&self) -> Vec<String>;
    /// The bytes of one, from its head on. Reading to the end fails if they are not those that were written.
    fn open(&self, name: &str) -> Result<Box<dyn Read>, ImportError>;
}

/// The arrays in a file or a folder.
pub(super) fn open(path: &Path) -> Result<Box<dyn Arrays>, ImportError> {
    if path.is_dir() {
        return Ok(Box::new(Folder(path.to_owned())));
    }
    let file = File::open(path).map_err(ImportError::at(path))?;
    let archive = ZipArchive::new(&file).map_err(|error| match error {
        zip::result::ZipError::Io(error) => ImportError::at(path)(error),
        _ => ImportError::NotArrays(path.to_owned()),
    })?;
    let mut names = Vec::new();
    for name in archive.file_names() {
        let name = name.map_err(|error| ImportError::zip(path, &error))?;
        names.extend(name.strip_suffix(".npy").map(str::to_owned));
    }
    Ok(Box::new(Npz { path: path.to_owned(), file: Arc::new(file), names }))
}

struct Folder(PathBuf);

impl Arrays for Folder {
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
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
    file: Arc<File>,
    names: Vec<String>,
}

impl Arrays for Npz {
    fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    /// The archive is only asked where a member lies: it hands out one at a time, and we need them side by side.
    fn open(&self, name: &str) -> Result<Box<dyn Read>, ImportError> {
        let failed = |error| ImportError::zip(&self.path, &error);
        let mut archive = ZipArchive::new(&*self.file).map_err(failed)?;
        let Some(index) = archive.index_for_name(&format!("{name}.npy")) else {
            return Err(ImportError::Missing(name.to_owned()));
        };
        // Reading the member's own head is what finds out where its bytes begin.
        let (start, len, crc, method) = {
            let member = archive.by_index(index).map_err(failed)?;
            (member.data_start(), member.compressed_size(), member.crc32(), member.compression())
        };
        let missing = || ImportError::zip(&self.path, &zip::result::ZipError::FileNotFound);
        let start = start.ok_or_else(missing)?;
        let section = Section { file: Arc::clone(&self.file), at: start, left: len };
        let section = BufReader::with_capacity(BUFFER, section);
        match method {
            CompressionMethod::Stored => Ok(Box::new(Checked::new(section, crc))),
            CompressionMethod::Deflated => {
                let inflated = BufReader::with_capacity(BUFFER, DeflateDecoder::new(section));
                Ok(Box::new(Checked::new(inflated, crc)))
            }
            method => {
                let problem =
                    format!("`{name}.npy` is compressed in a way that NumPy does not use ({method})");
                Err(ImportError::Zip { path: self.path.clone(), problem })
            }
        }
    }
}

/// A stretch of a file, read without a position that others share.
struct Section {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

/// Demands at the end that the bytes had the checksum of the archive's directory.
struct Checked<R> {
    inner: R,
    hasher: crc32fast::Hasher,
    expected: u32,
}

impl<R: Read> Checked<R> {
    fn new(inner: R, expected: u32) -> Self {
        Self { inner, hasher: crc32fast::Hasher::new(), expected }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        if read == 0 && !buffer.is_empty() && self.hasher.clone().finalize() != self.expected {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "its bytes are damaged (checksum differs)",
            ));
        }
        Ok(read)
    }
}
