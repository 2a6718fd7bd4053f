//! `facesets pin`: what the user knows better.

use std::{fmt, path::Path};

use clap::Subcommand;
use serde::Serialize;

use super::{Context, contract_args::ContractArgs, plan_args::absolute};
use crate::{
    exit::{Exit, Failure, Hint},
    gallery::Gallery,
    manifest::path_text,
    pins::{Contradiction, Pin, PinKind, PinnedFace, resolve},
    store::{Store, Writer},
    why::FaceName,
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
    /// Two faces are one person's
    Same(Two),
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

/// No pin of that number.
#[derive(Debug, thiserror::Error)]
#[error("there is no pin {0}")]
struct NoPin(i64);

impl Hint for NoPin {
    fn hint(&self) -> Option<String> {
        Some("`facesets pin list` lists them".to_owned())
    }
}

impl Hint for Contradiction {
    fn hint(&self) -> Option<String> {
        Some("remove one of them with `facesets pin remove NUMBER`".to_owned())
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
    sha256: String,
    bbox: [f32; 4],
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    match &args.command {
        PinCommand::Same(two) => add(context, PinKind::Same, &[&two.a, &two.b], &two.contract),
        PinCommand::Different(two) => add(context, PinKind::Different, &[&two.a, &two.b], &two.contract),
        PinCommand::NoFace(one) => add(context, PinKind::NoFace, &[&one.face, &one.face], &one.contract),
        PinCommand::List => {
            let pins = Store::open_read(&context.library)?.pins()?;
            context.ui.summary(&Summary { pins: pins.iter().map(listed).collect() })?;
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
fn add(
    context: &Context,
    kind: PinKind,
    names: &[&str; 2],
    contract: &ContractArgs,
) -> Result<Exit, Failure> {
    let mut writer = Writer::open_existing(&context.library)?;
    let gallery = writer.store().gallery(contract.contract.as_deref())?;
    let [a, b] = [one_face(&gallery, names[0])?, one_face(&gallery, names[1])?];
    let mut pins = writer.store().pins()?;
    let next = pins.last().map_or(1, |pin| pin.id + 1);
    pins.push(Pin { id: next, kind, a, b });
    resolve(&gallery, &pins)?;
    let id = writer.add_pin(kind, &a, &b)?;
    context.ui.summary(&Summary { pins: vec![listed(&Pin { id, kind, a, b })] })?;
    Ok(Exit::Done)
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

fn listed(pin: &Pin) -> Listed {
    let face = |face: &PinnedFace| ListedFace { sha256: face.sha256.to_string(), bbox: face.bbox.corners() };
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
            for ListedFace { sha256, bbox: [x1, y1, ..] } in faces {
                write!(f, " {} at {x1:.0},{y1:.0}", &sha256[..12])?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
