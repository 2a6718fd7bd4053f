//! More sets in a corpus; those that are there stay as they are.

use std::{collections::BTreeSet, path::Path};

use facesets_base::layout::MANIFEST;
use facesets_people::{gallery::FaceIndex, view::View};

use super::{
    Plan, Target,
    workshop::{Applied, ApplyError, Workshop},
};
use crate::{
    export::{
        PlannedSet,
        corpus::Corpus,
        formats::Extras,
        manifest::{CorpusManifest, FacesetSummary, Run},
        origin::Origin,
        render::render,
        renderer::Renderer,
    },
    identity::{Additions, NewSet},
    manifest::{self, check_name},
};

/// Renders the new sets, the new manifest over all and the new contact sheet into `staging`.
pub(super) fn add(
    plan: &Plan,
    target: &Target,
    additions: &Additions,
    staging: &Path,
    workshop: &Workshop<'_>,
    applied: &mut Applied,
) -> Result<(), ApplyError> {
    let mut corpus = if target.root.join(MANIFEST).exists() {
        Corpus::read(&target.root)?
    } else {
        let manifest = CorpusManifest::empty(plan.contract.clone(), additions.parameters);
        Corpus { manifest, sets: Vec::new(), thin: Vec::new() }
    };
    for set in &additions.sets {
        let place = target.root.join(&set.name);
        // Also what no manifest names: it is somebody's.
        if corpus.manifest.names().any(|name| name == set.name) || place.symlink_metadata().is_ok() {
            return Err(ApplyError::Taken(place));
        }
    }
    let origin = Origin { kind: additions.origin, run: corpus.manifest.runs.len() + 1 };
    let planned = planned(additions, &origin, workshop.view)?;
    let renderer = Renderer {
        view: workshop.view,
        parameters: &additions.parameters,
        certify: workshop.certify,
        demand: plan.demand,
        formats: &BTreeSet::new(),
        extras: &Extras::default(),
        monitor: workshop.monitor,
        stop: workshop.stop,
    };
    let rendered = render(&renderer, &planned, staging)?;
    applied.add(&rendered);
    let manifest = &mut corpus.manifest;
    manifest.gaps.extend(rendered.gaps);
    manifest.runs.push(Run {
        command: plan.command.clone(),
        made_by: plan.made_by.clone(),
        parameters: additions.parameters,
        facesets: rendered.sets.iter().map(|set| set.name.clone()).collect(),
    });
    manifest.facesets.extend(rendered.sets.iter().map(|set| FacesetSummary::of(set, &set.name)));
    corpus.sets.extend(rendered.sets);
    Ok(corpus.write(staging)?)
}

/// What the export makes of the new sets.
pub(super) fn planned(
    additions: &Additions,
    origin: &Origin,
    view: &View,
) -> Result<Vec<PlannedSet>, ApplyError> {
    let View { gallery, index, pins, .. } = view;
    let planned = |set: &NewSet| {
        for name in [Some(&set.name), set.label.as_ref(), set.marker.as_ref()].into_iter().flatten() {
            check_name(name)?;
        }
        Ok(set.plan(gallery, rows(set, index)?, &additions.parameters, origin.clone(), pins))
    };
    additions.sets.iter().map(planned).collect()
}

fn rows(set: &NewSet, index: &FaceIndex) -> Result<Vec<usize>, ApplyError> {
    let row = |face: &manifest::FaceEntry| {
        index
            .row(&face.sha256, face.bbox)
            .ok_or_else(|| ApplyError::UnknownFace { set: set.name.clone(), path: face.path.clone() })
    };
    set.faces.iter().map(row).collect()
}
