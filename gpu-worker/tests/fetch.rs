//! Fetching packs from a server that behaves, one that breaks off, and one that lies.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Cursor, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use facesets_core::{Sha256Digest, wire::ModelRole};
use facesets_worker::{
    engine::RoleWord as _,
    model_pack::{
        CatalogueEntry, CatalogueFile, DownloadError, FetchError, Fetched, Pack, Progress, fetch, lacking,
    },
};

struct Quiet;

impl Progress for Quiet {
    fn downloaded(&self, _done: u64, _total: u64) {}
}

/// What a server does with one request.
#[derive(Clone, Copy)]
enum Answer {
    /// All that is asked for.
    Whole,
    /// Breaks off after so many bytes of the body.
    BreakAfter(usize),
    /// Ignores `Range` and sends everything.
    FromTheStart,
    /// An HTTP status without a body.
    Status(u16),
}

/// Serves `content`, one answer a request, the last one for ever after; the `Range` headers that came are
/// noted.
struct Server {
    url: String,
    ranges: Arc<Mutex<Vec<Option<String>>>>,
}

impl Server {
    fn start(content: Vec<u8>, answers: &'static [Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/pack.zip", listener.local_addr().unwrap());
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&ranges);
        thread::spawn(move || {
            for (i, stream) in listener.incoming().enumerate() {
                let answer = answers[i.min(answers.len() - 1)];
                noted.lock().unwrap().push(respond(stream.unwrap(), &content, answer));
            }
        });
        Self { url, ranges }
    }

    fn ranges(&self) -> Vec<Option<String>> {
        self.ranges.lock().unwrap().clone()
    }
}

fn respond(mut stream: TcpStream, content: &[u8], answer: Answer) -> Option<String> {
    let mut range = None;
    for line in BufReader::new(stream.try_clone().unwrap()).lines() {
        let line = line.unwrap().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("range: ") {
            range = Some(value.to_owned());
        }
        if line.is_empty() {
            break;
        }
    }
    let asked = range.as_deref().map_or(0, |range| range[6..range.len() - 1].parse().unwrap());
    let start = if matches!(answer, Answer::FromTheStart) { 0 } else { asked };
    let (status, range_header) = match answer {
        Answer::Status(status) => (status, String::new()),
        _ if start > 0 => {
            (206, format!("content-range: bytes {start}-{}/{}\r\n", content.len() - 1, content.len()))
        }
        _ => (200, String::new()),
    };
    let body = if matches!(answer, Answer::Status(_)) { &[][..] } else { &content[start..] };
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-length: {}\r\n{range_header}connection: close\r\n\r\n",
        body.len()
    );
    let sent = if let Answer::BreakAfter(count) = answer { &body[..count.min(body.len())] } else { body };
    // The client may hang up first.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(sent));
    range
}

fn file(role: ModelRole) -> (String, Vec<u8>) {
    (format!("{}.onnx", role.word()), role.word().repeat(40_000).into_bytes())
}

/// An archive of the four files and one that nobody asked for, in `folder`.
fn archive(folder: &str) -> Vec<u8> {
    archive_of(&ModelRole::FACE, folder)
}

fn archive_of(roles: &[ModelRole], folder: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    // Stored: large enough to be interrupted.
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, content) in roles.iter().copied().map(file) {
        zip.start_file(format!("{folder}{name}"), options).unwrap();
        zip.write_all(&content).unwrap();
    }
    zip.start_file(format!("{folder}../../evil.onnx"), options).unwrap();
    zip.finish().unwrap().into_inner()
}

fn entry(url: &str, archive: &[u8]) -> CatalogueEntry {
    entry_of(&ModelRole::FACE, url, archive)
}

fn entry_of(roles: &[ModelRole], url: &str, archive: &[u8]) -> CatalogueEntry {
    let files = roles.iter().map(|role| {
        let role = *role;
        let (file, content) = file(role);
        CatalogueFile { role, file, bytes: content.len() as u64, sha256: Sha256Digest::of(&content) }
    });
    CatalogueEntry {
        name: "toy".to_owned(),
        licence: "MIT".to_owned(),
        notice: String::new(),
        url: url.to_owned(),
        bytes: archive.len() as u64,
        sha256: Sha256Digest::of(archive),
        files: files.collect(),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn assert_whole(models: &Path) {
    let pack = Pack::open(models, "toy").unwrap();
    assert!(pack.verify().iter().all(|check| check.state.is_ok()));
    assert_eq!(names(models), ["toy"], "nothing is left beside the pack");
    assert_eq!(names(&models.join("toy")).len(), 5);
}

#[test]
fn a_pack_is_fetched_flat_or_from_a_folder_and_only_once() {
    for folder in ["", "toy/"] {
        let models = tempfile::tempdir().unwrap();
        let archive = archive(folder);
        let server = Server::start(archive.clone(), &[Answer::Whole]);
        let entry = entry(&server.url, &archive);
        let there = models.path().join("toy");
        assert_eq!(fetch(&entry, models.path(), &Quiet).unwrap(), Fetched::New(there.clone()));
        assert_whole(models.path());
        assert_eq!(fetch(&entry, models.path(), &Quiet).unwrap(), Fetched::AlreadyThere(there));
        assert_eq!(server.ranges(), [None]);
    }
}

#[test]
fn an_optional_file_is_taken_where_it_is_whole_and_a_pack_without_it_is_a_pack() {
    let all = [&ModelRole::FACE[..], &ModelRole::OPTIONAL].concat();
    let mut odd = entry_of(&all, "", &[]);
    odd.files[4].sha256 = Sha256Digest::of(b"something else");
    let sound = entry_of(&all, "", &[]);
    for (archive, files, roles) in [
        (archive_of(&all, ""), &sound.files, &all[..]),
        (archive(""), &sound.files, &ModelRole::FACE),
        (archive_of(&all, ""), &odd.files, &ModelRole::FACE),
    ] {
        let models = tempfile::tempdir().unwrap();
        let server = Server::start(archive.clone(), &[Answer::Whole]);
        let entry = CatalogueEntry { files: files.clone(), ..entry(&server.url, &archive) };
        fetch(&entry, models.path(), &Quiet).unwrap();
        let pack = Pack::open(models.path(), "toy").unwrap();
        assert_eq!(pack.roles().collect::<Vec<_>>(), roles);
        assert!(pack.verify().iter().all(|check| check.state.is_ok()));
        assert_eq!(names(&models.path().join("toy")).len(), roles.len() + 1, "no file beside it");
        let without: &[&str] = if roles.len() == all.len() { &[] } else { &["gender_age.onnx"] };
        assert_eq!(lacking(&entry, models.path()), without);
        // Neither is fetched a second time.
        assert!(matches!(fetch(&entry, models.path(), &Quiet).unwrap(), Fetched::AlreadyThere(_)));
        assert_eq!(server.ranges().len(), 1);
    }
}

#[test]
fn a_broken_line_is_taken_up_where_it_broke() {
    let models = tempfile::tempdir().unwrap();
    let archive = archive("");
    let server = Server::start(
        archive.clone(),
        &[Answer::BreakAfter(300_000), Answer::Status(503), Answer::BreakAfter(200_000), Answer::Whole],
    );
    fetch(&entry(&server.url, &archive), models.path(), &Quiet).unwrap();
    assert_whole(models.path());
    let ranges = server.ranges();
    assert_eq!(ranges.len(), 4);
    assert!(ranges[0].is_none() && ranges[1].as_deref() == Some("bytes=300000-"), "{ranges:?}");
    assert_eq!(ranges[3].as_deref(), Some("bytes=500000-"));
}

#[test]
fn a_later_run_goes_on_with_what_an_earlier_one_left() {
    let models = tempfile::tempdir().unwrap();
    let archive = archive("");
    let broken = Server::start(archive.clone(), &[Answer::BreakAfter(400_000), Answer::Status(503)]);
    let error = fetch(&entry(&broken.url, &archive), models.path(), &Quiet).unwrap_err();
    assert!(
        matches!(error, FetchError::Download(DownloadError::Interrupted { done: 400_000, .. })),
        "{error}"
    );
    assert_eq!(names(models.path()), [".toy.zip.part"]);
    let server = Server::start(archive.clone(), &[Answer::Whole]);
    fetch(&entry(&server.url, &archive), models.path(), &Quiet).unwrap();
    assert_whole(models.path());
    assert_eq!(server.ranges(), [Some("bytes=400000-".to_owned())]);
}

#[test]
fn a_server_without_ranges_is_read_from_the_start() {
    let models = tempfile::tempdir().unwrap();
    let archive = archive("");
    fs::write(models.path().join(".toy.zip.part"), &archive[..1000]).unwrap();
    let server = Server::start(archive.clone(), &[Answer::FromTheStart]);
    fetch(&entry(&server.url, &archive), models.path(), &Quiet).unwrap();
    assert_whole(models.path());
}

#[test]
fn another_archive_is_refused_and_removed() {
    let models = tempfile::tempdir().unwrap();
    let archive = archive("");
    let mut other = archive.clone();
    other[5000] ^= 1;
    let server = Server::start(other, &[Answer::Whole]);
    let error = fetch(&entry(&server.url, &archive), models.path(), &Quiet).unwrap_err();
    assert!(matches!(error, FetchError::Download(DownloadError::Different { .. })), "{error}");
    assert!(error.to_string().contains(&Sha256Digest::of(&archive).to_string()), "{error}");
    assert!(names(models.path()).is_empty());
}

#[test]
fn a_file_of_the_archive_with_another_digest_leaves_no_pack() {
    let models = tempfile::tempdir().unwrap();
    let archive = archive("");
    let server = Server::start(archive.clone(), &[Answer::Whole]);
    let mut entry = entry(&server.url, &archive);
    entry.files[2].sha256 = Sha256Digest::of(b"something else");
    let error = fetch(&entry, models.path(), &Quiet).unwrap_err();
    assert!(error.to_string().contains("landmarks_106.onnx"), "{error}");
    assert_eq!(names(models.path()), [".toy.zip.part"]);
}

#[test]
fn a_server_that_has_nothing_is_not_asked_again() {
    let models = tempfile::tempdir().unwrap();
    let server = Server::start(Vec::new(), &[Answer::Status(404)]);
    let error = fetch(&entry(&server.url, &archive("")), models.path(), &Quiet).unwrap_err();
    assert!(matches!(error, FetchError::Download(DownloadError::Refused { .. })), "{error}");
    assert_eq!(server.ranges().len(), 1);
}

#[test]
fn a_damaged_pack_is_replaced() {
    let models = tempfile::tempdir().unwrap();
    let archive = archive("");
    let server = Server::start(archive.clone(), &[Answer::Whole]);
    let entry = entry(&server.url, &archive);
    fetch(&entry, models.path(), &Quiet).unwrap();
    fs::write(models.path().join("toy/detection.onnx"), "damaged").unwrap();
    assert!(matches!(fetch(&entry, models.path(), &Quiet).unwrap(), Fetched::New(_)));
    assert_whole(models.path());
}
