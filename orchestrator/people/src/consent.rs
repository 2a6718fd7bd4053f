//! Who agreed to what, and where photos come from: statements about faces, and what follows from them for a
//! set. Pure.
//!
//! A statement means a person, whom its faces show; it is kept by faces because these outlive every
//! clustering. Of several statements about one face the newest counts, field by field.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

use serde::{Deserialize, Serialize};

use crate::{
    gallery::{FaceFinder, Gallery},
    pins::PinnedFace,
};

/// Whether a person agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentState {
    /// They did.
    Granted,
    /// Nobody knows, or has said.
    #[default]
    Unknown,
    /// They did not, or took it back.
    Refused,
}

/// What a statement says; at least one thing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StatementText {
    /// Whether the person agreed.
    pub consent: Option<ConsentState>,
    /// Anything to be remembered of it: when, to what, on which paper.
    pub note: Option<String>,
    /// Licence of the photos.
    pub licence: Option<String>,
    /// Where the photos come from.
    pub source: Option<String>,
}

/// A statement of the user.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Its number; later ones have higher numbers.
    pub id: i64,
    /// What the user named: a set or a face.
    pub about: String,
    /// What it says.
    pub said: StatementText,
    /// Of which faces.
    pub faces: Vec<PinnedFace>,
}

/// What the statements about its faces come to for a set; part of its manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetConsent {
    /// The worst that counts: one refusal is a refusal, and what is granted for some faces and unknown for
    /// others is unknown.
    pub state: ConsentState,
    /// Numbers of the statements that count.
    pub statements: Vec<i64>,
    /// Whether they say different things.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub contradictory: bool,
    /// Their notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Where the photos of a set come from; part of its manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Their licence; where there are several, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Their source, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// A set that was not handed out, as consent is refused, or was demanded and is not granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Withheld {
    /// The set.
    pub name: String,
    /// What stands in the way.
    #[serde(flatten)]
    pub consent: SetConsent,
}

/// What is demanded of a set before it is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// Nothing, because the user says so: what is refused is handed out too, and told of.
    IncludingRefused,
    /// That consent is not refused. Earlier versions wrote `nothing` into plans where nobody had asked for
    /// refused sets.
    #[default]
    #[serde(alias = "nothing")]
    NotRefused,
    /// That consent is granted.
    Granted,
}

/// Farthest cosine distance of a face from one that is gone with its photo and whose consent is refused, at
/// which the refusal is taken to be of the same person: that at which a face joins a set. Who is held back
/// without need can be granted again.
const SAME_PERSON: f32 = 0.45;

/// The newest of what was said of each face of a gallery.
#[derive(Debug, Clone, Default)]
pub struct ConsentBook {
    by_row: HashMap<usize, OfFace>,
}

/// What counts of one face, with the statements that say so.
#[derive(Debug, Clone, Default)]
struct OfFace {
    consent: Option<(i64, ConsentState, Option<String>)>,
    licence: Option<(i64, String)>,
    source: Option<(i64, String)>,
}

impl ConsentState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Granted, Self::Unknown, Self::Refused];

    /// As it is written down.
    pub fn text(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Unknown => "unknown",
            Self::Refused => "refused",
        }
    }
}

impl ConsentBook {
    /// What `statements`, oldest first, say of the faces of a gallery; of faces that it does not have they
    /// say nothing.
    pub fn new(gallery: &Gallery, statements: &[Statement]) -> Self {
        let mut book = Self::default();
        if statements.is_empty() {
            return book;
        }
        let finder = FaceFinder::new(gallery);
        for (row, refusal) in refusals_of_the_absent(gallery, statements) {
            book.by_row.entry(row).or_default().consent = Some(refusal);
        }
        for Statement { id, said, faces, .. } in statements {
            for row in faces.iter().filter_map(|face| finder.find(&face.sha256, &face.bbox)) {
                let of_face = book.by_row.entry(row).or_default();
                let is_newer = of_face.consent.as_ref().is_none_or(|(known, ..)| known < id);
                if let Some(state) = said.consent.filter(|_| is_newer) {
                    of_face.consent = Some((*id, state, said.note.clone()));
                }
                if let Some(licence) = &said.licence {
                    of_face.licence = Some((*id, licence.clone()));
                }
                if let Some(source) = &said.source {
                    of_face.source = Some((*id, source.clone()));
                }
            }
        }
        book
    }

    /// What they come to for a person who is shown by these faces (rows of the gallery).
    pub fn consent(&self, rows: &BTreeSet<usize>) -> SetConsent {
        let counting = self.of(rows).filter_map(|of_face| of_face.consent.as_ref());
        let counting: BTreeMap<i64, (ConsentState, Option<&String>)> =
            counting.map(|(id, state, note)| (*id, (*state, note.as_ref()))).collect();
        let states: BTreeSet<ConsentState> = counting.values().map(|(state, _)| *state).collect();
        SetConsent {
            state: states.last().copied().unwrap_or_default(),
            statements: counting.keys().copied().collect(),
            contradictory: states.len() > 1,
            note: joined(counting.values().filter_map(|(_, note)| note.map(String::as_str))),
        }
    }

    /// Why a set of a person who is shown by these faces is not handed out where so much is demanded; `None`
    /// where it is.
    pub fn withheld(&self, name: &str, rows: &BTreeSet<usize>, demand: Demand) -> Option<Withheld> {
        let consent = self.consent(rows);
        (!demand.is_met_by(&consent)).then(|| Withheld { name: name.to_owned(), consent })
    }

    /// Faces whose consent is refused (rows of the gallery, ascending), by the statement that says so.
    pub fn refused(&self) -> BTreeMap<i64, Vec<usize>> {
        let mut refused: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for (row, of_face) in &self.by_row {
            if let Some((id, ConsentState::Refused, _)) = of_face.consent {
                refused.entry(id).or_default().push(*row);
            }
        }
        for rows in refused.values_mut() {
            rows.sort_unstable();
        }
        refused
    }

    /// Where the photos of these faces come from; `None` where nobody has said anything.
    pub fn terms(&self, rows: &BTreeSet<usize>) -> Option<Terms> {
        let texts = |of: fn(&OfFace) -> Option<&(i64, String)>| {
            let texts: BTreeMap<i64, &str> =
                self.of(rows).filter_map(of).map(|(id, text)| (*id, text.as_str())).collect();
            joined(texts.into_values())
        };
        let terms = Terms {
            licence: texts(|face| face.licence.as_ref()),
            source: texts(|face| face.source.as_ref()),
        };
        (terms != Terms::default()).then_some(terms)
    }

    fn of<'a>(&'a self, rows: &'a BTreeSet<usize>) -> impl Iterator<Item = &'a OfFace> {
        rows.iter().filter_map(|row| self.by_row.get(row))
    }
}

/// The newest refusal, with its statement and note, for each row that looks like a face whose photo is gone
/// and whose consent is refused.
fn refusals_of_the_absent(
    gallery: &Gallery,
    statements: &[Statement],
) -> BTreeMap<usize, (i64, ConsentState, Option<String>)> {
    let mut refusals = BTreeMap::new();
    for absent in &gallery.absent.spoken_of {
        let of_it = |statement: &&Statement| {
            let is_it = |face: &PinnedFace| absent.is(&face.sha256, &face.bbox);
            statement.said.consent.is_some() && statement.faces.iter().any(is_it)
        };
        let Some(newest) = statements.iter().rev().find(of_it) else { continue };
        if newest.said.consent != Some(ConsentState::Refused) {
            continue;
        }
        let similarities = gallery.embeddings.dot(&absent.embedding);
        for (row, _) in
            similarities.iter().enumerate().filter(|(_, similarity)| 1.0 - **similarity <= SAME_PERSON)
        {
            let refusal = (newest.id, ConsentState::Refused, newest.said.note.clone());
            let known: &mut (i64, ConsentState, Option<String>) =
                refusals.entry(row).or_insert_with(|| refusal.clone());
            if known.0 < refusal.0 {
                *known = refusal;
            }
        }
    }
    refusals
}

impl SetConsent {
    /// Whether whoever hands the set out should hear of it: consent is refused, or different things are said.
    pub fn is_amiss(&self) -> bool {
        self.state == ConsentState::Refused || self.contradictory
    }
}

impl Demand {
    /// Whether a set may be handed out.
    pub fn is_met_by(self, consent: &SetConsent) -> bool {
        match self {
            Self::IncludingRefused => true,
            Self::NotRefused => consent.state != ConsentState::Refused,
            Self::Granted => consent.state == ConsentState::Granted,
        }
    }
}

/// Distinct texts in their order; `None` without any.
fn joined<'a>(texts: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut distinct: Vec<&str> = Vec::new();
    for text in texts {
        if !distinct.contains(&text) {
            distinct.push(text);
        }
    }
    (!distinct.is_empty()).then(|| distinct.join("; "))
}

impl fmt::Display for ConsentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is left out: {}", self.name, self.consent)
    }
}

impl fmt::Display for SetConsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.statements.is_empty() {
            return write!(f, "nobody has said whether consent is granted");
        }
        let numbers: Vec<String> = self.statements.iter().map(i64::to_string).collect();
        let (plural, numbers) = (if numbers.len() == 1 { "" } else { "s" }, numbers.join(", "));
        write!(f, "consent is {} by statement{plural} {numbers}", self.state)?;
        if self.contradictory { write!(f, ", which contradict each other") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{gallery::AbsentFace, testing::gallery_of};

    fn face(gallery: &Gallery, row: usize) -> PinnedFace {
        PinnedFace { sha256: gallery.content_of(row).sha256, bbox: gallery.faces[row].bbox }
    }

    fn statement(gallery: &Gallery, id: i64, consent: Option<ConsentState>, rows: &[usize]) -> Statement {
        let said = StatementText { consent, note: Some(format!("note {id}")), ..StatementText::default() };
        let faces = rows.iter().map(|row| face(gallery, *row)).collect();
        Statement { id, about: String::new(), said, faces }
    }

    #[test]
    fn one_refusal_is_a_refusal_and_contradictions_are_named() {
        use ConsentState::{Granted, Refused, Unknown};
        let gallery = gallery_of(&[(0, 0.0), (0, 0.1), (0, 0.2), (1, 0.0)]);
        let said = |id, state, rows: &[usize]| statement(&gallery, id, Some(state), rows);
        let statements = [said(1, Granted, &[0]), said(2, Unknown, &[1]), said(3, Refused, &[2])];
        let book = ConsentBook::new(&gallery, &statements);
        let of = |rows: &[usize]| book.consent(&rows.iter().copied().collect());
        for (rows, state, contradictory) in [
            (&[0, 3][..], Granted, false),
            (&[0, 1], Unknown, true),
            (&[0, 1, 2, 3], Refused, true),
            (&[2, 3], Refused, false),
            (&[3], Unknown, false),
        ] {
            let consent = of(rows);
            assert_eq!((consent.state, consent.contradictory), (state, contradictory), "{rows:?}");
            assert_eq!(Demand::Granted.is_met_by(&consent), state == Granted, "{rows:?}");
            assert_eq!(Demand::NotRefused.is_met_by(&consent), state != Refused, "{rows:?}");
            assert!(Demand::IncludingRefused.is_met_by(&consent));
        }
        assert_eq!(of(&[0, 1]).statements, [1, 2]);
        assert_eq!(of(&[0, 1]).note.as_deref(), Some("note 1; note 2"));
        assert_eq!(
            of(&[0, 2]).to_string(),
            "consent is refused by statements 1, 3, which contradict each other"
        );
    }

    #[test]
    fn of_one_face_the_newest_statement_counts_field_by_field() {
        let gallery = gallery_of(&[(0, 0.0), (0, 0.1)]);
        let mut first = statement(&gallery, 1, Some(ConsentState::Refused), &[0, 1]);
        first.said.licence = Some("CC-BY-4.0".to_owned());
        let mut second = statement(&gallery, 2, Some(ConsentState::Granted), &[0, 1]);
        second.said.source = Some("the family's album".to_owned());
        let mut third = statement(&gallery, 3, None, &[1]);
        third.said.licence = Some("CC0".to_owned());
        let book = ConsentBook::new(&gallery, &[first, second, third]);
        let both = BTreeSet::from([0, 1]);
        let consent = book.consent(&both);
        assert_eq!((consent.state, consent.statements), (ConsentState::Granted, vec![2]));
        let terms = book.terms(&both).unwrap();
        assert_eq!(terms.licence.as_deref(), Some("CC-BY-4.0; CC0"));
        assert_eq!(terms.source.as_deref(), Some("the family's album"));
        assert_eq!(book.terms(&BTreeSet::new()), None);
    }

    #[test]
    fn a_statement_follows_its_faces_to_the_boxes_of_another_detector() {
        let gallery = gallery_of(&[(0, 0.0), (0, 0.0)]);
        let mut moved = statement(&gallery, 1, Some(ConsentState::Granted), &[0]);
        moved.faces[0].bbox.x1 += 15.0;
        let of = |statement: Statement| {
            ConsentBook::new(&gallery, &[statement]).consent(&BTreeSet::from([0, 1])).state
        };
        assert_eq!(of(moved.clone()), ConsentState::Granted);
        moved.faces[0].bbox.x1 += 150.0;
        assert_eq!(of(moved), ConsentState::Unknown);
    }

    #[test]
    fn a_plan_of_an_earlier_version_asks_for_no_refused_set() {
        for (written, demand) in [
            ("\"nothing\"", Demand::NotRefused),
            ("\"granted\"", Demand::Granted),
            ("\"including_refused\"", Demand::IncludingRefused),
        ] {
            assert_eq!(serde_json::from_str::<Demand>(written).unwrap(), demand);
        }
        assert_eq!(Demand::default(), Demand::NotRefused);
    }

    #[test]
    fn a_refusal_outlives_the_photo_that_it_was_said_of() {
        use ConsentState::{Granted, Refused, Unknown};
        // The first two are one person's; the third one is somebody else.
        let mut gallery = gallery_of(&[(0, 0.3), (0, 0.4), (1, 0.0)]);
        let absent = AbsentFace {
            sha256: facesets_core::Sha256Digest::of(b"deleted"),
            bbox: gallery.faces[0].bbox,
            embedding: ndarray::Array1::from_iter(
                (0..gallery.embeddings.ncols()).map(|at| f32::from(u8::from(at == 0))),
            ),
        };
        let face = PinnedFace { sha256: absent.sha256, bbox: absent.bbox };
        let of_it = |id, state| Statement { faces: vec![face], ..statement(&gallery, id, Some(state), &[]) };
        let statements = [of_it(1, Granted), of_it(3, Refused)];
        let own = statement(&gallery, 2, Some(Granted), &[0, 1, 2]);
        let later = statement(&gallery, 4, Some(Granted), &[0, 1]);
        gallery.absent.spoken_of = vec![absent];
        let of = |statements: &[Statement], rows: &[usize]| {
            ConsentBook::new(&gallery, statements).consent(&rows.iter().copied().collect()).state
        };
        assert_eq!(of(&statements, &[0, 1]), Refused);
        assert_eq!(of(&statements, &[2]), Unknown);
        let with_own = [statements[0].clone(), own, statements[1].clone()];
        assert_eq!((of(&with_own, &[0]), of(&with_own, &[2])), (Refused, Granted));
        let taken_back = [with_own[0].clone(), with_own[1].clone(), with_own[2].clone(), later];
        assert_eq!(of(&taken_back, &[0, 1]), Granted);
        let granted_at_last = [statements[1].clone(), of_it_again(&face, &gallery)];
        assert_eq!(
            of(&granted_at_last, &[0, 1]),
            Unknown,
            "what was granted for one photo is not said of others"
        );
    }

    fn of_it_again(face: &PinnedFace, gallery: &Gallery) -> Statement {
        Statement { faces: vec![*face], ..statement(gallery, 5, Some(ConsentState::Granted), &[]) }
    }

    proptest! {
        #[test]
        fn more_statements_about_other_faces_never_make_a_refusal_disappear(
            states in proptest::collection::vec(0usize..3, 1..6),
        ) {
            let faces: Vec<(usize, f32)> = states.iter().map(|_| (0, 0.0)).collect();
            let gallery = gallery_of(&faces);
            let statements: Vec<Statement> = states
                .iter()
                .enumerate()
                .map(|(row, state)| statement(&gallery, row as i64 + 1, Some(ConsentState::ALL[*state]), &[row]))
                .collect();
            let book = ConsentBook::new(&gallery, &statements);
            let consent = book.consent(&(0..states.len()).collect());
            let worst = states.iter().map(|state| ConsentState::ALL[*state]).max().unwrap();
            prop_assert_eq!(consent.state, worst);
            prop_assert_eq!(consent.statements.len(), states.len());
        }
    }
}
