//! `facesets era probe SET`: can it be sorted by era?

use std::fmt;

use facesets_base::{
    exit::{Exit, Failure},
    monitor::Monitor as _,
};
use facesets_corpus::{
    era::{
        Eras, Probe, SubCluster, Survey, probe,
        report::{Group, Page},
        survey,
    },
    manifest::dropped_faces,
};
use facesets_library::store::Store;
use serde::Serialize;

use super::{
    Listed, SubjectArgs,
    page::{PageArgs, Written, shown},
    scene::Found,
    write_undated,
};
use crate::command::{
    Context,
    clustering::{ClusteringArgs, CtrlC, Watcher},
    drop_report::DropReport,
    parameters::SplitArgs,
};

/// Sub-clusters that the summary names.
const NAMED: usize = 20;

/// Flags of `era probe`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    subject: SubjectArgs,
    #[command(flatten)]
    split: SplitArgs,
    #[command(flatten)]
    clustering: ClusteringArgs,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Debug, Serialize)]
struct Summary {
    set: String,
    recovered: usize,
    #[serde(flatten)]
    probe: Probe,
    undated: Vec<Listed>,
    #[serde(flatten)]
    dropped: DropReport,
    #[serde(flatten)]
    written: Written,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ctrl_c = CtrlC::listen(context)?;
    let found = Found::new(&args.subject, context)?;
    let store = Store::open_read(&context.library)?;
    let gallery = args.clustering.load_from(&store, Some(found.contract()), context.monitor())?;
    let scene = found.with(gallery, &args.subject, &store, context)?;
    let eras = scene.eras();
    let Survey { faces, recovered, dropped } =
        survey(eras.gallery, &scene.subject, &args.subject.survey.into(), &scene.pins);
    let watcher = Watcher::new(context.monitor(), &ctrl_c.stop);
    let grouping = args.clustering.grouping(&watcher, &scene.pins_within);
    let probe = probe(eras.gallery, &faces, eras.years, &args.split.into(), &grouping)?;
    context.ui.finish();

    let page = page(scene.name(), &probe, &eras);
    let written = args.page.write(page, &eras, context.monitor(), &ctrl_c.stop)?;
    let exit = written.exit(Exit::Done);
    let undated = faces.iter().filter(|face| eras.years.of(**face).is_none());
    let undated = undated.map(|face| Listed::new(&eras, *face, None)).collect();
    let dropped = DropReport::new(eras.gallery, dropped_faces(eras.gallery, &dropped));
    context.ui.summary(&Summary {
        set: scene.name().to_owned(),
        recovered,
        probe,
        undated,
        dropped,
        written,
    })?;
    Ok(exit)
}

fn page(set: &str, probe: &Probe, eras: &Eras<'_>) -> Page {
    let group = |(number, cluster): (usize, &SubCluster)| Group {
        title: format!("sub-cluster {number}: {} photos", cluster.images),
        about: describe(cluster),
        faces: cluster.rows.iter().map(|face| shown(eras, *face, String::new())).collect(),
    };
    Page {
        title: format!("{set} by era: a probe"),
        about: vec![probe.verdict.to_string(), figures(probe)],
        histogram: probe.histogram.clone(),
        groups: (1..).zip(&probe.sub_clusters).map(group).collect(),
    }
}

fn figures(probe: &Probe) -> String {
    let cuts = probe.cuts.iter().map(|cut| {
        let largest: Vec<String> = cut.sizes.iter().take(5).map(ToString::to_string).collect();
        format!(
            "{} sub-clusters at {}, {} large enough (largest: {})",
            cut.sizes.len(),
            cut.threshold,
            cut.anchors,
            largest.join(", ")
        )
    });
    cuts.collect::<Vec<_>>().join("; ")
}

fn describe(cluster: &SubCluster) -> String {
    let years: Vec<String> = cluster.years.iter().map(|(year, count)| format!("{year} ({count})")).collect();
    let kind = if cluster.is_anchor { "large enough for an era" } else { "a fragment" };
    let years = if years.is_empty() { "no years".to_owned() } else { years.join(", ") };
    format!("{kind}; {years}; {} faces without a year", cluster.undated)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.dropped, f)?;
        let Probe { faces, images, dated, histogram, cuts, sub_clusters, explained, verdict } = &self.probe;
        writeln!(
            f,
            "{}: {faces} faces in {images} photos ({} not in the set), {dated} with a year",
            self.set, self.recovered
        )?;
        writeln!(f, "cosine distance to the centroid:")?;
        for bin in histogram {
            writeln!(f, "  {:.2} to {:.2}  {}", bin.from, bin.to, bin.faces)?;
        }
        for cut in cuts {
            writeln!(
                f,
                "cut at {:.2}: {} sub-clusters, {} large enough",
                cut.threshold.get(),
                cut.sizes.len(),
                cut.anchors
            )?;
        }
        for (number, cluster) in (1..).zip(sub_clusters).take(NAMED) {
            writeln!(f, "sub-cluster {number}: {} photos, {}", cluster.images, describe(cluster))?;
        }
        if sub_clusters.len() > NAMED {
            writeln!(f, "… and {} more, see `--json`", sub_clusters.len() - NAMED)?;
        }
        write_undated(f, &self.undated)?;
        if let Some(explained) = explained {
            writeln!(f, "{:.0} % of the variance of years lies between the large ones", explained * 100.0)?;
        }
        writeln!(f, "{verdict}")?;
        self.written.fmt(f)
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.unreadable > 0 {
            writeln!(f, "{} faces could not be drawn (listed above)", self.unreadable)?;
        }
        match &self.report {
            Some(report) => writeln!(f, "report in `{}`", report.display()),
            None => Ok(()),
        }
    }
}
