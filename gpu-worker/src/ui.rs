//! The only printer: results to stdout, everything else to stderr; names from elsewhere cannot make lines of
//! their own.

use std::{
    cell::Cell,
    io::{self, IsTerminal as _, Write as _},
};

use facesets_core::shown;
use serde::Serialize;

use crate::model_pack::Progress;

/// A line of result.
pub(crate) fn result(line: &str) {
    // A reader that has gone wants no result.
    let _ = writeln!(io::stdout().lock(), "{}", shown(line));
}

/// A line of result in columns, with tabs between them.
pub(crate) fn columns(columns: &[&str]) {
    let columns: Vec<String> = columns.iter().map(|column| shown(column).to_string()).collect();
    let _ = writeln!(io::stdout().lock(), "{}", columns.join("\t"));
}

/// A value as one line of JSON, flushed so that a parent process sees it at once.
pub(crate) fn json(value: &impl Serialize) {
    if let Ok(line) = serde_json::to_string(value) {
        let mut stdout = io::stdout().lock();
        let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    }
}

/// A line for people.
pub(crate) fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", shown(line));
}

/// A line for people, and what to do about it.
pub(crate) fn advise(line: &str, hint: &str) {
    let _ = writeln!(io::stderr().lock(), "{}\n\nhint: {}", shown(line), shown(hint));
}

/// Asks a person; the answer is no where there is none to ask.
pub(crate) fn confirm(question: &str) -> bool {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return false;
    }
    let _ = write!(io::stderr().lock(), "{} [y/N] ", shown(question));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// An error and what to do about it.
pub(crate) fn error(error: &str, hint: &str) {
    advise(&format!("error: {error}"), hint);
}

/// Percentages of a download: rewritten in place on a terminal, a line every tenth elsewhere.
#[derive(Debug, Default)]
pub(crate) struct DownloadBar {
    shown: Cell<Option<u64>>,
}

impl Progress for DownloadBar {
    fn downloaded(&self, done: u64, total: u64) {
        let terminal = io::stderr().is_terminal();
        let percent = done * 100 / total.max(1);
        let step = if terminal { percent } else { percent / 10 * 10 };
        if self.shown.replace(Some(step)) == Some(step) {
            return;
        }
        let line = format!("{step:>3} % of {} MB", total / 1_000_000);
        let mut stderr = io::stderr().lock();
        let _ = if terminal { write!(stderr, "\r{line}") } else { writeln!(stderr, "{line}") };
        if terminal && done >= total {
            let _ = writeln!(stderr);
        }
    }
}
