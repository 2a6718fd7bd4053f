//! Rows of several arrays put together: contents, faces and locations as the store knows them, each valid by
//! construction.

use std::{
    ffi::OsString,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
};

use facesets_base::{
    location::Location,
    plausible::{Extent, MAX_FACES, check_distinct, check_face},
};
use facesets_core::{
    BBox, Embedding, Face, FaceContract, FaceEmbedding, LandmarksContract, PixelDigest, Sha256Digest,
    face::Keypoints,
};
use facesets_imaging::{CameraTags, CaptureTime};
use facesets_library::store::{Absence, Failed, LocationRecord, Provenance, Sighting, StoredFailure};

use super::{column::Column, import_error::ImportError, source::Arrays};

/// What stands in `contents_taken_offset` for an unknown offset.
const NO_OFFSET: i32 = -32_768;

/// The contracts of an import.
#[derive(Debug)]
pub(super) struct Contracts {
    pub(super) faces: FaceContract,
    pub(super) landmarks: Vec<LandmarksContract>,
}

/// What is known of a content, without its faces.
#[derive(Debug)]
pub(super) struct ContentRow {
    pub(super) sha256: Sha256Digest,
    pub(super) bytes: u64,
    /// `None` where nobody has read it.
    pub(super) camera: Option<CameraTags>,
    pub(super) outcome: RowOutcome,
    /// What it shows, where a worker has told.
    pub(super) pixels: Option<PixelDigest>,
}

#[derive(Debug)]
pub(super) enum RowOutcome {
    Pending,
    Done { extent: Extent, landmarks: LandmarksContract, provenance: Provenance },
    Failed(StoredFailure),
}

/// The arrays `contents_…`.
pub(super) struct ContentColumns {
    sha256: Column,
    bytes: Column,
    camera: CameraColumns,
    outcome: Column,
    error_kind: Column,
    error_message: Column,
    width: Column,
    height: Column,
    landmarks_contract: Column,
    provider: Column,
    worker_version: Column,
    runtime_version: Column,
    pixels: Option<Column>,
    last: Option<Sha256Digest>,
}

impl ContentColumns {
    pub(super) fn open(arrays: &dyn Arrays) -> Result<Self, ImportError> {
        let sha256 = Column::open(arrays, "contents_sha256")?;
        let open = |name| Column::beside(arrays, name, &sha256);
        Ok(Self {
            bytes: open("contents_bytes")?,
            camera: CameraColumns::open(arrays, &sha256)?,
            outcome: open("contents_outcome")?,
            error_kind: open("contents_error_kind")?,
            error_message: open("contents_error_message")?,
            width: open("contents_width")?,
            height: open("contents_height")?,
            landmarks_contract: open("contents_landmarks_contract")?,
            provider: open("contents_provider")?,
            worker_version: open("contents_worker_version")?,
            runtime_version: open("contents_runtime_version")?,
            pixels: Column::beside_if_there(arrays, "contents_pixels", &sha256)?,
            sha256,
            last: None,
        })
    }

    pub(super) fn rows(&self) -> u64 {
        self.sha256.rows()
    }

    pub(super) fn next(&mut self, contracts: &Contracts) -> Result<ContentRow, ImportError> {
        let sha256 = Sha256Digest::from(self.sha256.array::<32>()?);
        if self.last.is_some_and(|last| last >= sha256) {
            return Err(self
                .sha256
                .wrong(format!("{sha256} is not above the row before: each once, in order")));
        }
        self.last = Some(sha256);
        let bytes = self.bytes.natural()?;
        let camera = self.camera.next()?;
        let (kind, message) = (self.error_kind.text()?, self.error_message.text()?);
        let size = [self.width.natural()?, self.height.natural()?];
        let landmarks = self.landmarks_contract.i32()?;
        let provenance = Provenance {
            provider: self.provider.text()?,
            worker_version: self.worker_version.text()?,
            runtime_version: self.runtime_version.text()?,
        };
        let outcome = match self.outcome.text()?.as_str() {
            "" => RowOutcome::Pending,
            "done" => {
                let [width, height] = size.map(|side| u32::try_from(side).unwrap_or(u32::MAX));
                let extent =
                    Extent::new(width, height).map_err(|error| self.width.wrong(error.to_string()))?;
                let landmarks = usize::try_from(landmarks).ok().and_then(|at| contracts.landmarks.get(at));
                let landmarks = landmarks.copied().ok_or_else(|| {
                    let known = contracts.landmarks.len();
                    self.landmarks_contract
                        .wrong(format!("is none of the {known} landmarks contracts in `meta`"))
                })?;
                RowOutcome::Done { extent, landmarks, provenance }
            }
            "failed" => {
                let failed = Failed { kind, message };
                let failure = StoredFailure::named(failed).map_err(|failed| {
                    self.error_kind.wrong(format!("`{}` is no failure that lasts", failed.kind))
                })?;
                RowOutcome::Failed(failure)
            }
            other => return Err(self.outcome.wrong(format!("`{other}` is neither `done` nor `failed`"))),
        };
        let pixels = self.next_pixels()?;
        Ok(ContentRow { sha256, bytes, camera, outcome, pixels })
    }

    fn next_pixels(&mut self) -> Result<Option<PixelDigest>, ImportError> {
        let Some(column) = &mut self.pixels else { return Ok(None) };
        let text = column.text()?;
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|error| column.wrong(format!("{error}")))
    }

    pub(super) fn finish(self) -> Result<(), ImportError> {
        let Self { sha256, bytes, camera, outcome, error_kind, error_message, width, height, .. } = self;
        let Self { landmarks_contract, provider, worker_version, runtime_version, pixels, .. } = self;
        camera.finish()?;
        finish(pixels)?;
        finish([sha256, bytes, outcome, error_kind, error_message, width, height])?;
        finish([landmarks_contract, provider, worker_version, runtime_version])
    }
}

/// What the camera says, in four of the arrays `contents_…`.
struct CameraColumns {
    read: Column,
    taken: Column,
    taken_offset: Column,
    orientation: Column,
}

impl CameraColumns {
    fn open(arrays: &dyn Arrays, sha256: &Column) -> Result<Self, ImportError> {
        let open = |name| Column::beside(arrays, name, sha256);
        Ok(Self {
            read: open("contents_camera_read")?,
            taken: open("contents_taken")?,
            taken_offset: open("contents_taken_offset")?,
            orientation: open("contents_orientation")?,
        })
    }

    fn next(&mut self) -> Result<Option<CameraTags>, ImportError> {
        let read = self.read.boolean()?;
        let (taken, offset) = (self.taken.text()?, self.taken_offset.i32()?);
        let orientation = self.orientation.natural()?;
        let offset = (offset != NO_OFFSET).then_some(offset);
        let local = (!taken.is_empty()).then_some(taken);
        if !read && (local.is_some() || offset.is_some() || orientation != 0) {
            return Err(self.read.wrong("is false beside what the camera says".to_owned()));
        }
        if orientation > 8 {
            return Err(self.orientation.wrong(format!("{orientation} is no orientation")));
        }
        let taken = match local {
            None if offset.is_some() => {
                return Err(self.taken_offset.wrong("an offset without a time".to_owned()));
            }
            None => None,
            Some(local) => {
                let offset = offset.map(|minutes| i16::try_from(minutes).unwrap_or(i16::MAX));
                let taken = CaptureTime::from_local(&local, offset);
                let wrong = || self.taken.wrong(format!("`{local}` with offset {offset:?} is no time"));
                Some(taken.ok_or_else(wrong)?)
            }
        };
        let orientation = (orientation != 0).then_some(orientation as u8);
        Ok(read.then_some(CameraTags { orientation, taken }))
    }

    fn finish(self) -> Result<(), ImportError> {
        let Self { read, taken, taken_offset, orientation } = self;
        finish([read, taken, taken_offset, orientation])
    }
}

/// The arrays `faces_…`. `faces_pose` follows from the landmarks and is not read.
pub(super) struct FaceColumns {
    content: Column,
    sha256: Column,
    number: Column,
    bbox: Column,
    det_score: Column,
    norm: Column,
    blur: Column,
    keypoints: Column,
    landmarks_106: Column,
    landmarks_68: Column,
    embedding: Column,
    contents: u64,
    /// Content of the next face.
    ahead: Option<u64>,
    left: u64,
}

impl FaceColumns {
    /// With as many contents as there are.
    pub(super) fn open(arrays: &dyn Arrays, contents: u64) -> Result<Self, ImportError> {
        let content = Column::open(arrays, "faces_content")?;
        let open = |name| Column::beside(arrays, name, &content);
        let mut columns = Self {
            sha256: open("faces_sha256")?,
            number: open("faces_number")?,
            bbox: open("faces_bbox")?,
            det_score: open("faces_det_score")?,
            norm: open("faces_norm")?,
            blur: open("faces_blur")?,
            keypoints: open("faces_keypoints")?,
            landmarks_106: open("faces_landmarks_106")?,
            landmarks_68: open("faces_landmarks_68")?,
            embedding: open("faces_embedding")?,
            contents,
            ahead: None,
            left: content.rows(),
            content,
        };
        columns.look_ahead()?;
        Ok(columns)
    }

    pub(super) fn rows(&self) -> u64 {
        self.content.rows()
    }

    fn look_ahead(&mut self) -> Result<(), ImportError> {
        let before = self.ahead.take();
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        let next = self.content.natural()?;
        if next >= self.contents {
            return Err(self
                .content
                .wrong(format!("there is no content {next}, there are {}", self.contents)));
        }
        if before.is_some_and(|before| before > next) {
            return Err(self
                .content
                .wrong(format!("content {next} comes after a later one: keep the order")));
        }
        self.ahead = Some(next);
        Ok(())
    }

    /// The faces of the next content, whose number and sha256 these are, and which has this size if it was
    /// analysed.
    pub(super) fn of(
        &mut self,
        content: u64,
        sha256: &Sha256Digest,
        extent: Option<Extent>,
    ) -> Result<Vec<Face>, ImportError> {
        let mut faces = Vec::new();
        while self.ahead == Some(content) {
            if Sha256Digest::from(self.sha256.array::<32>()?) != *sha256 {
                return Err(self.sha256.wrong(format!("is not the sha256 of content {content}, {sha256}")));
            }
            let number = self.number.natural()?;
            if number != faces.len() as u64 {
                return Err(self
                    .number
                    .wrong(format!("is {number}, but {} is next in its photo", faces.len())));
            }
            if faces.len() == MAX_FACES {
                return Err(self.number.wrong(format!("more than {MAX_FACES} faces in one photo")));
            }
            let face = self.face()?;
            if let Some(Err(what)) = extent.map(|extent| check_face(&face, extent)) {
                // Row for row the same in every array.
                return Err(self.number.wrong(format!("the face {what}")));
            }
            faces.push(face);
            self.look_ahead()?;
        }
        let boxes: Vec<BBox> = faces.iter().map(|face| face.bbox).collect();
        check_distinct(&boxes).map_err(|error| self.number.wrong(format!("content {content}: {error}")))?;
        Ok(faces)
    }

    fn face(&mut self) -> Result<Face, ImportError> {
        let mut corners = [0.0; 4];
        corners.iter_mut().zip(self.bbox.f32s()?).for_each(|(to, from)| *to = from);
        let bbox = BBox::new(corners).map_err(|error| self.bbox.wrong(error.to_string()))?;
        let unit = self.embedding.f32s()?.collect();
        let unit = Embedding::from_unit(unit).map_err(|error| self.embedding.wrong(error.to_string()))?;
        let keypoints: Keypoints =
            self.keypoints.points()?.try_into().expect("five points a row were checked at the beginning");
        Ok(Face {
            bbox,
            det_score: self.det_score.f32()?,
            keypoints,
            embedding: FaceEmbedding { unit, norm: self.norm.f32()? },
            landmarks_106: self.landmarks_106.points()?,
            landmarks_68: self.landmarks_68.points()?,
            blur: self.blur.f32()?,
        })
    }

    /// What is wrong with the face that is next.
    pub(super) fn unexpected(&self, problem: &str) -> ImportError {
        self.content.wrong(problem.to_owned())
    }

    pub(super) fn finish(self) -> Result<(), ImportError> {
        let Self { content, sha256, number, bbox, det_score, norm, blur, keypoints, .. } = self;
        let Self { landmarks_106, landmarks_68, embedding, .. } = self;
        finish([content, sha256, number, bbox, det_score, norm, blur, keypoints])?;
        finish([landmarks_106, landmarks_68, embedding])
    }
}

/// The arrays `locations_…`.
pub(super) struct LocationColumns {
    path: Column,
    content: Column,
    size: Column,
    mtime_ns: Column,
    vanished: Column,
    gone: Option<Column>,
    last: Option<Vec<u8>>,
}

impl LocationColumns {
    pub(super) fn open(arrays: &dyn Arrays) -> Result<Self, ImportError> {
        let path = Column::open(arrays, "locations_path")?;
        let open = |name| Column::beside(arrays, name, &path);
        Ok(Self {
            content: open("locations_content")?,
            size: open("locations_size")?,
            mtime_ns: open("locations_mtime_ns")?,
            vanished: open("locations_vanished")?,
            gone: Column::beside_if_there(arrays, "locations_gone", &path)?,
            path,
            last: None,
        })
    }

    pub(super) fn rows(&self) -> u64 {
        self.path.rows()
    }

    /// The next place, and what has become of its file if that is not there.
    pub(super) fn next(
        &mut self,
        contents: &[Sha256Digest],
    ) -> Result<(LocationRecord, Option<Absence>), ImportError> {
        let bytes = self.path.text_bytes()?;
        let path = PathBuf::from(OsString::from_vec(bytes.clone()));
        if bytes.contains(&0) || !Path::new(&path).is_absolute() {
            return Err(self.path.wrong(format!("`{}` is no absolute path", path.display())));
        }
        if self.last.as_ref().is_some_and(|last| *last >= bytes) {
            let problem =
                format!("`{}` is not above the row before: each once, in order of bytes", path.display());
            return Err(self.path.wrong(problem));
        }
        self.last = Some(bytes);
        let content = self.content.natural()?;
        let sha256 = usize::try_from(content).ok().and_then(|at| contents.get(at)).copied();
        let sha256 = sha256.ok_or_else(|| {
            self.content.wrong(format!("there is no content {content}, there are {}", contents.len()))
        })?;
        let (size, mtime_ns) = (self.size.natural()?, self.mtime_ns.i64()?);
        let sighting = Sighting { size, mtime_ns, ..Sighting::default() };
        let vanished = self.vanished.boolean()?;
        let is_gone = self.gone.as_mut().map(Column::boolean).transpose()?.unwrap_or(false);
        let absence = match (vanished, is_gone) {
            (true, true) => Some(Absence::Gone),
            (true, false) => Some(Absence::Away),
            (false, false) => None,
            (false, true) => return Err(self.vanished.wrong("is false for a file that is gone".to_owned())),
        };
        Ok((LocationRecord { at: Location::file(path), sha256, sighting, vanished }, absence))
    }

    pub(super) fn finish(self) -> Result<(), ImportError> {
        let Self { path, content, size, mtime_ns, vanished, gone, .. } = self;
        finish(gone)?;
        finish([path, content, size, mtime_ns, vanished])
    }
}

fn finish(columns: impl IntoIterator<Item = Column>) -> Result<(), ImportError> {
    columns.into_iter().try_for_each(Column::finish)
}
