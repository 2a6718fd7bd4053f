//! What can be wrong with an old cache.

use std::path::PathBuf;

use facesets_base::{
    exit::Hint,
    fields::{FieldError, list},
};
use facesets_interop::ImportError;
use facesets_library::store::StoreError;

/// What can be wrong with an old cache. The library is as it was.
#[derive(Debug, thiserror::Error)]
pub enum LegacyError {
    /// As for arrays of our own.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A field is mapped that there is not.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// An array is named that there is not.
    #[error("there is no array `{name}` to be `{field}`; there are {}", list(.there))]
    NoArray {
        /// Our name of it.
        field: String,
        /// The name given.
        name: String,
        /// What there is.
        there: Vec<String>,
    },
    /// Something that every face must have.
    #[error("a library cannot hold faces without {}; the arrays there are {}", list(.missing), list(.there))]
    Lacks {
        /// Our names.
        missing: Vec<String>,
        /// What there is.
        there: Vec<String>,
    },
    /// The length of vectors was thrown away.
    #[error("`{0}` holds unit vectors and there is no `norm`: how long they were cannot be known")]
    NoNorm(String),
    /// Objects.
    #[error(
        "the array `{array}` is pickled (of type `|O`), and nothing is unpickled here: that would run code"
    )]
    Pickled {
        /// Its name.
        array: String,
        /// What makes it a plain array.
        convert: &'static str,
    },
    /// Not one contract of each kind.
    #[error("`--assume-contract {0}` is neither the contract of a face embedding nor that of landmarks")]
    Contract(String),
    /// The contract of one kind is missing, or there is more than one.
    #[error("one contract of {kind} is to be assumed, not {found}")]
    Contracts {
        /// Face embeddings or landmarks.
        kind: &'static str,
        /// How many were given.
        found: usize,
    },
    /// A photo of which nothing was said.
    #[error("not one of {photos} photos is there as it was; the first is `{first}`: {why}")]
    NoPhoto {
        /// How many.
        photos: usize,
        /// The first of them.
        first: PathBuf,
        /// What is the matter with it.
        why: String,
    },
}

impl LegacyError {
    pub(super) fn row(array: &str, row: usize, problem: impl Into<String>) -> Self {
        ImportError::Row { array: array.to_owned(), row: row as u64, problem: problem.into() }.into()
    }
}

impl From<StoreError> for LegacyError {
    fn from(error: StoreError) -> Self {
        Self::Import(error.into())
    }
}

impl Hint for LegacyError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Import(error @ (ImportError::Array { .. } | ImportError::Row { .. } | ImportError::Differences { .. })) => {
                return error.hint();
            }
            Self::Import(ImportError::Store(error)) => return error.hint(),
            Self::Import(ImportError::NotArrays(_)) => "name the old cache, an `.npz`".to_owned(),
            Self::Import(_) | Self::Field(_) => return None,
            Self::NoArray { .. } => "say what it is called there with `--map FIELD=NAME`".to_owned(),
            Self::Lacks { .. } => "say what they are called there with `--map FIELD=NAME`; what the cache never had must \
                                   be measured: `facesets embed` the photos instead"
                .to_owned(),
            Self::NoNorm(_) => "map `norm` to the array of their lengths, or `embedding` to the raw vectors; if there are \
                                none, `facesets embed` the photos instead"
                .to_owned(),
            Self::Pickled { array, convert } => format!(
                "if you trust the file: python3 -c \"import numpy as np; z = dict(np.load('OLD.npz', allow_pickle=True)); \
                 z['{array}'] = np.stack(list(z['{array}'])){convert}; np.savez('NEW.npz', **z)\""
            ),
            Self::Contract(_) | Self::Contracts { .. } => {
                "give both, `--assume-contract face/v1/… --assume-contract landmarks/v1/…`: embed one photo with the same \
                 models, then `facesets store dump` says them"
                    .to_owned()
            }
            Self::NoPhoto { .. } => "mount the photos where they were".to_owned(),
        })
    }
}
