//! Real photos through real models on a device that is shared: batches of many photos' faces give the numbers
//! of each photo alone.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use std::{
    fs,
    num::NonZeroUsize,
    sync::{Arc, OnceLock},
};

use facesets_core::{
    FaceAnalysis, ImageLimits,
    contract::DEFAULT_DET_SIZE,
    wire::{AnalyzeFaces, Item, TaskResult},
};
use facesets_worker::{
    analyzer::PackBuilder,
    assembly::{Arrangement, Plan},
    engine::{Provider, RUNTIME_FILE, Shapes, Target, ort::Runtime},
    meter::{Meter, Stage},
    model_pack::Pack,
    pool::Pool,
};

use common::setup;

fn builder(shapes: Shapes, meter: &Arc<Meter>) -> PackBuilder {
    // A process has one environment.
    static LOADED: OnceLock<Runtime> = OnceLock::new();
    let loaded = LOADED.get_or_init(|| {
        let path = std::path::absolute(setup().join("onnxruntime").join(RUNTIME_FILE)).unwrap();
        Runtime::load(&path, Provider::Cpu).unwrap()
    });
    let runtime = loaded.on(Target { shapes, ..Target::new(Provider::Cpu) }).unwrap();
    let pack = Pack::open(&setup().join("models"), "open").unwrap();
    PackBuilder { pack, runtime, threads: 1, limits: ImageLimits::default(), meter: Arc::clone(meter) }
}

/// Photos of one to six faces, several of them of the same size.
fn photos() -> Vec<Vec<u8>> {
    let folder = setup().join("photos/2018/group");
    let mut found = Vec::new();
    let mut folders = vec![folder, setup().join("photos/2012")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|suffix| suffix == "jpg" || suffix == "png") {
                found.push(path);
            }
        }
    }
    found.sort();
    found.iter().take(12).map(|path| fs::read(path).unwrap()).collect()
}

/// The photos' faces, in the photos' order, when they are sent in the order of `ids`.
async fn analysed(plan: Plan, builder: PackBuilder, photos: &[Vec<u8>], ids: &[usize]) -> Vec<FaceAnalysis> {
    let contract = builder.pack.info().face_contract(DEFAULT_DET_SIZE).unwrap();
    let reference = builder.reference().unwrap();
    let pool = Arc::new(plan.start(builder, reference).unwrap());
    let (submitter, mut answers) = pool.open(Pool::credit(plan.lanes));
    let send = async {
        for id in ids {
            let slot = submitter.reserve().await;
            let tasks = vec![AnalyzeFaces::new("open", contract).into()];
            submitter.submit(slot, Item { id: *id as u64, tasks, data: photos[*id].clone().into() }).await;
        }
    };
    let receive = async {
        let mut found: Vec<Option<FaceAnalysis>> = vec![None; photos.len()];
        for _ in ids {
            let reply = std::future::poll_fn(|context| answers.poll_next(context)).await.unwrap();
            let (mut results, _) = reply.outcome.unwrap();
            let Some(TaskResult::Faces(analysis)) = results.pop() else { panic!("{results:?}") };
            found[reply.id as usize] = Some(analysis);
        }
        found
    };
    let ((), found) = tokio::join!(send, receive);
    found.into_iter().map(Option::unwrap).collect()
}

fn assert_same(alone: &[FaceAnalysis], batched: &[FaceAnalysis]) {
    for (alone, batched) in alone.iter().zip(batched) {
        assert_eq!(alone.faces.len(), batched.faces.len());
        for (a, b) in alone.faces.iter().zip(&batched.faces) {
            assert_eq!((a.bbox, a.keypoints, a.blur.to_bits()), (b.bbox, b.keypoints, b.blur.to_bits()));
            let pairs = a.embedding.unit.as_slice().iter().zip(b.embedding.unit.as_slice());
            let cosine: f64 = pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            assert!(cosine >= 0.99999, "{cosine}");
            let (a, b) = (a.landmarks_68.as_flattened(), b.landmarks_68.as_flattened());
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 0.01));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_of_many_photos_faces_give_the_numbers_of_each_photo_alone_in_any_order() {
    let photos = photos();
    let forwards: Vec<usize> = (0..photos.len()).collect();
    let backwards: Vec<usize> = forwards.iter().rev().copied().collect();
    let own = Plan::arranged(Arrangement::Own, NonZeroUsize::new(2));
    let own = Plan { threads: 1, ..own };
    let meter = Arc::new(Meter::default());
    let alone = analysed(own, builder(Shapes::Dynamic, &meter), &photos, &forwards).await;
    let most = alone.iter().map(|analysis| analysis.faces.len()).max().unwrap();
    assert!(alone.iter().map(|analysis| analysis.faces.len()).sum::<usize>() > most, "photos with faces");
    // The very same bits, whatever is in work beside it.
    assert_eq!(alone, analysed(own, builder(Shapes::Dynamic, &meter), &photos, &backwards).await);

    let shared = Plan::arranged(Arrangement::Shared, NonZeroUsize::new(12));
    let shared = Plan { threads: 1, ..shared };
    for (shapes, order) in [(Shapes::Dynamic, &backwards), (Shapes::Fixed, &forwards)] {
        let meter = Arc::new(Meter::default());
        let batched = analysed(shared, builder(shapes, &meter), &photos, order).await;
        assert_same(&alone, &batched);
        let largest = meter.tally(Stage::Recognise).largest as usize;
        assert!(largest > most, "faces of several photos were run at once: {largest}");
    }
}
