//! A plan is a file, and anybody may have written it: every number, name and path in it is looked at before
//! anything is done, and so are the folders that it names.

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path},
};

use facesets_base::{
    layout::{FACES, KEPT, MANIFEST, PLAN_SCHEMA},
    output::{OutputKind, demand_free},
};
use facesets_core::{BBox, Sha256Digest};

use super::{ApplyError, Becomes, Plan, Target};
use crate::{
    era::EraChange,
    identity::Additions,
    manifest::{
        self, ClusterManifest, NameError, RefinedManifest, Schema, check_inside, check_name, check_sets,
        set_number,
    },
    plan::adoption::Adoption,
};

impl Plan {
    /// Reads a plan; the error says why it is none that could be carried out.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let plan: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if plan.schema != PLAN_SCHEMA {
            return Err(format!("its schema is `{}`", plan.schema));
        }
        let mut roots = BTreeSet::new();
        for target in &plan.targets {
            let root = target.root.display();
            if !is_plain(&target.root) {
                return Err(format!("`{root}` is no absolute path of a folder"));
            }
            if !roots.insert(&target.root) {
                return Err(format!("`{root}` is in it twice"));
            }
            check(&target.becomes)?;
        }
        Ok(plan)
    }
}

/// Whether a path names a folder, and only in one way.
fn is_plain(path: &Path) -> bool {
    let mut parts = path.components();
    parts.next() == Some(Component::RootDir)
        && parts.clone().next().is_some()
        && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Demands names that stay where they belong, and sets that are of somebody.
fn check(becomes: &Becomes) -> Result<(), String> {
    let named = |checked: Result<(), NameError>| checked.map_err(|error| error.to_string());
    match becomes {
        Becomes::Clusters(new) => {
            demand_schema::<ClusterManifest>(&new.schema)?;
            named(new.names_stay_inside())
        }
        Becomes::Refined(new) => {
            demand_schema::<RefinedManifest>(&new.schema)?;
            named(new.names_stay_inside())
        }
        Becomes::Corpus(Additions { sets, .. }) => {
            named(check_sets(sets.iter().map(|set| set.name.as_str())))?;
            for set in sets {
                demand_set(&set.name, set.faces.len())?;
                let names = [&set.label, &set.marker].into_iter().flatten();
                named(names.into_iter().try_for_each(|name| check_name(name)))?;
            }
            Ok(())
        }
        Becomes::Adopted(adoption) => check_adoption(adoption),
        Becomes::Eras(EraChange { parent, sets, removed, .. }) => {
            named(check_sets(sets.iter().map(|set| set.name.as_str())))?;
            named([parent].into_iter().chain(removed).try_for_each(|name| check_name(name)))?;
            for set in sets {
                demand_set(&set.name, set.era.founding.len())?;
                let names = set.label.iter().chain([&set.era.label]);
                named(names.into_iter().try_for_each(|name| check_name(name)))?;
                if !set.name.starts_with(&format!("{parent}_")) {
                    return Err(format!("`{}` is no era of `{parent}`", set.name));
                }
            }
            Ok(())
        }
    }
}

fn check_adoption(adoption: &Adoption) -> Result<(), String> {
    let Adoption { sets, aside, beside, drops, .. } = adoption;
    let named = |checked: Result<(), NameError>| checked.map_err(|error| error.to_string());
    let unmatched = aside.unmatched.iter().map(|set| set.name.as_str());
    named(check_sets(sets.iter().map(|set| set.name.as_str()).chain(unmatched.clone())))?;
    for set in sets {
        demand_set(&set.name, set.faces.len())?;
        let names = [&set.label, &set.marker].into_iter().flatten();
        let files = set.faces.iter().map(|crop| &crop.file).chain(&set.pinned);
        named(names.into_iter().chain(files).try_for_each(|name| check_name(name)))?;
        named(set.beside.iter().try_for_each(|name| check_inside(name)))?;
    }
    unmatched.into_iter().try_for_each(|name| demand_set(name, 1))?;
    let others = aside.lists().into_iter().flat_map(|(_, sets)| sets).map(|set| &set.name);
    named(others.chain(beside).try_for_each(|name| check_inside(name)))?;
    for drop in drops {
        let sound = drop.sha256.parse::<Sha256Digest>().is_ok() && BBox::new(drop.bbox).is_ok();
        if !sound {
            return Err("it drops what is no face".to_owned());
        }
    }
    Ok(())
}

fn demand_schema<M: Schema>(schema: &str) -> Result<(), String> {
    if schema == M::SCHEMA { Ok(()) } else { Err(format!("a manifest in it has the schema `{schema}`")) }
}

/// Demands the name of a set, and that somebody is in it.
fn demand_set(name: &str, faces: usize) -> Result<(), String> {
    if check_name(name).is_err() || set_number("faceset", name).is_none() {
        return Err(format!("`{name}` is no name of a faceset"));
    }
    if faces == 0 { Err(format!("`{name}` has no faces")) } else { Ok(()) }
}

/// Demands that a folder is one that the command could have meant: of the kind that it changes, under its
/// real path.
pub(super) fn demand_ours(Target { root, becomes, .. }: &Target) -> Result<(), ApplyError> {
    let is_real = !root.exists() || fs::canonicalize(root).is_ok_and(|real| real == *root);
    let is_ours = is_real
        && match becomes {
            Becomes::Clusters(_) => OutputKind::Clusters.is(root),
            Becomes::Refined(_) => OutputKind::Refined.is(root),
            Becomes::Eras(_) => OutputKind::Corpus.is(root),
            Becomes::Corpus(_) => {
                OutputKind::Corpus.is(root) || demand_free(root, OutputKind::Corpus, KEPT).is_ok()
            }
            Becomes::Adopted(adoption) => is_old_corpus(root, adoption),
        };
    if is_ours { Ok(()) } else { Err(ApplyError::NotOurs(root.clone())) }
}

/// Whether a folder looks like a corpus of the system before this one with these sets.
fn is_old_corpus(root: &Path, adoption: &Adoption) -> bool {
    let bytes = manifest::read_bytes(root).unwrap_or_default();
    let is_object = serde_json::from_slice::<serde_json::Map<_, _>>(&bytes).is_ok();
    let names = adoption.sets.iter().map(|set| &set.name);
    let is_set = |name: &String| {
        let home = root.join(name);
        !home.is_symlink() && home.join(FACES).is_dir() && home.join(MANIFEST).is_file()
    };
    let is_one_of_ours =
        OutputKind::Corpus.is(root) || OutputKind::Refined.is(root) || OutputKind::Clusters.is(root);
    is_object
        && !is_one_of_ours
        && names.chain(adoption.aside.unmatched.iter().map(|set| &set.name)).all(is_set)
}

#[cfg(test)]
mod tests {
    use facesets_mutator::{Seed, survives};
    use facesets_people::{gallery::Gallery, pins::ResolvedPins, testing::gallery_of, view::View};
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        export::{ExportParameters, origin::OriginKind},
        identity::NewSet,
    };

    fn plan(gallery: &Gallery, root: &str) -> Plan {
        let sets = vec![NewSet::new(gallery, "faceset_001".to_owned(), &[0, 1])];
        let additions =
            Additions { origin: OriginKind::Discovered, parameters: ExportParameters::default(), sets };
        let mut plan = Plan::new("discover".to_owned(), gallery);
        let was = Sha256Digest::of(b"").to_string();
        plan.targets.push(Target { root: root.into(), was, becomes: Becomes::Corpus(additions) });
        plan
    }

    fn changed(pointer: &str, value: Value) -> Result<Plan, String> {
        let gallery = gallery_of(&[(0, 0.0), (1, 0.0)]);
        let mut json = serde_json::to_value(plan(&gallery, "/corpus")).unwrap();
        *json.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
        Plan::parse(json.to_string().as_bytes())
    }

    #[test]
    fn numbers_names_and_paths_of_a_plan_are_within_their_bounds() {
        let parameters = "/targets/0/becomes/corpus/parameters";
        let set = "/targets/0/becomes/corpus/sets/0";
        changed("/command", json!("another")).unwrap();
        for (pointer, value, said) in [
            ("/schema", json!("facesets.plan/2"), "schema"),
            ("/targets/0/root", json!("corpus"), "no absolute path"),
            ("/targets/0/root", json!("/"), "no absolute path"),
            ("/targets/0/root", json!("/a/../etc"), "no absolute path"),
            (&format!("{parameters}/out_size"), json!(0), "crops of 0 pixels"),
            (&format!("{parameters}/out_size"), json!(4_000_000_000u32), "crops of 4000000000 pixels"),
            (&format!("{parameters}/out_size"), json!(-1), "invalid value"),
            (&format!("{parameters}/pad_ratio"), json!(1e30), "from 0 to 4"),
            (&format!("{parameters}/min_face_short"), json!(-5), "at least 0"),
            (&format!("{parameters}/outlier_threshold"), json!(7), "not a cosine distance"),
            (&format!("{set}/name"), json!("../x"), "cannot be the name"),
            (&format!("{set}/name"), json!("manifest.json"), "no name of a faceset"),
            (&format!("{set}/name"), json!("faceset_18446744073709551615"), "no name of a faceset"),
            (&format!("{set}/label"), json!("../x"), "cannot be the name"),
            (&format!("{set}/marker"), json!("a/b"), "cannot be the name"),
            (&format!("{set}/faces"), json!([]), "has no faces"),
        ] {
            let error = changed(pointer, value.clone()).unwrap_err();
            assert!(error.contains(said), "{pointer} {value}: {error}");
        }
    }

    #[test]
    fn a_plan_changes_no_folder_that_no_command_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let gallery = gallery_of(&[(0, 0.0), (1, 0.0)]);
        let demand = |name: &str| demand_ours(&plan(&gallery, root.join(name).to_str().unwrap()).targets[0]);
        fs::create_dir(root.join("empty")).unwrap();
        fs::write(root.join("empty/.DS_Store"), "x").unwrap();
        demand("new").unwrap();
        demand("empty").unwrap();
        for (name, file) in [("photos", "a.jpg"), ("app", "manifest.json")] {
            fs::create_dir(root.join(name)).unwrap();
            fs::write(root.join(name).join(file), "{}").unwrap();
            assert!(matches!(demand(name), Err(ApplyError::NotOurs(_))), "{name}");
        }
        fs::create_dir(root.join("corpus")).unwrap();
        fs::write(root.join("corpus/manifest.json"), r#"{"schema": "facesets.corpus/1"}"#).unwrap();
        demand("corpus").unwrap();
        std::os::unix::fs::symlink("corpus", root.join("link")).unwrap();
        assert!(matches!(demand("link"), Err(ApplyError::NotOurs(_))));
    }

    #[test]
    fn whatever_the_bytes_of_a_plan_say_it_is_refused_or_can_be_planned_with() {
        let gallery = gallery_of(&[(0, 0.0), (1, 0.0)]);
        let seed = serde_json::to_vec(&plan(&gallery, "/corpus")).unwrap();
        let view = View::new(gallery, ResolvedPins::default(), &[]);
        survives(&[Seed::new("plan", seed)], 3_000, |bytes| {
            let Ok(plan) = Plan::parse(bytes) else { return };
            for target in &plan.targets {
                let Becomes::Corpus(additions) = &target.becomes else { continue };
                let origin = crate::export::origin::Origin { kind: additions.origin, run: 1 };
                let _ = super::super::corpus::planned(additions, &origin, &view);
            }
        });
    }
}
