//! One array on its way in: checked as a whole when it is opened, then row after row.

use std::io::{self, Read};

use facesets_library::{npy::Head, store};

use super::{import_error::ImportError, source::Arrays};

/// The rows of an array that are still to come.
pub(super) struct Column {
    name: &'static str,
    rows: u64,
    /// Rows read so far.
    read: u64,
    reader: Box<dyn Read>,
    row: Vec<u8>,
}

impl Column {
    /// Opens an array of the export, which must be of the type and shape that the export gives it.
    pub(super) fn open(arrays: &dyn Arrays, name: &'static str) -> Result<Self, ImportError> {
        let column = store::COLUMNS.iter().find(|column| column.name == name);
        let wanted = column.ok_or_else(|| ImportError::Missing(name.to_owned()))?.kind();
        let mut reader = arrays.open(name)?;
        let (item, rows) = Head::read(&mut reader)
            .and_then(|head| head.rows_of(wanted))
            .map_err(|error| ImportError::head(name, &error))?;
        let rows = rows.ok_or_else(|| problem(name, "has a single item and no rows".to_owned()))?;
        Ok(Self { name, rows, read: 0, reader, row: vec![0; item.len()] })
    }

    /// As [`Self::open`], with as many rows as another one of its table.
    pub(super) fn beside(arrays: &dyn Arrays, name: &'static str, other: &Self) -> Result<Self, ImportError> {
        let column = Self::open(arrays, name)?;
        if column.rows == other.rows {
            return Ok(column);
        }
        Err(problem(name, format!("has {} rows, `{}` has {}", column.rows, other.name, other.rows)))
    }

    /// As [`Self::beside`]; `None` where there is no such array, as in exports of versions before it.
    pub(super) fn beside_if_there(
        arrays: &dyn Arrays,
        name: &'static str,
        other: &Self,
    ) -> Result<Option<Self>, ImportError> {
        let is_there = arrays.names().iter().any(|known| known == name);
        is_there.then(|| Self::beside(arrays, name, other)).transpose()
    }

    /// Rows in all.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// The bytes of the next row.
    pub(super) fn bytes(&mut self) -> Result<&[u8], ImportError> {
        self.reader.read_exact(&mut self.row).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                problem(self.name, format!("ends in row {} of {}", self.read, self.rows))
            }
            _ => problem(self.name, format!("cannot be read in row {}: {error}", self.read)),
        })?;
        self.read += 1;
        Ok(&self.row)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ImportError> {
        // The width of the rows was checked when the array was opened.
        Ok(*self.bytes()?.first_chunk().expect("rows are as wide as their type"))
    }

    pub(super) fn boolean(&mut self) -> Result<bool, ImportError> {
        match self.array::<1>()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(self.wrong(format!("{other} is neither true nor false"))),
        }
    }

    pub(super) fn i32(&mut self) -> Result<i32, ImportError> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    pub(super) fn i64(&mut self) -> Result<i64, ImportError> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// An `i64` or `i32` that counts or measures.
    pub(super) fn natural(&mut self) -> Result<u64, ImportError> {
        let value = if self.row.len() == 4 { i64::from(self.i32()?) } else { self.i64()? };
        u64::try_from(value).map_err(|_| self.wrong(format!("{value} is below 0")))
    }

    pub(super) fn f32s(&mut self) -> Result<impl ExactSizeIterator<Item = f32>, ImportError> {
        Ok(self.bytes()?.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)))
    }

    /// Points of so many coordinates, all of them numbers.
    pub(super) fn points<const N: usize>(&mut self) -> Result<Vec<[f32; N]>, ImportError> {
        let values: Vec<f32> = self.f32s()?.collect();
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(self.wrong(format!("value {at} is {}", values[at])));
        }
        Ok(values.as_chunks().0.to_vec())
    }

    pub(super) fn f32(&mut self) -> Result<f32, ImportError> {
        Ok(f32::from_le_bytes(self.array()?))
    }

    /// A text without the zeros that fill its row up.
    pub(super) fn text_bytes(&mut self) -> Result<Vec<u8>, ImportError> {
        let row = self.bytes()?;
        let len = row.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        Ok(row[..len].to_vec())
    }

    pub(super) fn text(&mut self) -> Result<String, ImportError> {
        let bytes = self.text_bytes()?;
        String::from_utf8(bytes).map_err(|_| self.wrong("is not UTF-8".to_owned()))
    }

    /// What is wrong with the row read last.
    pub(super) fn wrong(&self, problem: String) -> ImportError {
        ImportError::Row { array: self.name.to_owned(), row: self.read.saturating_sub(1), problem }
    }

    /// Demands that every row was read, and that nothing follows.
    pub(super) fn finish(mut self) -> Result<(), ImportError> {
        debug_assert_eq!(self.read, self.rows, "{}", self.name);
        match self.reader.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(problem(self.name, format!("goes on after its {} rows", self.rows))),
            Err(error) => Err(problem(self.name, format!("cannot be read: {error}"))),
        }
    }
}

fn problem(array: &str, problem: String) -> ImportError {
    ImportError::Array { array: array.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use facesets_library::{npy, store::Item};
    use facesets_mutator::{Seed, survives};

    use super::*;

    /// One array, whatever it is asked for.
    struct One(Vec<u8>);

    impl Arrays for One {
        fn names(&self) -> Vec<String> {
            Vec::new()
        }

        fn open(&self, _: &str) -> Result<Box<dyn Read>, ImportError> {
            Ok(Box::new(io::Cursor::new(self.0.clone())))
        }
    }

    #[test]
    fn a_damaged_array_is_refused_or_has_as_many_rows_as_it_says() {
        for column in store::COLUMNS {
            let item = match column.kind() {
                Item::Text(_) => Item::Text(9),
                other => other,
            };
            let array = [npy::head(item, Some(3)), vec![0; 3 * item.len()]].concat();
            survives(&[Seed::new(column.name, array)], 200, |bytes| {
                let Ok(mut column) = Column::open(&One(bytes.to_vec()), column.name) else { return };
                let told = column.rows.saturating_mul(column.row.len() as u64);
                while column.read < column.rows && column.bytes().is_ok() {}
                if column.read == column.rows && column.finish().is_ok() {
                    assert!(told < bytes.len() as u64, "{told} bytes of rows in a file of {}", bytes.len());
                }
            });
        }
    }
}
