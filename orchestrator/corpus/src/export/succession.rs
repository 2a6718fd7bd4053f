//! Which people of an earlier corpus the one that takes its place would not have under their names. Pure.

use std::{cmp::Reverse, collections::BTreeSet, fmt};

use super::{PlannedSet, origin::OriginKind};

/// A set of an earlier corpus that stands for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierSet {
    /// `faceset_NNN`.
    pub name: String,
    /// Name given by people.
    pub label: Option<String>,
    /// Who says that its faces are one person's; `None` where that is not known any more.
    pub origin: Option<OriginKind>,
    /// The faces that show its person (rows of the gallery); `None` where that is not known any more.
    pub person: Option<BTreeSet<usize>>,
}

/// A set of the corpus to come.
#[derive(Debug, Clone, Copy)]
pub struct LaterSet<'a> {
    /// `faceset_NNN`.
    pub name: &'a str,
    /// Name given by people.
    pub label: Option<&'a str>,
    /// The faces that show its person (rows of the gallery).
    pub person: &'a BTreeSet<usize>,
}

impl PlannedSet {
    /// As what takes the place of earlier sets.
    pub fn as_later(&self) -> LaterSet<'_> {
        LaterSet { name: &self.name, label: self.label.as_deref(), person: &self.person }
    }
}

/// A set of which the corpus to come does not have the person under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostSet {
    /// The earlier set.
    pub set: EarlierSet,
    /// What becomes of it.
    pub fate: SetFate,
}

/// What becomes of an earlier set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetFate {
    /// No set has its name or its faces.
    Gone,
    /// The set of its name has none of its faces, and neither has any other.
    SomebodyElse,
    /// Most of its faces are in the set of another name.
    Elsewhere(String),
    /// The person is there, without the name that people gave.
    Unlabelled,
}

/// The sets of `earlier` whose person is not in the set of the same name in `later`, in the order given.
///
/// A person is where most of the earlier set's faces are. A set whose faces are not known is told by its name
/// alone.
pub fn lost(earlier: Vec<EarlierSet>, later: &[LaterSet<'_>]) -> Vec<LostSet> {
    let lost = |set: EarlierSet| fate(&set, later).map(|fate| LostSet { set, fate });
    earlier.into_iter().filter_map(lost).collect()
}

/// `None` where the person is where it was.
fn fate(set: &EarlierSet, later: &[LaterSet<'_>]) -> Option<SetFate> {
    let namesake = later.iter().find(|later| later.name == set.name);
    let home = match &set.person {
        None => namesake,
        Some(person) => {
            let shared = |later: &LaterSet<'_>| person.intersection(later.person).count();
            let found = later.iter().filter(|later| shared(later) > 0);
            found.max_by_key(|later| (shared(later), later.name == set.name, Reverse(later.name)))
        }
    };
    match (home, namesake) {
        (None, None) => Some(SetFate::Gone),
        (None, Some(_)) => Some(SetFate::SomebodyElse),
        (Some(home), _) if home.name != set.name => Some(SetFate::Elsewhere(home.name.to_owned())),
        (Some(home), _) if set.label.is_some() && home.label != set.label.as_deref() => {
            Some(SetFate::Unlabelled)
        }
        _ => None,
    }
}

impl fmt::Display for LostSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EarlierSet { name, label, origin, .. } = &self.set;
        let how = match origin {
            Some(OriginKind::HandSorted) => Some("sorted by hand"),
            Some(OriginKind::Discovered) => Some("discovered"),
            Some(OriginKind::Auto) | None => None,
        };
        let known: Vec<&str> = label.as_deref().into_iter().chain(how).collect();
        write!(f, "{name}")?;
        if !known.is_empty() {
            write!(f, " ({})", known.join(", "))?;
        }
        match &self.fate {
            SetFate::Gone => write!(f, " would be gone"),
            SetFate::SomebodyElse => write!(f, " would be somebody else"),
            SetFate::Elsewhere(other) => write!(f, " would be {other}"),
            SetFate::Unlabelled => write!(f, " would lose its label"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn earlier(name: &str, label: Option<&str>, person: &[usize]) -> EarlierSet {
        let person = Some(person.iter().copied().collect());
        EarlierSet { name: name.to_owned(), label: label.map(str::to_owned), origin: None, person }
    }

    fn fates(earlier: Vec<EarlierSet>, later: &[(&str, &[usize])]) -> Vec<String> {
        let people: Vec<BTreeSet<usize>> =
            later.iter().map(|(_, faces)| faces.iter().copied().collect()).collect();
        let later: Vec<LaterSet<'_>> = later
            .iter()
            .zip(&people)
            .map(|((name, _), person)| LaterSet { name, label: None, person })
            .collect();
        lost(earlier, &later).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_person_who_keeps_name_and_most_faces_is_not_lost() {
        let sets = vec![earlier("faceset_001", None, &[0, 1, 2]), earlier("faceset_002", None, &[3, 4])];
        let later: [(&str, &[usize]); 3] =
            [("faceset_001", &[0, 1, 7]), ("faceset_002", &[2, 3, 4, 5]), ("faceset_003", &[6])];
        assert_eq!(fates(sets, &later), [""; 0]);
    }

    #[test]
    fn whoever_would_be_gone_replaced_renumbered_or_nameless_is_lost() {
        let sets = vec![
            earlier("faceset_001", Some("anna"), &[0, 1]),
            EarlierSet { origin: Some(OriginKind::HandSorted), ..earlier("faceset_002", Some("bert"), &[2]) },
            earlier("faceset_003", None, &[3, 4, 5]),
            EarlierSet { origin: Some(OriginKind::Discovered), ..earlier("faceset_004", None, &[6]) },
        ];
        let later: [(&str, &[usize]); 3] =
            [("faceset_001", &[0, 1, 4, 5]), ("faceset_002", &[9]), ("faceset_003", &[3])];
        assert_eq!(
            fates(sets, &later),
            [
                "faceset_001 (anna) would lose its label",
                "faceset_002 (bert, sorted by hand) would be somebody else",
                "faceset_003 would be faceset_001",
                "faceset_004 (discovered) would be gone",
            ]
        );
    }

    #[test]
    fn of_two_sets_with_as_many_faces_that_of_the_same_name_is_the_person() {
        let sets = vec![earlier("faceset_002", None, &[0, 1])];
        assert_eq!(fates(sets, &[("faceset_001", &[0]), ("faceset_002", &[1])]), [""; 0]);
    }

    #[test]
    fn a_set_whose_faces_nobody_knows_is_told_by_its_name_and_one_without_faces_in_the_library_is_not() {
        let unknown = |name| EarlierSet { person: None, ..earlier(name, None, &[]) };
        let sets = vec![unknown("faceset_001"), unknown("faceset_002"), earlier("faceset_001", None, &[])];
        assert_eq!(
            fates(sets, &[("faceset_001", &[0])]),
            ["faceset_002 would be gone", "faceset_001 would be somebody else"]
        );
    }
}
