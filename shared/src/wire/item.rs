//! Items on the wire: cut into messages on one side, put together again by a small state machine on the
//! other.

use prost::bytes::{Bytes, BytesMut};

use super::{MAX_CHUNK_BYTES, Task, WireError, proto, task::tasks_from_wire};

/// Bytes for which a message's buffer is kept: there may be other messages in it.
const WORTH_KEEPING: usize = 64 * 1024;

/// One encoded image and what to do with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Unique among the items in flight on the stream.
    pub id: u64,
    /// What to do, in this order; at least one, at most [`MAX_TASKS`](super::MAX_TASKS).
    pub tasks: Vec<Task>,
    /// The encoded image.
    pub data: Bytes,
}

/// Where the bytes of an image come from, which decides how many there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A file, as it is.
    File,
    /// Pixels that were encoded anew without loss, as a worker does not read the file.
    Transcoded,
}

/// An image as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Its bytes.
    pub data: Bytes,
    /// Whose they are.
    pub origin: Origin,
}

impl<T: Into<Bytes>> From<T> for Encoded {
    /// A file.
    fn from(data: T) -> Self {
        Self { data: data.into(), origin: Origin::File }
    }
}

/// The messages that carry `item`, which is a file: one, or the first and its chunks.
pub fn requests(item: &Item) -> impl Iterator<Item = proto::ProcessRequest> + use<> {
    requests_of(item, Origin::File)
}

/// The messages that carry `item`.
pub fn requests_of(item: &Item, origin: Origin) -> impl Iterator<Item = proto::ProcessRequest> + use<> {
    let total_bytes = item.data.len() as u64;
    let mut rest = item.data.clone();
    let first = rest.split_to(rest.len().min(MAX_CHUNK_BYTES));
    let begin = proto::process_request::Kind::Item(proto::Item {
        id: item.id,
        tasks: item.tasks.iter().map(Into::into).collect(),
        total_bytes,
        data: first,
        transcoded: origin == Origin::Transcoded,
    });
    let chunks = std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let data = rest.split_to(rest.len().min(MAX_CHUNK_BYTES));
        Some(proto::process_request::Kind::Chunk(proto::ItemChunk { data }))
    });
    std::iter::once(begin).chain(chunks).map(|kind| proto::ProcessRequest { kind: Some(kind) })
}

/// What a message completed.
#[derive(Debug, PartialEq)]
pub enum Assembled {
    /// Nothing yet.
    Pending,
    /// A whole item.
    Item(Item),
    /// An item larger than allowed; its bytes were not kept.
    TooLarge {
        /// Its id.
        id: u64,
        /// Its size.
        total_bytes: u64,
        /// Where its bytes come from.
        origin: Origin,
    },
    /// An item whose task makes no sense; its bytes were not kept.
    BadTask {
        /// Its id.
        id: u64,
        /// What is wrong with it.
        error: WireError,
    },
}

/// A message that may not come at this point; the stream cannot go on.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ProtocolViolation {
    /// An item inside another.
    #[error("item {next} began before item {open} was complete")]
    Interleaved {
        /// The incomplete one.
        open: u64,
        /// The new one.
        next: u64,
    },
    /// A chunk of nothing.
    #[error("a chunk came with no item open")]
    StrayChunk,
    /// A chunk that carries nothing, or an item that needs chunks and starts with none.
    #[error("a chunk of item {0} is empty")]
    EmptyChunk(u64),
    /// More bytes than announced.
    #[error("item {0} has more bytes than it announced")]
    Overrun(u64),
    /// A message of no known kind, or a second Hello.
    #[error("a message of an unexpected kind")]
    Unexpected,
    /// The stream ended inside an item.
    #[error("the stream ended inside item {0}")]
    Truncated(u64),
}

/// Puts items together from messages; keeps at most one incomplete item, and none larger than the limit.
#[derive(Debug)]
pub struct Assembler {
    max_bytes: u64,
    max_transcoded: u64,
    open: Option<OpenItem>,
}

#[derive(Debug)]
struct OpenItem {
    id: u64,
    total_bytes: u64,
    origin: Origin,
    received: u64,
    content: Result<(Vec<Task>, BytesMut), Assembled>,
}

impl Assembler {
    /// An assembler that keeps items of at most `max_bytes`.
    pub fn new(max_bytes: u64) -> Self {
        Self { max_bytes, max_transcoded: max_bytes, open: None }
    }

    /// The same, but it keeps pixels that were encoded anew up to `max_transcoded` bytes.
    #[must_use]
    pub fn with_transcoded(self, max_transcoded: u64) -> Self {
        Self { max_transcoded, ..self }
    }

    /// Takes the next message after the Hello.
    pub fn accept(&mut self, message: proto::ProcessRequest) -> Result<Assembled, ProtocolViolation> {
        match message.kind {
            Some(proto::process_request::Kind::Item(item)) => self.begin(item),
            Some(proto::process_request::Kind::Chunk(chunk)) => self.continue_with(&chunk.data),
            Some(proto::process_request::Kind::Hello(_)) | None => Err(ProtocolViolation::Unexpected),
        }
    }

    /// Bytes of the incomplete item that is kept, as it announced them; `None` if there is none.
    pub fn announced(&self) -> Option<u64> {
        self.open.as_ref().filter(|open| open.content.is_ok()).map(|open| open.total_bytes)
    }

    /// Bytes of the incomplete item that have come so far, whether they are kept or not; `None` if there is
    /// none.
    pub fn received(&self) -> Option<u64> {
        self.open.as_ref().map(|open| open.received)
    }

    /// From now on, and of what is incomplete, no bytes are kept: every item that has any is
    /// [`Assembled::TooLarge`].
    pub fn keep_nothing(&mut self) {
        (self.max_bytes, self.max_transcoded) = (0, 0);
        if let Some(OpenItem { id, total_bytes, origin, content, .. }) = &mut self.open {
            *content = Err(Assembled::TooLarge { id: *id, total_bytes: *total_bytes, origin: *origin });
        }
    }

    /// To be called when the stream has ended.
    pub fn finish(self) -> Result<(), ProtocolViolation> {
        self.open.map_or(Ok(()), |open| Err(ProtocolViolation::Truncated(open.id)))
    }

    fn begin(&mut self, item: proto::Item) -> Result<Assembled, ProtocolViolation> {
        let proto::Item { id, tasks, total_bytes, data, transcoded } = item;
        let (origin, max_bytes) = if transcoded {
            (Origin::Transcoded, self.max_transcoded)
        } else {
            (Origin::File, self.max_bytes)
        };
        if let Some(open) = &self.open {
            return Err(ProtocolViolation::Interleaved { open: open.id, next: id });
        }
        let content = if total_bytes > max_bytes {
            Err(Assembled::TooLarge { id, total_bytes, origin })
        } else {
            tasks_from_wire(&tasks)
                .map(|tasks| (tasks, BytesMut::new()))
                .map_err(|error| Assembled::BadTask { id, error })
        };
        // An item that is whole already keeps the message's own buffer: nothing is copied, unless that may be
        // much larger.
        if data.len() as u64 == total_bytes {
            let data = if data.len() < WORTH_KEEPING { Bytes::copy_from_slice(&data) } else { data };
            return Ok(match content {
                Ok((tasks, _)) => Assembled::Item(Item { id, tasks, data }),
                Err(refused) => refused,
            });
        }
        self.open = Some(OpenItem { id, total_bytes, origin, received: 0, content });
        self.continue_with(&data)
    }

    fn continue_with(&mut self, data: &[u8]) -> Result<Assembled, ProtocolViolation> {
        let mut open = self.open.take().ok_or(ProtocolViolation::StrayChunk)?;
        if data.is_empty() {
            return Err(ProtocolViolation::EmptyChunk(open.id));
        }
        open.received += data.len() as u64;
        if open.received > open.total_bytes {
            return Err(ProtocolViolation::Overrun(open.id));
        }
        if let Ok((_, buffer)) = &mut open.content {
            buffer.extend_from_slice(data);
        }
        if open.received < open.total_bytes {
            self.open = Some(open);
            return Ok(Assembled::Pending);
        }
        Ok(match open.content {
            Ok((tasks, buffer)) => Assembled::Item(Item { id: open.id, tasks, data: buffer.freeze() }),
            Err(refused) => refused,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        FaceContract, Sha256Digest,
        wire::{AnalyzeFaces, MAX_TASKS},
    };

    fn task() -> Task {
        let digest = Sha256Digest::of(b"model");
        let contract = FaceContract { detector: digest, recogniser: digest, det_size: 640, preprocessing: 1 };
        AnalyzeFaces::new("open", contract).into()
    }

    fn item(id: u64, len: usize) -> Item {
        let data: Vec<u8> = (0..len).map(|i| (i * 31 % 251) as u8).collect();
        Item { id, tasks: vec![task()], data: data.into() }
    }

    /// Everything that `messages` complete.
    fn assemble(
        max_bytes: u64,
        messages: impl IntoIterator<Item = proto::ProcessRequest>,
    ) -> Result<Vec<Assembled>, ProtocolViolation> {
        let mut assembler = Assembler::new(max_bytes);
        let mut complete = Vec::new();
        for message in messages {
            match assembler.accept(message)? {
                Assembled::Pending => {}
                other => complete.push(other),
            }
        }
        assembler.finish().map(|()| complete)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn items_of_any_size_arrive_whole_and_in_order(
            sizes in prop::collection::vec(prop_oneof![0usize..2000, MAX_CHUNK_BYTES - 2..MAX_CHUNK_BYTES + 2, Just(2 * MAX_CHUNK_BYTES)], 1..4)
        ) {
            let items: Vec<Item> = sizes.iter().enumerate().map(|(id, len)| item(id as u64, *len)).collect();
            let arrived = assemble(u64::MAX, items.iter().flat_map(requests)).unwrap();
            prop_assert_eq!(arrived, items.into_iter().map(Assembled::Item).collect::<Vec<_>>());
        }

        #[test]
        fn no_order_of_messages_makes_it_panic_or_keep_too_much(
            kinds in prop::collection::vec((0u8..3, 0usize..40, 0u64..90), 0..30)
        ) {
            let messages = kinds.into_iter().enumerate().map(|(id, (kind, len, total_bytes))| {
                let data = Bytes::from(vec![1; len]);
                let kind = match kind {
                    0 => proto::process_request::Kind::Item(proto::Item { id: id as u64, tasks: vec![(&task()).into()], total_bytes, data, transcoded: false }),
                    1 => proto::process_request::Kind::Chunk(proto::ItemChunk { data }),
                    _ => proto::process_request::Kind::Hello(proto::ClientHello::default()),
                };
                proto::ProcessRequest { kind: Some(kind) }
            });
            for complete in assemble(60, messages).into_iter().flatten() {
                if let Assembled::Item(item) = complete {
                    prop_assert!(item.data.len() <= 60);
                }
            }
        }
    }

    #[test]
    fn an_item_over_the_limit_is_named_and_the_next_one_still_arrives() {
        let large = item(1, MAX_CHUNK_BYTES + 10);
        let small = item(2, 10);
        let arrived = assemble(100, [&large, &small].into_iter().flat_map(requests)).unwrap();
        let total_bytes = large.data.len() as u64;
        let origin = Origin::File;
        assert_eq!(arrived, [Assembled::TooLarge { id: 1, total_bytes, origin }, Assembled::Item(small)]);
    }

    #[test]
    fn pixels_that_were_encoded_anew_have_a_limit_of_their_own() {
        let picture = item(1, 100);
        let accept = |max_transcoded, origin| {
            let mut assembler = Assembler::new(50).with_transcoded(max_transcoded);
            assembler.accept(requests_of(&picture, origin).next().unwrap()).unwrap()
        };
        assert_eq!(accept(100, Origin::Transcoded), Assembled::Item(picture.clone()));
        for (max_transcoded, origin) in [(100, Origin::File), (99, Origin::Transcoded)] {
            let refused = Assembled::TooLarge { id: 1, total_bytes: 100, origin };
            assert_eq!(accept(max_transcoded, origin), refused);
        }
        let mut assembler = Assembler::new(50).with_transcoded(100);
        assembler.keep_nothing();
        let refused = assembler.accept(requests_of(&picture, Origin::Transcoded).next().unwrap()).unwrap();
        assert!(matches!(refused, Assembled::TooLarge { .. }));
    }

    #[test]
    fn a_lie_about_the_size_ends_the_stream_and_nothing_beyond_it_is_kept() {
        let [begin, chunk] = {
            let mut messages = requests(&item(1, 2 * MAX_CHUNK_BYTES));
            [messages.next().unwrap(), messages.next().unwrap()]
        };
        let with_total = |mut message: proto::ProcessRequest, total| {
            let Some(proto::process_request::Kind::Item(item)) = &mut message.kind else { unreachable!() };
            item.total_bytes = total;
            message
        };
        for total in [1, MAX_CHUNK_BYTES as u64 + 1] {
            let messages = [with_total(begin.clone(), total), chunk.clone()];
            assert_eq!(assemble(u64::MAX, messages), Err(ProtocolViolation::Overrun(1)));
        }
        let mut assembler = Assembler::new(u64::MAX);
        assert_eq!(assembler.accept(with_total(begin, u64::MAX)), Ok(Assembled::Pending));
        assert_eq!(assembler.announced(), Some(u64::MAX));
        assert_eq!(assembler.received(), Some(MAX_CHUNK_BYTES as u64));
        assert_eq!(assembler.finish(), Err(ProtocolViolation::Truncated(1)));
    }

    #[test]
    fn whoever_keeps_nothing_still_learns_every_id() {
        let mut assembler = Assembler::new(u64::MAX);
        let mut messages = requests(&item(1, MAX_CHUNK_BYTES + 1)).chain(requests(&item(2, 1)));
        assert_eq!(assembler.accept(messages.next().unwrap()), Ok(Assembled::Pending));
        assembler.keep_nothing();
        assert_eq!(assembler.announced(), None);
        let rest: Vec<Assembled> = messages.map(|message| assembler.accept(message).unwrap()).collect();
        let total_bytes = MAX_CHUNK_BYTES as u64 + 1;
        assert_eq!(
            rest,
            [
                Assembled::TooLarge { id: 1, total_bytes, origin: Origin::File },
                Assembled::TooLarge { id: 2, total_bytes: 1, origin: Origin::File }
            ]
        );
    }

    #[test]
    fn an_item_inside_another_ends_the_stream() {
        let first = requests(&item(1, MAX_CHUNK_BYTES + 1)).next().unwrap();
        let second = requests(&item(2, 1)).next().unwrap();
        assert_eq!(
            assemble(u64::MAX, [first.clone(), second]),
            Err(ProtocolViolation::Interleaved { open: 1, next: 2 })
        );
        assert_eq!(assemble(u64::MAX, [first]), Err(ProtocolViolation::Truncated(1)));
    }

    #[test]
    fn a_task_that_makes_no_sense_is_answered_by_its_id() {
        let Task::AnalyzeFaces(mut bad) = task() else { unreachable!("it is made so") };
        bad.det_threshold = 0.0;
        let bad = Item { tasks: vec![task(), bad.into()], ..item(7, 3) };
        let arrived = assemble(u64::MAX, requests(&bad)).unwrap();
        let error = WireError::Range { field: "det_threshold", value: 0.0 };
        assert_eq!(arrived, [Assembled::BadTask { id: 7, error }]);
    }

    #[test]
    fn an_item_with_no_task_or_too_many_is_answered_by_its_id() {
        for found in [0, MAX_TASKS + 1] {
            let bad = Item { tasks: vec![task(); found], ..item(7, 3) };
            let arrived = assemble(u64::MAX, requests(&bad)).unwrap();
            let error = WireError::Count { field: "tasks", most: MAX_TASKS, found };
            assert_eq!(arrived, [Assembled::BadTask { id: 7, error }]);
        }
    }
}
