//! Strips and tiles as streams of rows, whatever they are packed with: only a row of them is in memory,
//! unless they are JPEGs.

use std::io::{self, BufReader, Cursor, Read};

use facesets_core::ImageLimits;
use fax::{
    Color,
    decoder::{DecodeStatus, Group4Decoder, pels},
};

use super::layout::{Coding, Colours, Layout, damaged, unsupported};
use crate::{DecodeError, jpeg};

/// Adobe's segment of a JPEG, whose last byte says whether three colours are YCbCr (1) or what they are (0).
const ADOBE: &[u8] = b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0";

/// The rows of a strip or tile of one of the planes.
pub(super) fn rows<'a>(
    layout: &Layout<'a>,
    plane: usize,
    index: usize,
) -> Result<Box<dyn Read + 'a>, DecodeError> {
    let packed = layout.packed(plane, index)?;
    if layout.reversed && layout.coding != Coding::Jpeg {
        let straight: Vec<u8> = packed.iter().map(|byte| byte.reverse_bits()).collect();
        return unpacked(layout, Cursor::new(straight));
    }
    match layout.coding {
        Coding::Jpeg => {
            samples_of_jpeg(layout, packed).map(|samples| Box::new(Cursor::new(samples)) as Box<_>)
        }
        _ => unpacked(layout, packed),
    }
}

fn unpacked<'a>(
    layout: &Layout<'_>,
    packed: impl io::BufRead + 'a,
) -> Result<Box<dyn Read + 'a>, DecodeError> {
    Ok(match layout.coding {
        Coding::None => Box::new(packed),
        Coding::Deflate => Box::new(flate2::bufread::ZlibDecoder::new(packed)),
        Coding::Lzw => Box::new(Lzw {
            packed,
            decoder: weezl::decode::Configuration::with_tiff_size_switch(weezl::BitOrder::Msb, 8).build(),
        }),
        Coding::PackBits => Box::new(PackBits { packed, left: 0, repeated: None }),
        Coding::Zstd => {
            let decoder = ruzstd::decoding::StreamingDecoder::new(packed);
            Box::new(decoder.map_err(|error| damaged(&error.to_string()))?)
        }
        Coding::Fax4 => Box::new(Fax4::new(packed, layout.chunk[0])?),
        Coding::Jpeg | Coding::OldJpeg => return Err(unsupported("JPEG where none can be")),
    })
}

/// Decodes a strip or tile that is a JPEG, with the tables of all of them.
fn samples_of_jpeg(layout: &Layout<'_>, packed: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let body = packed.strip_prefix(b"\xFF\xD8").ok_or_else(|| damaged("a strip or tile that is no JPEG"))?;
    let tables = layout.tables.strip_prefix(b"\xFF\xD8").unwrap_or_default();
    let tables = tables.strip_suffix(b"\xFF\xD9").unwrap_or(tables);
    let colours = [u8::from(layout.colours == Colours::YCbCr)];
    let file = [b"\xFF\xD8", ADOBE, &colours, tables, body].concat();
    let samples = if layout.planar { 1 } else { layout.samples };
    let [width, height] = layout.chunk;
    let limits = ImageLimits { max_bytes: u64::MAX, max_pixels: u64::from(width) * u64::from(height) };
    let (size, pixels) = jpeg::decode_samples(&file, samples, &limits).map_err(of_another_size)?;
    // The last strip may be as high as the others are, or as what is left of the picture.
    if size[0] != width {
        return Err(damaged("a strip or tile of another width than announced"));
    }
    Ok(pixels)
}

/// A JPEG within a TIFF may be no larger than announced, which is within what anybody allows.
pub(super) fn of_another_size(error: DecodeError) -> DecodeError {
    match error {
        DecodeError::TooManyPixels { .. } => damaged("a JPEG of another size than announced"),
        other => other,
    }
}

/// LZW as TIFF has it.
struct Lzw<R> {
    packed: R,
    decoder: weezl::decode::Decoder,
}

impl<R: io::BufRead> Read for Lzw<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let packed = self.packed.fill_buf()?;
            let at_end = packed.is_empty();
            let result = self.decoder.decode_bytes(packed, buffer);
            self.packed.consume(result.consumed_in);
            match result.status {
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
                Ok(weezl::LzwStatus::Ok) if result.consumed_out == 0 && !at_end => {}
                Ok(_) => return Ok(result.consumed_out),
            }
        }
    }
}

/// `PackBits`. Source: TIFF 6.0, section 9.
struct PackBits<R> {
    packed: R,
    /// Bytes that the last header announced and that were not read yet.
    left: usize,
    /// What they are, if they are all the same.
    repeated: Option<u8>,
}

impl<R: Read> PackBits<R> {
    /// The next byte; `None` at the end.
    fn byte(&mut self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        Ok((self.packed.read(&mut byte)? == 1).then_some(byte[0]))
    }
}

impl<R: Read> Read for PackBits<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left == 0 {
            match self.byte()?.map(|header| header as i8) {
                None => return Ok(0),
                Some(-128) => {}
                Some(count @ 0..) => (self.left, self.repeated) = (count as usize + 1, None),
                Some(count) => {
                    self.repeated = self.byte()?;
                    self.left =
                        if self.repeated.is_some() { 1 + usize::from(count.unsigned_abs()) } else { 0 };
                }
            }
        }
        let wanted = buffer.len().min(self.left);
        let read = match self.repeated {
            None => self.packed.read(&mut buffer[..wanted])?,
            Some(byte) => {
                buffer[..wanted].fill(byte);
                wanted
            }
        };
        self.left -= read;
        Ok(read)
    }
}

/// Group 4 fax, a bit a pixel, 1 where it is black.
struct Fax4<R: Read> {
    decoder: Group4Decoder<io::Bytes<BufReader<R>>>,
    width: u16,
    row: Cursor<Vec<u8>>,
    ended: bool,
}

impl<R: Read> Fax4<R> {
    fn new(packed: R, width: u32) -> Result<Self, DecodeError> {
        let width = u16::try_from(width).map_err(|_| unsupported("a fax of more than 65,535 columns"))?;
        let decoder = Group4Decoder::new(BufReader::new(packed).bytes(), width)
            .map_err(|error| damaged(&error.to_string()))?;
        Ok(Self { decoder, width, row: Cursor::new(Vec::new()), ended: false })
    }

    fn advance(&mut self) -> io::Result<()> {
        let row = self.row.get_mut();
        row.clear();
        row.resize(usize::from(self.width).div_ceil(8), 0);
        self.row.set_position(0);
        // Rows that are left out at the end are white.
        self.ended = self.ended || self.decoder.advance().map_err(io::Error::other)? == DecodeStatus::End;
        if !self.ended {
            let row = self.row.get_mut();
            for (x, colour) in pels(self.decoder.transition(), self.width).enumerate() {
                row[x / 8] |= u8::from(colour == Color::Black) << (7 - x % 8);
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Fax4<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.row.position() as usize >= self.row.get_ref().len() {
            self.advance()?;
        }
        self.row.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pack_bits_are_unpacked_as_the_specification_has_it() {
        let packed = b"\xFE\xAA\x02\x80\x00\x2A\x80\xFD\xAA\x03\x80\x00\x2A\x22\xF7\xAA";
        let mut bytes = Vec::new();
        PackBits { packed: &packed[..], left: 0, repeated: None }.read_to_end(&mut bytes).unwrap();
        let expected = b"\xAA\xAA\xAA\x80\x00\x2A\xAA\xAA\xAA\xAA\x80\x00\x2A\x22";
        assert_eq!(bytes, [&expected[..], &[0xAA; 10]].concat());
    }
}
