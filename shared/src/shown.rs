//! Text from elsewhere as people may be shown it: names of files, labels, what the other program says. It
//! stays in its line, and a terminal neither obeys it nor turns it round.

use std::{
    ffi::OsStr,
    fmt::{self, Write as _},
    io,
};

/// Text on one line; see [`shown`].
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a>(&'a OsStr);

/// A name or a text as it may stand in a line for people: what would end the line, move a cursor or turn the
/// direction of writing is shown as an escape, and so is what is no text.
pub fn shown<T: AsRef<OsStr> + ?Sized>(text: &T) -> Shown<'_> {
    Shown(text.as_ref())
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.to_string_lossy().chars().try_for_each(|c| {
            if is_plain(c) { f.write_char(c) } else { c.escape_debug().try_for_each(|c| f.write_char(c)) }
        })
    }
}

/// Whether a character does nothing but stand there.
///
/// Control characters do not, nor do line and paragraph separators, nor what Unicode's bidirectional
/// algorithm obeys: source <https://www.unicode.org/reports/tr9/>, 2. Joiners stay, without which names in
/// some scripts and many emoji fall apart.
pub fn is_plain(c: char) -> bool {
    let turns =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !(c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}'))
}

/// Whether a text would be shown otherwise than it is.
pub fn is_all_plain(text: &str) -> bool {
    text.chars().all(is_plain)
}

/// A writer to which every record is written at once: whatever breaks lines within one is shown as an escape.
#[derive(Debug)]
pub struct OneLine<W>(pub W);

impl<W: io::Write> io::Write for OneLine<W> {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let (line, end) = match record.strip_suffix(b"\n") {
            Some(line) => (line, "\n"),
            None => (record, ""),
        };
        if line.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            let text = String::from_utf8_lossy(line).replace('\n', "\\n").replace('\r', "\\r") + end;
            self.0.write_all(text.as_bytes())?;
        } else {
            self.0.write_all(record)?;
        }
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_stay_in_their_line_and_their_direction() {
        for (name, text) in [
            ("Zoë – 2005 👩‍👩‍👧.jpg", "Zoë – 2005 👩‍👩‍👧.jpg"),
            ("a.jpg\n0 findings", "a.jpg\\n0 findings"),
            ("a\r\u{1b}[2Kb", "a\\r\\u{1b}[2Kb"),
            ("a\u{202e}gpj.exe", "a\\u{202e}gpj.exe"),
            ("a\u{2028}b\u{85}c", "a\\u{2028}b\\u{85}c"),
        ] {
            assert_eq!(shown(name).to_string(), text);
        }
    }

    #[test]
    fn a_record_is_one_line_whatever_stands_in_it() {
        let mut out = Vec::new();
        OneLine(&mut out).write_all(b"INFO path=a\nERROR forged\n").unwrap();
        assert_eq!(out, b"INFO path=a\\nERROR forged\n");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_plain_and_what_is_plain_is_shown_as_it_is(text in any::<String>()) {
            let once = shown(&text).to_string();
            prop_assert!(is_all_plain(&once));
            if is_all_plain(&text) {
                prop_assert_eq!(once, text);
            }
        }
    }
}
