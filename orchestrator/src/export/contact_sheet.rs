//! `index.html`: every crop of every faceset on one page, for a look before use.
//!
//! One self-contained file beside the crops; it loads nothing from elsewhere and runs no script.

use std::fmt::{self, Write as _};

use super::manifest::{CorpusManifest, ExportedFace};

const STYLE: &str = "
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }
h2 { margin: 2.2rem 0 .4rem; }
p.about, figcaption { color: #777; }
.crops { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .6rem; }
figure { margin: 0; }
img { width: 100%; height: auto; aspect-ratio: 1; border-radius: .4rem; background: #8883; }
figcaption { font-size: .75rem; overflow-wrap: anywhere; }
";

/// The page for an exported corpus and the crops of each of its sets; links are relative to the corpus folder.
pub fn page(corpus: &CorpusManifest, crops: &[Vec<ExportedFace>]) -> String {
    let mut html = String::new();
    // Writing to a string does not fail.
    let _ = write_page(&mut html, corpus, crops);
    html
}

fn write_page(html: &mut String, corpus: &CorpusManifest, crops: &[Vec<ExportedFace>]) -> fmt::Result {
    let total: usize = corpus.facesets.iter().map(|set| set.images).sum();
    write!(
        html,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Facesets</title>\n<style>{STYLE}</style>\n\
         <h1>{} facesets, {total} crops</h1>\n\
         <p class=\"about\">Best crop first. The figure is the composite quality in [0, 1].</p>\n",
        corpus.facesets.len(),
    )?;
    for (set, faces) in corpus.facesets.iter().zip(crops) {
        let name = Escaped(&set.name);
        writeln!(html, "<section id=\"{name}\">\n<h2>{name}</h2>")?;
        write!(html, "<p class=\"about\">{} crops, {} left out", set.images, set.dropped)?;
        for bundle in &set.bundles {
            write!(html, " · <a href=\"{0}\">{0}</a>", Escaped(bundle))?;
        }
        writeln!(html, " · <a href=\"{name}/manifest.json\">manifest</a></p>\n<div class=\"crops\">")?;
        for face in faces {
            write_crop(html, &set.name, face)?;
        }
        writeln!(html, "</div>\n</section>")?;
    }
    if !corpus.gaps.is_empty() {
        writeln!(html, "<h2>Sets of which nothing was left</h2>\n<ul>")?;
        for gap in &corpus.gaps {
            let reasons: Vec<String> = gap.dropped.iter().map(|drop| drop.reason.to_string()).collect();
            writeln!(html, "<li>{}: {}</li>", Escaped(&gap.name), Escaped(&reasons.join("; ")))?;
        }
        writeln!(html, "</ul>")?;
    }
    writeln!(html, "</html>")
}

fn write_crop(html: &mut String, set: &str, face: &ExportedFace) -> fmt::Result {
    let source = face.source.rsplit('/').next().unwrap_or(&face.source);
    writeln!(
        html,
        "<figure><img loading=\"lazy\" width=\"512\" height=\"512\" src=\"{}/{}\" alt=\"\" title=\"{}\">\
         <figcaption>{:.2} · {}</figcaption></figure>",
        Escaped(set),
        Escaped(&face.file),
        Escaped(&face.source),
        face.quality.composite,
        Escaped(source),
    )
}

/// Text that may stand anywhere in HTML, in attributes too.
struct Escaped<'a>(&'a str);

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
