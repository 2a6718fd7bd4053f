//! The command line: what can be said, not what it does.

use std::{env, path::PathBuf};

use clap::{Args, CommandFactory as _, Parser, Subcommand, builder::Resettable};

use crate::{
    command::{
        adopt, apply, certify, cluster, consent, dedup, discover, embed, enrich, era, export_swap, extend,
        import, pin, refine, retry, status, store, undo, verify, why, worker,
    },
    library::Library,
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

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find and embed every face in the photos under SRC
    Embed(embed::Args),
    /// Try photos again that could not be analysed, without looking for new ones
    Retry(retry::Args),
    /// Bring landmarks by the workers' networks to faces that have others, without embedding them again
    Enrich(enrich::Args),
    /// Group the faces of the library by person
    Cluster(cluster::Args),
    /// Cluster, then merge, gate and number what remains
    Refine(refine::Args),
    /// Turn refined sets into ranked single-face crops and bundles
    ExportSwap(export_swap::Args),
    /// Look at bundles and crops as the tools will that they are for
    Certify(certify::Args),
    /// Fold new faces into the folders that `cluster` and `refine` wrote, without renumbering
    Extend(extend::Args),
    /// Find new identities among the faces of a folder that no faceset covers
    Discover(discover::Args),
    /// Add identities that were sorted by hand
    Import(import::Args),
    /// Take over what the system before this one exported: numbers, labels, quarantines, drops
    Adopt(adopt::Args),
    /// Split a person who spans many years by era
    Era(era::Args),
    /// Report photos that are there more than once
    ///
    /// The same bytes at several places, and groups of near-duplicates: photos that share a face (cosine
    /// similarity of at least 0.95) and look alike as a whole (difference hash), whatever else is like them.
    /// A group is what such pairs connect. Of photos without a face only the bytes are compared.
    Dedup(dedup::Args),
    /// Say what became of a face, and why
    Why(why::Args),
    /// Say what you know better: two faces are one person's, are not, or there is no face
    Pin(pin::Args),
    /// Say who agreed to be handed out, and where photos come from
    Consent(consent::Args),
    /// Carry out what another command wrote with `--plan`
    Apply(apply::Args),
    /// Take the last change of output folders back
    Undo(undo::Args),
    /// Check that an output folder holds what its manifests say and agrees with the library
    Verify(verify::Args),
    /// Say what the library holds, what is missing and what failed
    Status(status::Args),
    /// Look into the store itself
    Store(store::Args),
    /// Pair with workers on other machines, and look after them
    Worker(worker::Args),
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
