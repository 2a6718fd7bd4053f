//! What the header of a JPEG says.

/// Segments looked at before the frame header. Cameras write about ten; an ICC profile or maker notes in pieces add some.
const MAX_SEGMENTS: usize = 64;

/// Of the frame header. Source: ITU-T T.81, B.2.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// In pixels, at least 1.
    pub(crate) width: u32,
    /// In pixels, at least 1.
    pub(crate) height: u32,
    /// Horizontal and vertical sampling factor of each component, four bits each; empty where the header is cut off.
    pub(crate) sampling: Vec<u8>,
    /// Whether the picture comes in scans that refine each other.
    pub(crate) progressive: bool,
    /// Where the height stands in the file, two bytes.
    height_at: usize,
}

impl Header {
    /// Samples of all components, for each pixel; 3 where the header is cut off.
    pub(crate) fn samples_per_pixel(&self) -> f64 {
        let factors = |sampling: &u8| [sampling >> 4, sampling & 15].map(f64::from);
        let [most_across, most_down] = self
            .sampling
            .iter()
            .map(factors)
            .fold([1.0; 2], |most, [across, down]| [across.max(most[0]), down.max(most[1])]);
        if self.sampling.is_empty() {
            return 3.0;
        }
        let samples = |sampling: &u8| factors(sampling).iter().product::<f64>() / (most_across * most_down);
        self.sampling.iter().map(samples).sum()
    }

    /// The file with another height in its header: a decoder stops behind so many rows, which are those of the whole picture.
    pub(crate) fn with_height(&self, bytes: &[u8], height: u16) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        bytes[self.height_at..][..2].copy_from_slice(&height.to_be_bytes());
        bytes
    }
}

/// The header of the JPEG that begins here; `None` for what is no JPEG of a picture: RAW data are often compressed as
/// *lossless* JPEG (SOF3), or with more than 8 bits.
pub(crate) fn read(bytes: &[u8]) -> Option<Header> {
    let mut rest = bytes.strip_prefix(b"\xFF\xD8")?;
    for _ in 0..MAX_SEGMENTS {
        let &[0xFF, marker, l1, l2, ..] = rest else { return None };
        match marker {
            // Baseline, extended sequential, progressive. Source: ITU-T T.81, table B.1.
            0xC0..=0xC2 => return frame(rest.get(4..)?, bytes.len() - rest.len() + 4, marker == 0xC2),
            0xC4 | 0xDB | 0xDD | 0xE0..=0xEF | 0xFE => {
                rest = rest.get(2 + usize::from(u16::from_be_bytes([l1, l2])).max(2)..)?;
            }
            0xFF => rest = &rest[1..],
            _ => return None,
        }
    }
    None
}

/// Everything before the first scan: there is nothing that describes the picture behind it. All of what is no JPEG.
pub(crate) fn before_scan(bytes: &[u8]) -> &[u8] {
    if !bytes.starts_with(b"\xFF\xD8") {
        return bytes;
    }
    let mut at = 2;
    while let Some(&[0xFF, marker, l1, l2]) = bytes.get(at..at + 4) {
        match marker {
            0xDA => return &bytes[..at],
            0xFF => at += 1,
            _ => at += 2 + usize::from(u16::from_be_bytes([l1, l2])).max(2),
        }
    }
    bytes
}

/// The frame header that begins at `at`.
fn frame(bytes: &[u8], at: usize, progressive: bool) -> Option<Header> {
    let &[8, h1, h2, w1, w2, components, ref rest @ ..] = bytes else { return None };
    let (width, height) = (u16::from_be_bytes([w1, w2]), u16::from_be_bytes([h1, h2]));
    if width == 0 || height == 0 || !(1..=4).contains(&components) {
        return None;
    }
    // Identifier, sampling factors, quantisation table.
    let specified = rest.get(..3 * usize::from(components)).unwrap_or_default();
    let sampling = specified.as_chunks::<3>().0.iter().map(|[_, factors, _]| *factors).collect();
    Some(Header { width: width.into(), height: height.into(), sampling, progressive, height_at: at + 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_and_sampling_are_found_behind_other_segments() {
        let jpeg = b"\xFF\xD8\xFF\xE0\0\x04ab\xFF\xC0\0\x0B\x08\0\x10\0\x20\x01\x01\x11\0";
        let header = read(jpeg).unwrap();
        assert_eq!((header.width, header.height, &header.sampling[..]), (32, 16, &[0x11][..]));
        assert!(!header.progressive);
        let shorter = header.with_height(jpeg, 9);
        assert_eq!(read(&shorter), Some(Header { height: 9, ..header }));
    }

    #[test]
    fn the_header_ends_where_the_first_scan_begins() {
        let jpeg = b"\xFF\xD8\xFF\xE0\0\x04ab\xFF\xDA\0\x02picture";
        assert_eq!(before_scan(jpeg), &jpeg[..8]);
        for other in [&jpeg[..9], &jpeg[..4], b"\xFF\xD8", b"\x89PNG\r\n\x1A\n\0\0\0\0", b""] {
            assert_eq!(before_scan(other), other);
        }
    }

    #[test]
    fn lossless_jpeg_is_sensor_data_not_a_picture() {
        assert_eq!(read(b"\xFF\xD8\xFF\xC3\0\x0B\x08\0\x10\0\x20\x01\x01\x11\0"), None);
        assert_eq!(read(b"\xFF\xD8\xFF\xC1\0\x0B\x0C\0\x10\0\x20\x01\x01\x11\0"), None);
    }
}
