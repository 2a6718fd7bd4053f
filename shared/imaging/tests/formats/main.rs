//! Whole files in the formats that phones and cameras write, made by
//! `scripts/python/make_format_fixtures.py`.

#![expect(clippy::unwrap_used, reason = "only tests, and what several of them need")]

mod damage;
mod dates;
mod fixtures;
#[cfg(all(feature = "heif", feature = "avif"))]
mod heif;
mod jpeg;
mod metadata;
mod raw;
mod tiff;
mod without_features;
