//! Telling a worker that does nothing from one to which a photo does something: it is asked about a picture
//! that is harmless.

use std::time::Duration;

use facesets_core::wire::{Item, ItemReply, Task, requests};
use facesets_imaging::{RgbImage, encode_jpeg};
use tokio::sync::mpsc;

use super::{
    Connection,
    stream::{OUTBOX, open},
};

/// How long a worker may take for a small grey picture, the loading of a pack included.
const PATIENCE: Duration = Duration::from_secs(30);

/// Of the picture, in pixels.
const SIDE: u32 = 64;

/// Whether a worker answers anything at all, within `silence` at most.
pub(super) async fn answers(mut connection: Connection, tasks: &[Task], silence: Duration) -> bool {
    let ask = async {
        let picture = encode_jpeg(&RgbImage::from_pixel(SIDE, SIDE, [128; 3].into()), 90).ok()?;
        let (outbox, messages) = mpsc::channel(OUTBOX);
        let mut replies = open(&mut connection, &outbox, messages).await.ok()?;
        for request in requests(&Item { id: 1, tasks: tasks.to_vec(), data: picture.into() }) {
            outbox.send(request).await.ok()?;
        }
        ItemReply::try_from(replies.message().await.ok()??).ok()
    };
    let reply = tokio::time::timeout(PATIENCE.min(silence), ask).await.ok().flatten();
    // That it cannot, or will not, is no answer.
    reply.is_some_and(|reply| reply.outcome.is_ok())
}
