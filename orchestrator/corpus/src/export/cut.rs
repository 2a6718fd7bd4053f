//! Open drafts to PNG files: each photo is read once for all of its crops, and no farther than the lowest of
//! them.

use std::{collections::BTreeMap, fs, path::Path};

use facesets_core::Sha256Digest;
use facesets_imaging::RgbImage;
use facesets_library::{
    originals as photo,
    originals::{PhotoError, Spare},
};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::{
    crop::{CropError, Square},
    draft::{Draft, State},
    png,
    renderer::{RenderError, Renderer, at},
};

/// Why there is no crop.
#[derive(Debug, thiserror::Error)]
enum NoCrop {
    #[error(transparent)]
    Photo(#[from] PhotoError),
    #[error(transparent)]
    Crop(#[from] CropError),
}

/// Memory that a thread uses again for its next photo.
#[derive(Default)]
struct Desk {
    spare: Spare,
    /// The pixels of a crop before it is resized.
    window: Vec<u8>,
}

/// Cuts every open crop and writes it, photos in parallel.
pub(super) fn cut(renderer: &Renderer<'_>, drafts: &mut [Draft]) -> Result<(), RenderError> {
    let Renderer { view, monitor, stop, .. } = *renderer;
    let gallery = &view.gallery;
    let mut by_photo: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (number, draft) in drafts.iter().enumerate() {
        if matches!(draft.state, State::Open) {
            by_photo.entry(gallery.faces[draft.face.face].content).or_default().push(number);
        }
    }
    if by_photo.is_empty() {
        return Ok(());
    }
    monitor.start("cropping", Some(by_photo.values().map(Vec::len).sum::<usize>() as u64));
    let open: &[Draft] = drafts;
    let made = by_photo.into_par_iter().map_init(Desk::default, |desk, (content, numbers)| {
        if stop.is_cancelled() {
            return Err(RenderError::Stopped);
        }
        let drafts: Vec<&Draft> = numbers.iter().map(|number| &open[*number]).collect();
        let states = desk.cut(renderer, content, &drafts)?;
        monitor.advance(numbers.len() as u64);
        Ok(numbers.into_iter().zip(states).collect())
    });
    let made: Vec<Vec<(usize, State)>> = made.collect::<Result<_, _>>()?;
    monitor.finish();
    for (number, state) in made.into_iter().flatten() {
        drafts[number].state = state;
    }
    Ok(())
}

impl Desk {
    /// The crops of one photo.
    fn cut(
        &mut self,
        renderer: &Renderer<'_>,
        content: usize,
        drafts: &[&Draft],
    ) -> Result<Vec<State>, RenderError> {
        let content = &renderer.view.gallery.contents[content];
        let lost = |why: &NoCrop| {
            let why = why.to_string();
            renderer.monitor.problem(&content.canonical().text(), &why);
            State::Lost(why)
        };
        let squares: Vec<Result<Square, CropError>> =
            drafts.iter().map(|draft| square(renderer, draft)).collect();
        let rows = squares.iter().flatten().map(Square::end).max().unwrap_or(0);
        let photo = match photo::load_rows(content, rows, &mut self.spare) {
            Ok(photo) => photo,
            Err(why) => return Ok(vec![lost(&why.into()); drafts.len()]),
        };
        let out_size = renderer.parameters.out_size;
        let states = drafts.iter().zip(squares).map(|(draft, square)| {
            match square.and_then(|square| square.cut(&photo, out_size, &mut self.window)) {
                Ok(crop) => write(&draft.path, &crop).map(State::Made),
                Err(why) => Ok(lost(&why.into())),
            }
        });
        let states = states.collect();
        self.spare.take_back(photo);
        states
    }
}

/// Where a crop lies in its photo.
fn square(renderer: &Renderer<'_>, draft: &Draft) -> Result<Square, CropError> {
    let face = &renderer.view.gallery.faces[draft.face.face];
    let content = &renderer.view.gallery.contents[face.content];
    Square::around(&face.bbox, draft.face.pad_ratio, (content.width, content.height))
}

fn write(path: &Path, crop: &RgbImage) -> Result<Sha256Digest, RenderError> {
    let bytes = png::encode(crop);
    fs::write(path, &bytes).map_err(at(path))?;
    Ok(Sha256Digest::of(&bytes))
}
