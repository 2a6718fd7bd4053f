//! Eras beside a set.

use std::fmt;

use facesets_base::exit::Failure;
use facesets_corpus::{
    era::{
        EraChange, EraSet, Fit, Split, SplitParameters, Survey, Verdict, histogram,
        report::{Group, Page},
        split, survey,
    },
    manifest::dropped_faces,
    plan::{Becomes, Plan, Target, manifest_digest},
};
use facesets_library::store::Writer;
use facesets_people::refine::distinct_images;
use serde::Serialize;

use crate::pass::{
    Session,
    clustering::{ClusteringOptions, Watcher},
    drop_report::DropReport,
    era::{
        EraError, ErasOptions, Listed,
        page::{Written, shown},
        scene::{Found, Scene},
    },
    planning::{Means, Planned},
};

/// What is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Which set, what may join, whether to do it.
    pub(crate) of: ErasOptions,
    /// How it is split.
    pub(crate) split: SplitParameters,
    /// Split anew: eras that are there are set aside.
    pub(crate) replace: bool,
    /// Split although the set is not sortable.
    pub(crate) anyway: bool,
    /// Who clusters.
    pub(crate) clustering: ClusteringOptions,
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) set: String,
    pub(crate) faces: usize,
    pub(crate) recovered: usize,
    pub(crate) verdict: Verdict,
    pub(crate) eras: Vec<EraLine>,
    pub(crate) thin: Vec<EraLine>,
    pub(crate) undated: Vec<Listed>,
    #[serde(flatten)]
    pub(crate) dropped: DropReport,
    #[serde(flatten)]
    pub(crate) written: Written,
    #[serde(flatten)]
    pub(crate) planned: Planned,
}

/// An era as a summary has it.
#[derive(Debug, Serialize)]
pub(crate) struct EraLine {
    pub(crate) name: String,
    pub(crate) dominant_year: Option<u16>,
    pub(crate) founding: usize,
    pub(crate) joined: usize,
    /// Crops that were written, `None` where nothing was; `applied` has them too.
    #[serde(skip)]
    pub(crate) crops: Option<usize>,
    /// Why a fragment stands alone.
    pub(crate) alone: Option<Alone>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Alone {
    pub(crate) nearest: Option<String>,
    #[serde(flatten)]
    pub(crate) fit: Fit,
}

/// Runs the pass.
pub(crate) fn run(options: &Options, session: &Session<'_>) -> Result<Report, Failure> {
    let found = Found::new(&options.of.subject, session)?;
    let mut journal = Writer::open_existing(session.library)?;
    let gallery = options.clustering.load_from(journal.store(), Some(found.contract()), session.monitor)?;
    let scene = found.with(gallery, &options.of.subject, journal.store(), session)?;
    let eras = scene.eras();
    let count = eras.existing().count();
    if count > 0 && !options.replace {
        return Err(EraError::IsSplit { set: scene.name().to_owned(), count }.into());
    }
    let survey = survey(&eras.view.gallery, &scene.subject, &options.of.subject.survey, &scene.view.pins);
    let watcher = Watcher::new(session.monitor, session.stop);
    let grouping = options.clustering.grouping(&watcher, &scene.pins_within);
    let parameters = options.split;
    let split =
        split(&eras.view.gallery, &survey.faces, eras.years, &parameters, &options.of.join, &grouping)?;
    session.monitor.finish();
    if split.anchors.is_empty() {
        let sizes =
            split.alone.iter().map(|(bucket, _)| distinct_images(&eras.view.gallery, &bucket.founding));
        return Err(EraError::NoAnchor {
            set: scene.name().to_owned(),
            min_anchor: parameters.min_anchor,
            largest: sizes.max().unwrap_or_default(),
        }
        .into());
    }
    if !split.verdict.is_sortable() && !options.anyway {
        return Err(EraError::NotSortable { set: scene.name().to_owned(), verdict: split.verdict }.into());
    }
    let change = eras.split(&split, parameters.min_anchor)?;

    let page = page(&scene, &survey, &split, &change);
    let written = options.of.page.write(page, &eras, session.monitor, session.stop)?;
    let (mut thin, mut of_eras) = said(&split, &change);
    let mut plan = Plan::new(format!("era split {}", scene.name()), &eras.view.gallery);
    let was = manifest_digest(&scene.root)?;
    plan.targets.push(Target { root: scene.root.clone(), was, becomes: Becomes::Eras(change) });
    let means = Means { view: eras.view, journal: &mut journal, session };
    let planned = options.of.plan.carry_out(plan, means)?;
    if let Some(crops) = planned.crops() {
        for era in thin.iter_mut().chain(&mut of_eras) {
            era.crops = Some(crops.get(&era.name).copied().unwrap_or(0));
        }
    }
    let thinned = planned.thinned();
    let (late, of_eras) = of_eras.into_iter().partition(|era: &EraLine| thinned.contains(&era.name));
    thin.extend::<Vec<EraLine>>(late);
    let undated = survey.faces.iter().filter(|face| eras.years.of(**face).is_none());
    Ok(Report {
        set: scene.name().to_owned(),
        faces: survey.faces.len(),
        recovered: survey.recovered,
        verdict: split.verdict,
        eras: of_eras,
        thin,
        undated: undated.map(|face| Listed::new(&eras, *face, None)).collect(),
        dropped: DropReport::new(&eras.view.gallery, dropped_faces(&eras.view.gallery, &survey.dropped)),
        written,
        planned,
    })
}

/// The sets of a change with the reasons of those that stand alone, in the order of the split.
fn with_reasons<'a>(
    split: &'a Split,
    change: &'a EraChange,
) -> impl Iterator<Item = (&'a EraSet, Option<Alone>)> {
    let name = |anchor: usize| change.sets.get(anchor).map(|set| set.name.clone());
    let alone = split.alone.iter().map(move |(_, fit)| {
        let nearest = fit.nearest().and_then(|(anchor, _)| name(anchor));
        Some(Alone { nearest, fit: *fit })
    });
    change.sets.iter().zip(split.anchors.iter().map(|_| None).chain(alone))
}

/// Thin eras and the others.
fn said(split: &Split, change: &EraChange) -> (Vec<EraLine>, Vec<EraLine>) {
    let said = |(set, alone): (&EraSet, Option<Alone>)| {
        let said = EraLine {
            name: set.name.clone(),
            dominant_year: set.era.dominant_year,
            founding: set.era.founding.len(),
            joined: set.era.joined.len(),
            crops: None,
            alone,
        };
        (set.thin, said)
    };
    let (thin, others): (Vec<_>, Vec<_>) = with_reasons(split, change).map(said).partition(|(thin, _)| *thin);
    let without_flag = |all: Vec<(bool, EraLine)>| all.into_iter().map(|(_, said)| said).collect();
    (without_flag(thin), without_flag(others))
}

fn page(scene: &Scene, survey: &Survey, split: &Split, change: &EraChange) -> Page {
    let eras = scene.eras();
    let buckets = split.anchors.iter().chain(split.alone.iter().map(|(bucket, _)| bucket));
    let groups = buckets.zip(with_reasons(split, change)).map(|(bucket, (set, alone))| {
        let founding = bucket.founding.iter().map(|face| shown(&eras, *face, "founding".to_owned()));
        let joined = bucket
            .joined
            .iter()
            .map(|(face, distance)| shown(&eras, *face, format!("joined at {distance:.3}")));
        let year = bucket.dominant_year.map_or_else(|| "none".to_owned(), |year| year.to_string());
        let mut about = format!("dominant year {year}");
        if let Some(alone) = alone {
            about.push_str("; ");
            about.push_str(&alone.to_string());
        }
        if set.thin {
            about.push_str("; too few photos: in _thin");
        }
        Group { title: set.name.clone(), about, faces: founding.chain(joined).collect() }
    });
    let groups = groups.collect();
    Page {
        title: format!("{} by era", scene.name()),
        about: vec![format!(
            "{} faces were looked at, {} of them not in the set; {} were left out.",
            survey.faces.len(),
            survey.recovered,
            survey.dropped.len()
        )],
        histogram: histogram(&eras.view.gallery, &survey.faces),
        groups,
    }
}

impl fmt::Display for Alone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.nearest.as_deref().unwrap_or("no era");
        write!(f, "{}", self.fit.explain(name))
    }
}
