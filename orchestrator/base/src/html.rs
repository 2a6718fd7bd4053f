//! What the pages that commands write have in common: self-contained files that load nothing from elsewhere
//! and run no script.

use std::fmt::{self, Write as _};

use facesets_core::shown::is_plain;

const STYLE: &str = "
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }
h2 { margin: 2.2rem 0 .4rem; }
p.about, figcaption { color: #777; }
.crops { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .6rem; }
figure { margin: 0; }
img { width: 100%; height: auto; aspect-ratio: 1; object-fit: contain; border-radius: .4rem; background: #8883; }
figcaption { font-size: .75rem; overflow-wrap: anywhere; }
";

/// What a page may load: pictures beside it, and its own style. Nothing from another machine, no script,
/// whatever stands in it. `file:` is where a page lies that is opened from a disk, which `'self'` does not
/// mean to every browser. Source: <https://www.w3.org/TR/CSP3/>.
const POLICY: &str = "default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// Begins a page.
pub fn head(html: &mut String, title: &str) -> fmt::Result {
    writeln!(
        html,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n<style>{STYLE}</style>",
        Escaped(title)
    )
}

/// The address of a file beside or below a page, for an attribute: a path whose parts are separated by `/`.
/// Whatever the names are, it leads there and nowhere else: it begins with `./`, so that nothing in it is
/// taken for a scheme or another machine, and all but letters, digits, `-`, `_`, `.` and `~` is
/// percent-encoded. Source: <https://www.rfc-editor.org/rfc/rfc3986>, 2.3 and 4.2.
#[derive(Debug, Clone, Copy)]
pub struct Link<'a>(pub &'a [&'a str]);

impl fmt::Display for Link<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('.')?;
        for name in self.0.iter().flat_map(|path| path.split('/')) {
            f.write_char('/')?;
            for byte in name.bytes() {
                match byte {
                    // A name of dots alone would lead elsewhere, and encoding does not help; no file here has
                    // one.
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                        f.write_char(byte.into())?;
                    }
                    _ => write!(f, "%{byte:02X}")?,
                }
            }
        }
        Ok(())
    }
}

/// Text that may stand anywhere in HTML, in attributes too, and turns no line round.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            '\n' | '\t' => f.write_char(c),
            c if is_plain(c) => f.write_char(c),
            c => c.escape_debug().try_for_each(|c| f.write_char(c)),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hostile_file_name_stays_text() {
        let escaped = Escaped("<img src=x onerror='alert(1)'>\"&").to_string();
        assert_eq!(escaped, "&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&quot;&amp;");
        assert_eq!(Escaped("a\u{202e}gpj.exe").to_string(), "a\\u{202e}gpj.exe");
    }

    #[test]
    fn a_name_is_never_an_address_elsewhere() {
        for (parts, link) in [
            (&["https:example.org", "faces/0001.png"][..], "./https%3Aexample.org/faces/0001.png"),
            (&["javascript:alert(1)", "manifest.json"], "./javascript%3Aalert%281%29/manifest.json"),
            (&["100% #1?.fsz"], "./100%25%20%231%3F.fsz"),
            (&["Zoë"], "./Zo%C3%AB"),
        ] {
            assert_eq!(Link(parts).to_string(), link);
        }
    }

    proptest! {
        #[test]
        fn a_link_is_relative_and_gives_back_the_very_names(names in prop::collection::vec("[^/]{1,12}", 1..4)) {
            let parts: Vec<&str> = names.iter().map(String::as_str).collect();
            let link = Link(&parts).to_string();
            prop_assert!(link.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~%/".contains(&byte)), "{}", link);
            let back: Vec<Vec<u8>> = link.strip_prefix("./").unwrap().split('/').map(|name| {
                let mut bytes = name.bytes();
                std::iter::from_fn(|| {
                    let byte = bytes.next()?;
                    if byte != b'%' {
                        return Some(byte);
                    }
                    let digits = [bytes.next()?, bytes.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()
                }).collect()
            }).collect();
            prop_assert_eq!(back, names.iter().map(|name| name.as_bytes().to_vec()).collect::<Vec<_>>());
        }
    }
}
