//! The flag of the commands that work on one sort of embeddings.

/// Which embeddings.
#[derive(Debug, clap::Args)]
pub(super) struct ContractArgs {
    /// Contract of the embeddings, where the library has more than one (see `facesets status`) and no folder
    /// names it
    #[arg(long, value_name = "CONTRACT")]
    pub(super) contract: Option<String>,
}
