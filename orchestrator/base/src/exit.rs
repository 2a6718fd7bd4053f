//! How a command ends: with an [`Exit`], or with a [`Failure`] that says what to do next.

use std::error::Error;

use facesets_core::pairing::CodeError;

/// The four ways a command can end; `main` alone knows their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything was done (0).
    Done,
    /// Finished, but some items failed; each was named (1).
    SomeFailed,
    /// Stopped, with everything done so far kept; the same command goes on from there (2).
    CannotContinue,
    /// Stopped by the user, with everything done so far kept (130).
    Interrupted,
}

/// What the user can do about an error.
pub trait Hint {
    /// Advice in words, best with the next command to run; shown as `hint: …`.
    fn hint(&self) -> Option<String> {
        None
    }

    /// How a command ends that meets this error.
    fn exit(&self) -> Exit {
        Exit::CannotContinue
    }
}

/// An error that ends the command.
///
/// It is deliberately no [`Error`] itself, so that every error with a [`Hint`] becomes one through `?`.
#[derive(Debug)]
pub struct Failure {
    /// What happened.
    pub error: Box<dyn Error + Send + Sync>,
    /// What to do about it.
    pub hint: Option<String>,
    /// How the command ends.
    pub exit: Exit,
}

impl<E: Error + Hint + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let (hint, exit) = (error.hint(), error.exit());
        Self { error: Box::new(error), hint, exit }
    }
}

impl Failure {
    /// The error and everything that caused it, outermost first.
    pub fn chain(&self) -> Vec<String> {
        let mut messages = vec![self.error.to_string()];
        let mut source = self.error.source();
        while let Some(error) = source {
            let message = error.to_string();
            // Transparent errors repeat their source, and many messages end with it.
            if messages.last().is_some_and(|last| !last.ends_with(&message)) {
                messages.push(message);
            }
            source = error.source();
        }
        messages
    }
}

impl Hint for CodeError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Character { .. } | Self::Typing { .. } | Self::Checksum { .. } => {
                "compare it with what `facesets-worker pair` has shown".to_owned()
            }
            Self::Version(_) | Self::Senseless => "update the older of the two programs".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot open `x`")]
    struct Outer(#[source] std::io::Error);

    impl Hint for Outer {
        fn hint(&self) -> Option<String> {
            Some("try `y`".to_owned())
        }
    }

    #[test]
    fn a_failure_keeps_the_hint_and_the_causes() {
        let failure = Failure::from(Outer(std::io::Error::other("disk on fire")));
        assert_eq!(failure.chain(), ["cannot open `x`", "disk on fire"]);
        assert_eq!(failure.hint.as_deref(), Some("try `y`"));
        assert_eq!(failure.exit, Exit::CannotContinue);
    }
}
