//! The chunks of a WebP file, and a header that promises no others than there are.

use std::borrow::Cow;

/// Flags of `VP8X` and the chunks that they promise. Source: WebP Container Specification, "Extended File
/// Format".
const PROMISES: [(u8, &[u8; 4]); 3] = [(0x20, b"ICCP"), (0x08, b"EXIF"), (0x04, b"XMP ")];
const ANIMATION: u8 = 0x02;

/// Where the flags stand: behind the headers of the file and of its first chunk.
const FLAGS: usize = 20;

/// Name and content of each chunk; the last one may be cut off. None of what is no WebP.
pub(crate) fn chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = match bytes.first_chunk::<12>() {
        Some([b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P']) => &bytes[12..],
        _ => &[],
    };
    std::iter::from_fn(move || {
        let (name, behind) = rest.split_first_chunk::<4>()?;
        let (length, behind) = behind.split_first_chunk::<4>()?;
        let length = (u32::from_le_bytes(*length) as usize).min(behind.len());
        let (content, behind) = behind.split_at(length);
        // Chunks begin at even places.
        rest = behind.get(length % 2..).unwrap_or_default();
        Some((name, content))
    })
}

/// The file with a header that promises what there is: tools that take chunks out leave their flags, and
/// decoders refuse the file then.
pub(crate) fn without_empty_promises(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.get(12..16) != Some(b"VP8X") || bytes.len() <= FLAGS {
        return Cow::Borrowed(bytes);
    }
    let has = |wanted: &[u8; 4]| chunks(bytes).any(|(name, _)| name == wanted);
    let mut flags = bytes[FLAGS];
    for (flag, chunk) in PROMISES {
        if !has(chunk) {
            flags &= !flag;
        }
    }
    // Of a picture that moves all that is shown is in frames.
    let still = has(b"VP8 ") || has(b"VP8L");
    if still {
        flags &= !ANIMATION;
    } else if has(b"ANIM") && has(b"ANMF") {
        flags |= ANIMATION;
    }
    if flags == bytes[FLAGS] {
        return Cow::Borrowed(bytes);
    }
    let mut sound = bytes.to_vec();
    sound[FLAGS] = flags;
    Cow::Owned(sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(flags: u8, others: &[&[u8; 4]]) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WEBPVP8X\x0A\0\0\0".to_vec();
        bytes.extend([flags, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for name in others {
            bytes.extend(*name);
            bytes.extend(b"\x03\0\0\0abc\0");
        }
        bytes
    }

    #[test]
    fn flags_say_what_there_is() {
        for (said, others, true_flags) in [
            (0x3C, &[b"VP8 "][..], 0x10),
            (0x2C, &[b"ICCP", b"VP8L", b"EXIF", b"XMP "], 0x2C),
            (0x08, &[b"VP8 ", b"XMP "], 0x00),
            (0x02, &[b"VP8 "], 0x00),
            (0x00, &[b"ANIM", b"ANMF"], 0x02),
            (0x02, &[b"ANIM", b"ANMF"], 0x02),
        ] {
            let bytes = file(said, others);
            assert_eq!(without_empty_promises(&bytes)[FLAGS], true_flags, "{said:#x} {others:?}");
        }
    }

    #[test]
    fn chunks_are_found_and_what_is_no_webp_has_none() {
        let bytes = file(0, &[b"VP8 ", b"EXIF"]);
        let names: Vec<&[u8; 4]> = chunks(&bytes).map(|(name, _)| name).collect();
        assert_eq!(names, [b"VP8X", b"VP8 ", b"EXIF"]);
        assert_eq!(chunks(&bytes).last().unwrap().1, b"abc");
        assert_eq!(chunks(&bytes[..bytes.len() - 3]).last().unwrap().1, b"a");
        assert_eq!(chunks(b"RIFF....WAVE").count(), 0);
        assert_eq!(without_empty_promises(&bytes[..16]).len(), 16);
    }
}
