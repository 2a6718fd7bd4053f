//! `facesets status`: the library in numbers.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::Context;
use crate::{
    exit::{Exit, Failure},
    store::{FailedContent, LeftOutPlaces, Store, StoreStatus},
};

/// Flags of `status`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// What `status` says.
#[derive(Debug, Serialize)]
struct Summary {
    library: String,
    #[serde(flatten)]
    status: StoreStatus,
}

/// Runs the command.
pub fn run(_args: &Args, context: &Context) -> Result<Exit, Failure> {
    let status = Store::open_read(&context.library)?.status()?;
    let library = context.library.folder().display().to_string();
    context.ui.summary(&Summary { library, status })?;
    Ok(Exit::Done)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StoreStatus { contents, locations, aliases, vanished, left_out, present, contracts } =
            &self.status;
        writeln!(f, "library    {}", self.library)?;
        writeln!(f, "contents   {contents}")?;
        writeln!(f, "locations  {locations} ({aliases} aliases, {vanished} vanished)")?;
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
            write_failed(f, &contract.failed)?;
        }
        Ok(())
    }
}

/// How many failed, by kind, and each with its reason and all its paths.
pub(super) fn write_failed(f: &mut fmt::Formatter<'_>, failed: &[FailedContent]) -> fmt::Result {
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for content in failed {
        *kinds.entry(&content.kind).or_default() += 1;
    }
    let kinds: Vec<String> = kinds.iter().map(|(kind, number)| format!("{kind} {number}")).collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
    writeln!(f, "failed     {}{kinds}", failed.len())?;
    for FailedContent { path, aliases, vanished, kind, reason } in failed {
        let gone = if *vanished { ", vanished" } else { "" };
        writeln!(f, "  {}: {reason} ({kind}{gone})", path.display())?;
        for alias in aliases {
            writeln!(f, "    also {}", alias.display())?;
        }
    }
    Ok(())
}
