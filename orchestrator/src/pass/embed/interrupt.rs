//! Ctrl-C: the first one stops the intake, the second one aborts.

use std::sync::Arc;

use facesets_base::monitor::Monitor;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What the user has asked for meanwhile.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    /// Take nothing new, finish what is in flight, commit.
    pub stop: CancellationToken,
    /// Commit what is here and leave.
    pub abort: CancellationToken,
}

impl Interrupt {
    /// Listens to SIGINT and SIGTERM from now on.
    pub fn on_signals(runtime: &tokio::runtime::Runtime, monitor: Arc<dyn Monitor>) -> Self {
        Self::listen(runtime, monitor, "stopping: what is in flight is finished and kept; once more to abort")
    }

    /// As [`Self::on_signals`]; says `answer` to the first signal.
    pub fn listen(
        runtime: &tokio::runtime::Runtime,
        monitor: Arc<dyn Monitor>,
        answer: &'static str,
    ) -> Self {
        let interrupt = Self::default();
        let told = interrupt.clone();
        let _guard = runtime.enter();
        match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
            (Ok(mut interrupts), Ok(mut terminations)) => {
                runtime.spawn(async move {
                    loop {
                        tokio::select! {
                            _ = interrupts.recv() => {}
                            _ = terminations.recv() => {}
                        }
                        told.tell(&*monitor, answer);
                    }
                });
            }
            (Err(error), _) | (_, Err(error)) => tracing::warn!(%error, "signals cannot be heard"),
        }
        interrupt
    }

    fn tell(&self, monitor: &dyn Monitor, answer: &str) {
        if self.stop.is_cancelled() {
            monitor.note("aborting");
            self.abort.cancel();
        } else {
            monitor.note(answer);
            self.stop.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use facesets_base::monitor::Silent;

    use super::*;

    #[test]
    fn the_first_signal_stops_and_the_second_aborts() {
        let interrupt = Interrupt::default();
        interrupt.tell(&Silent, "stopping");
        assert!(interrupt.stop.is_cancelled() && !interrupt.abort.is_cancelled());
        interrupt.tell(&Silent, "stopping");
        assert!(interrupt.abort.is_cancelled());
    }
}
