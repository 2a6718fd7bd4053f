//! Folders and manifests as the system before this one wrote them, read as they are: nothing is judged here.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use facesets_base::{
    exit::Hint,
    fields::{FieldNames, list},
    layout::{CANDIDATES, CORPUS_SCHEMA, DROPPED, FACES, KEPT, MANIFEST, MASKED, MERGED, PAGE, THIN},
};
use facesets_core::is_litter;
use facesets_corpus::manifest::{ManifestError, read_bytes, schema_of, set_number};
use serde_json::{Map, Value};

/// Fields that may be called otherwise: of lists of sets (`name`, `merged_into`) and of entries of faces.
pub const FIELDS: [&str; 7] = ["name", "merged_into", "file", "source", "sha256", "bbox", "reason"];

/// Folders of sets that are not in use, and the list of the manifest over all that names them.
pub const QUARANTINES: [(&str, &str); 3] = [(THIN, "thin_eras"), (MASKED, "masked"), (MERGED, "merged")];

/// Crops in the small bundle where no bundle's name says it: the default of the system before this one.
const TOP_N: usize = 30;

/// An old corpus.
#[derive(Debug, Default)]
pub struct OldCorpus {
    /// Sets in use, by name.
    pub sets: Vec<OldSet>,
    /// Sets in quarantine: which of [`QUARANTINES`], the set, and what it was merged into.
    pub aside: Vec<(usize, OldSet, Option<String>)>,
    /// Sets that the manifest names and no folder has: which of [`QUARANTINES`], if any, and the name.
    pub missing: Vec<(Option<usize>, String)>,
    /// Other files and folders.
    pub beside: Vec<String>,
    /// Paths, in it or in its sets, of what systems and other programs leave behind and of what has no name
    /// that is text.
    pub left: Vec<PathBuf>,
}

/// An old set.
#[derive(Debug, Default)]
pub struct OldSet {
    /// Name of its folder.
    pub name: String,
    /// Name given by people.
    pub label: Option<String>,
    /// Name of a text file that says where it came from.
    pub marker: Option<String>,
    /// Crops in its small bundle.
    pub top_n: usize,
    /// Width and height of the crops in `faces`; zero where a file is no image.
    pub crops: BTreeMap<String, (u32, u32)>,
    /// Files in `faces/_dropped`.
    pub dropped_crops: BTreeSet<String>,
    /// What its manifest says of its faces, in that order.
    pub faces: Vec<OldFace>,
    /// What it says of dropped ones.
    pub dropped: Vec<OldFace>,
    /// Other files and folders in it.
    pub beside: Vec<String>,
}

/// An entry of a set's manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct OldFace {
    /// Name of its crop; always there in the list of faces in use.
    pub file: Option<String>,
    /// Path of its photo.
    pub source: PathBuf,
    /// Digest of the photo, where it is given.
    pub sha256: Option<String>,
    /// x1, y1, x2, y2.
    pub bbox: [f32; 4],
    /// Why it was dropped.
    pub reason: Option<String>,
}

/// An old corpus that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OldError {
    /// It is not an old one.
    #[error("`{0}` is a corpus of this program already")]
    NotOld(PathBuf),
    /// No or no readable manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A manifest is no JSON.
    #[error("`{path}` cannot be understood: {problem}")]
    Syntax {
        /// The manifest.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// An entry lacks a field, or has another type in it.
    #[error("`{path}`: {place} has no usable `{field}`; it has {}", list(.keys))]
    Field {
        /// The manifest.
        path: PathBuf,
        /// Which entry.
        place: String,
        /// What was looked for.
        field: String,
        /// What there is.
        keys: Vec<String>,
    },
    /// A folder cannot be read.
    #[error("cannot read `{path}`: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl OldCorpus {
    /// Reads the corpus in `root`.
    pub fn read(root: &Path, fields: &FieldNames) -> Result<Self, OldError> {
        let master = Manifest::read(root, fields)?;
        if schema_of(&read_bytes(root)?).is_ok_and(|schema| schema == CORPUS_SCHEMA) {
            return Err(OldError::NotOld(root.to_owned()));
        }
        let mut corpus = Self::default();
        let listed = master.sets("facesets")?;
        for name in names(root, &mut corpus.left)? {
            let is_folder = root.join(&name).is_dir();
            if is_folder && set_number("faceset", &name).is_some() {
                let mut set = OldSet::read(&root.join(&name), fields, &mut corpus.left)?;
                let entry = listed.get(&name);
                set.label = set.label.take().or_else(|| entry.and_then(|entry| entry.label.clone()));
                corpus.sets.push(set);
            } else if !is_ours(&name) {
                corpus.beside.push(name);
            }
        }
        for name in listed.keys().filter(|name| !corpus.sets.iter().any(|set| set.name == **name)) {
            corpus.missing.push((None, name.clone()));
        }
        for (which, (folder, list)) in QUARANTINES.into_iter().enumerate() {
            let listed = master.sets(list)?;
            let folder = root.join(folder);
            let mut found = BTreeSet::new();
            for name in names(&folder, &mut corpus.left)? {
                let home = folder.join(&name);
                // Other things may lie there too; what the list names is a set, or damaged.
                if !home.is_dir() || !(home.join(MANIFEST).exists() || listed.contains_key(&name)) {
                    continue;
                }
                let set = OldSet::read(&home, fields, &mut corpus.left)?;
                let merged_into = listed.get(&name).and_then(|entry| entry.merged_into.clone());
                corpus.aside.push((which, set, merged_into));
                found.insert(name);
            }
            let gone = listed.into_keys().filter(|name| !found.contains(name));
            corpus.missing.extend(gone.map(|name| (Some(which), name)));
        }
        Ok(corpus)
    }
}

/// Names in a corpus that are not left as they are, or have a place of their own.
fn is_ours(name: &str) -> bool {
    let quarantine = QUARANTINES.iter().any(|(folder, _)| *folder == name);
    quarantine || [CANDIDATES, PAGE, MANIFEST, KEPT].contains(&name)
}

impl OldSet {
    fn read(home: &Path, fields: &FieldNames, left: &mut Vec<PathBuf>) -> Result<Self, OldError> {
        let name = home.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let manifest = Manifest::read(home, fields)?;
        let mut set = Self {
            name: name.clone(),
            label: manifest.text("label"),
            faces: manifest.faces("faces", true)?,
            dropped: manifest.faces("dropped", false)?,
            top_n: TOP_N,
            ..Self::default()
        };
        let crops = home.join(FACES);
        for file in names(&crops, left)?.into_iter().filter(|file| crops.join(file).is_file()) {
            let size = image::image_dimensions(crops.join(&file)).unwrap_or_default();
            set.crops.insert(file, size);
        }
        set.dropped_crops = names(&crops.join(DROPPED), left)?;
        let mut texts = Vec::new();
        for file in names(home, left)? {
            if let Some((bundle, count)) = old_bundle(&file) {
                set.top_n = count.unwrap_or(set.top_n);
                if bundle != name && set.label.is_none() {
                    set.label = Some(bundle.to_owned());
                }
            } else if let Some(stem) = file.strip_suffix(".txt") {
                texts.push(stem.to_owned());
            } else if file != FACES && file != MANIFEST {
                set.beside.push(file);
            }
        }
        // `THIN.txt` says what the quarantine says too.
        let marker = set.label.clone().filter(|label| texts.contains(label));
        set.marker = marker.or_else(|| texts.iter().find(|text| *text != "THIN").cloned());
        let others = texts.into_iter().filter(|text| set.marker.as_ref() != Some(text));
        set.beside.extend(others.map(|text| format!("{text}.txt")));
        Ok(set)
    }
}

/// Whose bundle a file is by its name, `NAME_topN.fsz` or `NAME_all.fsz`, and of how many crops; a person's
/// name for the set may stand in place of the set's.
fn old_bundle(file: &str) -> Option<(&str, Option<usize>)> {
    let (bundle, suffix) = file.strip_suffix(".fsz")?.rsplit_once('_')?;
    match suffix.strip_prefix("top") {
        Some(count) => Some((bundle, Some(count.parse().ok()?))),
        None => (suffix == "all").then_some((bundle, None)),
    }
}

/// A set in a list of the manifest over all.
struct Listed {
    label: Option<String>,
    merged_into: Option<String>,
}

/// A manifest of any shape.
struct Manifest<'a> {
    path: PathBuf,
    fields: &'a FieldNames,
    values: Map<String, Value>,
}

impl<'a> Manifest<'a> {
    fn read(folder: &Path, fields: &'a FieldNames) -> Result<Self, OldError> {
        let path = folder.join(MANIFEST);
        let syntax = |problem: String| OldError::Syntax { path: path.clone(), problem };
        match serde_json::from_slice(&read_bytes(folder)?) {
            Ok(Value::Object(values)) => Ok(Self { path, fields, values }),
            Ok(_) => Err(syntax("it is no JSON object".to_owned())),
            Err(error) => Err(syntax(error.to_string())),
        }
    }

    fn text(&self, key: &str) -> Option<String> {
        Some(self.values.get(key)?.as_str()?.to_owned()).filter(|text| !text.is_empty())
    }

    /// A list that may be missing: each entry with its place in words.
    fn list(&self, key: &str) -> Result<Vec<(String, &Value)>, OldError> {
        match self.values.get(key) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(entries)) => {
                Ok((0..).zip(entries).map(|(at, entry)| (format!("{key}[{at}]"), entry)).collect())
            }
            Some(_) => {
                Err(OldError::Syntax { path: self.path.clone(), problem: format!("`{key}` is no list") })
            }
        }
    }

    /// Sets by their names; an entry is a name or an object with one.
    fn sets(&self, key: &str) -> Result<BTreeMap<String, Listed>, OldError> {
        let set = |(place, entry): (String, &Value)| {
            if let Value::String(name) = entry {
                return Ok((name.clone(), Listed { label: None, merged_into: None }));
            }
            let text = |field: &str| Some(entry.get(self.fields.of(field))?.as_str()?.to_owned());
            let name = text("name").ok_or_else(|| self.lacks(&place, entry, "name"))?;
            // Some name the folder as it lies in the corpus.
            let name = name.rsplit('/').next().unwrap_or(&name).to_owned();
            let label = entry.get("label").and_then(Value::as_str).map(str::to_owned);
            Ok((name, Listed { label, merged_into: text("merged_into") }))
        };
        self.list(key)?.into_iter().map(set).collect()
    }

    fn faces(&self, key: &str, in_use: bool) -> Result<Vec<OldFace>, OldError> {
        let face = |(place, entry): (String, &Value)| {
            let lacks = |field: &str| self.lacks(&place, entry, field);
            let text = |field: &str| Some(entry.get(self.fields.of(field))?.as_str()?.to_owned());
            let file = text("file").and_then(|file| file.rsplit('/').next().map(str::to_owned));
            if in_use && file.is_none() {
                return Err(lacks("file"));
            }
            let corners = entry.get(self.fields.of("bbox")).and_then(Value::as_array);
            let corners: Option<Vec<f32>> = corners
                .and_then(|corners| corners.iter().map(|at| at.as_f64().map(|at| at as f32)).collect());
            let reason = entry.get(self.fields.of("reason")).filter(|reason| !reason.is_null());
            Ok(OldFace {
                file,
                source: text("source").ok_or_else(|| lacks("source"))?.into(),
                sha256: text("sha256"),
                bbox: corners.and_then(|corners| corners.try_into().ok()).ok_or_else(|| lacks("bbox"))?,
                reason: reason
                    .map(|reason| reason.as_str().map_or_else(|| reason.to_string(), str::to_owned)),
            })
        };
        self.list(key)?.into_iter().map(face).collect()
    }

    fn lacks(&self, place: &str, entry: &Value, field: &str) -> OldError {
        let keys = entry.as_object().map(|entry| entry.keys().cloned().collect()).unwrap_or_default();
        let field = self.fields.of(field).to_owned();
        OldError::Field { path: self.path.clone(), place: place.to_owned(), field, keys }
    }
}

/// Names in a folder; none where there is no folder. What systems leave behind, and names that are no text,
/// are added to `left` instead: nothing here can be called so.
fn names(folder: &Path, left: &mut Vec<PathBuf>) -> Result<BTreeSet<String>, OldError> {
    let at = |source| OldError::Io { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        entries => entries.map_err(at)?,
    };
    let mut names = BTreeSet::new();
    for entry in entries {
        let entry = entry.map_err(at)?;
        match entry.file_name().into_string() {
            Ok(name) if !is_litter(name.as_ref()) => drop(names.insert(name)),
            _ => left.push(entry.path()),
        }
    }
    Ok(names)
}

impl Hint for OldError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Field { field, .. } => {
                format!("say what it is called there with `--map FIELD=NAME` (looked for was `{field}`)")
            }
            Self::NotOld(_) => "there is nothing to be done".to_owned(),
            Self::Manifest(_) => {
                "name the folder `facesets_swap_ready` of the old system; each set in it has a \
                                  manifest.json"
                    .to_owned()
            }
            Self::Syntax { .. } | Self::Io { .. } => return None,
        })
    }
}
