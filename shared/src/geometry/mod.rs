//! Geometry of faces: boxes and head pose, in pixels of the upright image (EXIF orientation applied).

mod bbox;
mod mean_shape_68;
mod pose;

pub use bbox::{BBox, InvalidBox, PixelRect};
pub use pose::Pose;
