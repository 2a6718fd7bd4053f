//! One file name for an absolute path.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Component, Path},
};

use facesets_core::Sha256Digest;

/// Between the parts of the path.
const SEPARATOR: &str = "__";

/// Longest name in bytes: below the 255 of every file system, with room for a suffix of another tool.
const MAX_BYTES: usize = 200;

/// Characters that Windows does not allow in a name; the output is often looked at from there.
const FORBIDDEN: &[char] = &['<', '>', ':', '"', '|', '?', '*', '\\'];

/// The whole absolute path as one file name: `/photos/2019/a.jpg` becomes `photos__2019__a.jpg`.
///
/// It depends on nothing but the path, so it is the same in every run and under every root. Where the plain
/// form would lose something (forbidden or non-UTF-8 characters, `..`, a part that holds the separator, too
/// long a name), a digest of the path is added before the extension, so that two paths never share a name.
pub fn flat_name(path: &Path) -> String {
    let parts: Vec<&OsStr> = path
        .components()
        .filter_map(|part| if let Component::Normal(name) = part { Some(name) } else { None })
        .collect();
    let plain = parts.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join(SEPARATOR);
    let clean: String = plain.chars().map(|c| if is_safe(c) { c } else { '_' }).collect();

    let climbs = path.components().any(|part| part == Component::ParentDir);
    let ambiguous = climbs || parts.iter().any(|part| holds_separator(part.as_bytes()));
    let ends_badly = clean.ends_with(['.', ' ']);
    if clean.as_bytes() == parts.join(OsStr::new(SEPARATOR)).as_bytes()
        && !ambiguous
        && !ends_badly
        && clean.len() <= MAX_BYTES
    {
        return clean;
    }

    let digest = &Sha256Digest::of(path.as_os_str().as_bytes()).to_string()[..16];
    let extension = Path::new(&clean).extension().and_then(OsStr::to_str).unwrap_or_default().trim();
    let ending = match extension {
        "" => format!("~{digest}"),
        // An extension is short; anything longer is a part of the name.
        extension if extension.len() <= 8 => format!("~{digest}.{extension}"),
        _ => format!("~{digest}"),
    };
    let stem = clean.strip_suffix(&format!(".{extension}")).unwrap_or(&clean);
    format!("{}{ending}", tail(stem, MAX_BYTES - ending.len()))
}

fn is_safe(c: char) -> bool {
    !c.is_control() && c != '/' && c != char::REPLACEMENT_CHARACTER && !FORBIDDEN.contains(&c)
}

/// Whether joining could not be undone: the separator is inside a part, or an underscore is next to it.
fn holds_separator(part: &[u8]) -> bool {
    part.windows(2).any(|pair| pair == SEPARATOR.as_bytes()) || part.starts_with(b"_") || part.ends_with(b"_")
}

/// The last characters of `text` that fit `max` bytes: the end of a path says more than its beginning.
fn tail(text: &str, max: usize) -> &str {
    let mut from = text.len().saturating_sub(max);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, ffi::OsString, os::unix::ffi::OsStringExt as _, path::PathBuf};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_ordinary_path_reads_as_it_was() {
        assert_eq!(flat_name(Path::new("/mnt/x/src/a b/päivä.JPG")), "mnt__x__src__a b__päivä.JPG");
    }

    #[test]
    fn what_cannot_be_a_name_is_told_apart_by_a_digest() {
        let awkward = [
            "/a/b__c.jpg",
            "/a/b/c?.jpg",
            "/a/b/c:.jpg",
            "/a_/b.jpg",
            "/a/_b.jpg",
            "/a/b.jpg.",
            "/a/../b.jpg",
        ];
        let names: Vec<String> = awkward.iter().map(|path| flat_name(Path::new(path))).collect();
        for name in &names {
            assert!(name.contains('~') && !name.contains(FORBIDDEN), "{name}");
        }
    }

    #[test]
    fn a_name_is_never_too_long_and_keeps_its_extension() {
        let deep = format!("/{}.jpeg", vec!["фотографии из отпуска"; 30].join("/"));
        let name = flat_name(Path::new(&deep));
        assert!(name.len() <= MAX_BYTES, "{name}");
        assert_eq!(Path::new(&name).extension(), Some(OsStr::new("jpeg")));
    }

    proptest! {
        #[test]
        fn different_paths_have_different_names(
            paths in prop::collection::vec(prop::collection::vec(prop::sample::select(vec![b'a', b'_', b'.', b'/', b'?', b'~', 0xff]), 1..9), 2..40)
        ) {
            let mut seen: HashMap<String, Vec<u8>> = HashMap::new();
            for bytes in paths {
                let path: PathBuf = Path::new("/").join(PathBuf::from(OsString::from_vec(bytes)));
                // `a//b` and `a/./b` are `a/b`.
                let path: PathBuf = path.components().collect();
                let key = path.as_os_str().as_bytes().to_vec();
                let name = flat_name(&path);
                prop_assert!(!name.contains('/'));
                if let Some(other) = seen.insert(name.clone(), key.clone()) {
                    prop_assert_eq!(other, key, "{}", name);
                }
            }
        }
    }
}
