//! TIFF, classic and big: its first picture, a row at a time. The crates that read TIFF refuse palettes,
//! L*a*b*, subsampled colours, planes of inks, greys of 2 or 4 bits; and where they hold a JPEG, its pixels
//! are not libjpeg-turbo's.

mod colour;
pub(crate) mod directory;
mod layout;
mod unpack;

use std::io::Read;

use facesets_core::ImageLimits;
use image::RgbImage;

use crate::{DecodeError, isolate::isolated, jpeg};
use directory::Tiff;
use layout::{Coding, Colours, Layout, damaged, unsupported};

/// Decodes the first picture, as it is stored.
pub(crate) fn decode(bytes: &[u8], limits: &ImageLimits) -> Result<RgbImage, DecodeError> {
    isolated("TIFF", || {
        let tiff = Tiff::parse(bytes).ok_or_else(|| damaged("it has no header"))?;
        let layout = Layout::of(&tiff, limits)?;
        if layout.coding == Coding::OldJpeg {
            return old_jpeg(&tiff, &layout);
        }
        let mut image = RgbImage::new(layout.width, layout.height);
        let [across, down] = layout.chunks();
        for index in 0..across as usize * down as usize {
            let left = (index % across as usize) as u32 * layout.chunk[0];
            let top = (index / across as usize) as u32 * layout.chunk[1];
            chunk(&layout, index, [left, top], &mut image)?;
        }
        Ok(image)
    })
}

/// Width and height of the first picture, as it is stored.
pub(crate) fn size(bytes: &[u8]) -> Result<(u32, u32), DecodeError> {
    let unlimited = ImageLimits { max_bytes: u64::MAX, max_pixels: u64::MAX };
    let tiff = Tiff::parse(bytes).ok_or_else(|| damaged("it has no header"))?;
    Layout::of(&tiff, &unlimited).map(|layout| (layout.width, layout.height))
}

/// Bytes of memory that decoding takes at most, the pixels included; 0 for what is refused before there are
/// any.
pub(crate) fn memory(bytes: &[u8], limits: &ImageLimits) -> u64 {
    let layout = Tiff::parse(bytes).and_then(|tiff| Layout::of(&tiff, limits).ok());
    layout.map_or(0, |layout| {
        let pixels = |[width, height]: [u32; 2]| u64::from(width) * u64::from(height);
        let of_jpeg = match layout.coding {
            // Each is there as a whole.
            Coding::Jpeg => pixels(layout.chunk) * layout.samples.min(4) as u64,
            Coding::OldJpeg => 3 * pixels([layout.width, layout.height]),
            _ => 0,
        };
        3 * pixels([layout.width, layout.height]) + of_jpeg
    })
}

/// The picture that TIFF 6.0 has as a file within the file.
fn old_jpeg(tiff: &Tiff<'_>, layout: &Layout<'_>) -> Result<RgbImage, DecodeError> {
    let jpeg = Layout::old_jpeg(tiff).ok_or_else(|| unsupported("compression 6, JPEG of TIFF 6.0"))?;
    let max_pixels = u64::from(layout.width) * u64::from(layout.height);
    let image = jpeg::decode(jpeg, &ImageLimits { max_bytes: u64::MAX, max_pixels }, Vec::new())
        .map_err(unpack::of_another_size)?;
    if image.dimensions() == (layout.width, layout.height) {
        Ok(image)
    } else {
        Err(damaged("its JPEG has another size than it announces"))
    }
}

/// Reads a strip or tile to where it belongs.
fn chunk(
    layout: &Layout<'_>,
    index: usize,
    [left, top]: [u32; 2],
    image: &mut RgbImage,
) -> Result<(), DecodeError> {
    let planes = if layout.planar { layout.colours.count() } else { 1 };
    let mut readers =
        (0..planes).map(|plane| unpack::rows(layout, plane, index)).collect::<Result<Vec<_>, _>>()?;
    let width = layout.chunk[0].min(layout.width - left) as usize;
    let height = layout.chunk[1].min(layout.height - top) as usize;
    let row_bytes = 3 * layout.width as usize;
    let begin = top as usize * row_bytes + 3 * left as usize;
    let mut rows = image.get_mut(begin..).unwrap_or_default().chunks_mut(row_bytes).take(height);
    let mut band = Band::of(layout);
    while let Some(first) = rows.next() {
        band.read(layout, &mut readers)?;
        band.row(layout, 0, &mut first[..3 * width]);
        for below in 1..layout.subsampling[1] as usize {
            let Some(row) = rows.next() else { break };
            band.row(layout, below, &mut row[..3 * width]);
        }
    }
    Ok(())
}

/// A row of a strip or tile, or as many as share samples.
struct Band {
    /// As stored, once for each plane.
    bytes: Vec<u8>,
    samples: Vec<u16>,
    plane: Vec<u16>,
    scratch: Vec<u8>,
}

impl Band {
    fn of(layout: &Layout<'_>) -> Self {
        let width = layout.chunk[0] as usize;
        let [across, down] = layout.subsampling.map(|side| side as usize);
        let bytes = if [across, down] == [1, 1] {
            let samples = if layout.planar { 1 } else { layout.samples };
            (width * samples * usize::from(layout.bits)).div_ceil(8)
        } else {
            width.div_ceil(across) * (across * down + 2)
        };
        let plane = if layout.planar { width } else { 0 };
        Self {
            bytes: vec![0; bytes],
            samples: vec![0; width * layout.samples],
            plane: vec![0; plane],
            scratch: Vec::new(),
        }
    }

    /// Reads the next one.
    fn read(&mut self, layout: &Layout<'_>, readers: &mut [Box<dyn Read + '_>]) -> Result<(), DecodeError> {
        let stride = if layout.planar { 1 } else { layout.samples };
        for (plane, reader) in readers.iter_mut().enumerate() {
            reader.read_exact(&mut self.bytes).map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => damaged("the picture ends in the middle"),
                _ => damaged(&error.to_string()),
            })?;
            colour::undo_prediction(layout, &mut self.bytes, stride, &mut self.scratch);
            if layout.planar {
                colour::unpack(layout, &self.bytes, &mut self.plane);
                let samples = self.samples.iter_mut().skip(plane).step_by(layout.samples);
                samples.zip(&self.plane).for_each(|(sample, value)| *sample = *value);
            } else if layout.subsampling == [1, 1] {
                colour::unpack(layout, &self.bytes, &mut self.samples);
            }
        }
        Ok(())
    }

    /// One of its rows as RGB.
    fn row(&mut self, layout: &Layout<'_>, row: usize, rgb: &mut [u8]) {
        let [across, down] = layout.subsampling.map(|side| side as usize);
        if [across, down] != [1, 1] {
            // Brightness of each pixel of a block, then two colours for all of them.
            let unit = across * down + 2;
            for (x, pixel) in self.samples.as_chunks_mut::<3>().0.iter_mut().enumerate() {
                let unit = &self.bytes[x / across * unit..][..unit];
                let brightness = unit[row * across + x % across];
                *pixel = [brightness, unit[unit.len() - 2], unit[unit.len() - 1]].map(u16::from);
            }
        }
        // A JPEG's colours are made what they are while it is decoded.
        let done = layout.colours == Colours::YCbCr && layout.coding == Coding::Jpeg && !layout.planar;
        if done {
            for (rgb, sample) in rgb.iter_mut().zip(&self.samples) {
                *rgb = *sample as u8;
            }
        } else {
            colour::to_rgb(layout, &self.samples, rgb);
        }
    }
}
