//! Why a pack cannot be used.

use std::{io, path::PathBuf};

use facesets_core::Sha256Digest;

/// A pack that is not there, or not what its manifest says.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// No folder of that name.
    #[error("there is no model pack `{name}` in `{}`; {}", .models.display(), others(.there))]
    Missing {
        /// The name asked for.
        name: String,
        /// The folder of packs.
        models: PathBuf,
        /// Packs that are there.
        there: Vec<String>,
    },
    /// A name that is not one folder.
    #[error("`{0}` cannot be the name of a model pack: a plain folder name is needed")]
    Name(String),
    /// A file that cannot be read.
    #[error("`{}` cannot be read: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A manifest that says nothing usable.
    #[error("`{}` is not a usable manifest: {reason}", .path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file of another size.
    #[error("`{}` has {found} bytes, its manifest says {expected}", .path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// By the manifest.
        expected: u64,
        /// On disk.
        found: u64,
    },
    /// A file with other content.
    #[error("`{}` has sha256 `{found}`, its manifest says `{expected}`", .path.display())]
    Digest {
        /// The file.
        path: PathBuf,
        /// By the manifest.
        expected: Sha256Digest,
        /// Of the bytes on disk.
        found: Sha256Digest,
    },
    /// A file that is not an ONNX graph.
    #[error("`{}` is not an ONNX model", .0.display())]
    NotOnnx(PathBuf),
}

fn others(there: &[String]) -> String {
    if there.is_empty() {
        "the folder holds none".to_owned()
    } else {
        format!(
            "the folder holds {}",
            there.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        )
    }
}
