//! What was found, for scripts (`duplicates.json`) and for people (`index.html`).

use std::fmt::{self, Write as _};

use serde::Serialize;

use crate::html::{Escaped, Link, head};

/// Schema of [`Duplicates`].
pub const DUPLICATES_SCHEMA: &str = "facesets.duplicates/1";

/// Folder of the small pictures for the page.
pub const THUMBNAILS: &str = "thumbnails";

/// `duplicates.json`.
#[derive(Debug, Serialize)]
pub struct Duplicates {
    /// [`DUPLICATES_SCHEMA`].
    pub schema: &'static str,
    /// Contract of the embeddings.
    pub contract: String,
    /// What near-duplicates have in common.
    pub criterion: Criterion,
    /// Photos whose bytes lie at several places.
    pub identical: Vec<Identical>,
    /// Groups of near-duplicates, each photo with all its places.
    pub similar: Vec<Vec<Similar>>,
}

/// What near-duplicates have in common.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Criterion {
    /// Least cosine similarity of a face of one to a face of the other.
    pub min_similarity: f32,
    /// Most bits, of 64, in which the difference hashes of the photos differ.
    pub max_different_bits: u32,
}

/// The same bytes at several places.
#[derive(Debug, Serialize)]
pub struct Identical {
    /// Digest of the bytes, in hexadecimal.
    pub sha256: String,
    /// Where they lie, the canonical place first.
    pub paths: Vec<String>,
}

/// A photo in a group of near-duplicates.
#[derive(Debug, Serialize)]
pub struct Similar {
    /// Digest of the photo, in hexadecimal.
    pub sha256: String,
    /// Where it lies, the canonical place first.
    pub paths: Vec<String>,
    /// Width of the upright photo in pixels.
    pub width: u32,
    /// Height of the upright photo in pixels.
    pub height: u32,
    /// Difference hash, 16 hexadecimal digits.
    pub hash: String,
}

/// The page; links are relative to its folder.
pub fn page(duplicates: &Duplicates) -> String {
    let mut html = String::new();
    // Writing to a string does not fail.
    let _ = write_page(&mut html, duplicates);
    html
}

fn write_page(html: &mut String, duplicates: &Duplicates) -> fmt::Result {
    let Duplicates { criterion, identical, similar, .. } = duplicates;
    head(html, "Duplicates")?;
    writeln!(
        html,
        "<h1>{} groups of near-duplicates, {} photos at several places</h1>\n<p class=\"about\">Near-duplicates share a face \
         (cosine similarity ≥ {}) and look alike as a whole (at most {} of 64 bits of their difference hashes differ).</p>",
        similar.len(),
        identical.len(),
        criterion.min_similarity,
        criterion.max_different_bits,
    )?;
    for group in similar {
        writeln!(html, "<section>\n<h2>{} photos</h2>\n<div class=\"crops\">", group.len())?;
        for photo in group {
            write!(
                html,
                "<figure><img loading=\"lazy\" src=\"{}\" alt=\"\"><figcaption>{} × {}",
                Link(&[THUMBNAILS, &format!("{}.png", photo.sha256)]),
                photo.width,
                photo.height
            )?;
            for path in &photo.paths {
                write!(html, "<br>{}", Escaped(path))?;
            }
            writeln!(html, "</figcaption></figure>")?;
        }
        writeln!(html, "</div>\n</section>")?;
    }
    if !identical.is_empty() {
        writeln!(html, "<h2>The same bytes</h2>\n<ul>")?;
        for photo in identical {
            let paths: Vec<String> = photo.paths.iter().map(|path| Escaped(path).to_string()).collect();
            writeln!(html, "<li>{}</li>", paths.join("<br>"))?;
        }
        writeln!(html, "</ul>")?;
    }
    writeln!(html, "</html>")
}
