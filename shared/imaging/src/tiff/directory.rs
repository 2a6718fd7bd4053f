//! The directories of a TIFF file, and of the RAW files that are built like one. Every read is
//! bounds-checked, every loop is bounded: an offset that points outside gives nothing, a chain that bites its
//! tail ends.

/// Directories read of one file. Cameras write up to about ten; a chain that goes on is damage.
const MAX_DIRECTORIES: usize = 32;

/// The word that TIFF has behind its byte order, and `BigTIFF`, whose offsets have eight bytes.
const CLASSIC: u16 = 42;
const BIG: u16 = 43;

/// Words that makers write there: Olympus ORF `RO` or `RS`, Panasonic RW2 `U\0`.
/// Source: <https://exiftool.org/TagNames/> and files of the makers.
const MAKERS: [u16; 3] = [0x4F52, 0x5352, 0x55];

/// Tags as the TIFF 6.0 and TIFF/EP specifications number them.
pub(crate) mod tag {
    pub(crate) const SUBFILE_TYPE: u16 = 0xFE;
    pub(crate) const WIDTH: u16 = 0x100;
    pub(crate) const HEIGHT: u16 = 0x101;
    pub(crate) const BITS_PER_SAMPLE: u16 = 0x102;
    pub(crate) const COMPRESSION: u16 = 0x103;
    pub(crate) const PHOTOMETRIC: u16 = 0x106;
    pub(crate) const FILL_ORDER: u16 = 0x10A;
    pub(crate) const STRIP_OFFSETS: u16 = 0x111;
    pub(crate) const ORIENTATION: u16 = 0x112;
    pub(crate) const SAMPLES_PER_PIXEL: u16 = 0x115;
    pub(crate) const ROWS_PER_STRIP: u16 = 0x116;
    pub(crate) const STRIP_BYTE_COUNTS: u16 = 0x117;
    pub(crate) const PLANAR_CONFIGURATION: u16 = 0x11C;
    pub(crate) const DATE_TIME: u16 = 0x132;
    pub(crate) const PREDICTOR: u16 = 0x13D;
    pub(crate) const COLOUR_MAP: u16 = 0x140;
    pub(crate) const TILE_WIDTH: u16 = 0x142;
    pub(crate) const TILE_HEIGHT: u16 = 0x143;
    pub(crate) const TILE_OFFSETS: u16 = 0x144;
    pub(crate) const TILE_BYTE_COUNTS: u16 = 0x145;
    pub(crate) const SUB_DIRECTORIES: u16 = 0x14A;
    pub(crate) const INK_SET: u16 = 0x14C;
    pub(crate) const SAMPLE_FORMAT: u16 = 0x153;
    pub(crate) const JPEG_TABLES: u16 = 0x15B;
    pub(crate) const JPEG_OFFSET: u16 = 0x201;
    pub(crate) const JPEG_LENGTH: u16 = 0x202;
    pub(crate) const YCBCR_SUBSAMPLING: u16 = 0x212;
    /// Panasonic's whole preview as the value of a tag of the first directory.
    pub(crate) const PANASONIC_JPEG: u16 = 0x2E;
    pub(crate) const EXIF_DIRECTORY: u16 = 0x8769;
    pub(crate) const DNG_VERSION: u16 = 0xC612;
}

/// A file of directories.
#[derive(Clone, Copy)]
pub(crate) struct Tiff<'a> {
    bytes: &'a [u8],
    little_endian: bool,
    kind: Kind,
    first: u64,
}

/// Which of the formats that are built alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// TIFF 6.0.
    Classic,
    /// With offsets of eight bytes.
    Big,
    /// A maker's own.
    Maker,
}

/// One directory: its entries, not yet interpreted.
#[derive(Clone, Copy)]
pub(crate) struct Directory<'a> {
    tiff: Tiff<'a>,
    entries: &'a [u8],
    next: u64,
}

/// The value of one tag.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    tiff: Tiff<'a>,
    unit: usize,
    bytes: &'a [u8],
}

impl<'a> Tiff<'a> {
    /// Reads the header; `None` if these bytes are no TIFF nor a RAW built like one.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let little_endian = match bytes.get(..2)? {
            b"II" => true,
            b"MM" => false,
            _ => return None,
        };
        let tiff = Self { bytes, little_endian, kind: Kind::Classic, first: 0 };
        let kind = match tiff.uint_at(2, 2)? as u16 {
            CLASSIC => Kind::Classic,
            // Offsets of eight bytes, and a word of zeros.
            BIG if tiff.uint_at(4, 2)? == 8 && tiff.uint_at(6, 2)? == 0 => Kind::Big,
            maker if MAKERS.contains(&maker) => Kind::Maker,
            _ => return None,
        };
        let first = if kind == Kind::Big { tiff.uint_at(8, 8)? } else { tiff.uint_at(4, 4)? };
        Some(Self { kind, first, ..tiff })
    }

    /// Which format.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether numbers begin with their lowest byte.
    pub(crate) fn is_little_endian(&self) -> bool {
        self.little_endian
    }

    /// Where the first directory lies.
    pub(crate) fn first_offset(&self) -> u64 {
        self.first
    }

    /// The file.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The first directory; `None` if it lies outside the file.
    pub(crate) fn first_directory(&self) -> Option<Directory<'a>> {
        self.directory_at(self.first)
    }

    /// The main directories in order, each followed by its sub-directories.
    pub(crate) fn directories(&self) -> Vec<Directory<'a>> {
        let mut seen = Vec::new();
        let mut found = Vec::new();
        // Offsets still to visit, the next one last.
        let mut waiting = vec![self.first];
        while let Some(offset) = waiting.pop() {
            if seen.len() == MAX_DIRECTORIES {
                break;
            }
            if offset == 0 || seen.contains(&offset) {
                continue;
            }
            seen.push(offset);
            let Some(directory) = self.directory_at(offset) else { continue };
            waiting.push(directory.next);
            if let Some(subs) = directory.value(tag::SUB_DIRECTORIES) {
                let subs: Vec<u64> = subs.uints().take(MAX_DIRECTORIES).collect();
                waiting.extend(subs.into_iter().rev());
            }
            found.push(directory);
        }
        found
    }

    /// The directory of EXIF tags: `None` where there is none, `Some(None)` where it lies outside the file.
    #[expect(clippy::option_option, reason = "a directory that is named and not there is told")]
    pub(crate) fn exif_directory(&self) -> Option<Option<Directory<'a>>> {
        Some(self.directory_at(self.first_directory()?.uint(tag::EXIF_DIRECTORY)?))
    }

    fn directory_at(&self, offset: u64) -> Option<Directory<'a>> {
        let (count_bytes, entry_bytes, offset_bytes) =
            if self.kind == Kind::Big { (8, 20, 8) } else { (2, 12, 4) };
        let offset = usize::try_from(offset).ok()?;
        // As many as the classic format can have.
        let count = self.uint_at(offset, count_bytes)?.min(u16::MAX.into()) as usize;
        let rest = self.bytes.get(offset.checked_add(count_bytes)?..)?;
        let length = count.saturating_mul(entry_bytes);
        let entries = rest.get(..length).unwrap_or(rest);
        let next = rest.get(length..).and_then(|rest| self.uint(rest.get(..offset_bytes)?)).unwrap_or(0);
        Some(Directory { tiff: *self, entries, next })
    }

    /// The number of so many bytes, up to 8, at an offset.
    fn uint_at(&self, at: usize, bytes: usize) -> Option<u64> {
        self.uint(self.bytes.get(at..)?.get(..bytes)?)
    }

    fn uint(&self, bytes: &[u8]) -> Option<u64> {
        let add = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        (bytes.len() <= 8).then(|| {
            if self.little_endian { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) }
        })
    }
}

impl<'a> Directory<'a> {
    /// The value of a tag, if its type is known and its bytes are there.
    pub(crate) fn value(&self, tag: u16) -> Option<Value<'a>> {
        let Tiff { kind, .. } = self.tiff;
        let (entry_bytes, count_bytes) = if kind == Kind::Big { (20, 8) } else { (12, 4) };
        let is_wanted = |entry: &&[u8]| self.tiff.uint(&entry[..2]) == Some(tag.into());
        let entry = self.entries.chunks_exact(entry_bytes).find(is_wanted)?;
        let unit = match self.tiff.uint(&entry[2..4])? {
            // The last is text as UTF-8 (Exif 3.0).
            1 | 2 | 6 | 7 | 129 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16..=18 => 8,
            _ => return None,
        };
        let (count, inline) = entry[4..].split_at(count_bytes);
        let length = usize::try_from(self.tiff.uint(count)?).ok()?.checked_mul(unit)?;
        let bytes = if let Some(bytes) = inline.get(..length) {
            bytes
        } else {
            let offset = usize::try_from(self.tiff.uint(inline)?).ok()?;
            self.tiff.bytes.get(offset..)?.get(..length)?
        };
        Some(Value { tiff: self.tiff, unit, bytes })
    }

    /// The first number of a tag.
    pub(crate) fn uint(&self, tag: u16) -> Option<u64> {
        self.value(tag)?.uints().next()
    }
}

impl<'a> Value<'a> {
    /// The value as whole numbers; fractions and floats make no sense as such.
    pub(crate) fn uints(self) -> impl Iterator<Item = u64> + use<'a> {
        self.bytes.chunks_exact(self.unit).filter_map(move |chunk| self.tiff.uint(chunk))
    }

    /// One of the numbers.
    pub(crate) fn get(self, index: usize) -> Option<u64> {
        self.tiff.uint(self.bytes.get(index.checked_mul(self.unit)?..)?.get(..self.unit)?)
    }

    /// How many.
    pub(crate) fn count(self) -> usize {
        self.bytes.len() / self.unit
    }

    /// The bytes as they are, for text and for embedded files.
    pub(crate) fn bytes(self) -> &'a [u8] {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_that_bites_its_tail_ends() {
        // One directory at 8 with one entry (orientation 6), whose successor is itself.
        let bytes = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\x08\0\0\0";
        let directories = Tiff::parse(bytes).unwrap().directories();
        assert_eq!(directories.len(), 1);
        assert_eq!(directories[0].uint(tag::ORIENTATION), Some(6));
    }

    #[test]
    fn a_big_tiff_has_offsets_of_eight_bytes() {
        // One entry (orientation 6) whose directory lies at 16.
        let bytes = b"MM\0\x2B\0\x08\0\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\x01\
            \x01\x12\0\x03\0\0\0\0\0\0\0\x01\0\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        let tiff = Tiff::parse(bytes).unwrap();
        assert_eq!(tiff.kind(), Kind::Big);
        assert_eq!(tiff.directories().len(), 1);
        assert_eq!(tiff.first_directory().unwrap().uint(tag::ORIENTATION), Some(6));
    }

    #[test]
    fn a_value_outside_the_file_is_none() {
        let bytes = b"MM\0*\0\0\0\x08\0\x01\x01\x11\0\x04\0\0\0\x02\xFF\xFF\xFF\xF0\0\0\0\0";
        let directories = Tiff::parse(bytes).unwrap().directories();
        assert_eq!(directories[0].uint(tag::STRIP_OFFSETS), None);
    }
}
