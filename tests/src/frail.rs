//! A device that computes nothing and fails at random, the same way for the same seed, and writes down what
//! really happens to it.
//!
//! The variable `FRAIL_DEVICE` holds words: `journal=FILE`; `seed=NUMBER`, without which nothing ever fails.
//! The first three processes that share a journal lose their device for good, each in a way of its own; what
//! happens besides, and to later ones, passes.

use std::{
    error::Error,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, SystemTime},
};

use facesets_core::wire::ModelRole;
use facesets_worker::engine::{Engine, EngineError, InputShape, RunFailure, Simulated, Tensor};

use crate::random::Random;

/// Name of the variable.
pub const VARIABLE: &str = "FRAIL_DEVICE";

/// Processes that lose their device for good: a managed worker is started again five times at most.
const DOOMED: usize = 3;

/// How long new sessions take: long enough to be asked meanwhile how one is.
const MAKING: Duration = Duration::from_millis(200);

/// Rows of a batch at most, which may take as many runs where there is little memory.
const ROWS: u32 = 32;

/// What a network finds in a photo, and when.
const SOUND: Simulated = Simulated { per_batch: Duration::from_millis(1), faces: 3 };

/// What happens to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It goes away, and new sessions are of this kind.
    Loss(Rebuild),
    /// A run that never ends.
    Hang,
    /// So many runs find no memory for more than so many rows.
    NoMemory { rows: usize, runs: u32 },
}

/// What comes of new sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rebuild {
    Works,
    Fails,
    Panics,
    Hangs,
    /// They are there, and the device goes away again at their first run.
    IsLostAgain,
}

/// What a device writes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A process has begun.
    Started,
    /// A run is about to fail because the device is gone.
    Away,
    /// The same, again and for good: the new sessions were of no use.
    Gone,
    /// New sessions are being made.
    Making,
    /// They are there.
    Made,
    /// They will not be.
    Unmade,
    /// A run begins that cannot be one of those that decide whether the device is back.
    Sound,
    /// From here on nothing is answered.
    Hanging,
    /// There is no memory for a batch.
    NoMemory,
}

const WORDS: [(Event, &str); 9] = [
    (Event::Started, "started"),
    (Event::Away, "away"),
    (Event::Gone, "gone"),
    (Event::Making, "making"),
    (Event::Made, "made"),
    (Event::Unmade, "unmade"),
    (Event::Sound, "sound"),
    (Event::Hanging, "hanging"),
    (Event::NoMemory, "no-memory"),
];

/// A line of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// When it was written, which is before what it announces.
    pub at: SystemTime,
    /// The process.
    pub process: u32,
    /// What happened.
    pub event: Event,
}

/// The device of one process.
#[derive(Debug)]
pub struct Device {
    journal: Option<File>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What will happen at which run, the next one last.
    plan: Vec<(u64, Fault)>,
    runs: u64,
    memory: Option<(usize, u32)>,
    /// What comes of the next sessions; `None` before the first ones.
    rebuild: Option<Rebuild>,
}

/// The networks on it, ready to run.
#[derive(Debug)]
pub struct Sessions {
    device: Arc<Device>,
    /// The device goes away as soon as they are used.
    doomed: bool,
    /// Runs that must succeed before they are known to be sound, until that was written down.
    unproven: Option<u32>,
}

impl Device {
    /// As the variable says.
    pub fn of_this_process() -> Arc<Self> {
        let words = std::env::var(VARIABLE).unwrap_or_default();
        let value =
            |name: &str| words.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        let path = value("journal").map(PathBuf::from);
        let before = path
            .as_deref()
            .map_or(0, |path| journal(path).iter().filter(|entry| entry.event == Event::Started).count());
        let open = |path: &PathBuf| File::options().create(true).append(true).open(path);
        let journal = path.as_ref().map(|path| open(path).expect("the journal can be written"));
        let seed: Option<u64> = value("seed").map(|seed| seed.parse().expect("a seed is a number"));
        let plan = seed.map_or_else(Vec::new, |seed| plan(seed, before));
        let device = Arc::new(Self { journal, state: Mutex::new(State { plan, ..State::default() }) });
        device.write(Event::Started);
        device
    }

    /// Makes sessions, if it can.
    pub fn sessions(self: &Arc<Self>) -> Result<Sessions, Box<dyn Error + Send + Sync>> {
        let sessions =
            |doomed, unproven| Sessions { device: Arc::clone(self), doomed, unproven: Some(unproven) };
        let Some(rebuild) = self.state().rebuild.take() else { return Ok(sessions(false, 0)) };
        self.write(Event::Making);
        thread::sleep(MAKING);
        match rebuild {
            Rebuild::Works | Rebuild::IsLostAgain => self.write(Event::Made),
            Rebuild::Fails | Rebuild::Panics => self.write(Event::Unmade),
            Rebuild::Hangs => self.hang(),
        }
        assert!(rebuild != Rebuild::Panics, "the device cannot be opened, and the driver panics");
        if rebuild == Rebuild::Fails {
            return Err("the device cannot be opened".into());
        }
        Ok(sessions(rebuild == Rebuild::IsLostAgain, ROWS))
    }

    /// What happens to a run of so many rows.
    fn fate(&self, rows: usize) -> Option<Fault> {
        let mut state = self.state();
        state.runs += 1;
        if state.plan.last().is_some_and(|(at, _)| *at <= state.runs) {
            let (_, fault) = state.plan.pop()?;
            match fault {
                Fault::NoMemory { rows, runs } => state.memory = Some((rows, runs)),
                Fault::Loss(rebuild) => {
                    state.rebuild = Some(rebuild);
                    return Some(fault);
                }
                Fault::Hang => return Some(fault),
            }
        }
        let (most, left) = state.memory?;
        if rows <= most {
            return None;
        }
        state.memory = (left > 1).then_some((most, left - 1));
        Some(Fault::NoMemory { rows: most, runs: left })
    }

    fn hang(&self) -> ! {
        self.write(Event::Hanging);
        loop {
            thread::park();
        }
    }

    fn write(&self, event: Event) {
        let Some(mut journal) = self.journal.as_ref() else { return };
        let at = SystemTime::UNIX_EPOCH.elapsed().expect("it is after 1970").as_micros();
        let word = WORDS.iter().find(|(of, _)| *of == event).map_or("", |(_, word)| word);
        // One write, so that lines of several processes do not mix.
        let line = format!("{at} {} {word}\n", std::process::id());
        journal.write_all(line.as_bytes()).expect("the journal can be written");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for Sessions {
    fn input_shape(&self, role: ModelRole) -> InputShape {
        SOUND.input_shape(role)
    }

    fn run(
        &mut self,
        role: ModelRole,
        shape: [usize; 4],
        values: &[f32],
    ) -> Result<Vec<Tensor>, EngineError> {
        if self.unproven == Some(0) {
            self.unproven = None;
            self.device.write(Event::Sound);
        }
        let failed = |cause, reason: &str| Err(EngineError::Run { role, cause, reason: reason.to_owned() });
        let fate = if self.doomed { Some(Fault::Loss(Rebuild::Fails)) } else { self.device.fate(shape[0]) };
        match fate {
            Some(Fault::Loss(_)) => {
                self.device.write(if self.doomed { Event::Gone } else { Event::Away });
                failed(RunFailure::DeviceLost, "887A0005 the device was removed")
            }
            Some(Fault::Hang) => self.device.hang(),
            Some(Fault::NoMemory { .. }) => {
                self.device.write(Event::NoMemory);
                failed(RunFailure::OutOfMemory, "8007000E not enough memory")
            }
            None => {
                self.unproven = self.unproven.map(|runs| runs - 1);
                let mut sound = SOUND;
                sound.run(role, shape, values)
            }
        }
    }
}

/// What happens to the process before which there were so many, the last of it first.
fn plan(seed: u64, before: usize) -> Vec<(u64, Fault)> {
    // Odd, so not 0; multiplied, so that neighbours have nothing in common.
    let mut random = Random((seed * 1000 + before as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut plan = Vec::new();
    let mut run = 0;
    for number in 0..4 {
        run += 10 + random.below(40) as u64;
        // Every kind in every process, wherever it begins.
        let fault = match (number + before + seed as usize) % 4 {
            0 => Fault::NoMemory { rows: 0, runs: 1 + random.below(4) as u32 },
            2 => Fault::NoMemory { rows: 1 << random.below(4), runs: 1 + random.below(30) as u32 },
            _ => Fault::Loss(Rebuild::Works),
        };
        plan.push((run, fault));
    }
    if before < DOOMED {
        run += 10 + random.below(60) as u64;
        // The first of a seed hangs, the others are lost in one way or another.
        let ends = [Rebuild::Fails, Rebuild::Panics, Rebuild::Hangs, Rebuild::IsLostAgain];
        let end = if before == 0 { Fault::Hang } else { Fault::Loss(ends[random.below(ends.len())]) };
        plan.push((run, end));
    }
    plan.reverse();
    plan
}

/// What is written in a journal.
pub fn journal(path: &Path) -> Vec<Entry> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let entry = |line: &str| {
        let mut words = line.split(' ');
        let at = SystemTime::UNIX_EPOCH + Duration::from_micros(words.next()?.parse().ok()?);
        let (process, word) = (words.next()?.parse().ok()?, words.next()?);
        let (event, _) = WORDS.iter().find(|(_, of)| *of == word)?;
        Some(Entry { at, process, event: *event })
    };
    text.lines().map(|line| entry(line).unwrap_or_else(|| panic!("no entry: {line}"))).collect()
}
