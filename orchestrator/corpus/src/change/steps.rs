//! The few things that a change does to the disk, so that tests can make them fail.

use std::{fmt, fs, io, path::Path, thread, time::Duration};

/// Tries of a rename. On a Windows mount it fails for as long as some program has a file of the folder open;
/// scanners do for moments.
const TRIES: u32 = 6;

/// Pause after the first failure; each is twice as long as the one before: 1.55 s in all.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// What a change does to the disk.
pub trait Steps: fmt::Debug + Send + Sync {
    /// Renames a file or folder.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Waits between two tries.
    fn pause(&self, pause: Duration);

    /// A point has been reached where a process may end as well as anywhere.
    fn reached(&self, point: &str) {
        tracing::trace!(point, "reached");
    }
}

/// The disk as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Steps for Disk {
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn pause(&self, pause: Duration) {
        thread::sleep(pause);
    }
}

/// Renames, again and again where that may help.
pub(super) fn rename(steps: &dyn Steps, from: &Path, to: &Path) -> io::Result<()> {
    let mut pause = FIRST_PAUSE;
    for _ in 1..TRIES {
        match steps.rename(from, to) {
            Err(error) if may_pass(error.kind()) => {
                tracing::warn!(from = %from.display(), to = %to.display(), %error, "rename failed");
                steps.pause(pause);
                pause *= 2;
            }
            done => return done,
        }
    }
    steps.rename(from, to)
}

/// Whether an error may be gone in a moment.
fn may_pass(kind: io::ErrorKind) -> bool {
    !matches!(
        kind,
        io::ErrorKind::NotFound
            | io::ErrorKind::CrossesDevices
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::StorageFull
            | io::ErrorKind::InvalidInput
    )
}
