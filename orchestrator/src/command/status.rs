//! `facesets status`: the library in numbers.

use std::{collections::BTreeMap, fmt};

use facesets_base::exit::{Exit, Failure};
use facesets_library::store::{FailedContent, GonePlaces, LeftOutPlaces, Store, StoreStatus};
use serde::Serialize;

use super::Context;

/// Flags of `status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// List the photos that could not be analysed, and the files and folders that cannot be read, each with
    /// the reason
    #[arg(long)]
    failed: bool,
}

/// What `status` says.
#[derive(Debug, Serialize)]
struct Summary {
    library: String,
    #[serde(flatten)]
    status: StoreStatus,
    #[serde(skip)]
    lists_failed: bool,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let status = Store::open_read(&context.library)?.status()?;
    let library = context.library.folder().display().to_string();
    context.ui.summary(&Summary { library, status, lists_failed: args.failed })?;
    Ok(Exit::Done)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StoreStatus { contents, locations, aliases, left_out, present, contracts, .. } = &self.status;
        let StoreStatus { gone, away, unreadable, .. } = &self.status;
        writeln!(f, "library    {}", self.library)?;
        writeln!(f, "contents   {contents}")?;
        writeln!(f, "locations  {locations} ({aliases} aliases)")?;
        if *away > 0 {
            writeln!(f, "away       {away} locations cannot be reached, and count as before")?;
        }
        let GonePlaces { places, contents } = gone;
        if places + contents > 0 {
            writeln!(
                f,
                "gone       {places} places of photos that were deleted, moved or changed; {contents} photos lie nowhere any \
                 more and count for nothing (`facesets store forget --gone` takes them out for good)"
            )?;
        }
        if !unreadable.is_empty() {
            writeln!(f, "unreadable {} files or folders{}", unreadable.len(), self.hint())?;
        }
        if self.lists_failed {
            unreadable
                .iter()
                .try_for_each(|known| writeln!(f, "  {}: {}", known.path.display(), known.reason))?;
        }
        let LeftOutPlaces { pattern, system } = *left_out;
        if pattern + system > 0 {
            let places = pattern + system;
            write!(f, "left out   {places} places that do not count ({pattern} by patterns, {system} in ")?;
            writeln!(f, "folders of NAS and other programs); the next `facesets embed` decides anew")?;
        }
        if contracts.is_empty() {
            writeln!(f, "analysed   0")?;
            writeln!(f, "pending    {present}")?;
        }
        for contract in contracts {
            writeln!(f, "\ncontract   {}", contract.contract)?;
            writeln!(f, "analysed   {} ({} without a face)", contract.analysed, contract.no_face)?;
            writeln!(f, "faces      {}", contract.faces)?;
            writeln!(f, "pending    {}", contract.pending)?;
            let hint = if contract.failed.is_empty() { "" } else { self.hint() };
            writeln!(f, "failed     {}{hint}", FailedByKind(&contract.failed))?;
            if self.lists_failed {
                list_failed(f, &contract.failed)?;
            }
        }
        Ok(())
    }
}

impl Summary {
    /// Where the lists are that are not here.
    fn hint(&self) -> &'static str {
        if self.lists_failed { "" } else { ": `facesets status --failed` lists them" }
    }
}

/// How many failed, in all and by kind.
pub(super) struct FailedByKind<'a>(pub(super) &'a [FailedContent]);

impl fmt::Display for FailedByKind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
        for content in self.0 {
            *kinds.entry(&content.kind).or_default() += 1;
        }
        let kinds: Vec<String> = kinds.iter().map(|(kind, number)| format!("{kind} {number}")).collect();
        let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
        write!(f, "{}{kinds}", self.0.len())
    }
}

/// What failed, each with its reason and all its paths.
pub(super) fn list_failed(f: &mut fmt::Formatter<'_>, failed: &[FailedContent]) -> fmt::Result {
    for FailedContent { path, aliases, vanished, kind, reason } in failed {
        let gone = if *vanished { ", vanished" } else { "" };
        writeln!(f, "  {}: {reason} ({kind}{gone})", path.display())?;
        for alias in aliases {
            writeln!(f, "    also {}", alias.display())?;
        }
    }
    Ok(())
}
