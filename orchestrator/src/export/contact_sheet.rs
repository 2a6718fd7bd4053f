//! `index.html`: every crop of every faceset on one page, for a look before use.
//!
//! One self-contained file beside the crops; it loads nothing from elsewhere and runs no script.

use std::fmt::{self, Write as _};

use super::manifest::{CorpusManifest, ExportedFace, FacesetManifest, THIN};
use crate::{
    html::{Escaped, Link, head},
    manifest::FILE_NAME,
};

/// Name of the page in the corpus folder.
pub const PAGE: &str = "index.html";

/// The page for an exported corpus with these `sets`, in the order of its manifest; links are relative to the corpus folder.
pub fn page(corpus: &CorpusManifest, sets: &[FacesetManifest]) -> String {
    let mut html = String::new();
    // Writing to a string does not fail.
    let _ = write_page(&mut html, corpus, sets);
    html
}

fn write_page(html: &mut String, corpus: &CorpusManifest, sets: &[FacesetManifest]) -> fmt::Result {
    let total: usize = corpus.facesets.iter().map(|set| set.images).sum();
    head(html, "Facesets")?;
    write!(
        html,
        "<h1>{} facesets, {total} crops</h1>\n\
         <p class=\"about\">Best crop first. The figure is the composite quality in [0, 1].</p>\n",
        corpus.facesets.len(),
    )?;
    if corpus.facesets.is_empty() {
        writeln!(
            html,
            "<p>There is no faceset. <code>facesets refine</code> and <code>export-swap</code> say which rule left out how many faces, \
             and which flag would keep them.</p>"
        )?;
    }
    for (set, manifest) in corpus.facesets.iter().zip(sets) {
        let name = Escaped(&set.name);
        writeln!(html, "<section id=\"{name}\">\n<h2>{name}</h2>")?;
        write!(html, "<p class=\"about\">{} crops, {} left out", set.images, set.dropped)?;
        for bundle in &set.bundles {
            write!(html, " · <a href=\"{}\">{}</a>", Link(&[bundle]), Escaped(bundle))?;
        }
        write!(html, " · <a href=\"{}\">manifest</a></p>", Link(&[&set.name, FILE_NAME]))?;
        writeln!(html, "\n<div class=\"crops\">")?;
        for face in &manifest.faces {
            write_crop(html, &set.name, face)?;
        }
        writeln!(html, "</div>\n</section>")?;
    }
    if corpus.thin().next().is_some() {
        writeln!(html, "<h2>Eras with too few photos</h2>\n<ul>")?;
        for set in corpus.thin() {
            writeln!(
                html,
                "<li><a href=\"{}\">{}</a>: {} crops</li>",
                Link(&[THIN, &set.name, FILE_NAME]),
                Escaped(&set.name),
                set.images
            )?;
        }
        writeln!(html, "</ul>")?;
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
        "<figure><img loading=\"lazy\" width=\"512\" height=\"512\" src=\"{}\" alt=\"\" title=\"{}\">\
         <figcaption>{:.2} · {}</figcaption></figure>",
        Link(&[set, &face.file]),
        Escaped(&face.source),
        face.quality.composite,
        Escaped(source),
    )
}
