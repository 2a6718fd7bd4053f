//! `facesets pin`: what the user knows better.

use std::{fmt, path::Path};

use clap::Subcommand;
use facesets_base::{
    exit::{Exit, Failure, Hint},
    paths::path_text,
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

use super::{
    Context,
    clustering::{ClusteringArgs, CtrlC, Pins, Watcher},
    contract_args::ContractArgs,
    plan_args::absolute,
};

/// Flags of `pin`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to say.
    #[command(subcommand)]
    command: PinCommand,
}

#[derive(Debug, Subcommand)]
enum PinCommand {
    /// Two faces are one person's, and so are the sets that they are in
    Same(Same),
    /// Two faces are not one person's
    Different(Two),
    /// There is no face, or none that is wanted
    NoFace(One),
    /// List all pins
    List,
    /// Forget a pin
    Remove {
        /// Its number
        number: i64,
    },
}

#[derive(Debug, clap::Args)]
struct Same {
    /// PATH[#NUMBER] of a photo, or SHA256[:NUMBER]; the number may be left out where there is one face
    #[arg(value_name = "FACE")]
    a: String,
    /// The other face
    #[arg(value_name = "FACE")]
    b: String,
    /// Unite them even though they are far apart or in two sets
    #[arg(long)]
    merge: bool,
    #[command(flatten)]
    clustering: ClusteringArgs,
}

#[derive(Debug, clap::Args)]
struct Two {
    /// PATH[#NUMBER] of a photo, or SHA256[:NUMBER]; the number may be left out where there is one face
    #[arg(value_name = "FACE")]
    a: String,
    /// The other face
    #[arg(value_name = "FACE")]
    b: String,
    #[command(flatten)]
    contract: ContractArgs,
}

#[derive(Debug, clap::Args)]
struct One {
    /// PATH[#NUMBER] of a photo, or SHA256[:NUMBER]; the number may be left out where there is one face
    #[arg(value_name = "FACE")]
    face: String,
    #[command(flatten)]
    contract: ContractArgs,
}

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
struct Summary {
    pins: Vec<Listed>,
}

/// Something that is not said any more.
#[derive(Debug, Serialize)]
pub(super) struct Forgotten {
    #[serde(skip)]
    pub(super) what: &'static str,
    /// Its number.
    pub(super) removed: i64,
}

#[derive(Debug, Serialize)]
struct Listed {
    pin: i64,
    kind: PinKind,
    faces: Vec<ListedFace>,
}

#[derive(Debug, Serialize)]
struct ListedFace {
    #[serde(skip)]
    pinned: PinnedFace,
    sha256: String,
    bbox: [f32; 4],
    /// PATH#NUMBER, as `pin` and `why` take it; `None` where the library has no such face.
    face: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    match &args.command {
        PinCommand::Same(same) => {
            let names = [same.a.as_str(), same.b.as_str()];
            if !same.merge {
                refuse_two_people(names, &same.clustering, context)?;
            }
            add(context, PinKind::Same, names, same.clustering.contract())
        }
        PinCommand::Different(Two { a, b, contract }) => {
            add(context, PinKind::Different, [a, b], contract.contract.as_deref())
        }
        PinCommand::NoFace(One { face, contract }) => {
            add(context, PinKind::NoFace, [face, face], contract.contract.as_deref())
        }
        PinCommand::List => {
            let store = Store::open_read(&context.library)?;
            let mut pins: Vec<Listed> = store.pins()?.iter().map(listed).collect();
            name(&mut pins, &store)?;
            context.ui.summary(&Summary { pins })?;
            Ok(Exit::Done)
        }
        PinCommand::Remove { number } => {
            if !Writer::open_existing(&context.library)?.remove_pin(*number)? {
                return Err(NoPin(*number).into());
            }
            context.ui.summary(&Forgotten { what: "pin", removed: *number })?;
            Ok(Exit::Done)
        }
    }
}

/// Adds a pin, unless it contradicts those that are there.
fn add(context: &Context, kind: PinKind, names: [&str; 2], contract: Option<&str>) -> Result<Exit, Failure> {
    let mut writer = Writer::open_existing(&context.library)?;
    let gallery = writer.store().gallery(contract)?;
    let [a, b] = [one_face(&gallery, names[0])?, one_face(&gallery, names[1])?];
    let mut pins = writer.store().pins()?;
    let next = pins.last().map_or(1, |pin| pin.id + 1);
    pins.push(Pin { id: next, kind, a, b });
    resolve(&gallery, &pins)?;
    let id = writer.add_pin(kind, &a, &b)?;
    let mut pins = [listed(&Pin { id, kind, a, b })];
    name_in(&gallery, &mut pins);
    context.ui.summary(&Summary { pins: pins.into() })?;
    Ok(Exit::Done)
}

/// Refuses two faces that would be two people's without the pin, with what speaks against it: they are far
/// apart, or clustering or a folder on record has them in two sets.
fn refuse_two_people(names: [&str; 2], args: &ClusteringArgs, context: &Context) -> Result<(), Failure> {
    let ctrl_c = CtrlC::listen(context)?;
    let gallery = args.load(context)?;
    let finder = FaceFinder::new(&gallery);
    let [a, b] = [one_face(&gallery, names[0])?, one_face(&gallery, names[1])?];
    // They come from the gallery.
    let (Some(a), Some(b)) = (finder.find(&a.sha256, &a.bbox), finder.find(&b.sha256, &b.bbox)) else {
        return Ok(());
    };
    let store = Store::open_read(&context.library)?;
    let pins = Pins::load(&store, &gallery, context.monitor())?;
    let watcher = Watcher::new(context.monitor(), &ctrl_c.stop);
    let grouping = args.grouping(&watcher, &pins.resolved);
    let parameters = RefineParameters::default();
    let groups = grouping.faces(&gallery, &grouping.usable(&gallery), parameters.initial_threshold)?;
    let groups = grouping.merged(&gallery, &groups, parameters.merge_threshold)?;
    context.monitor().finish();

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
pub(super) fn one_face(gallery: &Gallery, name: &str) -> Result<PinnedFace, Failure> {
    let rows = FaceName::parse(name).rows(gallery, &absolute(Path::new("."))?)?;
    let [row] = rows[..] else {
        let name = path_text(gallery.content_of(rows[0]).canonical_path());
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
            let path = path_text(gallery.content_of(row).canonical_path());
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

impl fmt::Display for Forgotten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} is forgotten", self.what, self.removed)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Listed { pin, kind, faces } in &self.pins {
            let what = match kind {
                PinKind::Same => "same person",
                PinKind::Different => "not the same",
                PinKind::NoFace => "not a face",
            };
            write!(f, "pin {pin}: {what}:")?;
            for (number, ListedFace { sha256, bbox: [x1, y1, ..], face, .. }) in faces.iter().enumerate() {
                let (comma, sha256) = (if number == 0 { "" } else { "," }, &sha256[..12]);
                match face {
                    Some(face) => write!(f, "{comma} {face} ({sha256} at {x1:.0},{y1:.0})")?,
                    None => write!(f, "{comma} {sha256} at {x1:.0},{y1:.0}, which is not in this library")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
