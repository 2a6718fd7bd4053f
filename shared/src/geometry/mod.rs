//! Geometry of faces: boxes, head pose and turn in the image plane, in pixels of the upright image (EXIF
//! orientation applied).

mod bbox;
mod mean_shape_68;
mod pose;
mod roll;

pub use bbox::{BBox, InvalidBox, PixelRect};
pub use pose::Pose;
pub use roll::{UPRIGHT_DEGREES, believed_pose, roll_of};
