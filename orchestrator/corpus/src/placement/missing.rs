//! Photos that are not in an output although they should be.

use std::{collections::BTreeSet, fmt, ops::AddAssign};

use facesets_base::location::Location;
use serde::Serialize;

/// So many names stand in a summary for people; scripts get all.
const SHOWN: usize = 5;

/// Photos that are not in an output although they should be, by their canonical locations.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(into = "Counts")]
pub struct Missing {
    /// Could not be put there; each was reported.
    pub failed: BTreeSet<Location>,
    /// Are not what was embedded any more; each was reported.
    pub changed: BTreeSet<Location>,
    /// Lie nowhere any more.
    pub vanished: BTreeSet<Location>,
}

/// As scripts read it.
#[derive(Debug, Serialize)]
struct Counts {
    failed: usize,
    changed: usize,
    vanished: usize,
    /// Names of those that have vanished.
    missing: Vec<String>,
}

impl Missing {
    /// How many photos are not there, for whatever reason.
    pub fn len(&self) -> usize {
        self.failed.len() + self.changed.len() + self.vanished.len()
    }

    /// Whether all are there.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl AddAssign for Missing {
    fn add_assign(&mut self, other: Self) {
        self.failed.extend(other.failed);
        self.changed.extend(other.changed);
        self.vanished.extend(other.vanished);
    }
}

impl From<Missing> for Counts {
    fn from(missing: Missing) -> Self {
        Self {
            failed: missing.failed.len(),
            changed: missing.changed.len(),
            vanished: missing.vanished.len(),
            missing: missing.vanished.iter().map(Location::text).collect(),
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failed, changed, vanished } = self;
        if !failed.is_empty() {
            writeln!(f, "{} photos could not be read (listed above)", failed.len())?;
        }
        if !changed.is_empty() {
            writeln!(f, "{} photos have changed since they were embedded (listed above)", changed.len())?;
        }
        if vanished.is_empty() {
            return Ok(());
        }
        let shown: Vec<_> =
            vanished.iter().take(SHOWN).map(|location| format!("`{}`", location.text())).collect();
        let more = vanished.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        writeln!(
            f,
            "{} photos of the library lie nowhere any more and are only in the manifest: {}{more} \
             (`facesets embed` on their folders finds out whether they are gone)",
            vanished.len(),
            shown.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photo_that_is_missing_in_several_sets_counts_once_and_is_named() {
        let one =
            |name: &str| Missing { vanished: BTreeSet::from([Location::file(name)]), ..Missing::default() };
        let mut missing = Missing::default();
        for name in ["/a", "/b", "/a"] {
            missing += one(name);
        }
        assert_eq!(missing.len(), 2);
        assert!(missing.to_string().contains("manifest: `/a`, `/b` ("), "{missing}");
        (0..9).for_each(|number| missing += one(&format!("/c{number}")));
        assert!(missing.to_string().contains("`/c2` and 6 more ("), "{missing}");
        let json = serde_json::to_value(&missing).unwrap();
        assert_eq!((&json["vanished"], &json["missing"][10]), (&11.into(), &"/c8".into()));
    }
}
