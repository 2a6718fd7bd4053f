//! What scripts/setup has put in place, for every test that needs it.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The folder of the set-up; the variable `FACESETS_TEST_SETUP` names another one.
pub(crate) fn setup() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = env::var_os("FACESETS_TEST_SETUP").map_or_else(|| here.join("../.setup"), PathBuf::from);
    assert!(folder.is_dir(), "`{}` is not there: run scripts/setup --tests first", folder.display());
    folder
}
