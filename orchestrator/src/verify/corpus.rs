//! What `export-swap` wrote and other commands added to: crops, bundles, manifests.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Read as _,
    path::Path,
};

use super::{Look, VerifyError, names};
use crate::{
    adopt::old::DROPPED,
    export::{
        manifest::{CorpusManifest, FacesetManifest, FacesetSummary, THIN, UNMATCHED},
        render::FACES,
    },
    manifest::{self, FILE_NAME},
};

/// What may lie in a corpus besides its facesets.
const BESIDE: [&str; 2] = ["index.html", "_candidates"];

pub(super) fn corpus(look: &mut Look<'_>, corpus: &CorpusManifest) -> Result<(), VerifyError> {
    look.seen.extend(BESIDE.map(str::to_owned));
    look.seen.extend(corpus.beside.iter().cloned());
    for (folder, sets) in corpus.aside.lists() {
        look.seen.insert(folder.to_owned());
        for set in sets.iter().filter(|set| set.present) {
            if !look.root.join(folder).join(&set.name).is_dir() {
                look.finding(&format!("{folder}/{}", set.name), "is missing");
            }
        }
    }
    let thin = corpus.thin().map(|summary| (summary, format!("{THIN}/{}", summary.name)));
    let sets = corpus.facesets.iter().map(|summary| (summary, summary.name.clone())).chain(thin);
    look.monitor.start("verify", Some((corpus.facesets.len() + corpus.thin().count()) as u64));
    for (summary, name) in sets {
        look.verified.sets += 1;
        if !look.seen.insert(name.clone()) {
            look.finding(&name, "is in the manifest twice");
        }
        match manifest::read::<FacesetManifest>(&look.root.join(&name)) {
            Ok(set) => faceset(look, corpus, summary, &set, &name)?,
            Err(error) => look.finding(&name, error.to_string()),
        }
        look.monitor.advance(1);
    }
    look.monitor.finish();
    // What was taken over may have lain there among other things.
    let all_are_ours = corpus.aside.thin_eras.iter().all(|set| set.summary.is_some());
    let there = if all_are_ours { names(&look.root.join(THIN))? } else { BTreeSet::new() };
    for name in there {
        let name = format!("{THIN}/{name}");
        if !look.seen.contains(&name) {
            look.finding(&name, "is not in the manifest");
        }
    }
    Ok(())
}

fn faceset(
    look: &mut Look<'_>,
    corpus: &CorpusManifest,
    summary: &FacesetSummary,
    set: &FacesetManifest,
    name: &str,
) -> Result<(), VerifyError> {
    let home = look.root.join(name);
    if set.name != summary.name {
        look.finding(name, format!("its manifest is that of {}", set.name));
    }
    if set.contract != corpus.contract {
        look.finding(name, format!("has contract {}", set.contract));
    }
    let parent = set.parent.as_ref();
    if parent.is_some_and(|parent| !corpus.facesets.iter().any(|set| set.name == *parent)) {
        look.finding(name, "is an era of a set that is not in the corpus");
    }
    let era = set.era.as_ref().map(|era| &era.label);
    if (parent, era) != (summary.parent.as_ref(), summary.era.as_ref()) {
        look.finding(name, "is another era than the manifest over all says");
    }
    if (set.faces.len(), set.dropped.len()) != (summary.images, summary.dropped) {
        look.finding(name, "has another number of faces than the manifest over all says");
    }
    for face in &set.faces {
        if look.index.row(&face.sha256, face.bbox).is_none() {
            look.finding(&format!("{name}/{}", face.file), "is no face of this library");
        }
        crop(look, &home, name, &face.file, set.parameters.out_size);
    }
    let listed: BTreeSet<&str> = set.faces.iter().map(|face| face.file.as_str()).collect();
    for file in names(&home.join(FACES))? {
        if ![DROPPED, UNMATCHED].contains(&file.as_str())
            && !listed.contains(format!("{FACES}/{file}").as_str())
        {
            look.finding(&format!("{name}/{FACES}/{file}"), "is not in the manifest");
        }
    }
    let mut expected = BTreeSet::from([FACES.to_owned(), FILE_NAME.to_owned()]);
    expected.extend(set.beside.iter().cloned());
    expected.extend(set.marker.iter().map(|marker| format!("{marker}.txt")));
    for bundle in &summary.bundles {
        let file = bundle.rsplit('/').next().unwrap_or(bundle);
        expected.insert(file.to_owned());
        let all = if file.ends_with("_all.fsz") { usize::MAX } else { set.parameters.top_n };
        let crops: Vec<&str> = set.faces.iter().take(all).map(|face| face.file.as_str()).collect();
        if let Err(problem) = bundle_holds(&look.root.join(bundle), &home, &crops) {
            look.finding(bundle, problem);
        }
    }
    let there = names(&home)?;
    for missing in expected.difference(&there) {
        look.finding(&format!("{name}/{missing}"), "is missing");
    }
    for more in there.difference(&expected) {
        look.finding(&format!("{name}/{more}"), "does not belong there");
    }
    Ok(())
}

/// Demands a PNG of the right size.
fn crop(look: &mut Look<'_>, home: &Path, name: &str, file: &str, side: u32) {
    look.verified.files += 1;
    let what = format!("{name}/{file}");
    match image::image_dimensions(home.join(file)) {
        Ok((width, height)) if (width, height) == (side, side) => {}
        Ok((width, height)) => look.finding(&what, format!("has {width} × {height} pixels, not {side}²")),
        Err(error) => look.finding(&what, format!("cannot be read: {error}")),
    }
}

/// Demands that a bundle is flat and holds these crops in this order, byte for byte.
fn bundle_holds(path: &Path, home: &Path, crops: &[&str]) -> Result<(), String> {
    let unreadable = |error: &dyn std::fmt::Display| format!("cannot be read: {error}");
    let mut zip = zip::ZipArchive::new(File::open(path).map_err(|error| unreadable(&error))?)
        .map_err(|error| unreadable(&error))?;
    if zip.len() != crops.len() {
        return Err(format!("holds {} crops instead of {}", zip.len(), crops.len()));
    }
    for (number, crop) in crops.iter().enumerate() {
        let mut entry = zip.by_index(number).map_err(|error| unreadable(&error))?;
        let name = entry.name().map_err(|error| unreadable(&error))?.into_owned();
        if format!("{FACES}/{name}") != **crop {
            return Err(format!("holds {name} where {crop} should be"));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
        if fs::read(home.join(crop)).ok() != Some(bytes) {
            return Err(format!("holds another {name} than the set"));
        }
    }
    Ok(())
}
