//! What somebody else says, made fit to be shown, logged and stored.

use crate::shown::is_plain;

/// Most characters of a message: some sentences.
pub const MAX_MESSAGE: usize = 500;

/// Most characters of a name or a version.
pub const MAX_NAME: usize = 100;

/// A text that may be anything, without its control characters (line ends, the escape sequences of terminals,
/// marks that reverse the direction), which are written as `\u{…}` and the like, and cut off at `most`
/// characters with `…` for the rest.
pub fn told(text: &str, most: usize) -> String {
    let mut told = String::new();
    let mut left = most;
    for character in text.chars() {
        let shown: String =
            if is_plain(character) { character.to_string() } else { character.escape_default().collect() };
        let Some(after) = left.checked_sub(shown.chars().count()) else {
            told.push('…');
            break;
        };
        left = after;
        told.push_str(&shown);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_shown_stays_and_what_acts_is_written_out() {
        assert_eq!(told("könnte 写真 nicht lesen", 100), "könnte 写真 nicht lesen");
        assert_eq!(told("a\nb\t\u{1b}[2Jc\u{202e}d\0", 100), "a\\nb\\t\\u{1b}[2Jc\\u{202e}d\\u{0}");
        // Telling it again changes nothing.
        let once = told("a\nb", 100);
        assert_eq!(told(&once, 100), once);
    }

    #[test]
    fn a_text_is_as_long_as_it_may_be_and_no_longer() {
        assert_eq!(told("12345", 5), "12345");
        assert_eq!(told("123456", 5), "12345…");
        assert_eq!(told("1234\n", 5), "1234…", "half of an escape says nothing");
        assert_eq!(told(&"\u{7}".repeat(8 << 20), MAX_MESSAGE).chars().count(), 1 + MAX_MESSAGE / 5 * 5);
    }
}
