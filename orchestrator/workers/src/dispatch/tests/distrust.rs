//! Workers that say what cannot be, or nothing, or offer what nobody should take.

use facesets_core::{
    BBox, EMBEDDING_LEN, Face, FaceAnalysis, FaceEmbedding,
    face::{LANDMARKS_68, LANDMARKS_106},
    wire::{Credit, Item, ItemFailure},
};
use facesets_imaging::{RgbImage, encode_jpeg};

use super::*;

/// A face in the middle of a photo of 64 × 48 pixels.
fn face() -> Face {
    Face {
        bbox: BBox::new([20.0, 10.0, 40.0, 35.0]).unwrap(),
        det_score: 0.9,
        keypoints: [[30.0, 20.0]; 5],
        embedding: FaceEmbedding::from_raw(&[1.0; EMBEDDING_LEN]).unwrap(),
        landmarks_106: vec![[30.0, 20.0]; LANDMARKS_106],
        landmarks_68: vec![[30.0, 20.0, -9.0]; LANDMARKS_68],
        blur: 50.0,
    }
}

/// What a worker says of a photo of 64 × 48 pixels in which it has found one face, with something changed.
fn says(item: &Item, change: impl Fn(&mut FaceAnalysis)) -> ItemReply {
    let mut reply = done(item);
    let [TaskResult::Faces(analysis)] = &mut reply.outcome.as_mut().unwrap().0[..] else {
        panic!("it is made so")
    };
    (analysis.width, analysis.height, analysis.faces) = (64, 48, vec![face()]);
    change(analysis);
    reply
}

/// A JPEG of 64 × 48 pixels.
fn photo() -> Vec<u8> {
    encode_jpeg(&RgbImage::new(64, 48), 90).unwrap()
}

/// What becomes of one photo of 64 × 48 pixels of which the only worker says this.
async fn outcome_of(change: impl Fn(&mut FaceAnalysis) + Send + Sync + 'static) -> Result<Measured, Refusal> {
    let (worker, _) = worker(answer_each(move |item| says(item, &change))).await;
    let sha256 = Sha256Digest::of(b"the photo");
    let load: Load = Arc::new(|_| Ok(photo().into()));
    let queue = Arc::new(Queue::new([Work::new(sha256, 900)], &CancellationToken::new()));
    let (events, mut heard) = mpsc::channel(4);
    let (ran, event) = tokio::join!(run(vec![worker], queue, load, events, IMPATIENCE), heard.recv());
    ran.unwrap();
    let Some(Event::Answer(answer)) = event else { panic!("{event:?}") };
    answer.outcome
}

#[tokio::test]
async fn whatever_cannot_be_measured_in_the_photo_is_refused_and_its_worker_named() {
    type Change = fn(&mut FaceAnalysis);
    let lies: [(&str, Change); 10] = [
        ("shows nothing of its photo", |a| a.faces[0].bbox = BBox::new([-3e38, -3e38, 3e38, 3e38]).unwrap()),
        ("shows nothing of its photo", |a| a.faces[0].bbox = BBox::new([70.0, 5.0, 90.0, 25.0]).unwrap()),
        ("no photo has 0 × 0 pixels", |a| (a.width, a.height) = (0, 0)),
        ("no photo has 4294967295 × 4294967295 pixels", |a| (a.width, a.height) = (u32::MAX, u32::MAX)),
        ("the photo has 64 × 48 pixels, and is said to have 48 × 64", |a| (a.width, a.height) = (48, 64)),
        ("faces 0 and 1 are the same", |a| a.faces = vec![face(); 3]),
        ("landmark", |a| a.faces[0].landmarks_68[7][0] = 3e38),
        ("landmark", |a| a.faces[0].landmarks_106[7][0] = f32::NAN),
        ("keypoint", |a| a.faces[0].keypoints[0][1] = -3e38),
        ("embedding_norm", |a| a.faces[0].embedding.norm = f32::INFINITY),
    ];
    for (part, lie) in lies {
        let refusal = outcome_of(lie).await.unwrap_err();
        assert!(matches!(&refusal, Refusal::Implausible { worker, .. } if worker.contains("127.0.0.1")));
        assert!(refusal.to_string().contains(part), "{refusal}");
    }
    let measured = outcome_of(|_| {}).await.unwrap();
    assert!(matches!(&measured.results[..], [TaskResult::Faces(analysis)] if analysis.faces == [face()]));
}

/// Says of images with a number from `from` on what cannot be.
fn lies_from(from: u8) -> Behaviour {
    answer_each(
        move |item| {
            if item.data[0] >= from { says(item, |analysis| analysis.width = 0) } else { done(item) }
        },
    )
}

#[tokio::test]
async fn one_photo_about_which_a_worker_is_wrong_is_named_and_the_others_are_done() {
    let (worker, items) = worker(lies_from(8)).await;
    let ran = run_all(vec![worker], &[1; 9]).await;
    ran.result.unwrap();
    assert!(matches!(&ran.outcomes[&8], Err(Refusal::Implausible { .. })), "{:?}", ran.outcomes);
    assert_eq!(ran.outcomes.values().filter(|outcome| outcome.is_ok()).count(), 8);
    assert_eq!(items.load(Ordering::Relaxed), 8 + MAX_TRIES as usize);
}

#[tokio::test]
async fn a_worker_that_is_wrong_about_everything_is_asked_no_more_and_nothing_is_lost() {
    let (alone, items) = worker(lies_from(0)).await;
    let ran = run_all(vec![alone], &[1; 40]).await;
    let error = ran.result.unwrap_err();
    assert!(error.to_string().contains("no photo has 0 × 48 pixels"), "{error}");
    assert!(ran.outcomes.is_empty() && ran.open == 40 && ran.strikes.is_empty());
    assert!(items.load(Ordering::Relaxed) < 20);

    let (lying, asked) = worker(lies_from(0)).await;
    let (honest, _) = worker(answer_each(done)).await;
    let sizes = [1; 40];
    let ran = run_all(vec![lying, honest], &sizes).await;
    assert!(ran.notes.iter().any(|note| note.contains("left out")), "{:?}", ran.notes);
    all_done(&ran, &sizes);
    assert!(asked.load(Ordering::Relaxed) < 20);
}

fn silent() -> Behaviour {
    Arc::new(|_| Reaction::Answer(Vec::new()))
}

#[tokio::test]
async fn a_worker_that_never_answers_is_left_out_and_no_photo_is_accused() {
    let (alone, items) = worker(silent()).await;
    let began = std::time::Instant::now();
    let ran = run_all(vec![alone], &[1; 30]).await;
    let error = ran.result.unwrap_err();
    assert!(error.to_string().contains("it did nothing for 500ms"), "{error}");
    assert!(ran.outcomes.is_empty() && ran.strikes.is_empty() && ran.open == 30, "{:?}", ran.strikes);
    // What it had, and the picture that does no harm; not one photo after the other.
    assert!(items.load(Ordering::Relaxed) <= 5 && began.elapsed() < 10 * IMPATIENCE.silence);

    let (mute, _) = worker(silent()).await;
    let (good, _) = worker(answer_each(done)).await;
    let sizes = [1; 30];
    let ran = run_all(vec![mute, good], &sizes).await;
    all_done(&ran, &sizes);
    assert_eq!(ran.strikes, []);
}

#[tokio::test]
async fn a_photo_that_hangs_every_worker_is_found_even_if_it_is_all_there_is_to_do() {
    let (worker, _) = worker(hang_on(0)).await;
    let ran = run_all(vec![worker], &[1]).await;
    ran.result.unwrap();
    assert_eq!(ran.outcomes[&0], Err(Refusal::KillsWorker));
    assert_eq!(ran.strikes, [(0, 1), (0, 2)]);
}

fn draining() -> Behaviour {
    answer_each(|item| ItemReply {
        id: item.id,
        outcome: Err(ItemFailure { kind: ItemFailureKind::Draining, message: "not now".to_owned() }),
    })
}

#[tokio::test]
async fn a_worker_that_is_always_shutting_down_is_told_of_and_waited_for_no_longer_than_any_other() {
    for lingers in [false, true] {
        let is = || TestWorker { lingers, ..TestWorker::new(draining()) };
        let ran = run_all(vec![reached(is()).await], &[1; 9]).await;
        let error = ran.result.unwrap_err();
        assert!(error.to_string().contains("shutting down") && error.hint().is_some(), "{error}");
        assert_eq!((ran.open, ran.strikes.len(), ran.notes.len()), (9, 0, 1), "{:?}", ran.notes);
        assert!(ran.notes[0].contains("is shutting down"), "{:?}", ran.notes);

        let (good, _) = worker(answer_each(done)).await;
        let sizes = [1; 9];
        all_done(&run_all(vec![reached(is()).await, good], &sizes).await, &sizes);
    }
}

#[tokio::test]
async fn a_worker_that_does_not_end_its_stream_does_not_keep_us() {
    let lingering = TestWorker { lingers: true, ..TestWorker::new(answer_each(done)) };
    let sizes = [1; 5];
    let running = run_all(vec![reached(lingering).await], &sizes);
    let ran = tokio::time::timeout(Duration::from_secs(20), running).await.expect("it comes to its end");
    all_done(&ran, &sizes);
}

#[tokio::test]
async fn no_more_is_read_than_the_memory_that_is_ours_however_much_credit_is_offered() {
    const BYTES: u64 = 64 << 20;
    // Nobody looks into it, so nobody has it in memory more than once.
    static PHOTO: [u8; BYTES as usize] = [0; BYTES as usize];
    let endless = Credit { max_items: u32::MAX, max_bytes: u64::MAX };
    let worker = reached(TestWorker { credit: endless, ..TestWorker::new(silent()) }).await;
    let read = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&read);
    let load: Load = Arc::new(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(Bytes::from_static(&PHOTO).into())
    });
    let work = (0..100u32).map(|number| Work::new(Sha256Digest::of(&number.to_le_bytes()), BYTES));
    let queue = Arc::new(Queue::new(work, &CancellationToken::new()));
    let (events, _kept) = mpsc::channel(4);
    let running =
        run(vec![worker], queue, load, events, Patience { silence: Duration::from_mins(5), ..IMPATIENCE });
    assert!(tokio::time::timeout(Duration::from_secs(2), running).await.is_err());
    assert_eq!(read.load(Ordering::Relaxed), 4);
}
