//! Which files and folders below a root are meant, by patterns.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use facesets_base::{
    exit::Hint,
    folding::{folded, folded_name, folded_path},
};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Patterns of what to take and what to leave out.
///
/// A pattern with a `/` in it is matched against the whole path relative to the root below which the file was
/// found; one without is matched against every single name on that path. `*` and `?` stand for anything
/// within one name, `**` for any number of folders, `[…]` and `{a,b}` for choices, `\` takes a character
/// literally. Upper and lower case are the same, and so are the two ways in which Unicode writes a letter;
/// bytes that are no UTF-8 are matched as they are. A `/` at the beginning or the end changes nothing but
/// that a pattern has one.
///
/// What matches an `exclude` is left out, a folder with everything below it. If there is any `include`, only
/// what matches one or lies in a folder that does is taken. `exclude` wins.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    include: Arc<Patterns>,
    exclude: Arc<Patterns>,
}

/// Some patterns, and which of them have matched anything.
#[derive(Debug, Default)]
struct Patterns {
    set: GlobSet,
    given: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    text: String,
    /// The extension that all files have which it matches, folded, if it says so in letters.
    extension: Option<String>,
    used: AtomicBool,
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
        Ok(Self { include: Arc::new(Patterns::new(include)?), exclude: Arc::new(Patterns::new(exclude)?) })
    }

    /// Whether it takes everything.
    pub(super) fn is_empty(&self) -> bool {
        self.include.given.is_empty() && self.exclude.given.is_empty()
    }

    /// Whether a file or folder is left out with everything below it. `path` is relative to the root.
    pub(super) fn excludes(&self, path: &Path) -> bool {
        self.exclude.matches(path)
    }

    /// Whether a file that is not excluded is among those asked for. `path` is relative to the root.
    pub(super) fn includes(&self, path: &Path) -> bool {
        self.include.given.is_empty()
            || path
                .ancestors()
                .take_while(|path| !path.as_os_str().is_empty())
                .any(|path| self.include.matches(path))
    }

    /// Whether a file is asked for by its extension, so that it is wanted whatever is in it.
    pub(super) fn names_extension_of(&self, path: &Path) -> bool {
        let Some(extension) = path.extension().map(folded_name) else { return false };
        let is_named =
            |pattern: &Pattern| pattern.extension.as_ref().is_some_and(|named| **named == *extension);
        let mut matching = self.include.set.matches(folded_path(path)).into_iter();
        matching.any(|at| is_named(&self.include.given[at]))
    }

    /// The patterns that have matched nothing so far, each with the flag that gave it.
    pub fn unused(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let include = self.include.unused().map(|text| ("--include", text));
        include.chain(self.exclude.unused().map(|text| ("--exclude", text)))
    }
}

impl Patterns {
    fn new(given: &[String]) -> Result<Self, PatternError> {
        let mut set = GlobSetBuilder::new();
        for pattern in given {
            let error = |reason: String| PatternError { pattern: pattern.clone(), reason };
            let trimmed = pattern.trim_matches('/');
            if trimmed.is_empty() {
                return Err(error("it is empty".to_owned()));
            }
            // Paths are asked for from the top down, so that matching the end of a path is matching each of
            // its names.
            let anchored = if pattern.contains('/') { trimmed.to_owned() } else { format!("**/{trimmed}") };
            // Both sides are folded, since the crate itself knows the case of ASCII letters only.
            let glob = GlobBuilder::new(&folded(&anchored))
                .literal_separator(true)
                .backslash_escape(true)
                .build()
                .map_err(|cause| error(cause.kind().to_string()))?;
            set.add(glob);
        }
        let set = set.build().map_err(|cause| PatternError {
            pattern: cause.glob().unwrap_or_default().to_owned(),
            reason: cause.kind().to_string(),
        })?;
        let given = given.iter().map(|text| Pattern {
            text: text.clone(),
            extension: extension(text),
            used: AtomicBool::new(false),
        });
        Ok(Self { set, given: given.collect() })
    }

    fn matches(&self, path: &Path) -> bool {
        if self.given.is_empty() {
            return false;
        }
        let matching = self.set.matches(folded_path(path));
        for at in &matching {
            self.given[*at].used.store(true, Ordering::Relaxed);
        }
        !matching.is_empty()
    }

    fn unused(&self) -> impl Iterator<Item = &str> {
        self.given
            .iter()
            .filter(|pattern| !pattern.used.load(Ordering::Relaxed))
            .map(|pattern| pattern.text.as_str())
    }
}

/// What stands behind the last dot of the last name of a pattern, if that can mean nothing else.
fn extension(pattern: &str) -> Option<String> {
    let extension = Path::new(pattern).extension()?.to_str()?;
    (!extension.contains(['*', '?', '[', ']', '{', '}', '\\', '/'])).then(|| folded(extension))
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
    fn case_and_form_of_letters_make_no_difference_to_patterns() {
        for (exclude, path) in [
            ("Müll", "Mu\u{308}ll/a.jpg"),
            ("mu\u{308}ll", "2019/MÜLL/a.jpg"),
            ("über", "ÜBER/a.jpg"),
            ("/STRASSE/*.jpg", "straße/a.JPG"),
            ("дети*", "ДЕТИ 2019/a.jpg"),
        ] {
            let filter = filter(&[], &[exclude]);
            assert!(!takes(&filter, path), "{exclude} {path}");
            assert_eq!(filter.unused().count(), 0);
        }
    }

    #[test]
    fn patterns_that_matched_nothing_are_known() {
        let filter = filter(&["2019", "*.heic"], &["private", "/home/me/photos/x"]);
        assert!(takes(&filter, "2019/a.jpg") && !takes(&filter, "private/a.jpg"));
        let unused: Vec<_> = filter.unused().collect();
        assert_eq!(unused, [("--include", "*.heic"), ("--exclude", "/home/me/photos/x")]);
    }

    #[test]
    fn only_a_pattern_that_says_an_extension_asks_for_it() {
        let filter = filter(&["*.MPO", "2019", "x/*", "a.{jxl,psd}"], &[]);
        for (path, named) in
            [("deep/a.mpo", true), ("2019/a.txt", false), ("x/a.txt", false), ("a.psd", false)]
        {
            assert!(filter.includes(Path::new(path)), "{path}");
            assert_eq!(filter.names_extension_of(Path::new(path)), named, "{path}");
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
