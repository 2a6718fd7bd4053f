//! Face boxes.

/// An axis-parallel box in pixels of the upright image; it may reach beyond the image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BBox {
    /// Left.
    pub x1: f32,
    /// Top.
    pub y1: f32,
    /// Right.
    pub x2: f32,
    /// Bottom.
    pub y2: f32,
}

/// Whole pixels of an image: columns `x..x + width`, rows `y..y + height`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PixelRect {
    /// First column.
    pub x: u32,
    /// First row.
    pub y: u32,
    /// Number of columns.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
}

/// Corners that do not span a box.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("`{0:?}` is not a box: finite corners with x1 < x2 and y1 < y2 are needed")]
pub struct InvalidBox([f32; 4]);

impl PixelRect {
    /// The smallest rectangle that holds both; neither is empty.
    #[must_use]
    pub fn enclosing(&self, other: &Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        let right = (self.x + self.width).max(other.x + other.width);
        let bottom = (self.y + self.height).max(other.y + other.height);
        Self { x, y, width: right - x, height: bottom - y }
    }
}

impl BBox {
    /// A box from its corners x1, y1, x2, y2.
    pub fn new(corners: [f32; 4]) -> Result<Self, InvalidBox> {
        let [x1, y1, x2, y2] = corners;
        // Comparisons with NaN are false, so this refuses NaN as well.
        if corners.iter().all(|v| v.is_finite()) && x1 < x2 && y1 < y2 {
            Ok(Self { x1, y1, x2, y2 })
        } else {
            Err(InvalidBox(corners))
        }
    }

    /// x1, y1, x2, y2.
    pub fn corners(&self) -> [f32; 4] {
        [self.x1, self.y1, self.x2, self.y2]
    }

    /// Width in pixels.
    pub fn width(&self) -> f32 {
        self.x2 - self.x1
    }

    /// Height in pixels.
    pub fn height(&self) -> f32 {
        self.y2 - self.y1
    }

    /// The short side in pixels: `face_short` of the gates.
    pub fn short_side(&self) -> f32 {
        self.width().min(self.height())
    }

    /// The long side in pixels.
    pub fn long_side(&self) -> f32 {
        self.width().max(self.height())
    }

    /// Centre x, y.
    pub fn centre(&self) -> [f32; 2] {
        [self.x1.midpoint(self.x2), self.y1.midpoint(self.y2)]
    }

    /// The whole pixels inside both the box and an image of `width` × `height`; `None` if there are none.
    pub fn clamped(&self, width: u32, height: u32) -> Option<PixelRect> {
        let x1 = self.x1.max(0.0) as u32;
        let y1 = self.y1.max(0.0) as u32;
        let x2 = (self.x2.max(0.0) as u32).min(width);
        let y2 = (self.y2.max(0.0) as u32).min(height);
        (x1 < x2 && y1 < y2).then(|| PixelRect { x: x1, y: y1, width: x2 - x1, height: y2 - y1 })
    }

    /// Intersection over union, in [0, 1].
    pub fn iou(&self, other: &Self) -> f32 {
        let overlap_w = (self.x2.min(other.x2) - self.x1.max(other.x1)).max(0.0);
        let overlap_h = (self.y2.min(other.y2) - self.y1.max(other.y1)).max(0.0);
        let overlap = overlap_w * overlap_h;
        overlap / (self.width() * self.height() + other.width() * other.height() - overlap)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_box() -> impl Strategy<Value = BBox> {
        (-500.0f32..1500.0, -500.0f32..1500.0, 1.0f32..900.0, 1.0f32..900.0)
            .prop_map(|(x, y, w, h)| BBox::new([x, y, x + w, y + h]).unwrap())
    }

    proptest! {
        #[test]
        fn clamped_pixels_lie_inside_the_image(bbox in any_box(), width in 1u32..2000, height in 1u32..2000) {
            if let Some(rect) = bbox.clamped(width, height) {
                prop_assert!(rect.width > 0 && rect.height > 0);
                prop_assert!(rect.x + rect.width <= width && rect.y + rect.height <= height);
            }
        }

        #[test]
        fn overlap_is_symmetric_and_one_with_itself(a in any_box(), b in any_box()) {
            prop_assert!((a.iou(&b) - b.iou(&a)).abs() < 1e-6);
            prop_assert!((0.0..=1.0 + 1e-5).contains(&a.iou(&b)));
            prop_assert!((a.iou(&a) - 1.0).abs() < 1e-4);
        }
    }

    #[test]
    fn corners_that_span_nothing_are_refused() {
        for corners in [[0.0, 0.0, 0.0, 5.0], [5.0, 0.0, 1.0, 5.0], [0.0, f32::NAN, 1.0, 5.0]] {
            assert!(BBox::new(corners).is_err(), "{corners:?}");
        }
    }
}
