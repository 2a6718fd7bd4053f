//! Lanes with toy analyzers: order, credit, clients that leave, panics.

use std::{
    future::poll_fn,
    sync::atomic::{AtomicUsize, Ordering},
};

use facesets_core::wire::{Item, ItemFailureKind, ItemReply};

use super::*;
use crate::{
    analyzer::failed,
    device::DeviceState,
    testing::{Toy, item},
};

const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();

async fn next(answers: &mut Answers) -> Option<ItemReply> {
    poll_fn(|context| answers.poll_next(context)).await
}

async fn submit(submitter: &Submitter, item: Item) {
    let slot = submitter.reserve().await;
    submitter.submit(slot, item).await;
}

fn toy_pool() -> Arc<Pool> {
    Arc::new(Pool::start(TWO, || Ok(Box::new(Toy))).unwrap())
}

#[tokio::test]
async fn a_quick_item_overtakes_a_slow_one() {
    let (submitter, mut answers) = toy_pool().open(Pool::credit(TWO));
    submit(&submitter, item(1, "sleep 200")).await;
    submit(&submitter, item(2, "face")).await;
    let replies = [next(&mut answers).await.unwrap(), next(&mut answers).await.unwrap()];
    assert_eq!(replies.map(|reply| reply.id), [2, 1]);
}

#[tokio::test]
async fn a_panic_is_the_items_failure_and_the_lane_goes_on() {
    let (submitter, mut answers) = toy_pool().open(Pool::credit(TWO));
    for id in 0..5 {
        submit(&submitter, item(id, "panic")).await;
        let failure = next(&mut answers).await.unwrap().outcome.unwrap_err();
        assert_eq!(failure.kind, ItemFailureKind::Internal);
        assert!(failure.message.contains("as asked"), "{failure}");
    }
    submit(&submitter, item(9, "face")).await;
    assert!(next(&mut answers).await.unwrap().outcome.is_ok());
}

#[tokio::test]
async fn credit_returns_only_when_the_answer_is_taken() {
    let credit = Credit { max_items: 2, max_bytes: 1 << 20 };
    let (submitter, mut answers) = toy_pool().open(credit);
    submit(&submitter, item(1, "face")).await;
    submit(&submitter, item(2, "face")).await;
    let soon = Duration::from_millis(100);
    assert!(tokio::time::timeout(soon, submitter.reserve()).await.is_err());
    next(&mut answers).await.unwrap();
    assert!(tokio::time::timeout(soon, submitter.reserve()).await.is_ok());
}

#[tokio::test]
async fn bytes_in_flight_are_bounded_but_one_item_always_goes() {
    let credit = Credit { max_items: 8, max_bytes: 4096 };
    let (submitter, mut answers) = toy_pool().open(credit);
    submit(&submitter, item(1, &"x".repeat(50_000))).await;
    let slot = submitter.reserve().await;
    let blocked = submitter.submit(slot, item(2, "face"));
    assert!(tokio::time::timeout(Duration::from_millis(100), blocked).await.is_err());
    assert_eq!(next(&mut answers).await.unwrap().id, 1);
    submit(&submitter, item(3, "face")).await;
    assert_eq!(next(&mut answers).await.unwrap().id, 3);
}

#[tokio::test]
async fn queued_items_of_a_client_that_left_are_not_worked_on() {
    static DONE: AtomicUsize = AtomicUsize::new(0);
    struct Counting;
    impl Analyzer for Counting {
        fn analyze(
            &mut self,
            bytes: &[u8],
            tasks: &[facesets_core::wire::Task],
        ) -> Result<crate::analyzer::Analysis, facesets_core::wire::ItemFailure> {
            DONE.fetch_add(1, Ordering::SeqCst);
            Toy.analyze(bytes, tasks)
        }
    }
    let one = NonZeroUsize::MIN;
    let pool = Arc::new(Pool::start(one, || Ok(Box::new(Counting))).unwrap());
    let (submitter, answers) = pool.open(Credit { max_items: 8, max_bytes: 1 << 20 });
    submit(&submitter, item(1, "sleep 150")).await;
    submit(&submitter, item(2, "face")).await;
    // The lane must be at work on the first one, or both would be passed over.
    while DONE.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    drop(answers);
    let (others, mut answers) = pool.open(Pool::credit(one));
    submit(&others, item(3, "face")).await;
    assert_eq!(next(&mut answers).await.unwrap().id, 3);
    assert_eq!(DONE.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn the_times_say_how_long_an_item_waited() {
    let one = NonZeroUsize::MIN;
    let pool = Arc::new(Pool::start(one, || Ok(Box::new(Toy))).unwrap());
    let (submitter, mut answers) = pool.open(Pool::credit(one));
    submit(&submitter, item(1, "sleep 120")).await;
    submit(&submitter, item(2, "face")).await;
    let (_, first) = next(&mut answers).await.unwrap().outcome.unwrap();
    let (_, second) = next(&mut answers).await.unwrap().outcome.unwrap();
    assert!(
        first.queue < Duration::from_millis(60) && second.queue > Duration::from_millis(60),
        "{second:?}"
    );
}

#[tokio::test]
async fn after_a_shutdown_items_are_refused_as_draining() {
    let pool = toy_pool();
    let (submitter, mut answers) = pool.open(Pool::credit(TWO));
    submit(&submitter, item(1, "sleep 50")).await;
    assert!(pool.shutdown(Duration::from_secs(5)));
    submit(&submitter, item(2, "face")).await;
    assert!(next(&mut answers).await.unwrap().outcome.is_ok());
    assert_eq!(next(&mut answers).await.unwrap().outcome.unwrap_err().kind, ItemFailureKind::Draining);
    submitter.all_answered().await;
}

#[test]
fn a_factory_that_fails_or_panics_fails_the_start() {
    let failing = Pool::start(TWO, || Err("no such model".into())).unwrap_err();
    assert_eq!(failing.to_string(), "no such model");
    let panicking = Pool::start(TWO, || panic!("broken factory")).unwrap_err();
    assert_eq!(panicking.to_string(), "broken factory");
}

/// A device that goes away as often as `losses` says, and then works.
fn losing(losses: usize) -> (Arc<Pool>, Arc<AtomicUsize>) {
    struct Losing(Arc<AtomicUsize>, usize);
    impl Analyzer for Losing {
        fn analyze(
            &mut self,
            bytes: &[u8],
            tasks: &[facesets_core::wire::Task],
        ) -> Result<crate::analyzer::Analysis, facesets_core::wire::ItemFailure> {
            if self.0.fetch_add(1, Ordering::SeqCst) < self.1 {
                return Err(failed(ItemFailureKind::DeviceLost, "887A0005"));
            }
            Toy.analyze(bytes, tasks)
        }
    }
    let tries = Arc::new(AtomicUsize::new(0));
    let of_lane = Arc::clone(&tries);
    let factory =
        move || -> Result<Box<dyn Analyzer>, BoxError> { Ok(Box::new(Losing(Arc::clone(&of_lane), losses))) };
    (Arc::new(Pool::start(NonZeroUsize::MIN, factory).unwrap()), tries)
}

#[tokio::test]
async fn a_device_that_comes_back_costs_no_item() {
    let (pool, tries) = losing(1);
    let (submitter, mut answers) = pool.open(Pool::credit(TWO));
    submit(&submitter, item(1, "face")).await;
    assert!(next(&mut answers).await.unwrap().outcome.is_ok());
    assert_eq!(tries.load(Ordering::SeqCst), 2);
    assert_eq!(pool.condition().now(), DeviceState::Working);
}

#[tokio::test]
async fn a_device_that_stays_away_is_lost_and_nothing_is_tried_on_it_any_more() {
    let (pool, tries) = losing(usize::MAX);
    let (submitter, mut answers) = pool.open(Pool::credit(TWO));
    for id in 0..3 {
        submit(&submitter, item(id, "face")).await;
        let failure = next(&mut answers).await.unwrap().outcome.unwrap_err();
        assert_eq!((failure.kind, failure.kind.is_retryable()), (ItemFailureKind::DeviceLost, true));
    }
    assert_eq!(tries.load(Ordering::SeqCst), 2);
    assert_eq!(pool.condition().now(), DeviceState::Lost);
}
