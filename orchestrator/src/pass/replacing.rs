//! What `export-swap --replace` must not lose without a word: people of the corpus that is moved aside.

use std::{collections::BTreeSet, path::PathBuf};

use facesets_base::exit::{Failure, Hint};
use facesets_corpus::export::{
    PlannedSet,
    corpus::people,
    manifest::{CorpusManifest, Gap},
    succession::{LaterSet, LostSet, lost},
};
use facesets_people::{
    consent::{ConsentState, Demand, Withheld},
    view::View,
};

use super::output::OutputOptions;

/// A corpus that is to be moved aside.
#[derive(Debug)]
pub(crate) struct Earlier {
    manifest: CorpusManifest,
    lost: Vec<LostSet>,
    refused: Vec<Withheld>,
}

/// People who would be lost.
#[derive(Debug, thiserror::Error)]
#[error("{} of the sets of `{out}` would not be there as the same people: {}", lost.len(), told(lost))]
struct PeopleLost {
    out: PathBuf,
    lost: Vec<LostSet>,
}

fn told(lost: &[LostSet]) -> String {
    lost.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Hint for PeopleLost {
    fn hint(&self) -> Option<String> {
        Some(format!(
            "nothing was changed: export to another folder, or pass `--give-up-sets` to have them in `{}.previous-N` only",
            self.out.display()
        ))
    }
}

/// The corpus that `sets` take the place of, if there is one; refused where one of its people is not
/// among them under the same name, unless that one's consent is refused: nobody wants to keep them.
pub(crate) fn earlier(
    output: &OutputOptions,
    give_up_sets: bool,
    sets: &[PlannedSet],
    view: &View,
    demand: Demand,
) -> Result<Option<Earlier>, Failure> {
    let Some(manifest) = output.replaced::<CorpusManifest>()? else { return Ok(None) };
    let later: Vec<LaterSet<'_>> = sets.iter().map(PlannedSet::as_later).collect();
    let lost = lost(people(&output.out, &manifest, &view.index), &later);
    let refusal = |lost: &LostSet| {
        let person = lost.set.person.as_ref()?;
        let withheld = view.consent.withheld(&lost.set.name, person, demand)?;
        (withheld.consent.state == ConsentState::Refused).then_some(withheld)
    };
    let (refused, lost): (Vec<LostSet>, Vec<LostSet>) =
        lost.into_iter().partition(|lost| refusal(lost).is_some());
    let refused = refused.iter().filter_map(refusal).collect();
    if lost.is_empty() || give_up_sets {
        return Ok(Some(Earlier { manifest, lost, refused }));
    }
    Err(PeopleLost { out: output.out.clone(), lost }.into())
}

impl Earlier {
    /// Sets that nothing takes the place of, as their consent is refused: the new corpus says so of those
    /// whose names nobody has in it.
    pub(crate) fn refused<'a>(&'a self, corpus: &CorpusManifest) -> impl Iterator<Item = Gap> + use<'a> {
        let taken: BTreeSet<String> = corpus.names().map(str::to_owned).collect();
        let open = self.refused.iter().filter(move |set| !taken.contains(&set.name));
        open.map(|set| Gap { consent: Some(set.consent.clone()), ..Gap::new(&set.name, Vec::new()) })
    }

    /// Names of sets that the new corpus does not have, also of those in quarantine, or has as somebody else.
    pub(crate) fn only_in_it(&self, corpus: &CorpusManifest) -> Vec<String> {
        let known: BTreeSet<&str> = corpus.names().collect();
        let lost: BTreeSet<&str> = self.lost.iter().map(|lost| lost.set.name.as_str()).collect();
        let aside = self.manifest.aside.lists().into_iter().flat_map(|(_, sets)| sets);
        let aside = aside.filter(|set| set.present).map(|set| &set.name);
        let sets = self.manifest.facesets.iter().map(|set| &set.name).chain(aside);
        let is_only_here = |name: &&String| lost.contains(name.as_str()) || !known.contains(name.as_str());
        sets.filter(is_only_here).cloned().collect()
    }
}
