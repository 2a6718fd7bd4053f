//! Can a set be sorted by era?

use facesets_base::exit::Failure;
use facesets_corpus::{
    era::{
        Eras, Probe, SplitParameters, SubCluster, Survey, probe,
        report::{Group, Page},
        survey,
    },
    manifest::dropped_faces,
};
use facesets_library::store::Store;
use serde::Serialize;

use crate::pass::{
    Session,
    clustering::{ClusteringOptions, Watcher},
    drop_report::DropReport,
    era::{
        Listed, SubjectOptions,
        page::{PageOptions, Written, shown},
        scene::Found,
    },
};

/// What is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Which set.
    pub(crate) subject: SubjectOptions,
    /// How it would be split.
    pub(crate) split: SplitParameters,
    /// Who clusters.
    pub(crate) clustering: ClusteringOptions,
    /// The page.
    pub(crate) page: PageOptions,
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) set: String,
    pub(crate) recovered: usize,
    #[serde(flatten)]
    pub(crate) probe: Probe,
    pub(crate) undated: Vec<Listed>,
    #[serde(flatten)]
    pub(crate) dropped: DropReport,
    #[serde(flatten)]
    pub(crate) written: Written,
}

/// Runs the pass.
pub(crate) fn run(options: &Options, session: &Session<'_>) -> Result<Report, Failure> {
    let found = Found::new(&options.subject, session)?;
    let store = Store::open_read(session.library)?;
    let gallery = options.clustering.load_from(&store, Some(found.contract()), session.monitor)?;
    let scene = found.with(gallery, &options.subject, &store, session)?;
    let eras = scene.eras();
    let Survey { faces, recovered, dropped } =
        survey(&eras.view.gallery, &scene.subject, &options.subject.survey, &scene.view.pins);
    let watcher = Watcher::new(session.monitor, session.stop);
    let grouping = options.clustering.grouping(&watcher, &scene.pins_within);
    let probe = probe(&eras.view.gallery, &faces, eras.years, &options.split, &grouping)?;
    session.monitor.finish();

    let page = page(scene.name(), &probe, &eras);
    let written = options.page.write(page, &eras, session.monitor, session.stop)?;
    let undated = faces.iter().filter(|face| eras.years.of(**face).is_none());
    let undated = undated.map(|face| Listed::new(&eras, *face, None)).collect();
    let dropped = DropReport::new(&eras.view.gallery, dropped_faces(&eras.view.gallery, &dropped));
    Ok(Report { set: scene.name().to_owned(), recovered, probe, undated, dropped, written })
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

pub(crate) fn describe(cluster: &SubCluster) -> String {
    let years: Vec<String> = cluster.years.iter().map(|(year, count)| format!("{year} ({count})")).collect();
    let kind = if cluster.is_anchor { "large enough for an era" } else { "a fragment" };
    let years = if years.is_empty() { "no years".to_owned() } else { years.join(", ") };
    format!("{kind}; {years}; {} faces without a year", cluster.undated)
}
