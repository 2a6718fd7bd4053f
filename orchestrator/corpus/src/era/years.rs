//! In which years faces were photographed, and what a group of them is called after.

use std::{cmp::Reverse, collections::BTreeMap};

use facesets_people::gallery::Gallery;

/// Part of the dated faces at either end that the span of a group leaves out: cameras whose clocks were
/// wrong, and scans.
const TAIL: usize = 10;

/// What a group without any year is called.
const UNDATED: &str = "undated";

/// The capture year of each face of a gallery, by the camera's own clock; `None` where the camera does not
/// say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Years(Vec<Option<u16>>);

impl Years {
    /// From the years of contents.
    pub fn new(gallery: &Gallery) -> Self {
        Self((0..gallery.faces.len()).map(|face| gallery.content_of(face).capture_year).collect())
    }

    /// The year of a face (row of the gallery).
    pub fn of(&self, face: usize) -> Option<u16> {
        self.0.get(face).copied().flatten()
    }

    /// The years of some faces, ascending, without those that have none.
    pub fn among(&self, faces: &[usize]) -> Vec<u16> {
        let mut years: Vec<u16> = faces.iter().filter_map(|face| self.of(*face)).collect();
        years.sort_unstable();
        years
    }
}

/// The most frequent of some years (in any order); of equally frequent ones the one nearest to the median,
/// then the earlier one.
pub fn dominant(years: &[u16]) -> Option<u16> {
    let mut sorted = years.to_vec();
    sorted.sort_unstable();
    let median = *sorted.get(sorted.len().checked_sub(1)? / 2)?;
    let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
    for year in sorted {
        *counts.entry(year).or_default() += 1;
    }
    counts
        .into_iter()
        .min_by_key(|(year, count)| (Reverse(*count), year.abs_diff(median), *year))
        .map(|(year, _)| year)
}

/// First and last year of some years (in any order) without the outermost tenth at either end; the dominant
/// year is always within.
pub fn span(years: &[u16]) -> Option<(u16, u16)> {
    let dominant = dominant(years)?;
    let mut sorted = years.to_vec();
    sorted.sort_unstable();
    let tail = sorted.len() / TAIL;
    Some((sorted[tail].min(dominant), sorted[sorted.len() - 1 - tail].max(dominant)))
}

/// `2011`, `2005-10`, `1998-2003` or `undated`: what a group with these founding years is called.
pub fn label(years: &[u16]) -> String {
    match span(years) {
        None => UNDATED.to_owned(),
        Some((first, last)) if first == last => format!("{first:04}"),
        Some((first, last)) if first / 100 == last / 100 => format!("{first:04}-{:02}", last % 100),
        Some((first, last)) => format!("{first:04}-{last:04}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_dominant_year_is_the_most_frequent_one_not_the_middle_of_the_span() {
        assert_eq!(dominant(&[2007, 2011, 2011, 2024]), Some(2011));
        assert_eq!(dominant(&[2024, 2005, 2005, 2020]), Some(2005));
        assert_eq!(dominant(&[]), None);
        assert_eq!(dominant(&[2001, 2009, 2010, 2011, 2019]), Some(2010), "the median of equals");
        assert_eq!(dominant(&[2001, 2003]), Some(2001), "the earlier of equals");
    }

    #[test]
    fn a_label_is_a_year_or_a_range_and_one_wrong_clock_in_ten_does_not_show() {
        assert_eq!(label(&[2011, 2011]), "2011");
        assert_eq!(label(&[2005, 2007, 2010]), "2005-10");
        assert_eq!(label(&[1998, 2003]), "1998-2003");
        assert_eq!(label(&[]), "undated");
        let mut years = vec![2011; 9];
        years.push(2024);
        assert_eq!(label(&years), "2011");
        years.truncate(8);
        years.push(2024);
        assert_eq!(label(&years), "2011-24", "one in nine shows");
    }

    proptest! {
        #[test]
        fn the_dominant_year_is_within_the_span_and_order_does_not_matter(
            mut years in prop::collection::vec(1990u16..2030, 1..60),
        ) {
            let (first, last) = span(&years).unwrap();
            let year = dominant(&years).unwrap();
            prop_assert!(first <= year && year <= last);
            prop_assert!(years.contains(&year));
            years.reverse();
            prop_assert_eq!((dominant(&years), span(&years)), (Some(year), Some((first, last))));
        }
    }
}
