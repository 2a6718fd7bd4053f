//! `facesets status`: the library in numbers.

use std::fmt;

use serde::Serialize;

use super::Context;
use crate::{
    exit::{Exit, Failure},
    store::{Store, StoreStatus},
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
        let StoreStatus { contents, locations, aliases, vanished, contracts } = &self.status;
        writeln!(f, "library    {}", self.library)?;
        writeln!(f, "contents   {contents}")?;
        writeln!(f, "locations  {locations} ({aliases} aliases, {vanished} vanished)")?;
        if contracts.is_empty() {
            writeln!(f, "analysed   0")?;
        }
        for contract in contracts {
            writeln!(f, "\ncontract   {}", contract.contract)?;
            writeln!(f, "analysed   {} ({} without a face)", contract.analysed, contract.no_face)?;
            writeln!(f, "faces      {}", contract.faces)?;
            writeln!(f, "pending    {}", contract.pending)?;
            writeln!(f, "failed     {}", contract.failed.len())?;
            for failed in &contract.failed {
                writeln!(f, "  {}: {} ({})", failed.path.display(), failed.reason, failed.kind)?;
            }
        }
        Ok(())
    }
}
