//! From an encoded photo to upright 8-bit RGB pixels, with OpenCV's pixels for JPEG and with explicit limits.
//!
//! Both programs look at photos: the worker to find faces, the orchestrator to cut crops out of the
//! originals. They must see the same pixels in the same coordinate space, so the one decoder is here. Nothing
//! in here knows about faces.
//!
//! Every build reads JPEG, PNG, WebP, TIFF, BMP, GIF and the previews of RAW files. HEIC (feature `heif`) and
//! AVIF (feature `avif`) are on by default and meant for the orchestrator, which transcodes what
//! [`worker_can_decode`] denies.

mod camera_tags;
mod capture_time;
mod decode;
mod error;
mod exif;
mod format;
mod heif;
mod isolate;
mod jpeg;
mod limit;
mod memory;
mod photo;
mod picture;
mod raw;
mod signature;
mod size;
mod tiff;
mod webp;

pub use camera_tags::{camera_tags, read_camera};
pub use capture_time::{CaptureTime, TimeOfDay};
pub use decode::{decode_photo_in, decode_rows_in, decode_upright, decode_upright_in};
pub use error::DecodeError;
pub use exif::{CameraReading, CameraTags, NotUnderstood};
pub use format::{PHOTO_EXTENSIONS, worker_can_decode};
pub use image::{Rgb, RgbImage};
pub use jpeg::encode_jpeg;
pub use memory::decoding_memory;
pub use photo::{Photo, Rows, Window};
pub use signature::{SIGNATURE_BYTES, UNREAD_EXTENSIONS, begins_as_a_photo};
pub use size::upright_size;
