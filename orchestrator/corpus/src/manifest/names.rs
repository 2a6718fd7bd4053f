//! Names in manifests and plans that become names of files: none may lead out of its folder, no two sets may
//! share one.

use std::collections::BTreeSet;

use facesets_base::layout::KEPT;

use super::MAX_NUMBER;

/// A name that cannot be that of a file or folder, or not of two.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Would lead elsewhere, be hidden, or is none.
    #[error("`{0}` cannot be the name of a set or of a file in one")]
    NotPlain(String),
    /// No person has it.
    #[error("{0} is no number of a set: {MAX_NUMBER} is the highest")]
    Number(usize),
    /// Two sets would lie in the same place.
    #[error("two sets are called `{0}`")]
    Twice(String),
}

/// Demands a name that stays in the folder that it is joined to: not empty, not hidden (so neither `.` nor
/// `..`), without `/` and NUL.
pub fn check_name(name: &str) -> Result<(), NameError> {
    let plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0']);
    if plain { Ok(()) } else { Err(NameError::NotPlain(name.to_owned())) }
}

/// Demands a name that stays in the folder that it is joined to, and may be hidden: that of something which
/// is none of ours.
pub fn check_inside(name: &str) -> Result<(), NameError> {
    let stays =
        ![".", ".."].contains(&name) && name != KEPT && check_name(name.trim_start_matches('.')).is_ok();
    if stays { Ok(()) } else { Err(NameError::NotPlain(name.to_owned())) }
}

/// Demands a relative path of such names.
pub fn check_path(path: &str) -> Result<(), NameError> {
    path.split('/').try_for_each(check_name).map_err(|_| NameError::NotPlain(path.to_owned()))
}

/// Demands such names of sets that lie in one folder, each of another.
pub fn check_sets<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<(), NameError> {
    let mut seen = BTreeSet::new();
    for name in names {
        check_name(name)?;
        if !seen.insert(name) {
            return Err(NameError::Twice(name.to_owned()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_its_folder() {
        for name in ["faceset_001", "_thin", "Zoë – 2005", "a.b", "a\\b"] {
            check_name(name).unwrap();
        }
        for name in ["", ".", "..", ".facesets", "/tmp/x", "../victim", "a/b", "a\0b"] {
            assert_eq!(check_name(name), Err(NameError::NotPlain(name.to_owned())));
        }
    }

    #[test]
    fn what_is_hidden_may_lie_beside_and_stays_in_its_folder_too() {
        for name in [".DS_Store", "._x", "notes.txt"] {
            check_inside(name).unwrap();
        }
        for name in ["", ".", "..", "...", ".facesets", "../x", ".x/y"] {
            assert_eq!(check_inside(name), Err(NameError::NotPlain(name.to_owned())));
        }
    }

    #[test]
    fn a_path_stays_in_its_folder() {
        check_path("_thin/faceset_001/x.fsz").unwrap();
        for path in ["", "/faces/1.png", "faces/../../1.png", "faces//1.png", "faces/", "faces/.x"] {
            assert_eq!(check_path(path), Err(NameError::NotPlain(path.to_owned())));
        }
    }

    #[test]
    fn no_two_sets_share_a_name() {
        check_sets(["a", "b"]).unwrap();
        assert_eq!(check_sets(["a", "b", "a"]), Err(NameError::Twice("a".to_owned())));
    }
}
