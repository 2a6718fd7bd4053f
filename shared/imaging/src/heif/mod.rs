//! HEIC and AVIF: one container (ISO/IEC 23008-12), two codecs. The primary image is put together from its
//! tiles and turned as the container's `clap`, `irot` and `imir` say; EXIF orientation is informative in
//! these files and is not applied (6.5.10). Alpha, depth and gain maps, thumbnails and further images are
//! left alone.

#[cfg(feature = "avif")]
mod av1;
mod container;
#[cfg(any(feature = "heif", feature = "avif"))]
mod grid;
#[cfg(feature = "heif")]
mod hevc;
#[cfg(any(feature = "heif", feature = "avif"))]
mod picture;
#[cfg(any(feature = "heif", feature = "avif"))]
mod planes;
#[cfg(any(feature = "heif", feature = "avif"))]
mod transform;

#[cfg(any(feature = "heif", feature = "avif"))]
pub(crate) use container::announced_size;
pub(crate) use container::exif;
#[cfg(any(feature = "heif", feature = "avif"))]
pub(crate) use picture::decode;
