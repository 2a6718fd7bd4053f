//! Paths as text.

use std::path::Path;

/// A path as text for manifests and messages.
pub fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
