//! `facesets era split SET`: eras beside the set.

use std::fmt;

use facesets_base::{
    exit::{Exit, Failure},
    monitor::Monitor as _,
};
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

use super::{
    EraError, Listed, OfSet,
    page::{Written, shown},
    scene::{Found, Scene},
    write_undated,
};
use crate::command::{
    Context,
    clustering::{ClusteringArgs, CtrlC, Watcher},
    drop_report::DropReport,
    parameters::SplitArgs,
    plan_args::{Means, Planned},
};

/// Flags of `era split`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    of: OfSet,
    #[command(flatten)]
    split: SplitArgs,
    /// Split anew: eras that are there are set aside
    #[arg(long)]
    replace: bool,
    /// Split although `era probe` says that the set is not sortable
    #[arg(long)]
    anyway: bool,
    #[command(flatten)]
    clustering: ClusteringArgs,
}

#[derive(Debug, Serialize)]
struct Summary {
    set: String,
    faces: usize,
    recovered: usize,
    verdict: Verdict,
    eras: Vec<Said>,
    thin: Vec<Said>,
    undated: Vec<Listed>,
    #[serde(flatten)]
    dropped: DropReport,
    #[serde(flatten)]
    written: Written,
    #[serde(flatten)]
    planned: Planned,
}

/// An era as a summary has it.
#[derive(Debug, Serialize)]
struct Said {
    name: String,
    dominant_year: Option<u16>,
    founding: usize,
    joined: usize,
    /// Crops that were written, `None` where nothing was; `applied` has them too.
    #[serde(skip)]
    crops: Option<usize>,
    /// Why a fragment stands alone.
    alone: Option<Alone>,
}

#[derive(Debug, Serialize)]
struct Alone {
    nearest: Option<String>,
    #[serde(flatten)]
    fit: Fit,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ctrl_c = CtrlC::listen(context)?;
    let found = Found::new(&args.of.subject, context)?;
    let mut journal = Writer::open_existing(&context.library)?;
    let gallery = args.clustering.load_from(journal.store(), Some(found.contract()), context.monitor())?;
    let scene = found.with(gallery, &args.of.subject, journal.store(), context)?;
    let eras = scene.eras();
    let count = eras.existing().count();
    if count > 0 && !args.replace {
        return Err(EraError::IsSplit { set: scene.name().to_owned(), count }.into());
    }
    let survey = survey(eras.gallery, &scene.subject, &args.of.subject.survey.into(), &scene.pins);
    let watcher = Watcher::new(context.monitor(), &ctrl_c.stop);
    let grouping = args.clustering.grouping(&watcher, &scene.pins_within);
    let parameters: SplitParameters = args.split.into();
    let split =
        split(eras.gallery, &survey.faces, eras.years, (&parameters, &args.of.join.into()), &grouping)?;
    context.ui.finish();
    if split.anchors.is_empty() {
        let sizes = split.alone.iter().map(|(bucket, _)| distinct_images(eras.gallery, &bucket.founding));
        return Err(EraError::NoAnchor {
            set: scene.name().to_owned(),
            min_anchor: parameters.min_anchor,
            largest: sizes.max().unwrap_or_default(),
        }
        .into());
    }
    if !split.verdict.is_sortable() && !args.anyway {
        return Err(EraError::NotSortable { set: scene.name().to_owned(), verdict: split.verdict }.into());
    }
    let change = eras.split(&split, parameters.min_anchor)?;

    let page = page(&scene, &survey, &split, &change);
    let written = args.of.page.write(page, &eras, context.monitor(), &ctrl_c.stop)?;
    let (mut thin, mut of_eras) = said(&split, &change);
    let mut plan = Plan::new(format!("era split {}", scene.name()), eras.gallery);
    let was = manifest_digest(&scene.root)?;
    plan.targets.push(Target { root: scene.root.clone(), was, becomes: Becomes::Eras(change) });
    let means = Means { gallery: eras.gallery, journal: &mut journal, context, stop: &ctrl_c.stop };
    let planned = args.of.plan.carry_out(plan, means)?;
    if let Some(crops) = planned.crops() {
        for era in thin.iter_mut().chain(&mut of_eras) {
            era.crops = Some(crops.get(&era.name).copied().unwrap_or(0));
        }
    }
    let thinned = planned.thinned();
    let (late, of_eras) = of_eras.into_iter().partition(|era: &Said| thinned.contains(&era.name));
    thin.extend::<Vec<Said>>(late);
    let exit = written.exit(planned.exit());
    let undated = survey.faces.iter().filter(|face| eras.years.of(**face).is_none());
    context.ui.summary(&Summary {
        set: scene.name().to_owned(),
        faces: survey.faces.len(),
        recovered: survey.recovered,
        verdict: split.verdict,
        eras: of_eras,
        thin,
        undated: undated.map(|face| Listed::new(&eras, *face, None)).collect(),
        dropped: DropReport::new(eras.gallery, dropped_faces(eras.gallery, &survey.dropped)),
        written,
        planned,
    })?;
    Ok(exit)
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
fn said(split: &Split, change: &EraChange) -> (Vec<Said>, Vec<Said>) {
    let said = |(set, alone): (&EraSet, Option<Alone>)| {
        let said = Said {
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
    let without_flag = |all: Vec<(bool, Said)>| all.into_iter().map(|(_, said)| said).collect();
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
        histogram: histogram(eras.gallery, &survey.faces),
        groups,
    }
}

impl fmt::Display for Alone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.nearest.as_deref().unwrap_or("no era");
        write!(f, "{}", self.fit.explain(name))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.dropped, f)?;
        writeln!(f, "{}: {} faces, {} of them not in the set", self.set, self.faces, self.recovered)?;
        writeln!(f, "{}", self.verdict)?;
        for era in &self.eras {
            write!(f, "{}: {} founding faces, {} joined", era.name, era.founding, era.joined)?;
            match era.crops {
                Some(crops) => writeln!(f, ", {crops} crops")?,
                None => writeln!(f)?,
            }
        }
        let faces: usize = self.thin.iter().map(|era| era.founding + era.joined).sum();
        writeln!(f, "{} eras; {} with too few photos ({faces} faces)", self.eras.len(), self.thin.len())?;
        write_undated(f, &self.undated)?;
        self.written.fmt(f)?;
        self.planned.fmt(f)
    }
}
