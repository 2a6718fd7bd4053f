//! What the user has said since a corpus was made, against what lies in it.

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
};

use facesets_people::consent::ConsentState;

use super::{Finding, FindingKind, Look};
use crate::export::{manifest::FacesetManifest, origin::OriginKind, plan::as_the_user_says};

/// Names the crops of a set that no export would put into it now.
pub(super) fn crops(look: &mut Look<'_>, set: &FacesetManifest, name: &str) {
    let file_of: HashMap<usize, &str> = set
        .faces
        .iter()
        .filter_map(|face| Some((look.view.index.row(&face.sha256, face.bbox)?, face.file.as_str())))
        .collect();
    let mut against = Vec::new();
    as_the_user_says(&look.view.gallery, set.rows(&look.view.index), &look.view.pins, &mut against);
    against.sort_by_key(|drop| file_of.get(&drop.face));
    for drop in against {
        let Some(file) = file_of.get(&drop.face) else { continue };
        look.verified.findings.push(Finding {
            kind: FindingKind::SpokenAgainst,
            what: format!("{name}/{file}"),
            problem: drop.reason.to_string(),
            hint: Some(made_again_by(set, look.root)),
        });
    }
}

/// Compares the consent in the manifest of a set with what the statements come to now; `person` are the faces
/// that show whom it is of.
pub(super) fn consent(look: &mut Look<'_>, set: &FacesetManifest, name: &str, person: &BTreeSet<usize>) {
    let now = look.view.consent.consent(person);
    let then = set.consent.as_ref().map_or(ConsentState::Unknown, |consent| consent.state);
    if now.state != then {
        look.verified.findings.push(Finding {
            kind: FindingKind::Consent,
            what: name.to_owned(),
            problem: format!("its manifest says that consent is {then}, but now {now}"),
            hint: Some(made_again_by(set, look.root)),
        });
    }
}

/// The command that makes a set of the corpus at `root` again, or leaves it out now.
fn made_again_by(set: &FacesetManifest, root: &Path) -> String {
    let root = root.display();
    match (&set.parent, set.origin.kind) {
        (Some(parent), _) => {
            format!("`facesets era split {parent} --corpus {root} --replace` makes its eras again")
        }
        (None, OriginKind::Auto) if set.origin.run == 0 => format!(
            "`facesets export-swap REFINED {root} --replace` makes it again, with the folder of `facesets refine` as REFINED"
        ),
        (None, _) => format!(
            "run {} added it: `facesets undo` takes back the last one; then run that command again",
            set.origin.run
        ),
    }
}
