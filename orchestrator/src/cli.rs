//! The command line: what can be said, not what it does.

use std::{env, path::PathBuf};

use clap::{Args, CommandFactory as _, Parser, builder::Resettable};
use facesets_base::library::Library;

use crate::{
    command::Command,
    ui::{UiSettings, Verbosity},
};

/// Finds everyone in a photo library and keeps one clean, ranked set of face crops per person
#[derive(Debug, Parser)]
#[command(name = "facesets", version, max_term_width = 100)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Debug, Args)]
pub struct GlobalArgs {
    /// Folder of the library: the store and the logs [default: facesets in the XDG data folder]
    #[arg(long, global = true, value_name = "DIR", env = "FACESETS_LIBRARY")]
    pub library: Option<PathBuf>,
    /// Write the summary as one JSON document to standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// Say more: every step on standard error instead of a progress bar
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Say less: no progress, only problems and the summary
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// The command line of this process; a wrong one is told of and ends it.
///
/// clap's usage lines show what variables have set as if it had to be typed. So the fault is told by a parser
/// that knows of no variables, where that one finds the same.
pub fn parse() -> Cli {
    let told = |error: clap::Error| {
        let plain = without_variables(Cli::command()).try_get_matches_from(env::args_os()).err();
        let plain = plain.filter(|plain| plain.use_stderr() && plain.kind() == error.kind());
        plain.unwrap_or(error).exit()
    };
    Cli::try_parse().unwrap_or_else(told)
}

fn without_variables(command: clap::Command) -> clap::Command {
    command.mut_args(|arg| arg.env(Resettable::Reset)).mut_subcommands(without_variables)
}

impl GlobalArgs {
    /// The library meant.
    pub fn library(&self) -> Library {
        Library::new(self.library.clone().unwrap_or_else(Library::default_folder))
    }

    /// How to talk to the user.
    pub fn ui_settings(&self) -> UiSettings {
        let verbosity = match (self.verbose, self.quiet) {
            (true, _) => Verbosity::Verbose,
            (_, true) => Verbosity::Quiet,
            _ => Verbosity::Normal,
        };
        UiSettings { json: self.json, verbosity }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
