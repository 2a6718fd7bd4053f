//! Rows of another store into this one: what is new, what is the same, and what to do where they differ.
//!
//! A value is what the canonical dump shows of it. Times of files and who measured are recorded beside
//! values: they come in with what is new or replaced, and make no difference by themselves.

use facesets_core::{FaceAnalysis, PixelDigest, Sha256Digest};
use facesets_imaging::CameraTags;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{
    Absence, Failed, LocationRecord, Provenance, Store, StoreError, StoredFailure, TASK_FACES, Writer,
    camera, faces, gone, picture, schema, writer,
};

/// What to do where the library holds another value under the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnDifference {
    /// Change nothing at all, and name the differences
    #[default]
    Refuse,
    /// Keep the library's value
    Keep,
    /// Take the file's value
    Replace,
}

/// What came of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// It was not there before.
    New,
    /// It was there.
    Same,
    /// Another value was there and stays.
    Kept,
    /// Another value was there and is gone.
    Replaced,
    /// Another value is there; the merge will not be committed.
    Refused(Box<Difference>),
}

/// Two values under one key, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The key.
    pub what: String,
    /// The library's value.
    pub here: String,
    /// The other value.
    pub there: String,
}

/// What another store says of a content.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// Analysed.
    Analysed(Box<FaceAnalysis>, Provenance),
    /// Cannot be analysed.
    Failed(StoredFailure),
}

/// A merge under way; each key at most once. Dropping it without [`Merge::commit`] leaves the store as it
/// was.
#[derive(Debug)]
pub struct Merge<'a> {
    store: &'a Store,
    transaction: Transaction<'a>,
    on_difference: OnDifference,
    rehearsal: bool,
    /// No longer once a difference was refused: what follows is only compared.
    writing: bool,
}

impl Writer {
    /// Begins to merge, in one transaction.
    pub fn merge(&mut self, on_difference: OnDifference) -> Result<Merge<'_>, StoreError> {
        Merge::new(self.store(), on_difference, false)
    }
}

impl Store {
    /// Merges without writing anything.
    pub fn rehearse_merge(&self, on_difference: OnDifference) -> Result<Merge<'_>, StoreError> {
        Merge::new(self, on_difference, true)
    }

    /// A store with nothing in it, in memory; to rehearse with where there is none.
    pub fn empty() -> Result<Self, StoreError> {
        let mut connection = rusqlite::Connection::open_in_memory()?;
        schema::migrate(&mut connection)?;
        schema::make_views(&connection)?;
        Ok(Self { connection })
    }

    fn incoming(&self, sha256: &Sha256Digest, contract: &str) -> Result<Option<Incoming>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, error_kind, coalesce(error_message, ''), width, height, landmarks_contract \
             FROM analysis WHERE sha256 = ?1 AND task = ?2 AND contract = ?3",
        )?;
        let mut rows = statement.query(params![sha256.as_bytes(), TASK_FACES, contract])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        if let Some(kind) = row.get(1)? {
            let failure = StoredFailure::stored(Failed { kind, message: row.get(2)? });
            return Ok(Some(Incoming::Failed(failure)));
        }
        let analysis = FaceAnalysis {
            // The contract is what counts; the name of the pack is stored nowhere.
            pack: String::new(),
            contract: contract.parse().map_err(faces::damaged)?,
            landmarks_contract: row.get::<_, String>(5)?.parse().map_err(faces::damaged)?,
            width: row.get(3)?,
            height: row.get(4)?,
            faces: self.faces_of_analysis(row.get(0)?)?,
            gender_age: None,
            pixels: None,
        };
        Ok(Some(Incoming::Analysed(Box::new(analysis), Provenance::default())))
    }

    fn faces_of_analysis(&self, id: i64) -> Result<Vec<facesets_core::Face>, StoreError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {} FROM face JOIN embedding ON embedding.face_id = face.id WHERE analysis_id = ?1 ORDER BY number",
            faces::COLUMNS
        ))?;
        let rows = statement.query_map([id], |row| Ok(faces::read(row, 0)))?;
        rows.map(|row| row?).collect()
    }
}

impl<'a> Merge<'a> {
    fn new(store: &'a Store, on_difference: OnDifference, rehearsal: bool) -> Result<Self, StoreError> {
        let transaction = store.connection.unchecked_transaction()?;
        Ok(Self { store, transaction, on_difference, rehearsal, writing: !rehearsal })
    }

    /// Whether nothing will be written.
    pub fn is_rehearsal(&self) -> bool {
        self.rehearsal
    }

    /// A content: its size, and what its camera says if somebody has read it. Who has not read it has no
    /// other value.
    pub fn content(
        &mut self,
        sha256: &Sha256Digest,
        bytes: u64,
        tags: Option<&CameraTags>,
    ) -> Result<Merged, StoreError> {
        let here: Option<i64> = self
            .transaction
            .prepare_cached("SELECT bytes FROM content WHERE sha256 = ?1")?
            .query_row([sha256.as_bytes()], |row| row.get(0))
            .optional()?;
        let tags_here = self.store.camera(sha256)?;
        let tags_differ = tags_here.is_some() && tags.is_some() && tags_here.as_ref() != tags;
        let merged = self.decide(here, |here| {
            (here as u64 != bytes || tags_differ).then(|| Difference {
                what: format!("content {sha256}"),
                here: content_in_words(here as u64, tags_here.as_ref()),
                there: content_in_words(bytes, tags),
            })
        });
        if self.writes(&merged) {
            self.transaction
                .prepare_cached(
                    "INSERT INTO content (sha256, bytes) VALUES (?1, ?2) \
                     ON CONFLICT (sha256) DO UPDATE SET bytes = excluded.bytes",
                )?
                .execute(params![sha256.as_bytes(), bytes as i64])?;
        }
        if let Some(tags) = tags {
            if merged == Merged::Replaced && self.writing {
                camera::forget(&self.transaction, sha256)?;
            }
            if self.writing && (tags_here.is_none() || merged == Merged::Replaced) {
                camera::write(&self.transaction, sha256, tags)?;
            }
        }
        Ok(merged)
    }

    /// What a content shows, which must be there. It follows from the content, so that it makes no
    /// difference.
    pub fn picture(&mut self, sha256: &Sha256Digest, pixels: &PixelDigest) -> Result<(), StoreError> {
        if self.writing { picture::write(&self.transaction, sha256, pixels) } else { Ok(()) }
    }

    /// A location, whose content must be there, and what has become of its file if that is not there. Which
    /// of both it was is recorded beside the value: scans find it out.
    pub fn location(
        &mut self,
        location: &LocationRecord,
        absence: Option<Absence>,
    ) -> Result<Merged, StoreError> {
        let value = |location: &LocationRecord| {
            let vanished = if location.vanished { ", vanished" } else { "" };
            format!("content {} of {} bytes{vanished}", location.sha256, location.sighting.size)
        };
        let here = self.store.location(&location.at)?;
        let merged = self.decide(here, |here| {
            let (here, there) = (value(&here), value(location));
            (here != there).then(|| Difference { what: location.at.text(), here, there })
        });
        if self.writes(&merged) {
            writer::write_location(&self.transaction, location, location.sighting.size)?;
            gone::clear(&self.transaction, location.at.path())?;
            if let Some(absence) = absence {
                gone::write(&self.transaction, location.at.path(), absence)?;
            }
        }
        Ok(merged)
    }

    /// What is known of a content, which must be there, under a contract.
    pub fn outcome(
        &mut self,
        sha256: &Sha256Digest,
        contract: &str,
        incoming: &Incoming,
    ) -> Result<Merged, StoreError> {
        let here = self.store.incoming(sha256, contract)?;
        let merged = self.decide(here, |here| {
            let (here, there) = differing(&here, incoming)?;
            Some(Difference { what: format!("the result of content {sha256}"), here, there })
        });
        if !self.writes(&merged) {
            return Ok(merged);
        }
        if merged == Merged::Replaced {
            self.transaction
                .prepare_cached("DELETE FROM analysis WHERE sha256 = ?1 AND task = ?2 AND contract = ?3")?
                .execute(params![sha256.as_bytes(), TASK_FACES, contract])?;
        }
        match incoming {
            Incoming::Analysed(analysis, provenance) => {
                writer::write_analysis(&self.transaction, sha256, analysis, provenance)?;
            }
            Incoming::Failed(failure) => {
                writer::write_failure(&self.transaction, sha256, contract, failure)?;
            }
        }
        Ok(merged)
    }

    /// Puts everything into the store at once.
    pub fn commit(self) -> Result<(), StoreError> {
        let ended = if self.writing { self.transaction.commit() } else { self.transaction.rollback() };
        Ok(ended?)
    }

    /// What to do with a row that is `here` and, if it is, how the other one differs from it.
    fn decide<T>(&mut self, here: Option<T>, difference: impl FnOnce(T) -> Option<Difference>) -> Merged {
        let Some(here) = here else { return Merged::New };
        match (difference(here), self.on_difference) {
            (None, _) => Merged::Same,
            (Some(_), OnDifference::Keep) => Merged::Kept,
            (Some(_), OnDifference::Replace) => Merged::Replaced,
            (Some(difference), OnDifference::Refuse) => {
                self.writing = false;
                Merged::Refused(Box::new(difference))
            }
        }
    }

    fn writes(&self, merged: &Merged) -> bool {
        self.writing && matches!(merged, Merged::New | Merged::Replaced)
    }
}

/// A content's value in words.
fn content_in_words(bytes: u64, tags: Option<&CameraTags>) -> String {
    let Some(CameraTags { orientation, taken }) = tags else { return format!("{bytes} bytes") };
    let taken = taken.map_or_else(|| "without a date".to_owned(), |taken| format!("taken {taken}"));
    let orientation = orientation.map_or_else(String::new, |tag| format!(", orientation {tag}"));
    format!("{bytes} bytes, {taken}{orientation}")
}

/// Both values in words, if they differ.
fn differing(here: &Incoming, there: &Incoming) -> Option<(String, String)> {
    let words = |incoming: &Incoming| match incoming {
        Incoming::Analysed(analysis, _) => {
            format!("{} faces in {} × {} pixels", analysis.faces.len(), analysis.width, analysis.height)
        }
        Incoming::Failed(failure) => {
            format!("the failure `{}` ({})", failure.failed().kind, failure.failed().message)
        }
    };
    let (mut here_words, mut there_words) = (words(here), words(there));
    match (here, there) {
        (Incoming::Analysed(here, _), Incoming::Analysed(there, _)) if here == there => return None,
        (Incoming::Failed(here), Incoming::Failed(there)) if here == there => return None,
        (Incoming::Analysed(here, _), Incoming::Analysed(there, _)) if here_words == there_words => {
            let face = here.faces.iter().zip(&there.faces).position(|(here, there)| here != there);
            if let Some(face) = face {
                there_words = format!("as many, but face {face} has other numbers");
            } else {
                here_words = format!("landmarks under {}", here.landmarks_contract);
                there_words = format!("landmarks under {}", there.landmarks_contract);
            }
        }
        _ => {}
    }
    Some((here_words, there_words))
}
