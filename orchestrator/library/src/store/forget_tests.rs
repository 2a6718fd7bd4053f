//! What forgetting takes away, and what it leaves.

use facesets_base::location::Location;
use facesets_core::{BBox, Sha256Digest};
use facesets_people::{
    consent::{ConsentState, StatementText},
    pins::{PinKind, PinnedFace},
};

use super::{
    Absence, Forgotten, Record, Store, blob,
    testing::{analysed, dump, face, failed, library, located, writer},
};

fn digest(name: &str) -> Sha256Digest {
    Sha256Digest::of(name.as_bytes())
}

fn pinned(name: &str, bbox: BBox) -> PinnedFace {
    PinnedFace { sha256: digest(name), bbox }
}

fn said(state: ConsentState) -> StatementText {
    StatementText { consent: Some(state), ..StatementText::default() }
}

#[test]
fn everything_of_a_forgotten_photo_leaves_the_files_and_nothing_of_another_one() {
    let (_folder, library) = library();
    let mut writer = writer(&library);
    // Enough that pages are split, so that copies of rows are left behind.
    let names: Vec<String> = (0..200).map(|i| format!("/photos/{i:03}")).collect();
    for (seed, name) in (10..).zip(&names) {
        let sha256 = digest(name);
        writer.commit(&[located(name, sha256), analysed(sha256, vec![face(seed), face(2)])]).unwrap();
    }
    let [first, other] = [&names[7], &names[8]];
    writer
        .commit(&[
            located("/copies/007", digest(first)),
            located("/bad", digest("bad")),
            failed(digest("bad")),
        ])
        .unwrap();
    let bbox = face(1).bbox;
    writer.add_pin(PinKind::Same, &pinned(first, bbox), &pinned(other, bbox)).unwrap();
    writer.add_pin(PinKind::NoFace, &pinned(other, bbox), &pinned(other, bbox)).unwrap();
    let both = [pinned(first, bbox), pinned(other, bbox)];
    writer.add_consent("granted", &said(ConsentState::Granted), &both).unwrap();

    let store = Store::open_read(&library).unwrap();
    let known = store.contents_at("/photos/007".as_ref()).unwrap();
    let [known] = &known[..] else { panic!("{known:?}") };
    assert_eq!((known.locations.len(), known.faces), (2, 2), "with its copies");
    assert_eq!(store.contents_at("/photos".as_ref()).unwrap().len(), 200);
    assert_eq!(store.contents_at("/photos/00".as_ref()).unwrap(), []);
    drop(store);

    let forgotten = writer.forget(&[digest(first)]).unwrap();
    let expected = Forgotten {
        contents: 1,
        locations: 2,
        analyses: 1,
        faces: 2,
        pins: 1,
        consents: 1,
        refusals_kept: 0,
    };
    assert_eq!(forgotten, expected);
    writer.scrub().unwrap();
    assert!(!dump(writer.store()).contains(&digest(first).to_string()));
    assert_eq!(writer.store().verify(&|_| ()).unwrap(), []);
    assert_eq!(writer.store().pins().unwrap().len(), 1);
    assert_eq!(writer.store().consent_statements().unwrap()[0].faces, [pinned(other, bbox)]);
    let bytes = [library.store_file(), library.store_file().with_extension("sqlite-wal")]
        .map(|file| std::fs::read(file).unwrap_or_default())
        .concat();
    let embedding = |seed| blob::encode(face(seed).embedding.unit.as_slice());
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    assert!(!holds(digest(first).as_bytes()) && holds(digest(other).as_bytes()));
    assert!(!holds(&embedding(17)[..64]) && holds(&embedding(18)[..64]));
}

#[test]
fn a_refusal_that_is_the_last_word_outlives_the_photo() {
    use ConsentState::{Granted, Refused};
    let (_folder, library) = library();
    let mut writer = writer(&library);
    let bbox = face(1).bbox;
    for (name, states) in
        [("/refused", &[Granted, Refused][..]), ("/granted", &[Refused, Granted]), ("/unsaid", &[])]
    {
        writer.commit(&[located(name, digest(name)), analysed(digest(name), vec![face(1)])]).unwrap();
        for state in states {
            writer.add_consent(name, &said(*state), &[pinned(name, bbox)]).unwrap();
        }
    }
    let all = ["/refused", "/granted", "/unsaid"].map(digest);
    let forgotten = writer.forget(&all).unwrap();
    assert_eq!((forgotten.contents, forgotten.consents, forgotten.refusals_kept), (3, 3, 1));
    let statements = writer.store().consent_statements().unwrap();
    let [statement] = &statements[..] else { panic!("{statements:?}") };
    assert_eq!(
        (statement.said.consent, &statement.faces[..]),
        (Some(Refused), &[pinned("/refused", bbox)][..])
    );
    assert_eq!(writer.forget(&all).unwrap(), Forgotten { refusals_kept: 1, ..Forgotten::default() });
}

#[test]
fn a_gallery_knows_what_counts_for_nothing_and_of_which_faces_something_is_said() {
    let (_folder, library) = library();
    let mut writer = writer(&library);
    let bbox = face(1).bbox;
    for name in ["/there", "/gone", "/gone unsaid", "/edited"] {
        writer
            .commit(&[located(name, digest(name)), analysed(digest(name), vec![face(1), face(2)])])
            .unwrap();
    }
    let gone = |path: &str| Record::Absent { path: path.into(), absence: Absence::Gone };
    writer.commit(&[gone("/gone"), gone("/gone unsaid"), located("/edited", digest("another"))]).unwrap();
    writer.add_consent("/gone", &said(ConsentState::Refused), &[pinned("/gone", bbox)]).unwrap();
    let gallery = writer.store().gallery(None).unwrap();
    assert_eq!((gallery.contents.len(), gallery.faces.len()), (1, 2));
    assert_eq!(gallery.absent.contents.len(), 3);
    assert_eq!(gallery.absent.contents[&digest("/gone")], [Location::file("/gone")]);
    assert!(gallery.absent.contents[&digest("/edited")].is_empty());
    assert!(
        gallery.absent.has(&digest("/edited").to_string())
            && !gallery.absent.has(&digest("/there").to_string())
    );
    let spoken_of: Vec<_> = gallery.absent.spoken_of.iter().map(|face| (face.sha256, face.bbox)).collect();
    assert_eq!(spoken_of, [(digest("/gone"), bbox), (digest("/gone"), face(2).bbox)]);
    assert_eq!(gallery.absent.spoken_of[0].embedding.as_slice().unwrap(), face(1).embedding.unit.as_slice());
}

#[test]
fn what_is_gone_is_a_content_of_which_no_place_counts_or_has_it_any_more() {
    let (_folder, library) = library();
    let mut writer = writer(&library);
    let gone = |path: &str| Record::Absent { path: path.into(), absence: Absence::Gone };
    writer
        .commit(&[
            located("/both", digest("both")),
            located("/copy", digest("both")),
            located("/one", digest("one")),
            located("/other", digest("one")),
            located("/edited", digest("before")),
            located("/edited", digest("after")),
            located("/away", digest("away")),
            gone("/both"),
            gone("/copy"),
            gone("/one"),
            gone("/never known"),
            Record::Absent { path: "/away".into(), absence: Absence::Away },
        ])
        .unwrap();
    let mut found: Vec<_> =
        writer.store().gone_contents().unwrap().into_iter().map(|known| known.sha256).collect();
    found.sort_unstable();
    let mut expected = [digest("both"), digest("before")];
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert!(dump(writer.store()).contains(r#""gone":true"#));
    // Located again, it is not gone any more; known to be away, neither.
    writer.commit(&[located("/both", digest("both"))]).unwrap();
    assert_eq!(writer.store().gone_contents().unwrap().len(), 1);
    assert_eq!(writer.store().status().unwrap().gone.places, 2);
}
