//! Photos that are there more than once.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::Mutex,
};

use facesets_base::{
    exit::Failure,
    layout::{DUPLICATES, DUPLICATES_SCHEMA},
    location::Location,
    monitor::Monitor,
    output::OutputKind,
};
use facesets_imaging::RgbImage;
use facesets_library::originals as photo;
use facesets_people::{
    cluster::memory_of_pairs,
    dedup::{
        Criterion, Member, SAME_FACE, candidates, groups,
        hash::difference_hash,
        report::{self, Duplicates, Identical, MostLike, Similar, THUMBNAILS, page},
    },
    gallery::{Content, Gallery},
};
use image::imageops::{self, FilterType};
use rayon::prelude::*;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::pass::{
    Session,
    clustering::{GalleryOptions, Watcher},
    output::{OutputOptions, WriteError, write_error},
};

/// Longest side of a small picture in pixels.
const THUMBNAIL: u32 = 240;

/// What is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Where to write.
    pub(crate) output: OutputOptions,
    /// Which faces.
    pub(crate) gallery: GalleryOptions,
    /// Most bits of 64 in which the difference hashes of near-duplicates differ.
    pub(crate) max_different_bits: u32,
}

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) out: PathBuf,
    pub(crate) previous: Option<PathBuf>,
    pub(crate) identical: usize,
    pub(crate) similar_groups: usize,
    pub(crate) similar_photos: usize,
    pub(crate) failed: usize,
}

/// Runs the pass.
pub(crate) fn run(options: &Options, session: &Session<'_>) -> Result<Report, Failure> {
    let gallery = options.gallery.load(session, memory_of_pairs)?;
    // Whether it can be written is found out before the long work.
    let output = options.output.create(OutputKind::Duplicates, session, &[])?;
    let watcher = Watcher::new(session.monitor, session.stop);
    let photos = candidates(&gallery, SAME_FACE, &watcher)?;
    session.monitor.finish();
    let thumbnails = output.path().join(THUMBNAILS);
    fs::create_dir(&thumbnails).map_err(write_error(&thumbnails))?;
    let reader = Reader { gallery: &gallery, thumbnails: &thumbnails, stop: session.stop };
    let hashes = reader.hashes(&photos, session.monitor)?;
    let criterion = Criterion { same_face: SAME_FACE, max_different_bits: options.max_different_bits };
    let found = groups(&gallery, &hashes, criterion, &watcher)?;
    session.monitor.finish();
    reader.keep_thumbnails(&found, &hashes)?;

    let duplicates = Duplicates {
        schema: DUPLICATES_SCHEMA,
        contract: gallery.contract.clone(),
        criterion: report::Criterion {
            min_similarity: 1.0 - SAME_FACE.get(),
            max_different_bits: options.max_different_bits,
        },
        identical: identical(&gallery),
        similar: found.iter().map(|group| similar(&gallery, group, &hashes)).collect(),
    };
    let file = output.path().join(DUPLICATES);
    let json = serde_json::to_vec_pretty(&duplicates).map_err(io::Error::from);
    json.and_then(|json| fs::write(&file, json)).map_err(write_error(&file))?;
    let file = output.path().join("index.html");
    fs::write(&file, page(&duplicates)).map_err(write_error(&file))?;

    Ok(Report {
        out: output.target().to_owned(),
        previous: output.finish()?,
        identical: duplicates.identical.len(),
        similar_groups: found.len(),
        similar_photos: found.iter().map(Vec::len).sum(),
        failed: photos.len() - hashes.len(),
    })
}

/// Reads photos for their hashes and small pictures.
struct Reader<'a> {
    gallery: &'a Gallery,
    thumbnails: &'a Path,
    stop: &'a CancellationToken,
}

impl Reader<'_> {
    /// The hashes of some photos, without those that cannot be read; these are reported.
    fn hashes(
        &self,
        photos: &BTreeSet<usize>,
        monitor: &dyn Monitor,
    ) -> Result<BTreeMap<usize, u64>, WriteError> {
        monitor.start("comparing photos", Some(photos.len() as u64));
        let hashes = Mutex::new(BTreeMap::new());
        photos.par_iter().try_for_each(|&number| {
            if self.stop.is_cancelled() {
                return Err(WriteError::Stopped(self.thumbnails.to_owned()));
            }
            let content = &self.gallery.contents[number];
            match load(content) {
                Ok((hash, small)) => {
                    let path = self.thumbnail(number);
                    small.save(&path).map_err(io::Error::other).map_err(write_error(&path))?;
                    hashes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(number, hash);
                }
                Err(problem) => monitor.problem(&content.canonical().text(), &problem),
            }
            monitor.advance(1);
            Ok(())
        })?;
        monitor.finish();
        Ok(hashes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Removes the small pictures of photos that turned out to be in no group.
    fn keep_thumbnails(
        &self,
        groups: &[Vec<Member>],
        hashes: &BTreeMap<usize, u64>,
    ) -> Result<(), WriteError> {
        let shown: BTreeSet<usize> = groups.iter().flatten().map(|member| member.photo).collect();
        for number in hashes.keys().filter(|number| !shown.contains(number)) {
            let path = self.thumbnail(*number);
            fs::remove_file(&path).map_err(write_error(&path))?;
        }
        Ok(())
    }

    fn thumbnail(&self, number: usize) -> PathBuf {
        self.thumbnails.join(format!("{}.png", self.gallery.contents[number].sha256))
    }
}

fn load(content: &Content) -> Result<(u64, RgbImage), String> {
    let photo = photo::load(content).map_err(|error| error.to_string())?;
    let picture = photo.to_rgb();
    let hash = difference_hash(&picture).map_err(|error| error.to_string())?;
    let scale = f64::from(THUMBNAIL) / f64::from(picture.width().max(picture.height()));
    let side = |pixels: u32| ((f64::from(pixels) * scale).round() as u32).max(1);
    let small =
        imageops::resize(&*picture, side(picture.width()), side(picture.height()), FilterType::Triangle);
    Ok((hash, small))
}

fn texts(content: &Content) -> Vec<String> {
    content.locations.iter().map(Location::text).collect()
}

/// Photos at several places.
fn identical(gallery: &Gallery) -> Vec<Identical> {
    let several = gallery.contents.iter().filter(|content| !content.aliases().is_empty());
    several.map(|content| Identical { sha256: content.sha256.to_string(), paths: texts(content) }).collect()
}

fn similar(gallery: &Gallery, group: &[Member], hashes: &BTreeMap<usize, u64>) -> Vec<Similar> {
    let photo = |Member { photo, most_like }: &Member| {
        let content = &gallery.contents[*photo];
        Similar {
            sha256: content.sha256.to_string(),
            paths: texts(content),
            width: content.width,
            height: content.height,
            hash: format!("{:016x}", hashes[photo]),
            most_like: MostLike {
                sha256: gallery.contents[most_like.of].sha256.to_string(),
                similarity: most_like.similarity,
                different_bits: most_like.different_bits,
            },
        }
    };
    group.iter().map(photo).collect()
}
