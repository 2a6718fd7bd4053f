//! Thresholds as types: a distance is never mistaken for a similarity.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A cosine distance, 1 − cosine similarity, in [0, 2].
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f32", into = "f32")]
pub struct CosineDistance(f32);

/// A part of a whole, in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f32", into = "f32")]
pub struct Fraction(f32);

/// A number outside its range.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{value}` is not a {what}: a number from 0 to {max} is needed")]
pub struct OutOfRange {
    value: String,
    what: &'static str,
    max: u8,
}

impl CosineDistance {
    /// A distance that is known when the program is written.
    ///
    /// # Panics
    /// Out of range; in a constant that is an error of the compiler.
    pub const fn literal(value: f32) -> Self {
        assert!(value >= 0.0 && value <= 2.0, "a cosine distance is from 0 to 2");
        Self(value)
    }

    /// The number.
    pub const fn get(self) -> f32 {
        self.0
    }
}

impl Fraction {
    /// A fraction that is known when the program is written.
    ///
    /// # Panics
    /// Out of range; in a constant that is an error of the compiler.
    pub const fn literal(value: f32) -> Self {
        assert!(value >= 0.0 && value <= 1.0, "a fraction is from 0 to 1");
        Self(value)
    }

    /// The number.
    pub const fn get(self) -> f32 {
        self.0
    }
}

impl TryFrom<f32> for CosineDistance {
    type Error = OutOfRange;

    fn try_from(value: f32) -> Result<Self, OutOfRange> {
        value.to_string().parse()
    }
}

impl TryFrom<f32> for Fraction {
    type Error = OutOfRange;

    fn try_from(value: f32) -> Result<Self, OutOfRange> {
        value.to_string().parse()
    }
}

impl From<CosineDistance> for f32 {
    fn from(distance: CosineDistance) -> Self {
        distance.0
    }
}

impl From<Fraction> for f32 {
    fn from(fraction: Fraction) -> Self {
        fraction.0
    }
}

impl FromStr for CosineDistance {
    type Err = OutOfRange;

    fn from_str(text: &str) -> Result<Self, OutOfRange> {
        parse(text, "cosine distance", 2).map(Self)
    }
}

impl FromStr for Fraction {
    type Err = OutOfRange;

    fn from_str(text: &str) -> Result<Self, OutOfRange> {
        parse(text, "fraction", 1).map(Self)
    }
}

impl fmt::Display for CosineDistance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Parses a measure that has no upper end, such as pixels; NaN would switch its gate off.
pub fn non_negative(text: &str) -> Result<f32, String> {
    let fits = |value: &f32| value.is_finite() && *value >= 0.0;
    text.parse().ok().filter(fits).ok_or_else(|| "a number of at least 0 is needed".to_owned())
}

fn parse(text: &str, what: &'static str, max: u8) -> Result<f32, OutOfRange> {
    text.parse().ok().filter(|value| (0.0..=f32::from(max)).contains(value)).ok_or_else(|| OutOfRange {
        value: text.to_owned(),
        what,
        max,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_range_are_refused_with_the_range() {
        assert_eq!("0.55".parse(), Ok(CosineDistance::literal(0.55)));
        for text in ["-0.1", "2.1", "NaN", "half"] {
            let error = text.parse::<CosineDistance>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("`{text}` is not a cosine distance: a number from 0 to 2 is needed")
            );
        }
        assert!("1.5".parse::<Fraction>().is_err());
        assert_eq!(non_negative("90"), Ok(90.0));
        for text in ["-1", "NaN", "inf", ""] {
            assert!(non_negative(text).is_err(), "{text}");
        }
    }
}
