//! Names as people compare them: upper and lower case, and the two ways in which Unicode writes one letter,
//! make no difference.

use std::{
    borrow::Cow,
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

use caseless::Caseless as _;
use unicode_normalization::UnicodeNormalization as _;

/// A text whose equals are those that differ in case or in the form of letters only: Unicode's canonical
/// caseless matching, written in NFC. Source: The Unicode Standard, section 3.13.5, D145.
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().nfd().default_case_fold().nfc().collect()
}

/// The same of a name on disk, which need not be text: bytes that are no UTF-8 stay as they are.
pub fn folded_name(name: &OsStr) -> Cow<'_, OsStr> {
    let bytes = name.as_bytes();
    if bytes.is_ascii() && !bytes.iter().any(u8::is_ascii_uppercase) {
        return Cow::Borrowed(name);
    }
    let mut all = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        all.extend_from_slice(folded(chunk.valid()).as_bytes());
        all.extend_from_slice(chunk.invalid());
    }
    Cow::Owned(OsString::from_vec(all))
}

/// The same of every name on a path.
pub fn folded_path(path: &Path) -> PathBuf {
    // Folding makes and takes no `/`, so that the names can be folded together.
    PathBuf::from(folded_name(path.as_os_str()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_form_of_letters_make_no_difference() {
        for (a, b) in [
            ("Müll", "mu\u{308}ll"),
            ("ÜBER", "über"),
            ("Straße", "STRASSE"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("ﬁlm", "FILM"),
            ("가족", "\u{1100}\u{1161}\u{110c}\u{1169}\u{11a8}"),
            ("ДЕТИ", "дети"),
        ] {
            assert_eq!(folded(a), folded(b), "{a} {b}");
        }
        for (a, b) in [("Müll", "Mull"), ("é", "e"), ("a", "b")] {
            assert_ne!(folded(a), folded(b), "{a} {b}");
        }
    }

    #[test]
    fn bytes_that_are_no_utf8_stay_beside_letters_that_are_folded() {
        let name = OsStr::from_bytes(b"CAF\xe9/\xc3\x84.JPG");
        assert_eq!(folded_name(name).as_bytes(), b"caf\xe9/\xc3\xa4.jpg");
        assert_eq!(folded_path(Path::new(name)), Path::new(OsStr::from_bytes(b"caf\xe9/\xc3\xa4.jpg")));
    }
}
