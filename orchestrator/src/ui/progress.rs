//! How far a stage has come: a bar on a terminal, now and then a line anywhere else.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    time::{Duration, Instant},
};

use facesets_base::figures::{rate, span};
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// Between two lines about the same stage.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// A tenth is worth a line, but not when tenths fly by.
const LEAST_INTERVAL: Duration = Duration::from_secs(1);

/// How often a bar is drawn again while nothing happens.
const BAR_TICK: Duration = Duration::from_millis(200);

/// One way to show progress.
#[derive(Debug)]
pub(super) enum Progress {
    /// Not at all.
    Silent,
    /// One bar, redrawn.
    Bar(Option<ProgressBar>),
    /// Lines.
    Lines(Option<Stage>),
}

/// A stage as lines tell it.
#[derive(Debug)]
pub(super) struct Stage {
    name: String,
    total: Option<u64>,
    done: u64,
    began: Instant,
    told: Instant,
    told_tenths: u64,
}

impl Progress {
    pub(super) fn start(&mut self, name: &str, total: Option<u64>) {
        self.finish();
        match self {
            Self::Silent => {}
            Self::Bar(bar) => *bar = Some(new_bar(name, total)),
            Self::Lines(stage) => *stage = Some(Stage::new(name, total)),
        }
    }

    pub(super) fn advance(&mut self, steps: u64) {
        match self {
            Self::Bar(Some(bar)) => bar.inc(steps),
            Self::Lines(Some(stage)) => {
                stage.done += steps;
                if let Some(line) = stage.line_if_due() {
                    print_line(&line);
                }
            }
            _ => {}
        }
    }

    pub(super) fn finish(&mut self) {
        match self {
            Self::Bar(bar) => {
                if let Some(bar) = bar.take() {
                    // The summary says what came of it.
                    bar.finish_and_clear();
                }
            }
            Self::Lines(stage) => {
                if let Some(stage) = stage.take() {
                    print_line(&stage.line());
                }
            }
            Self::Silent => {}
        }
    }

    /// A line beside the progress.
    pub(super) fn say(&self, text: &str) {
        match self {
            Self::Bar(Some(bar)) => bar.suspend(|| print_line(text)),
            _ => print_line(text),
        }
    }
}

impl Stage {
    fn new(name: &str, total: Option<u64>) -> Self {
        let now = Instant::now();
        Self { name: name.to_owned(), total, done: 0, began: now, told: now, told_tenths: 0 }
    }

    /// The line to print now, if the last one is long enough ago or another tenth is done.
    fn line_if_due(&mut self) -> Option<String> {
        let tenths = self.total.filter(|total| *total > 0).map_or(0, |total| self.done * 10 / total);
        // The last tenth is told by the line at the end.
        let another_tenth = tenths > self.told_tenths && tenths < 10;
        let interval = if another_tenth { LEAST_INTERVAL } else { LINE_INTERVAL };
        if self.told.elapsed() < interval {
            return None;
        }
        self.told = Instant::now();
        self.told_tenths = tenths;
        Some(self.line())
    }

    fn line(&self) -> String {
        let seconds = self.began.elapsed().as_secs_f64();
        let mut line = format!("{}: {}", self.name, self.done);
        if let Some(total) = self.total {
            let _ = write!(line, "/{total}");
        }
        let Some(rate) = rate(self.done, seconds) else { return line };
        let _ = write!(line, ", {rate}");
        match self.total {
            Some(total) if total > self.done => {
                let left = (total - self.done) as f64 / (self.done as f64 / seconds);
                let _ = write!(line, ", {} left", span(left));
            }
            _ => {}
        }
        line
    }
}

fn new_bar(name: &str, total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (
            ProgressBar::new(total),
            "{prefix}: {human_pos}/{human_len} [{bar:30}] {rate}{elapsed} gone, {eta} left",
        ),
        None => (ProgressBar::no_length(), "{prefix}: {human_pos} {spinner} {rate}{elapsed} gone"),
    };
    // The templates are constants; a wrong one would be replaced by indicatif's own.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let style = style.with_key("rate", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        // A bar that cannot be written is no reason to end.
        let _ = rate(state.pos(), state.elapsed().as_secs_f64()).map(|rate| write!(out, "{rate}, "));
    });
    let bar = bar.with_style(style.progress_chars("=> ")).with_prefix(name.to_owned());
    bar.enable_steady_tick(BAR_TICK);
    bar
}

fn print_line(text: &str) {
    // A reader that has gone, or a full disk behind it, does not end the work.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_once_a_tenth_but_never_fast() {
        let lines = |between: Duration| {
            let mut stage = Stage::new("hash", Some(100));
            let told = (0..100).filter(|_| {
                stage.done += 1;
                stage.told -= between;
                stage.line_if_due().is_some()
            });
            told.count()
        };
        assert_eq!(lines(Duration::from_millis(500)), 9);
        assert_eq!(lines(Duration::ZERO), 0);
        assert!(lines(Duration::from_secs(5)) >= 50);
    }

    #[test]
    fn a_line_has_count_rate_and_time_left() {
        let mut stage = Stage::new("analyse", Some(10));
        stage.done = 5;
        stage.began -= Duration::from_secs(5);
        assert_eq!(stage.line(), "analyse: 5/10, 1.0/s, 5 s left");
        stage.done = 0;
        assert_eq!(stage.line(), "analyse: 0/10", "nothing has no rate");
        stage.done = 1_000_000;
        stage.total = None;
        assert_eq!(stage.line(), "analyse: 1000000, 200,000/s");
    }
}
