//! Arrays back into a store: the exact inverse of `export`, in one transaction.
//!
//! Arrays are read side by side, some rows ahead of each; what grows with the library is 32 bytes a content,
//! besides the faces of one photo.

use std::{collections::HashSet, fmt, path::Path};

use facesets_base::monitor::Monitor;
use facesets_core::{FaceAnalysis, Sha256Digest};
use facesets_library::{
    npy::Head,
    store::{COLUMNS, Difference, Incoming, Item, Merge, Merged},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    export::FORMAT_VERSION,
    import_error::ImportError,
    records::{ContentColumns, ContentRow, Contracts, FaceColumns, LocationColumns, RowOutcome},
    source::{self, Arrays},
};

/// Differences that are named one by one.
const SHOWN: usize = 10;

/// What came of the rows of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Not in the library before.
    pub new: u64,
    /// There already, with the same value.
    pub same: u64,
    /// There with another value, which stays.
    pub kept: u64,
    /// There with another value, which gave way.
    pub replaced: u64,
}

/// What was read, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportSummary {
    /// The contract of the embeddings.
    pub contract: String,
    /// Whether the library was left as it was.
    pub dry_run: bool,
    /// Faces read.
    pub faces: u64,
    /// Sizes of contents, and what their cameras say.
    pub contents: Tally,
    /// Results and failures of contents, each with all its faces.
    pub outcomes: Tally,
    /// Paths.
    pub locations: Tally,
}

/// Merges an `.npz` or a folder of `.npy` into a store. Nothing is changed unless everything fits.
pub fn import(path: &Path, merge: Merge<'_>, monitor: &dyn Monitor) -> Result<ImportSummary, ImportError> {
    let arrays = source::open(path)?;
    for name in unknown(&*arrays) {
        monitor.note(&format!("the array `{name}` is not known and left out"));
    }
    let contracts = read_meta(&*arrays)?;
    let contents = ContentColumns::open(&*arrays)?;
    let faces = FaceColumns::open(&*arrays, contents.rows())?;
    let locations = LocationColumns::open(&*arrays)?;
    let mut summary = ImportSummary {
        contract: contracts.faces.to_string(),
        dry_run: merge.is_rehearsal(),
        faces: faces.rows(),
        contents: Tally::default(),
        outcomes: Tally::default(),
        locations: Tally::default(),
    };
    monitor.start("import", Some(contents.rows() + locations.rows()));
    let mut import = Import { contracts, merging: Merging::new(merge), monitor };
    let known = import.contents(contents, faces, &mut summary)?;
    import.locations(locations, &known, &mut summary)?;
    monitor.finish();
    import.merging.finish()?;
    Ok(summary)
}

/// A merge, and the differences that it has met.
pub struct Merging<'a> {
    /// The merge; what comes of each part of it is to be counted.
    pub merge: Merge<'a>,
    differences: Vec<Difference>,
    differing: u64,
}

struct Import<'a> {
    contracts: Contracts,
    merging: Merging<'a>,
    monitor: &'a dyn Monitor,
}

impl Import<'_> {
    /// Returns the contents, in order.
    fn contents(
        &mut self,
        mut contents: ContentColumns,
        mut faces: FaceColumns,
        summary: &mut ImportSummary,
    ) -> Result<Vec<Sha256Digest>, ImportError> {
        let mut known = Vec::new();
        for number in 0..contents.rows() {
            let ContentRow { sha256, bytes, camera, outcome, pixels } = contents.next(&self.contracts)?;
            let merged = self.merging.merge.content(&sha256, bytes, camera.as_ref())?;
            self.merging.count(merged, &mut summary.contents);
            if let Some(pixels) = pixels {
                self.merging.merge.picture(&sha256, &pixels)?;
            }
            let extent = match &outcome {
                RowOutcome::Done { extent, .. } => Some(*extent),
                RowOutcome::Pending | RowOutcome::Failed(_) => None,
            };
            let found = faces.of(number, &sha256, extent)?;
            let incoming = match outcome {
                RowOutcome::Done { extent, landmarks, provenance } => {
                    let analysis = FaceAnalysis {
                        // The contract is what counts; the name of the pack is stored nowhere.
                        pack: String::new(),
                        contract: self.contracts.faces,
                        landmarks_contract: landmarks,
                        width: extent.width(),
                        height: extent.height(),
                        faces: found,
                        gender_age: None,
                        pixels: None,
                    };
                    Some(Incoming::Analysed(Box::new(analysis), provenance))
                }
                _ if !found.is_empty() => {
                    let problem = format!("a face of content {number}, which was not analysed");
                    return Err(faces.unexpected(&problem));
                }
                RowOutcome::Failed(failure) => Some(Incoming::Failed(failure)),
                RowOutcome::Pending => None,
            };
            if let Some(incoming) = incoming {
                let merged = self.merging.merge.outcome(&sha256, &summary.contract, &incoming)?;
                self.merging.count(merged, &mut summary.outcomes);
            }
            known.push(sha256);
            self.monitor.advance(1);
        }
        contents.finish()?;
        faces.finish()?;
        Ok(known)
    }

    fn locations(
        &mut self,
        mut locations: LocationColumns,
        contents: &[Sha256Digest],
        summary: &mut ImportSummary,
    ) -> Result<(), ImportError> {
        for _ in 0..locations.rows() {
            let (location, absence) = locations.next(contents)?;
            let merged = self.merging.merge.location(&location, absence)?;
            self.merging.count(merged, &mut summary.locations);
            self.monitor.advance(1);
        }
        locations.finish()
    }
}

impl<'a> Merging<'a> {
    /// A merge that has met none yet.
    pub fn new(merge: Merge<'a>) -> Self {
        Self { merge, differences: Vec::new(), differing: 0 }
    }

    /// Counts what became of one thing.
    pub fn count(&mut self, merged: Merged, tally: &mut Tally) {
        match merged {
            Merged::New => tally.new += 1,
            Merged::Same => tally.same += 1,
            Merged::Kept => tally.kept += 1,
            Merged::Replaced => tally.replaced += 1,
            Merged::Refused(difference) => {
                self.differing += 1;
                if self.differences.len() < SHOWN {
                    self.differences.push(*difference);
                }
            }
        }
    }

    /// Commits the merge, unless it has met differences that were not to be there.
    pub fn finish(self) -> Result<(), ImportError> {
        if self.differing > 0 {
            return Err(ImportError::Differences { shown: self.differences, total: self.differing });
        }
        Ok(self.merge.commit()?)
    }
}

/// Arrays that no export writes.
fn unknown(arrays: &dyn Arrays) -> Vec<String> {
    let known: HashSet<&str> = COLUMNS.iter().map(|column| column.name).chain(["meta"]).collect();
    let mut unknown: Vec<String> =
        arrays.names().into_iter().filter(|name| !known.contains(name.as_str())).collect();
    unknown.sort();
    unknown
}

fn read_meta(arrays: &dyn Arrays) -> Result<Contracts, ImportError> {
    let wrong = |problem: &str| ImportError::Meta(problem.to_owned());
    let mut reader = arrays.open("meta")?;
    let head = Head::read(&mut reader).map_err(|error| ImportError::head("meta", &error))?;
    let (Item::Text(width), None) =
        head.rows_of(Item::Text(0)).map_err(|error| ImportError::head("meta", &error))?
    else {
        return Err(wrong("is not a single text"));
    };
    let mut text = vec![0; width];
    reader.read_exact(&mut text).map_err(|error| ImportError::Meta(format!("cannot be read: {error}")))?;
    let text = text.trim_ascii_end();
    let text = text.strip_suffix(b"\0").unwrap_or(text);
    let meta: Value = serde_json::from_slice(text).map_err(|error| ImportError::Meta(error.to_string()))?;
    if meta["format"] != "facesets" {
        return Err(wrong("is not that of a facesets export"));
    }
    let version = meta["format_version"].as_u64().ok_or_else(|| wrong("has no `format_version`"))?;
    // Of what they differ in, `faces_pose`, nothing is read.
    if !(1..=u64::from(FORMAT_VERSION)).contains(&version) {
        return Err(ImportError::FormatVersion(version));
    }
    let contract = meta["contract"].as_str().ok_or_else(|| wrong("has no `contract`"))?;
    let faces =
        contract.parse().map_err(|error| ImportError::Meta(format!("has a wrong contract: {error}")))?;
    let landmarks =
        meta["landmarks_contracts"].as_array().ok_or_else(|| wrong("has no `landmarks_contracts`"))?;
    let landmarks = landmarks
        .iter()
        .map(|text| text.as_str().and_then(|text| text.parse().ok()))
        .collect::<Option<_>>()
        .ok_or_else(|| wrong("has a landmarks contract that is none"))?;
    Ok(Contracts { faces, landmarks })
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { new, same, kept, replaced } = self;
        write!(f, "{new} new, {same} known")?;
        if kept + replaced > 0 {
            write!(f, ", {kept} different and kept, {replaced} replaced")?;
        }
        Ok(())
    }
}

impl fmt::Display for ImportSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "contract   {}", self.contract)?;
        writeln!(f, "contents   {}", self.contents)?;
        writeln!(f, "outcomes   {}, with {} faces", self.outcomes, self.faces)?;
        writeln!(f, "locations  {}", self.locations)?;
        if self.dry_run { writeln!(f, "nothing was written (--dry-run)") } else { Ok(()) }
    }
}
