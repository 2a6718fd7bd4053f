//! What the pages that commands write have in common: self-contained files that load nothing from elsewhere and run no script.

use std::fmt::{self, Write as _};

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

/// Begins a page.
pub fn head(html: &mut String, title: &str) -> fmt::Result {
    writeln!(
        html,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n<style>{STYLE}</style>",
        Escaped(title)
    )
}

/// Text that may stand anywhere in HTML, in attributes too.
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
            c => f.write_char(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_file_name_stays_text() {
        let escaped = Escaped("<img src=x onerror='alert(1)'>\"&").to_string();
        assert_eq!(escaped, "&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&quot;&amp;");
    }
}
