//! Which files and folders below a root are meant, by patterns.

use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::exit::Hint;

/// Patterns of what to take and what to leave out.
///
/// A pattern with a `/` in it is matched against the whole path relative to the root below which the file was found; one without is
/// matched against every single name on that path. `*` and `?` stand for anything within one name, `**` for any number of
/// folders, `[…]` and `{a,b}` for choices, `\` takes a character literally. Upper and lower case of ASCII letters are the same.
/// A `/` at the beginning or the end changes nothing but that a pattern has one.
///
/// What matches an `exclude` is left out, a folder with everything below it. If there is any `include`, only what matches one
/// or lies in a folder that does is taken. `exclude` wins.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    include: Option<GlobSet>,
    exclude: GlobSet,
}

/// A pattern that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is no pattern: {reason}")]
pub struct PatternError {
    pattern: String,
    reason: String,
}

impl Hint for PatternError {
    fn hint(&self) -> Option<String> {
        Some("`*` and `?` match within a name, `**` any folders; `\\[` is a literal bracket".to_owned())
    }
}

impl Filter {
    /// A filter of patterns.
    pub fn new(include: &[String], exclude: &[String]) -> Result<Self, PatternError> {
        let include = if include.is_empty() { None } else { Some(set(include)?) };
        Ok(Self { include, exclude: set(exclude)? })
    }

    /// Whether it takes everything.
    pub(super) fn is_empty(&self) -> bool {
        self.include.is_none() && self.exclude.is_empty()
    }

    /// Whether a file or folder is left out with everything below it. `path` is relative to the root.
    pub(super) fn excludes(&self, path: &Path) -> bool {
        !self.exclude.is_empty() && self.exclude.is_match(path)
    }

    /// Whether a file that is not excluded is among those asked for. `path` is relative to the root.
    pub(super) fn includes(&self, path: &Path) -> bool {
        let Some(include) = &self.include else { return true };
        path.ancestors().take_while(|path| !path.as_os_str().is_empty()).any(|path| include.is_match(path))
    }
}

fn set(patterns: &[String]) -> Result<GlobSet, PatternError> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let error = |reason: String| PatternError { pattern: pattern.clone(), reason };
        let trimmed = pattern.trim_matches('/');
        if trimmed.is_empty() {
            return Err(error("it is empty".to_owned()));
        }
        // Paths are asked for from the top down, so that matching the end of a path is matching each of its names.
        let anchored = if pattern.contains('/') { trimmed.to_owned() } else { format!("**/{trimmed}") };
        let glob = GlobBuilder::new(&anchored)
            .literal_separator(true)
            .case_insensitive(true)
            .backslash_escape(true)
            .build()
            .map_err(|cause| error(cause.kind().to_string()))?;
        set.add(glob);
    }
    set.build().map_err(|cause| PatternError {
        pattern: cause.glob().unwrap_or_default().to_owned(),
        reason: cause.kind().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    fn filter(include: &[&str], exclude: &[&str]) -> Filter {
        let owned = |patterns: &[&str]| patterns.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Filter::new(&owned(include), &owned(exclude)).unwrap()
    }

    /// As the scan asks: from the top down.
    fn takes(filter: &Filter, path: &str) -> bool {
        let path = Path::new(path);
        let mut ancestors: Vec<&Path> = path.ancestors().collect();
        ancestors.pop();
        !ancestors.iter().any(|path| filter.excludes(path)) && filter.includes(path)
    }

    #[test]
    fn a_pattern_without_a_slash_is_a_name_anywhere_and_one_with_a_slash_is_a_path() {
        for (exclude, path, taken) in [
            ("*.png", "a.png", false),
            ("*.png", "deep/er/A.PNG", false),
            ("*.png", "a.png.jpg", true),
            ("thumbs", "2019/Thumbs/a.jpg", false),
            ("thumbs", "2019/thumbs2/a.jpg", true),
            ("/*.png", "a.png", false),
            ("/*.png", "deep/a.png", true),
            ("2019/*.jpg", "2019/a.jpg", false),
            ("2019/*.jpg", "2019/05/a.jpg", true),
            ("2019/**/a.jpg", "2019/05/04/a.jpg", false),
            ("2019/**/a.jpg", "2019/a.jpg", false),
            ("2019/*.jpg", "old/2019/a.jpg", true),
            ("**/2019/*.jpg", "old/2019/a.jpg", false),
            ("cache/", "cache/a.jpg", false),
            ("cache/", "old/cache/a.jpg", true),
            ("{a,b}?.jpg", "b1.jpg", false),
            ("a[1-3].jpg", "a4.jpg", true),
            (r"a\*.jpg", "a1.jpg", true),
            (r"a\*.jpg", "a*.jpg", false),
        ] {
            assert_eq!(takes(&filter(&[], &[exclude]), path), taken, "{exclude} {path}");
        }
    }

    #[test]
    fn with_includes_only_what_they_match_is_taken_and_excludes_win() {
        let filter = filter(&["2019", "*.heic"], &["private", "b.heic"]);
        for (path, taken) in [
            ("2019/a.jpg", true),
            ("2019/05/a.jpg", true),
            ("2020/a.jpg", false),
            ("2020/a.heic", true),
            ("2020/b.heic", false),
            ("2019/private/a.jpg", false),
        ] {
            assert_eq!(takes(&filter, path), taken, "{path}");
        }
    }

    #[test]
    fn names_that_are_no_utf8_are_matched_by_their_bytes() {
        let path = Path::new(std::ffi::OsStr::from_bytes(b"caf\xe9/a.jpg"));
        assert!(filter(&[], &["caf*"]).excludes(path.parent().unwrap()));
        assert!(filter(&["*.jpg"], &[]).includes(path));
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_the_reason() {
        for pattern in ["", "/", "a[", "{a"] {
            let error = Filter::new(&[], &[pattern.to_owned()]).unwrap_err();
            assert!(
                error.to_string().starts_with(&format!("`{pattern}` is no pattern"))
                    && error.hint().is_some()
            );
        }
    }
}
