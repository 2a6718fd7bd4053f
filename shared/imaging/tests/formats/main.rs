//! Whole files in the formats that phones and cameras write, made by `scripts/python/make_format_fixtures.py`.

mod damage;
mod dates;
mod fixtures;
#[cfg(feature = "heif")]
mod heif;
mod raw;
mod unsupported;
