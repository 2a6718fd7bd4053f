//! What `export-swap` wrote and other commands added to: crops, bundles, manifests.

use std::{
    collections::{BTreeSet, HashMap},
    io::Cursor,
    path::Path,
};

use facesets_base::{
    file,
    layout::{CANDIDATES, DROPPED, FACES, MANIFEST, PAGE, THIN, UNMATCHED},
};
use facesets_core::Sha256Digest;
use image::ImageReader;
use tokio_util::sync::CancellationToken;

use super::{Look, VerifyError, statements};
use crate::{
    certificate::consumer,
    export::manifest::{BundleRecord, CorpusManifest, ExportedFace, FacesetManifest, FacesetSummary},
    manifest,
};

/// What may lie in a corpus besides its facesets.
const BESIDE: [&str; 2] = [PAGE, CANDIDATES];

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
            Ok(set) => {
                faceset(look, corpus, summary, &set, &name)?;
                statements::crops(look, &set, &name);
                let whole = set
                    .parent
                    .as_ref()
                    .map(|parent| manifest::read::<FacesetManifest>(&look.root.join(parent)));
                let whole = whole.and_then(Result::ok);
                let mut person = set.person(&look.view.index);
                person.extend(whole.iter().flat_map(|whole| whole.person(&look.view.index)));
                statements::consent(look, &set, &name, &person);
            }
            Err(error) => look.finding(&name, error.to_string()),
        }
        look.monitor.advance(1);
    }
    look.monitor.finish();
    if !look.root.join(PAGE).exists() {
        look.finding(PAGE, "is missing");
    }
    // What was taken over may have lain there among other things.
    let all_are_ours = corpus.aside.thin_eras.iter().all(|set| set.summary.is_some());
    let there = if all_are_ours { look.names(THIN)? } else { BTreeSet::new() };
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
    let mut own = FacesetSummary::of(set, name);
    // Earlier versions named the bundles here only.
    if set.bundles.is_empty() {
        own.bundles.clone_from(&summary.bundles);
    }
    if *summary != own {
        look.finding(name, "is not what the manifest over all says of it");
    }
    let mut crops = HashMap::new();
    for face in &set.faces {
        if look.stop.is_cancelled() {
            return Err(VerifyError::Stopped);
        }
        look.face_is_known(&format!("{name}/{}", face.file), &face.sha256, face.bbox);
        if let Some(digest) = crop(look, &home, name, face, set.parameters.out_size) {
            crops.insert(face.file.as_str(), digest);
        }
    }
    let listed: BTreeSet<&str> = set.faces.iter().map(|face| face.file.as_str()).collect();
    for file in look.names(&format!("{name}/{FACES}"))? {
        if ![DROPPED, UNMATCHED].contains(&file.as_str())
            && !listed.contains(format!("{FACES}/{file}").as_str())
        {
            look.finding(&format!("{name}/{FACES}/{file}"), "is not in the manifest");
        }
    }
    let mut expected = BTreeSet::from([FACES.to_owned(), MANIFEST.to_owned()]);
    expected.extend(set.beside.iter().cloned());
    expected.extend(set.marker.iter().map(|marker| format!("{marker}.txt")));
    for bundle in bundles(summary, set) {
        if let Err(problem) = bundle_holds(&home, &bundle, &crops, set.parameters.out_size, look.stop) {
            look.finding(&format!("{name}/{}", bundle.file), problem);
        }
        expected.insert(bundle.file);
    }
    for record in &set.formats {
        look.verified.files += 1;
        let there = file::digest(&home.join(&record.file));
        if there.is_ok_and(|(sha256, _)| sha256.to_string() != record.sha256) {
            look.finding(&format!("{name}/{}", record.file), "has other bytes than the file that was made");
        }
        expected.insert(record.file.clone());
    }
    let there = look.names(name)?;
    for missing in expected.difference(&there) {
        look.finding(&format!("{name}/{missing}"), "is missing");
    }
    for more in there.difference(&expected) {
        look.finding(&format!("{name}/{more}"), "does not belong there");
    }
    Ok(())
}

/// The bundles of a set; earlier versions did not write down which crops are in each, nor its digest.
fn bundles(summary: &FacesetSummary, set: &FacesetManifest) -> Vec<BundleRecord> {
    if !set.bundles.is_empty() {
        return set.bundles.clone();
    }
    let record_of = |bundle: &String| {
        let file = bundle.rsplit('/').next().unwrap_or(bundle).to_owned();
        let most = if file.ends_with("_all.fsz") { usize::MAX } else { set.parameters.top_n };
        let crops = set.faces.iter().take(most).map(|face| face.file.clone()).collect();
        BundleRecord { file, sha256: String::new(), crops, effective_identity_cosine: None }
    };
    summary.bundles.iter().map(record_of).collect()
}

/// Demands a PNG of the right size, with the bytes that the manifest names; returns the digest of those that
/// are there.
fn crop(
    look: &mut Look<'_>,
    home: &Path,
    name: &str,
    face: &ExportedFace,
    side: u32,
) -> Option<Sha256Digest> {
    look.verified.files += 1;
    let what = format!("{name}/{}", face.file);
    let bytes = match consumer::crop_bytes(&home.join(&face.file)) {
        Ok(bytes) => bytes,
        Err(error) => {
            look.finding(&what, format!("cannot be read: {error}"));
            return None;
        }
    };
    let digest = Sha256Digest::of(&bytes);
    if face.png_sha256.as_ref().is_some_and(|png| *png != digest.to_string()) {
        look.finding(&what, "has other bytes than the crop that was made");
    }
    let size = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map(ImageReader::into_dimensions);
    match size.map_err(image::ImageError::from).flatten() {
        Ok(size) if size == (side, side) => {}
        Ok((width, height)) => look.finding(&what, format!("has {width} × {height} pixels, not {side}²")),
        Err(error) => look.finding(&what, format!("is no image: {error}")),
    }
    Some(digest)
}

/// Demands that a bundle of the set at `home` has the bytes that the manifest names, and holds its crops in
/// their order; `digests` are those of the set's crops, by their files.
fn bundle_holds(
    home: &Path,
    bundle: &BundleRecord,
    digests: &HashMap<&str, Sha256Digest>,
    side: u32,
    stop: &CancellationToken,
) -> Result<(), String> {
    let path = &home.join(&bundle.file);
    let contents = consumer::bundle(path, side, stop)
        .map_err(|error| format!("is no bundle that can be read: {error}"))?;
    if let Some((entry, fault)) = contents.faults.first() {
        return Err(format!("{entry} {fault}"));
    }
    let (held, wanted) = (contents.crops.len(), bundle.crops.len());
    if held != wanted {
        return Err(format!("holds {held} crops instead of {wanted}"));
    }
    for (held, crop) in contents.crops.iter().zip(&bundle.crops) {
        if digests.get(crop.as_str()) != Some(&held.sha256) {
            return Err(format!("holds as {} something else than {crop}", held.name));
        }
    }
    let (sha256, _) = file::digest(path).map_err(|error| error.to_string())?;
    if !bundle.sha256.is_empty() && bundle.sha256 != sha256.to_string() {
        return Err("has other bytes than the bundle that was made".to_owned());
    }
    Ok(())
}
