//! The arithmetic between pixels and networks: exactly `InsightFace`'s, on `OpenCV`'s numbers; for CLIP
//! exactly Pillow's.
//!
//! Pure functions on images and slices. Nothing in here runs a network, reads a file or knows the protocol;
//! every coordinate is in pixels of the upright image unless it says otherwise. What changes a number here by
//! more than floating-point noise must raise `facesets_core::PREPROCESSING_VERSION`.

mod affine;
mod alignment;
mod blob;
mod blur;
mod clip;
mod landmarks;
mod lanes;
mod letterbox;
mod nms;
mod resize;
mod scrfd;
mod warp;

pub use affine::Affine;
pub use alignment::{ARCFACE_SIDE, align};
pub use blob::{Normalisation, append_nchw};
pub use blur::laplacian_variance;
pub use clip::{CLIP_SIDE, append_clip, clip_crop};
pub use landmarks::{GENDER_AGE_SIDE, LandmarkCrop, PointCountError};
pub use letterbox::{Letterbox, letterbox};
pub use nms::suppress;
pub use resize::resize_bilinear;
pub use scrfd::{Detection, DetectorOutputError, STRIDES, decode};
pub use warp::warp;
