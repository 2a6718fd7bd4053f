//! Photos in an output folder: the bytes that were embedded, or none.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

use facesets_base::{file, location::Location, monitor::Monitor};
use facesets_core::Sha256Digest;
use facesets_library::{source::disk::sighting, store::Sighting};
use facesets_people::gallery::Content;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{
    Missing,
    fault::{self, Fault, without},
    flat_name,
};

/// How a photo gets into an output folder. The original is never touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    #[default]
    /// A copy (no extra space on file systems that share blocks).
    Copy,
    /// A second name for the same file; only within one file system.
    Hardlink,
    /// A link to the path.
    Symlink,
    /// Nothing: the manifest alone.
    None,
}

/// Files of earlier outputs by the photo's location and content.
pub type Earlier = HashMap<(Location, Sha256Digest), PathBuf>;

/// Digests of files, and what the files looked like from outside when these were taken.
pub type Known = HashMap<Location, (Sha256Digest, Sighting)>;

/// Puts photos into folders.
pub struct Placer<'a> {
    /// How.
    pub placement: Placement,
    /// Files that may be used again instead of reading the photo; they are never changed, so a second name
    /// for them will do.
    pub earlier: Earlier,
    /// Files that look as they did then are taken for what they were; any other is hashed.
    pub known: &'a Known,
    /// Asks to stop between two photos.
    pub stop: &'a CancellationToken,
    /// Hears of what cannot be placed.
    pub monitor: &'a dyn Monitor,
}

impl Placer<'_> {
    /// Puts every place of each photo into `folder`, which is made if there is anything to put there.
    ///
    /// A photo counts as missing only if none of its places could be put there; the others go on. When asked
    /// to stop, this ends with an error of kind `Interrupted`; any other error is the output's, to which
    /// nothing more can be written.
    pub fn put<'a>(
        &self,
        contents: impl IntoIterator<Item = &'a Content>,
        folder: &Path,
    ) -> io::Result<Missing> {
        let mut missing = Missing::default();
        if self.placement == Placement::None {
            return Ok(missing);
        }
        for content in contents {
            if self.stop.is_cancelled() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            fs::create_dir_all(folder)?;
            let mut faults = Vec::new();
            for location in &content.locations {
                match self.place(location, content.sha256, folder) {
                    Ok(()) => {}
                    Err(Fault::Output(error)) => return Err(error),
                    Err(fault) => faults.push((location, fault)),
                }
            }
            if faults.len() == content.locations.len() {
                self.report(content, &faults, &mut missing);
            }
            self.monitor.advance(1);
        }
        Ok(missing)
    }

    /// Counts and tells of a content that could not be put there from any of its places.
    fn report(&self, content: &Content, faults: &[(&Location, Fault)], missing: &mut Missing) {
        let canonical = content.canonical().clone();
        if faults.iter().all(|(_, fault)| fault.is_gone()) {
            missing.vanished.insert(canonical);
            return;
        }
        for (location, fault) in faults {
            self.monitor.problem(&location.text(), &fault.to_string());
        }
        let has_changed = faults.iter().any(|(_, fault)| matches!(fault, Fault::Changed));
        if has_changed {
            missing.changed.insert(canonical)
        } else {
            missing.failed.insert(canonical)
        };
    }

    /// Puts the photo at `at` into `folder` under its [`flat_name`], if it is the content.
    fn place(&self, at: &Location, sha256: Sha256Digest, folder: &Path) -> Result<(), Fault> {
        let from = at.path();
        let to = folder.join(flat_name(from));
        let earlier = self.earlier.get(&(at.clone(), sha256));
        let known = self.known.get(at).filter(|(digest, _)| *digest == sha256);
        let looks = |path: &Path| fs::metadata(path).ok().map(|metadata| sighting(&metadata));
        let is_still =
            |now: Option<Sighting>| known.zip(now).is_some_and(|((_, then), now)| then.is_still(&now));
        // Before it gets a second name, which changes its inode.
        let was_still = is_still(looks(from));
        match (self.placement, earlier) {
            // What an earlier output copied was looked at then, and is nobody else's file.
            (Placement::Copy, Some(earlier)) if fs::hard_link(earlier, &to).is_ok() => return Ok(()),
            (Placement::Copy, Some(earlier)) => return fault::copy(earlier, &to),
            (Placement::Hardlink, Some(earlier)) if fs::hard_link(earlier, &to).is_ok() => {}
            (Placement::Copy, None) => fault::copy(from, &to)?,
            (Placement::Hardlink, _) => fault::hard_link(from, &to)?,
            (Placement::Symlink, _) => fault::link(from, &to)?,
            (Placement::None, _) => return Ok(()),
        }
        // Looked at afterwards, so that what was changed while it was copied counts. A link looks like what
        // it leads to.
        let is_trusted = match self.placement {
            Placement::Hardlink => {
                was_still
                    && known.zip(looks(&to)).is_some_and(|((_, then), now)| then.has_size_and_time_of(&now))
            }
            _ => is_still(looks(if self.placement == Placement::Copy { from } else { &to })),
        };
        if is_trusted {
            return Ok(());
        }
        match file::digest(&to) {
            Ok((digest, _)) if digest == sha256 => Ok(()),
            Ok(_) => Err(without(&to, Fault::Changed)),
            Err(error) => Err(without(&to, Fault::Photo(error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::LazyLock};

    use facesets_base::monitor::Silent;

    use super::*;

    fn content(paths: &[PathBuf]) -> Content {
        Content {
            sha256: Sha256Digest::of(b"photo"),
            locations: paths.iter().map(Location::file).collect(),
            width: 1,
            height: 1,
            bytes: 5,
            capture_year: None,
        }
    }

    /// A placer that copies and knows nothing.
    fn placer(stop: &CancellationToken, earlier: Earlier) -> Placer<'_> {
        static NOTHING: LazyLock<Known> = LazyLock::new(Known::new);
        Placer { placement: Placement::Copy, earlier, known: &NOTHING, stop, monitor: &Silent }
    }

    fn only(path: &Path) -> BTreeSet<Location> {
        BTreeSet::from([Location::file(path)])
    }

    #[test]
    fn what_vanished_is_counted_apart_from_what_failed() {
        let folder = tempfile::tempdir().unwrap();
        let (photo, gone) = (folder.path().join("a.jpg"), folder.path().join("gone.jpg"));
        fs::write(&photo, "photo").unwrap();
        let alias_left = content(&[gone.clone(), photo.clone()]);
        let out = folder.path().join("out");
        let stop = CancellationToken::new();
        let placer = placer(&stop, Earlier::new());
        let missing = placer.put([&alias_left, &content(std::slice::from_ref(&gone))], &out).unwrap();
        assert_eq!(missing, Missing { vanished: only(&gone), ..Missing::default() });
        assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
        let again = placer.put([&content(std::slice::from_ref(&photo))], &out).unwrap();
        let expected = Missing { failed: only(&photo), ..Missing::default() };
        assert_eq!(again, expected, "nothing is written over");
        stop.cancel();
        let stopped = placer.put([&content(&[photo])], &folder.path().join("other"));
        assert_eq!(stopped.unwrap_err().kind(), io::ErrorKind::Interrupted);
    }

    #[test]
    fn a_file_that_has_changed_is_left_out_however_it_would_get_there() {
        let folder = tempfile::tempdir().unwrap();
        let [changed, same] = ["changed.jpg", "same.jpg"].map(|name| folder.path().join(name));
        fs::write(&changed, "somebody else").unwrap();
        fs::write(&same, "photo").unwrap();
        let stop = CancellationToken::new();
        for placement in [Placement::Copy, Placement::Hardlink, Placement::Symlink] {
            let placer = Placer { placement, ..placer(&stop, Earlier::new()) };
            let out = folder.path().join(format!("{placement:?}"));
            let missing = placer.put([&content(std::slice::from_ref(&changed))], &out).unwrap();
            assert_eq!(missing, Missing { changed: only(&changed), ..Missing::default() }, "{placement:?}");
            assert_eq!(fs::read_dir(&out).unwrap().count(), 0, "{placement:?}");
            let missing = placer.put([&content(&[changed.clone(), same.clone()])], &out).unwrap();
            assert_eq!(missing, Missing::default(), "another place of the content still holds it");
            let placed: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path()).collect();
            assert_eq!(placed, [out.join(flat_name(&same))], "{placement:?}");
        }
        assert_eq!(fs::read_to_string(&changed).unwrap(), "somebody else");
    }

    #[test]
    fn a_file_that_looks_as_it_did_is_not_read_for_its_digest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        // Bytes of another digest show that nobody has taken it.
        fs::write(&path, "other").unwrap();
        let stop = CancellationToken::new();
        let photo = content(std::slice::from_ref(&path));
        for placement in [Placement::Copy, Placement::Hardlink, Placement::Symlink] {
            // Anew each time: a second name changes the inode.
            let seen = sighting(&fs::metadata(&path).unwrap()).hashed();
            let known = Known::from([(Location::file(&path), (photo.sha256, seen))]);
            let placer = Placer { placement, known: &known, ..placer(&stop, Earlier::new()) };
            let out = folder.path().join(format!("{placement:?}"));
            assert!(placer.put([&photo], &out).unwrap().is_empty());
        }
    }

    #[test]
    fn an_output_that_cannot_be_written_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        let (photo, out) = (folder.path().join("a.jpg"), folder.path().join("file"));
        fs::write(&photo, "photo").unwrap();
        fs::write(&out, "no folder").unwrap();
        let stop = CancellationToken::new();
        assert!(placer(&stop, Earlier::new()).put([&content(&[photo])], &out).is_err());
    }

    #[test]
    fn an_earlier_file_serves_where_the_photo_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (gone, earlier) = (folder.path().join("gone.jpg"), folder.path().join("earlier"));
        fs::write(&earlier, "photo").unwrap();
        let photo = content(std::slice::from_ref(&gone));
        let out = folder.path().join("out");
        let stop = CancellationToken::new();
        let placer = placer(&stop, Earlier::from([((Location::file(&gone), photo.sha256), earlier)]));
        assert_eq!(placer.put([&photo], &out).unwrap(), Missing::default());
        assert_eq!(fs::read_to_string(out.join(flat_name(&gone))).unwrap(), "photo");
    }
}
