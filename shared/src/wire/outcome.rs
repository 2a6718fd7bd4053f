//! Replies on the wire: a result or a typed failure an item.

use std::{fmt, time::Duration};

use super::{TaskResult, WireError, proto, required};
use crate::told::{MAX_MESSAGE, told};

/// A worker's answer to one item.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemReply {
    /// The item's id.
    pub id: u64,
    /// What came of it.
    pub outcome: ItemOutcome,
}

/// A result for each task, in the order asked, with the item's times; or one failure for the whole item.
pub type ItemOutcome = Result<(Vec<TaskResult>, Timings), ItemFailure>;

/// Where an item's time went inside the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// Waiting for a lane and a turn on the processor.
    pub queue: Duration,
    /// Image decoding.
    pub decode: Duration,
    /// From pixels to results, waiting for the device included.
    pub infer: Duration,
}

/// Why an item has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ItemFailure {
    /// What sort of failure.
    pub kind: ItemFailureKind,
    /// What happened, in words; what comes over the wire is made fit to be shown ([`told`]).
    pub message: String,
}

/// Sorts of failure; each says whether another try may succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemFailureKind {
    /// Not a readable image.
    Decode,
    /// Over the limits.
    TooLarge,
    /// A format or task that the worker does not know.
    Unsupported,
    /// Another pack or contract than asked for.
    ContractMismatch,
    /// No memory.
    OutOfMemory,
    /// The device went away.
    DeviceLost,
    /// The worker is shutting down.
    Draining,
    /// A defect.
    Internal,
}

impl ItemFailureKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Decode,
        Self::TooLarge,
        Self::Unsupported,
        Self::ContractMismatch,
        Self::OutOfMemory,
        Self::DeviceLost,
        Self::Draining,
        Self::Internal,
    ];

    /// Whether sending the item again, here or elsewhere, may succeed.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::OutOfMemory | Self::DeviceLost | Self::Draining)
    }

    /// The kind as one stable word, the form in which it is stored and counted.
    pub fn word(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::TooLarge => "too_large",
            Self::Unsupported => "unsupported",
            Self::ContractMismatch => "contract_mismatch",
            Self::OutOfMemory => "out_of_memory",
            Self::DeviceLost => "device_lost",
            Self::Draining => "draining",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for ItemFailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl From<ItemFailureKind> for proto::ItemErrorKind {
    fn from(kind: ItemFailureKind) -> Self {
        match kind {
            ItemFailureKind::Decode => Self::Decode,
            ItemFailureKind::TooLarge => Self::TooLarge,
            ItemFailureKind::Unsupported => Self::Unsupported,
            ItemFailureKind::ContractMismatch => Self::ContractMismatch,
            ItemFailureKind::OutOfMemory => Self::OutOfMemory,
            ItemFailureKind::DeviceLost => Self::DeviceLost,
            ItemFailureKind::Draining => Self::Draining,
            ItemFailureKind::Internal => Self::Internal,
        }
    }
}

impl From<proto::ItemErrorKind> for ItemFailureKind {
    /// A kind that this side does not know is a defect of one of them.
    fn from(kind: proto::ItemErrorKind) -> Self {
        Self::ALL
            .into_iter()
            .find(|known| proto::ItemErrorKind::from(*known) == kind)
            .unwrap_or(Self::Internal)
    }
}

impl ItemReply {
    /// Which item a message is about, whether or not the rest of it means anything; `None` where it is about
    /// none.
    pub fn item_of(message: &proto::ProcessResponse) -> Option<u64> {
        match message.kind.as_ref()? {
            proto::process_response::Kind::Result(result) => Some(result.id),
            proto::process_response::Kind::Error(error) => Some(error.id),
            proto::process_response::Kind::Hello(_) => None,
        }
    }
}

impl From<&ItemReply> for proto::ProcessResponse {
    fn from(reply: &ItemReply) -> Self {
        let id = reply.id;
        let kind = match &reply.outcome {
            Ok((results, timings)) => proto::process_response::Kind::Result(proto::ItemResult {
                id,
                results: results.iter().map(Into::into).collect(),
                timings: Some(proto::Timings {
                    queue_us: timings.queue.as_micros() as u64,
                    decode_us: timings.decode.as_micros() as u64,
                    infer_us: timings.infer.as_micros() as u64,
                }),
            }),
            Err(failure) => proto::process_response::Kind::Error(proto::ItemError {
                id,
                kind: proto::ItemErrorKind::from(failure.kind).into(),
                message: failure.message.clone(),
                retryable: failure.kind.is_retryable(),
            }),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<proto::ProcessResponse> for ItemReply {
    type Error = WireError;

    fn try_from(message: proto::ProcessResponse) -> Result<Self, WireError> {
        match required(message.kind, "kind")? {
            proto::process_response::Kind::Result(result) => {
                let results = result.results.iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
                let timings = result.timings.unwrap_or_default();
                let timings = Timings {
                    queue: Duration::from_micros(timings.queue_us),
                    decode: Duration::from_micros(timings.decode_us),
                    infer: Duration::from_micros(timings.infer_us),
                };
                Ok(Self { id: result.id, outcome: Ok((results, timings)) })
            }
            proto::process_response::Kind::Error(error) => {
                let kind = error.kind().into();
                let message = told(&error.message, MAX_MESSAGE);
                Ok(Self { id: error.id, outcome: Err(ItemFailure { kind, message }) })
            }
            proto::process_response::Kind::Hello(_) => Err(WireError::Missing("result or error")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_failure_survives_the_wire() {
        for kind in ItemFailureKind::ALL {
            let reply = ItemReply { id: 5, outcome: Err(ItemFailure { kind, message: "why".to_owned() }) };
            assert_eq!(ItemReply::try_from(proto::ProcessResponse::from(&reply)), Ok(reply));
        }
    }

    #[test]
    fn what_a_failure_says_is_short_and_one_line_and_its_item_is_known_whatever_else_it_says() {
        let message = format!("first line\n{}", "x".repeat(8 << 20));
        let kind = ItemFailureKind::Decode;
        let said =
            proto::ProcessResponse::from(&ItemReply { id: 5, outcome: Err(ItemFailure { kind, message }) });
        let heard = ItemReply::try_from(said).unwrap().outcome.unwrap_err().message;
        assert!(heard.starts_with("first line\\nxxx") && heard.chars().count() == MAX_MESSAGE + 1, "{heard}");

        let nonsense = proto::TaskResult { kind: None };
        let result = proto::ItemResult { id: 7, results: vec![nonsense], timings: None };
        let said = proto::ProcessResponse { kind: Some(proto::process_response::Kind::Result(result)) };
        assert_eq!(ItemReply::item_of(&said), Some(7));
        assert!(ItemReply::try_from(said).is_err());
        assert_eq!(ItemReply::item_of(&proto::ProcessResponse { kind: None }), None);
    }

    #[test]
    fn a_kind_from_the_future_is_taken_for_a_defect() {
        let kind = Some(proto::process_response::Kind::Error(proto::ItemError {
            id: 1,
            kind: 77,
            ..Default::default()
        }));
        let reply = ItemReply::try_from(proto::ProcessResponse { kind }).unwrap();
        assert_eq!(reply.outcome.unwrap_err().kind, ItemFailureKind::Internal);
    }
}
