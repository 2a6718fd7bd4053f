//! The outgoing half of a `Process` stream: what the reader says and what the lanes answer, merged.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use facesets_core::wire::proto;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::Status;

use super::process::Immediate;
use crate::pool::{Answers, StreamPlace};

/// A stream that ends when both halves have, or with the first error.
#[derive(Debug)]
pub struct Replies {
    /// `None` when ended. Polled first: so the Hello precedes every answer.
    immediate: Option<mpsc::Receiver<Immediate>>,
    /// `None` when ended.
    answers: Option<Answers>,
    /// The client's place among the streams.
    _place: Arc<StreamPlace>,
}

impl Replies {
    pub(super) fn new(
        immediate: mpsc::Receiver<Immediate>,
        answers: Answers,
        place: Arc<StreamPlace>,
    ) -> Self {
        Self { immediate: Some(immediate), answers: Some(answers), _place: place }
    }
}

impl Stream for Replies {
    type Item = Result<proto::ProcessResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(immediate) = &mut self.immediate {
            match immediate.poll_recv(context) {
                Poll::Ready(Some(Err(status))) => {
                    (self.immediate, self.answers) = (None, None);
                    return Poll::Ready(Some(Err(status)));
                }
                Poll::Ready(Some(said)) => return Poll::Ready(Some(said)),
                Poll::Ready(None) => self.immediate = None,
                Poll::Pending => {}
            }
        }
        if let Some(answers) = &mut self.answers {
            match answers.poll_next(context) {
                Poll::Ready(Some(reply)) => return Poll::Ready(Some(Ok((&reply).into()))),
                Poll::Ready(None) => self.answers = None,
                Poll::Pending => {}
            }
        }
        if self.immediate.is_none() && self.answers.is_none() { Poll::Ready(None) } else { Poll::Pending }
    }
}
