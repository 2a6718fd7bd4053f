//! Faces that came later join the eras that are there.

use std::collections::BTreeMap;

use facesets_base::exit::Failure;
use facesets_corpus::{
    era::{
        Anchors, EraSet, Eras, Extended, Fit, UnknownMember, extend, histogram,
        report::{Group, Page},
    },
    manifest::dropped_faces,
    plan::{Becomes, Plan, Target, manifest_digest},
};
use facesets_library::store::Writer;
use serde::Serialize;

use crate::pass::{
    Session,
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
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) set: String,
    /// Faces that were in no era.
    pub(crate) unbucketed: usize,
    pub(crate) joined: Vec<Grown>,
    /// Faces that joined none although their photo has a year.
    pub(crate) refused: Vec<Refused>,
    /// Faces whose photo has none.
    pub(crate) undated: Vec<Listed>,
    #[serde(flatten)]
    pub(crate) dropped: DropReport,
    #[serde(flatten)]
    pub(crate) written: Written,
    #[serde(flatten)]
    pub(crate) planned: Planned,
}

#[derive(Debug, Serialize)]
pub(crate) struct Grown {
    pub(crate) name: String,
    pub(crate) dominant_year: Option<u16>,
    pub(crate) faces: Vec<Listed>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Refused {
    #[serde(flatten)]
    pub(crate) face: Listed,
    pub(crate) reason: String,
}

/// The eras that may be joined, by number.
struct Standing {
    names: Vec<String>,
    dominant_years: Vec<Option<u16>>,
    anchors: Anchors,
}

/// Runs the pass.
pub(crate) fn run(options: &Options, session: &Session<'_>) -> Result<Report, Failure> {
    let found = Found::new(&options.of.subject, session)?;
    let mut journal = Writer::open_existing(session.library)?;
    let gallery = journal.store().gallery(Some(found.contract()))?;
    let scene = found.with(gallery, &options.of.subject, journal.store(), session)?;
    let eras = scene.eras();
    let standing = Standing::of(&eras)?;
    if standing.names.is_empty() {
        return Err(EraError::NotSplit(scene.name().to_owned()).into());
    }
    let mut dropped = Vec::new();
    let candidates = scene.subject.candidates(
        &eras.view.gallery,
        &options.of.subject.survey,
        &scene.view.pins,
        &mut dropped,
    );
    let known = eras.members();
    let faces: Vec<usize> = candidates.into_iter().filter(|face| !known.contains(face)).collect();
    dropped.retain(|drop| !known.contains(&drop.face));
    let extended = extend(&eras.view.gallery, &faces, eras.years, &standing.anchors, &options.of.join);
    let mut joining: BTreeMap<String, Vec<(usize, f32)>> = BTreeMap::new();
    for (face, anchor, distance) in &extended.joined {
        joining.entry(standing.names[*anchor].clone()).or_default().push((*face, *distance));
    }

    let page = page(&scene, &standing, &extended);
    let written = options.of.page.write(page, &eras, session.monitor, session.stop)?;
    let mut plan = Plan::new(format!("era extend {}", scene.name()), &eras.view.gallery);
    if !joining.is_empty() {
        let was = manifest_digest(&scene.root)?;
        let becomes = Becomes::Eras(eras.extend(&joining));
        plan.targets.push(Target { root: scene.root.clone(), was, becomes });
    }
    let means = Means { view: eras.view, journal: &mut journal, session };
    let planned = options.of.plan.carry_out(plan, means)?;
    let (undated, refused) = standing.unjoined(&eras, &extended);
    Ok(Report {
        set: scene.name().to_owned(),
        unbucketed: faces.len(),
        joined: standing.grown(&eras, &extended),
        refused,
        undated,
        dropped: DropReport::new(&eras.view.gallery, dropped_faces(&eras.view.gallery, &dropped)),
        written,
        planned,
    })
}

impl Standing {
    /// Eras in the corpus itself that say who founded them.
    fn of(eras: &Eras<'_>) -> Result<Self, UnknownMember> {
        let (mut names, mut dominant_years, mut founding, mut years) = (vec![], vec![], vec![], vec![]);
        for (set, thin) in eras.existing() {
            let Some(era) = set.era.as_ref().filter(|era| !thin && !era.founding.is_empty()) else {
                continue;
            };
            names.push(set.name.clone());
            dominant_years.push(era.dominant_year);
            founding.push(EraSet::founding_rows(&set.name, era, &eras.view.index)?);
            years.push(era.founding_years());
        }
        Ok(Self { names, dominant_years, anchors: Anchors::new(&eras.view.gallery, &founding, &years) })
    }

    fn name(&self, fit: &Fit) -> Option<(String, f32)> {
        fit.nearest().map(|(anchor, distance)| (self.names[anchor].clone(), distance))
    }

    fn grown(&self, eras: &Eras<'_>, extended: &Extended) -> Vec<Grown> {
        let faces_of = |number: usize| {
            let own = extended.joined.iter().filter(move |(_, anchor, _)| *anchor == number);
            own.map(move |(face, _, distance)| {
                Listed::new(eras, *face, Some((self.names[number].clone(), *distance)))
            })
        };
        (0..self.names.len())
            .map(|number| Grown {
                name: self.names[number].clone(),
                dominant_year: self.dominant_years[number],
                faces: faces_of(number).collect(),
            })
            .filter(|grown| !grown.faces.is_empty())
            .collect()
    }

    /// Faces without a year, and those that the rule refused.
    fn unjoined(&self, eras: &Eras<'_>, extended: &Extended) -> (Vec<Listed>, Vec<Refused>) {
        let (mut undated, mut refused) = (Vec::new(), Vec::new());
        for (face, fit) in &extended.unjoined {
            let listed = Listed::new(eras, *face, self.name(fit));
            if listed.year.is_none() {
                undated.push(listed);
            } else {
                refused.push(Refused { face: listed, reason: self.explain(fit) });
            }
        }
        (undated, refused)
    }

    fn explain(&self, fit: &Fit) -> String {
        let name = fit.nearest().map_or("no era", |(anchor, _)| &self.names[anchor]);
        fit.explain(name)
    }
}

fn page(scene: &Scene, standing: &Standing, extended: &Extended) -> Page {
    let eras = scene.eras();
    let mut groups: Vec<Group> = standing
        .names
        .iter()
        .zip(&standing.dominant_years)
        .map(|(name, year)| Group {
            title: format!("{name}: new"),
            about: year.map_or_else(|| "no dominant year".to_owned(), |year| format!("dominant year {year}")),
            faces: Vec::new(),
        })
        .collect();
    for (face, anchor, distance) in &extended.joined {
        groups[*anchor].faces.push(shown(&eras, *face, format!("at {distance:.3}")));
    }
    groups.retain(|group| !group.faces.is_empty());
    let unjoined = |undated: bool| {
        let faces =
            extended.unjoined.iter().filter(move |(face, _)| eras.years.of(*face).is_none() == undated);
        faces.map(|(face, fit)| shown(&eras, *face, standing.explain(fit))).collect::<Vec<_>>()
    };
    groups.push(Group {
        title: "No year: to be looked after".to_owned(),
        about: "Their photos say nothing of when they were taken, so that no era gets them.".to_owned(),
        faces: unjoined(true),
    });
    groups.push(Group {
        title: "In no era".to_owned(),
        about: "The nearest era is too far away, or of another time.".to_owned(),
        faces: unjoined(false),
    });
    Page {
        title: format!("{}: more faces for its eras", scene.name()),
        about: vec![format!(
            "{} faces were in no era: {} join one.",
            extended.joined.len() + extended.unjoined.len(),
            extended.joined.len()
        )],
        histogram: histogram(&eras.view.gallery, &scene.subject.seed),
        groups,
    }
}
