//! The container of HEIC and AVIF, read as everyone else reads it: what lies behind its last box is of no
//! interest.

use std::borrow::Cow;

use heifer_isobmff::{HeifFile, read_box_header};

/// Bytes of a box's header.
const HEADER: usize = 8;

/// The file with a box of nothing in place of whatever follows its sound boxes: trailers of phones (Samsung's
/// `SEFH…SEFT`), a text, zeros, a film that was appended, a box that claims to be longer than the file. What
/// items have there stays where it is.
pub(super) fn sound(bytes: &[u8]) -> Cow<'_, [u8]> {
    let Some(end) = end_of_boxes(bytes) else { return Cow::Borrowed(bytes) };
    if end + HEADER > bytes.len() {
        return Cow::Borrowed(&bytes[..end]);
    }
    let mut sound = bytes.to_vec();
    // A length of 0 reaches to the end of the file.
    sound[end..end + HEADER].copy_from_slice(b"\0\0\0\0free");
    Cow::Owned(sound)
}

/// Where something begins that is no box of this file; `None` if all are, or if the one that describes the
/// items has not come by then.
fn end_of_boxes(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut described) = (0, false);
    while at < bytes.len() {
        let header = read_box_header(&bytes[at..]).ok();
        let end = header.and_then(|header| match header.size {
            None => Some(bytes.len()),
            Some(size) => at.checked_add(usize::try_from(size).ok()?).filter(|end| *end <= bytes.len()),
        });
        let kind = header.map(|header| header.box_type.0);
        // A second file begins.
        let another = described && (kind == Some(*b"ftyp") || kind == Some(*b"meta"));
        match end {
            Some(end) if !another => {
                described |= kind == Some(*b"meta");
                at = end;
            }
            _ => return described.then_some(at),
        }
    }
    None
}

/// Width and height that the primary image announces.
#[cfg(any(feature = "heif", feature = "avif"))]
pub(crate) fn announced_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let bytes = sound(bytes);
    let file = HeifFile::parse(&bytes).ok()?;
    file.image_size(file.primary_id).ok()?
}

/// The EXIF block of the primary image.
pub(crate) fn exif(bytes: &[u8]) -> Option<Cow<'static, [u8]>> {
    if bytes.get(4..8) != Some(b"ftyp") {
        return None;
    }
    let bytes = sound(bytes);
    let file = HeifFile::parse(&bytes).ok()?;
    let blocks = || file.items.iter().filter(|item| item.item_type.0 == *b"Exif");
    let of_primary = blocks().find(|item| file.referenced_items(item.id, b"cdsc").contains(&file.primary_id));
    let data = file.item_data(of_primary.or_else(|| blocks().next())?.id).ok()?;
    // How far behind itself the block begins. Source: ISO/IEC 23008-12, A.2.1.
    let (offset, data) = data.split_first_chunk::<4>()?;
    let block = data.get(u32::from_be_bytes(*offset) as usize..).unwrap_or(data);
    Some(Cow::Owned(block.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOXES: &[u8] = b"\0\0\0\x0Cftypheic\0\0\0\x0Cmeta1234\0\0\0\x09mdat!";

    #[test]
    fn whatever_follows_the_boxes_becomes_a_box_of_nothing() {
        for trailer in
            [&b"\x12\x34\x56\x78SEFH-SEFT"[..], b"\0\0\0\x0Cftypmp42\0\0\0\x08moov", b"\0\0\0\x05abcdefg"]
        {
            let bytes = [BOXES, trailer].concat();
            let sound = sound(&bytes);
            assert_eq!(sound[..BOXES.len()], *BOXES);
            assert_eq!(sound[BOXES.len()..][..HEADER], *b"\0\0\0\0free");
            assert_eq!(sound[BOXES.len() + HEADER..], trailer[HEADER..]);
        }
        assert_eq!(sound(&[BOXES, b"/>\n<"].concat()), BOXES);
        let cut = &BOXES[..BOXES.len() - 1];
        assert_eq!(sound(cut)[24..], *b"\0\0\0\0free");
    }

    #[test]
    fn sound_boxes_and_files_without_a_description_stay_as_they_are() {
        for bytes in [BOXES, &BOXES[..20], b"", b"\0\0\0\x0Cftypheic\0\0\0\0mdat"] {
            assert!(matches!(sound(bytes), Cow::Borrowed(same) if same == bytes));
        }
    }
}
