//! `index.html`: every crop of every faceset on one page, for a look before use.
//!
//! One self-contained file beside the crops; it loads nothing from elsewhere and runs no script.

use std::fmt::{self, Write as _};

use facesets_base::{
    html::{Escaped, Link, head},
    layout::{MANIFEST, THIN},
};

use super::manifest::{CorpusManifest, ExportedFace, FacesetManifest, FacesetSummary};

/// The page for an exported corpus with these `sets`, in the order of its manifest; links are relative to the
/// corpus folder.
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
        writeln!(html, "<section id=\"{name}\">\n<h2>{}</h2>", Escaped(&title(set)))?;
        write!(html, "<p class=\"about\">{} crops, {} left out", set.images, set.dropped)?;
        for bundle in &set.bundles {
            write!(html, " · <a href=\"{}\">{}</a>", Link(&[bundle]), Escaped(bundle))?;
        }
        write!(html, " · <a href=\"{}\">manifest</a></p>", Link(&[&set.name, MANIFEST]))?;
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
                Link(&[THIN, &set.name, MANIFEST]),
                Escaped(&title(set)),
                set.images
            )?;
        }
        writeln!(html, "</ul>")?;
    }
    if !corpus.gaps.is_empty() {
        writeln!(html, "<h2>Sets that are left out</h2>\n<ul>")?;
        for gap in &corpus.gaps {
            let consent = gap.consent.iter().map(ToString::to_string);
            let reasons = consent.chain(gap.dropped.iter().map(|drop| drop.reason.to_string()));
            let reasons: Vec<String> = reasons.collect();
            writeln!(html, "<li>{}: {}</li>", Escaped(&gap.name), Escaped(&reasons.join("; ")))?;
        }
        writeln!(html, "</ul>")?;
    }
    writeln!(html, "</html>")
}

/// What a set is called: its name, what people call it, and of which set which era it is.
fn title(set: &FacesetSummary) -> String {
    let FacesetSummary { name, label, parent, era, .. } = set;
    let era = era.as_ref().map(|era| {
        let of = parent.as_ref().map_or_else(String::new, |parent| format!(" of {parent}"));
        format!("{era}{of}")
    });
    [Some(name), label.as_ref(), era.as_ref()]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" · ")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::ExportParameters;

    fn summary(name: &str, label: Option<&str>, parent: Option<&str>) -> FacesetSummary {
        FacesetSummary {
            name: name.to_owned(),
            label: label.map(str::to_owned),
            parent: parent.map(str::to_owned),
            era: parent.map(|_| "2005-10".to_owned()),
            images: 3,
            dropped: 2,
            certified: true,
            bundles: Vec::new(),
        }
    }

    #[test]
    fn the_page_calls_sets_by_number_label_and_era() {
        let facesets = vec![
            summary("faceset_001", Some("anna <b>"), None),
            summary("faceset_001_2005-10", Some("anna"), Some("faceset_001")),
            summary("faceset_002", None, None),
        ];
        let corpus = CorpusManifest {
            facesets,
            ..CorpusManifest::empty("face/test".to_owned(), ExportParameters::default())
        };
        let titles = [
            "faceset_001 · anna &lt;b&gt;",
            "faceset_001_2005-10 · anna · 2005-10 of faceset_001",
            "faceset_002",
        ];
        let page: Vec<String> =
            corpus.facesets.iter().map(|set| format!("<h2>{}</h2>", Escaped(&title(set)))).collect();
        for title in titles {
            assert!(page.contains(&format!("<h2>{title}</h2>")), "{page:?}");
        }
    }
}
