//! CLIP's visual tower on a device that is shared: batches of many photos give the numbers of each photo
//! alone.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use std::{num::NonZeroUsize, sync::Arc};

use facesets_core::{
    ClipEmbedding, ImageLimits,
    wire::{EmbedClip, Item, TaskResult},
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

/// An uncompressed picture of noise around a colour, different for every seed.
fn picture(seed: u32) -> Vec<u8> {
    let (width, height) = (40 + 4 * (seed % 7), 31 + seed % 5);
    let pixels = width * height * 3;
    let mut bytes = b"BM".to_vec();
    let header = [54 + pixels, 0, 54, 40, width, height, 24 << 16 | 1, 0, pixels, 0, 0, 0, 0];
    bytes.extend(header.iter().flat_map(|value| value.to_le_bytes()));
    bytes.extend(
        (0..pixels)
            .map(|i| ((i / 3).wrapping_mul(2_654_435_761) >> 26) as u8 + (i % 3 * seed * 17 % 190) as u8),
    );
    bytes
}

async fn embedded(plan: Plan, builder: PackBuilder, order: &[u32]) -> Vec<ClipEmbedding> {
    let contract = builder.pack.info().clip_contract().unwrap();
    let reference = builder.reference().unwrap();
    let pool = Arc::new(plan.start(builder, reference).unwrap());
    let (submitter, mut answers) = pool.open(Pool::credit(plan.lanes));
    let send = async {
        for seed in order {
            let slot = submitter.reserve().await;
            let tasks = vec![EmbedClip { pack: "clip-standin".to_owned(), contract }.into()];
            submitter.submit(slot, Item { id: u64::from(*seed), tasks, data: picture(*seed).into() }).await;
        }
    };
    let receive = async {
        let mut found: Vec<Option<ClipEmbedding>> = vec![None; order.len()];
        for _ in order {
            let reply = std::future::poll_fn(|context| answers.poll_next(context)).await.unwrap();
            let (mut results, _) = reply.outcome.unwrap();
            let Some(TaskResult::Clip(analysis)) = results.pop() else { panic!("{results:?}") };
            found[reply.id as usize] = Some(analysis.embedding);
        }
        found.into_iter().map(Option::unwrap).collect()
    };
    tokio::join!(send, receive).1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_has_the_same_embedding_alone_in_any_batch_and_in_any_order() {
    let runtime = std::path::absolute(setup().join("onnxruntime").join(RUNTIME_FILE)).unwrap();
    let runtime = Runtime::load(&runtime, Provider::Cpu).unwrap();
    let builder = |shapes, meter: &Arc<Meter>| {
        let pack = Pack::open(&setup().join("models"), "clip-standin").unwrap();
        let runtime = runtime.on(Target { shapes, ..Target::new(Provider::Cpu) }).unwrap();
        PackBuilder { pack, runtime, threads: 1, limits: ImageLimits::default(), meter: Arc::clone(meter) }
    };
    let forwards: Vec<u32> = (0..60).collect();
    let backwards: Vec<u32> = forwards.iter().rev().copied().collect();
    let own = Plan { threads: 1, ..Plan::arranged(Arrangement::Own, NonZeroUsize::new(2)) };
    let alone = embedded(own, builder(Shapes::Dynamic, &Arc::default()), &forwards).await;
    let shared = Plan { threads: 1, ..Plan::arranged(Arrangement::Shared, NonZeroUsize::new(24)) };
    for (shapes, order) in [(Shapes::Dynamic, &backwards), (Shapes::Fixed, &forwards)] {
        let meter = Arc::new(Meter::default());
        let batched = embedded(shared, builder(shapes, &meter), order).await;
        let mut different = 0;
        for (index, alone) in alone.iter().enumerate() {
            let cosine = |a: &ClipEmbedding, b: &ClipEmbedding| {
                a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
            };
            assert!(cosine(alone, &batched[index]) >= 0.99999, "{index}");
            different += usize::from(cosine(alone, &batched[(index + 1) % batched.len()]) < 0.9999);
        }
        assert!(
            different > 50,
            "the pictures are different, or rows that are mixed up would not show: {different}"
        );
        let largest = meter.tally(Stage::ClipVisual).largest;
        assert!(largest > 1, "photos were run at once: {largest}");
    }
}
