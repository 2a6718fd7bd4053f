//! Ranked single-face crops and bundles of refined sets.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    iter,
    path::{Path, PathBuf},
};

use facesets_base::{
    exit::{Failure, Hint},
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
    consent::{Demand, Withheld},
    gallery::{FaceIndex, Gallery},
    pins::ResolvedPins,
    view::View,
};
use serde::Serialize;

use crate::pass::{
    Session,
    clustering::load_view,
    drop_report::DropReport,
    examining::CertifyOptions,
    output::OutputOptions,
    replacing::earlier,
    shortage::{Flags, Shortage},
};

/// Single faces that are put beside the sets.
#[derive(Debug, Clone)]
pub(crate) struct CandidateOptions {
    /// Folder that `cluster` wrote.
    pub(crate) raw: PathBuf,
    /// Which of them.
    pub(crate) parameters: CandidateParameters,
}

/// What is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Folder that `refine` wrote.
    pub(crate) refined: PathBuf,
    /// Where to write.
    pub(crate) output: OutputOptions,
    /// Replace an earlier corpus although some of its sets would be missing or somebody else in the new one.
    pub(crate) give_up_sets: bool,
    /// Gates, padding, sizes.
    pub(crate) parameters: ExportParameters,
    /// Formats of other tools to write too.
    pub(crate) formats: BTreeSet<Format>,
    /// Who looks at the crops.
    pub(crate) certify: CertifyOptions,
    /// What is demanded of the consent of sets.
    pub(crate) demand: Demand,
    /// Single faces to put beside the sets.
    pub(crate) candidates: Option<CandidateOptions>,
}

/// What was written.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) out: PathBuf,
    pub(crate) previous: Option<PathBuf>,
    pub(crate) facesets: usize,
    pub(crate) crops: usize,
    pub(crate) gaps: Vec<String>,
    pub(crate) withheld: Vec<Withheld>,
    /// Sets that the export does not make or makes of other people, and that lie in what it has moved aside.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) only_in_previous: Vec<String>,
    pub(crate) candidates: usize,
    pub(crate) certified: usize,
    pub(crate) lowest_effective_identity_cosine: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gender_age: Option<GenderAgeSummary>,
    pub(crate) failed: usize,
    /// Faces of the refined sets whose photos are gone or left out by now.
    pub(crate) absent: usize,
    #[serde(flatten)]
    pub(crate) dropped: DropReport,
    /// Why there is no set, where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shortage: Option<Shortage>,
}

/// What the formats that tell gender and age say.
#[derive(Debug, Default, Serialize)]
pub(crate) struct GenderAgeSummary {
    /// Sets with estimates.
    pub(crate) estimated: usize,
    /// Sets without, by reason.
    pub(crate) not_estimated: BTreeMap<NotEstimated, usize>,
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

/// Runs the pass.
pub(crate) fn run(options: &Options, session: &Session<'_>) -> Result<Report, Failure> {
    let refined: RefinedManifest = manifest::read(&options.refined)?;
    let formats = &options.formats;
    demand_recogniser(formats, &refined.contract)?;
    let store = Store::open_read(session.library)?;
    let gallery = store.gallery(Some(&refined.contract))?;
    let view = load_view(&store, gallery, session.monitor)?;
    let View { gallery, index, pins, .. } = &view;
    let parameters = options.parameters;
    let mut absent = 0;
    let planned: Vec<PlannedSet> = refined
        .facesets
        .iter()
        .map(|set| {
            let faces = faces_of(gallery, index, set, &refined.contract)?;
            absent += set_size(set) - faces.len();
            Ok(export::plan(gallery, &set.name, faces, &parameters, pins))
        })
        .collect::<Result<_, UnknownFace>>()?;
    for [one, other] in separated(&planned, pins) {
        session.monitor.note(&format!(
            "{one} and {other} have faces that you say are one person's: `facesets refine` unites them"
        ));
    }

    let raw = options.candidates.as_ref().map(|candidates| candidates.raw.as_path());
    let singles = raw.map(|raw| self::singles(raw, &view, &refined.contract)).transpose()?;

    let inputs: Vec<&Path> = iter::once(options.refined.as_path()).chain(raw).collect();
    let output = options.output.create(OutputKind::Corpus, session, &inputs)?;
    let earlier = earlier(&options.output, options.give_up_sets, &planned, &view, options.demand)?;
    let tells = formats.iter().any(|format| format.tells_gender_and_age());
    let ask = if tells { Ask::GenderAndAgeToo } else { Ask::Faces };
    let examiner = options.certify.examiner(&refined.contract, ask, session)?;
    let exported = planned.iter().flat_map(|set| &set.faces).map(|planned| planned.face);
    let extras = Extras::read(&store, gallery, formats, exported)?;
    let renderer = Renderer {
        view: &view,
        parameters: &parameters,
        certify: examiner.certify(),
        demand: options.demand,
        formats,
        extras: &extras,
        monitor: session.monitor,
        stop: session.stop,
    };
    let rendered = render(&renderer, &planned, output.path())?;
    let mut candidates = 0;
    if let (Some(singles), Some(candidate)) = (singles, &options.candidates) {
        let chosen = &candidate.parameters;
        let sets: Vec<&PlannedSet> = planned.iter().collect();
        let found = export::candidates::candidates(gallery, &sets, &singles, &parameters, chosen);
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
    Ok(Report {
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
        dropped: DropReport::new(gallery, rendered.dropped),
    })
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
fn singles(raw: &Path, view: &View, contract: &str) -> Result<BTreeSet<usize>, Failure> {
    let clusters: ClusterManifest = manifest::read(raw)?;
    let set = NamedSet { name: facesets_base::layout::SINGLETONS.to_owned(), faces: clusters.singletons };
    Ok(faces_of(&view.gallery, &view.index, &set, contract)?.into_iter().collect())
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
