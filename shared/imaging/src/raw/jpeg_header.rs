//! What the header of an embedded JPEG says.

/// Segments looked at before the frame header. Cameras write about ten; an ICC profile or maker notes in pieces add some.
const MAX_SEGMENTS: usize = 64;

/// Width and height of the JPEG that begins here; `None` for what is no JPEG of a picture: RAW data are often compressed as
/// *lossless* JPEG (SOF3), or with more than 8 bits.
pub(crate) fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut rest = bytes.strip_prefix(b"\xFF\xD8")?;
    for _ in 0..MAX_SEGMENTS {
        let &[0xFF, marker, l1, l2, ..] = rest else { return None };
        match marker {
            // Baseline, extended sequential, progressive. Source: ITU-T T.81, table B.1.
            0xC0..=0xC2 => {
                let &[8, h1, h2, w1, w2, components, ..] = rest.get(4..)? else { return None };
                let (width, height) = (u16::from_be_bytes([w1, w2]), u16::from_be_bytes([h1, h2]));
                return (width > 0 && height > 0 && (1..=4).contains(&components))
                    .then_some((width.into(), height.into()));
            }
            0xC4 | 0xDB | 0xDD | 0xE0..=0xEF | 0xFE => {
                rest = rest.get(2 + usize::from(u16::from_be_bytes([l1, l2])).max(2)..)?;
            }
            0xFF => rest = &rest[1..],
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_found_behind_other_segments() {
        let jpeg = b"\xFF\xD8\xFF\xE0\0\x04ab\xFF\xC0\0\x0B\x08\0\x10\0\x20\x01\x01\x11\0";
        assert_eq!(size(jpeg), Some((32, 16)));
    }

    #[test]
    fn lossless_jpeg_is_sensor_data_not_a_picture() {
        assert_eq!(size(b"\xFF\xD8\xFF\xC3\0\x0B\x08\0\x10\0\x20\x01\x01\x11\0"), None);
        assert_eq!(size(b"\xFF\xD8\xFF\xC1\0\x0B\x0C\0\x10\0\x20\x01\x01\x11\0"), None);
    }
}
