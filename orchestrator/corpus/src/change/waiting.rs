//! Changes that earlier commands did not end: those whose folders are there are ended now, the others wait,
//! each for its own folders only.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use facesets_base::layout::KEPT;
use facesets_library::store::{Decision, DecisionState, Store, Writer};

use super::{
    ChangeError, Intent, Steps,
    apply::{clear, exists, forget, roll_back, swap, swap_all, unswap_all},
    error::at,
    intent::{RootIntent, folder},
    swap::Direction,
};

/// What became of the changes that earlier commands did not end.
#[derive(Debug, Default)]
pub struct Settled {
    /// Those that are ended now, oldest first.
    pub recovered: Vec<Recovered>,
    /// Those that cannot be ended now.
    pub waiting: Vec<Waiting>,
}

/// What became of a change that an earlier command did not end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovered {
    /// It is complete now.
    Finished(String),
    /// It has never been.
    TakenBack(String),
}

/// A change that cannot be ended now. Everything that is not of its folders goes on without it.
#[derive(Debug)]
pub struct Waiting {
    /// Number of the decision.
    id: i64,
    /// The command that made it.
    command: String,
    /// Its folders.
    pub roots: Vec<PathBuf>,
    /// The folder that is not there, or what else is the matter.
    pub why: Result<PathBuf, ChangeError>,
}

/// What is given up with a change, and what becomes of its folders.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Abandoned {
    /// The command that made it.
    pub command: String,
    /// Folders that are as they were before it.
    pub as_before: Vec<PathBuf>,
    /// Folders that are not there, or stay as they are.
    pub left: Vec<PathBuf>,
}

/// Ends every change that earlier commands did not end, if its folders are there.
pub fn settle(journal: &mut Writer, steps: &dyn Steps) -> Result<Settled, ChangeError> {
    let mut settled = Settled::default();
    for decision in open(journal.store())? {
        let intent = Intent::from_json(&decision.intent)?;
        let (id, command) = (decision.id, intent.command.clone());
        tracing::info!(id, state = ?decision.state, command, "an earlier change is open");
        let ended = match away(&decision, &intent) {
            Ok(None) => end(journal, steps, &decision, &intent),
            Ok(Some(root)) => {
                settled.waiting.push(Waiting::new(id, &intent, Ok(root)));
                continue;
            }
            Err(error) => Err(error),
        };
        match ended {
            Ok(recovered) => settled.recovered.push(recovered),
            Err(ChangeError::Store(error)) => return Err(error.into()),
            Err(error) => settled.waiting.push(Waiting::new(id, &intent, Err(error))),
        }
    }
    Ok(settled)
}

/// The changes that are open, where nobody can end them because of `why`: the library cannot be written, for
/// example.
pub fn all_waiting(store: &Store, why: impl Fn() -> ChangeError) -> Result<Vec<Waiting>, ChangeError> {
    let waiting =
        |decision: Decision| Ok(Waiting::new(decision.id, &Intent::from_json(&decision.intent)?, Err(why())));
    open(store)?.into_iter().map(waiting).collect()
}

/// Gives up the change of `root` that waits: nobody waits for it any more. Its other folders are brought back
/// to what they were before it, as far as that can be told; what cannot stays as it is, with what was
/// replaced in its `.facesets`.
pub fn abandon(journal: &mut Writer, steps: &dyn Steps, root: &Path) -> Result<Abandoned, ChangeError> {
    for decision in open(journal.store())? {
        let intent = Intent::from_json(&decision.intent)?;
        if !intent.roots.iter().any(|of| of.root == root) {
            continue;
        }
        let mut abandoned = Abandoned { command: intent.command.clone(), ..Abandoned::default() };
        for of in &intent.roots {
            let mut one = intent.clone();
            one.roots = vec![of.clone()];
            let there = exists(&folder(&of.root, decision.id)).unwrap_or(false);
            let back = there
                && (decision.state == DecisionState::Staging
                    || swap(steps, decision.id, &one, Direction::Back).is_ok());
            // What was undone keeps what it made; so does what was given up while it was being undone.
            let cleared =
                back && (decision.state == DecisionState::Undoing || clear(&of.root, decision.id).is_ok());
            let list = if cleared { &mut abandoned.as_before } else { &mut abandoned.left };
            list.push(of.root.clone());
        }
        // Its number stays taken: what is left of it somewhere must not be taken for another one's.
        journal.advance_decision(decision.id, DecisionState::Undone, None)?;
        return Ok(abandoned);
    }
    Err(ChangeError::NothingWaits(root.to_owned()))
}

/// Demands that no change of any of these folders is open: two at a time could not be told apart.
pub(super) fn refuse_waiting(store: &Store, roots: &[PathBuf]) -> Result<(), ChangeError> {
    for decision in open(store)? {
        let waiting = Intent::from_json(&decision.intent)?;
        if let Some(of) = waiting.roots.into_iter().find(|of| roots.contains(&of.root)) {
            return Err(ChangeError::Waits { root: of.root, command: waiting.command });
        }
    }
    Ok(())
}

/// The decisions that nobody has ended, oldest first.
pub(super) fn open(store: &Store) -> Result<Vec<Decision>, ChangeError> {
    let mut decisions = store.decisions()?;
    decisions.retain(|decision| decision.state.is_open());
    Ok(decisions)
}

/// The first of a change's folders that is away: it is not there, or something else is in its place, as an
/// empty mount point.
fn away(decision: &Decision, intent: &Intent) -> Result<Option<PathBuf>, ChangeError> {
    for RootIntent { root, made, .. } in &intent.roots {
        let is_there = match decision.state {
            // Nothing may have been built there yet.
            DecisionState::Staging => {
                *made || fs::read_dir(root).is_ok_and(|mut entries| entries.next().is_some())
            }
            _ => exists(&folder(root, decision.id)).map_err(at(root))?,
        };
        if !is_there {
            return Ok(Some(root.clone()));
        }
    }
    Ok(None)
}

/// Ends a change whose folders are there.
fn end(
    journal: &mut Writer,
    steps: &dyn Steps,
    decision: &Decision,
    intent: &Intent,
) -> Result<Recovered, ChangeError> {
    let (id, command) = (decision.id, intent.command.clone());
    match decision.state {
        DecisionState::Staging => forget(journal, id, intent).map(|()| Recovered::TakenBack(command)),
        DecisionState::Applying => match swap_all(journal, steps, id, intent) {
            Ok(()) => Ok(Recovered::Finished(command)),
            Err(ChangeError::RolledBack { .. }) => Ok(Recovered::TakenBack(command)),
            Err(error) => Err(error),
        },
        DecisionState::RollingBack => {
            roll_back(journal, steps, id, intent).map(|()| Recovered::TakenBack(command))
        }
        DecisionState::Undoing => match unswap_all(journal, steps, id, intent) {
            // It stands again.
            Err(ChangeError::RolledBack { .. }) => Ok(Recovered::Finished(command)),
            undone => undone.map(|()| Recovered::TakenBack(command)),
        },
        DecisionState::Done | DecisionState::Undone => unreachable!("only open ones are asked for"),
    }
}

impl Waiting {
    fn new(id: i64, intent: &Intent, why: Result<PathBuf, ChangeError>) -> Self {
        let roots = intent.roots.iter().map(|of| of.root.clone()).collect();
        Self { id, command: intent.command.clone(), roots, why }
    }

    /// Whether `path` is one of its folders, lies in one or holds one; or is one under another name while
    /// that is away. `path` is canonical.
    pub fn touches(&self, path: &Path) -> bool {
        let near = |root: &PathBuf| path.starts_with(root) || root.starts_with(path);
        let is_moved = || self.why.is_ok() && path.join(KEPT).join(self.id.to_string()).is_dir();
        self.roots.iter().any(near) || is_moved()
    }

    /// The folder to be named to give it up.
    pub fn root(&self) -> Option<&Path> {
        self.why.as_ref().ok().or(self.roots.first()).map(PathBuf::as_path)
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let roots: Vec<String> = self.roots.iter().map(|root| format!("`{}`", root.display())).collect();
        write!(f, "a change of {} by `{}` was interrupted and waits: ", roots.join(" and "), self.command)?;
        match &self.why {
            Ok(root) => write!(f, "`{}` is not there as it was", root.display()),
            Err(error) => error.fmt(f),
        }
    }
}
