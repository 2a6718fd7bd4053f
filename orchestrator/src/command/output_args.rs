//! Flags of the commands that write a folder, and what their summaries say of it in the end.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::pass::output::OutputOptions;

/// Where to write, and what to do about what is there.
#[derive(Debug, clap::Args)]
pub(super) struct OutputArgs {
    /// Folder to write; it appears when it is complete
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// Move an earlier OUT of the same command aside to OUT.previous-N, as a whole, instead of refusing;
    /// nothing is deleted, and nothing else is moved
    #[arg(long)]
    replace: bool,
}

impl OutputArgs {
    pub(super) fn options(&self) -> OutputOptions {
        OutputOptions { out: self.out.clone(), replace: self.replace }
    }
}

/// What to do about photos that cannot be placed.
#[derive(Debug, clap::Args)]
pub(super) struct MissingArgs {
    /// With `--replace`, move an earlier OUT aside although more than half of the photos cannot be placed
    #[arg(long, requires = "replace")]
    pub(super) accept_missing: bool,
}

/// What is said of an output in the end, after the figures.
pub(super) fn write_ending(f: &mut fmt::Formatter<'_>, previous: Option<&Path>, out: &Path) -> fmt::Result {
    if let Some(previous) = previous {
        writeln!(f, "the earlier output is now `{}`", previous.display())?;
    }
    write!(f, "written to `{}`", out.display())
}
