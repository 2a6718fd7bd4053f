//! Files whose names say nothing of a photo: what begins as one is one.

use std::{
    collections::{BTreeMap, HashMap},
    io::Read as _,
    path::{Path, PathBuf},
};

use facesets_base::{file, folding::folded_name};
use facesets_core::ImageLimits;
use facesets_imaging::{PHOTO_EXTENSIONS, SIGNATURE_BYTES, begins_as_a_photo};
use tokio_util::sync::CancellationToken;

use super::{FoundFile, Scan};
use crate::{source::hash::in_parallel, store::Sighting};

/// No photo is shorter: the headers of every format take more.
const LEAST_BYTES: u64 = 16;

/// Longer extensions are parts of names.
const LONGEST_EXTENSION: usize = 12;

/// Files that programs have not written to their end yet, or never will.
const UNFINISHED: [&str; 5] = ["part", "partial", "crdownload", "filepart", "opdownload"];

/// What is known of files whose names say nothing, from earlier scans: how they looked, and whether they are
/// photos.
pub type LookedAt = HashMap<PathBuf, (Sighting, Holds)>;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// A photo.
    Photo,
    /// Anything else.
    Other,
}

/// Whether the name is one of a photo.
pub fn is_named_as_a_photo(path: &Path) -> bool {
    has_extension(path, PHOTO_EXTENSIONS)
}

/// Whether it may pay to open a file whose name says nothing.
pub(super) fn is_worth_opening(path: &Path, bytes: u64) -> bool {
    (LEAST_BYTES..=ImageLimits::default().max_bytes).contains(&bytes) && !has_extension(path, &UNFINISHED)
}

fn has_extension(path: &Path, known: &[&str]) -> bool {
    let extension = path.extension().map(folded_name);
    extension.is_some_and(|extension| known.iter().any(|known| **known == *extension))
}

impl Scan {
    /// Counts a file that is no photo.
    pub(super) fn pass_over(&mut self, path: &Path) {
        self.other += 1;
        *self.extensions.entry(kind_of_name(path)).or_default() += 1;
    }

    /// Opens the files whose names say nothing, except those that look as they did when they were opened
    /// before; those that begin as a photo are files like any other from now on. Returns those that were
    /// opened and are none.
    pub fn sort_out_unnamed(&mut self, known: &LookedAt, cancelled: &CancellationToken) -> Vec<FoundFile> {
        let (mut to_open, mut none) = (Vec::new(), Vec::new());
        for file in std::mem::take(&mut self.unnamed) {
            match known.get(&file.path) {
                Some((seen, holds)) if seen.looks_like(&file.sighting) => match holds {
                    Holds::Photo => self.files.push(file),
                    Holds::Other => self.pass_over(&file.path),
                },
                _ => to_open.push(file),
            }
        }
        let Ok(()) = in_parallel(
            to_open,
            |file: &FoundFile| begins(&file.path),
            cancelled,
            |(file, holds)| {
                match holds {
                    Some(Holds::Photo) => self.files.push(file),
                    Some(Holds::Other) => {
                        self.pass_over(&file.path);
                        none.push(file);
                    }
                    // Nobody has called it a photo, so that this is no failure.
                    None => self.pass_over(&file.path),
                }
                Ok::<_, std::convert::Infallible>(())
            },
        );
        self.sort_files();
        none
    }
}

/// What a file holds by its beginning; `None` if it cannot be read.
fn begins(path: &Path) -> Option<Holds> {
    let mut head = Vec::with_capacity(SIGNATURE_BYTES);
    let read = file::open(path).and_then(|file| file.take(SIGNATURE_BYTES as u64).read_to_end(&mut head));
    match read {
        Ok(_) if begins_as_a_photo(&head) => Some(Holds::Photo),
        Ok(_) => Some(Holds::Other),
        Err(error) => {
            tracing::debug!(path = %path.display(), %error, "not looked at");
            None
        }
    }
}

/// What stands for a name in the count of what was passed over.
fn kind_of_name(path: &Path) -> String {
    match path.extension().map(folded_name) {
        Some(extension) if extension.len() <= LONGEST_EXTENSION => format!(".{}", extension.display()),
        _ => "without an extension".to_owned(),
    }
}

/// How many there are of each kind, most first, as words; the last are put together.
pub fn kinds_in_words(kinds: &BTreeMap<String, u64>) -> String {
    const SHOWN: usize = 8;
    let mut sorted: Vec<(&String, &u64)> = kinds.iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let mut words: Vec<String> =
        sorted.iter().take(SHOWN).map(|(kind, count)| format!("{count} {kind}")).collect();
    let rest: u64 = sorted.iter().skip(SHOWN).map(|(_, count)| **count).sum();
    if rest > 0 {
        words.push(format!("{rest} of {} more kinds", sorted.len() - SHOWN));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_most_first_and_the_rest_together() {
        let kinds = (1..=10u64).map(|n| (format!(".{n}"), n)).chain([(".json".to_owned(), 99)]);
        let words = kinds_in_words(&kinds.collect());
        assert_eq!(words, "99 .json, 10 .10, 9 .9, 8 .8, 7 .7, 6 .6, 5 .5, 4 .4, 6 of 3 more kinds");
        assert_eq!(kind_of_name(Path::new("a/IMG_1.MPO")), ".mpo");
        assert_eq!(kind_of_name(Path::new("a/DJI_0001")), "without an extension");
        assert_eq!(kind_of_name(Path::new("Mr. and Mrs. Smith at the sea")), "without an extension");
    }
}
