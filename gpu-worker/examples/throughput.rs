//! Images a second of the lanes alone, without the network: `throughput SETUP PHOTOS [LANES] [ROUNDS]`.
//!
//! SETUP is what `scripts/setup` makes (models/open and onnxruntime), PHOTOS a folder of images.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{error::Error, fs, num::NonZeroUsize, path::Path, sync::Arc, time::Instant};

use facesets_core::{
    ImageLimits,
    contract::DEFAULT_DET_SIZE,
    wire::{AnalyzeFaces, Item, TaskResult},
};
use facesets_worker::{
    analyzer::{Analyzer, PackBuilder},
    engine::{Provider, find_runtime, ort::Runtime},
    model_pack::Pack,
    pool::{Answers, BoxError, Pool, Submitter},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, setup, photos, rest @ ..] = &args[..] else {
        return Err("usage: throughput SETUP PHOTOS [LANES] [ROUNDS]".into());
    };
    let lanes: NonZeroUsize = rest.first().map_or("2", String::as_str).parse()?;
    let rounds: usize = rest.get(1).map_or("4", String::as_str).parse()?;

    let models = Path::new(setup).join("models");
    let pack = Pack::open(&models, "open")?;
    let contract = pack.info().face_contract(DEFAULT_DET_SIZE).ok_or("the pack has no contract")?;
    let runtime = Runtime::load(&find_runtime(None, &models)?, Provider::Cpu)?;
    let builder = PackBuilder { pack, runtime, threads: 1, limits: ImageLimits::default() };
    let pool = Pool::start(lanes, move || -> Result<Box<dyn Analyzer>, BoxError> {
        Ok(Box::new(builder.build()?))
    })?;
    let (submitter, mut answers) = Arc::new(pool).open(Pool::credit(lanes));

    let mut images = Vec::new();
    for entry in fs::read_dir(photos)? {
        images.push(fs::read(entry?.path())?);
    }
    let items = |rounds: usize| -> Vec<Item> {
        let bytes = std::iter::repeat_n(&images, rounds).flatten();
        let item = |(id, data): (usize, &Vec<u8>)| Item {
            id: id as u64,
            tasks: vec![AnalyzeFaces::new("open", contract).into()],
            data: data.clone().into(),
        };
        bytes.enumerate().map(item).collect()
    };
    run(&submitter, &mut answers, items(1)).await;
    let (count, started) = (images.len() * rounds, Instant::now());
    let faces = run(&submitter, &mut answers, items(rounds)).await;
    let rate = count as f64 / started.elapsed().as_secs_f64();
    println!(
        "lanes {lanes}: {rate:.2} images/s, {faces} faces in {count} images, peak memory {}",
        peak_memory()
    );
    Ok(())
}

async fn run(submitter: &Submitter, answers: &mut Answers, items: Vec<Item>) -> usize {
    let count = items.len();
    let submit = async {
        for item in items {
            let slot = submitter.reserve().await;
            submitter.submit(slot, item).await;
        }
    };
    let collect = async {
        let mut faces = 0;
        for _ in 0..count {
            let reply = std::future::poll_fn(|context| answers.poll_next(context)).await;
            let (results, _) = reply.and_then(|reply| reply.outcome.ok()).unwrap_or_default();
            for result in results {
                if let TaskResult::Faces(analysis) = result {
                    faces += analysis.faces.len();
                }
            }
        }
        faces
    };
    tokio::join!(submit, collect).1
}

fn peak_memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".to_owned(), |value| value.trim().to_owned())
}
