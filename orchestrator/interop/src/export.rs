//! Every column of the store as an array.

use std::fmt;

use facesets_base::monitor::Monitor;
use facesets_library::store::{COLUMNS, Export, Item, Store, StoreError};
use serde::Serialize;
use serde_json::json;

use super::{
    error::InteropError,
    target::{Array, Target},
};

/// Raised when a reader of the arrays would misunderstand them. In version 1, `faces_pose` had yaw, pitch,
/// roll; now it has pitch, yaw, roll.
pub const FORMAT_VERSION: u32 = 2;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The file or folder.
    pub written: String,
    /// The contract of the embeddings.
    pub contract: String,
    /// Rows of `contents_…`.
    pub contents: u64,
    /// Rows of `locations_…`.
    pub locations: u64,
    /// Rows of `faces_…`.
    pub faces: u64,
}

/// Versions and contracts, as JSON.
pub(super) fn meta(export: &Export<'_>) -> Result<String, StoreError> {
    let meta = json!({
        "format": "facesets",
        "format_version": FORMAT_VERSION,
        "schema_version": export.schema_version()?,
        "facesets_version": env!("CARGO_PKG_VERSION"),
        "contract": export.contract(),
        "landmarks_contracts": export.landmarks_contracts(),
    });
    Ok(meta.to_string())
}

/// Writes every column under a contract, `None` for the only one, and `meta`: a JSON text with versions and
/// contracts.
pub fn export(
    store: &Store,
    contract: Option<&str>,
    mut target: Target,
    monitor: &dyn Monitor,
) -> Result<Summary, InteropError> {
    let export = store.export(contract)?;
    let meta = meta(&export)?;
    let path = target.path().to_owned();
    target.array(Array { name: "meta", item: Item::Text(meta.len()), rows: None }, |out| {
        out.write_all(meta.as_bytes()).map_err(InteropError::at(&path))
    })?;
    let (mut contents, mut locations, mut faces) = (0, 0, 0);
    monitor.start("export", Some(COLUMNS.len() as u64));
    for column in COLUMNS {
        let rows = export.rows(column)?;
        match column.name.split_once('_').map(|(table, _)| table) {
            Some("contents") => contents = rows,
            Some("locations") => locations = rows,
            _ => faces = rows,
        }
        let array = Array { name: column.name, item: export.item(column)?, rows: Some(rows) };
        target.array(array, |out| export.write(column, out).map_err(InteropError::column(&path)))?;
        monitor.advance(1);
    }
    monitor.finish();
    let written = target.finish()?.display().to_string();
    Ok(Summary { written, contract: export.contract().to_owned(), contents, locations, faces })
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { written, contract, contents, locations, faces } = self;
        writeln!(f, "written    {written}")?;
        writeln!(f, "contract   {contract}")?;
        writeln!(f, "contents   {contents}")?;
        writeln!(f, "locations  {locations}")?;
        writeln!(f, "faces      {faces}")
    }
}
