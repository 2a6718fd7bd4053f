//! What the fields of other programs are called: ours beside theirs, as `--map OURS=THEIRS` says.

use crate::exit::Hint;

/// Fields by the names that we have for them.
#[derive(Debug, Clone)]
pub struct FieldNames {
    known: &'static [&'static str],
    renamed: Vec<(String, String)>,
}

/// One `--map OURS=THEIRS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renaming {
    ours: String,
    theirs: String,
}

/// A renaming that makes no sense.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FieldError {
    /// A name that we do not have.
    #[error("there is no field `{name}` to be mapped; there are {}", list(.known))]
    Unknown {
        /// What was given.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Mapped more than once.
    #[error("the field `{0}` is mapped twice")]
    Twice(String),
}

impl Renaming {
    /// Reads `OURS=THEIRS`.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((ours, theirs)) if !ours.is_empty() && !theirs.is_empty() => {
                Ok(Self { ours: ours.to_owned(), theirs: theirs.to_owned() })
            }
            _ => Err("it has the form FIELD=NAME: our name of a field, then the other program's".to_owned()),
        }
    }
}

impl FieldNames {
    /// The fields `known`, some of them under other names.
    pub fn new(known: &'static [&'static str], renamings: &[Renaming]) -> Result<Self, FieldError> {
        let mut names = Self { known, renamed: Vec::new() };
        for Renaming { ours, theirs } in renamings {
            if !known.contains(&ours.as_str()) {
                let known = known.iter().map(|name| (*name).to_owned()).collect();
                return Err(FieldError::Unknown { name: ours.clone(), known });
            }
            if names.renamed(ours).is_some() {
                return Err(FieldError::Twice(ours.clone()));
            }
            names.renamed.push((ours.clone(), theirs.clone()));
        }
        Ok(names)
    }

    /// Their name of a field, where it was mapped.
    pub fn renamed(&self, ours: &str) -> Option<&str> {
        debug_assert!(self.known.contains(&ours), "{ours}");
        self.renamed.iter().find(|(name, _)| name == ours).map(|(_, theirs)| theirs.as_str())
    }

    /// Their name of a field: ours, unless it was mapped.
    pub fn of<'a>(&'a self, ours: &'a str) -> &'a str {
        self.renamed(ours).unwrap_or(ours)
    }
}

/// Names in quotes.
pub fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

impl Hint for FieldError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_has_our_name_until_it_is_mapped_once() {
        let renaming = |text: &str| Renaming::parse(text).unwrap();
        let names = FieldNames::new(&["file", "bbox"], &[renaming("bbox=box=2")]).unwrap();
        assert_eq!((names.of("file"), names.of("bbox"), names.renamed("file")), ("file", "box=2", None));
        let wrong = FieldNames::new(&["file", "bbox"], &[renaming("boks=box")]).unwrap_err();
        assert_eq!(wrong.to_string(), "there is no field `boks` to be mapped; there are `file`, `bbox`");
        let twice = FieldNames::new(&["file"], &[renaming("file=a"), renaming("file=b")]).unwrap_err();
        assert_eq!(twice, FieldError::Twice("file".to_owned()));
        for text in ["file", "=x", "file="] {
            assert!(Renaming::parse(text).is_err(), "{text}");
        }
    }
}
