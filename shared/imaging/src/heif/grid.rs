//! Images made of tiles: every photo of an iPhone is one.

use heifer_isobmff::ItemId;
use image::RgbImage;

use super::ImageDecoder;
use crate::DecodeError;

impl ImageDecoder<'_> {
    /// Puts a grid together. All work is bounded before the first tile is decoded: tiles are of one announced size, none lies
    /// wholly outside the image, and together they have no more bytes than the file has twice.
    pub(super) fn grid(&self, id: ItemId) -> Result<RgbImage, DecodeError> {
        let grid = self.file.grid(id).map_err(|error| self.damaged(error))?;
        let (width, height) = (grid.output_width, grid.output_height);
        let (columns, rows) = (u32::from(grid.columns), u32::from(grid.rows));
        self.check_size(width, height)?;
        let tiles = self.file.referenced_items(id, b"dimg");
        if tiles.len() as u64 != u64::from(columns) * u64::from(rows) {
            return Err(self.damaged("the grid has another number of tiles than it announces"));
        }
        let (tile_width, tile_height) = self.tile_size(tiles)?;
        let fits = |count: u32, tile: u32, whole: u32| {
            let (count, tile, whole) = (u64::from(count), u64::from(tile), u64::from(whole));
            count * tile >= whole && (count - 1) * tile < whole
        };
        if !fits(columns, tile_width, width) || !fits(rows, tile_height, height) {
            return Err(self.damaged("the tiles do not cover the image"));
        }

        // Put together before colours are converted, so that chroma is interpolated across the seams.
        let mut canvas = None;
        for (index, tile) in tiles.iter().enumerate() {
            let planes = self.planes(*tile)?;
            let place = (index % columns as usize, index / columns as usize);
            canvas
                .get_or_insert_with(|| planes.blank(width as usize, height as usize))
                .paste(&planes, (tile_width as usize, tile_height as usize), place)
                .map_err(|reason| self.damaged(reason))?;
        }
        let canvas = canvas.ok_or_else(|| self.damaged("a grid without tiles"))?;
        let colour = self.stated_colour(tiles[0])?.or(self.stated_colour(id)?);
        self.to_rgb(&canvas, (width, height), colour)
    }

    /// The one size that all tiles announce.
    fn tile_size(&self, tiles: &[ItemId]) -> Result<(u32, u32), DecodeError> {
        let mut bytes = 0;
        let mut common = None;
        for tile in tiles {
            if [*b"grid", *b"iden", *b"iovl"].contains(&self.item_type(*tile)?) {
                return Err(self.unsupported("tiles that are derived images"));
            }
            let size = self.announced_size(*tile)?.ok_or_else(|| self.damaged("a tile without a size"))?;
            if *common.get_or_insert(size) != size {
                return Err(self.damaged("tiles of different sizes"));
            }
            bytes += self.file.item_data(*tile).map_err(|error| self.damaged(error))?.len();
            if bytes > self.file_length.saturating_mul(2) {
                return Err(self.damaged("tiles that share their bytes"));
            }
        }
        common.ok_or_else(|| self.damaged("a grid without tiles"))
    }
}
