//! How fast a worker is, from here: what goes over the link in a time, and what is analysed.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use facesets_core::Sha256Digest;
use facesets_library::originals::for_workers::read_for_worker;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::dispatch::{self, Answer, DispatchError, Event, Load, Patience, Queue, Work, Worker};

/// Bytes of a made-up file: what fits into one message, and about what a photo has.
const MADE_UP_BYTES: usize = 4 << 20;

/// Answers that wait to be counted, which takes no time.
const WAITING_ANSWERS: usize = 64;

/// What is sent.
pub struct Sample {
    /// Each under a name of its own, with its size.
    work: Vec<Work>,
    load: Load,
}

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// Files that were answered.
    pub answered: u64,
    /// Those among them that were analysed.
    pub analysed: u64,
    /// Bytes that were sent.
    pub bytes: u64,
    /// From before the first one was read to the last answer.
    pub elapsed: Duration,
}

impl Sample {
    /// At least so many bytes in files that are no photos, so that the worker has nothing to do but to
    /// receive them.
    pub fn made_up(bytes: u64) -> Self {
        // No format begins so.
        let file = Bytes::from(vec![0xA5; MADE_UP_BYTES]);
        let name = |number: u64| Sha256Digest::of(&number.to_le_bytes());
        let files = bytes.div_ceil(MADE_UP_BYTES as u64);
        let work = (0..files).map(|number| Work::new(name(number), MADE_UP_BYTES as u64)).collect();
        Self { work, load: Arc::new(move |_| Ok(file.clone().into())) }
    }

    /// Files, read when they are about to be sent, as `embed` does.
    pub fn of_files(files: Vec<(PathBuf, u64)>) -> Self {
        let name = |path: &PathBuf| Sha256Digest::of(path.as_os_str().as_encoded_bytes());
        let work = files.iter().map(|(path, bytes)| Work::new(name(path), *bytes)).collect();
        let paths: std::collections::HashMap<_, _> =
            files.into_iter().map(|(path, _)| (name(&path), path)).collect();
        let load: Load = Arc::new(move |sha256| {
            let path = paths.get(sha256).ok_or("nobody knows where it is")?;
            read_for_worker(path).map_err(|error| error.to_string())
        });
        Self { work, load }
    }
}

/// Sends a sample to a worker, or as much of it as goes before `stop`.
pub async fn measure(
    worker: Worker,
    sample: Sample,
    stop: &CancellationToken,
) -> Result<Measured, DispatchError> {
    let sent = Arc::new(AtomicU64::new(0));
    let load: Load = {
        let (sent, load) = (Arc::clone(&sent), sample.load);
        Arc::new(move |sha256| {
            load(sha256).inspect(|image| {
                sent.fetch_add(image.data.len() as u64, Relaxed);
            })
        })
    };
    let queue = Arc::new(Queue::new(sample.work, stop));
    let (sender, mut events) = mpsc::channel(WAITING_ANSWERS);
    let began = Instant::now();
    let running = dispatch::run(vec![worker], queue, load, sender, Patience::default());
    let counting = async {
        let (mut answered, mut analysed) = (0, 0);
        while let Some(event) = events.recv().await {
            match event {
                Event::Answer(Answer { outcome, .. }) => {
                    answered += 1;
                    analysed += u64::from(outcome.is_ok());
                }
                // There is one worker, of which the error tells.
                Event::Note(_) => {}
                // Nothing is kept, so no suspicion is.
                Event::Deaths(deaths) => {
                    let _ = deaths.stored.send(());
                }
            }
        }
        (answered, analysed)
    };
    let (ran, (answered, analysed)) = tokio::join!(running, counting);
    ran?;
    Ok(Measured { answered, analysed, bytes: sent.load(Relaxed), elapsed: began.elapsed() })
}
