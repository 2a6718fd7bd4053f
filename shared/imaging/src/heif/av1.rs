//! AV1 pictures, by `re_rav1d`: dav1d ported to Rust (BSD-2-Clause), with a safe interface.

use re_rav1d::{
    Decoder, Error, Picture, PixelLayout, PlanarImageComponent as Plane, Settings, pixel::YUVRange,
};

use super::planes::{Chroma, Colour, Manner, Planes};

/// Decodes the first picture of an item's data.
pub(super) fn decode(stream: Vec<u8>, max_pixels: u64) -> Result<Planes, &'static str> {
    let mut settings = Settings::new();
    // Photos are decoded side by side by whoever calls; one thread also keeps everything on this stack.
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_all_layers(false);
    settings.set_frame_size_limit(u32::try_from(max_pixels).unwrap_or(u32::MAX));
    let mut decoder = Decoder::with_settings(&settings).map_err(explain)?;
    if stream.is_empty() {
        return Err("no image data");
    }
    match decoder.send_data(stream, None, None, None) {
        Ok(()) | Err(Error::Again) => {}
        Err(error) => return Err(explain(error)),
    }
    let picture = decoder.get_picture().map_err(explain)?;

    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let halves = match picture.pixel_layout() {
        PixelLayout::I400 => None,
        PixelLayout::I420 => Some((width.div_ceil(2), height.div_ceil(2))),
        PixelLayout::I422 => Some((width.div_ceil(2), height)),
        PixelLayout::I444 => Some((width, height)),
    };
    let depth = picture.bits_per_component().map_or(8, |bits| bits.0) as u8;
    Ok(Planes {
        width,
        height,
        y: samples(&picture, Plane::Y, width, height),
        chroma: halves.map(|(width, height)| Chroma {
            width,
            height,
            u: samples(&picture, Plane::U, width, height),
            v: samples(&picture, Plane::V, width, height),
        }),
        depths: [depth, depth],
        colour: Colour {
            matrix: picture.matrix_coefficients() as u16,
            full_range: picture.color_range() == YUVRange::Full,
        },
        manner: Manner::Libavif,
    })
}

/// A plane without the padding of its rows.
fn samples(picture: &Picture, plane: Plane, width: usize, height: usize) -> Vec<u16> {
    let bytes = picture.plane(plane);
    let rows = bytes.chunks_exact(picture.stride(plane) as usize).take(height);
    if picture.bit_depth() == 8 {
        rows.flat_map(|row| row[..width].iter().copied().map(u16::from)).collect()
    } else {
        let wide = |row: &'_ [u8]| row.as_chunks::<2>().0[..width].to_vec();
        rows.flat_map(wide).map(u16::from_ne_bytes).collect()
    }
}

fn explain(error: Error) -> &'static str {
    match error {
        Error::Again => "the image data hold no picture",
        Error::NotEnoughMemory => "not enough memory for the picture",
        Error::UnsupportedBitstream => "a kind of AV1 data that is not known",
        _ => "the AV1 data make no sense, or are larger than announced",
    }
}
