//! `embed` against a worker of the test's own.

mod losses;
mod scan;

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use facesets_base::{exit::Hint as _, location::Location};
use facesets_core::wire::ItemFailureKind;
use facesets_library::{
    source::disk::{Filter, ScanError, ScanOptions},
    store::{COLUMNS, KILLS_WORKER, Record, Store, StoreError},
};
use facesets_workers::{
    dispatch::{
        DispatchError, PackError, Patience, Plaintext,
        testing::{Behaviour, TestWorker, answer_each, cut_after, done, fails, hang_on, start},
    },
    selection::{Local, SelectionError, WorkersFileError},
};

use super::*;

/// Photos, a library, and a worker that says what it is told to.
struct Place {
    folder: tempfile::TempDir,
    library: Library,
    /// Keeps its workers running.
    runtime: tokio::runtime::Runtime,
    address: String,
    sent: Arc<AtomicUsize>,
}

/// A monitor that keeps the problems, and the notes.
#[derive(Default)]
struct Problems(Mutex<Vec<String>>, Mutex<Vec<String>>);

impl Monitor for Problems {
    fn start(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn finish(&self) {}
    fn note(&self, text: &str) {
        self.1.lock().unwrap().push(text.to_owned());
    }
    fn problem(&self, what: &str, reason: &str) {
        self.0.lock().unwrap().push(format!("{what}: {reason}"));
    }
}

impl Place {
    fn new(behaviour: Behaviour) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("photos")).unwrap();
        let library = Library::new(folder.path().join("library"));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let sent = Arc::new(AtomicUsize::new(0));
        let worker =
            TestWorker { token: Some("sesame"), items: Arc::clone(&sent), ..TestWorker::new(behaviour) };
        let address = runtime.block_on(start(worker));
        Self { folder, library, runtime, address, sent }
    }

    /// Every image is analysed, except those that begin with `!`.
    fn good() -> Self {
        let broken = |item: &facesets_core::wire::Item| item.data.starts_with(b"!");
        Self::new(answer_each(
            move |item| if broken(item) { fails(item, ItemFailureKind::Decode) } else { done(item) },
        ))
    }

    fn photo(&self, name: impl AsRef<Path>, content: &str) -> PathBuf {
        let path = self.folder.path().join("photos").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn sources(&self, options: ScanOptions) -> Sources {
        Sources::new(&[self.folder.path().join("photos")], options).unwrap()
    }

    fn options(&self) -> Options {
        Options {
            sources: self.sources(ScanOptions::default()),
            file_system: FileSystemPolicy::Refuse,
            known_failures: KnownFailures::Count,
            losses: Losses::Doubt,
            workers: WorkerOptions {
                user_file: None,
                addresses: vec![self.address.clone()],
                token: Some("sesame".to_owned()),
                plaintext: Plaintext::LoopbackOnly,
                file: None,
                local: Local::Alone,
                det_size: 640,
                binary: None,
                models: None,
                pack: None,
                runtime: None,
                lanes: None,
                max_image_bytes: Some(1000),
                max_pixels: None,
                patience: Patience {
                    reconnects: 3,
                    first_delay: std::time::Duration::from_millis(5),
                    longest_delay: std::time::Duration::from_millis(20),
                    ..Patience::default()
                },
            },
        }
    }

    fn embed_with(&self, options: &Options) -> (Result<Exit, EmbedError>, Summary, Vec<String>) {
        let (result, summary, told) = self.embed_listening(options);
        let problems = told.0.lock().unwrap().clone();
        (result, summary, problems)
    }

    fn embed_listening(&self, options: &Options) -> (Result<Exit, EmbedError>, Summary, Arc<Problems>) {
        let problems = Arc::new(Problems::default());
        let monitor: Arc<dyn Monitor> = problems.clone();
        let mut summary = Summary::default();
        let result = run(options, &self.library, &monitor, &mut summary);
        (result, summary, problems)
    }

    /// The address of a further worker.
    fn other_worker(&self, worker: TestWorker) -> String {
        self.runtime.block_on(start(worker))
    }

    fn embed(&self) -> (Exit, Summary, Vec<String>) {
        let (result, summary, problems) = self.embed_with(&self.options());
        (result.unwrap(), summary, problems)
    }

    fn sent(&self) -> usize {
        self.sent.swap(0, Ordering::Relaxed)
    }

    fn dump(&self) -> String {
        let mut out = Vec::new();
        Store::open_read(&self.library).unwrap().dump(&mut out).unwrap();
        // Temporary folders differ from place to place.
        let dump = String::from_utf8(out).unwrap();
        let own = |line: &&str| !line.contains("\"location\"") && !line.contains("\"digest\"");
        dump.lines().filter(own).collect::<Vec<_>>().join("\n")
    }
}

#[test]
fn a_second_run_sends_nothing() {
    let place = Place::good();
    place.photo("a.jpg", "one");
    place.photo("deep/er/b.PNG", "two");
    place.photo("copy of a.jpeg", "one");
    place.photo("notes.txt", "three");
    place.photo(OsStr::from_bytes(b"caf\xe9.jpg"), "four");
    place.photo(format!("{}.jpg", "写".repeat(80)), "five");

    let (exit, summary, problems) = place.embed();
    assert_eq!((exit, problems), (Exit::Done, vec![]));
    assert_eq!(
        (summary.found.files, summary.found.other_files, summary.contents, summary.aliases),
        (5, 1, 4, 1)
    );
    assert_eq!((summary.new, summary.hashed, summary.analysed, summary.sent), (4, 5, 4, 4));
    assert_eq!((summary.no_face, summary.ended), (4, Ended::Done));
    assert_eq!(place.sent(), 4);

    let before = place.dump();
    let (exit, summary, _) = place.embed();
    assert_eq!(exit, Exit::Done);
    assert_eq!((summary.new, summary.hashed, summary.analysed, summary.sent), (0, 0, 0, 0));
    assert_eq!((summary.already_analysed, summary.no_face), (4, 4));
    assert_eq!(place.sent(), 0);
    assert_eq!(place.dump(), before);
}

#[test]
fn what_cannot_be_analysed_is_named_by_the_run_that_finds_it_and_counted_by_later_ones() {
    let place = Place::good();
    place.photo("good.jpg", "good");
    let broken = place.photo("broken.jpg", "! broken");
    let alias = place.photo("z-alias.jpg", "! broken");
    let empty = place.photo("empty.jpg", "");
    let large = place.photo("large.jpg", &"x".repeat(1001));
    let (exit, summary, problems) = place.embed();
    assert_eq!((exit, summary.sent, summary.known_failures), (Exit::SomeFailed, 2, 0));
    let failed: Vec<_> = summary.failed.iter().map(|(kind, number)| (kind.as_str(), *number)).collect();
    assert_eq!(failed, [("decode", 2), ("too_large", 1)]);
    for (path, reason) in [
        (&broken, format!("why (also `{}`)", alias.display())),
        (&empty, "the file is empty".to_owned()),
        (&large, "the file has 1001 bytes, more than the limit of 1000".to_owned()),
    ] {
        let (path, reason) = (path.display().to_string(), reason.split(" (").next().unwrap());
        assert!(
            problems.iter().any(|problem| problem.starts_with(&path) && problem.contains(reason)),
            "{path}, {reason}: {problems:?}"
        );
    }
    let item = summary.failures.iter().find(|item| item.path == broken.display().to_string()).unwrap();
    assert_eq!(item.aliases, [alias.display().to_string()]);

    let (exit, summary, problems) = place.embed();
    assert_eq!((exit, summary.sent, problems), (Exit::Done, 0, vec![]));
    assert_eq!((summary.known_failures, summary.failures.len()), (3, 0));
    // Another broken file is another failure.
    let newly = place.photo("newly.jpg", "! another");
    let (exit, summary, problems) = place.embed();
    assert_eq!((exit, summary.known_failures, problems.len()), (Exit::SomeFailed, 3, 1));
    assert!(problems[0].starts_with(&newly.display().to_string()), "{problems:?}");
    fs::remove_file(newly).unwrap();
    place.embed();
    place.sent();
    let (result, summary, _) =
        place.embed_with(&Options { known_failures: KnownFailures::Retry, ..place.options() });
    assert_eq!((result.unwrap(), summary.sent, place.sent()), (Exit::SomeFailed, 1, 1));
}

#[test]
fn when_the_worker_is_lost_what_came_is_kept_and_the_next_run_goes_on() {
    let fill = |place: &Place| {
        for i in 0..30 {
            place.photo(format!("{i}.jpg"), &format!("photo {i}"));
        }
    };
    let undisturbed = Place::good();
    fill(&undisturbed);
    undisturbed.embed();

    let place = Place::new(cut_after(7));
    fill(&place);
    let (result, summary, _) = place.embed_with(&place.options());
    let error = result.unwrap_err();
    let gone = matches!(error, EmbedError::Dispatch(DispatchError::EveryWorkerGone { open: 23, .. }));
    assert!(gone && error.hint().is_some(), "{error}");
    assert_eq!((summary.analysed, summary.ended), (7, Ended::Stopped));

    // Two that are lost are no better than one.
    let mut options = place.options();
    let other = [5, 4].map(|answered| place.other_worker(TestWorker::new(cut_after(answered))));
    options.workers.addresses = other.to_vec();
    let (result, summary, _) = place.embed_with(&options);
    let gone = matches!(result, Err(EmbedError::Dispatch(DispatchError::EveryWorkerGone { open: 14, .. })));
    assert!(gone && summary.analysed == 9 && summary.already_analysed == 7, "{result:?}");

    let mut options = place.options();
    options.workers.addresses.clone_from(&undisturbed.options().workers.addresses);
    let (result, summary, _) = place.embed_with(&options);
    assert_eq!((result.unwrap(), summary.sent, summary.already_analysed), (Exit::Done, 14, 16));
    assert_eq!(place.dump(), undisturbed.dump());
}

#[test]
fn a_photo_that_workers_die_of_is_set_aside_and_named_and_strikes_outlive_a_run() {
    let place = Place::new(hang_on(b'X'));
    let killer = place.photo("killer.jpg", "X");
    for i in 0..5 {
        place.photo(format!("{i}.jpg"), &format!("photo {i}"));
    }
    let mut options = place.options();
    options.workers.patience.silence = std::time::Duration::from_millis(300);
    let (result, summary, problems) = place.embed_with(&options);
    // After each silence the worker is asked about a picture that does no harm.
    assert_eq!((result.unwrap(), summary.analysed, place.sent()), (Exit::SomeFailed, 5, 5 + 2 + 2));
    assert_eq!(summary.failed[KILLS_WORKER], 1);
    assert!(problems[0].starts_with(&killer.display().to_string()), "{problems:?}");

    let (result, summary, _) = place.embed_with(&options);
    assert_eq!((result.unwrap(), summary.sent, place.sent()), (Exit::Done, 0, 0));
    assert_eq!(summary.known_failures, 1);
    options.known_failures = KnownFailures::Retry;
    place.embed_with(&options).0.unwrap();
    assert_eq!(place.sent(), 2 + 2, "both deaths again");

    // As after a run that was killed between the first death and the second.
    place.photo("killer.jpg", "X, another one");
    let sha256 = facesets_core::Sha256Digest::of(b"X, another one");
    let contract = summary.contract.unwrap();
    let mut writer = Writer::open(&place.library, FileSystemPolicy::Refuse).unwrap();
    let location = facesets_library::store::LocationRecord {
        at: Location::file(&killer),
        sha256,
        sighting: facesets_library::store::Sighting { size: 1, ..Default::default() },
        vanished: false,
    };
    let located = Record::Located { location, bytes: 14 };
    writer.commit(&[located, Record::Struck { sha256, contract, deaths: 1 }]).unwrap();
    drop(writer);
    let (result, summary, _) = place.embed_with(&options);
    assert_eq!((result.unwrap(), summary.failed[KILLS_WORKER]), (Exit::SomeFailed, 1));
    assert_eq!(place.sent(), 1 + 1, "one death was known");
}

#[test]
fn changed_and_vanished_files_are_noticed() {
    let place = Place::good();
    place.photo("stays.jpg", "stays");
    let changes = place.photo("changes.jpg", "before");
    let goes = place.photo("goes.jpg", "goes");
    place.embed();
    fs::write(&changes, "after, and longer").unwrap();
    fs::remove_file(&goes).unwrap();
    let (_, summary, _) = place.embed();
    assert_eq!((summary.vanished, summary.hashed, summary.new, summary.sent), (1, 1, 1, 1));
    let status = Store::open_read(&place.library).unwrap().status().unwrap();
    assert_eq!((status.locations, status.vanished, status.gone.places, status.away), (3, 1, 1, 0));

    place.photo("goes.jpg", "goes");
    let (_, summary, _) = place.embed();
    assert_eq!((summary.vanished, summary.new, summary.sent), (0, 0, 0));
    assert_eq!(Store::open_read(&place.library).unwrap().status().unwrap().vanished, 0);
}

#[test]
fn nothing_to_embed_needs_no_worker() {
    let place = Place::good();
    place.photo("notes.txt", "no photo");
    let mut options = place.options();
    options.workers.addresses = vec!["127.0.0.1:1".to_owned()];
    let (result, summary, _) = place.embed_with(&options);
    assert_eq!((result.unwrap(), summary.found.other_files), (Exit::Done, 1));
}

#[test]
fn a_worker_that_cannot_be_used_is_left_out_as_long_as_there_is_another_one() {
    let place = Place::good();
    place.photo("a.jpg", "a");
    let mut options = place.options();
    options.workers.addresses.insert(0, "127.0.0.1:1".to_owned());
    let (result, summary, _) = place.embed_with(&options);
    assert_eq!((result.unwrap(), summary.analysed), (Exit::Done, 1));
}

#[test]
fn workers_of_another_contract_are_left_out_and_the_first_one_that_can_be_used_decides() {
    let place = Place::good();
    let others = place.other_worker(TestWorker { pack: "others", ..TestWorker::new(answer_each(done)) });
    place.photo("a.jpg", "a");
    let mut options = place.options();
    options.workers.addresses = vec!["127.0.0.1:1".to_owned(), place.address.clone(), others.clone()];
    let (result, summary, told) = place.embed_listening(&options);
    assert_eq!((result.unwrap(), summary.analysed), (Exit::Done, 1));
    let first = summary.contract.unwrap();
    let notes = told.1.lock().unwrap().join("\n");
    let left_out = notes.lines().find(|line| line.contains(&others) && line.contains("left out")).unwrap();
    assert!(left_out.contains(&first) && left_out.matches("face/v1/").count() == 2, "{left_out}");

    // The other way round it is the other contract; what was done before does not count for it.
    options.workers.addresses = vec![others.clone(), place.address.clone()];
    let (result, summary, _) = place.embed_with(&options);
    assert_eq!((result.unwrap(), summary.analysed), (Exit::Done, 1));
    assert_ne!(summary.contract.unwrap(), first);

    // Only one of them has the pack that is asked for; alone, the other one will not do.
    options.workers.pack = Some("open".to_owned());
    let (result, summary, _) = place.embed_with(&options);
    assert_eq!((result.unwrap(), summary.analysed, summary.contract), (Exit::Done, 0, Some(first)));
    options.workers.addresses = vec![others];
    let (result, _, _) = place.embed_with(&options);
    assert!(matches!(result, Err(EmbedError::Workers(SelectionError::Pack(PackError::Unknown { .. })))));
}

#[test]
fn the_librarys_file_names_workers_unless_flags_do() {
    let place = Place::good();
    place.photo("a.jpg", "a");
    fs::create_dir_all(place.library.folder()).unwrap();
    let file = place.library.workers_file();
    fs::write(&file, format!("[[worker]]\nurl = '{}'\ntoken = 'sesame'\n", place.address)).unwrap();
    let mut options = place.options();
    (options.workers.addresses, options.workers.token) = (Vec::new(), None);
    let (result, summary, told) = place.embed_listening(&options);
    assert_eq!((result.unwrap(), summary.analysed), (Exit::Done, 1));
    let notes = told.1.lock().unwrap().join("\n");
    assert!(notes.contains("chmod 600") && notes.contains("workers.toml"), "{notes}");

    fs::write(&file, "nonsense").unwrap();
    place.photo("b.jpg", "b");
    let (result, _, _) = place.embed_with(&options);
    assert!(matches!(
        result,
        Err(EmbedError::Workers(SelectionError::WorkersFile(WorkersFileError::Line { line: 1, .. })))
    ));
    let (result, summary, _) = place.embed_with(&place.options());
    assert_eq!((result.unwrap(), summary.analysed), (Exit::Done, 1), "flags win");
}

#[test]
fn a_token_is_not_sent_off_this_machine_unencrypted() {
    let place = Place::good();
    place.photo("a.jpg", "a");
    let mut options = place.options();
    options.workers.addresses = vec!["http://192.0.2.1:9".to_owned()];
    let (result, _, _) = place.embed_with(&options);
    let error = result.unwrap_err();
    assert!(
        matches!(error, EmbedError::Workers(SelectionError::Dispatch(DispatchError::Plaintext(_)))),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("--allow-plaintext"));
}

#[test]
fn it_does_not_start_without_its_sources_its_library_or_its_worker() {
    let place = Place::good();
    place.photo("a.jpg", "a");
    let missing = Sources::new(&["/no/such/folder".into()], ScanOptions::default());
    assert!(matches!(missing, Err(EmbedError::Scan(ScanError::Missing(_)))));

    let writer = Writer::open(&place.library, FileSystemPolicy::Refuse).unwrap();
    let (result, _, _) = place.embed_with(&place.options());
    assert!(matches!(result, Err(EmbedError::Store(StoreError::InUse(_)))));
    drop(writer);

    let mut options = place.options();
    options.workers.token = None;
    let (result, _, _) = place.embed_with(&options);
    assert!(matches!(
        result,
        Err(EmbedError::Workers(SelectionError::Dispatch(DispatchError::Unauthenticated { .. })))
    ));
    assert_eq!(place.sent(), 0);
}

#[test]
fn what_a_filter_leaves_out_has_not_vanished() {
    let place = Place::good();
    place.photo("a.jpg", "a");
    place.photo("cache/b.jpg", "b");
    let goes = place.photo("cache/c.jpg", "c");
    place.embed();
    place.sent();
    fs::remove_file(goes).unwrap();
    for pattern in ["cache", "*.jpg"] {
        let filter = Filter::new(&[], &[pattern.to_owned()]).unwrap();
        let sources = place.sources(ScanOptions { filter, ..ScanOptions::default() });
        let (result, summary, _) = place.embed_with(&Options { sources, ..place.options() });
        assert_eq!((result.unwrap(), summary.found.excluded > 0), (Exit::Done, true));
        let status = Store::open_read(&place.library).unwrap().status().unwrap();
        assert_eq!((status.locations, status.vanished, status.gone.places), (3, 1, 1), "{pattern}");
    }
    let (_, summary, _) = place.embed();
    assert_eq!((summary.found.files, summary.hashed, summary.vanished, place.sent()), (2, 0, 0, 0));
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let place = Place::good();
    place.photo("a.jpg", "a");
    place.photo("bad.jpg", "! bad");
    let dry = |known_failures| {
        let sources = place.sources(ScanOptions::default());
        dry_run(&sources, known_failures, Losses::Doubt, &place.library, &Problems::default()).unwrap()
    };
    let found = Found { files: 2, ..Found::default() };
    let expected = DryRun { found, to_read: 2, to_read_bytes: 6, ..DryRun::default() };
    assert_eq!(dry(KnownFailures::Count), expected);
    assert!(!place.library.folder().exists() && place.sent() == 0);

    let (_, summary, _) = place.embed();
    place.sent();
    place.photo("new.jpg", "new");
    place.photo("notes.txt", "notes");
    fs::remove_file(place.folder.path().join("photos/a.jpg")).unwrap();
    let before = place.dump();
    let contract = summary.contract.unwrap();
    for (known_failures, failed, to_send) in [(KnownFailures::Count, 1, 0), (KnownFailures::Retry, 0, 1)] {
        let pending = Pending { contract: contract.clone(), analysed: 0, failed, to_send };
        let expected = DryRun {
            found: Found {
                files: 2,
                other_files: 1,
                other_extensions: [(".txt".to_owned(), 1)].into(),
                ..Found::default()
            },
            to_read: 1,
            to_read_bytes: 3,
            vanished: 1,
            gone: 1,
            contents: 1,
            contracts: vec![pending],
            ..DryRun::default()
        };
        assert_eq!(dry(known_failures), expected);
    }
    assert_eq!((place.dump(), place.sent()), (before, 0));
}

#[test]
fn what_failed_is_tried_again_where_it_was_seen_last() {
    let place = Place::good();
    place.photo("good.jpg", "good");
    place.photo("bad.jpg", "! bad");
    place.photo("copy.jpg", "! bad");
    place.photo("empty.jpg", "");
    let gone = place.photo("gone.jpg", "! gone");
    place.embed();
    fs::remove_file(gone).unwrap();
    place.embed();
    place.photo("unseen.jpg", "unseen");
    place.sent();
    let retry = |kinds: &[&str]| {
        let options = RetryOptions {
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            file_system: FileSystemPolicy::Refuse,
            workers: place.options().workers,
        };
        let monitor: Arc<dyn Monitor> = Arc::new(Problems::default());
        let mut summary = Summary::default();
        let exit = retry(&options, &place.library, &monitor, &mut summary).unwrap();
        (exit, summary)
    };
    let (exit, summary) = retry(&[]);
    assert_eq!((exit, summary.found.files, summary.contents, summary.aliases), (Exit::SomeFailed, 3, 2, 1));
    assert_eq!((summary.failed["decode"], place.sent()), (2, 1), "an empty file is not sent");
    let (exit, summary) = retry(&["too_large"]);
    assert_eq!((exit, summary.contents, place.sent()), (Exit::Done, 0, 0));

    // A worker that can read it, now that it is another one.
    let able = Place::new(answer_each(done));
    let mut options = place.options();
    options.workers.addresses.clone_from(&able.options().workers.addresses);
    let options =
        RetryOptions { kinds: vec![], file_system: FileSystemPolicy::Refuse, workers: options.workers };
    let monitor: Arc<dyn Monitor> = Arc::new(Problems::default());
    let mut summary = Summary::default();
    super::retry(&options, &place.library, &monitor, &mut summary).unwrap();
    assert_eq!((summary.analysed, able.sent()), (1, 1));
    let nowhere = Library::new(place.folder.path().join("nowhere"));
    let error = super::retry(&options, &nowhere, &monitor, &mut summary).unwrap_err();
    assert!(matches!(error, EmbedError::Store(StoreError::NoLibrary(_))) && !nowhere.folder().exists());
}

#[test]
fn what_the_camera_says_is_stored_and_read_later_in_libraries_that_lack_it() {
    let place = Place::good();
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/formats/");
    for name in ["dated.jpg", "dated.tif", "never-set.jpg", "photo.dng"] {
        let target = place.folder.path().join("photos").join(name);
        fs::copy(format!("{fixtures}{name}"), target).unwrap();
    }
    let mut options = place.options();
    options.workers.max_image_bytes = None;
    place.embed_with(&options).0.unwrap();
    let dump = place.dump();
    let dated = r#""camera":{"orientation":6,"taken":"2019-05-04T13:07:59+02:00"}"#;
    assert_eq!(dump.matches(dated).count(), 3, "{dump}");
    assert_eq!(dump.matches(r#""camera":{"#).count(), 4);

    let store = Store::open_read(&place.library).unwrap();
    let export = store.export(None).unwrap();
    let column = |name: &str| {
        let column = COLUMNS.iter().find(|column| column.name == name).unwrap();
        let mut out = Vec::new();
        export.write(column, &mut out).unwrap();
        out
    };
    assert_eq!(column("contents_camera_read"), [1; 4]);
    assert_eq!(column("contents_taken").len(), 4 * "2019-05-04T13:07:59".len());
    let numbers = |name| column(name).as_chunks().0.iter().copied().map(i32::from_le_bytes).collect();
    let mut offsets: Vec<i32> = numbers("contents_taken_offset");
    offsets.sort_unstable();
    assert_eq!(offsets, [-32768, 120, 120, 120]);
    let orientations: Vec<i32> = numbers("contents_orientation");
    assert_eq!(orientations.iter().filter(|orientation| **orientation == 6).count(), 3);
    drop(export);
    assert_eq!(store.verify(&|_| ()).unwrap(), []);
    drop(store);

    let connection = rusqlite::Connection::open(place.library.store_file()).unwrap();
    connection.execute_batch("UPDATE camera SET taken = '2019-02-30T00:00:00'").unwrap();
    assert_eq!(Store::open_read(&place.library).unwrap().verify(&|_| ()).unwrap().len(), 4);
    connection
        .execute_batch(
            "DROP TABLE camera; DROP TABLE decision; DROP TABLE pin; DROP TABLE consent_face; DROP TABLE consent; \
             DROP TABLE left_out; DROP TABLE inode_change; DROP TABLE no_photo; DROP TABLE gone; DROP TABLE picture; \
             DROP TABLE unreadable; \
             PRAGMA user_version = 2",
        )
        .unwrap();
    drop(connection);
    assert_eq!(place.dump().matches(r#""camera":null"#).count(), 4);
    let (result, summary, _) = place.embed_with(&options);
    assert_eq!((result.unwrap(), summary.hashed), (Exit::Done, 0));
    assert_eq!(place.dump(), dump);
}

#[test]
fn a_date_is_kept_as_far_as_it_is_known_and_one_that_makes_no_sense_is_told() {
    let place = Place::good();
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/formats/dated.jpg");
    let dated = fs::read(fixture).unwrap();
    let written = b"2019:05:04 13:07:59";
    for (number, date) in
        ["1993:00:00 00:00:00", "1993:05:   :  :    ", "2004:05:06 24:10:00", "4 May MMXIX, noon  "]
            .iter()
            .enumerate()
    {
        let mut photo = dated.clone();
        let at = photo.windows(written.len()).position(|bytes| bytes == written).unwrap();
        photo[at..at + written.len()].copy_from_slice(date.as_bytes());
        let target = place.folder.path().join("photos").join(format!("{number}.jpg"));
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, photo).unwrap();
    }
    let mut options = place.options();
    options.workers.max_image_bytes = None;
    let (exit, summary, told) = place.embed_with(&options);
    assert_eq!((exit.unwrap(), summary.camera_not_understood), (Exit::Done, 1));
    assert!(
        summary.to_string().contains("dates      1 photos whose EXIF or date makes no sense"),
        "{summary}"
    );
    let about: Vec<&String> = told.iter().filter(|problem| problem.contains("MMXIX")).collect();
    assert!(matches!(about[..], [one] if one.contains("3.jpg")), "{told:?}");

    let dump = place.dump();
    for taken in ["\"1993\"", "\"1993-05\"", "\"2004-05-06\"", "null"] {
        assert!(dump.contains(&format!("\"taken\":{taken}")), "{taken}: {dump}");
    }
    let store = Store::open_read(&place.library).unwrap();
    let mut years: Vec<u16> = store.capture_years().unwrap().into_values().collect();
    years.sort_unstable();
    assert_eq!((years, store.verify(&|_| ()).unwrap()), (vec![1993, 1993, 2004], vec![]));
}
