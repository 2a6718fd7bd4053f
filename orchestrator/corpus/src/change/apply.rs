//! Beginning, finishing and recovering changes: everything that touches the disk.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use facesets_base::layout::{KEPT, MANIFEST, PAGE};
use facesets_library::store::{DecisionState, Writer};

use super::{
    ChangeError, Entry, FaceDrop, Intent, Steps,
    error::at,
    fingerprint::fingerprint,
    intent::folder,
    steps,
    swap::{Direction, Position, Presence, next},
    waiting::refuse_waiting,
};

/// Files that are swapped after everything else, the last one last.
const LAST: [&str; 2] = [PAGE, MANIFEST];

/// Folders of a corpus that hold sets: these are swapped one by one, not the folder.
const SHELVES: [&str; 4] = ["_candidates", "_masked", "_merged", "_thin"];

/// A change whose new sets are being built. Dropped before [`Change::finish`], it has never been.
#[derive(Debug)]
pub struct Change<'a> {
    journal: &'a mut Writer,
    steps: &'a dyn Steps,
    id: i64,
    intent: Intent,
    open: bool,
}

impl<'a> Change<'a> {
    /// Begins a change of `roots`, folders with absolute paths; those that are not there are made. `command`
    /// is for people.
    pub fn begin(
        journal: &'a mut Writer,
        steps: &'a dyn Steps,
        command: &str,
        roots: &[PathBuf],
    ) -> Result<Self, ChangeError> {
        refuse_waiting(journal.store(), roots)?;
        let intent = Intent::new(command, roots);
        for root in roots {
            refuse_link(&root.join(KEPT))?;
        }
        let id = journal.begin_decision(&intent.to_json()?)?;
        let change = Self { journal, steps, id, intent, open: true };
        change.steps.reached("begun");
        for root in roots {
            for store in [Position::Staged, Position::Kept] {
                let path = place(root, id, store);
                fs::create_dir_all(&path).map_err(at(&path))?;
            }
        }
        Ok(change)
    }

    /// Where the new entries of a root are built; whatever lies directly in it in the end takes the place of
    /// its namesake, and so does whatever lies in a folder of quarantined sets (`_thin` and its like):
    /// `_thin/NAME` is an entry.
    pub fn staging(&self, root: &Path) -> PathBuf {
        place(root, self.id, Position::Staged)
    }

    /// Drops faces for good, with this decision.
    pub fn drop_for_good(&mut self, drops: Vec<FaceDrop>) {
        self.intent.drops = drops;
    }

    /// Number of the decision.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Swaps what was built for what is there; entries named in `removed` (root, name) are only set aside.
    ///
    /// When this returns without an error everything is in place and on the disk; with
    /// [`ChangeError::RolledBack`], nothing.
    pub fn finish(mut self, removed: &[(PathBuf, String)]) -> Result<i64, ChangeError> {
        self.steps.reached("built");
        for root in &mut self.intent.roots {
            let staging = place(&root.root, self.id, Position::Staged);
            sync(&staging)?;
            let mut names = names_in(&staging)?;
            names.extend(removed.iter().filter(|(of, _)| *of == root.root).map(|(_, name)| name.clone()));
            let mut names: Vec<String> = names.into_iter().collect();
            names.sort_by_key(|name| LAST.iter().position(|last| last == name).map_or(0, |at| at + 1));
            for name in names {
                if let Some((shelf, _)) = name.split_once('/') {
                    refuse_link(&root.root.join(shelf))?;
                }
                let look = |path: PathBuf| fingerprint(&path).map_err(at(&path));
                let (old, new) = (look(root.root.join(&name))?, look(staging.join(&name))?);
                if old.is_some() || new.is_some() {
                    root.entries.push(Entry { name, old, new });
                }
            }
        }
        let text = self.intent.to_json()?;
        self.journal.advance_decision(self.id, DecisionState::Applying, Some(&text))?;
        self.open = false;
        self.steps.reached("written down");
        swap_all(self.journal, self.steps, self.id, &self.intent)?;
        Ok(self.id)
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        if self.open {
            // What cannot be cleaned up now is cleaned up by the next command.
            if let Err(error) = forget(self.journal, self.id, &self.intent) {
                tracing::warn!(%error, "an unfinished change is left to the next command");
            }
            for root in self.intent.roots.iter().filter(|root| root.made) {
                // Stays where somebody has put something into it meanwhile.
                let _ = fs::remove_dir(&root.root);
            }
        }
    }
}

/// Swaps forwards and marks the decision as done, or backwards if that cannot be.
pub(super) fn swap_all(
    journal: &mut Writer,
    steps: &dyn Steps,
    id: i64,
    intent: &Intent,
) -> Result<(), ChangeError> {
    let swapped = swap(steps, id, intent, Direction::Forward);
    let Err(SwapError::Io { path, source }) = swapped else {
        swapped?;
        journal.advance_decision(id, DecisionState::Done, None)?;
        steps.reached("done");
        return Ok(());
    };
    journal.advance_decision(id, DecisionState::RollingBack, None)?;
    steps.reached("turned back");
    roll_back(journal, steps, id, intent)?;
    Err(ChangeError::RolledBack { path, source })
}

pub(super) fn roll_back(
    journal: &mut Writer,
    steps: &dyn Steps,
    id: i64,
    intent: &Intent,
) -> Result<(), ChangeError> {
    swap(steps, id, intent, Direction::Back)?;
    forget(journal, id, intent)
}

/// Swaps a decision back that was done; where that cannot be, it stays done.
pub(super) fn unswap_all(
    journal: &mut Writer,
    steps: &dyn Steps,
    id: i64,
    intent: &Intent,
) -> Result<(), ChangeError> {
    let swapped = swap(steps, id, intent, Direction::Back);
    if let Err(SwapError::Io { path, source }) = swapped {
        journal.advance_decision(id, DecisionState::Applying, None)?;
        swap(steps, id, intent, Direction::Forward)?;
        journal.advance_decision(id, DecisionState::Done, None)?;
        return Err(ChangeError::RolledBack { path, source });
    }
    swapped?;
    journal.advance_decision(id, DecisionState::Undone, None)?;
    steps.reached("undone");
    Ok(())
}

/// Why an entry is not where it belongs.
pub(super) enum SwapError {
    Io { path: PathBuf, source: io::Error },
    Other(ChangeError),
}

impl From<SwapError> for ChangeError {
    fn from(error: SwapError) -> Self {
        match error {
            SwapError::Io { path, source } => Self::Stuck { path, source },
            SwapError::Other(error) => error,
        }
    }
}

/// Brings every entry where it belongs, from wherever it is.
pub(super) fn swap(
    steps: &dyn Steps,
    id: i64,
    intent: &Intent,
    direction: Direction,
) -> Result<(), SwapError> {
    let mut entries: Vec<(&Path, &Entry)> = intent.entries().collect();
    if direction == Direction::Back {
        entries.reverse();
    }
    for (root, entry) in entries {
        let path = |of: Position| place(root, id, of).join(&entry.name);
        loop {
            let there = |of: Position| {
                let path = path(of);
                exists(&path).map_err(|source| SwapError::Io { path, source })
            };
            let presence = Presence {
                current: there(Position::Current)?,
                staged: there(Position::Staged)?,
                kept: there(Position::Kept)?,
            };
            let step = next(entry, direction, presence).map_err(|_| {
                let (root, name) = (root.to_owned(), entry.name.clone());
                SwapError::Other(ChangeError::Unrecognised { root, name })
            })?;
            let Some(step) = step else { break };
            let (from, to) = (path(step.from), path(step.to));
            if let Some(shelf) = shelf_of(entry, &to) {
                fs::create_dir_all(shelf)
                    .map_err(|source| SwapError::Io { path: shelf.to_owned(), source })?;
            }
            steps::rename(steps, &from, &to)
                .map_err(|source| SwapError::Io { path: from.clone(), source })?;
            if let Some(shelf) = shelf_of(entry, &from) {
                // Goes where nothing else is on it.
                let _ = fs::remove_dir(shelf);
            }
            steps.reached("renamed");
        }
    }
    for root in &intent.roots {
        sync(&root.root).map_err(SwapError::Other)?;
    }
    steps.reached("swapped");
    Ok(())
}

/// Removes what was built for a decision that changed nothing, then the decision.
pub(super) fn forget(journal: &mut Writer, id: i64, intent: &Intent) -> Result<(), ChangeError> {
    intent.roots.iter().try_for_each(|root| clear(&root.root, id))?;
    Ok(journal.forget_decision(id)?)
}

/// Removes what was built for a decision in one folder.
pub(super) fn clear(root: &Path, id: i64) -> Result<(), ChangeError> {
    refuse_link(&root.join(KEPT))?;
    let folder = folder(root, id);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&folder)(error)),
        _ => {}
    }
    // Stays where other decisions are kept; goes where this was the first.
    let _ = fs::remove_dir(root.join(KEPT));
    Ok(())
}

/// Demands that a folder in a root is not a link: what is written there must not end elsewhere.
fn refuse_link(path: &Path) -> Result<(), ChangeError> {
    if path.is_symlink() { Err(ChangeError::Link(path.to_owned())) } else { Ok(()) }
}

/// The folder in which a decision has its entries at some place.
pub(super) fn place(root: &Path, id: i64, place: Position) -> PathBuf {
    match place {
        Position::Current => root.to_owned(),
        Position::Staged => folder(root, id).join("new"),
        Position::Kept => folder(root, id).join("old"),
    }
}

fn names_in(folder: &Path) -> Result<BTreeSet<String>, ChangeError> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let entry = entry.map_err(at(folder))?;
        let name = entry.file_name().into_string().map_err(|_| ChangeError::NotUtf8(entry.path()))?;
        if SHELVES.contains(&name.as_str()) {
            names.extend(names_in(&entry.path())?.into_iter().map(|inside| format!("{name}/{inside}")));
        } else {
            names.insert(name);
        }
    }
    Ok(names)
}

/// The folder that `path` of an entry lies in, if that is not the root itself.
fn shelf_of<'a>(entry: &Entry, path: &'a Path) -> Option<&'a Path> {
    entry.name.contains('/').then(|| path.parent()).flatten()
}

pub(super) fn exists(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Puts everything on the file system of `folder` on the disk.
fn sync(folder: &Path) -> Result<(), ChangeError> {
    let file = File::open(folder).map_err(at(folder))?;
    rustix::fs::syncfs(&file).map_err(|error| at(folder)(error.into()))
}
