//! Taking the last decision back that can be.

use std::{
    collections::BTreeSet,
    fmt, io,
    path::{Path, PathBuf},
};

use facesets_library::store::{DecisionState, Store, Writer};

use super::{
    ChangeError, Intent, Steps,
    apply::{exists, place, unswap_all},
    error::at,
    fingerprint::is_unchanged,
    intent::folder,
    swap::Position,
    waiting::open,
};

/// A decision that cannot be taken back, and so is none that stands in the way of older ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// The command that made it.
    pub command: String,
    /// The folder because of which it is passed over.
    pub root: PathBuf,
    /// What is the matter with it.
    pub why: Why,
}

/// Why a decision cannot be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The folder is gone.
    Gone,
    /// What the decision replaced there is gone: with an earlier output that was moved aside, or by hand.
    NothingKept,
    /// A later decision in the folder stands that is passed over.
    Buried,
    /// An interrupted change of the folder waits.
    Waits,
}

/// What can be undone.
#[derive(Debug)]
pub struct Undo {
    /// Decisions that stand and cannot be taken back, the latest first.
    pub passed_over: Vec<PassedOver>,
    last: Option<(i64, Intent)>,
}

impl Undo {
    /// Looks for the last decision that can be taken back.
    ///
    /// Nothing is written down of those that are passed over: a folder that is put back, or a disk that is
    /// there again, can be undone again.
    pub fn find(store: &Store) -> Result<Self, ChangeError> {
        let mut passed_over = Vec::new();
        let mut buried = BTreeSet::new();
        let mut waiting = BTreeSet::new();
        for decision in open(store)? {
            waiting.extend(Intent::from_json(&decision.intent)?.roots.into_iter().map(|of| of.root));
        }
        for decision in store.decisions()?.into_iter().rev() {
            if decision.state != DecisionState::Done {
                continue;
            }
            let intent = Intent::from_json(&decision.intent)?;
            let roots = || intent.roots.iter().map(|root| &root.root);
            let mut lost = None;
            for root in roots() {
                let lost_here = lost_in(root, decision.id, &buried).map_err(at(root))?;
                if let Some(why) = lost_here.or_else(|| waiting.contains(root).then_some(Why::Waits)) {
                    lost = Some((root.clone(), why));
                    break;
                }
            }
            let Some((root, why)) = lost else {
                return Ok(Self { passed_over, last: Some((decision.id, intent)) });
            };
            buried.extend(roots().cloned());
            passed_over.push(PassedOver { command: intent.command, root, why });
        }
        Ok(Self { passed_over, last: None })
    }

    /// The decision that can be taken back; refused where anything has been changed since, as going back
    /// would lose that.
    pub fn decision(&self) -> Result<(i64, &Intent), ChangeError> {
        let (id, intent) = self.last.as_ref().ok_or(ChangeError::NothingToUndo)?;
        for (root, entry) in intent.entries() {
            let unchanged = |path: PathBuf, expected: &Option<String>| -> Result<bool, ChangeError> {
                is_unchanged(&path, expected.as_deref()).map_err(at(&path))
            };
            let kept = place(root, *id, Position::Kept).join(&entry.name);
            if !(unchanged(root.join(&entry.name), &entry.new)? && unchanged(kept, &entry.old)?) {
                return Err(ChangeError::ChangedSince { root: root.to_owned(), name: entry.name.clone() });
            }
        }
        Ok((*id, intent))
    }

    /// Takes it back; returns what it was.
    pub fn carry_out(self, journal: &mut Writer, steps: &dyn Steps) -> Result<Intent, ChangeError> {
        let (id, intent) = self.decision()?;
        journal.advance_decision(id, DecisionState::Undoing, None)?;
        steps.reached("undo written down");
        unswap_all(journal, steps, id, intent)?;
        Ok(intent.clone())
    }
}

/// What keeps a decision from being taken back in one of its folders.
fn lost_in(root: &Path, id: i64, buried: &BTreeSet<PathBuf>) -> io::Result<Option<Why>> {
    Ok(if !exists(root)? {
        Some(Why::Gone)
    } else if !exists(&folder(root, id))? {
        Some(Why::NothingKept)
    } else {
        buried.contains(root).then_some(Why::Buried)
    })
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, root, why } = self;
        let root = root.display();
        write!(f, "`{command}` cannot be taken back any more: ")?;
        match why {
            Why::Gone => write!(f, "`{root}` is gone"),
            Why::NothingKept => write!(f, "what it replaced in `{root}` is not there any more"),
            Why::Buried => write!(f, "a later change of `{root}` stands"),
            Why::Waits => write!(f, "an interrupted change of `{root}` waits"),
        }
    }
}
