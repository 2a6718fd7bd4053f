//! The store as tables, for programs that want rows: some at a time, with every column of a table side by
//! side.

use facesets_core::Sha256Digest;
use rusqlite::Row;

use super::{
    StoreError, blob,
    export::{COLUMNS, Column, Export, Item, Source, Table},
    faces, locations,
};

/// Some values of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// The sha256 of contents.
    Digests(Vec<Sha256Digest>),
    /// Bytes of paths.
    Paths(Vec<Vec<u8>>),
    /// Texts, where there are any.
    Texts(Vec<Option<String>>),
    /// Truths.
    Bools(Vec<bool>),
    /// Small numbers, where there are any.
    I32s(Vec<Option<i32>>),
    /// Large numbers, where there are any.
    I64s(Vec<Option<i64>>),
    /// Arrays of this shape, one after the other.
    F32s(Vec<f32>, &'static [usize]),
}

/// Some rows of a table: names of columns without that of the table, each once, and their values.
pub type Batch = Vec<(&'static str, Values)>;

impl Export<'_> {
    /// Hands every row of a table to `take`, at most `rows` at a time; at least one batch, which may be
    /// empty.
    pub fn batches<E: From<StoreError>>(
        &self,
        table: Table,
        rows: usize,
        mut take: impl FnMut(Batch) -> Result<(), E>,
    ) -> Result<(), E> {
        let columns = columns(table);
        let queries: Vec<&str> = columns.iter().map(|(_, column)| column.query).collect();
        let query = format!("SELECT {} {} ORDER BY {}", queries.join(", "), table.whole(), table.order());
        let sqlite = |error: rusqlite::Error| E::from(StoreError::from(error));
        let mut statement = self.snapshot.prepare(&query).map_err(sqlite)?;
        let mut found = statement.query(self.parameters(table)).map_err(sqlite)?;
        let (mut batch, mut filled, mut taken) = (empty(&columns), 0, 0);
        while let Some(row) = found.next().map_err(sqlite)? {
            let mut first = 0;
            for ((_, values), (_, column)) in batch.iter_mut().zip(&columns) {
                push(values, column, row, first)?;
                first += column.query.split(',').count();
            }
            filled += 1;
            if filled == rows {
                take(std::mem::replace(&mut batch, empty(&columns)))?;
                (filled, taken) = (0, taken + 1);
            }
        }
        if filled > 0 || taken == 0 { take(batch) } else { Ok(()) }
    }
}

/// The columns of a table. Contents go by their sha256, so that places among them are left out where that is
/// there too.
fn columns(table: Table) -> Vec<(&'static str, &'static Column)> {
    let mut columns: Vec<(&str, &Column)> = Vec::new();
    for column in COLUMNS.iter().filter(|column| column.table == table) {
        let name = column.name.split_once('_').map_or(column.name, |(_, name)| name);
        let name = if column.source == Source::ContentIndex { "sha256" } else { name };
        if column.source != Source::ContentIndex || table != Table::Faces {
            columns.push((name, column));
        }
    }
    columns
}

fn empty(columns: &[(&'static str, &Column)]) -> Batch {
    let values = |column: &Column| match (column.source, column.kind()) {
        (Source::ContentIndex, _) | (_, Item::Bytes(_)) => Values::Digests(Vec::new()),
        (Source::Path, _) => Values::Paths(Vec::new()),
        (Source::LandmarksContract, _) | (_, Item::Text(_)) => Values::Texts(Vec::new()),
        (_, Item::Bool) => Values::Bools(Vec::new()),
        (_, Item::I32) => Values::I32s(Vec::new()),
        (_, Item::I64) => Values::I64s(Vec::new()),
        (_, Item::F32(shape)) => Values::F32s(Vec::new(), shape),
    };
    columns.iter().map(|(name, column)| (*name, values(column))).collect()
}

fn push(values: &mut Values, column: &Column, row: &Row<'_>, first: usize) -> Result<(), StoreError> {
    let blob = || row.get_ref(first)?.as_blob().map_err(rusqlite::Error::from);
    match values {
        Values::Digests(values) => values.push(locations::digest(blob()?)?),
        Values::Paths(values) => values.push(blob()?.to_vec()),
        Values::Texts(values) => values.push(row.get(first)?),
        Values::Bools(values) => values.push(row.get(first)?),
        Values::I32s(values) => values.push(row.get(first)?),
        Values::I64s(values) => values.push(row.get(first)?),
        Values::F32s(values, _) if column.source == Source::Pose => values.extend(faces::angles(row, first)?),
        Values::F32s(values, shape) => {
            let len: usize = shape.iter().product();
            let before = values.len();
            if let Ok(bytes) = blob() {
                values.extend(blob::decode(bytes));
            } else {
                for at in first..first + len {
                    values.push(row.get(at)?);
                }
            }
            if values.len() - before != len {
                return Err(StoreError::Damaged(format!("a row of `{}` has not {len} numbers", column.name)));
            }
        }
    }
    Ok(())
}
