//! From an encoded photo to upright 8-bit RGB pixels, with OpenCV's pixels for JPEG and with explicit limits.
//!
//! Both programs look at photos: the worker to find faces, the orchestrator to cut crops out of the originals. They must see
//! the same pixels in the same coordinate space, so the one decoder is here. Nothing in here knows about faces.

mod decode;
mod error;
mod jpeg;
mod orientation;

pub use decode::{ACCEPTED_FORMATS, decode_upright};
pub use error::DecodeError;
pub use image::{Rgb, RgbImage};
