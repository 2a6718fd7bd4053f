//! Whether a picture is whole, as libjpeg-turbo finds out.
//!
//! It tells the first of its complaints and counts the others. So a file that it complains of is written anew
//! without everything that is harmless ([`Stripped`]), and judged by what it says then. One harmless thing
//! can stay: bytes behind the last code of a piece of the picture. At its end they mean that all before it is
//! whole; within it, the pieces are looked at one by one.

use turbojpeg::{Colorspace, Decompressor, Image, PixelFormat};

use super::{
    damaged,
    header::{Header, Scans},
    parts::marker,
    repair::Stripped,
};
use crate::DecodeError;

/// Scans of one file that are looked at one by one; each costs a pass over all before it.
const MAX_SCANS: usize = 16;

/// Pixels of the pieces that are looked at together.
const MAX_PIXELS: u64 = 4 << 20;

/// The longest side of a picture. Source: `JPEG_MAX_DIMENSION` of libjpeg.
const MAX_SIDE: u32 = 65_500;

/// Decodes a file by `attempt`, and finds out whether its picture is whole.
pub(super) fn decode(
    bytes: &[u8],
    header: Option<&Header>,
    mut attempt: impl FnMut(&[u8]) -> turbojpeg::Result<()>,
) -> Result<(), DecodeError> {
    let Err(complaint) = attempt(bytes) else { return Ok(()) };
    match header.and_then(|header| Some((Stripped::of(bytes, header)?, header))) {
        Some((stripped, header)) => decode_stripped(stripped, header, attempt),
        None => Err(damaged(complaint)),
    }
}

/// The same for a file that is stripped already. `header` has the size that is wanted of it.
pub(super) fn decode_stripped(
    stripped: Stripped<'_>,
    header: &Header,
    mut attempt: impl FnMut(&[u8]) -> turbojpeg::Result<()>,
) -> Result<(), DecodeError> {
    let Err(complaint) = attempt(&stripped.file()) else { return Ok(()) };
    match Stray::of(&complaint) {
        None => Err(damaged(complaint)),
        Some(Stray { before: marker::EOI, .. }) => Ok(()),
        Some(_) if header.scans == Scans::One => Intervals::of(stripped, header)?.check(),
        Some(_) => scan_by_scan(stripped, attempt),
    }
}

/// Makes a picture that comes at once one of the header's height, and leaves out what lies behind the pieces
/// that it needs.
pub(super) fn cut(stripped: &mut Stripped<'_>, header: &Header) {
    stripped.set_height(header.height as u16);
    let interval = stripped.restart_interval();
    if interval > 0 {
        let needed = units(header).div_ceil(interval) as usize;
        let data = stripped.scans[0].data;
        if let Some(last) = restarts(data).get(needed - 1) {
            // They are parts of it.
            let end = last.as_ptr() as usize - data.as_ptr() as usize + last.len();
            stripped.scans[0].data = &data[..end];
        }
    }
}

/// Units of a picture in one scan.
fn units(header: &Header) -> u32 {
    let [width, height] = header.unit();
    header.width.div_ceil(width) * header.height.div_ceil(height)
}

/// Bytes that libjpeg passed over.
struct Stray {
    count: usize,
    /// The marker in front of which they are.
    before: u8,
}

impl Stray {
    /// Reads `Corrupt JPEG data: 3 extraneous bytes before marker 0xd9`.
    fn of(complaint: &turbojpeg::Error) -> Option<Self> {
        let text = complaint.to_string();
        let (before, marker) = text.split_once(" extraneous bytes before marker 0x")?;
        let count = before.rsplit(' ').next()?.parse().ok()?;
        Some(Self { count, before: u8::from_str_radix(marker.get(..2)?, 16).ok()? })
    }
}

/// Decodes one scan more each time, and leaves out the bytes behind it that libjpeg passes over.
fn scan_by_scan(
    mut stripped: Stripped<'_>,
    mut attempt: impl FnMut(&[u8]) -> turbojpeg::Result<()>,
) -> Result<(), DecodeError> {
    let all = stripped.scans.len();
    if all > MAX_SCANS {
        return Err(ends_early("bytes that belong nowhere between many scans"));
    }
    let mut count = 1;
    // Each has stray bytes behind it once, and what libjpeg counts of them may be less than there are.
    for _ in 0..4 * all {
        match attempt(&stripped.file_of(count)).map_err(|complaint| (Stray::of(&complaint), complaint)) {
            Err((Some(Stray { before: marker::EOI, .. }), _)) | Ok(()) if count == all => return Ok(()),
            Ok(()) => count += 1,
            Err((Some(Stray { count: stray, before: marker::EOI }), _)) => {
                let data = &mut stripped.scans[count - 1].data;
                *data = &data[..data.len().saturating_sub(stray)];
            }
            Err((_, complaint)) => return Err(damaged(complaint)),
        }
    }
    Err(ends_early("bytes that belong nowhere between its scans"))
}

/// A picture in pieces, which stand on their own: each begins behind a restart marker.
struct Intervals<'a> {
    stripped: Stripped<'a>,
    pieces: Vec<&'a [u8]>,
    /// Units of each piece but the last, and of that.
    units: [u32; 2],
    /// Of a unit, in pixels.
    unit: [u32; 2],
}

impl<'a> Intervals<'a> {
    /// Takes a scan apart; an error if it has not as many pieces as the picture needs.
    fn of(stripped: Stripped<'a>, header: &Header) -> Result<Self, DecodeError> {
        let unit = header.unit();
        let interval = stripped.restart_interval();
        let all = units(header);
        let needed = if interval > 0 { all.div_ceil(interval) } else { 0 };
        let mut pieces = restarts(stripped.scans[0].data);
        pieces.truncate(needed as usize);
        if needed == 0 || pieces.len() < needed as usize {
            return Err(ends_early("the picture ends in the middle"));
        }
        Ok(Self { stripped, pieces, units: [interval, all - (needed - 1) * interval], unit })
    }

    /// An error if the codes of any piece end early or make no sense.
    fn check(mut self) -> Result<(), DecodeError> {
        let pieces = std::mem::take(&mut self.pieces);
        let Some((last, others)) = pieces.split_last() else { return Ok(()) };
        let [units, units_of_last] = self.units;
        self.check_pieces(others, units)?;
        self.check_pieces(&[last], units_of_last)
    }

    /// The same for some pieces of so many units each: as a picture of their own, all together or half by
    /// half.
    fn check_pieces(&mut self, pieces: &[&[u8]], units: u32) -> Result<(), DecodeError> {
        if pieces.is_empty() {
            return Ok(());
        }
        let [width, height] = self.arranged(units).ok_or_else(|| ends_early("pieces of an odd size"))?;
        let height = u64::from(height) * pieces.len() as u64;
        let small = height <= MAX_SIDE.into() && u64::from(width) * height <= MAX_PIXELS;
        if small || pieces.len() == 1 {
            let file = self.picture(pieces, [width as u16, height as u16]);
            let Err(complaint) = looked_at(&file) else { return Ok(()) };
            match Stray::of(&complaint) {
                Some(Stray { before: marker::EOI, .. }) => return Ok(()),
                Some(_) if pieces.len() > 1 => {}
                _ => return Err(damaged(complaint)),
            }
        }
        let (first, second) = pieces.split_at(pieces.len() / 2);
        self.check_pieces(first, units)?;
        self.check_pieces(second, units)
    }

    /// A size in pixels that has so many units.
    fn arranged(&self, units: u32) -> Option<[u32; 2]> {
        let [across, down] = self.unit.map(|side| MAX_SIDE / side);
        let columns = (1..=across.min(units)).rev().find(|columns| units.is_multiple_of(*columns))?;
        let rows = units / columns;
        (rows <= down).then(|| [columns * self.unit[0], rows * self.unit[1]])
    }

    /// Some pieces as a file of their own.
    fn picture(&mut self, pieces: &[&[u8]], [width, height]: [u16; 2]) -> Vec<u8> {
        self.stripped.set_width(width);
        self.stripped.set_height(height);
        let mut file = [&self.stripped.head[..], &self.stripped.scans[0].head].concat();
        for (number, piece) in pieces.iter().enumerate() {
            file.extend_from_slice(piece);
            if number + 1 < pieces.len() {
                file.extend([0xFF, marker::RST0 + (number % 8) as u8]);
            }
        }
        file.extend([0xFF, marker::EOI]);
        file
    }
}

/// The pieces of a scan; those behind a restart marker that is not the next one are left out.
fn restarts(data: &[u8]) -> Vec<&[u8]> {
    let (mut pieces, mut begin, mut at) = (Vec::new(), 0, 0);
    while let Some(next) = data[at..].windows(2).position(|pair| pair[0] == 0xFF && pair[1] != 0) {
        let end = at + next;
        at = end + 1;
        if !marker::is_restart(data[at]) {
            continue;
        }
        pieces.push(&data[begin..end]);
        if data[at] != marker::RST0 + ((pieces.len() - 1) % 8) as u8 {
            return pieces;
        }
        begin = at + 1;
    }
    pieces.push(&data[begin..]);
    pieces
}

/// What libjpeg-turbo says of a file, its pixels left alone.
fn looked_at(file: &[u8]) -> turbojpeg::Result<()> {
    let mut decoder = Decompressor::new()?;
    let header = decoder.read_header(file)?;
    let format = match header.colorspace {
        Colorspace::CMYK | Colorspace::YCCK => PixelFormat::CMYK,
        _ => PixelFormat::RGB,
    };
    let (width, height, pitch) = (header.width, header.height, header.width * format.size());
    let mut pixels = vec![0; pitch * height];
    decoder.decompress(file, Image { pixels: &mut pixels[..], width, pitch, height, format })
}

fn ends_early(reason: &str) -> DecodeError {
    DecodeError::Damaged { format: "JPEG", reason: reason.to_owned() }
}
