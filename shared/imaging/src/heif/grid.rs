//! Images made of tiles: every photo of an iPhone is one.

use std::{
    num::NonZero,
    sync::{
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

use heifer_isobmff::ItemId;
use image::RgbImage;

use super::{picture::ImageDecoder, planes::Planes};
use crate::DecodeError;

/// Images of more pixels are decoded on all cores: others are decoded side by side by whoever calls.
const LARGE_PIXELS: u64 = 64_000_000;

impl ImageDecoder<'_> {
    /// Puts a grid together. All work is bounded before the first tile is decoded: tiles are of one announced
    /// size, none lies wholly outside the image, and together they have no more bytes than the file has
    /// twice.
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
        let mut canvas: Option<Planes> = None;
        let threads = if u64::from(width) * u64::from(height) > LARGE_PIXELS {
            thread::available_parallelism().map_or(1, NonZero::get)
        } else {
            1
        };
        self.each_tile(tiles, threads, |index, planes| {
            let place = (index % columns as usize, index / columns as usize);
            canvas
                .get_or_insert_with(|| planes.blank(width as usize, height as usize))
                .paste(&planes, (tile_width as usize, tile_height as usize), place)
                .map_err(|reason| self.damaged(reason))
        })?;
        let canvas = canvas.ok_or_else(|| self.damaged("a grid without tiles"))?;
        let colour = self.stated_colour(tiles[0])?.or(self.stated_colour(id)?);
        self.to_rgb(&canvas, (width, height), colour)
    }

    /// Decodes the tiles on so many threads and hands each with its number to `take`, in any order.
    fn each_tile(
        &self,
        tiles: &[ItemId],
        threads: usize,
        mut take: impl FnMut(usize, Planes) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        if threads == 1 {
            return tiles.iter().enumerate().try_for_each(|(index, tile)| take(index, self.planes(*tile)?));
        }
        let next = AtomicUsize::new(0);
        // None waits: who is pasted holds the others up for a moment only.
        let (done, decoded) = mpsc::sync_channel(0);
        thread::scope(|scope| {
            for _ in 0..threads {
                let (done, next) = (done.clone(), &next);
                scope.spawn(move || {
                    while let Some((index, tile)) = {
                        let index = next.fetch_add(1, Relaxed);
                        tiles.get(index).map(|tile| (index, tile))
                    } {
                        if done.send((index, self.planes(*tile))).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(done);
            // Leaving early drops the receiver, at which the threads end.
            decoded.into_iter().try_for_each(|(index, planes)| take(index, planes?))
        })
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

#[cfg(all(test, feature = "heif"))]
mod tests {
    use facesets_core::ImageLimits;
    use heifer_isobmff::HeifFile;

    use super::*;

    #[test]
    fn tiles_are_the_same_on_one_thread_and_on_many_and_an_error_ends_them_all() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/formats/grid.heic");
        let bytes = std::fs::read(path).unwrap();
        let file = HeifFile::parse(&bytes).unwrap();
        let (file_length, limits) = (bytes.len(), ImageLimits::default());
        let decoder = ImageDecoder { file, file_length, family: "HEIC", limits: &limits };
        let tiles = decoder.file.referenced_items(decoder.file.primary_id, b"dimg").to_vec();
        assert!(tiles.len() > 1);
        let decoded = |threads| {
            let mut all = vec![Vec::new(); tiles.len()];
            decoder
                .each_tile(&tiles, threads, |index, planes| {
                    all[index] = planes.y;
                    Ok(())
                })
                .unwrap();
            all
        };
        assert_eq!(decoded(3), decoded(1));
        let refused = decoder.each_tile(&tiles, 2, |_, _| Err(decoder.damaged("enough")));
        assert_eq!(refused, Err(decoder.damaged("enough")));
    }
}
