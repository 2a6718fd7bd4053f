//! One photo by the analyzers of the packs that its tasks name: decoded once, and given up before the
//! networks that need no pixels.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use facesets_core::wire::{ItemFailure, Task, TaskResult};
use facesets_imaging::{DecodeError, Photo, decode_photo_in, decode_upright_in, decoding_memory};

use super::{
    Analysis, Common, FaceAnalyzer, MAX_FACES, contracts,
    decode_budget::{DECODE_BUDGET, Share},
    detections::Found,
    failure::{from_decode, internal},
};
use crate::{device::Device, meter::Stage};

/// Does every one of `tasks`, each with the one of `analyzers` that has its pack.
///
/// # Panics
/// Without analyzers.
pub(crate) fn analyze<D: Device>(
    analyzers: &mut [FaceAnalyzer<D>],
    bytes: &[u8],
    tasks: &[Task],
) -> Result<Analysis, ItemFailure> {
    let whose = |task: &Task| {
        let named = analyzers.iter().position(|analyzer| analyzer.common.models.pack.name == task.pack());
        // Where nobody has the pack, the first one refuses the task.
        let index = named.unwrap_or(0);
        contracts::check(&analyzers[index].common.models.pack, task).map(|()| index)
    };
    let whose: Vec<usize> = tasks.iter().map(whose).collect::<Result<_, _>>()?;
    // One turn on the processor, whatever the number of packs.
    let first = whose.first().copied().unwrap_or(0);
    let arrived = Instant::now();
    let room = DECODE_BUDGET.take(decoding_memory(bytes, &analyzers[first].common.limits));
    analyzers[first].device.begin();
    let queue = arrived.elapsed();
    let outcome = work(analyzers, first, (bytes, room), tasks, &whose);
    analyzers[first].device.end();
    outcome.map(|analysis| Analysis { queue, ..analysis })
}

/// The same with a turn, which is that of the analyzer at `first`, and room for the pixels.
fn work<D: Device>(
    analyzers: &mut [FaceAnalyzer<D>],
    first: usize,
    (bytes, mut room): (&[u8], Share<'_>),
    tasks: &[Task],
    whose: &[usize],
) -> Result<Analysis, ItemFailure> {
    let started = Instant::now();
    let common = Arc::clone(&analyzers[first].common);
    let photo =
        common.meter.time(Stage::Decode, 1, || decoded(&common, bytes, tasks)).map_err(from_decode)?;
    room.keep(photo.memory());
    let decode = started.elapsed();

    let mut found: Vec<Found> = analyzers.iter().map(|_| Found::default()).collect();
    let drafts = tasks
        .iter()
        .zip(whose)
        .map(|(task, &index)| Ok((index, analyzers[index].draft(&photo, task, &mut found[index])?)));
    let drafts: Vec<_> = drafts.collect::<Result<_, ItemFailure>>()?;
    common.photos.give_back(photo.into_memory());
    drop(room);

    let results = drafts.into_iter().map(|(index, draft)| analyzers[index].finish(draft));
    let results: Vec<TaskResult> = results.collect::<Result<_, _>>()?;
    let faces: usize = results.iter().map(analysed_faces).sum();
    if faces > MAX_FACES {
        return Err(internal(format!("{faces} faces, more than the {MAX_FACES} that fit one reply")));
    }
    let infer = started.elapsed().saturating_sub(decode);
    Ok(Analysis { results, queue: Duration::ZERO, decode, infer })
}

/// RGB at once where all pixels are looked at, which only CLIP does. Beside faces it takes them as they are
/// left for these, whose digest of the pixels must not depend on what else is asked for.
fn decoded(common: &Common, bytes: &[u8], tasks: &[Task]) -> Result<Photo, DecodeError> {
    let memory = common.photos.take();
    if tasks.iter().all(|task| matches!(task, Task::EmbedClip(_))) {
        decode_upright_in(memory, bytes, &common.limits).map(Photo::from)
    } else {
        decode_photo_in(memory, bytes, &common.limits)
    }
}

/// Faces with everything, which are what makes a reply large.
fn analysed_faces(result: &TaskResult) -> usize {
    match result {
        TaskResult::Faces(analysis) => analysis.faces.len(),
        TaskResult::Count(_) | TaskResult::Clip(_) => 0,
    }
}
