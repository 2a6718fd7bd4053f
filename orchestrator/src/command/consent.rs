//! `facesets consent`: who agreed to what, and where photos come from.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use facesets_base::{
    exit::{Exit, Failure, Hint},
    folding::folded,
};
use facesets_corpus::{
    sets::{SetOf, sets_of},
    verify::contract_of,
};
use facesets_library::store::{Store, Writer};
use facesets_people::{
    consent::{ConsentBook, ConsentState, SetConsent, Statement, StatementText, Terms},
    gallery::{FaceIndex, Gallery},
    pins::PinnedFace,
};
use serde::Serialize;

use super::{Context, contract_args::ContractArgs};
use crate::pass::pin::{Forgotten, one_face};

/// Flags of `consent`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to say.
    #[command(subcommand)]
    command: ConsentCommand,
}

#[derive(Debug, Subcommand)]
enum ConsentCommand {
    /// Say whether a person agreed, and where their photos come from
    Set(SetArgs),
    /// List all statements, or what they come to for the sets of a folder
    List {
        /// Folder that `facesets cluster`, `refine` or `export-swap` wrote
        #[arg(long = "in", value_name = "DIR")]
        within: Option<PathBuf>,
    },
    /// Forget a statement
    Remove {
        /// Its number
        number: i64,
    },
}

#[derive(Debug, clap::Args)]
struct SetArgs {
    /// With `--in`, a set there: its name, or its label; without, a face: PATH[#NUMBER] of a photo, or
    /// SHA256[:NUMBER]
    #[arg(value_name = "SET|FACE")]
    about: String,
    /// Folder that `facesets cluster`, `refine` or `export-swap` wrote, with the set
    #[arg(long = "in", value_name = "DIR")]
    within: Option<PathBuf>,
    #[command(flatten)]
    state: StateArgs,
    /// Anything to be remembered of it: when, to what, on which paper
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Licence of the photos
    #[arg(long, value_name = "TEXT")]
    licence: Option<String>,
    /// Where the photos come from
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
    #[command(flatten)]
    contract: ContractArgs,
}

/// Whether they agreed.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct StateArgs {
    /// The person agreed
    #[arg(long)]
    granted: bool,
    /// The person did not agree, or took it back
    #[arg(long)]
    refused: bool,
    /// Nobody knows
    #[arg(long)]
    unknown: bool,
}

/// Why a statement cannot be made or forgotten.
#[derive(Debug, thiserror::Error)]
enum ConsentError {
    #[error("nothing is said of `{0}`")]
    Nothing(String),
    #[error("there is no set `{set}` in `{folder}`")]
    NoSet { set: String, folder: PathBuf },
    #[error("`{set}` is the label of {count} sets in `{folder}`")]
    Ambiguous { set: String, folder: PathBuf, count: usize },
    #[error("no face of `{0}` is in this library")]
    NoFaces(String),
    #[error("there is no statement {0}")]
    NoStatement(i64),
}

impl Hint for ConsentError {
    fn hint(&self) -> Option<String> {
        Some(str::to_owned(match self {
            Self::Nothing(_) => "add `--granted`, `--refused` or `--unknown`, `--licence` or `--source`",
            Self::NoSet { .. } => "its `manifest.json` lists names and labels",
            Self::Ambiguous { .. } => "name it by its number, as in `faceset_001`",
            Self::NoFaces(_) => "name the `--library` that the folder was made from",
            Self::NoStatement(_) => "`facesets consent list` lists them",
        }))
    }
}

#[derive(Debug, Serialize)]
struct Summary {
    statements: Vec<Listed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sets: Option<Vec<ListedSet>>,
}

#[derive(Debug, Serialize)]
struct Listed {
    statement: i64,
    about: String,
    #[serde(flatten)]
    said: StatementText,
    faces: Vec<ListedFace>,
}

#[derive(Debug, Serialize)]
struct ListedFace {
    sha256: String,
    bbox: [f32; 4],
}

#[derive(Debug, Serialize)]
struct ListedSet {
    name: String,
    label: Option<String>,
    consent: SetConsent,
    provenance: Option<Terms>,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    match &args.command {
        ConsentCommand::Set(args) => set(args, context),
        ConsentCommand::List { within } => list(within.as_deref(), context),
        ConsentCommand::Remove { number } => {
            if !Writer::open_existing(&context.library)?.remove_consent(*number)? {
                return Err(ConsentError::NoStatement(*number).into());
            }
            context.ui.summary(&Forgotten { what: "statement", removed: *number })?;
            Ok(Exit::Done)
        }
    }
}

fn set(args: &SetArgs, context: &Context) -> Result<Exit, Failure> {
    let said = args.said();
    if said == (StatementText { note: said.note.clone(), ..StatementText::default() }) {
        return Err(ConsentError::Nothing(args.about.clone()).into());
    }
    let mut writer = Writer::open_existing(&context.library)?;
    let (about, faces) = if let Some(folder) = &args.within {
        let folder = context.output(folder)?;
        let gallery = writer.store().gallery(Some(&contract_of(&folder)?))?;
        let set = find(sets_of(&folder, &FaceIndex::new(&gallery))?, &args.about, &folder)?;
        if set.person.is_empty() {
            return Err(ConsentError::NoFaces(set.name).into());
        }
        let faces = set.person.iter().map(|row| pinned(&gallery, *row)).collect();
        (format!("{} in {}", set.name, folder.display()), faces)
    } else {
        let gallery = writer.store().gallery(args.contract.contract.as_deref())?;
        (args.about.clone(), vec![one_face(&gallery, &args.about)?])
    };
    let id = writer.add_consent(&about, &said, &faces)?;
    if said.consent.is_some() {
        context.monitor().note(
            "manifests that were written before stay as they are: `facesets verify CORPUS` names the sets of a corpus that say otherwise",
        );
    }
    let statement = Statement { id, about, said, faces };
    context.ui.summary(&Summary { statements: vec![listed(statement)], sets: None })?;
    Ok(Exit::Done)
}

impl SetArgs {
    fn said(&self) -> StatementText {
        let StateArgs { granted, refused, unknown } = self.state;
        let states = [
            (granted, ConsentState::Granted),
            (refused, ConsentState::Refused),
            (unknown, ConsentState::Unknown),
        ];
        StatementText {
            consent: states.into_iter().find_map(|(is, state)| is.then_some(state)),
            note: self.note.clone(),
            licence: self.licence.clone(),
            source: self.source.clone(),
        }
    }
}

fn list(within: Option<&Path>, context: &Context) -> Result<Exit, Failure> {
    let store = Store::open_read(&context.library)?;
    let statements = store.consent_statements()?;
    let mut sets = None;
    if let Some(folder) = within {
        let folder = context.output(folder)?;
        let gallery = store.gallery(Some(&contract_of(&folder)?))?;
        let book = ConsentBook::new(&gallery, &statements);
        let of = |SetOf { name, label, person }: SetOf| ListedSet {
            name,
            label,
            consent: book.consent(&person),
            provenance: book.terms(&person),
        };
        sets = Some(sets_of(&folder, &FaceIndex::new(&gallery))?.into_iter().map(of).collect());
    }
    let statements = statements.into_iter().map(listed).collect();
    context.ui.summary(&Summary { statements, sets })?;
    Ok(Exit::Done)
}

/// The set of a name or, if none has it, of a label.
fn find(sets: Vec<SetOf>, wanted: &str, folder: &Path) -> Result<SetOf, ConsentError> {
    let (set, folder) = (wanted.to_owned(), folder.to_owned());
    let (mut named, others): (Vec<SetOf>, Vec<SetOf>) = sets.into_iter().partition(|set| set.name == wanted);
    if let Some(named) = named.pop() {
        return Ok(named);
    }
    // What a keyboard gives need not be what a disk gave.
    let label = Some(folded(wanted));
    let mut labelled = others.into_iter().filter(|set| set.label.as_deref().map(folded) == label);
    match (labelled.next(), labelled.count()) {
        (Some(only), 0) => Ok(only),
        (None, _) => Err(ConsentError::NoSet { set, folder }),
        (Some(_), more) => Err(ConsentError::Ambiguous { set, folder, count: 1 + more }),
    }
}

fn pinned(gallery: &Gallery, row: usize) -> PinnedFace {
    PinnedFace { sha256: gallery.content_of(row).sha256, bbox: gallery.faces[row].bbox }
}

fn listed(statement: Statement) -> Listed {
    let Statement { id, about, said, faces } = statement;
    let face = |face: &PinnedFace| ListedFace { sha256: face.sha256.to_string(), bbox: face.bbox.corners() };
    Listed { statement: id, about, said, faces: faces.iter().map(face).collect() }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Listed { statement, about, said, faces } in &self.statements {
            write!(f, "statement {statement}: {about}, {} faces", faces.len())?;
            if let Some(consent) = said.consent {
                write!(f, ": {consent}")?;
            }
            for (what, text) in [("note", &said.note), ("licence", &said.licence), ("source", &said.source)] {
                if let Some(text) = text {
                    write!(f, "; {what}: {text}")?;
                }
            }
            writeln!(f)?;
        }
        for ListedSet { name, label, consent, provenance } in self.sets.iter().flatten() {
            write!(f, "{name}")?;
            if let Some(label) = label {
                write!(f, " ({label})")?;
            }
            write!(f, ": {consent}")?;
            let Terms { licence, source } = provenance.clone().unwrap_or_default();
            for (what, text) in [("licence", licence), ("source", source)] {
                if let Some(text) = text {
                    write!(f, "; {what}: {text}")?;
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
