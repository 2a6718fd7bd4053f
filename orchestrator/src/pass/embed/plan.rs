//! What is missing: of all contents, those without an outcome under the workers' contract.

use facesets_base::monitor::Monitor;
use facesets_core::{Sha256Digest, wire::ItemFailureKind};
use facesets_library::{
    originals::for_workers::{Photo, Photos},
    store::{Committer, KILLS_WORKER, Outcome, Record, StoredFailure},
};
use facesets_workers::{dispatch::Work, selection::Workers};

use super::{EmbedError, KnownFailures, Summary};

/// Counts what is known, writes down what need not even be sent to fail, and returns the rest.
pub(super) fn plan(
    photos: &Photos,
    team: &Workers,
    known_failures: KnownFailures,
    committer: &mut Committer,
    monitor: &dyn Monitor,
    summary: &mut Summary,
) -> Result<Vec<Work>, EmbedError> {
    let contract = team.contract().to_string();
    let outcomes = committer.writer().store().outcomes(&contract)?;
    let mut work = Vec::new();
    let mut suspects = Vec::new();
    for (sha256, photo) in photos.in_order() {
        match outcomes.get(sha256) {
            Some(Outcome::Done { faces }) => {
                summary.already_analysed += 1;
                summary.count_faces(*faces);
            }
            Some(Outcome::Failed(failed)) if known_failures == KnownFailures::Count => {
                tracing::debug!(%sha256, kind = failed.kind, reason = failed.message, "known failure");
                summary.known_failures += 1;
            }
            known @ (Some(Outcome::Failed(_)) | None) => {
                if let Some(failure) = refused(photo, team.max_image_bytes()) {
                    let failed = failure.failed();
                    summary.fail(&photo.locations, &failed.kind, &failed.message, monitor);
                    committer.add(record(sha256, &contract, failure))?;
                    continue;
                }
                let item = Work::new(*sha256, photo.bytes);
                // Whoever was set aside gets another chance, alone.
                let killed = matches!(known, Some(Outcome::Failed(failed)) if failed.kind == KILLS_WORKER);
                match committer.writer().store().strikes(sha256, &contract)? {
                    Some(deaths) => suspects.push(item.suspect(deaths)),
                    None if killed => suspects.push(item.suspect(0)),
                    None => work.push(item),
                }
            }
        }
    }
    committer.flush()?;
    // Last, so that what has done nothing is done whatever they do.
    work.append(&mut suspects);
    Ok(work)
}

/// Why a content need not be sent.
fn refused(photo: &Photo, max_bytes: u64) -> Option<StoredFailure> {
    let bytes = photo.bytes;
    if bytes == 0 {
        StoredFailure::new(ItemFailureKind::Decode, "the file is empty")
    } else if bytes > max_bytes {
        let reason = format!("the file has {bytes} bytes, more than the limit of {max_bytes}");
        StoredFailure::new(ItemFailureKind::TooLarge, reason)
    } else {
        None
    }
}

fn record(sha256: &Sha256Digest, contract: &str, failure: StoredFailure) -> Record {
    Record::Failed { sha256: *sha256, contract: contract.to_owned(), failure }
}
