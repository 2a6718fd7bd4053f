//! The page of a pass on eras with its small pictures, and the same for scripts.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use facesets_base::{
    exit::{Exit, Failure},
    layout::{ERA_REPORT, ERA_REPORT_SCHEMA},
    monitor::Monitor,
    output::{Existing, OutputDir, OutputKind},
};
use facesets_corpus::{
    era::{
        Eras,
        report::{Page, Shown, THUMBNAILS},
    },
    export::crop,
};
use facesets_library::originals as photo;
use rayon::prelude::*;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::pass::output::{WriteError, write_error};

/// Side of a small picture in pixels.
const SIDE: u32 = 96;

/// Padding of a small picture on each side of the box, as a part of its long side.
const PAD: f32 = 0.25;

/// Whether there is to be a page.
#[derive(Debug, Clone)]
pub(crate) struct PageOptions {
    /// Its folder; an earlier one is moved aside.
    pub(crate) report: Option<PathBuf>,
    /// Most faces of a group and year that are shown on it.
    pub(crate) thumbnails: usize,
}

/// What was written, and which photos could not be read for it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Written {
    /// The folder.
    pub(crate) report: Option<PathBuf>,
    /// Photos without a small picture; each was reported.
    pub(crate) unreadable: usize,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    #[serde(flatten)]
    page: &'a Page,
}

/// A face for a page.
pub(crate) fn shown(eras: &Eras<'_>, face: usize, note: String) -> Shown {
    let content = eras.view.gallery.content_of(face);
    Shown {
        row: face,
        path: content.canonical().text(),
        sha256: content.sha256.to_string(),
        bbox: eras.view.gallery.faces[face].bbox.corners(),
        year: eras.years.of(face),
        note,
        thumbnail: None,
    }
}

impl Written {
    /// The exit code of a command that would else end with `otherwise`.
    pub(crate) fn exit(&self, otherwise: Exit) -> Exit {
        if self.unreadable == 0 { otherwise } else { Exit::SomeFailed }
    }
}

impl PageOptions {
    /// Writes the page if anybody wants it.
    pub(crate) fn write(
        &self,
        mut page: Page,
        eras: &Eras<'_>,
        monitor: &dyn Monitor,
        stop: &CancellationToken,
    ) -> Result<Written, Failure> {
        let Some(target) = &self.report else { return Ok(Written::default()) };
        let output = OutputDir::create(target, OutputKind::EraReport, Existing::MoveAside, &[])?;
        let folder = output.path().join(THUMBNAILS);
        fs::create_dir(&folder).map_err(write_error(&folder))?;
        self.choose(&mut page, eras);
        let pictures = Pictures { eras, folder: &folder, stop };
        let failed = pictures.draw(&page, monitor)?;
        for face in page.faces_mut() {
            if failed.contains(&face.row) {
                face.thumbnail = None;
            }
        }
        let file = output.path().join(ERA_REPORT);
        let json = serde_json::to_vec_pretty(&Document { schema: ERA_REPORT_SCHEMA, page: &page });
        json.map_err(io::Error::from).and_then(|json| fs::write(&file, json)).map_err(write_error(&file))?;
        let file = output.path().join("index.html");
        fs::write(&file, page.html()).map_err(write_error(&file))?;
        let report = Some(output.target().to_owned());
        output.finish()?;
        Ok(Written { report, unreadable: failed.len() })
    }

    /// Gives the first faces of each group and year a picture, spread evenly over them.
    fn choose(&self, page: &mut Page, eras: &Eras<'_>) {
        for group in &mut page.groups {
            let mut of_year: BTreeMap<Option<u16>, Vec<&mut Shown>> = BTreeMap::new();
            for face in &mut group.faces {
                of_year.entry(face.year).or_default().push(face);
            }
            for faces in of_year.into_values() {
                let step = faces.len().div_ceil(self.thumbnails.max(1)).max(1);
                let chosen = faces.into_iter().step_by(step).take(self.thumbnails);
                chosen.for_each(|face| {
                    let number = eras.view.gallery.faces[face.row].number;
                    face.thumbnail = Some(format!("{}-{number}.png", face.sha256));
                });
            }
        }
    }
}

/// Draws small pictures.
struct Pictures<'a> {
    eras: &'a Eras<'a>,
    folder: &'a Path,
    stop: &'a CancellationToken,
}

impl Pictures<'_> {
    /// Draws what a page shows, each photo read once; returns the faces (rows) that could not be drawn.
    fn draw(&self, page: &Page, monitor: &dyn Monitor) -> Result<Vec<usize>, WriteError> {
        let mut by_photo: BTreeMap<usize, BTreeMap<usize, &str>> = BTreeMap::new();
        for face in page.groups.iter().flat_map(|group| &group.faces) {
            if let Some(file) = &face.thumbnail {
                let content = self.eras.view.gallery.faces[face.row].content;
                by_photo.entry(content).or_default().insert(face.row, file);
            }
        }
        monitor.start("drawing faces", Some(by_photo.len() as u64));
        let failed = by_photo
            .into_par_iter()
            .map(|(content, faces)| {
                if self.stop.is_cancelled() {
                    return Err(WriteError::Stopped(self.folder.to_owned()));
                }
                let drawn = self.draw_photo(content, &faces);
                monitor.advance(1);
                match drawn {
                    Ok(()) => Ok(Vec::new()),
                    Err(Undrawn::Photo(problem)) => {
                        let path = self.eras.view.gallery.contents[content].canonical();
                        monitor.problem(&path.text(), &problem);
                        Ok(faces.into_keys().collect())
                    }
                    Err(Undrawn::Write(error)) => Err(error),
                }
            })
            .collect::<Result<Vec<Vec<usize>>, WriteError>>()?;
        monitor.finish();
        Ok(failed.concat())
    }

    fn draw_photo(&self, content: usize, faces: &BTreeMap<usize, &str>) -> Result<(), Undrawn> {
        let problem = |error: &dyn std::fmt::Display| Undrawn::Photo(error.to_string());
        let gallery = &self.eras.view.gallery;
        let photo = photo::load(&gallery.contents[content]).map_err(|error| problem(&error))?;
        for (face, file) in faces {
            let bbox = &gallery.faces[*face].bbox;
            let small = crop::square_crop(&photo, bbox, PAD, SIDE).map_err(|error| problem(&error))?;
            let path = self.folder.join(file);
            small
                .save(&path)
                .map_err(io::Error::other)
                .map_err(write_error(&path))
                .map_err(Undrawn::Write)?;
        }
        Ok(())
    }
}

/// Why a photo has no small pictures.
enum Undrawn {
    Photo(String),
    Write(WriteError),
}
