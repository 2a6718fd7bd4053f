//! What `embed` has to tell in the end.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    path::Path,
};

use facesets_base::{figures, location::Location, monitor::Monitor};
use facesets_imaging::{NotUnderstood, UNREAD_EXTENSIONS};
use facesets_library::source::disk::{Scan, kinds_in_words};
use facesets_workers::selection::Workers;
use serde::Serialize;

use super::error::in_words;

/// The kind of failure of files and folders that cannot be read.
pub(super) const UNREADABLE: &str = "unreadable";

/// The kind of failure of photos of which workers say what cannot be.
pub(super) const IMPLAUSIBLE: &str = "implausible";

/// The counters of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// How it ended.
    pub ended: Ended,
    /// What the scan found.
    #[serde(flatten)]
    pub found: Found,
    /// Known places that were left out and count again.
    pub taken_again: u64,
    /// Files that were read because they are new or have changed.
    pub hashed: u64,
    /// Distinct contents among the photos that could be read.
    pub contents: u64,
    /// Photos beyond the first of each content.
    pub aliases: u64,
    /// Contents that were never seen before.
    pub new: u64,
    /// Contents that were read in this run and whose EXIF or date nobody here understands.
    pub camera_not_understood: u64,
    /// Files that are no longer there, found out in this run, whether they are gone or cannot be reached.
    pub vanished: u64,
    /// Files that were deleted, moved or renamed, found out in this run: their places do not count any more.
    pub gone: u64,
    /// Files that cannot be reached, as when a disk is not mounted: they count as before.
    pub away: u64,
    /// New contents that show the very pixels of one that was known: only their tags differ.
    pub retagged: u64,
    /// Device that the models run on.
    pub device: Option<String>,
    /// Execution provider.
    pub provider: Option<String>,
    /// What the embeddings are under.
    pub contract: Option<String>,
    /// Images sent to workers.
    pub sent: u64,
    /// Contents analysed in this run.
    pub analysed: u64,
    /// Contents that had been analysed before.
    pub already_analysed: u64,
    /// Faces in the analysed contents, of this run and before.
    pub faces: u64,
    /// Analysed contents without a face.
    pub no_face: u64,
    /// Number of failures by kind.
    pub failed: BTreeMap<String, u64>,
    /// The failures.
    pub failures: Vec<FailedItem>,
    /// Failures that an earlier run has named and that are as they were: counted, and in none of the two
    /// lists above.
    pub known_failures: u64,
    /// Time taken.
    pub seconds: f64,
    /// Whether the sources were looked at, so that the numbers mean something.
    #[serde(skip)]
    pub surveyed: bool,
}

/// What a scan found and what it passed over, as `embed` and its dry run tell it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Photos found, by their extension or their first bytes.
    pub files: u64,
    /// Files that are no photos.
    pub other_files: u64,
    /// The same by extension.
    pub other_extensions: BTreeMap<String, u64>,
    /// Symbolic links that were not followed.
    pub symlinks: u64,
    /// Hidden files and folders that were passed over.
    pub hidden: u64,
    /// Folders and files passed over because a NAS, a sync program, a system or a photo manager keeps them
    /// for itself, by name.
    pub system_folders: BTreeMap<String, u64>,
    /// Photos and folders that the patterns leave out.
    pub excluded: u64,
    /// Known places that are left out, so that they do not count.
    pub left_out: u64,
    /// Folders that our own commands wrote; what lies in them is not counted.
    pub outputs: u64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Everything was tried.
    Done,
    /// By the user.
    Interrupted,
    /// By an error.
    #[default]
    Stopped,
}

/// Something that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedItem {
    /// Its path, the canonical one of a content.
    pub path: String,
    /// The other paths of the content.
    pub aliases: Vec<String>,
    /// A stable word.
    pub kind: String,
    /// What happened, in words.
    pub reason: String,
}

impl Summary {
    /// Says who analyses.
    pub(super) fn introduce(&mut self, team: &Workers) {
        self.contract = Some(team.contract().to_string());
        if let Some(first) = team.workers.first() {
            let is = first.connection.description();
            (self.device, self.provider) = (Some(is.device.clone()), Some(is.provider.clone()));
        }
    }

    /// Counts what a scan found, and names what it could not look at.
    pub(super) fn count_scan(&mut self, scan: &Scan, monitor: &dyn Monitor) {
        self.surveyed = true;
        self.found = Found {
            files: scan.files.len() as u64,
            other_files: scan.other,
            other_extensions: scan.extensions.clone(),
            symlinks: scan.symlinks,
            hidden: scan.hidden,
            system_folders: scan.system.clone(),
            excluded: scan.excluded,
            // What was known before the scan decides that.
            left_out: 0,
            outputs: scan.outputs.len() as u64,
        };
        if !scan.outputs.is_empty() {
            monitor.note(&format!("left out because `facesets` wrote it: {}", in_words(&scan.outputs)));
        }
    }

    /// Counts and tells a failure of whatever lies at `locations`.
    pub(super) fn fail<L: AsRef<Location>>(
        &mut self,
        locations: &[L],
        kind: &str,
        reason: &str,
        monitor: &dyn Monitor,
    ) {
        let mut names = locations.iter().map(|location| location.as_ref().text());
        let path = names.next().unwrap_or_default();
        let aliases: Vec<String> = names.collect();
        let also =
            if aliases.is_empty() { String::new() } else { format!(" (also `{}`)", aliases.join("`, `")) };
        monitor.problem(&path, &format!("{reason}{also}"));
        *self.failed.entry(kind.to_owned()).or_default() += 1;
        self.failures.push(FailedItem { path, aliases, kind: kind.to_owned(), reason: reason.to_owned() });
    }

    /// Counts and tells what a photo says and nobody here understands. It is no failure: the photo is
    /// analysed all the same.
    pub(super) fn tell_camera(&mut self, path: &Path, what: Option<&NotUnderstood>, monitor: &dyn Monitor) {
        if let Some(what) = what {
            self.camera_not_understood += 1;
            monitor.problem(&path.display().to_string(), &format!("{what}: taken as if it said nothing"));
        }
    }

    /// Counts an analysed content.
    pub(super) fn count_faces(&mut self, faces: u64) {
        self.faces += faces;
        self.no_face += u64::from(faces == 0);
    }

    /// Takes back a content that was counted and could not be kept.
    pub(super) fn uncount_faces(&mut self, faces: u64) {
        self.faces -= faces;
        self.no_face -= u64::from(faces == 0);
    }
}

impl Found {
    /// The photos that were found, and what was passed over, in lines; `taken_again` is how many known places
    /// that were left out count again.
    pub(super) fn in_lines(&self, taken_again: u64) -> String {
        let system: u64 = self.system_folders.values().sum();
        let passed_over =
            self.other_files + self.symlinks + self.hidden + system + self.excluded + self.outputs;
        let kinds = kinds_in_words(&self.other_extensions);
        let kinds = if kinds.is_empty() { kinds } else { format!(": {kinds}") };
        let mut lines = format!("files      {} ({passed_over} others passed over{kinds})\n", self.files);
        let unread: BTreeMap<String, u64> = self
            .other_extensions
            .iter()
            .filter(|(kind, _)| kind.strip_prefix('.').is_some_and(|kind| UNREAD_EXTENSIONS.contains(&kind)))
            .map(|(kind, number)| (kind.clone(), *number))
            .collect();
        for (name, number, what) in [
            ("excluded", self.excluded, "photos and folders left out by patterns"),
            ("hidden", self.hidden, "files and folders"),
            ("links", self.symlinks, "not followed"),
            ("outputs", self.outputs, "folders that `facesets` wrote, left out"),
            ("left out", self.left_out, "places of known photos, which count no more"),
            ("again", taken_again, "places of known photos that were left out count again"),
        ] {
            if number > 0 {
                // Writing to a string cannot fail.
                let _ = writeln!(lines, "{name:<10} {number} {what}");
            }
        }
        for (name, kinds, what) in [
            ("not read", &unread, "pictures in formats that `facesets` does not decode"),
            (
                "system",
                &self.system_folders,
                "kept by NAS and other programs for themselves, left out (`--system-folders` takes them)",
            ),
        ] {
            if !kinds.is_empty() {
                let _ = writeln!(lines, "{name:<10} {}: {what}", kinds_in_words(kinds));
            }
        }
        lines
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.found.in_lines(self.taken_again))?;
        writeln!(f, "contents   {} ({} aliases, {} new)", self.contents, self.aliases, self.new)?;
        if self.camera_not_understood > 0 {
            let number = self.camera_not_understood;
            writeln!(f, "dates      {number} photos whose EXIF or date makes no sense, each named above")?;
        }
        for (name, number, what) in [
            (
                "gone",
                self.gone,
                "places of deleted or moved photos count no more: `facesets store forget --gone` takes them out for good",
            ),
            ("away", self.away, "photos that cannot be reached, and count as before"),
            ("retagged", self.retagged, "of the new contents show what others do: only their tags differ"),
        ] {
            if number > 0 {
                writeln!(f, "{name:<10} {number} {what}")?;
            }
        }
        if let Some(device) = &self.device {
            writeln!(f, "device     {device} ({})", self.provider.as_deref().unwrap_or("unknown provider"))?;
        }
        let rate =
            figures::rate(self.sent, self.seconds).map_or_else(String::new, |rate| format!(" ({rate})"));
        writeln!(f, "sent       {} in {:.1} s{rate}", self.sent, self.seconds)?;
        writeln!(f, "analysed   {} ({} had been before)", self.analysed, self.already_analysed)?;
        writeln!(f, "faces      {} ({} photos without one)", self.faces, self.no_face)?;
        let kinds: Vec<String> =
            self.failed.iter().map(|(kind, number)| format!("{kind} {number}")).collect();
        let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
        writeln!(f, "failed     {}{kinds}", self.failures.len())?;
        if self.known_failures > 0 {
            let known = self.known_failures;
            writeln!(
                f,
                "known      {known} failures of earlier runs: `facesets status --failed` lists them"
            )?;
        }
        match self.ended {
            Ended::Done => Ok(()),
            Ended::Interrupted => writeln!(f, "interrupted: the same command goes on from here"),
            Ended::Stopped => writeln!(f, "stopped early: the same command goes on from here"),
        }
    }
}
