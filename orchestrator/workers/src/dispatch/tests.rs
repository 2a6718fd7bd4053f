//! Dispatching to workers of the test's own, over real connections.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use facesets_core::{
    ClipAnalysis, ClipEmbedding,
    clip::CLIP_EMBEDDING_LEN,
    wire::{ItemFailureKind, ItemReply, MAX_CHUNK_BYTES, ModelInfo, ModelRole, PackInfo, Task, TaskResult},
};
mod distrust;

use facesets_base::exit::Hint as _;
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::sync::CancellationToken;

use super::{
    testing::{
        Behaviour, Reaction, TestWorker, answer_each, cut_after, description, done, fails, hang_on, start,
    },
    *,
};

/// A worker, and the number of items that reached it.
async fn worker(behaviour: Behaviour) -> (Worker, Arc<AtomicUsize>) {
    let worker = TestWorker::new(behaviour);
    let items = Arc::clone(&worker.items);
    (reached(worker).await, items)
}

async fn reached(worker: TestWorker) -> Worker {
    let endpoint = WorkerEndpoint::to(start(worker).await);
    let connection = connect(&endpoint).await.unwrap();
    let tasks = vec![task_for(connection.description(), None, 640).unwrap().into()];
    Worker { connection, tasks, origin: WorkerSource::Remote(endpoint) }
}

/// Images of which the first byte is the number.
fn images(sizes: &[usize]) -> HashMap<Sha256Digest, Bytes> {
    let image = |(number, size): (usize, &usize)| {
        let data = Bytes::from(vec![number as u8; *size]);
        (Sha256Digest::of(&data), data)
    };
    sizes.iter().enumerate().map(image).collect()
}

struct Ran {
    result: Result<(), DispatchError>,
    sent: u64,
    /// By number of the image.
    outcomes: BTreeMap<u8, Result<(u32, u32), Refusal>>,
    open: usize,
    strikes: Vec<(u8, u32)>,
    /// What the user was told.
    notes: Vec<String>,
}

/// A test waits for nobody.
const IMPATIENCE: Patience = Patience {
    reconnects: 3,
    first_delay: Duration::from_millis(5),
    longest_delay: Duration::from_millis(20),
    fruitless_streams: 3,
    silence: Duration::from_millis(500),
};

async fn run_all(workers: Vec<Worker>, sizes: &[usize]) -> Ran {
    run_until(workers, images(sizes), CancellationToken::new(), |_| ()).await
}

async fn run_until(
    workers: Vec<Worker>,
    images: HashMap<Sha256Digest, Bytes>,
    stop: CancellationToken,
    mut on_answer: impl FnMut(&Answer),
) -> Ran {
    let mut work: Vec<Work> =
        images.iter().map(|(sha256, data)| Work::new(*sha256, data.len() as u64)).collect();
    work.sort_by_key(|work| images[&work.sha256][0]);
    let queue = Arc::new(Queue::new(work, &stop));
    let numbers: HashMap<Sha256Digest, u8> = images.iter().map(|(sha256, data)| (*sha256, data[0])).collect();
    let load: Load = Arc::new(move |sha256| {
        let data = images[sha256].clone();
        // An image of exactly 13 bytes is one that cannot be read any more.
        if data.len() == 13 { Err("gone".to_owned()) } else { Ok(data.into()) }
    });
    let (sender, mut events) = mpsc::channel(1);
    let (mut strikes, mut notes) = (Vec::new(), Vec::new());
    let mut outcomes = BTreeMap::new();
    let collect = async {
        while let Some(event) = events.recv().await {
            let answer = match event {
                Event::Answer(answer) => answer,
                Event::Deaths(deaths) => {
                    strikes
                        .extend(deaths.strikes.iter().map(|strike| (numbers[&strike.sha256], strike.deaths)));
                    deaths.stored.send(()).unwrap();
                    continue;
                }
                Event::Note(text) => {
                    notes.push(text);
                    continue;
                }
            };
            on_answer(&answer);
            let outcome = answer.outcome.map(|measured| {
                let [TaskResult::Faces(analysis)] = &measured.results[..] else { panic!("{measured:?}") };
                (analysis.width - 1, analysis.height)
            });
            assert!(outcomes.insert(numbers[&answer.sha256], outcome).is_none(), "answered twice");
        }
    };
    let both = async { tokio::join!(run(workers, Arc::clone(&queue), load, sender, IMPATIENCE), collect) };
    let (result, ()) = tokio::time::timeout(Duration::from_mins(1), both).await.expect("it ends");
    Ran { result, sent: queue.sent(), outcomes, open: queue.open(), strikes, notes }
}

fn all_done(ran: &Ran, sizes: &[usize]) {
    ran.result.as_ref().unwrap();
    let expected: BTreeMap<u8, _> =
        (0..).zip(sizes).map(|(number, size)| (number, Ok((u32::from(number), *size as u32)))).collect();
    assert_eq!(ran.outcomes, expected);
    assert_eq!(ran.open, 0);
}

#[tokio::test]
async fn answers_in_any_order_find_their_images() {
    let reversed: Behaviour =
        Arc::new(|items| Reaction::Answer(items.drain(..).rev().map(|item| done(&item)).collect()));
    let (worker, items) = worker(reversed).await;
    let sizes: Vec<usize> = (1..12).collect();
    let ran = run_all(vec![worker], &sizes).await;
    all_done(&ran, &sizes);
    assert_eq!((ran.sent, items.load(Ordering::Relaxed)), (11, 11));
}

#[tokio::test]
async fn large_images_arrive_whole_among_small_ones() {
    let (worker, _) = worker(answer_each(done)).await;
    let sizes = [5, 2 * MAX_CHUNK_BYTES + 7, MAX_CHUNK_BYTES, 6, 3 * MAX_CHUNK_BYTES, 7];
    all_done(&run_all(vec![worker], &sizes).await, &sizes);
}

#[tokio::test]
async fn a_bad_image_is_told_by_kind_and_the_others_go_on() {
    let behaviour =
        answer_each(|item| if item.data[0] == 2 { fails(item, ItemFailureKind::Decode) } else { done(item) });
    let (worker, items) = worker(behaviour).await;
    let ran = run_all(vec![worker], &[1; 6]).await;
    ran.result.unwrap();
    let failure = ItemFailure { kind: ItemFailureKind::Decode, message: "why".to_owned() };
    assert_eq!(ran.outcomes[&2], Err(Refusal::Worker(failure)));
    assert_eq!(ran.outcomes.values().filter(|outcome| outcome.is_ok()).count(), 5);
    assert_eq!(items.load(Ordering::Relaxed), 6, "it must not be sent again");
}

#[tokio::test]
async fn a_temporary_failure_is_tried_again_but_not_for_ever() {
    let seen = Mutex::new(HashMap::<u8, u32>::new());
    let behaviour = answer_each(move |item| {
        let mut seen = seen.lock().unwrap();
        let times = seen.entry(item.data[0]).or_default();
        *times += 1;
        match item.data[0] {
            1 if *times < 3 => fails(item, ItemFailureKind::OutOfMemory),
            2 => fails(item, ItemFailureKind::OutOfMemory),
            _ => done(item),
        }
    });
    let (worker, items) = worker(behaviour).await;
    let ran = run_all(vec![worker], &[1; 4]).await;
    ran.result.unwrap();
    assert_eq!(ran.outcomes[&1], Ok((1, 1)));
    assert!(matches!(&ran.outcomes[&2], Err(Refusal::Worker(f)) if f.kind == ItemFailureKind::OutOfMemory));
    assert_eq!((ran.sent, items.load(Ordering::Relaxed)), (2 + 3 + 3, 8));
}

#[tokio::test]
async fn what_fails_on_one_worker_is_tried_on_another() {
    let (erring, tried) = worker(answer_each(|item| fails(item, ItemFailureKind::OutOfMemory))).await;
    let (good, _) = worker(answer_each(done)).await;
    let sizes = [1; 30];
    all_done(&run_all(vec![erring, good], &sizes).await, &sizes);
    assert!(tried.load(Ordering::Relaxed) > 0);
}

#[tokio::test]
async fn workers_whose_devices_are_lost_fail_no_image_as_long_as_another_one_works() {
    let lost = async || worker(answer_each(|item| fails(item, ItemFailureKind::DeviceLost))).await.0;
    let slow: Behaviour = Arc::new(|items| {
        std::thread::sleep(Duration::from_millis(5));
        Reaction::Answer(items.drain(..).map(|item| done(&item)).collect())
    });
    let (good, _) = worker(slow).await;
    let sizes = [1; 40];
    all_done(&run_all(vec![lost().await, lost().await, lost().await, good], &sizes).await, &sizes);
}

#[tokio::test]
async fn a_worker_whose_device_is_lost_for_good_is_given_up_with_the_reason() {
    let (lost, items) = worker(answer_each(|item| fails(item, ItemFailureKind::DeviceLost))).await;
    let ran = run_all(vec![lost], &[1; 200]).await;
    let error = ran.result.unwrap_err();
    assert!(
        matches!(&error, DispatchError::EveryWorkerGone { reasons, .. } if reasons[0].contains("device is lost")),
        "{error}"
    );
    // Not three times each.
    assert!(items.load(Ordering::Relaxed) < 100 && ran.open > 190, "{} are open", ran.open);
}

#[tokio::test]
async fn an_image_that_cannot_be_read_is_told_and_not_sent() {
    let (worker, items) = worker(answer_each(done)).await;
    let ran = run_all(vec![worker], &[1, 13, 1]).await;
    ran.result.unwrap();
    assert_eq!(ran.outcomes[&1], Err(Refusal::Load("gone".to_owned())));
    assert_eq!((ran.sent, items.load(Ordering::Relaxed)), (2, 2));
}

#[tokio::test]
async fn when_the_only_worker_is_gone_the_rest_is_left_and_what_came_is_kept() {
    let (worker, _) = worker(cut_after(5)).await;
    let ran = run_all(vec![worker], &[1; 20]).await;
    let error = ran.result.unwrap_err();
    assert!(
        matches!(&error, DispatchError::EveryWorkerGone { open: 15, reasons } if reasons[0].contains("cut"))
    );
    assert!(error.hint().unwrap().contains("same command again"));
    assert_eq!((ran.outcomes.len(), ran.open), (5, 15));
}

#[tokio::test]
async fn what_a_lost_worker_had_goes_to_the_others() {
    let (dying, _) = worker(cut_after(3)).await;
    let (living, _) = worker(answer_each(done)).await;
    let sizes = [1; 40];
    all_done(&run_all(vec![dying, living], &sizes).await, &sizes);
}

#[tokio::test]
async fn a_link_that_is_cut_again_and_again_loses_nothing_and_accuses_nobody() {
    let calls = AtomicUsize::new(0);
    let (worker, _) = worker(Arc::new(move |items| {
        if calls.fetch_add(1, Ordering::Relaxed) % 3 == 2 {
            Reaction::Cut
        } else {
            Reaction::Answer(items.drain(..1).map(|item| done(&item)).collect())
        }
    }))
    .await;
    let sizes = [1; 40];
    let ran = run_all(vec![worker], &sizes).await;
    all_done(&ran, &sizes);
    assert_eq!(ran.strikes, []);
}

#[tokio::test]
async fn what_a_dead_worker_had_is_suspect_and_is_done_by_the_others() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let (mut dying, _) = worker(cut_after(3)).await;
    // Where it was, nobody listens any more.
    dying.origin = WorkerSource::Remote(WorkerEndpoint::to(free));
    let (living, _) = worker(answer_each(done)).await;
    let sizes = [1; 40];
    let ran = run_all(vec![dying, living], &sizes).await;
    all_done(&ran, &sizes);
    assert!(
        !ran.strikes.is_empty() && ran.strikes.iter().all(|(_, deaths)| *deaths <= 1),
        "{:?}",
        ran.strikes
    );
}

/// A worker whose process ends with every image that begins with `deadly`. Another one is in its place before
/// anybody looks, but does not say so for the first `shy` times.
fn restarted_by(deadly: u8, shy: u64) -> TestWorker {
    let mut worker = TestWorker::new(answer_each(done));
    let (restarts, shyness) = (Arc::clone(&worker.starts), Arc::clone(&worker.shy));
    worker.behaviour = Arc::new(move |items| {
        if items.iter().any(|item| item.data[0] == deadly) {
            restarts.fetch_add(1, Ordering::Relaxed);
            shyness.store(shy, Ordering::Relaxed);
            return Reaction::Cut;
        }
        Reaction::Answer(items.drain(..).map(|item| done(&item)).collect())
    });
    worker
}

#[tokio::test]
async fn a_remote_worker_that_is_another_process_than_before_has_died_whenever_it_says_so() {
    for shy in [0, 1] {
        let ran = run_all(vec![reached(restarted_by(3, shy)).await], &[1; 20]).await;
        ran.result.unwrap();
        assert_eq!(ran.outcomes[&3], Err(Refusal::KillsWorker));
        assert_eq!(ran.outcomes.values().filter(|outcome| outcome.is_ok()).count(), 19);
        assert_eq!(ran.strikes.last(), Some(&(3, 2)), "{:?}", ran.strikes);
    }
}

#[tokio::test]
async fn every_worker_of_several_gone_leaves_the_rest_and_says_what_became_of_each() {
    let (first, _) = worker(cut_after(4)).await;
    let (second, _) = worker(cut_after(3)).await;
    let ran = run_all(vec![first, second], &[1; 20]).await;
    let Err(DispatchError::EveryWorkerGone { open, reasons }) = ran.result else {
        panic!("{:?}", ran.result)
    };
    assert_eq!((open, ran.open, ran.outcomes.len(), reasons.len()), (13, 13, 7, 2), "{reasons:?}");
}

#[tokio::test]
async fn an_end_from_inside_is_not_taken_for_the_users() {
    let stop = CancellationToken::new();
    let queue = Queue::new([], &stop);
    queue.stop();
    assert!(queue.is_stopped() && !stop.is_cancelled());
    let queue = Queue::new([], &stop);
    stop.cancel();
    assert!(queue.is_stopped());
}

#[tokio::test]
async fn an_image_that_hangs_its_worker_twice_is_set_aside_and_the_others_are_done() {
    let (worker, items) = worker(hang_on(2)).await;
    let ran = run_all(vec![worker], &[1; 9]).await;
    ran.result.unwrap();
    assert_eq!(ran.outcomes[&2], Err(Refusal::KillsWorker));
    assert_eq!(ran.outcomes.values().filter(|outcome| outcome.is_ok()).count(), 8);
    // The others are answered before the silence begins, so that it is alone each time.
    assert_eq!(ran.strikes, [(2, 1), (2, 2)]);
    // After each silence the worker is asked about a picture that does no harm.
    assert_eq!(items.load(Ordering::Relaxed), 8 + 2 + 2);
}

#[tokio::test]
async fn an_answer_to_a_question_nobody_asked_ends_the_connection() {
    let confused = answer_each(|item| ItemReply { id: item.id + 1000, ..done(item) });
    let (worker, _) = worker(confused).await;
    let error = run_all(vec![worker], &[1; 3]).await.result.unwrap_err();
    assert!(error.to_string().contains("was not in flight"), "{error}");
}

#[tokio::test]
async fn a_result_under_another_contract_is_no_result() {
    let behaviour = answer_each(|item| {
        let mut reply = done(item);
        let [TaskResult::Faces(analysis)] = &mut reply.outcome.as_mut().unwrap().0[..] else {
            panic!("it is made so")
        };
        analysis.contract.det_size = 320;
        reply
    });
    let (worker, _) = worker(behaviour).await;
    let ran = run_all(vec![worker], &[1]).await;
    assert!(
        matches!(&ran.outcomes[&0], Err(Refusal::Worker(f)) if f.kind == ItemFailureKind::ContractMismatch)
    );
}

#[tokio::test]
async fn whatever_a_worker_is_asked_for_is_carried_to_who_asked() {
    let embedding = ClipEmbedding::from_raw(&[1.0; CLIP_EMBEDDING_LEN]).unwrap();
    let made = embedding.clone();
    let behaviour = answer_each(move |item| {
        let [Task::EmbedClip(task)] = &item.tasks[..] else { panic!("{item:?}") };
        let (pack, contract, embedding) = (task.pack.clone(), task.contract, made.clone());
        let result = TaskResult::Clip(ClipAnalysis { pack, contract, embedding });
        ItemReply { id: item.id, outcome: Ok((vec![result], Timings::default())) }
    });
    let (worker, _) = worker(behaviour).await;
    let mut is = description();
    assert_eq!(clip_task_for(&is, None), Err(PackError::NoClip));
    let tower =
        ModelInfo { role: ModelRole::ClipVisual, file: "v".to_owned(), sha256: Sha256Digest::of(b"tower") };
    is.packs.push(PackInfo { name: "clip".to_owned(), models: vec![tower], ..is.packs[0].clone() });
    let task = clip_task_for(&is, None).unwrap();
    assert_eq!(clip_task_for(&is, Some("clip")).as_ref(), Ok(&task));
    // Who names no pack and wants faces does not mean that one.
    assert_eq!(task_for(&is, None, 640).unwrap().pack, "open");

    let worker = Worker { tasks: vec![task.clone().into()], ..worker };
    let load: Load = Arc::new(|_| Ok(Bytes::from_static(b"a photo").into()));
    let work = [Work::new(Sha256Digest::of(b"a photo"), 7)];
    let queue = Arc::new(Queue::new(work, &CancellationToken::new()));
    let (events, mut answers) = mpsc::channel(4);
    let running = tokio::spawn(run(vec![worker], Arc::clone(&queue), load, events, IMPATIENCE));
    let Some(Event::Answer(Answer { outcome: Ok(measured), .. })) = answers.recv().await else { panic!() };
    let [TaskResult::Clip(carried)] = &measured.results[..] else { panic!("{measured:?}") };
    assert_eq!((carried.contract, &carried.embedding), (task.contract, &embedding));
    drop(answers);
    running.abort();
}

#[tokio::test]
async fn stopping_takes_no_more_and_waits_for_what_is_in_flight() {
    let (worker, items) = worker(answer_each(done)).await;
    let stop = CancellationToken::new();
    let ran = run_until(vec![worker], images(&[1; 60]), stop.clone(), |_| stop.cancel()).await;
    ran.result.unwrap();
    let answered = ran.outcomes.len();
    assert_eq!(answered, items.load(Ordering::Relaxed));
    assert!((1..=20).contains(&answered), "{answered}");
    assert_eq!(ran.open, 60 - answered);
}

#[tokio::test]
async fn a_worker_of_another_protocol_version_is_refused_with_advice() {
    for (protocol_version, advice) in [(0, "update `facesets-worker`"), (99, "update `facesets`")] {
        let address = start(TestWorker { protocol_version, ..TestWorker::new(answer_each(done)) }).await;
        let error = connect(&WorkerEndpoint::to(address)).await.unwrap_err();
        assert!(
            matches!(&error, DispatchError::ProtocolVersion { theirs, .. } if *theirs == protocol_version)
        );
        assert!(error.hint().unwrap().starts_with(advice), "{error}");
    }
}

#[tokio::test]
async fn the_token_is_sent_and_its_refusal_is_told() {
    let endpoint = WorkerEndpoint::to(
        start(TestWorker { token: Some("sesame"), ..TestWorker::new(answer_each(done)) }).await,
    );
    connect(&endpoint.clone().with_token("sesame\n".parse().unwrap())).await.unwrap();
    for wrong in [endpoint.clone(), endpoint.with_token("sesam".parse().unwrap())] {
        let error = connect(&wrong).await.unwrap_err();
        assert!(matches!(error, DispatchError::Unauthenticated { .. }), "{error}");
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_told_in_plain_words() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let error = connect(&WorkerEndpoint::to(free)).await.unwrap_err();
    assert!(
        matches!(&error, DispatchError::Unreachable { reason, .. } if reason.contains("refused")),
        "{error}"
    );
    let connect = async |address| connect(&WorkerEndpoint::to(address)).await;
    assert!(matches!(connect("not an address").await, Err(DispatchError::InvalidAddress(_))));
    let encrypted = connect("https://127.0.0.1:1").await;
    assert!(matches!(encrypted, Err(DispatchError::NoCertificate(_))), "never in the clear instead");
}

#[test]
fn the_pack_is_the_one_asked_for_or_the_only_one() {
    let mut worker = description();
    assert_eq!(task_for(&worker, None, 320).unwrap().contract.det_size, 320);
    assert_eq!(task_for(&worker, Some("open"), 640).unwrap().pack, "open");
    assert!(matches!(task_for(&worker, Some("x"), 640), Err(PackError::Unknown { .. })));
    worker.packs.push(PackInfo { name: "second".to_owned(), ..worker.packs[0].clone() });
    assert!(matches!(task_for(&worker, None, 640), Err(PackError::Several(_))));
    worker.packs[1].models.clear();
    assert_eq!(task_for(&worker, Some("second"), 640), Err(PackError::Incomplete("second".to_owned())));
    worker.packs.clear();
    assert_eq!(task_for(&worker, None, 640), Err(PackError::None));
}
