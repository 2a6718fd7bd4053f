//! The one way to open a photo, or any file that somebody else may have put there: never waits, never reads
//! without end.
//!
//! Between the look at a folder and the reading, a photo may have become a pipe, whose opening waits for a
//! writer, or a link to a device that has no end.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use facesets_core::Sha256Digest;
use rustix::fs::OFlags;

/// A file that is open to be read, to the size that it had then and no further.
#[derive(Debug)]
pub struct Opened {
    file: File,
    /// What it looked like when it was opened.
    pub metadata: Metadata,
    left: u64,
}

/// Opens a regular file, without waiting for anybody; whatever else lies there is an error.
pub fn open(path: &Path) -> io::Result<Opened> {
    // A pipe opens at once without a writer, and no terminal becomes ours. Regular files are not concerned.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        let kind = if metadata.is_dir() { io::ErrorKind::IsADirectory } else { io::ErrorKind::InvalidInput };
        return Err(io::Error::new(kind, "it is no regular file"));
    }
    let left = metadata.len();
    Ok(Opened { file, metadata, left })
}

/// All bytes of a regular file.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_whole(&mut bytes)?;
    Ok(bytes)
}

/// The digest of a regular file, and its size.
pub fn digest(path: &Path) -> io::Result<(Sha256Digest, u64)> {
    let mut file = open(path)?;
    let digest = Sha256Digest::of_reader(&mut file)?;
    file.check_end()?;
    Ok(digest)
}

impl Opened {
    /// Puts all of it behind what is in `bytes`.
    pub fn read_whole(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        // A size that there is no memory for is an error, not the end of the program.
        let room = usize::try_from(self.left).map_err(|_| io::ErrorKind::OutOfMemory)?;
        bytes.try_reserve(room)?;
        self.read_to_end(bytes)?;
        self.check_end()
    }

    /// An error if the file has grown or shrunk while it was read to its end.
    pub fn check_end(&self) -> io::Result<()> {
        if self.left == 0 && self.file.metadata()?.len() == self.metadata.len() {
            Ok(())
        } else {
            Err(io::Error::other("it changed its size while it was read"))
        }
    }

    /// The file, which reads beyond the size that it had.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The same, for whoever has to move about in it.
    pub fn into_file(self) -> File {
        self.file
    }
}

impl Read for Opened {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = self.file.read(&mut buffer[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn pipes_devices_sockets_and_folders_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let pipe = std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap();
        assert!(pipe.success());
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        symlink("/dev/zero", path("zero")).unwrap();
        symlink("pipe", path("link")).unwrap();
        fs::create_dir(path("folder")).unwrap();
        for name in ["pipe", "socket", "zero", "link", "folder", "gone"] {
            assert!(open(&path(name)).is_err() && read(&path(name)).is_err(), "{name}");
            assert!(digest(&path(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn a_file_that_grows_is_read_to_its_first_end_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photo");
        fs::write(&path, "photo").unwrap();
        assert_eq!(read(&path).unwrap(), b"photo");
        assert_eq!(digest(&path).unwrap(), (Sha256Digest::of(b"photo"), 5));
        let mut opened = open(&path).unwrap();
        File::options().append(true).open(&path).unwrap().write_all(b" and more").unwrap();
        let mut bytes = Vec::new();
        let error = opened.read_whole(&mut bytes).unwrap_err();
        assert_eq!((bytes.as_slice(), error.to_string().contains("changed its size")), (&b"photo"[..], true));
    }
}
