//! A worker without models: what it finds in a photo follows from the photo's sha256. For tests of everything
//! around it.
//!
//! `serve --managed` as the real one; `serve` listens on a free port of 127.0.0.1 and says where in the same
//! JSON line. The variable `FAKE_WORKER` holds words: `delay=MILLISECONDS` a photo, `die=TEXT` and
//! `error=TEXT` for photos that begin so, the latter once, `journal=FILE`, which gets the sha256 of every
//! photo as it is begun, `listen=ADDRESS`, `state=FOLDER`, with which it speaks TLS to those that have
//! paired, `landmarks=NUMBER` for other networks of landmarks, which give points so far away, `moved=PIXELS`
//! for faces elsewhere, and `blind=CONTRACT` for one with the models of that contract that sees no face in
//! anything.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a double for tests, not a program")]

use std::{
    fs::File,
    io::{self, BufReader, Read as _, Write as _},
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use facesets_core::{
    BBox, CountContract, Detections, EMBEDDING_LEN, Face, FaceAnalysis, FaceContract, FaceCount,
    FaceEmbedding, ImageLimits, Sha256Digest,
    face::{LANDMARKS_68, LANDMARKS_106},
    wire::{
        Instance, ItemFailure, ItemFailureKind, ModelInfo, ModelRole, PROTOCOL_VERSION, PackInfo, PackState,
        Task, TaskResult, WorkerDescription,
    },
};
use facesets_imaging::upright_size;
use facesets_worker::{
    analyzer::{Analysis, Analyzer, failed},
    managed::{Ready, read_start},
    pool::Pool,
    service::{Protection, Tls, Token, WorkerService, serve},
    trust::Trust,
};
use tokio_util::sync::CancellationToken;

const LANES: NonZeroUsize = NonZeroUsize::new(2).unwrap();

#[derive(Debug, Clone, Default)]
struct Script {
    delay: Duration,
    die: Option<String>,
    error: Option<String>,
    journal: Option<Arc<File>>,
    erred: Arc<AtomicBool>,
    listen: Option<String>,
    state: Option<String>,
    landmarks: f32,
    moved: f32,
    blind: Option<FaceContract>,
}

impl Script {
    fn read() -> Self {
        let mut script = Self::default();
        for word in std::env::var("FAKE_WORKER").unwrap_or_default().split_whitespace() {
            let (name, value) = word.split_once('=').unwrap();
            match name {
                "delay" => script.delay = Duration::from_millis(value.parse().unwrap()),
                "die" => script.die = Some(value.to_owned()),
                "error" => script.error = Some(value.to_owned()),
                "journal" => {
                    let file = File::options().create(true).append(true).open(value).unwrap();
                    script.journal = Some(Arc::new(file));
                }
                "listen" => script.listen = Some(value.to_owned()),
                "landmarks" => script.landmarks = value.parse().unwrap(),
                "moved" => script.moved = value.parse().unwrap(),
                "blind" => script.blind = Some(value.parse().unwrap()),
                "state" => script.state = Some(value.to_owned()),
                other => panic!("`{other}` is no word of FAKE_WORKER"),
            }
        }
        script
    }
}

impl Analyzer for Script {
    fn analyze(&mut self, bytes: &[u8], tasks: &[Task]) -> Result<Analysis, ItemFailure> {
        if self.blind.is_some() {
            let size = upright_size(bytes).unwrap();
            let results = tasks.iter().map(|task| self.nothing(task, size)).collect();
            let (queue, decode, infer) = Default::default();
            return Ok(Analysis { results, queue, decode, infer });
        }
        let [Task::AnalyzeFaces(task)] = tasks else { panic!("the orchestrator asks for faces only") };
        let sha256 = Sha256Digest::of(bytes);
        if let Some(journal) = &self.journal {
            // One write, so that lines of several processes do not mix.
            (&**journal).write_all(format!("{sha256}\n").as_bytes()).unwrap();
        }
        thread::sleep(self.delay);
        let begins =
            |with: &Option<String>| with.as_ref().is_some_and(|text| bytes.starts_with(text.as_bytes()));
        if begins(&self.die) {
            std::process::abort();
        }
        if begins(&self.error) && !self.erred.swap(true, Ordering::Relaxed) {
            return Err(failed(ItemFailureKind::DeviceLost, "as the script says"));
        }
        let landmarks_contract = self.pack().landmarks_contract(task.contract.det_size).unwrap();
        let faces = vec![self.face(sha256)];
        let faces = FaceAnalysis {
            pack: task.pack.clone(),
            contract: task.contract,
            landmarks_contract,
            width: 640,
            height: 480,
            faces,
            gender_age: None,
            pixels: None,
        };
        let results = vec![TaskResult::Faces(faces)];
        Ok(Analysis { results, queue: Duration::ZERO, decode: Duration::ZERO, infer: self.delay })
    }
}

impl Script {
    /// What a task is answered with for a photo of this size in which there is no face.
    fn nothing(&self, task: &Task, (width, height): (u32, u32)) -> TaskResult {
        let pack = task.pack().to_owned();
        match task {
            Task::AnalyzeFaces(task) => TaskResult::Faces(FaceAnalysis {
                pack,
                contract: task.contract,
                landmarks_contract: self.pack().landmarks_contract(task.contract.det_size).unwrap(),
                width,
                height,
                faces: Vec::new(),
                gender_age: None,
                pixels: None,
            }),
            Task::CountFaces(task) => {
                let none = |contract: &CountContract| Detections { contract: *contract, faces: Vec::new() };
                TaskResult::Count(FaceCount {
                    pack,
                    width,
                    height,
                    sizes: task.contracts.iter().map(none).collect(),
                })
            }
            Task::EmbedClip(_) => panic!("the orchestrator does not ask for it"),
        }
    }

    fn face(&self, sha256: Sha256Digest) -> Face {
        let byte = |i: usize| f32::from(sha256.as_bytes()[i % 32]) + 1.0;
        let raw: Vec<f32> = (0..EMBEDDING_LEN).map(|i| byte(i) - byte(i / 32 + 7)).collect();
        let (left, far) = (byte(0) + self.moved, self.landmarks);
        Face {
            bbox: BBox::new([left, byte(1), left + 90.0, byte(1) + 120.0]).unwrap(),
            det_score: 0.9,
            keypoints: std::array::from_fn(|i| [byte(i), byte(i + 5)]),
            embedding: FaceEmbedding::from_raw(&raw).unwrap(),
            landmarks_106: (0..LANDMARKS_106).map(|i| [byte(i) + far, byte(i + 1)]).collect(),
            landmarks_68: (0..LANDMARKS_68).map(|i| [byte(i) + far, byte(i + 1), byte(i + 2)]).collect(),
            blur: byte(3),
        }
    }

    fn pack(&self) -> PackInfo {
        let bytes = |role| match role {
            ModelRole::Landmarks106 | ModelRole::Landmarks68 => format!("fake{}", self.landmarks),
            _ => "fake".to_owned(),
        };
        let model = |role| {
            let sha256 = match (role, self.blind) {
                (ModelRole::Detection, Some(contract)) => contract.detector,
                (ModelRole::Recognition, Some(contract)) => contract.recogniser,
                _ => Sha256Digest::of(bytes(role).as_bytes()),
            };
            ModelInfo { role, file: format!("{role:?}"), sha256 }
        };
        PackInfo {
            name: "open".to_owned(),
            models: ModelRole::FACE.map(model).to_vec(),
            licence: String::new(),
            state: PackState::Default,
        }
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let drain = CancellationToken::new();
    let mut token = None;
    if std::env::args().any(|argument| argument == "--managed") {
        let mut stdin = BufReader::new(io::stdin());
        token = read_start(&mut stdin).unwrap().token.map(|text| Token::new(&text).unwrap());
        let drain = drain.clone();
        thread::spawn(move || {
            let _ = stdin.read_to_end(&mut Vec::new());
            drain.cancel();
        });
    }
    let script = Script::read();
    let tls = script.state.as_ref().map(|state| Tls::new(Trust::new(state), None).unwrap());
    let listen = script.listen.clone().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let packs = vec![script.pack()];
    let pool = Pool::start(LANES, move || Ok(Box::new(script.clone()))).unwrap();
    let description = WorkerDescription {
        protocol_version: PROTOCOL_VERSION,
        worker_version: "0".to_owned(),
        device: "none".to_owned(),
        provider: "fake".to_owned(),
        runtime_version: "0".to_owned(),
        packs,
        credit: Pool::credit(LANES),
        limits: ImageLimits::default(),
        instance: Some(Instance::random()),
    };
    let listener = tokio::net::TcpListener::bind(listen).await.unwrap();
    let ready = Ready::Yes {
        ready: true,
        address: listener.local_addr().unwrap(),
        device: "none".to_owned(),
        provider: "fake".to_owned(),
        pack: "open".to_owned(),
        protocol_version: PROTOCOL_VERSION,
    };
    println!("{}", serde_json::to_string(&ready).unwrap());
    let protection = Protection { token, tls, ..Protection::default() };
    serve(listener, WorkerService::new(description, Arc::new(pool)), protection, drain).await.unwrap();
    std::process::exit(0);
}
