//! What flags let one choose from, as the command line calls it.

use clap::ValueEnum;
use facesets_corpus::{export::formats, placement::Placement};
use facesets_library::{source::disk::Symlinks, store::OnDifference};

/// [`Placement`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum PlacementArg {
    #[default]
    /// A copy (no extra space on file systems that share blocks).
    Copy,
    /// A second name for the same file; only within one file system.
    Hardlink,
    /// A link to the path.
    Symlink,
    /// Nothing: the manifest alone.
    None,
}

impl From<PlacementArg> for Placement {
    fn from(arg: PlacementArg) -> Self {
        match arg {
            PlacementArg::Copy => Self::Copy,
            PlacementArg::Hardlink => Self::Hardlink,
            PlacementArg::Symlink => Self::Symlink,
            PlacementArg::None => Self::None,
        }
    }
}

/// [`Symlinks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum SymlinksArg {
    /// Count them.
    #[default]
    Skip,
    /// Go where they lead. What lies there is named by its real path, which has no link in it, so that no
    /// file has two paths and no folder is entered twice; patterns are matched against the path of the link.
    /// A file that also lies below a root is matched by its path there.
    Follow,
}

impl From<SymlinksArg> for Symlinks {
    fn from(arg: SymlinksArg) -> Self {
        match arg {
            SymlinksArg::Skip => Self::Skip,
            SymlinksArg::Follow => Self::Follow,
        }
    }
}

/// [`OnDifference`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum OnDifferenceArg {
    /// Change nothing at all, and name the differences
    #[default]
    Refuse,
    /// Keep the library's value
    Keep,
    /// Take the file's value
    Replace,
}

impl From<OnDifferenceArg> for OnDifference {
    fn from(arg: OnDifferenceArg) -> Self {
        match arg {
            OnDifferenceArg::Refuse => Self::Refuse,
            OnDifferenceArg::Keep => Self::Keep,
            OnDifferenceArg::Replace => Self::Replace,
        }
    }
}

/// How `store export` writes: [`facesets_interop::Format`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum StoreFormatArg {
    /// One file, as `numpy.savez` writes it
    Npz,
    /// A folder with one file an array, which can be mapped into memory
    Npy,
    /// A folder with the tables `contents`, `locations` and `faces`, joined by sha256
    #[cfg(feature = "parquet")]
    Parquet,
}

impl From<StoreFormatArg> for facesets_interop::Format {
    fn from(arg: StoreFormatArg) -> Self {
        match arg {
            StoreFormatArg::Npz => Self::Npz,
            StoreFormatArg::Npy => Self::Npy,
            #[cfg(feature = "parquet")]
            StoreFormatArg::Parquet => Self::Parquet,
        }
    }
}

/// Other ways to hand a set out: [`formats::Format`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FormatArg {
    /// `visomaster.json`: an embedding for that tool and its fork Fusion; of `buffalo_l`'s recogniser only
    Visomaster,
    /// `merged_embeddings.txt`: Rope; of `buffalo_l`'s recogniser only
    Rope,
    /// `best.png`: Deep-Live-Cam and others that take one image
    Best,
    /// `embeddings.npy`: n × 512 float32, a unit embedding a crop, in their order
    Npy,
    /// `SET.safetensors`: a face model for ReActor (ComfyUI); of `buffalo_l`'s recogniser only
    Reactor,
    /// `crops.parquet`: a row a crop with everything that is known of it, its unit embedding too
    #[cfg(feature = "parquet")]
    Parquet,
}

impl From<FormatArg> for formats::Format {
    fn from(arg: FormatArg) -> Self {
        match arg {
            FormatArg::Visomaster => Self::Visomaster,
            FormatArg::Rope => Self::Rope,
            FormatArg::Best => Self::Best,
            FormatArg::Npy => Self::Npy,
            FormatArg::Reactor => Self::Reactor,
            #[cfg(feature = "parquet")]
            FormatArg::Parquet => Self::Parquet,
        }
    }
}
