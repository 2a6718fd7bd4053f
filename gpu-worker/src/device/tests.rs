//! The shared device with an engine that does what its rows say.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    batcher::{Batcher, Choice, LINGER, PATIENCE},
    *,
};
use crate::{
    engine::{Engine, RunFailure},
    meter::{Meter, Stage},
};

/// Rows that begin with these are no numbers but orders.
const PANIC: f32 = 1001.0;
const FAIL: f32 = 1002.0;
const LOSE: f32 = 1003.0;
const WAIT: f32 = 1004.0;
const SAY: f32 = 1005.0;

/// Doubles the first value of each row; has no batch for the 68-point model.
struct Orders {
    losses: Arc<AtomicUsize>,
    /// Rows, those that fill a batch up included, for which there is memory; and the batches that were asked
    /// for.
    memory: Arc<AtomicUsize>,
    sizes: Arc<Mutex<Vec<usize>>>,
    condition: Condition,
    /// Rows that say so wait for a message.
    gate: Arc<Mutex<mpsc::Receiver<()>>>,
}

/// A device and what its engine listens to.
struct Rig {
    shared: Shared,
    meter: Arc<Meter>,
    made: Arc<AtomicUsize>,
    losses: Arc<AtomicUsize>,
    memory: Arc<AtomicUsize>,
    sizes: Arc<Mutex<Vec<usize>>>,
    condition: Condition,
    gate: mpsc::Sender<()>,
}

impl Engine for Orders {
    fn input_shape(&self, role: ModelRole) -> InputShape {
        match role {
            ModelRole::Detection => [Some(1), Some(3), None, None],
            ModelRole::Landmarks106 => [Some(4), Some(3), None, None],
            ModelRole::Recognition
            | ModelRole::Landmarks68
            | ModelRole::ClipVisual
            | ModelRole::GenderAge => [None, Some(3), None, None],
        }
    }

    fn run(
        &mut self,
        role: ModelRole,
        shape: [usize; 4],
        values: &[f32],
    ) -> Result<Vec<Tensor>, EngineError> {
        assert_eq!(values.len(), shape.iter().product::<usize>());
        let firsts: Vec<f32> = values.chunks(values.len() / shape[0]).map(|row| row[0]).collect();
        let failed = |cause| Err(EngineError::Run { role, cause, reason: "as asked".to_owned() });
        self.sizes.lock().unwrap().push(shape[0]);
        if firsts.contains(&WAIT) {
            self.gate.lock().unwrap().recv().unwrap();
        }
        if shape[0] > self.memory.load(Ordering::SeqCst) {
            return failed(RunFailure::OutOfMemory);
        }
        if firsts.contains(&PANIC) {
            panic!("as asked");
        } else if firsts.contains(&FAIL) {
            return failed(RunFailure::Other);
        } else if firsts.contains(&LOSE) && self.losses.load(Ordering::SeqCst) > 0 {
            self.losses.fetch_sub(1, Ordering::SeqCst);
            return failed(RunFailure::DeviceLost);
        }
        if firsts.contains(&SAY) {
            let state = self.condition.now() as usize as f32;
            return Ok(vec![Tensor { shape: vec![shape[0], 1], values: vec![state; shape[0]] }]);
        }
        let shape = if role == ModelRole::Landmarks68 { vec![1, shape[0]] } else { vec![shape[0], 1] };
        Ok(vec![Tensor { shape, values: firsts.iter().map(|first| first * 2.0).collect() }])
    }
}

/// Longer than any test.
const PATIENT: Duration = Duration::from_mins(10);

fn rig(losses: usize) -> Rig {
    impatient_rig(losses, PATIENT)
}

fn impatient_rig(losses: usize, patience: Duration) -> Rig {
    let (meter, made) = (Arc::new(Meter::default()), Arc::new(AtomicUsize::new(0)));
    let losses = Arc::new(AtomicUsize::new(losses));
    let (memory, sizes) = (Arc::new(AtomicUsize::new(usize::MAX)), Arc::<Mutex<Vec<usize>>>::default());
    let condition = Condition::default();
    let (gate, receiver) = mpsc::channel();
    let receiver = Arc::new(Mutex::new(receiver));
    let (count, of_engine) = (Arc::clone(&made), Arc::clone(&losses));
    let (left, asked, told) = (Arc::clone(&memory), Arc::clone(&sizes), condition.clone());
    let factory = move || {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(Orders {
            losses: Arc::clone(&of_engine),
            memory: Arc::clone(&left),
            sizes: Arc::clone(&asked),
            condition: told.clone(),
            gate: Arc::clone(&receiver),
        })
    };
    let turns = Arc::new(CpuTurns::new(2));
    let shared =
        Shared::start(turns, patience, condition.clone(), Arc::clone(&meter), Box::new(factory)).unwrap();
    Rig { shared, meter, made, losses, memory, sizes, condition, gate }
}

fn call(role: ModelRole, firsts: &[f32]) -> Call {
    let values = firsts.iter().flat_map(|first| [*first, 0.0, 0.0]).collect();
    Call { role, side: 1, rows: firsts.len(), values }
}

fn answer(client: &mut Client, role: ModelRole, firsts: &[f32]) -> Result<Vec<f32>, RunFailure> {
    let answer = client.run(vec![call(role, firsts)]).pop().unwrap();
    let row = |row: Row| row.iter().flat_map(|output| output.values.clone()).next().unwrap();
    answer.map(|rows| rows.into_iter().map(row).collect()).map_err(|error| match error {
        EngineError::Run { cause, .. } => cause,
        other => panic!("{other}"),
    })
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with answers")]
fn doubled(firsts: &[f32]) -> Result<Vec<f32>, RunFailure> {
    Ok(firsts.iter().map(|first| first * 2.0).collect())
}

impl Rig {
    /// What `calls` are answered that are handed over, from a lane each, while the device is busy: so they
    /// make up one batch.
    fn together(&self, calls: &[&[f32]]) -> Vec<Result<Vec<f32>, RunFailure>> {
        thread::scope(|scope| {
            let lane = |firsts| {
                scope.spawn(move || answer(&mut self.shared.client(), ModelRole::Recognition, firsts))
            };
            let busy = lane(&[WAIT]);
            while self.shared.waiting_rows() > 0 || self.shared.taken() == 0 {
                thread::yield_now();
            }
            let mut lanes = Vec::new();
            let mut rows = 0;
            for firsts in calls {
                lanes.push(lane(firsts));
                rows += firsts.len();
                while self.shared.waiting_rows() < rows {
                    thread::yield_now();
                }
            }
            self.gate.send(()).unwrap();
            busy.join().unwrap().unwrap();
            lanes.into_iter().map(|lane| lane.join().unwrap()).collect()
        })
    }
}

#[test]
fn rows_of_several_photos_are_run_at_once_and_everybody_gets_his_own() {
    let rig = rig(0);
    let calls: [&[f32]; 3] = [&[1.0, 2.0], &[3.0], &[4.0, 5.0, 6.0]];
    assert_eq!(rig.together(&calls), calls.map(doubled));
    let tally = rig.meter.tally(Stage::Recognise);
    assert_eq!((tally.calls, tally.inputs, tally.largest), (2, 7, 6));
}

#[test]
fn a_row_that_fails_or_panics_is_not_its_neighbours_failure() {
    for order in [FAIL, PANIC] {
        let rig = rig(0);
        let outcomes = rig.together(&[&[1.0], &[order], &[3.0]]);
        assert_eq!(outcomes, [doubled(&[1.0]), Err(RunFailure::Other), doubled(&[3.0])], "{order}");
    }
}

#[test]
fn an_engine_that_panics_is_made_anew() {
    let rig = rig(0);
    let mut client = rig.shared.client();
    assert_eq!(answer(&mut client, ModelRole::Detection, &[PANIC]), Err(RunFailure::Other));
    assert_eq!(answer(&mut client, ModelRole::Detection, &[7.0]), doubled(&[7.0]));
    assert_eq!(rig.made.load(Ordering::SeqCst), 2);
}

#[test]
fn a_device_that_comes_back_costs_nothing_and_one_that_does_not_is_tried_no_more() {
    let rig = rig(1);
    assert_eq!(rig.together(&[&[1.0], &[LOSE]]), [doubled(&[1.0]), doubled(&[LOSE])]);
    assert_eq!(rig.made.load(Ordering::SeqCst), 2);
    assert_eq!(rig.condition.now(), DeviceState::Working);
    rig.losses.store(usize::MAX, Ordering::SeqCst);
    let mut client = rig.shared.client();
    for first in [LOSE, 1.0, 2.0] {
        assert_eq!(answer(&mut client, ModelRole::Recognition, &[first]), Err(RunFailure::DeviceLost));
        assert_eq!(rig.condition.now(), DeviceState::Lost);
    }
    assert_eq!(rig.made.load(Ordering::SeqCst), 3);
}

#[test]
fn models_get_the_batches_that_they_take() {
    let rig = rig(0);
    let mut client = rig.shared.client();
    let firsts: Vec<f32> = (0..100).map(|i| i as f32).collect();
    for role in ModelRole::FACE {
        assert_eq!(answer(&mut client, role, &firsts), doubled(&firsts), "{role:?}");
    }
    let largest = |stage| rig.meter.tally(stage).largest;
    assert_eq!(largest(Stage::Detect), 1);
    assert_eq!(largest(Stage::Recognise), 32);
    assert_eq!(largest(Stage::Landmarks106), 4);
    // After one try it is known to answer with no batch, and run one by one.
    assert_eq!(rig.meter.tally(Stage::Landmarks68).calls, 101);
}

#[test]
fn what_was_handed_over_is_answered_before_the_device_ends() {
    let rig = rig(0);
    let mut client = rig.shared.client();
    let waiting = thread::spawn(move || answer(&mut client, ModelRole::Recognition, &[WAIT]));
    while rig.shared.waiting_rows() > 0 || rig.shared.taken() == 0 {
        thread::yield_now();
    }
    rig.gate.send(()).unwrap();
    let mut late = rig.shared.client();
    drop(rig.shared);
    assert_eq!(waiting.join().unwrap(), doubled(&[WAIT]));
    assert_eq!(answer(&mut late, ModelRole::Recognition, &[1.0]), Err(RunFailure::Other));
}

#[test]
fn a_factory_that_fails_or_panics_fails_the_start() {
    let start = |factory: fn() -> Result<Orders, Box<dyn std::error::Error + Send + Sync>>| {
        Shared::start(
            Arc::new(CpuTurns::new(1)),
            PATIENT,
            Condition::default(),
            Arc::default(),
            Box::new(factory),
        )
        .unwrap_err()
        .to_string()
    };
    assert_eq!(start(|| Err("no such model".into())), "no such model");
    assert_eq!(start(|| panic!("broken factory")), "broken factory");
}

#[test]
fn as_many_photos_as_there_are_cores_have_a_turn_and_those_that_are_begun_go_first() {
    let rig = rig(0);
    let (mut first, mut second, mut third) = (rig.shared.client(), rig.shared.client(), rig.shared.client());
    first.begin();
    second.begin();
    let (began, begins) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            third.begin();
            began.send(()).unwrap();
            third.end();
        });
        assert!(begins.recv_timeout(Duration::from_millis(50)).is_err());
        // While the device works for the first photo, the third has its turn.
        let waiting = scope.spawn(move || {
            let answered = answer(&mut first, ModelRole::Recognition, &[WAIT]);
            first.end();
            answered
        });
        begins.recv_timeout(Duration::from_secs(10)).unwrap();
        rig.gate.send(()).unwrap();
        assert_eq!(waiting.join().unwrap(), doubled(&[WAIT]));
        second.end();
    });
}

#[test]
fn a_device_that_does_not_come_to_its_sessions_is_given_up() {
    let condition = Condition::default();
    let (_never, waits) = mpsc::channel::<()>();
    let waits = Mutex::new(waits);
    let hangs = move || -> Result<Orders, crate::start_error::BoxError> {
        let _ = waits.lock().unwrap().recv();
        Err("it came back".into())
    };
    let limit = Duration::from_millis(50);
    let started = Shared::start_within(
        limit,
        Arc::new(CpuTurns::new(1)),
        limit,
        condition.clone(),
        Arc::default(),
        Box::new(hangs),
    );
    assert!(started.unwrap_err().to_string().contains("no sessions were made within 0.05 s"));
    assert_eq!(condition.now(), DeviceState::Lost);
}

#[test]
fn a_lane_that_is_gone_has_given_its_turn_back() {
    let rig = rig(0);
    let [mut first, mut second, mut other] = [(); 3].map(|()| rig.shared.client());
    first.begin();
    other.begin();
    let (began, begins) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            second.begin();
            began.send(()).unwrap();
        });
        assert!(begins.recv_timeout(Duration::from_millis(50)).is_err());
        drop(first);
        begins.recv_timeout(Duration::from_secs(10)).unwrap();
    });
}

fn taken<T>(choice: Choice<T>) -> Option<(ModelRole, usize)> {
    match choice {
        Choice::Run(batch) => Some((batch.call.role, batch.call.rows)),
        Choice::Wait | Choice::WaitUntil(_) => None,
    }
}

#[test]
fn an_idle_device_waits_only_for_what_is_near_and_not_for_long() {
    let now = Instant::now();
    let mut batcher = Batcher::new();
    assert!(matches!(batcher.choose(now, true), Choice::Wait));
    batcher.add(call(ModelRole::Recognition, &[1.0, 2.0]), (), 8, now);
    assert!(matches!(batcher.choose(now, true), Choice::WaitUntil(moment) if moment == now + LINGER));
    batcher.add(call(ModelRole::Recognition, &[3.0]), (), 8, now + LINGER / 2);
    assert_eq!(taken(batcher.choose(now + LINGER, true)), Some((ModelRole::Recognition, 3)));
    batcher.add(call(ModelRole::Recognition, &[4.0]), (), 8, now);
    assert_eq!(taken(batcher.choose(now, false)), Some((ModelRole::Recognition, 1)));
}

#[test]
fn full_batches_overtake_others_but_not_for_ever() {
    let now = Instant::now();
    let mut batcher = Batcher::new();
    batcher.add(call(ModelRole::Recognition, &[1.0]), (), 8, now);
    for _ in 0..=PATIENCE {
        batcher.add(call(ModelRole::Detection, &[1.0]), (), 1, now);
    }
    for _ in 0..PATIENCE {
        assert_eq!(taken(batcher.choose(now, false)), Some((ModelRole::Detection, 1)));
    }
    assert_eq!(taken(batcher.choose(now, false)), Some((ModelRole::Recognition, 1)));
    assert_eq!(taken(batcher.choose(now, false)), Some((ModelRole::Detection, 1)));
}

#[test]
fn calls_are_never_torn_and_sizes_never_mixed() {
    let now = Instant::now();
    let mut batcher = Batcher::new();
    batcher.add(call(ModelRole::Recognition, &[1.0; 5]), 'a', 8, now);
    batcher.add(call(ModelRole::Recognition, &[2.0; 5]), 'b', 8, now);
    let wide = Call { side: 2, rows: 1, role: ModelRole::Recognition, values: vec![3.0; 12] };
    batcher.add(wide, 'c', 8, now);
    batcher.add(call(ModelRole::Recognition, &[4.0; 3]), 'd', 8, now);
    let Choice::Run(full) = batcher.choose(now, true) else { panic!("b and d fill a batch") };
    assert_eq!(full.parts, [(5, 'b'), (3, 'd')]);
    assert_eq!(full.call.values.len(), 8 * 3);
    let Choice::Run(first) = batcher.choose(now, false) else { panic!("a waits") };
    assert_eq!(first.parts, [(5, 'a')]);
    let Choice::Run(last) = batcher.choose(now, false) else { panic!("c waits") };
    assert_eq!((last.parts, last.call.side), (vec![(1, 'c')], 2));
}

#[test]
fn a_device_that_hangs_is_given_up_and_nobody_waits_for_it_again() {
    let rig = impatient_rig(0, Duration::from_millis(300));
    let lost = Err(RunFailure::DeviceLost);
    thread::scope(|scope| {
        let lane = |firsts: &'static [f32]| {
            let mut client = rig.shared.client();
            scope.spawn(move || answer(&mut client, ModelRole::Recognition, firsts))
        };
        let hanging = lane(&[WAIT]);
        while rig.shared.taken() == 0 {
            thread::yield_now();
        }
        let behind = lane(&[1.0]);
        assert_eq!(hanging.join().unwrap(), lost);
        assert_eq!(rig.condition.now(), DeviceState::Lost);
        assert_eq!(behind.join().unwrap(), lost);
    });
    assert_eq!(answer(&mut rig.shared.client(), ModelRole::Recognition, &[2.0]), lost);
    // The engine still hangs, and yet this comes to an end.
    drop(rig.shared);
    rig.gate.send(()).unwrap();
}

#[test]
fn a_queue_that_is_longer_than_patience_is_no_hang() {
    let rig = impatient_rig(0, Duration::from_secs(1));
    thread::scope(|scope| {
        let mut waiting = Vec::new();
        for _ in 0..4 {
            let mut client = rig.shared.client();
            waiting.push(scope.spawn(move || answer(&mut client, ModelRole::Detection, &[WAIT])));
        }
        // Each run takes less than the patience, all of them together take more.
        for taken in 1..=waiting.len() {
            while rig.shared.taken() < taken {
                thread::yield_now();
            }
            thread::sleep(Duration::from_millis(300));
            rig.gate.send(()).unwrap();
        }
        for lane in waiting {
            assert_eq!(lane.join().unwrap(), doubled(&[WAIT]));
        }
    });
    assert_eq!(rig.condition.now(), DeviceState::Working);
}

#[test]
fn while_new_sessions_are_made_the_device_is_said_to_be_away() {
    let rig = rig(1);
    let state = |state: DeviceState| state as usize as f32;
    // What answers is the second attempt at a call that lost its device.
    assert_eq!(rig.together(&[&[LOSE, SAY]]), [Ok(vec![state(DeviceState::Away); 2])]);
    let answered = answer(&mut rig.shared.client(), ModelRole::Detection, &[SAY]);
    assert_eq!(answered, Ok(vec![state(DeviceState::Working)]));
}

#[test]
fn a_batch_for_which_there_is_no_memory_is_run_in_smaller_ones_and_only_a_single_row_fails() {
    let rig = rig(0);
    let mut client = rig.shared.client();
    let rows: Vec<f32> = (0..20).map(|i| i as f32).collect();
    rig.memory.store(8, Ordering::SeqCst);
    assert_eq!(answer(&mut client, ModelRole::Recognition, &rows), doubled(&rows));
    assert_eq!(rig.sizes.lock().unwrap().split_off(0), [32, 16, 8, 8, 4], "what failed, then what fits");
    assert_eq!(answer(&mut client, ModelRole::Recognition, &rows), doubled(&rows));
    assert_eq!(rig.sizes.lock().unwrap().split_off(0), [8, 8, 4], "it is remembered");
    rig.memory.store(0, Ordering::SeqCst);
    assert_eq!(answer(&mut client, ModelRole::Recognition, &[1.0]), Err(RunFailure::OutOfMemory));
    rig.memory.store(usize::MAX, Ordering::SeqCst);
    assert_eq!(answer(&mut client, ModelRole::Recognition, &rows), doubled(&rows));
    assert_eq!((rig.condition.now(), rig.made.load(Ordering::SeqCst)), (DeviceState::Working, 1));
}
