//! The three transformations that a container may ask for, applied in the order in which the item lists them.

use heifer_isobmff::boxes::Property;
use image::{RgbImage, imageops};

/// Applies one property; those that do not move pixels change nothing.
pub(super) fn apply(image: RgbImage, property: &Property) -> Result<RgbImage, &'static str> {
    Ok(match property {
        Property::CleanAperture { width, height, horiz_offset, vert_offset } => {
            let (left, columns) = aperture(image.width(), *width, *horiz_offset)?;
            let (top, rows) = aperture(image.height(), *height, *vert_offset)?;
            imageops::crop_imm(&image, left, top, columns, rows).to_image()
        }
        // Anti-clockwise quarter turns. Source: ISO/IEC 23008-12, 6.5.10.
        Property::Rotation(1) => imageops::rotate270(&image),
        Property::Rotation(2) => imageops::rotate180(&image),
        Property::Rotation(3) => imageops::rotate90(&image),
        Property::Mirror(true) => imageops::flip_vertical(&image),
        Property::Mirror(false) => imageops::flip_horizontal(&image),
        _ => image,
    })
}

/// First pixel and length that an aperture keeps of one side. Its centre lies `offset` away from the middle
/// of the image. Source: ISO/IEC 14496-12, 12.1.4.1.
fn aperture(side: u32, kept: (u32, u32), offset: (i32, u32)) -> Result<(u32, u32), &'static str> {
    if kept.1 == 0 || offset.1 == 0 {
        return Err("a clean aperture with a zero denominator");
    }
    let length = f64::from(kept.0) / f64::from(kept.1);
    let centre = f64::from(offset.0) / f64::from(offset.1) + (f64::from(side) - 1.0) / 2.0;
    let first = (centre - (length - 1.0) / 2.0).round();
    let length = length.round();
    if first < 0.0 || length < 1.0 || first + length > f64::from(side) {
        return Err("a clean aperture outside the image");
    }
    Ok((first as u32, length as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aperture_is_centred_unless_it_says_otherwise() {
        assert_eq!(aperture(512, (512, 1), (0, 1)), Ok((0, 512)));
        assert_eq!(aperture(512, (511, 1), (-1, 2)), Ok((0, 511)));
        assert_eq!(aperture(100, (50, 1), (0, 1)), Ok((25, 50)));
        assert_eq!(aperture(100, (50, 1), (25, 1)), Ok((50, 50)));
    }

    #[test]
    fn an_aperture_outside_the_image_is_damage() {
        assert!(aperture(100, (101, 1), (0, 1)).is_err());
        assert!(aperture(100, (50, 1), (26, 1)).is_err());
        assert!(aperture(100, (50, 0), (0, 1)).is_err());
        assert!(aperture(100, (0, 1), (0, 1)).is_err());
    }
}
