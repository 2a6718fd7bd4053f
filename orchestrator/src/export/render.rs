//! Planned sets to files: crops, bundles and manifests in a folder that is under construction.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs, io,
    path::{Path, PathBuf},
    sync::Mutex,
};

use facesets_core::ImageLimits;
use facesets_imaging::RgbImage;
use image::{
    ExtendedColorType, ImageEncoder as _,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use tokio_util::sync::CancellationToken;

use super::{
    ExportParameters, PlannedSet, bundle,
    crop::{self, CropError},
    manifest::{ExportedFace, FACESET_SCHEMA, FacesetManifest, FacesetSummary},
};
use crate::{
    gallery::Gallery,
    manifest::{self, ManifestError, dropped_faces, path_text},
    monitor::Monitor,
    photo::{self, PhotoError},
};

/// Folder of a set's crops.
pub const FACES: &str = "faces";

/// An export that cannot go on. A single photo that cannot be read is not such a case.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The output cannot be written.
    #[error("cannot write `{path}`: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Asked to.
    #[error("stopped before everything was exported")]
    Stopped,
    /// A manifest cannot be written.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// What was written.
#[derive(Debug, Default)]
pub struct Rendered {
    /// Sets with at least one crop, in the order given.
    pub sets: Vec<FacesetSummary>,
    /// Their crops, relative to the folder, for the contact sheet.
    pub crops: Vec<Vec<ExportedFace>>,
    /// Photos that could not be read; each was reported.
    pub failed: usize,
}

/// One crop to make: which set, at which rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    set: usize,
    rank: usize,
}

/// Why one photo gave no crops.
#[derive(Debug, thiserror::Error)]
enum PhotoFailure {
    #[error(transparent)]
    Photo(#[from] PhotoError),
    #[error(transparent)]
    Crop(#[from] CropError),
}

/// Writes planned sets.
pub struct Renderer<'a> {
    /// Whose faces they are.
    pub gallery: &'a Gallery,
    /// How crops are made.
    pub parameters: &'a ExportParameters,
    /// Hears of progress and of photos that cannot be read.
    pub monitor: &'a dyn Monitor,
    /// Asks to stop between two photos.
    pub stop: &'a CancellationToken,
}

/// Crops of the right size that are there already: row of the gallery, bits of the padding → file.
pub type EarlierCrops = HashMap<(usize, u32), PathBuf>;

/// Writes `sets` below `folder`. Each photo is decoded once for all of its crops, photos in parallel.
pub fn render(renderer: &Renderer<'_>, sets: &[PlannedSet], folder: &Path) -> Result<Rendered, RenderError> {
    render_again(renderer, sets, &EarlierCrops::new(), folder)
}

/// As [`render`]; crops that are there already are copied, so that they outlive their photos.
pub fn render_again(
    renderer: &Renderer<'_>,
    sets: &[PlannedSet],
    earlier: &EarlierCrops,
    folder: &Path,
) -> Result<Rendered, RenderError> {
    let Renderer { gallery, parameters, .. } = *renderer;
    let sets: Vec<&PlannedSet> = sets.iter().filter(|set| !set.faces.is_empty()).collect();
    for set in &sets {
        let faces = folder.join(&set.name).join(FACES);
        fs::create_dir_all(&faces).map_err(at(&faces))?;
    }
    let missing = render_crops(renderer, &sets, earlier, folder)?;

    let mut rendered = Rendered { failed: missing.len(), ..Rendered::default() };
    for (number, set) in sets.into_iter().enumerate() {
        let lost = |rank: &usize| missing.contains(&Place { set: number, rank: *rank });
        let ranks: Vec<usize> = (0..set.faces.len()).filter(|rank| !lost(rank)).collect();
        if ranks.is_empty() {
            fs::remove_dir_all(folder.join(&set.name)).map_err(at(folder))?;
            continue;
        }
        let (summary, faces) = finish_set(gallery, set, &ranks, parameters, folder)?;
        rendered.sets.push(summary);
        rendered.crops.push(faces);
    }
    Ok(rendered)
}

/// Makes every crop as `faces/NNNN.png` by rank in the plan; returns those that could not be made.
fn render_crops(
    renderer: &Renderer<'_>,
    sets: &[&PlannedSet],
    earlier: &EarlierCrops,
    folder: &Path,
) -> Result<BTreeSet<Place>, RenderError> {
    let Renderer { gallery, parameters, monitor, stop } = *renderer;
    let mut by_photo: BTreeMap<usize, Vec<Place>> = BTreeMap::new();
    for (set, planned) in sets.iter().enumerate() {
        for (rank, face) in planned.faces.iter().enumerate() {
            if let Some(file) = earlier.get(&(face.face, face.pad_ratio.to_bits())) {
                let path = folder.join(&planned.name).join(FACES).join(file_name(rank));
                fs::copy(file, &path).map_err(at(&path))?;
                continue;
            }
            by_photo.entry(gallery.faces[face.face].content).or_default().push(Place { set, rank });
        }
    }
    monitor.start("cropping", Some(by_photo.values().map(Vec::len).sum::<usize>() as u64));
    let missing = Mutex::new(BTreeSet::new());
    by_photo.into_par_iter().try_for_each(|(content, places)| -> Result<(), RenderError> {
        if stop.is_cancelled() {
            return Err(RenderError::Stopped);
        }
        match crops_of(gallery, content, sets, &places, parameters) {
            Ok(crops) => {
                for (place, crop) in places.iter().zip(crops) {
                    let path = folder.join(&sets[place.set].name).join(FACES).join(file_name(place.rank));
                    write_png(&path, &crop).map_err(at(&path))?;
                }
            }
            Err(failure) => {
                let path = path_text(gallery.contents[content].canonical_path());
                monitor.problem(&path, &failure.to_string());
                missing.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(&places);
            }
        }
        monitor.advance(places.len() as u64);
        Ok(())
    })?;
    monitor.finish();
    Ok(missing.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
}

fn crops_of(
    gallery: &Gallery,
    content: usize,
    sets: &[&PlannedSet],
    places: &[Place],
    parameters: &ExportParameters,
) -> Result<Vec<RgbImage>, PhotoFailure> {
    // What was embedded within some limits may be cropped whatever the limits are now.
    let unlimited = ImageLimits { max_bytes: u64::MAX, max_pixels: u64::MAX };
    let photo = photo::load(&gallery.contents[content], &unlimited)?;
    places
        .iter()
        .map(|place| {
            let planned = &sets[place.set].faces[place.rank];
            let bbox = &gallery.faces[planned.face].bbox;
            Ok(crop::square_crop(&photo, bbox, planned.pad_ratio, parameters.out_size)?)
        })
        .collect()
}

/// Closes the gaps that lost crops left in the numbering, then writes bundles and manifest.
fn finish_set(
    gallery: &Gallery,
    set: &PlannedSet,
    ranks: &[usize],
    parameters: &ExportParameters,
    folder: &Path,
) -> Result<(FacesetSummary, Vec<ExportedFace>), RenderError> {
    let home = folder.join(&set.name);
    let crops = home.join(FACES);
    for (number, rank) in ranks.iter().enumerate().filter(|(number, rank)| number < *rank) {
        let (from, to) = (crops.join(file_name(*rank)), crops.join(file_name(number)));
        fs::rename(&from, &to).map_err(at(&to))?;
    }
    let names: Vec<String> = (0..ranks.len()).map(file_name).collect();
    let bundles = bundle::write_both(&home, set.label.as_deref(), &names, parameters.top_n)
        .map_err(at(&home))?
        .into_iter()
        .map(|name| format!("{}/{name}", set.name))
        .collect();
    let faces: Vec<ExportedFace> = ranks
        .iter()
        .zip(&names)
        .map(|(rank, name)| ExportedFace::new(gallery, &set.faces[*rank], format!("{FACES}/{name}")))
        .collect();
    let faceset = FacesetManifest {
        schema: FACESET_SCHEMA.to_owned(),
        name: set.name.clone(),
        label: set.label.clone(),
        marker: set.marker.clone(),
        parent: set.era.as_ref().map(|(parent, _)| parent.clone()),
        era: set.era.as_ref().map(|(_, era)| era.clone()),
        origin: set.origin.clone(),
        contract: gallery.contract.clone(),
        parameters: *parameters,
        faces: faces.clone(),
        dropped: dropped_faces(gallery, &set.dropped),
        unmatched: Vec::new(),
        beside: Vec::new(),
    };
    if let Some(marker) = &set.marker {
        let path = home.join(format!("{marker}.txt"));
        fs::write(&path, format!("{marker}\n")).map_err(at(&path))?;
    }
    manifest::write(&home, &faceset)?;
    let summary = FacesetSummary {
        name: set.name.clone(),
        label: set.label.clone(),
        parent: faceset.parent,
        era: faceset.era.map(|era| era.label),
        images: faces.len(),
        dropped: set.dropped.len(),
        bundles,
    };
    Ok((summary, faces))
}

/// `0001.png` for the best crop.
fn file_name(rank: usize) -> String {
    format!("{:04}.png", rank + 1)
}

/// Always the same encoder settings: equal pixels give equal bytes.
fn write_png(path: &Path, image: &RgbImage) -> io::Result<()> {
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive)
        .write_image(image.as_raw(), image.width(), image.height(), ExtendedColorType::Rgb8)
        .map_err(io::Error::other)?;
    fs::write(path, bytes)
}

fn at(path: &Path) -> impl Fn(io::Error) -> RenderError + '_ {
    move |source| RenderError::Io { path: path.to_owned(), source }
}
