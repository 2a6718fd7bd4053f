//! Where each format keeps its EXIF: a block that is built like a TIFF file.

use std::{borrow::Cow, io::Read as _};

use crate::{
    heif,
    jpeg::{header::applications, parts::marker},
    tiff::directory::Tiff,
    webp,
};

/// What stands in front of the block in a JPEG, and in other formats where a program copied it along.
const PREFIX: &[u8] = b"Exif\0";

/// The same with the byte that fills it up, 0 by the standard.
const PREFIX_LENGTH: usize = 6;

const PNG: &[u8] = b"\x89PNG\r\n\x1A\n";

/// Keywords under which `ImageMagick` and others keep EXIF as text.
const RAW_PROFILES: [&[u8]; 2] = [b"Raw profile type exif", b"Raw profile type APP1"];

/// Most bytes of such a text, unpacked: two digits for each byte of a block that a JPEG can hold, eight
/// times.
const MAX_PROFILE: u64 = 1 << 20;

/// The block, from its byte order on; `None` where the format has none or there is nothing in it.
pub(super) fn of(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    let block = if Tiff::parse(bytes).is_some() {
        Cow::Borrowed(bytes)
    } else if bytes.starts_with(b"\xFF\xD8") {
        Cow::Borrowed(applications(bytes, marker::APP1).find(|content| content.starts_with(PREFIX))?)
    } else if bytes.starts_with(PNG) {
        in_png(bytes)?
    } else if let Some((_, block)) = webp::chunks(bytes).find(|(name, _)| *name == b"EXIF") {
        Cow::Borrowed(block)
    } else {
        heif::exif(bytes)?
    };
    let block = without_prefix(block);
    (!block.is_empty()).then_some(block)
}

fn without_prefix(block: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if !block.starts_with(PREFIX) {
        return block;
    }
    match block {
        Cow::Borrowed(block) => Cow::Borrowed(block.get(PREFIX_LENGTH..).unwrap_or_default()),
        Cow::Owned(block) => Cow::Owned(block.get(PREFIX_LENGTH..).unwrap_or_default().to_vec()),
    }
}

/// The chunk `eXIf`, else a text that holds a raw profile.
fn in_png(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut profile = None;
    let mut rest = &bytes[PNG.len()..];
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let (kind, behind) = behind.split_first_chunk::<4>()?;
        let Some(content) = behind.get(..u32::from_be_bytes(*length) as usize) else { break };
        if kind == b"eXIf" {
            return Some(Cow::Borrowed(content));
        }
        profile = profile.or_else(|| raw_profile(*kind, content));
        // A checksum follows.
        rest = behind.get(content.len() + 4..).unwrap_or_default();
    }
    profile.map(Cow::Owned)
}

/// A block kept as text in a chunk of a PNG. Source of the chunks: PNG specification, 11.3.3.
fn raw_profile(kind: [u8; 4], content: &[u8]) -> Option<Vec<u8>> {
    let keyword = RAW_PROFILES.iter().find(|keyword| content.starts_with(keyword))?;
    let content = content[keyword.len()..].strip_prefix(b"\0")?;
    match &kind {
        b"tEXt" => hexadecimal(content),
        // Behind the method of compression, of which there is one.
        b"zTXt" => hexadecimal(&unpacked(content.get(1..)?)?),
        b"iTXt" => {
            let &[packed, _, ref rest @ ..] = content else { return None };
            // Behind a language and a keyword in that language.
            let text = rest.splitn(3, |byte| *byte == 0).nth(2)?;
            if packed == 0 { hexadecimal(text) } else { hexadecimal(&unpacked(text)?) }
        }
        _ => None,
    }
}

fn unpacked(packed: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    flate2::read::ZlibDecoder::new(packed).take(MAX_PROFILE).read_to_end(&mut text).ok()?;
    Some(text)
}

/// A raw profile: a line break, its name, its length, then its bytes as hexadecimal digits in lines.
fn hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    let mut lines = text.splitn(4, |byte| *byte == b'\n');
    let (_, _name, _length, digits) = (lines.next()?, lines.next()?, lines.next()?, lines.next()?);
    let digits: Vec<u8> = digits.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let digit = |byte: u8| (byte as char).to_digit(16);
    let pairs = digits.as_chunks::<2>().0.iter();
    pairs.map(|&[high, low]| Some((digit(high)? << 4 | digit(low)?) as u8)).collect()
}
