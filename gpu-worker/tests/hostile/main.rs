//! Manifests and models that were damaged, ten thousand of them: refused with a reason or understood, never a
//! panic, nothing outside the folder.

mod checks;
mod seeds;

use facesets_mutator::survives;

#[test]
fn damaged_manifests_are_refused_or_stay_within_their_folder() {
    survives(&seeds::manifests(), 5000, checks::manifest);
}

#[test]
fn damaged_models_are_refused_or_have_as_few_names_as_asked_for() {
    survives(&seeds::models(), 5000, checks::model);
}
