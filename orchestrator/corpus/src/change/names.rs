//! What the decisions that stand have made, by name.

use std::{collections::BTreeSet, path::PathBuf};

use facesets_library::store::{Decision, DecisionState, Store};

use super::{ChangeError, Intent};

/// What decisions have made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Made {
    /// The folders that they changed, whether they are there any more or not.
    pub roots: BTreeSet<PathBuf>,
    /// Names of files and sets that they put there; of quarantined sets without the folder that these are in.
    pub names: BTreeSet<String>,
}

/// What the decisions have made that were not taken back, or may have made: also those that wait.
pub fn made(store: &Store) -> Result<Made, ChangeError> {
    let mut made = Made::default();
    let stands = |decision: &Decision| decision.state != DecisionState::Undone;
    for decision in store.decisions()?.into_iter().filter(stands) {
        for root in Intent::from_json(&decision.intent)?.roots {
            let new = root.entries.into_iter().filter(|entry| entry.new.is_some());
            made.names.extend(new.filter_map(|entry| entry.name.rsplit('/').next().map(str::to_owned)));
            made.roots.insert(root.root);
        }
    }
    Ok(made)
}
