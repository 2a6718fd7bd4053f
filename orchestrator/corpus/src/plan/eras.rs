//! Other eras of a set in a corpus; everything else stays as it is.

use std::{collections::BTreeSet, fs, path::Path};

use facesets_base::layout::{DROPPED, FACES, THIN};
use facesets_people::{consent::Withheld, gallery::FaceIndex, view::View};

use super::{
    Plan, Target,
    tree::link_tree,
    workshop::{Applied, ApplyError, Workshop},
};
use crate::{
    era::{EraChange, EraSet},
    export::{
        PlannedSet,
        corpus::Corpus,
        formats::Extras,
        manifest::{CorpusManifest, FacesetManifest, FacesetSummary, Run, SetAside},
        origin::Origin,
        render::{EarlierCrops, Rendered, render_again},
        renderer::Renderer,
    },
    manifest::{check_name, set_number},
};

/// A set of the new corpus: its line in the manifest over all, and whether its folder is built anew.
struct Entry {
    summary: FacesetSummary,
    set: FacesetManifest,
    thin: bool,
}

/// Renders the eras, the new manifest over all and the new contact sheet into `staging`; returns the names of
/// what is not there any more.
pub(super) fn build(
    plan: &Plan,
    target: &Target,
    change: &EraChange,
    staging: &Path,
    workshop: &Workshop<'_>,
    applied: &mut Applied,
) -> Result<Vec<String>, ApplyError> {
    let root = &target.root;
    let index = &workshop.view.index;
    let Corpus { manifest: mut corpus, sets, thin } = Corpus::read(root)?;
    let old = entries(&corpus, sets, thin);
    let origin = Origin { kind: change.origin, run: corpus.runs.len() + 1 };
    let planned = planned(change, &old, &origin, workshop.view)?;

    let earlier = earlier_crops(root, &old, change.parameters.out_size, index);
    let renderer = Renderer {
        view: workshop.view,
        parameters: &change.parameters,
        certify: workshop.certify,
        demand: plan.demand,
        formats: &BTreeSet::new(),
        extras: &Extras::default(),
        monitor: workshop.monitor,
        stop: workshop.stop,
    };
    let shelf = staging.join(THIN);
    let is_thin = |name: &str| change.sets.iter().any(|set| set.name == name && set.thin);
    let (few, enough): (Vec<_>, Vec<_>) = planned.iter().cloned().partition(|set| is_thin(&set.name));
    let mut enough = render_again(&renderer, &enough, &earlier, staging)?;
    let mut few =
        if few.is_empty() { Rendered::default() } else { render_again(&renderer, &few, &earlier, &shelf)? };
    applied.add(&enough);
    applied.add(&few);
    let (thinned, left) = enough.sets.into_iter().partition(|set| set.faces.len() < change.min_anchor);
    enough.sets = left;
    shelve(&thinned, staging, &shelf)?;
    let bundled = applied.bundled.get_or_insert_default();
    bundled.thinned.extend(thinned.iter().map(|set| set.name.clone()));
    few.sets.extend(thinned);
    let mut gaps = enough.gaps;
    gaps.extend(few.gaps);

    let entries_of = |sets: Vec<FacesetManifest>, thin| sets.into_iter().map(move |set| Entry::of(set, thin));
    let built: Vec<Entry> = entries_of(enough.sets, false).chain(entries_of(few.sets, true)).collect();
    let (kept, replaced): (Vec<Entry>, Vec<Entry>) = old.into_iter().partition(|entry| {
        let name = &entry.set.name;
        !(change.removed.contains(name) || change.sets.iter().any(|set| set.name == *name))
    });
    carry_dropped(root, staging, &replaced, &built)?;

    corpus.gaps.retain(|gap| {
        !(change.removed.contains(&gap.name) || change.sets.iter().any(|set| set.name == gap.name))
    });
    gaps.sort_by_key(|gap| change.sets.iter().position(|set| set.name == gap.name));
    corpus.gaps.extend(gaps);
    corpus.runs.push(Run {
        command: plan.command.clone(),
        made_by: plan.made_by.clone(),
        parameters: change.parameters,
        facesets: built.iter().map(|entry| entry.set.name.clone()).collect(),
    });
    let now: BTreeSet<String> = built.iter().map(location).collect();
    let gone = replaced.iter().map(location).filter(|name| !now.contains(name)).collect();

    let mut entries = kept;
    entries.extend(built);
    // Stable: sets without a number stay where they are among themselves.
    entries.sort_by_key(|entry| {
        (set_number("faceset", &entry.set.name).unwrap_or(usize::MAX), entry.set.name.clone())
    });
    let (few, enough): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|entry| entry.thin);
    // Those that were taken over stay as they are.
    corpus.aside.thin_eras.retain(|set| set.summary.is_none());
    let (summaries, thin): (Vec<_>, Vec<_>) = few.into_iter().map(|entry| (entry.summary, entry.set)).unzip();
    corpus.aside.thin_eras.extend(summaries.into_iter().map(aside));
    let (facesets, sets) = enough.into_iter().map(|entry| (entry.summary, entry.set)).unzip();
    corpus.facesets = facesets;
    Corpus { manifest: corpus, sets, thin }.write(staging)?;
    Ok(gone)
}

/// Puts eras of which too few crops are left to the thin ones.
fn shelve(sets: &[FacesetManifest], staging: &Path, shelf: &Path) -> Result<(), ApplyError> {
    for set in sets {
        let to = shelf.join(&set.name);
        let moved = fs::create_dir_all(shelf).and_then(|()| fs::rename(staging.join(&set.name), &to));
        moved.map_err(|source| ApplyError::Io { path: to, source })?;
    }
    Ok(())
}

/// The eras that `withhold` would not hand out, before anything is rendered.
pub(super) fn withheld(
    change: &EraChange,
    root: &Path,
    view: &View,
    withhold: impl FnMut(&PlannedSet) -> Option<Withheld>,
) -> Result<Vec<Withheld>, ApplyError> {
    let Corpus { manifest, sets, thin } = Corpus::read(root)?;
    let old = entries(&manifest, sets, thin);
    let origin = Origin { kind: change.origin, run: manifest.runs.len() + 1 };
    let planned = planned(change, &old, &origin, view)?;
    Ok(planned.iter().filter_map(withhold).collect())
}

/// The sets of a corpus as they are.
fn entries(corpus: &CorpusManifest, sets: Vec<FacesetManifest>, thin: Vec<FacesetManifest>) -> Vec<Entry> {
    let sets = corpus.facesets.iter().zip(sets).map(|(summary, set)| (summary, set, false));
    let thin = corpus.thin().zip(thin).map(|(summary, set)| (summary, set, true));
    sets.chain(thin).map(|(summary, set, thin)| Entry { summary: summary.clone(), set, thin }).collect()
}

/// What the export makes of the new eras; `origin` is that of those that have none yet.
fn planned(
    change: &EraChange,
    old: &[Entry],
    origin: &Origin,
    view: &View,
) -> Result<Vec<PlannedSet>, ApplyError> {
    // What is said of the whole set is said of its eras.
    let whole = old.iter().find(|entry| entry.set.name == change.parent);
    let whole = whole.map(|entry| entry.set.person(&view.index)).unwrap_or_default();
    let planned = |set: &EraSet| {
        for name in [Some(&set.name), set.label.as_ref(), Some(&set.era.label)].into_iter().flatten() {
            check_name(name)?;
        }
        // What grows came about when it was split.
        let grown = old.iter().find(|entry| entry.set.name == set.name && entry.set.era.is_some());
        let founded_alike =
            grown.filter(|entry| entry.set.era.as_ref().is_some_and(|era| era.founding == set.era.founding));
        let origin = founded_alike.map_or_else(|| origin.clone(), |entry| entry.set.origin.clone());
        let mut planned = set.plan(&change.parent, view, &change.parameters, origin)?;
        planned.person.extend(&whole);
        Ok(planned)
    };
    change.sets.iter().map(planned).collect()
}

/// A thin era in its list.
fn aside(summary: FacesetSummary) -> SetAside {
    SetAside {
        name: summary.name.clone(),
        label: summary.label.clone(),
        images: summary.images,
        merged_into: None,
        present: true,
        summary: Some(summary),
    }
}

impl Entry {
    /// A set that was just built.
    fn of(set: FacesetManifest, thin: bool) -> Self {
        Self { summary: FacesetSummary::of(&set, &place(&set.name, thin)), set, thin }
    }
}

/// Where a set lies in the corpus.
fn location(entry: &Entry) -> String {
    place(&entry.set.name, entry.thin)
}

fn place(name: &str, thin: bool) -> String {
    if thin { format!("{THIN}/{name}") } else { name.to_owned() }
}

/// Crops of any set that would come out the same.
fn earlier_crops(root: &Path, sets: &[Entry], out_size: u32, index: &FaceIndex) -> EarlierCrops {
    let mut crops = EarlierCrops::new();
    for entry in sets.iter().filter(|entry| entry.set.parameters.out_size == out_size) {
        let home = root.join(location(entry));
        for face in &entry.set.faces {
            let file = home.join(&face.file);
            if let Some(row) = index.row(&face.sha256, face.bbox).filter(|_| file.is_file()) {
                crops.insert((row, face.pad_ratio.to_bits()), file);
            }
        }
    }
    crops
}

/// Crops that were set aside go with their set; those of a set that is no more, with the first of the new
/// ones.
fn carry_dropped(root: &Path, staging: &Path, replaced: &[Entry], built: &[Entry]) -> Result<(), ApplyError> {
    for old in replaced {
        let from = root.join(location(old)).join(FACES).join(DROPPED);
        if !from.is_dir() {
            continue;
        }
        let namesake = built.iter().find(|new| new.set.name == old.set.name);
        let to = |new: &Entry| staging.join(location(new)).join(FACES).join(DROPPED);
        match (namesake, built.first()) {
            (Some(new), _) => link_tree(&from, &to(new))?,
            (None, Some(first)) => link_tree(&from, &to(first).join(&old.set.name))?,
            // They stay with the set itself in the folder of earlier ones.
            (None, None) => {}
        }
    }
    Ok(())
}
