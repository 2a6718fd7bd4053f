//! Which face each entry of an old corpus means, and what becomes of those that mean none. Pure.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::Path,
};

use facesets_base::layout::{MASKED, THIN};
use facesets_core::{BBox, Sha256Digest};
use facesets_corpus::{
    change::FaceDrop,
    export::{
        OUT_SIZES,
        manifest::{Aside, Mismatch, SetAside, Unmatched},
        origin::OriginKind,
        plan::as_the_user_says,
    },
    identity::file_label,
    manifest::{DroppedFace, FaceEntry, face_entries, set_name, set_number},
    plan::adoption::{AdoptedCrop, AdoptedSet, Adoption},
};
use facesets_people::{
    drops::{Drop, DropReason},
    gallery::{Content, FaceFinder, Gallery},
    pins::ResolvedPins,
};
use serde::Serialize;

use super::old::{OldCorpus, OldFace, OldSet, QUARANTINES};

/// What an adoption comes to; faces and crops are counted once a set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Entries of sets in use.
    pub entries: usize,
    /// Sets that are taken over.
    pub sets: usize,
    /// Their crops.
    pub crops: usize,
    /// Faces that are dropped for good.
    pub dropped: usize,
    /// Faces that were dropped from one set and are in use in another.
    pub elsewhere: usize,
    /// Crops that pins speak against.
    pub pinned: usize,
}

/// An entry or a crop of a set that fits no face.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InSet {
    /// The set.
    pub set: String,
    /// The entry.
    #[serde(flatten)]
    pub entry: Unmatched,
}

/// What fits no face, set by set.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Leftovers {
    /// Entries of sets in use, and crops that no entry names.
    pub unmatched: Vec<InSet>,
    /// The same of what was dropped: nothing can be remembered of it.
    pub dropped_unmatched: Vec<InSet>,
}

/// Decides what becomes of an old corpus.
///
/// Every entry of a set whose crop is there and whose face the library has is taken over, in order, and its
/// crop keeps its name. An entry whose crop lies among those that were dropped is a dropped face, and so is
/// one that the manifest calls dropped, in use or in quarantine. Dropped faces that no set has in use are
/// dropped for good. What pins speak against is not taken over.
pub fn adopt(gallery: &Gallery, old: &OldCorpus, pins: &ResolvedPins) -> (Adoption, Counts, Leftovers) {
    let matcher = Matcher::new(gallery);
    let matched: Vec<Matched> = old.sets.iter().map(|set| matcher.set(set, pins)).collect();
    let in_use: HashSet<usize> =
        matched.iter().flat_map(|set| set.faces.iter().map(|(row, _)| *row)).collect();

    let (mut counts, mut leftovers) = (Counts::default(), Leftovers::default());
    let mut aside = Aside::default();
    let mut drops: BTreeMap<usize, String> = BTreeMap::new();
    let mut collect = |set: &OldSet, matched: &Matched, counts: &mut Counts| {
        leftovers.dropped_unmatched.extend(in_set(set, &matched.dropped_unmatched));
        for (row, reason) in &matched.dropped {
            if in_use.contains(row) {
                counts.elsewhere += 1;
            } else {
                drops.entry(*row).or_insert_with(|| format!("{}: {reason}", set.name));
            }
        }
    };
    let (mut sets, mut unmatched) = (Vec::new(), Vec::new());
    for (set, matched) in old.sets.iter().zip(&matched) {
        counts.entries += set.faces.len();
        collect(set, matched, &mut counts);
        unmatched.extend(in_set(set, &matched.unmatched));
        if matched.faces.is_empty() {
            aside.unmatched.push(set_aside(set, None));
        }
    }
    for (which, set, merged_into) in &old.aside {
        collect(set, &matcher.set(set, pins), &mut counts);
        list(&mut aside, *which).push(set_aside(set, merged_into.clone()));
    }
    let mut missing = Vec::new();
    for (which, name) in &old.missing {
        match which {
            Some(which) => list(&mut aside, *which).push(SetAside {
                name: name.clone(),
                label: None,
                images: 0,
                merged_into: None,
                present: false,
                summary: None,
            }),
            None => missing.push(name.clone()),
        }
    }
    for (set, matched) in old.sets.iter().zip(matched).filter(|(_, matched)| !matched.faces.is_empty()) {
        counts.sets += 1;
        counts.crops += matched.faces.len();
        counts.pinned += matched.pinned.len();
        sets.push(matcher.adopted(set, matched, origin(old, set), &in_use));
    }
    counts.dropped = drops.len();
    let drops = drops.into_iter().filter_map(|(row, reason)| {
        let FaceEntry { sha256, bbox, .. } = matcher.entry(row)?;
        Some(FaceDrop { sha256, bbox, reason })
    });
    let adoption = Adoption { sets, aside, missing, beside: old.beside.clone(), drops: drops.collect() };
    leftovers.unmatched = unmatched;
    (adoption, counts, leftovers)
}

/// What an old set comes to.
struct Matched {
    /// Side of its crops in pixels.
    side: u32,
    /// Rows with their crops.
    faces: Vec<(usize, String)>,
    /// Rows that were dropped, and why.
    dropped: BTreeMap<usize, String>,
    dropped_unmatched: Vec<Unmatched>,
    /// What pins speak against, with the crops.
    pinned: Vec<(Drop, String)>,
    unmatched: Vec<Unmatched>,
}

/// Faces of a library by what an old manifest says of them.
struct Matcher<'a> {
    gallery: &'a Gallery,
    finder: FaceFinder<'a>,
    by_path: HashMap<&'a Path, Sha256Digest>,
    known: HashSet<Sha256Digest>,
}

impl<'a> Matcher<'a> {
    fn new(gallery: &'a Gallery) -> Self {
        let paths =
            |content: &'a Content| content.locations.iter().map(|location| (location.path(), content.sha256));
        Self {
            gallery,
            finder: FaceFinder::new(gallery),
            by_path: gallery.contents.iter().flat_map(paths).collect(),
            known: gallery.contents.iter().map(|content| content.sha256).collect(),
        }
    }

    /// By the photo's digest where that is given and known, else by its path; then by the box.
    fn row(&self, face: &OldFace) -> Result<usize, Mismatch> {
        let given = face.sha256.as_ref().and_then(|text| text.parse().ok());
        let content = given
            .filter(|digest| self.known.contains(digest))
            .or_else(|| self.by_path.get(face.source.as_path()).copied())
            .ok_or(Mismatch::UnknownPhoto)?;
        let bbox = BBox::new(face.bbox).map_err(|_| Mismatch::NoFaceThere)?;
        self.finder.find(&content, &bbox).ok_or(Mismatch::NoFaceThere)
    }

    fn entry(&self, row: usize) -> Option<FaceEntry> {
        face_entries(self.gallery, row).next()
    }

    fn set(&self, set: &OldSet, pins: &ResolvedPins) -> Matched {
        let mut matched = Matched {
            side: side(set),
            faces: Vec::new(),
            dropped: BTreeMap::new(),
            dropped_unmatched: Vec::new(),
            pinned: Vec::new(),
            unmatched: Vec::new(),
        };
        let mut crop_of: HashMap<usize, String> = HashMap::new();
        let mut used: BTreeSet<&str> = BTreeSet::new();
        let mut drops: Vec<&OldFace> = Vec::new();
        for face in &set.faces {
            let file = face.file.as_deref().unwrap_or_default();
            let size = set.crops.get(file).copied().filter(|_| used.insert(file));
            let row = match size {
                None if !set.crops.contains_key(file) && set.dropped_crops.contains(file) => {
                    drops.push(face);
                    continue;
                }
                None => Err(Mismatch::NoCrop),
                Some(size) if size != (matched.side, matched.side) || matched.side == 0 => {
                    Err(Mismatch::OtherSize(size.0, size.1))
                }
                Some(_) => self.row(face).and_then(|row| match crop_of.get(&row) {
                    Some(first) => Err(Mismatch::SameFaceAs(first.clone())),
                    None => Ok(row),
                }),
            };
            match row {
                Ok(row) => {
                    crop_of.insert(row, file.to_owned());
                    matched.faces.push((row, file.to_owned()));
                }
                Err(why) => {
                    let file = size.map(|_| file.to_owned());
                    matched.unmatched.push(face_unmatched(face, file, why));
                }
            }
        }
        let unnamed = set.crops.keys().filter(|file| !used.contains(file.as_str()));
        matched.unmatched.extend(unnamed.map(|file| crop_unmatched(file)));
        self.dropped(set, drops, &crop_of, &mut matched);
        self.heed(pins, &mut matched);
        matched
    }

    /// The faces of some entries and of the manifest's list of dropped ones.
    fn dropped(
        &self,
        set: &OldSet,
        entries: Vec<&OldFace>,
        in_use: &HashMap<usize, String>,
        matched: &mut Matched,
    ) {
        let mut named: BTreeSet<&str> = BTreeSet::new();
        for face in entries.into_iter().chain(&set.dropped) {
            named.extend(face.file.as_deref());
            match self.row(face) {
                Ok(row) if in_use.contains_key(&row) => {}
                Ok(row) => {
                    let reason = face.reason.clone();
                    let reason = reason.unwrap_or_else(|| "its crop lay in `_dropped`".to_owned());
                    matched.dropped.entry(row).or_insert(reason);
                }
                Err(why) => {
                    matched.dropped_unmatched.push(face_unmatched(face, face.file.clone(), why));
                }
            }
        }
        let unnamed = set.dropped_crops.iter().filter(|file| !named.contains(file.as_str()));
        matched.dropped_unmatched.extend(unnamed.map(|file| crop_unmatched(file)));
    }

    /// Takes out what pins speak against.
    fn heed(&self, pins: &ResolvedPins, matched: &mut Matched) {
        let rows: Vec<usize> = matched.faces.iter().map(|(row, _)| *row).collect();
        let mut drops = Vec::new();
        as_the_user_says(self.gallery, rows, pins, &mut drops);
        for drop in drops {
            if let Some(at) = matched.faces.iter().position(|(row, _)| *row == drop.face) {
                let (_, file) = matched.faces.remove(at);
                matched.pinned.push((drop, file));
            }
        }
    }

    fn adopted(
        &self,
        set: &OldSet,
        matched: Matched,
        origin: OriginKind,
        in_use: &HashSet<usize>,
    ) -> AdoptedSet {
        let Matched { side, faces, dropped, pinned, unmatched, .. } = matched;
        let decided = |row: &usize| {
            if in_use.contains(row) { DropReason::Elsewhere {} } else { DropReason::Decided { decision: 0 } }
        };
        let mut drops: BTreeMap<usize, DropReason> = dropped.keys().map(|row| (*row, decided(row))).collect();
        drops.extend(pinned.iter().map(|(drop, _)| (drop.face, drop.reason.clone())));
        let dropped = |(row, reason)| Some(DroppedFace { face: self.entry(row)?, reason });
        let crop = |(row, file)| Some(AdoptedCrop { file, face: self.entry(row)? });
        AdoptedSet {
            name: set.name.clone(),
            label: set.label.as_deref().map(file_label),
            marker: set.marker.clone(),
            origin,
            top_n: set.top_n,
            out_size: side,
            faces: faces.into_iter().filter_map(crop).collect(),
            dropped: drops.into_iter().filter_map(dropped).collect(),
            pinned: pinned.into_iter().map(|(_, file)| file).collect(),
            unmatched,
            beside: set.beside.clone(),
        }
    }
}

fn in_set(set: &OldSet, entries: &[Unmatched]) -> Vec<InSet> {
    entries.iter().map(|entry| InSet { set: set.name.clone(), entry: entry.clone() }).collect()
}

fn face_unmatched(face: &OldFace, file: Option<String>, why: Mismatch) -> Unmatched {
    Unmatched { file, source: Some(face.source.display().to_string()), bbox: Some(face.bbox), why }
}

/// A crop that no entry names.
fn crop_unmatched(file: &str) -> Unmatched {
    Unmatched { file: Some(file.to_owned()), source: None, bbox: None, why: Mismatch::NoEntry }
}

/// The side that most square crops of a set have, of sides that crops can have; 0 without any.
fn side(set: &OldSet) -> u32 {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for (width, _) in
        set.crops.values().filter(|(width, height)| width == height && OUT_SIZES.contains(&i64::from(*width)))
    {
        *counts.entry(*width).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map_or(0, |(side, _)| side)
}

/// Whoever named a set has sorted it; whoever left only a note found it somewhere. An era has the origin of
/// its whole set.
fn origin(old: &OldCorpus, set: &OldSet) -> OriginKind {
    let of = |set: &OldSet| match (&set.label, &set.marker) {
        (Some(_), _) => OriginKind::HandSorted,
        (None, Some(_)) => OriginKind::Discovered,
        (None, None) => OriginKind::Auto,
    };
    let whole = set_number("faceset", &set.name).map(|number| set_name("faceset", number));
    let whole = old.sets.iter().find(|other| Some(&other.name) == whole.as_ref());
    whole.map_or(OriginKind::Auto, of)
}

fn set_aside(set: &OldSet, merged_into: Option<String>) -> SetAside {
    let (name, label) = (set.name.clone(), set.label.clone());
    SetAside { name, label, images: set.crops.len(), merged_into, present: true, summary: None }
}

/// The list for one of [`QUARANTINES`].
fn list(aside: &mut Aside, which: usize) -> &mut Vec<SetAside> {
    match QUARANTINES[which].0 {
        THIN => &mut aside.thin_eras,
        MASKED => &mut aside.masked,
        _ => &mut aside.merged,
    }
}

#[cfg(test)]
mod tests {
    use facesets_people::testing::gallery_of;

    use super::*;

    const BOX: [f32; 4] = [12.0, 8.0, 208.0, 228.0];

    fn face(file: &str, photo: usize) -> OldFace {
        let source = format!("/photos/{photo:03}.jpg").into();
        OldFace { file: Some(file.to_owned()), source, sha256: None, bbox: BOX, reason: None }
    }

    fn set(name: &str, faces: &[(&str, usize)], crops: &[&str], dropped: &[&str]) -> OldSet {
        OldSet {
            name: name.to_owned(),
            top_n: 30,
            crops: crops.iter().map(|file| ((*file).to_owned(), (512, 512))).collect(),
            dropped_crops: dropped.iter().map(|file| (*file).to_owned()).collect(),
            faces: faces.iter().map(|(file, photo)| face(file, *photo)).collect(),
            ..OldSet::default()
        }
    }

    fn whys(set: &AdoptedSet) -> Vec<(Option<&str>, &Mismatch)> {
        set.unmatched.iter().map(|entry| (entry.file.as_deref(), &entry.why)).collect()
    }

    #[test]
    fn entries_are_taken_over_or_named_with_what_is_the_matter() {
        let gallery = gallery_of(&[(0, 0.0), (0, 0.1), (0, 0.2)]);
        let faces = [("1", 0), ("2", 77), ("3", 0), ("4", 1), ("5", 1), ("6", 1), ("7", 2)];
        let mut old = set("faceset_003", &faces, &["1", "2", "3", "5", "6", "7", "8"], &[]);
        old.faces[4].bbox = [500.0, 500.0, 600.0, 600.0];
        old.crops.insert("7".to_owned(), (100, 512));
        let corpus = OldCorpus { sets: vec![old], ..OldCorpus::default() };
        let (adoption, counts, leftovers) = adopt(&gallery, &corpus, &ResolvedPins::default());
        let set = &adoption.sets[0];
        let taken: Vec<_> =
            set.faces.iter().map(|crop| (crop.file.as_str(), crop.face.path.as_str())).collect();
        assert_eq!(taken, [("1", "/photos/000.jpg"), ("6", "/photos/001.jpg")]);
        assert_eq!(
            whys(set),
            [
                (Some("2"), &Mismatch::UnknownPhoto),
                (Some("3"), &Mismatch::SameFaceAs("1".to_owned())),
                (None, &Mismatch::NoCrop),
                (Some("5"), &Mismatch::NoFaceThere),
                (Some("7"), &Mismatch::OtherSize(100, 512)),
                (Some("8"), &Mismatch::NoEntry),
            ]
        );
        assert_eq!((counts.entries, counts.sets, counts.crops), (7, 1, 2));
        assert_eq!(leftovers.unmatched.len(), 6);
    }

    #[test]
    fn a_digest_finds_a_photo_that_has_moved() {
        let gallery = gallery_of(&[(0, 0.0)]);
        let mut old = set("faceset_001", &[("1", 55)], &["1"], &[]);
        old.faces[0].sha256 = Some(gallery.contents[0].sha256.to_string());
        let corpus = OldCorpus { sets: vec![old], ..OldCorpus::default() };
        assert_eq!(adopt(&gallery, &corpus, &ResolvedPins::default()).1.crops, 1);
    }

    #[test]
    fn what_was_dropped_is_dropped_for_good_unless_another_set_has_it() {
        let gallery = gallery_of(&[(0, 0.0), (0, 0.1), (0, 0.2), (0, 0.3), (1, 0.0)]);
        let mut first = set("faceset_001", &[("1", 0), ("2", 1), ("3", 2)], &["1"], &["2", "3", "9"]);
        first.faces[1].reason = Some("sunglasses 0.91".to_owned());
        // A crop of another face has got the name of one that was dropped.
        let second = set("faceset_002", &[("1", 2), ("2", 4)], &["1", "2"], &["2"]);
        let mut quarantined = set("faceset_004", &[], &[], &[]);
        quarantined.dropped = vec![face("7", 3), face("8", 99)];
        let corpus = OldCorpus {
            sets: vec![first, second],
            aside: vec![(2, quarantined, Some("faceset_001".to_owned()))],
            missing: vec![(None, "faceset_009".to_owned()), (Some(1), "faceset_011".to_owned())],
            ..OldCorpus::default()
        };
        let (adoption, counts, leftovers) = adopt(&gallery, &corpus, &ResolvedPins::default());
        let reasons: Vec<&str> = adoption.drops.iter().map(|drop| drop.reason.as_str()).collect();
        assert_eq!(reasons, ["faceset_001: sunglasses 0.91", "faceset_004: its crop lay in `_dropped`"]);
        assert_eq!(adoption.drops[0].sha256, gallery.contents[1].sha256.to_string());
        let of_first: Vec<DropReason> =
            adoption.sets[0].dropped.iter().map(|drop| drop.reason.clone()).collect();
        assert_eq!(of_first, [DropReason::Decided { decision: 0 }, DropReason::Elsewhere {}]);
        assert_eq!((counts.dropped, counts.elsewhere, leftovers.dropped_unmatched.len()), (2, 1, 3));
        assert_eq!(adoption.aside.merged[0].merged_into.as_deref(), Some("faceset_001"));
        assert!(!adoption.aside.masked[0].present);
        assert_eq!(adoption.missing, ["faceset_009"]);
    }

    #[test]
    fn pins_go_before_what_the_old_system_thought() {
        let gallery = gallery_of(&[(0, 0.0), (0, 0.1)]);
        let pins = ResolvedPins { no_faces: vec![(1, 6)], ..ResolvedPins::default() };
        let old = set("faceset_001", &[("1", 0), ("2", 1)], &["1", "2"], &[]);
        let corpus = OldCorpus { sets: vec![old], ..OldCorpus::default() };
        let (adoption, ..) = adopt(&gallery, &corpus, &pins);
        assert_eq!((adoption.sets[0].faces.len(), &adoption.sets[0].pinned[..]), (1, &["2".to_owned()][..]));
        assert_eq!(adoption.sets[0].dropped[0].reason, DropReason::Pinned { pin: 6 });
    }

    #[test]
    fn a_set_without_a_known_face_is_set_aside_whole() {
        let gallery = gallery_of(&[(0, 0.0)]);
        let old = set("faceset_005", &[("1", 8)], &["1"], &[]);
        let corpus = OldCorpus { sets: vec![old], ..OldCorpus::default() };
        let (adoption, counts, leftovers) = adopt(&gallery, &corpus, &ResolvedPins::default());
        assert_eq!((adoption.sets.len(), adoption.aside.unmatched[0].name.as_str()), (0, "faceset_005"));
        assert_eq!((counts.entries, counts.crops, leftovers.unmatched.len()), (1, 0, 1));
    }
}
