//! The picture of a HEIC or AVIF file.

use facesets_core::ImageLimits;
use heifer_isobmff::{
    HeifFile, ItemId,
    boxes::{ColorInfo, Property},
};
use image::RgbImage;

#[cfg(feature = "avif")]
use super::av1;
#[cfg(feature = "heif")]
use super::hevc;
use super::{
    container,
    planes::{Colour, Planes},
    transform,
};
use crate::{DecodeError, isolate::isolated, limit::check_pixels};

/// Derivations within derivations that are followed; files have one (a grid), or two with an `iden`.
const MAX_DEPTH: u32 = 3;

/// Decodes the primary image.
///
/// The decoders are other people's work on hostile bytes: a panic in them is reported as damage. (A panic
/// inside the AV1 decoder's own C interface would still abort the process; none was found in 300,000 damaged
/// images.)
pub(crate) fn decode(
    bytes: &[u8],
    family: &'static str,
    limits: &ImageLimits,
) -> Result<RgbImage, DecodeError> {
    isolated(family, || {
        let bytes = container::sound(bytes);
        let file = HeifFile::parse(&bytes).map_err(|error| damaged(family, error))?;
        let decoder = ImageDecoder { file, file_length: bytes.len(), family, limits };
        decoder.image(decoder.file.primary_id, 0)
    })
}

/// One file being decoded.
pub(super) struct ImageDecoder<'a> {
    pub(super) file: HeifFile<'a>,
    pub(super) file_length: usize,
    pub(super) family: &'static str,
    pub(super) limits: &'a ImageLimits,
}

impl ImageDecoder<'_> {
    /// An item as it is meant to be shown.
    fn image(&self, id: ItemId, depth: u32) -> Result<RgbImage, DecodeError> {
        if depth == MAX_DEPTH {
            return Err(self.damaged("images derived from each other without end"));
        }
        let stored = match &self.item_type(id)? {
            b"grid" => self.grid(id)?,
            b"iden" => {
                let source = self.file.referenced_items(id, b"dimg").first();
                self.image(
                    *source.ok_or_else(|| self.damaged("a derived image without a source"))?,
                    depth + 1,
                )?
            }
            _ => self.coded(id)?,
        };
        self.properties(id)?.try_fold(stored, |image, property| {
            transform::apply(image, property).map_err(|reason| self.damaged(reason))
        })
    }

    /// A coded item, cropped to the size that it announces.
    fn coded(&self, id: ItemId) -> Result<RgbImage, DecodeError> {
        let announced = self.announced_size(id)?;
        let planes = self.planes(id)?;
        let (width, height) = announced.unwrap_or((planes.width as u32, planes.height as u32));
        self.check_size(width, height)?;
        if width as usize > planes.width || height as usize > planes.height {
            return Err(self.damaged("the coded image is smaller than announced"));
        }
        self.to_rgb(&planes, (width, height), self.stated_colour(id)?)
    }

    pub(super) fn to_rgb(
        &self,
        planes: &Planes,
        (width, height): (u32, u32),
        colour: Option<Colour>,
    ) -> Result<RgbImage, DecodeError> {
        planes.to_rgb(width, height, colour).map_err(|what| self.unsupported(&what))
    }

    pub(super) fn planes(&self, id: ItemId) -> Result<Planes, DecodeError> {
        match &self.item_type(id)? {
            #[cfg(feature = "heif")]
            b"hvc1" | b"hev1" => {
                let stream = self.file.hevc_bitstream(id).map_err(|error| self.damaged(error))?;
                hevc::decode(&stream, self.limits.max_pixels).map_err(|error| self.hevc_error(error))
            }
            #[cfg(feature = "avif")]
            b"av01" => {
                let stream = self.file.item_data(id).map_err(|error| self.damaged(error))?.into_owned();
                av1::decode(stream, self.limits.max_pixels).map_err(|error| self.damaged(error))
            }
            other => Err(self.unsupported(&format!("`{}` data", other.escape_ascii()))),
        }
    }

    #[cfg(feature = "heif")]
    fn hevc_error(&self, error: heifer_hevc_dec::Error) -> DecodeError {
        match error {
            heifer_hevc_dec::Error::Unimplemented(what) => self.unsupported(what),
            other => self.damaged(other),
        }
    }

    /// Width and height of the `ispe` property, checked against the limits.
    pub(super) fn announced_size(&self, id: ItemId) -> Result<Option<(u32, u32)>, DecodeError> {
        let size = self.file.image_size(id).map_err(|error| self.damaged(error))?;
        if let Some((width, height)) = size {
            self.check_size(width, height)?;
        }
        Ok(size)
    }

    pub(super) fn check_size(&self, width: u32, height: u32) -> Result<(), DecodeError> {
        check_pixels(self.family, width.into(), height.into(), self.limits)
    }

    pub(super) fn stated_colour(&self, id: ItemId) -> Result<Option<Colour>, DecodeError> {
        Ok(self.properties(id)?.find_map(|property| match property {
            Property::Color(ColorInfo::Nclx { matrix, full_range, .. }) => {
                Some(Colour { matrix: *matrix, full_range: *full_range })
            }
            _ => None,
        }))
    }

    fn properties(&self, id: ItemId) -> Result<impl Iterator<Item = &Property>, DecodeError> {
        self.file.item_properties(id).map_err(|error| self.damaged(error))
    }

    pub(super) fn item_type(&self, id: ItemId) -> Result<[u8; 4], DecodeError> {
        Ok(self.file.item(id).map_err(|error| self.damaged(error))?.item_type.0)
    }

    pub(super) fn damaged(&self, reason: impl ToString) -> DecodeError {
        damaged(self.family, reason)
    }

    pub(super) fn unsupported(&self, what: &str) -> DecodeError {
        DecodeError::Unsupported(format!("{} ({what})", self.family))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn damaged(format: &'static str, reason: impl ToString) -> DecodeError {
    DecodeError::Damaged { format, reason: reason.to_string() }
}
