//! The page of an `era` command: how a set scatters, and a timeline of its faces.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use facesets_base::html::{Escaped, Link, head};
use serde::Serialize;

use super::probe::Bin;

/// Folder of the small pictures.
pub const THUMBNAILS: &str = "thumbnails";

const STYLE: &str = "<style>
.bars { display: grid; grid-template-columns: max-content 1fr max-content; gap: .15rem .6rem; max-width: 44rem; align-items: center; }
.bars i { display: block; height: .9rem; border-radius: .2rem; background: #48c; }
.line { display: flex; flex-wrap: wrap; gap: .4rem; }
.line figure { width: 6rem; }
</style>";

/// What a page shows.
#[derive(Debug, Default, Serialize)]
pub struct Page {
    /// Heading.
    pub title: String,
    /// What is to be said first, a paragraph each.
    pub about: Vec<String>,
    /// Distances to the centroid of all.
    pub histogram: Vec<Bin>,
    /// Groups of faces, each with a timeline.
    pub groups: Vec<Group>,
}

/// Faces that belong together.
#[derive(Debug, Default, Serialize)]
pub struct Group {
    /// Heading.
    pub title: String,
    /// What is to be said of it.
    pub about: String,
    /// Its faces.
    pub faces: Vec<Shown>,
}

/// A face.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// Row of the gallery.
    #[serde(skip)]
    pub row: usize,
    /// Canonical path of its photo.
    pub path: String,
    /// Digest of its photo, in hexadecimal.
    pub sha256: String,
    /// x1, y1, x2, y2 in pixels of the upright photo.
    pub bbox: [f32; 4],
    /// Capture year.
    pub year: Option<u16>,
    /// What is to be said of it.
    pub note: String,
    /// File of its small picture, where it has one.
    pub thumbnail: Option<String>,
}

impl Page {
    /// Every face that is on the page.
    pub fn faces_mut(&mut self) -> impl Iterator<Item = &mut Shown> {
        self.groups.iter_mut().flat_map(|group| &mut group.faces)
    }

    /// As HTML; links are relative to its folder.
    pub fn html(&self) -> String {
        let mut html = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut html);
        html
    }

    fn write(&self, html: &mut String) -> fmt::Result {
        head(html, &self.title)?;
        writeln!(html, "{STYLE}\n<h1>{}</h1>", Escaped(&self.title))?;
        for text in &self.about {
            writeln!(html, "<p class=\"about\">{}</p>", Escaped(text))?;
        }
        if !self.histogram.is_empty() {
            writeln!(html, "<h2>Cosine distances to the centroid</h2>")?;
            let bars = self.histogram.iter().map(|bin| (format!("{:.2}–{:.2}", bin.from, bin.to), bin.faces));
            write_bars(html, &bars.collect::<Vec<_>>())?;
        }
        let mut years: BTreeMap<u16, usize> = BTreeMap::new();
        let dated = self.groups.iter().flat_map(|group| &group.faces).filter_map(|face| face.year);
        dated.for_each(|year| *years.entry(year).or_default() += 1);
        if let Some((first, last)) = years.keys().next().zip(years.keys().next_back()) {
            writeln!(html, "<h2>Faces a year</h2>")?;
            let bars = (*first..=*last)
                .map(|year| (year.to_string(), years.get(&year).copied().unwrap_or_default()));
            write_bars(html, &bars.collect::<Vec<_>>())?;
        }
        self.groups.iter().try_for_each(|group| group.write(html))?;
        writeln!(html, "</html>")
    }
}

impl Group {
    fn write(&self, html: &mut String) -> fmt::Result {
        writeln!(html, "<section>\n<h2>{}</h2>", Escaped(&self.title))?;
        writeln!(html, "<p class=\"about\">{}</p>", Escaped(&self.about))?;
        let mut years: BTreeMap<(bool, u16), Vec<&Shown>> = BTreeMap::new();
        for face in &self.faces {
            // Those without a year last.
            years.entry((face.year.is_none(), face.year.unwrap_or_default())).or_default().push(face);
        }
        for ((undated, year), faces) in years {
            let year = if undated { "no year".to_owned() } else { year.to_string() };
            writeln!(html, "<h3>{year} ({})</h3>\n<div class=\"line\">", faces.len())?;
            let (shown, hidden): (Vec<_>, Vec<_>) =
                faces.into_iter().partition(|face| face.thumbnail.is_some());
            for face in shown {
                let file = face.thumbnail.as_deref().unwrap_or_default();
                let name = face.path.rsplit('/').next().unwrap_or(&face.path);
                writeln!(
                    html,
                    "<figure><img loading=\"lazy\" src=\"{}\" alt=\"\" title=\"{}\">\
                     <figcaption>{}<br>{}</figcaption></figure>",
                    Link(&[THUMBNAILS, file]),
                    Escaped(&face.path),
                    Escaped(name),
                    Escaped(&face.note),
                )?;
            }
            if !hidden.is_empty() {
                writeln!(html, "<p class=\"about\">and {} more</p>", hidden.len())?;
            }
            writeln!(html, "</div>")?;
        }
        writeln!(html, "</section>")
    }
}

fn write_bars(html: &mut String, bars: &[(String, usize)]) -> fmt::Result {
    let most = bars.iter().map(|(_, count)| *count).max().unwrap_or_default().max(1);
    writeln!(html, "<div class=\"bars\">")?;
    for (name, count) in bars {
        let width = *count as f64 / most as f64 * 100.0;
        writeln!(
            html,
            "<span>{}</span><i style=\"width: {width:.1}%\"></i><span>{count}</span>",
            Escaped(name)
        )?;
    }
    writeln!(html, "</div>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_bars_and_years_in_order_and_keeps_names_as_text() {
        let face = |year, thumbnail: Option<&str>| Shown {
            row: 0,
            path: "/photos/<b>&'.jpg".to_owned(),
            sha256: "00".to_owned(),
            bbox: [0.0; 4],
            year,
            note: "0.31 from <2011>".to_owned(),
            thumbnail: thumbnail.map(str::to_owned),
        };
        let faces = vec![face(None, None), face(Some(2011), Some("a.png")), face(Some(2009), Some("b.png"))];
        let page = Page {
            title: "Eras of <anna>".to_owned(),
            about: vec!["a & b".to_owned()],
            histogram: vec![Bin { from: 0.0, to: 0.05, faces: 4 }, Bin { from: 0.05, to: 0.1, faces: 1 }],
            groups: vec![Group { title: "2009-11".to_owned(), about: String::new(), faces }],
        };
        let html = page.html();
        for part in [
            "Eras of &lt;anna&gt;",
            "a &amp; b",
            "width: 25.0%",
            "<span>2010</span><i style=\"width: 0.0%\"></i><span>0</span>",
            "thumbnails/a.png",
            "&lt;b&gt;&amp;&#39;.jpg",
            "no year (1)",
            "and 1 more",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(!html.contains("<b>") && !html.contains("<script") && !html.contains("://"));
        let at = |text: &str| html.find(text).unwrap();
        assert!(at("<h3>2009") < at("<h3>2011") && at("<h3>2011") < at("<h3>no year"));
    }
}
