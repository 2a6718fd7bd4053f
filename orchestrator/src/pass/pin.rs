//! What the user knows better than embeddings.

use std::path::Path;

use facesets_base::{
    exit::{Failure, Hint},
    library::Library,
};
use facesets_corpus::{
    change::made,
    manifest::set_number,
    sets::{SetOf, sets_of},
    why::FaceName,
};
use facesets_library::store::{Store, StoreError, Writer};
use facesets_people::{
    gallery::{FaceFinder, FaceIndex, Gallery},
    pins::{Pin, PinKind, PinnedFace, distance, resolve},
    refine::RefineParameters,
};
use serde::Serialize;

use crate::pass::{
    Session,
    clustering::{ClusteringOptions, Pins, Watcher},
    planning::absolute,
};

/// A name that means several faces.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` has {faces} faces")]
struct SeveralFaces {
    name: String,
    faces: usize,
}

impl Hint for SeveralFaces {
    fn hint(&self) -> Option<String> {
        Some("say which: add `#0` to a path, `:0` to a digest; `facesets why` lists them".to_owned())
    }
}

/// Faces that are not one person's as far as anybody but the user knows.
#[derive(Debug, thiserror::Error)]
#[error("the two faces look like two people's: {0}")]
struct TwoPeople(String);

impl Hint for TwoPeople {
    fn hint(&self) -> Option<String> {
        Some(
            "if they are one person's, say so with `--merge`: `facesets cluster` and `refine` unite their sets from then on"
                .to_owned(),
        )
    }
}

/// No pin of that number.
#[derive(Debug, thiserror::Error)]
#[error("there is no pin {0}")]
struct NoPin(i64);

impl Hint for NoPin {
    fn hint(&self) -> Option<String> {
        Some("`facesets pin list` lists them".to_owned())
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) pins: Vec<Listed>,
}

/// Something that is not said any more.
#[derive(Debug, Serialize)]
pub(crate) struct Forgotten {
    #[serde(skip)]
    pub(crate) what: &'static str,
    /// Its number.
    pub(crate) removed: i64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    pub(crate) pin: i64,
    pub(crate) kind: PinKind,
    pub(crate) faces: Vec<ListedFace>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ListedFace {
    #[serde(skip)]
    pub(crate) pinned: PinnedFace,
    pub(crate) sha256: String,
    pub(crate) bbox: [f32; 4],
    /// PATH#NUMBER, as `pin` and `why` take it; `None` where the library has no such face.
    pub(crate) face: Option<String>,
}

/// A pin that is to be said.
#[derive(Debug)]
pub(crate) struct Options {
    /// What is said.
    pub(crate) kind: PinKind,
    /// The two faces by name; one face, twice, where it is said of one.
    pub(crate) faces: [String; 2],
    /// Contract of the embeddings, where the library has more than one.
    pub(crate) contract: Option<String>,
    /// Refused where the faces are two people's without it, as such a clustering tells.
    pub(crate) unless_two_people: Option<ClusteringOptions>,
}

/// Adds a pin, unless it contradicts those that are there.
pub(crate) fn run(options: &Options, session: &Session<'_>) -> Result<Report, Failure> {
    let Options { kind, faces, contract, unless_two_people } = options;
    if let Some(clustering) = unless_two_people {
        refuse_two_people(faces, clustering, session)?;
    }
    let mut writer = Writer::open_existing(session.library)?;
    let gallery = writer.store().gallery(contract.as_deref())?;
    let [a, b] = [one_face(&gallery, &faces[0])?, one_face(&gallery, &faces[1])?];
    let mut pins = writer.store().pins()?;
    let next = pins.last().map_or(1, |pin| pin.id + 1);
    pins.push(Pin { id: next, kind: *kind, a, b });
    resolve(&gallery, &pins)?;
    let id = writer.add_pin(*kind, &a, &b)?;
    let mut pins = [listed(&Pin { id, kind: *kind, a, b })];
    name_in(&gallery, &mut pins);
    Ok(Report { pins: pins.into() })
}

/// Every pin, with its faces as the library calls them.
pub(crate) fn list(library: &Library) -> Result<Report, Failure> {
    let store = Store::open_read(library)?;
    let mut pins: Vec<Listed> = store.pins()?.iter().map(listed).collect();
    name(&mut pins, &store)?;
    Ok(Report { pins })
}

/// Forgets a pin.
pub(crate) fn remove(library: &Library, number: i64) -> Result<Forgotten, Failure> {
    if !Writer::open_existing(library)?.remove_pin(number)? {
        return Err(NoPin(number).into());
    }
    Ok(Forgotten { what: "pin", removed: number })
}

/// Refuses two faces that would be two people's without the pin, with what speaks against it: they are far
/// apart, or clustering or a folder on record has them in two sets.
fn refuse_two_people(
    names: &[String; 2],
    clustering: &ClusteringOptions,
    session: &Session<'_>,
) -> Result<(), Failure> {
    let gallery = clustering.load(session)?;
    let finder = FaceFinder::new(&gallery);
    let [a, b] = [one_face(&gallery, &names[0])?, one_face(&gallery, &names[1])?];
    // They come from the gallery.
    let (Some(a), Some(b)) = (finder.find(&a.sha256, &a.bbox), finder.find(&b.sha256, &b.bbox)) else {
        return Ok(());
    };
    let store = Store::open_read(session.library)?;
    let pins = Pins::load(&store, &gallery, session.monitor)?;
    let watcher = Watcher::new(session.monitor, session.stop);
    let grouping = clustering.grouping(&watcher, &pins.resolved);
    let parameters = RefineParameters::default();
    let groups = grouping.faces(&gallery, &grouping.usable(&gallery), parameters.initial_threshold)?;
    let groups = grouping.merged(&gallery, &groups, parameters.merge_threshold)?;
    session.monitor.finish();

    let mut against = Vec::new();
    let (distance, max) = (distance(&gallery, a, b), parameters.initial_threshold);
    if distance > max.get() {
        against.push(format!("they are at cosine distance {distance:.3} > {max}"));
    }
    let group = |row: usize| groups.iter().find(|rows| rows.binary_search(&row).is_ok());
    if let (Some(of_a), Some(of_b)) = (group(a), group(b))
        && of_a != of_b
        && of_a.len().min(of_b.len()) > 1
    {
        against.push(format!("they are in groups of {} and {} faces", of_a.len(), of_b.len()));
    }
    against.extend(in_two_sets(&store, &FaceIndex::new(&gallery), [a, b])?);
    if against.is_empty() { Ok(()) } else { Err(TwoPeople(against.join("; ")).into()) }
}

/// Folders on record that have two faces in sets of two people.
fn in_two_sets(store: &Store, index: &FaceIndex, faces: [usize; 2]) -> Result<Vec<String>, Failure> {
    let number = |set: &SetOf| set_number("faceset", &set.name).or(set_number("person", &set.name));
    let mut found = Vec::new();
    for root in made(store)?.roots {
        // One that is not there, or cannot be read, says nothing.
        let Ok(sets) = sets_of(&root, index) else { continue };
        let having = |face: usize| sets.iter().filter(move |set| set.person.contains(&face));
        let pairs = having(faces[0]).flat_map(|one| having(faces[1]).map(move |other| (one, other)));
        let pairs: Vec<_> = pairs.collect();
        // Eras have the number of their person.
        let is_one = pairs.iter().any(|(one, other)| number(one) == number(other));
        if let Some((one, other)) = pairs.first().filter(|_| !is_one) {
            found.push(format!("`{}` has them in {} and {}", root.display(), one.name, other.name));
        }
    }
    Ok(found)
}

/// The one face that a name means.
pub(crate) fn one_face(gallery: &Gallery, name: &str) -> Result<PinnedFace, Failure> {
    let rows = FaceName::parse(name).rows(gallery, &absolute(Path::new("."))?)?;
    let [row] = rows[..] else {
        let name = gallery.content_of(rows[0]).canonical().text();
        return Err(SeveralFaces { name, faces: rows.len() }.into());
    };
    Ok(PinnedFace { sha256: gallery.content_of(row).sha256, bbox: gallery.faces[row].bbox })
}

/// Names the faces of pins as they are called under whichever contract has them.
fn name(pins: &mut [Listed], store: &Store) -> Result<(), StoreError> {
    if pins.is_empty() {
        return Ok(());
    }
    for contract in store.contracts()? {
        name_in(&store.gallery(Some(&contract))?, pins);
    }
    Ok(())
}

/// Names the faces that have no name yet as a gallery has them.
fn name_in(gallery: &Gallery, pins: &mut [Listed]) {
    let finder = FaceFinder::new(gallery);
    for face in pins.iter_mut().flat_map(|pin| &mut pin.faces).filter(|face| face.face.is_none()) {
        face.face = finder.find(&face.pinned.sha256, &face.pinned.bbox).map(|row| {
            let path = gallery.content_of(row).canonical().text();
            format!("{path}#{}", gallery.faces[row].number)
        });
    }
}

fn listed(pin: &Pin) -> Listed {
    let face = |face: &PinnedFace| ListedFace {
        pinned: *face,
        sha256: face.sha256.to_string(),
        bbox: face.bbox.corners(),
        face: None,
    };
    let faces =
        if pin.kind == PinKind::NoFace { vec![face(&pin.a)] } else { vec![face(&pin.a), face(&pin.b)] };
    Listed { pin: pin.id, kind: pin.kind, faces }
}
