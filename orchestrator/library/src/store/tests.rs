//! The store from outside.

mod migrations;

use std::{collections::BTreeMap, ffi::OsString, os::unix::ffi::OsStringExt as _, path::PathBuf, sync::Arc};

use facesets_base::{exit::Hint as _, location::Location};
use facesets_core::{EMBEDDING_LEN, Face, Sha256Digest, wire::ItemFailureKind};
use facesets_people::{
    consent::{ConsentState, Statement, StatementText},
    pins::PinnedFace,
};
use proptest::prelude::*;

use super::{
    testing::{analysed, analysis, contract, dump, face, failed, library, located, writer},
    *,
};

/// Writes everything in as many transactions as there are chunks, into a library of its own.
fn dump_of(records: &[Record], chunk: usize) -> String {
    let (_folder, library) = library();
    let mut writer = writer(&library);
    for records in records.chunks(chunk) {
        writer.commit(records).unwrap();
    }
    dump(writer.store())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn an_analysis_comes_back_bit_for_bit(seeds in prop::collection::vec(0u32..10_000, 0..5)) {
        let (_folder, library) = library();
        let sha256 = Sha256Digest::of(b"photo");
        let faces: Vec<Face> = seeds.iter().map(|seed| face(*seed)).collect();
        writer(&library).commit(&[located("/a", sha256), analysed(sha256, faces.clone())]).unwrap();

        let gallery = Store::open_read(&library).unwrap().gallery(None).unwrap();
        prop_assert_eq!(gallery.contents.len(), 1);
        prop_assert_eq!((gallery.contents[0].width, gallery.contents[0].height), (400, 300));
        prop_assert_eq!(gallery.faces.len(), faces.len());
        for (at, face) in faces.iter().enumerate() {
            let stored = &gallery.faces[at];
            prop_assert_eq!(stored.number as usize, at);
            prop_assert_eq!(stored.bbox, face.bbox);
            prop_assert_eq!(
                (stored.det_score, stored.norm, stored.blur),
                (face.det_score, face.embedding.norm, face.blur)
            );
            prop_assert_eq!(&stored.landmarks_68, &face.landmarks_68);
            prop_assert_eq!(gallery.embedding(at).to_vec(), face.embedding.unit.as_slice());
        }
    }

    #[test]
    fn the_dump_does_not_depend_on_order_repetition_or_transactions(
        order in Just((0..6u32).collect::<Vec<_>>()).prop_shuffle(), chunk in 1usize..20, repeats in 1usize..3
    ) {
        let content = |i: u32| Sha256Digest::of(&[i as u8]);
        let records = |i: u32| {
            let outcome = if i == 3 { failed(content(i)) } else { analysed(content(i), (0..i % 3).map(face).collect()) };
            [located(format!("/photos/{i}"), content(i)), located(format!("/copies/{i}"), content(i)), outcome]
        };
        let expected = dump_of(&(0..6).flat_map(records).collect::<Vec<_>>(), 100);
        let shuffled: Vec<Record> =
            std::iter::repeat_n(order, repeats).flatten().flat_map(records).collect();
        prop_assert_eq!(dump_of(&shuffled, chunk), expected);
    }
}

#[test]
fn the_gallery_is_sorted_by_canonical_path_and_knows_aliases() {
    let (_folder, library) = library();
    let [first, second, homeless] = [b"1", b"2", b"3"].map(|bytes| Sha256Digest::of(bytes));
    let odd = PathBuf::from(OsString::from_vec(b"/b/\xff.jpg".to_vec()));
    let mut writer = writer(&library);
    writer
        .commit(&[
            located("/z", first),
            located(&odd, first),
            located("/b-", second),
            located("/gone", homeless),
            located("/gone", second),
            analysed(first, vec![face(1), face(2)]),
            analysed(second, vec![face(3)]),
            analysed(homeless, vec![face(4)]),
        ])
        .unwrap();
    let gallery = writer.store().gallery(None).unwrap();
    let locations: Vec<Vec<Location>> =
        gallery.contents.iter().map(|content| content.locations.clone()).collect();
    let expected = [["/b-", "/gone"].map(Location::file), [Location::file(odd), Location::file("/z")]];
    assert_eq!(locations, expected);
    let faces: Vec<(usize, u32)> = gallery.faces.iter().map(|face| (face.content, face.number)).collect();
    assert_eq!(faces, [(0, 0), (1, 0), (1, 1)]);
    assert_eq!(gallery.embedding(2).to_vec(), face(2).embedding.unit.as_slice());
}

#[test]
fn contracts_are_never_mixed_silently() {
    let (_folder, library) = library();
    let sha256 = Sha256Digest::of(b"photo");
    let mut writer = writer(&library);
    assert!(matches!(writer.store().gallery(None), Err(StoreError::NothingAnalysed)));

    let mut other = analysis(vec![face(1)]);
    other.contract.det_size = 320;
    let other_contract = other.contract.to_string();
    let provenance = Arc::new(Provenance::default());
    writer
        .commit(&[
            located("/a", sha256),
            analysed(sha256, vec![face(1), face(2)]),
            Record::Analysed { sha256, analysis: other, provenance },
        ])
        .unwrap();
    let store = writer.store();
    let error = store.gallery(None).unwrap_err();
    assert!(error.hint().unwrap().contains("--contract"));
    assert!(error.to_string().contains(&other_contract), "{error}");
    assert_eq!(store.gallery(Some(&other_contract)).unwrap().faces.len(), 1);
    assert!(matches!(store.gallery(Some("x")), Err(StoreError::UnknownContract { .. })));
}

#[test]
fn a_failure_gives_way_to_a_result_but_not_the_other_way_round() {
    let (_folder, library) = library();
    let sha256 = Sha256Digest::of(b"photo");
    let contract = contract().to_string();
    let mut writer = writer(&library);
    writer.commit(&[located("/a", sha256), failed(sha256)]).unwrap();
    let outcome = writer.store().outcome(&sha256, &contract).unwrap();
    let expected = Failed { kind: "decode".to_owned(), message: "broken".to_owned() };
    assert_eq!(outcome, Some(Outcome::Failed(expected)));
    writer.commit(&[analysed(sha256, vec![face(1)]), failed(sha256), analysed(sha256, vec![])]).unwrap();
    assert_eq!(writer.store().outcome(&sha256, &contract).unwrap(), Some(Outcome::Done { faces: 1 }));
}

#[test]
fn strikes_are_kept_until_there_is_an_outcome_and_are_no_part_of_the_dump() {
    let (_folder, library) = library();
    let (sha256, contract) = (Sha256Digest::of(b"photo"), contract().to_string());
    let struck = |deaths| Record::Struck { sha256, contract: contract.clone(), deaths };
    let mut first = writer(&library);
    first.commit(&[located("/a", sha256)]).unwrap();
    let before = dump(first.store());
    assert_eq!(first.store().strikes(&sha256, &contract).unwrap(), None);
    first.commit(&[struck(0)]).unwrap();
    drop(first);
    let mut second = writer(&library);
    assert_eq!(second.store().strikes(&sha256, &contract).unwrap(), Some(0));
    second.commit(&[struck(1), struck(1), struck(0)]).unwrap();
    assert_eq!(second.store().strikes(&sha256, &contract).unwrap(), Some(1));
    assert_eq!(dump(second.store()), before);
    for outcome in [
        Record::Failed {
            sha256,
            contract: contract.clone(),
            failure: StoredFailure::kills_worker("it died"),
        },
        analysed(sha256, vec![]),
    ] {
        second.commit(&[struck(1), outcome]).unwrap();
        assert_eq!(second.store().strikes(&sha256, &contract).unwrap(), None);
    }
    assert_eq!(second.store().outcome(&sha256, &contract).unwrap(), Some(Outcome::Done { faces: 0 }));
}

#[test]
fn statements_about_consent_come_back_as_they_were_made_until_they_are_removed() {
    let (_folder, library) = library();
    let mut writer = writer(&library);
    let face = |seed| PinnedFace { sha256: Sha256Digest::of(&[seed]), bbox: face(seed.into()).bbox };
    let granted = StatementText {
        consent: Some(ConsentState::Granted),
        note: Some("paper".to_owned()),
        ..StatementText::default()
    };
    let licensed = StatementText {
        licence: Some("CC0".to_owned()),
        source: Some("an album".to_owned()),
        ..StatementText::default()
    };
    let faces = [face(1), face(2)];
    let first = writer.add_consent("faceset_001", &granted, &faces).unwrap();
    let second = writer.add_consent("a.jpg", &licensed, &faces[1..]).unwrap();
    let statement = |id, about: &str, said: &StatementText, faces: &[PinnedFace]| Statement {
        id,
        about: about.to_owned(),
        said: said.clone(),
        faces: faces.to_vec(),
    };
    let both = [
        statement(first, "faceset_001", &granted, &faces),
        statement(second, "a.jpg", &licensed, &faces[1..]),
    ];
    assert_eq!(writer.store().consent_statements().unwrap(), both);
    let nothing = writer.add_consent("nobody", &StatementText::default(), &faces);
    assert!(nothing.is_err(), "what says nothing is refused as a whole");
    assert_eq!(writer.store().consent_statements().unwrap(), both);

    assert!(writer.remove_consent(first).unwrap());
    assert!(!writer.remove_consent(first).unwrap());
    assert_eq!(writer.store().consent_statements().unwrap(), both[1..]);
    assert_eq!(writer.store().verify(&|_| ()).unwrap(), []);
    let next = writer.add_consent("c.jpg", &licensed, &faces).unwrap();
    assert!(next > second, "numbers are never used again");
}

#[test]
fn an_embedding_that_is_none_is_named_and_never_clustered() {
    let (_folder, library) = library();
    let sha256 = Sha256Digest::of(b"photo");
    writer(&library).commit(&[located("/a", sha256), analysed(sha256, vec![face(1), face(2)])]).unwrap();
    let connection = rusqlite::Connection::open(library.store_file()).unwrap();
    for (value, reason) in [(f32::NAN, "not finite"), (0.0, "no direction"), (0.5, "not 1")] {
        let vector: Vec<u8> = [value; EMBEDDING_LEN].iter().flat_map(|value| value.to_le_bytes()).collect();
        connection.execute("UPDATE embedding SET vector = ?1 WHERE face_id = 2", [vector]).unwrap();
        let error = Store::open_read(&library).unwrap().gallery(None).unwrap_err().to_string();
        assert!(error.contains(&format!("face 1 of content {sha256}")), "{error}");
        assert!(error.contains(reason), "{error}");
    }
    let short = connection.execute("UPDATE embedding SET vector = x'00' WHERE face_id = 2", []);
    assert!(short.unwrap_err().to_string().contains("CHECK"), "a vector of another length cannot be stored");
}

#[test]
fn only_failures_that_last_can_be_stored() {
    let lasting: Vec<_> =
        ItemFailureKind::ALL.into_iter().filter(|kind| StoredFailure::new(*kind, "").is_some()).collect();
    assert_eq!(lasting, [ItemFailureKind::Decode, ItemFailureKind::TooLarge, ItemFailureKind::Unsupported]);
}

#[test]
fn the_status_counts_what_is_there_and_what_is_missing() {
    let (_folder, library) = library();
    let [done, bad, new, empty] = [b"1", b"2", b"3", b"4"].map(|bytes| Sha256Digest::of(bytes));
    let mut writer = writer(&library);
    writer
        .commit(&[
            located("/1", done),
            located("/1-again", done),
            located("/2", bad),
            located("/2-again", bad),
            located("/3", new),
            located("/4", empty),
            Record::Absent { path: "/1".into(), absence: Absence::Away },
            Record::Absent { path: "/2".into(), absence: Absence::Away },
            analysed(done, vec![face(1), face(2)]),
            analysed(empty, vec![]),
            failed(bad),
        ])
        .unwrap();
    let status = writer.store().status().unwrap();
    assert_eq!((status.contents, status.locations, status.aliases, status.vanished), (4, 6, 2, 2));
    assert_eq!(status.present, 4);
    let [contract] = &status.contracts[..] else { panic!("{status:?}") };
    assert_eq!((contract.analysed, contract.no_face, contract.faces, contract.pending), (2, 1, 2, 1));
    let failure = FailedContent {
        path: "/2".into(),
        aliases: vec!["/2-again".into()],
        vanished: false,
        kind: "decode".to_owned(),
        reason: "broken".to_owned(),
    };
    assert_eq!(contract.failed, [failure]);
    let again = |kinds: &[&str]| {
        let kinds: Vec<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        writer.store().failed_contents(&contract.contract, &kinds).unwrap()
    };
    let expected = FoundAgain { sha256: bad, bytes: 3, locations: vec![Location::file("/2-again")] };
    assert_eq!(again(&["too_large", "decode"]), again(&[]));
    assert_eq!(again(&[]), [expected]);
    assert_eq!(again(&["too_large"]), []);
}

#[test]
fn locations_below_a_folder_do_not_include_its_namesakes() {
    let (_folder, library) = library();
    let sha256 = Sha256Digest::of(b"x");
    let mut writer = writer(&library);
    let paths = ["/a/b/1", "/a/b", "/a/b-2/1", "/a/b0", "/a/b.jpg", "/a/b/c/2"];
    writer.commit(&paths.map(|path| located(path, sha256))).unwrap();
    let below = |root: &str| {
        let mut found = Vec::new();
        let visit = |location: LocationRecord| found.push(location.at.text());
        writer.store().each_location_below(root.as_ref(), visit).unwrap();
        found
    };
    assert_eq!(below("/a/b"), ["/a/b/1", "/a/b/c/2"]);
    assert_eq!(below("/").len(), paths.len());
}

#[test]
fn a_second_writer_is_refused_while_readers_are_not() {
    let (_folder, library) = library();
    let mut first = writer(&library);
    let error = Writer::open(&library, FileSystemPolicy::Refuse).unwrap_err();
    assert!(matches!(error, StoreError::InUse(_)) && error.hint().is_some());
    first.commit(&[located("/a", Sha256Digest::of(b"a"))]).unwrap();
    assert_eq!(Store::open_read(&library).unwrap().status().unwrap().contents, 1);
    drop(first);
    writer(&library);
}

#[test]
fn a_new_store_has_the_settings_it_should() {
    let (_folder, library) = library();
    let writer = writer(&library);
    let settings =
        ["page_size", "journal_mode", "synchronous", "foreign_keys", "user_version", "application_id"];
    let settings: BTreeMap<_, _> = settings.map(|name| (name, writer.pragma(name))).into();
    let text = format!("{settings:?}");
    for part in [
        r#""page_size": "Integer(16384)""#,
        r#""journal_mode": "wal""#,
        r#""synchronous": "Integer(2)""#,
        r#""foreign_keys": "Integer(1)""#,
        r#""application_id": "Integer(1179862356)""#,
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(settings["user_version"], format!("Integer({})", schema::MIGRATIONS.len()));
}

#[test]
fn a_database_of_version_zero_is_migrated() {
    let (_folder, library) = library();
    std::fs::create_dir_all(library.folder()).unwrap();
    // What remains when the very first run is killed before its first transaction.
    rusqlite::Connection::open(library.store_file()).unwrap().execute_batch("VACUUM").unwrap();
    assert!(matches!(Store::open_read(&library), Err(StoreError::NoLibrary(_))));
    drop(writer(&library));
    assert_eq!(Store::open_read(&library).unwrap().status().unwrap().contents, 0);
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let (_folder, library) = library();
    std::fs::create_dir_all(library.folder()).unwrap();
    rusqlite::Connection::open(library.store_file()).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap();
    assert!(matches!(Writer::open(&library, FileSystemPolicy::Refuse), Err(StoreError::NotALibrary(_))));
    std::fs::write(library.store_file(), "no database at all, but long enough to have a header".repeat(9))
        .unwrap();
    assert!(matches!(Writer::open(&library, FileSystemPolicy::Refuse), Err(StoreError::Damaged(_))));
}

#[test]
fn a_passed_through_file_system_is_refused_or_gets_a_rollback_journal() {
    let (_folder, library) = library();
    let windows = |_: &std::path::Path| FileSystem { kind: "9p".to_owned() };
    let error = Writer::open_on(&library, FileSystemPolicy::Refuse, windows).unwrap_err();
    assert!(error.to_string().contains("9p") && error.hint().unwrap().contains("--unsafe-fs"));
    assert!(!library.store_file().exists());

    let mut writer = Writer::open_on(&library, FileSystemPolicy::RollbackJournal, windows).unwrap();
    assert_eq!(writer.pragma("journal_mode"), "delete");
    writer.commit(&[located("/a", Sha256Digest::of(b"a"))]).unwrap();
    drop(writer);
    assert_eq!(Store::open_read(&library).unwrap().status().unwrap().contents, 1);
}

#[test]
fn a_full_disk_loses_nothing_that_was_committed() {
    let (_folder, library) = library();
    let content = |i: u32| Sha256Digest::of(&i.to_le_bytes());
    let records = |i: u32| [located(format!("/{i}"), content(i)), analysed(content(i), vec![face(i)])];
    let mut writer = writer(&library);
    writer.commit(&records(0)).unwrap();
    let before = dump(writer.store());
    writer.limit_pages(20);
    let many: Vec<Record> = (1..500).flat_map(records).collect();
    let error = writer.commit(&many).unwrap_err();
    assert!(matches!(error, StoreError::Full) && error.hint().is_some(), "{error}");
    assert_eq!(dump(writer.store()), before);

    writer.limit_pages(1_000_000);
    writer.commit(&many).unwrap();
    assert_eq!(writer.store().gallery(None).unwrap().faces.len(), 500);
}

#[test]
fn a_committer_writes_when_there_is_enough_or_on_demand() {
    let (_folder, library) = library();
    let mut committer = Committer::new(writer(&library));
    let contents = |committer: &Committer| committer.writer().store().status().unwrap().contents as usize;
    for i in 0..COMMIT_EVERY - 1 {
        committer.add(located(format!("/{i}"), Sha256Digest::of(&i.to_le_bytes()))).unwrap();
    }
    assert_eq!(contents(&committer), 0);
    assert!(committer.due().is_some());
    committer.add(located("/last", Sha256Digest::of(b"last"))).unwrap();
    assert_eq!(contents(&committer), COMMIT_EVERY);
    assert!(committer.due().is_none());
    committer.add(located("/one-more", Sha256Digest::of(b"one more"))).unwrap();
    committer.flush().unwrap();
    assert_eq!(contents(&committer), COMMIT_EVERY + 1);
}
