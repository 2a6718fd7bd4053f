//! What `cluster` and `refine` wrote: folders of photos.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use facesets_base::{
    file,
    layout::{NOFACE, SINGLETONS},
};

use super::{Depth, Look, VerifyError};
use crate::{
    manifest::{ClusterManifest, FaceEntry, NamedSet, RefinedManifest},
    placement::{Placement, flat_name},
};

/// A photo at one place: path as text, digest.
type Photo<'a> = (&'a str, &'a str);

pub(super) fn clusters(look: &mut Look<'_>, manifest: &ClusterManifest) -> Result<(), VerifyError> {
    sets(look, &manifest.persons, manifest.materialize)?;
    look.faces_are_known(SINGLETONS, &manifest.singletons);
    folder(look, SINGLETONS, photos(&manifest.singletons), manifest.materialize)?;
    let noface = manifest.noface.iter().map(|entry| (entry.path.as_str(), entry.sha256.as_str()));
    folder(look, NOFACE, noface.collect(), manifest.materialize)?;
    let singletons = NamedSet { name: SINGLETONS.to_owned(), faces: manifest.singletons.clone() };
    each_face_once(look, manifest.persons.iter().chain([&singletons]));
    Ok(())
}

pub(super) fn refined(look: &mut Look<'_>, manifest: &RefinedManifest) -> Result<(), VerifyError> {
    sets(look, &manifest.facesets, manifest.materialize)?;
    each_face_once(look, manifest.facesets.iter());
    Ok(())
}

fn sets(look: &mut Look<'_>, sets: &[NamedSet], placement: Placement) -> Result<(), VerifyError> {
    look.monitor.start("verify", Some(sets.len() as u64));
    for set in sets {
        look.verified.sets += 1;
        look.faces_are_known(&set.name, &set.faces);
        folder(look, &set.name, photos(&set.faces), placement)?;
        look.monitor.advance(1);
    }
    look.monitor.finish();
    Ok(())
}

fn photos(faces: &[FaceEntry]) -> BTreeSet<Photo<'_>> {
    faces.iter().map(|face| (face.path.as_str(), face.sha256.as_str())).collect()
}

/// Demands that a folder holds these photos and nothing else.
fn folder(
    look: &mut Look<'_>,
    name: &str,
    photos: BTreeSet<Photo<'_>>,
    placement: Placement,
) -> Result<(), VerifyError> {
    let home = look.root.join(name);
    let mut there = look.names(name)?;
    if !there.is_empty() {
        look.seen.insert(name.to_owned());
    }
    if placement == Placement::None {
        return Ok(());
    }
    look.verified.files += photos.len();
    for photo in photos {
        if look.stop.is_cancelled() {
            return Err(VerifyError::Stopped);
        }
        let source = real_path(look, photo);
        let file = flat_name(&source);
        let what = format!("{name}/{file}");
        if there.remove(&file) {
            if look.depth == Depth::Bytes {
                match file::digest(&home.join(&file)) {
                    Ok((digest, _)) if digest.to_string() == photo.1 => {}
                    Ok((digest, _)) => look.finding(&what, format!("holds {digest}, not {}", photo.1)),
                    Err(error) => look.finding(&what, format!("cannot be read: {error}")),
                }
            }
        } else if source.exists() {
            look.finding(&what, "is missing");
        } else {
            look.verified.vanished += 1;
        }
    }
    for file in there {
        look.finding(&format!("{name}/{file}"), "is not in the manifest");
    }
    Ok(())
}

/// The path that a manifest means; where it is not UTF-8, the manifest's text has lost something.
fn real_path(look: &Look<'_>, (path, sha256): Photo<'_>) -> PathBuf {
    if path.contains(char::REPLACEMENT_CHARACTER) {
        let contents =
            look.view.gallery.contents.iter().filter(|content| content.sha256.to_string() == sha256);
        let mut locations = contents.flat_map(|content| &content.locations);
        if let Some(real) = locations.find(|real| real.text() == path) {
            return real.path().to_owned();
        }
    }
    PathBuf::from(path)
}

fn each_face_once<'a>(look: &mut Look<'_>, sets: impl Iterator<Item = &'a NamedSet>) {
    let mut set_of = BTreeMap::new();
    let mut twice = BTreeSet::new();
    for set in sets {
        for face in &set.faces {
            let key = (face.sha256.as_str(), face.bbox.map(f32::to_bits));
            let first = *set_of.entry(key).or_insert(set.name.as_str());
            if first != set.name {
                twice.insert((format!("{}: {}", set.name, face.path), format!("is in {first} too")));
            }
        }
    }
    for (what, problem) in twice {
        look.finding(&what, problem);
    }
}
