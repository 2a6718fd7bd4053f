//! Small photos of every format: fixtures of `scripts/python/make_format_fixtures.py`, and pictures encoded
//! here.

use std::{fs, io::Cursor, path::Path};

use facesets_mutator::Seed;
use image::{DynamicImage, Frame, ImageFormat, Rgb, RgbImage, codecs::gif::GifEncoder};

/// Of HEIC and AVIF one file for each way through their decoders.
const FIXTURES: [&str; 29] = [
    "plain.heic",
    "odd.heic",
    "grey.heic",
    "alpha.heic",
    "ten-bit.heic",
    "full-chroma.heic",
    "turned-grid.heic",
    "plain.avif",
    "odd.avif",
    "grey.avif",
    "alpha.avif",
    "ten-bit.avif",
    "full-chroma.avif",
    "turned-grid.avif",
    "photo.dng",
    "photo.cr2",
    "photo.nef",
    "photo.arw",
    "photo.orf",
    "photo.rw2",
    "photo.raf",
    "photo.cr3",
    "bare.dng",
    "dated.jpg",
    "dated.png",
    "dated.tif",
    "dated.webp",
    "restarts.jpg",
    "progressive.jpg",
];

/// The committed fixtures, which lie in `folder`.
pub(crate) fn fixtures(folder: &Path) -> Vec<Seed> {
    let read = |name: &str| {
        let path = folder.join(name);
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Seed::new(name, bytes)
    };
    FIXTURES.into_iter().map(read).collect()
}

/// A TIFF of every kind, which lie in `folder`.
pub(crate) fn tiffs(folder: &Path) -> Vec<Seed> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a folder can be read").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "tif"));
    paths.sort();
    let seed = |path: &std::path::PathBuf| {
        Seed::new(
            path.file_stem().unwrap_or_default().to_string_lossy(),
            fs::read(path).expect("it was listed"),
        )
    };
    paths.iter().map(seed).collect()
}

/// Pictures of some hundred pixels in every format that can be encoded here, with and without alpha, deep,
/// grey and animated.
pub(crate) fn pictures() -> Vec<Seed> {
    let colours = RgbImage::from_fn(24, 16, |x, y| Rgb([(x * 7) as u8, (y * 11) as u8, (x * y % 251) as u8]));
    let image = DynamicImage::ImageRgb8(colours);
    let alpha = DynamicImage::ImageRgba8(image.to_rgba8());
    let encoded = |name: &str, image: &DynamicImage, format| {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap_or_else(|error| panic!("{name}: {error}"));
        Seed::new(name, bytes.into_inner())
    };
    let grey = DynamicImage::ImageLuma8(image.to_luma8());
    let deep = DynamicImage::ImageRgba16(image.to_rgba16());
    let mut animated = Vec::new();
    let frame = alpha.to_rgba8();
    GifEncoder::new(&mut animated)
        .encode_frames([Frame::new(frame.clone()), Frame::new(frame)])
        .expect("a GIF holds frames");
    vec![
        encoded("rgb.jpg", &image, ImageFormat::Jpeg),
        encoded("grey.jpg", &grey, ImageFormat::Jpeg),
        encoded("rgb.png", &image, ImageFormat::Png),
        encoded("grey.png", &grey, ImageFormat::Png),
        encoded("deep.png", &deep, ImageFormat::Png),
        encoded("rgb.webp", &image, ImageFormat::WebP),
        encoded("alpha.webp", &alpha, ImageFormat::WebP),
        encoded("rgb.tif", &image, ImageFormat::Tiff),
        encoded("deep.tif", &deep, ImageFormat::Tiff),
        encoded("rgb.bmp", &image, ImageFormat::Bmp),
        encoded("alpha.bmp", &alpha, ImageFormat::Bmp),
        encoded("still.gif", &alpha, ImageFormat::Gif),
        Seed::new("animated.gif", animated),
    ]
}
