//! How the first picture of a TIFF is stored, as its tags say, and whether that is read here. What is not is
//! named.

use facesets_core::ImageLimits;

use super::directory::{Directory, Tiff, Value, tag};
use crate::{DecodeError, limit::check_pixels};

/// Samples of a pixel: colours, and whatever else somebody keeps there.
const MAX_SAMPLES: usize = 16;

/// Columns and rows of a tile that is larger than its picture.
const MAX_TILE: u64 = 1 << 14;

/// Everything that it takes to read the picture.
pub(super) struct Layout<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) colours: Colours,
    pub(super) coding: Coding,
    /// Of each sample: 1, 2, 4, 8, 16, or 32 of a floating-point number, 1 for white.
    pub(super) bits: u8,
    /// Samples of a pixel, those of its colours first.
    pub(super) samples: usize,
    /// Whether each sample has strips or tiles of its own.
    pub(super) planar: bool,
    pub(super) predictor: Predictor,
    /// Whether the lowest bit of a byte comes first.
    pub(super) reversed: bool,
    pub(super) little_endian: bool,
    /// Width and height of a strip or tile.
    pub(super) chunk: [u32; 2],
    /// Where each strip or tile lies, and how many bytes it has.
    offsets: Value<'a>,
    lengths: Option<Value<'a>>,
    /// Pixels for which there is one sample of each of the two colours of YCbCr.
    pub(super) subsampling: [u32; 2],
    /// Red, green and blue of each index.
    pub(super) map: Vec<[u8; 3]>,
    /// Tables for every strip or tile that is a JPEG.
    pub(super) tables: &'a [u8],
    pub(super) file: &'a [u8],
}

/// What the samples of a pixel mean. Source: TIFF 6.0, `PhotometricInterpretation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colours {
    /// 0 is white.
    WhiteIsZero,
    BlackIsZero,
    Rgb,
    Palette,
    Cmyk,
    YCbCr,
    /// a* and b* are signed.
    CieLab,
    /// a* and b* are shifted by half of what there is.
    IccLab,
}

/// How strips and tiles are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    None,
    Fax4,
    Lzw,
    /// TIFF 6.0's, which nobody agreed on: read where it is one file.
    OldJpeg,
    Jpeg,
    Deflate,
    PackBits,
    Zstd,
}

/// What was done to samples before they were packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Predictor {
    None,
    /// Each is the difference to the one on its left.
    Horizontal,
    /// The same of the bytes of floating-point numbers, the highest bytes of a row first.
    Float,
}

impl Colours {
    /// How many samples.
    pub(super) fn count(self) -> usize {
        match self {
            Self::WhiteIsZero | Self::BlackIsZero | Self::Palette => 1,
            Self::Rgb | Self::YCbCr | Self::CieLab | Self::IccLab => 3,
            Self::Cmyk => 4,
        }
    }

    fn depths(self) -> &'static [u8] {
        match self {
            Self::WhiteIsZero | Self::BlackIsZero => &[1, 2, 4, 8, 16, 32],
            Self::Palette => &[1, 2, 4, 8],
            Self::Rgb => &[8, 16, 32],
            Self::Cmyk | Self::CieLab | Self::IccLab => &[8, 16],
            Self::YCbCr => &[8],
        }
    }
}

impl<'a> Layout<'a> {
    /// Reads the tags of the first directory; the size is checked against `limits`.
    pub(super) fn of(tiff: &Tiff<'a>, limits: &ImageLimits) -> Result<Self, DecodeError> {
        let directory = tiff.first_directory().ok_or_else(|| damaged("its first directory is not there"))?;
        let number = |tag, default| directory.uint(tag).unwrap_or(default);
        let (width, height) = (number(tag::WIDTH, 0), number(tag::HEIGHT, 0));
        check_pixels("TIFF", width, height, limits)?;
        let (width, height) = (width as u32, height as u32);
        let coding = coding(number(tag::COMPRESSION, 1))?;
        let samples = number(tag::SAMPLES_PER_PIXEL, 1) as usize;
        let colours = colours(&directory, samples, coding)?;
        if samples < colours.count() || samples > MAX_SAMPLES {
            return Err(unsupported(&format!("{samples} samples a pixel of {colours:?}")));
        }
        let (bits, float) = depth(&directory, samples, colours)?;
        let planar = samples > 1 && number(tag::PLANAR_CONFIGURATION, 1) == 2;
        let predictor = match (number(tag::PREDICTOR, 1), bits) {
            _ if coding == Coding::Jpeg => Predictor::None,
            (1, _) => Predictor::None,
            (2, 8..) => Predictor::Horizontal,
            (3, 32) if float => Predictor::Float,
            (other, bits) => {
                return Err(unsupported(&format!("predictor {other} of samples of {bits} bits")));
            }
        };
        let subsampling = subsampling(&directory, colours, coding)?;
        if subsampling != [1, 1] && (planar || predictor != Predictor::None || samples > 3) {
            return Err(unsupported("planes or differences of subsampled colours"));
        }
        let odd = ![1, 3, 4].contains(&samples) || (colours == Colours::YCbCr && samples != 3);
        if coding == Coding::Jpeg && (bits != 8 || (!planar && odd)) {
            return Err(unsupported(&format!("JPEG of {samples} samples of {bits} bits")));
        }
        if coding == Coding::Fax4 && (bits, samples) != (1, 1) {
            return Err(unsupported("fax that is not black and white"));
        }
        let (chunk, offsets, lengths) = chunks(&directory, [width, height])?;
        let layout = Self {
            width,
            height,
            colours,
            coding,
            bits,
            samples,
            planar,
            predictor,
            reversed: number(tag::FILL_ORDER, 1) == 2,
            little_endian: tiff.is_little_endian(),
            chunk,
            offsets,
            lengths,
            subsampling,
            map: if colours == Colours::Palette { map(&directory, bits)? } else { Vec::new() },
            tables: directory.value(tag::JPEG_TABLES).map(Value::bytes).unwrap_or_default(),
            file: tiff.bytes(),
        };
        let planes = if planar { colours.count() } else { 1 };
        let [across, down] = layout.chunks();
        if (across as usize * down as usize).saturating_mul(planes) > layout.offsets.count() {
            return Err(damaged("it has fewer strips or tiles than its size needs"));
        }
        Ok(layout)
    }

    /// How many strips or tiles there are beside and below each other.
    pub(super) fn chunks(&self) -> [u32; 2] {
        [self.width.div_ceil(self.chunk[0]), self.height.div_ceil(self.chunk[1])]
    }

    /// The packed bytes of a strip or tile of one of the planes; fewer than there should be if the file is
    /// cut off.
    pub(super) fn packed(&self, plane: usize, index: usize) -> Result<&'a [u8], DecodeError> {
        let [across, down] = self.chunks();
        let index = plane * across as usize * down as usize + index;
        let not_there = || damaged("a strip or tile lies outside the file");
        let offset =
            self.offsets.get(index).and_then(|offset| usize::try_from(offset).ok()).ok_or_else(not_there)?;
        let rest = self.file.get(offset..).filter(|rest| !rest.is_empty()).ok_or_else(not_there)?;
        // Some programs leave the lengths out where nothing is packed.
        let length = self.lengths.and_then(|lengths| lengths.get(index)).filter(|length| *length > 0);
        let length = length.map_or(rest.len(), |length| usize::try_from(length).unwrap_or(usize::MAX));
        Ok(rest.get(..length).unwrap_or(rest))
    }

    /// The file that is the picture in TIFF 6.0's manner, if it is one.
    pub(super) fn old_jpeg(tiff: &Tiff<'a>) -> Option<&'a [u8]> {
        let directory = tiff.first_directory()?;
        let offset = directory.uint(tag::JPEG_OFFSET)?;
        let rest = tiff.bytes().get(usize::try_from(offset).ok()?..)?;
        let length = directory.uint(tag::JPEG_LENGTH).and_then(|length| usize::try_from(length).ok());
        let jpeg = length.and_then(|length| rest.get(..length)).unwrap_or(rest);
        jpeg.starts_with(b"\xFF\xD8").then_some(jpeg)
    }
}

fn coding(compression: u64) -> Result<Coding, DecodeError> {
    Ok(match compression {
        1 => Coding::None,
        4 => Coding::Fax4,
        5 => Coding::Lzw,
        6 => Coding::OldJpeg,
        7 => Coding::Jpeg,
        8 | 32946 => Coding::Deflate,
        32773 => Coding::PackBits,
        50000 => Coding::Zstd,
        other => {
            let name = match other {
                2 | 3 => "fax, group 3",
                34712 | 33003 | 33005 => "JPEG 2000",
                34887 => "LERC",
                34892 => "lossy JPEG of DNG",
                34925 => "LZMA",
                50001 => "WebP",
                50002 | 52546 => "JPEG XL",
                _ => "unknown",
            };
            return Err(unsupported(&format!("compression {other}, {name}")));
        }
    })
}

fn colours(directory: &Directory<'_>, samples: usize, coding: Coding) -> Result<Colours, DecodeError> {
    Ok(match directory.uint(tag::PHOTOMETRIC) {
        Some(0) => Colours::WhiteIsZero,
        Some(2) => Colours::Rgb,
        Some(3) => Colours::Palette,
        Some(5) if directory.uint(tag::INK_SET).unwrap_or(1) == 1 => Colours::Cmyk,
        Some(6) => Colours::YCbCr,
        Some(8) => Colours::CieLab,
        Some(9) => Colours::IccLab,
        // It must be there, and libtiff guesses as well.
        None if samples >= 3 => Colours::Rgb,
        None if coding == Coding::Fax4 => Colours::WhiteIsZero,
        Some(1) | None => Colours::BlackIsZero,
        Some(other) => {
            let name = match other {
                4 => "mask",
                5 => "inks that are not CMYK",
                10 => "ITU L*a*b*",
                32803 | 34892 => "sensor data",
                32844 | 32845 => "LogLuv",
                _ => "unknown",
            };
            return Err(unsupported(&format!("photometric interpretation {other}, {name}")));
        }
    })
}

/// Bits of a sample, and whether they are a floating-point number.
fn depth(directory: &Directory<'_>, samples: usize, colours: Colours) -> Result<(u8, bool), DecodeError> {
    let all = |tag, default: u64| -> Vec<u64> {
        directory.value(tag).map_or(vec![default], |value| value.uints().take(samples).collect())
    };
    let bits = all(tag::BITS_PER_SAMPLE, 1);
    let formats = all(tag::SAMPLE_FORMAT, 1);
    let same = bits.first().copied().filter(|first| bits.iter().all(|bits| bits == first));
    let words = |values: &[u64]| values.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let depth = same.and_then(|bits| u8::try_from(bits).ok()).filter(|bits| colours.depths().contains(bits));
    let Some(depth) = depth else {
        return Err(unsupported(&format!("samples of {} bits as {colours:?}", words(&bits))));
    };
    let lab = colours == Colours::CieLab;
    match depth {
        32 if formats.iter().all(|format| *format == 3) => Ok((32, true)),
        // Unsigned, or undefined, which is taken for that; a* and b* are signed anyway.
        1..=16 if formats.iter().all(|format| [1, 4].contains(format) || (lab && *format == 2)) => {
            Ok((depth, false))
        }
        _ => Err(unsupported(&format!("samples of {depth} bits in format {}", words(&formats)))),
    }
}

/// Of YCbCr that is not packed as JPEG, which has its own.
fn subsampling(directory: &Directory<'_>, colours: Colours, coding: Coding) -> Result<[u32; 2], DecodeError> {
    if colours != Colours::YCbCr || [Coding::Jpeg, Coding::OldJpeg].contains(&coding) {
        return Ok([1, 1]);
    }
    let values: Vec<u64> = match directory.value(tag::YCBCR_SUBSAMPLING) {
        Some(value) => value.uints().take(2).collect(),
        None => vec![2, 2],
    };
    match values[..] {
        [across @ (1 | 2 | 4), down @ (1 | 2 | 4)] => Ok([across as u32, down as u32]),
        _ => Err(unsupported(&format!("subsampling {values:?}"))),
    }
}

type Chunks<'a> = ([u32; 2], Value<'a>, Option<Value<'a>>);

/// Size and places of strips or tiles.
fn chunks<'a>(directory: &Directory<'a>, [width, height]: [u32; 2]) -> Result<Chunks<'a>, DecodeError> {
    if let Some(offsets) = directory.value(tag::TILE_OFFSETS) {
        let side = |tag, whole: u32| {
            let side = directory.uint(tag).unwrap_or(0);
            // Their rows are read one at a time, so that only absurd ones are refused.
            let sensible = (1..=MAX_TILE.max(whole.into())).contains(&side);
            sensible.then_some(side as u32).ok_or_else(|| damaged("tiles of an impossible size"))
        };
        let size = [side(tag::TILE_WIDTH, width)?, side(tag::TILE_HEIGHT, height)?];
        // Some programs write the lengths as those of strips.
        let lengths = directory.value(tag::TILE_BYTE_COUNTS).or(directory.value(tag::STRIP_BYTE_COUNTS));
        return Ok((size, offsets, lengths));
    }
    let offsets = directory.value(tag::STRIP_OFFSETS).ok_or_else(|| damaged("it has no strips nor tiles"))?;
    let rows = directory.uint(tag::ROWS_PER_STRIP).unwrap_or(height.into()).min(height.into()) as u32;
    if rows == 0 {
        return Err(damaged("strips without rows"));
    }
    Ok(([width, rows], offsets, directory.value(tag::STRIP_BYTE_COUNTS)))
}

/// The colours of a palette: all reds, all greens, all blues, of 16 bits each.
fn map(directory: &Directory<'_>, bits: u8) -> Result<Vec<[u8; 3]>, DecodeError> {
    let count = 1 << bits;
    let value = directory.value(tag::COLOUR_MAP).ok_or_else(|| damaged("a palette without colours"))?;
    let levels: Vec<u64> = value.uints().take(3 * count).collect();
    if levels.len() < 3 * count {
        return Err(damaged("a palette with too few colours"));
    }
    // Some programs write 8 bits, as libtiff knows.
    let shift = if levels.iter().all(|level| *level < 256) { 0 } else { 8 };
    Ok((0..count)
        .map(|index| [0, 1, 2].map(|colour| (levels[colour * count + index] >> shift) as u8))
        .collect())
}

pub(super) fn damaged(reason: &str) -> DecodeError {
    DecodeError::Damaged { format: "TIFF", reason: reason.to_owned() }
}

pub(super) fn unsupported(what: &str) -> DecodeError {
    DecodeError::Unsupported(format!("TIFF ({what})"))
}
