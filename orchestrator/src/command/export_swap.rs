//! `facesets export-swap REFINED OUT`: ranked single-face crops and bundles.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt, iter,
    path::{Path, PathBuf},
};

use facesets_base::{
    exit::{Exit, Failure, Hint},
    output::OutputKind,
};
use facesets_corpus::{
    certificate::{Ask, GenderAgeRecord, NotEstimated},
    export::{
        self, ExportParameters, PlannedSet,
        candidates::{CandidateParameters, render_candidates},
        corpus::Corpus,
        formats::{Extras, Format, demand_recogniser},
        manifest::{CorpusManifest, FacesetManifest, FacesetSummary, Gap},
        render::render,
        renderer::Renderer,
    },
    manifest::{self, ClusterManifest, NamedSet, RefinedManifest, set_number},
};
use facesets_library::store::Store;
use facesets_people::{
    consent::{ConsentBook, Withheld},
    gallery::{FaceIndex, Gallery},
    pins::ResolvedPins,
};
use serde::Serialize;

use super::{
    Context,
    certify_args::{CertifyArgs, ConsentArgs, write_certified, write_withheld},
    clustering::{CtrlC, Pins},
    drop_report::DropReport,
    output_args::{OutputArgs, write_ending},
    replacing::{Consent, ReplaceArgs},
    shortage::{Flags, Shortage},
};
use crate::command::{
    choices::FormatArg,
    parameters::{CandidateFlags, ExportArgs},
};

/// Flags of `export-swap`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder that `facesets refine` wrote
    #[arg(value_name = "REFINED")]
    refined: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    replacing: ReplaceArgs,
    #[command(flatten)]
    parameters: ExportArgs,
    /// Write each set in these formats of other tools too
    #[arg(long = "format", value_enum, value_name = "FORMAT", value_delimiter = ',')]
    formats: Vec<FormatArg>,
    #[command(flatten)]
    certify: CertifyArgs,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    candidates: CandidateArgs,
}

/// Whether single faces are put beside the sets.
#[derive(Debug, clap::Args)]
struct CandidateArgs {
    /// Put faces that `cluster` left alone and that are near a set into `_candidates/`, for you to look at
    #[arg(long, requires = "raw")]
    candidates: bool,
    /// Folder that `facesets cluster` wrote
    #[arg(long, value_name = "DIR", requires = "candidates")]
    raw: Option<PathBuf>,
    #[command(flatten)]
    parameters: CandidateFlags,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Summary {
    out: PathBuf,
    previous: Option<PathBuf>,
    facesets: usize,
    crops: usize,
    gaps: Vec<String>,
    withheld: Vec<Withheld>,
    /// Sets that the export does not make or makes of other people, and that lie in what it has moved aside.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    only_in_previous: Vec<String>,
    candidates: usize,
    certified: usize,
    lowest_effective_identity_cosine: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gender_age: Option<GenderAgeSummary>,
    failed: usize,
    /// Faces of the refined sets whose photos are gone or left out by now.
    absent: usize,
    #[serde(flatten)]
    dropped: DropReport,
    /// Why there is no set, where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    shortage: Option<Shortage>,
}

/// What the formats that tell gender and age say.
#[derive(Debug, Default, Serialize)]
struct GenderAgeSummary {
    /// Sets with estimates.
    estimated: usize,
    /// Sets without, by reason.
    not_estimated: BTreeMap<NotEstimated, usize>,
}

/// A refined set that does not fit the library.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` in `{set}` is not a face of this library under contract `{contract}`")]
struct UnknownFace {
    set: String,
    path: String,
    contract: String,
}

impl Hint for UnknownFace {
    fn hint(&self) -> Option<String> {
        Some("export with the `--library` that was refined, or run `facesets refine` again".to_owned())
    }
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let refined: RefinedManifest = manifest::read(&args.refined)?;
    let formats: BTreeSet<Format> = args.formats.iter().copied().map(Format::from).collect();
    demand_recogniser(&formats, &refined.contract)?;
    let store = Store::open_read(&context.library)?;
    let gallery = store.gallery(Some(&refined.contract))?;
    let pins = Pins::load(&store, &gallery, context.monitor())?.resolved;
    let consent = ConsentBook::new(&gallery, &store.consent_statements()?);
    let parameters: ExportParameters = args.parameters.into();
    let index = FaceIndex::new(&gallery);
    let mut absent = 0;
    let planned: Vec<PlannedSet> = refined
        .facesets
        .iter()
        .map(|set| {
            let faces = faces_of(&gallery, &index, set, &refined.contract)?;
            absent += set_size(set) - faces.len();
            Ok(export::plan(&gallery, &set.name, faces, &parameters, &pins))
        })
        .collect::<Result<_, UnknownFace>>()?;
    for [one, other] in separated(&planned, &pins) {
        context.monitor().note(&format!(
            "{one} and {other} have faces that you say are one person's: `facesets refine` unites them"
        ));
    }

    let singles = args.candidates.raw.as_deref();
    let singles = singles.map(|raw| self::singles(raw, &gallery, &index, &refined.contract)).transpose()?;

    let inputs: Vec<&Path> =
        iter::once(args.refined.as_path()).chain(args.candidates.raw.as_deref()).collect();
    let output = args.output.create(OutputKind::Corpus, context, &inputs)?;
    let said = Consent { book: &consent, demand: args.consent.demand() };
    let earlier = args.replacing.earlier(&args.output, &planned, (&index, said))?;
    let ctrl_c = CtrlC::listen(context)?;
    let tells = formats.iter().any(|format| format.tells_gender_and_age());
    let ask = if tells { Ask::GenderAndAgeToo } else { Ask::Faces };
    let examiner = args.certify.examiner(&refined.contract, ask, context, &ctrl_c.stop)?;
    let exported = planned.iter().flat_map(|set| &set.faces).map(|planned| planned.face);
    let extras = Extras::read(&store, &gallery, &formats, exported)?;
    let renderer = Renderer {
        gallery: &gallery,
        parameters: &parameters,
        certify: examiner.certify(),
        consent: &consent,
        demand: said.demand,
        formats: &formats,
        extras: &extras,
        monitor: context.monitor(),
        stop: &ctrl_c.stop,
    };
    let rendered = render(&renderer, &planned, output.path())?;
    let mut candidates = 0;
    if let Some(singles) = singles {
        let chosen: &CandidateParameters = &args.candidates.parameters.into();
        let sets: Vec<&PlannedSet> = planned.iter().collect();
        let found = export::candidates::candidates(&gallery, &sets, &singles, &parameters, chosen);
        candidates = render_candidates(&renderer, &sets, &found, &rendered.sets, chosen, output.path())?;
    }
    drop(examiner);
    let gender_age = tells.then(|| GenderAgeSummary::of(&rendered.sets));
    let mut corpus = CorpusManifest {
        facesets: rendered.sets.iter().map(|set| FacesetSummary::of(set, &set.name)).collect(),
        gaps: rendered.gaps,
        ..CorpusManifest::empty(refined.contract, parameters)
    };
    if let Some(earlier) = &earlier {
        let refused: Vec<Gap> = earlier.refused(&corpus).collect();
        corpus.gaps.extend(refused);
        corpus.gaps.sort_by(|one, other| by_number(&one.name).cmp(&by_number(&other.name)));
    }
    let corpus = Corpus { manifest: corpus, sets: rendered.sets, thin: Vec::new() };
    corpus.write(output.path())?;
    let corpus = corpus.manifest;

    let only_in_previous = earlier.map_or_else(Vec::new, |earlier| earlier.only_in_it(&corpus));
    let (withheld, gaps) = Gap::part(&corpus.gaps);
    let is_empty = corpus.facesets.is_empty() && withheld.is_empty();
    let summary = Summary {
        out: output.target().to_owned(),
        previous: output.finish()?,
        facesets: corpus.facesets.len(),
        crops: corpus.facesets.iter().map(|set| set.images).sum(),
        candidates,
        certified: corpus.facesets.iter().filter(|set| set.certified).count(),
        lowest_effective_identity_cosine: rendered.lowest_cosine,
        gender_age,
        gaps,
        withheld,
        only_in_previous,
        failed: rendered.failed,
        absent,
        shortage: is_empty.then(|| Shortage::new(&rendered.dropped, &[], Flags::Export)),
        dropped: DropReport::new(&gallery, rendered.dropped),
    };
    context.ui.summary(&summary)?;
    Ok(if summary.failed == 0 { Exit::Done } else { Exit::SomeFailed })
}

/// Sets by their numbers, then by their names.
fn by_number(name: &str) -> (usize, &str) {
    (set_number("faceset", name).unwrap_or(usize::MAX), name)
}

/// Sets that are exported apart although they have faces that the user says are one person's; each pair once.
fn separated<'a>(planned: &'a [PlannedSet], pins: &ResolvedPins) -> BTreeSet<[&'a str; 2]> {
    let faces = |set: &'a PlannedSet| set.faces.iter().map(move |face| (face.face, set.name.as_str()));
    let set_of: HashMap<usize, &str> = planned.iter().flat_map(faces).collect();
    let pair = |(a, b): &(usize, usize)| Some([*set_of.get(a)?, *set_of.get(b)?]);
    pins.constraints.together.iter().filter_map(pair).filter(|[one, other]| one != other).collect()
}

/// The faces that `cluster` left alone, as rows of the gallery.
fn singles(
    raw: &Path,
    gallery: &Gallery,
    index: &FaceIndex,
    contract: &str,
) -> Result<BTreeSet<usize>, Failure> {
    let clusters: ClusterManifest = manifest::read(raw)?;
    let set = NamedSet { name: facesets_base::layout::SINGLETONS.to_owned(), faces: clusters.singletons };
    Ok(faces_of(gallery, index, &set, contract)?.into_iter().collect())
}

/// The faces of a set, each once however many aliases its photo has; without those whose photos count for
/// nothing any more.
fn faces_of(
    gallery: &Gallery,
    index: &FaceIndex,
    set: &NamedSet,
    contract: &str,
) -> Result<Vec<usize>, UnknownFace> {
    let mut faces = set
        .faces
        .iter()
        .filter(|entry| !gallery.absent.has(&entry.sha256))
        .map(|entry| {
            index.row(&entry.sha256, entry.bbox).ok_or_else(|| UnknownFace {
                set: set.name.clone(),
                path: entry.path.clone(),
                contract: contract.to_owned(),
            })
        })
        .collect::<Result<Vec<usize>, _>>()?;
    faces.sort_unstable();
    faces.dedup();
    Ok(faces)
}

/// Faces in a set, aliases not counted.
fn set_size(set: &NamedSet) -> usize {
    set.faces.iter().map(|face| (&face.sha256, face.bbox.map(f32::to_bits))).collect::<BTreeSet<_>>().len()
}

impl GenderAgeSummary {
    fn of(sets: &[FacesetManifest]) -> Self {
        let mut summary = Self::default();
        for set in sets {
            match &set.gender_age {
                Some(GenderAgeRecord::Estimated { .. }) => summary.estimated += 1,
                Some(GenderAgeRecord::NotEstimated { reason }) => {
                    *summary.not_estimated.entry(*reason).or_default() += 1;
                }
                None => {}
            }
        }
        summary
    }
}

impl fmt::Display for GenderAgeSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.estimated > 0 {
            writeln!(f, "gender and age estimated for {}", self.estimated)?;
        }
        for (reason, sets) in &self.not_estimated {
            writeln!(f, "gender and age not known (-1 in ReActor models) for {sets}: {reason}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.dropped, f)?;
        write_withheld(f, &self.withheld)?;
        for gap in &self.gaps {
            writeln!(f, "nothing is left of {gap}")?;
        }
        if let Some(shortage) = &self.shortage {
            write!(f, "{shortage}")?;
        }
        writeln!(f, "{} facesets with {} crops", self.facesets, self.crops)?;
        if self.candidates > 0 {
            writeln!(f, "{} single faces in `_candidates`", self.candidates)?;
        }
        write_certified(f, self.certified, self.lowest_effective_identity_cosine)?;
        if let Some(gender_age) = &self.gender_age {
            write!(f, "{gender_age}")?;
        }
        if !self.only_in_previous.is_empty() {
            writeln!(
                f,
                "only in the earlier output: {} (`era split`, `discover` and `import folders` make such sets again)",
                self.only_in_previous.join(", ")
            )?;
        }
        if self.failed > 0 {
            writeln!(f, "{} photos could not be read (listed above)", self.failed)?;
        }
        if self.absent > 0 {
            let absent = self.absent;
            writeln!(
                f,
                "{absent} faces are left out, as their photos are gone (`facesets refine` makes the sets anew)"
            )?;
        }
        write_ending(f, self.previous.as_deref(), &self.out)
    }
}
