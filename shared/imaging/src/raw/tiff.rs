//! The directories of a TIFF file, and of the RAW files that are built like one. Every read is bounds-checked, every loop is
//! bounded: an offset that points outside gives nothing, a chain that bites its tail ends.

/// Directories read of one file. Cameras write up to about ten; a chain that goes on is damage.
const MAX_DIRECTORIES: usize = 32;

/// Words that stand where TIFF has 42: Olympus ORF writes `RO` or `RS`, Panasonic RW2 writes `U\0`.
/// Source: <https://exiftool.org/TagNames/> and files of the makers.
const MAGICS: [u16; 4] = [42, 0x4F52, 0x5352, 0x55];

/// Tags as the TIFF 6.0 and TIFF/EP specifications number them.
pub(crate) mod tag {
    /// Those of TIFF 6.0.
    pub(crate) const OF_PICTURES: std::ops::RangeInclusive<u16> = 0xFE..=0x214;
    pub(crate) const COMPRESSION: u16 = 0x103;
    pub(crate) const PHOTOMETRIC: u16 = 0x106;
    pub(crate) const STRIP_OFFSETS: u16 = 0x111;
    pub(crate) const ORIENTATION: u16 = 0x112;
    pub(crate) const STRIP_BYTE_COUNTS: u16 = 0x117;
    pub(crate) const SUB_DIRECTORIES: u16 = 0x14A;
    pub(crate) const JPEG_OFFSET: u16 = 0x201;
    pub(crate) const JPEG_LENGTH: u16 = 0x202;
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
    first: u32,
}

/// One directory: its entries, not yet interpreted.
#[derive(Clone, Copy)]
pub(crate) struct Directory<'a> {
    tiff: Tiff<'a>,
    entries: &'a [[u8; 12]],
    next: u32,
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
        let mut tiff = Self { bytes, little_endian, first: 0 };
        tiff.first = tiff.u32_at(4)?;
        MAGICS.contains(&tiff.u16_at(2)?).then_some(tiff)
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
                let subs: Vec<u32> = subs.uints().take(MAX_DIRECTORIES).collect();
                waiting.extend(subs.into_iter().rev());
            }
            found.push(directory);
        }
        found
    }

    /// Whether a tag that describes the first picture claims more values than the file has bytes: decoders make room for them before they
    /// look for them.
    pub(crate) fn claims_too_much(&self) -> bool {
        let first = self.directory_at(self.first);
        first.is_some_and(|directory| {
            directory.entries.iter().any(|&[t1, t2, _, _, c1, c2, c3, c4, ..]| {
                let tag = if self.little_endian { [t1, t2] } else { [t2, t1] };
                tag::OF_PICTURES.contains(&u16::from_le_bytes(tag))
                    && self.u32([c1, c2, c3, c4]) as usize > self.bytes.len()
            })
        })
    }

    /// The directory of EXIF tags.
    pub(crate) fn exif_directory(&self) -> Option<Directory<'a>> {
        self.directory_at(self.directory_at(self.first)?.uint(tag::EXIF_DIRECTORY)?)
    }

    fn directory_at(&self, offset: u32) -> Option<Directory<'a>> {
        let count = usize::from(self.u16_at(offset as usize)?);
        let rest = self.bytes.get(offset as usize + 2..)?;
        let entries = rest.as_chunks::<12>().0;
        let entries = entries.get(..count).unwrap_or(entries);
        let next = self.u32_at(offset as usize + 2 + count * 12).unwrap_or(0);
        Some(Directory { tiff: *self, entries, next })
    }

    fn u16_at(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.little_endian { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn u32_at(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(self.u32(bytes))
    }

    fn u32(&self, bytes: [u8; 4]) -> u32 {
        if self.little_endian { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
    }
}

impl<'a> Directory<'a> {
    /// The value of a tag, if its type is known and its bytes are there.
    pub(crate) fn value(&self, tag: u16) -> Option<Value<'a>> {
        let wanted = if self.tiff.little_endian { tag.to_le_bytes() } else { tag.to_be_bytes() };
        let entry = self.entries.iter().find(|entry| entry[..2] == wanted)?;
        let &[_, _, k1, k2, c1, c2, c3, c4, ref inline @ ..] = entry;
        let kind = if self.tiff.little_endian { [k1, k2] } else { [k2, k1] };
        let unit = match u16::from_le_bytes(kind) {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 => 8,
            _ => return None,
        };
        let length = (self.tiff.u32([c1, c2, c3, c4]) as usize).checked_mul(unit)?;
        let bytes = if length <= inline.len() {
            &inline[..length]
        } else {
            let offset = self.tiff.u32(*inline) as usize;
            self.tiff.bytes.get(offset..)?.get(..length)?
        };
        Some(Value { tiff: self.tiff, unit, bytes })
    }

    /// The first number of a tag.
    pub(crate) fn uint(&self, tag: u16) -> Option<u32> {
        self.value(tag)?.uints().next()
    }
}

impl<'a> Value<'a> {
    /// The value as numbers; none for fractions and floats.
    pub(crate) fn uints(self) -> impl Iterator<Item = u32> + use<'a> {
        let tiff = self.tiff;
        self.bytes.chunks_exact(self.unit).filter_map(move |chunk| match *chunk {
            [byte] => Some(u32::from(byte)),
            [a, b] if tiff.little_endian => Some(u32::from(u16::from_le_bytes([a, b]))),
            [a, b] => Some(u32::from(u16::from_be_bytes([a, b]))),
            [a, b, c, d] => Some(tiff.u32([a, b, c, d])),
            _ => None,
        })
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
    fn a_picture_with_more_values_than_bytes_claims_too_much() {
        let whole = *b"II*\0\x08\0\0\0\x01\0\x00\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        assert!(!Tiff::parse(&whole).unwrap().claims_too_much());
        let mut greedy = whole;
        greedy[16] = 1; // 65,537 widths
        assert!(Tiff::parse(&greedy).unwrap().claims_too_much());
        greedy[11] = 0xC6; // of a maker's own tag, which no decoder reads
        assert!(!Tiff::parse(&greedy).unwrap().claims_too_much());
    }

    #[test]
    fn a_value_outside_the_file_is_none() {
        let bytes = b"MM\0*\0\0\0\x08\0\x01\x01\x11\0\x04\0\0\0\x02\xFF\xFF\xFF\xF0\0\0\0\0";
        let directories = Tiff::parse(bytes).unwrap().directories();
        assert_eq!(directories[0].uint(tag::STRIP_OFFSETS), None);
    }
}
