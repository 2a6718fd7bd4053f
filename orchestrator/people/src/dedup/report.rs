//! What was found, for scripts (`duplicates.json`) and for people (`index.html`).

use std::fmt::{self, Write as _};

use facesets_base::html::{Escaped, Link, head};
use serde::Serialize;

use super::different_bits;

/// Folder of the small pictures for the page.
pub const THUMBNAILS: &str = "thumbnails";

/// `duplicates.json`.
#[derive(Debug, Serialize)]
pub struct Duplicates {
    /// [`facesets_base::layout::DUPLICATES_SCHEMA`].
    pub schema: &'static str,
    /// Contract of the embeddings.
    pub contract: String,
    /// What near-duplicates have in common.
    pub criterion: Criterion,
    /// Photos whose bytes lie at several places.
    pub identical: Vec<Identical>,
    /// What near-duplicates connect, group by group, each photo with all its places.
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
    /// The near-duplicate in the group that it is most like.
    pub most_like: MostLike,
}

/// How like a photo is to another one of its group.
#[derive(Debug, Serialize)]
pub struct MostLike {
    /// Digest of the other, in hexadecimal.
    pub sha256: String,
    /// Cosine similarity of the two faces that are most alike.
    pub similarity: f32,
    /// Bits in which the hashes differ, of 64.
    pub different_bits: u32,
}

/// Most bits in which the hashes of two photos of a group differ: in a chain more than the criterion allows
/// for a pair.
fn most_different_bits(group: &[Similar]) -> u32 {
    let hash = |photo: &Similar| u64::from_str_radix(&photo.hash, 16).unwrap_or_default();
    let hashes: Vec<u64> = group.iter().map(hash).collect();
    let pairs =
        hashes.iter().enumerate().flat_map(|(i, a)| hashes[..i].iter().map(|b| different_bits(*a, *b)));
    pairs.max().unwrap_or_default()
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
         (cosine similarity ≥ {}) and look alike as a whole (at most {} of 64 bits of their difference hashes differ). Each photo of a group is a near-duplicate of some other one of it.</p>",
        similar.len(),
        identical.len(),
        criterion.min_similarity,
        criterion.max_different_bits,
    )?;
    for group in similar {
        writeln!(
            html,
            "<section>\n<h2>{} photos, at most {} bits apart</h2>\n<div class=\"crops\">",
            group.len(),
            most_different_bits(group)
        )?;
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
            let MostLike { similarity, different_bits, .. } = &photo.most_like;
            writeln!(
                html,
                "<br>most like another: {similarity:.3}, {different_bits} bits</figcaption></figure>"
            )?;
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
