//! What all passes on eras work on: a set of a corpus, its faces in the library, and their years.

use std::{collections::BTreeSet, path::PathBuf};

use facesets_base::{exit::Failure, folding::folded};
use facesets_corpus::{
    era::{Eras, Subject, Years, drops_that_stand},
    export::{corpus::Corpus, manifest::FacesetManifest},
    manifest::{set_name, set_number},
};
use facesets_library::store::Store;
use facesets_people::{gallery::Gallery, pins::ResolvedPins, refine::ruled_out, view::View};

use super::{EraError, SubjectOptions};
use crate::pass::{Session, clustering::load_view, planning::absolute};

/// A set of a corpus with its faces.
pub(super) struct Scene {
    /// The corpus' folder.
    pub(super) root: PathBuf,
    pub(super) view: View,
    pub(super) subject: Subject,
    /// What users say, for a clustering within one person: that two faces are the same person's says nothing
    /// of their age.
    pub(super) pins_within: ResolvedPins,
    corpus: Corpus,
    parent: FacesetManifest,
    years: Years,
}

/// The manifests of a corpus and of one of its sets, before the library is looked into.
pub(super) struct Found {
    root: PathBuf,
    corpus: Corpus,
    parent: FacesetManifest,
}

impl Found {
    /// Looks for the set.
    pub(super) fn new(options: &SubjectOptions, session: &Session<'_>) -> Result<Self, Failure> {
        let root = session.output(&options.corpus)?;
        let corpus = Corpus::read(&root)?;
        let parent = find(&corpus, &options.set, &root)?.clone();
        Ok(Self { root, corpus, parent })
    }

    /// Contract of the corpus.
    pub(super) fn contract(&self) -> &str {
        &self.corpus.manifest.contract
    }

    /// Adds what the library knows.
    pub(super) fn with(
        self,
        gallery: Gallery,
        options: &SubjectOptions,
        store: &Store,
        session: &Session<'_>,
    ) -> Result<Scene, Failure> {
        let Self { root, corpus, parent } = self;
        let view = load_view(store, gallery, session.monitor)?;
        let View { gallery, index, pins, .. } = &view;
        let seed = parent.rows(index);
        if seed.is_empty() {
            return Err(EraError::NoFaces(parent.name).into());
        }
        let mut pins_within = pins.clone();
        pins_within.constraints.together.clear();

        let roots = match &options.roots[..] {
            [] => Subject::common_root(gallery, &seed).into_iter().collect(),
            roots => roots.iter().map(|root| absolute(root)).collect::<Result<_, _>>()?,
        };
        let mut excluded = drops_that_stand(&corpus, index);
        excluded.extend(ruled_out(pins).map(|drop| drop.face));
        let others = corpus.canonical().filter(|set| set.name != parent.name);
        let others: BTreeSet<usize> = others.flat_map(|set| set.rows(index)).collect();
        let subject = Subject { seed, roots, excluded, others };

        let unread = store.contents_without_camera()?;
        let unread = gallery.contents.iter().filter(|content| unread.contains(&content.sha256)).count();
        if unread > 0 {
            session.monitor.note(&format!(
                "nobody has looked when {unread} photos were taken: run `facesets embed` on their folders"
            ));
        }
        let years = Years::new(gallery);
        Ok(Scene { root, view, subject, pins_within, corpus, parent, years })
    }
}

impl Scene {
    /// What a change is made from.
    pub(super) fn eras(&self) -> Eras<'_> {
        Eras { view: &self.view, years: &self.years, corpus: &self.corpus, parent: &self.parent }
    }

    /// Name of the set.
    pub(super) fn name(&self) -> &str {
        &self.parent.name
    }
}

/// The set of a name or, if none has it, of a label.
fn find<'a>(corpus: &'a Corpus, set: &str, root: &std::path::Path) -> Result<&'a FacesetManifest, EraError> {
    let named = corpus.all().find(|manifest| manifest.name == set);
    // What a keyboard gives need not be what a disk gave.
    let wanted = Some(folded(set));
    let labelled: Vec<_> =
        corpus.canonical().filter(|manifest| manifest.label.as_deref().map(folded) == wanted).collect();
    match (named, &labelled[..]) {
        (Some(named), _) => {
            let number = set_number("faceset", &named.name);
            let is_era = named.parent.is_some()
                || number.is_some_and(|number| named.name != set_name("faceset", number));
            if is_era { Err(EraError::IsEra(set.to_owned())) } else { Ok(named) }
        }
        (None, [one]) => Ok(one),
        (None, []) => Err(EraError::NoSet { set: set.to_owned(), corpus: root.to_owned() }),
        (None, several) => Err(EraError::Ambiguous { set: set.to_owned(), count: several.len() }),
    }
}
