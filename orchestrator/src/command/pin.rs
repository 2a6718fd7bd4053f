//! `facesets pin`: what the user knows better.

use std::fmt;

use clap::Subcommand;
use facesets_base::exit::{Exit, Failure};
use facesets_people::pins::PinKind;

use crate::{
    command::{
        Context,
        clustering_args::{ClusteringArgs, CtrlC},
        contract_args::ContractArgs,
    },
    pass::pin::{self, Forgotten, Listed, ListedFace, Options, Report},
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

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let options = match &args.command {
        PinCommand::Same(Same { a, b, merge, clustering }) => Options {
            kind: PinKind::Same,
            faces: [a.clone(), b.clone()],
            contract: clustering.options().gallery.contract,
            unless_two_people: (!merge).then(|| clustering.options()),
        },
        PinCommand::Different(Two { a, b, contract }) => Options {
            kind: PinKind::Different,
            faces: [a.clone(), b.clone()],
            contract: contract.contract.clone(),
            unless_two_people: None,
        },
        PinCommand::NoFace(One { face, contract }) => Options {
            kind: PinKind::NoFace,
            faces: [face.clone(), face.clone()],
            contract: contract.contract.clone(),
            unless_two_people: None,
        },
        PinCommand::List => {
            context.ui.summary(&pin::list(&context.library)?)?;
            return Ok(Exit::Done);
        }
        PinCommand::Remove { number } => {
            context.ui.summary(&pin::remove(&context.library, *number)?)?;
            return Ok(Exit::Done);
        }
    };
    let ctrl_c = CtrlC::listen(context)?;
    let report = pin::run(&options, &context.session(&ctrl_c.stop))?;
    context.ui.summary(&report)?;
    Ok(Exit::Done)
}

impl fmt::Display for Forgotten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} is forgotten", self.what, self.removed)
    }
}

impl fmt::Display for Report {
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
