//! Zip files from anywhere: where their members lie, and reading one without a position that others share.
//! Nothing that an archive says of itself is believed before it was seen to be possible.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    os::unix::fs::FileExt as _,
    path::Path,
    sync::Arc,
};

use flate2::read::DeflateDecoder;
use tokio_util::sync::CancellationToken;
use zip::{CompressionMethod, ZipArchive, result::ZipError};

use crate::file;

/// Bytes read ahead of each member; some thirty are open at a time.
const BUFFER: usize = 64 * 1024;

/// How much all members of an archive may come to, unpacked. Deflate alone makes a thousand times more of
/// nothing than there was.
#[derive(Debug, Clone, Copy)]
pub struct UnpackLimit {
    /// So many bytes in any case.
    pub least: u64,
    /// So many times the size of the archive.
    pub ratio: u64,
}

impl UnpackLimit {
    /// For crops: they are PNGs, of which packing makes hardly less.
    pub const FOR_CROPS: Self = Self { least: 256 << 20, ratio: 16 };

    /// For arrays, some of which may be nearly empty.
    pub const FOR_ARRAYS: Self = Self { least: 1 << 30, ratio: 200 };
}

/// A zip file.
#[derive(Debug, Clone)]
pub struct Archive {
    file: Arc<File>,
    /// In the order of its directory.
    pub members: Vec<Member>,
}

/// A member of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name; what is no UTF-8 in it is replaced.
    pub name: String,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Whether a password is needed.
    pub is_encrypted: bool,
    /// Bytes that it comes to, unpacked, as it says.
    pub size: u64,
    start: u64,
    packed: u64,
    crc32: u32,
    method: CompressionMethod,
}

impl Member {
    /// Reads it from the archive at `path`, which is still what it was; see [`Archive::read`].
    pub fn read_from(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        Archive { file: Arc::new(file::open(path)?.into_file()), members: Vec::new() }.read(self)
    }
}

impl Archive {
    /// Reads the directory of the archive at `path`. Refused is one whose members share bytes, or come to
    /// more than there is room for: it was made to keep its readers busy. An error of kind `InvalidInput`
    /// says that it is no zip file, one of kind `Interrupted` that somebody asked to stop.
    pub fn open(path: &Path, room: UnpackLimit, stop: &CancellationToken) -> io::Result<Self> {
        let file = file::open(path)?.into_file();
        let bytes = file.metadata()?.len();
        let mut zip = ZipArchive::new(BufReader::new(&file)).map_err(|error| match error {
            ZipError::Io(error) => error,
            error => io::Error::new(io::ErrorKind::InvalidInput, error),
        })?;
        let mut members = Vec::new();
        for number in 0..zip.len() {
            if stop.is_cancelled() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let entry = zip.by_index_raw(number)?;
            members.push(Member {
                name: String::from_utf8_lossy(entry.name_raw()).into_owned(),
                is_folder: entry.is_dir(),
                is_encrypted: entry.encrypted(),
                size: entry.size(),
                start: entry.data_start().ok_or_else(|| refused("it does not say where a member begins"))?,
                packed: entry.compressed_size(),
                crc32: entry.crc32(),
                method: entry.compression(),
            });
        }
        drop(zip);
        refuse_shared_bytes(&members, bytes)?;
        let unpacked = members.iter().fold(0u64, |sum, member| sum.saturating_add(member.size));
        if unpacked > room.least.max(bytes.saturating_mul(room.ratio)) {
            return Err(refused(&format!(
                "its {bytes} bytes say that they unpack to {unpacked}, which is no use to anybody"
            )));
        }
        Ok(Self { file: Arc::new(file), members })
    }

    /// Reads a member from its beginning. Reading to the end fails if there are not just so many bytes as it
    /// says, or others than were packed.
    pub fn read(&self, member: &Member) -> io::Result<Box<dyn Read>> {
        let section = Section { file: Arc::clone(&self.file), at: member.start, left: member.packed };
        let section = BufReader::with_capacity(BUFFER, section);
        match member.method {
            CompressionMethod::Stored => Ok(Box::new(Checked::new(section, member))),
            CompressionMethod::Deflated => {
                let inflated = BufReader::with_capacity(BUFFER, DeflateDecoder::new(section));
                Ok(Box::new(Checked::new(inflated, member)))
            }
            method => Err(refused(&format!("it is compressed in a way that is not known here ({method})"))),
        }
    }
}

/// Demands that every byte of the archive is one member's at most, and that it has as many as they say.
fn refuse_shared_bytes(members: &[Member], bytes: u64) -> io::Result<()> {
    let mut stretches: Vec<(u64, u64)> = members
        .iter()
        .filter(|member| member.packed > 0)
        .map(|member| (member.start, member.packed))
        .collect();
    stretches.sort_unstable();
    let mut free = 0;
    for (start, packed) in stretches {
        if start < free {
            return Err(refused("members of it share their bytes"));
        }
        free = start.saturating_add(packed);
    }
    if free > bytes { Err(refused("a member of it ends behind its end")) } else { Ok(()) }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
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

/// Demands that there are as many bytes as the archive's directory says, and at the end that they have its
/// checksum.
struct Checked<R> {
    inner: R,
    hasher: crc32fast::Hasher,
    expected: u32,
    left: u64,
}

impl<R: Read> Checked<R> {
    fn new(inner: R, member: &Member) -> Self {
        Self { inner, hasher: crc32fast::Hasher::new(), expected: member.crc32, left: member.size }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        self.left =
            self.left.checked_sub(read as u64).ok_or_else(|| refused("it has more bytes than it says"))?;
        if read == 0 && !buffer.is_empty() && self.hasher.clone().finalize() != self.expected {
            return Err(refused("its bytes are damaged (checksum differs)"));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use facesets_mutator::{Seed, survives};
    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, bytes) in members {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn open(bytes: &[u8], room: UnpackLimit) -> io::Result<Archive> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        std::fs::write(&path, bytes).unwrap();
        Archive::open(&path, room, &CancellationToken::new())
    }

    fn read(archive: &Archive, number: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        archive.read(&archive.members[number])?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn members_are_read_in_any_order() {
        let archive =
            open(&archive(&[("a", b"first"), ("b", &[7; 10_000])]), UnpackLimit::FOR_CROPS).unwrap();
        assert_eq!(read(&archive, 1).unwrap(), [7; 10_000]);
        assert_eq!(read(&archive, 0).unwrap(), b"first");
    }

    #[test]
    fn members_that_share_their_bytes_are_refused() {
        // The entry of the second member in the directory says that it begins where the first does.
        let mut bytes = archive(&[("a", b"the same"), ("b", b"the same")]);
        let second = bytes.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
        bytes[second + 42..second + 46].copy_from_slice(&0u32.to_le_bytes());
        let error = open(&bytes, UnpackLimit::FOR_CROPS).unwrap_err();
        assert!(error.to_string().contains("share their bytes"), "{error}");
    }

    #[test]
    fn an_archive_that_unpacks_to_more_than_anybody_packs_is_refused_unread() {
        let bytes = archive(&[("a", &vec![0; 1 << 20])]);
        let room = UnpackLimit { least: 1 << 16, ratio: 16 };
        let error = open(&bytes, room).unwrap_err();
        assert!(error.to_string().contains("unpack to 1048576"), "{error}");
        open(&bytes, UnpackLimit { least: 1 << 20, ratio: 16 }).unwrap();
    }

    #[test]
    fn a_member_that_has_more_bytes_than_it_says_is_not_read_to_its_end() {
        let mut bytes = archive(&[("a", &vec![0; 100_000])]);
        let entry = bytes.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
        bytes[entry + 24..entry + 28].copy_from_slice(&5u32.to_le_bytes());
        let archive = open(&bytes, UnpackLimit::FOR_CROPS).unwrap();
        let error = read(&archive, 0).unwrap_err();
        assert!(error.to_string().contains("more bytes than it says"), "{error}");
    }

    #[test]
    fn whoever_asks_to_stop_is_heard() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        std::fs::write(&path, archive(&[("a", b"x")])).unwrap();
        let stop = CancellationToken::new();
        stop.cancel();
        assert_eq!(
            Archive::open(&path, UnpackLimit::FOR_CROPS, &stop).unwrap_err().kind(),
            io::ErrorKind::Interrupted
        );
    }

    #[test]
    fn no_damage_makes_it_panic_or_read_more_than_was_promised() {
        let sound = archive(&[("a", &[1; 3000]), ("b.png", b"some bytes"), ("c", &[])]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        survives(&[Seed::new("archive", sound)], 2_000, |bytes| {
            std::fs::write(&path, bytes).unwrap();
            let room = UnpackLimit { least: 1 << 20, ratio: 16 };
            let Ok(archive) = Archive::open(&path, room, &CancellationToken::new()) else { return };
            for number in 0..archive.members.len() {
                let promised = archive.members[number].size;
                if let Ok(bytes) = read(&archive, number) {
                    assert!(bytes.len() as u64 <= promised);
                }
            }
        });
    }
}
