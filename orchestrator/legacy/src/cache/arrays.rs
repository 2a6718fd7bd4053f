//! Whole arrays of an old cache: numbers of any common type, texts of fixed width. Pickled objects are never
//! unpickled.

use std::io::Read;

use facesets_interop::{ImportError, source::Arrays};
use facesets_library::npy::{Head, HeadError};

use super::LegacyError;

/// Numbers, row after row, with the number of rows.
#[derive(Debug)]
pub(super) struct Numbers {
    pub(super) values: Vec<f32>,
    pub(super) rows: usize,
    width: usize,
}

impl Numbers {
    /// Reads the array `theirs`, each of whose rows has this shape.
    pub(super) fn read(arrays: &dyn Arrays, theirs: &str, shape: &[u64]) -> Result<Self, LegacyError> {
        let (head, mut reader) = open(arrays, theirs)?;
        let size = match head.descr.as_str() {
            "<f4" | "<i4" => 4,
            "<f8" | "<i8" => 8,
            _ => {
                return Err(wrong_type(
                    theirs,
                    &head,
                    "numbers (`<f4`, `<f8`, `<i4` or `<i8`)",
                    ".astype('<f4')",
                ));
            }
        };
        let rows = match head.shape.split_first() {
            Some((rows, rest)) if rest == shape => *rows,
            _ => {
                let needed = shape.iter().fold("[rows".to_owned(), |text, len| format!("{text}, {len}"));
                let error = HeadError::Shape { found: head.shape, needed: needed + "]" };
                return Err(ImportError::head(theirs, &error).into());
            }
        };
        if head.fortran_order && head.shape.len() > 1 {
            return Err(ImportError::head(theirs, &HeadError::FortranOrder).into());
        }
        let width: u64 = shape.iter().product();
        let bytes = exactly(theirs, &mut reader, rows, width.saturating_mul(size))?;
        let values = match head.descr.as_str() {
            "<f4" => bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            "<f8" => bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32).collect(),
            "<i4" => bytes.as_chunks().0.iter().map(|bytes| i32::from_le_bytes(*bytes) as f32).collect(),
            _ => bytes.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes) as f32).collect(),
        };
        Ok(Self { values, rows: rows as usize, width: width as usize })
    }

    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..(row + 1) * self.width]
    }

    pub(super) fn one(&self, row: usize) -> f32 {
        self.values[row * self.width]
    }

    /// The row as points of so many coordinates.
    pub(super) fn points<const N: usize>(&self, row: usize) -> Vec<[f32; N]> {
        self.row(row).as_chunks().0.to_vec()
    }
}

/// Reads the array of texts `theirs`: `<U…` or `|S…` (UTF-8).
pub(super) fn texts(arrays: &dyn Arrays, theirs: &str) -> Result<Vec<String>, LegacyError> {
    let (head, mut reader) = open(arrays, theirs)?;
    let width = |prefix: &str| head.descr.strip_prefix(prefix).and_then(|width| width.parse::<u64>().ok());
    let (wide, width) = match (width("<U"), width("|S")) {
        (Some(width), _) => (true, width.saturating_mul(4)),
        (_, Some(width)) => (false, width),
        _ => return Err(wrong_type(theirs, &head, "texts (`<U…` or `|S…`)", ".astype(str)")),
    };
    let [rows] = head.shape[..] else {
        let error = HeadError::Shape { found: head.shape, needed: "[rows]".to_owned() };
        return Err(ImportError::head(theirs, &error).into());
    };
    // As many rows as it likes would need no byte of the file.
    if width == 0 {
        let problem = "holds texts of no width".to_owned();
        return Err(ImportError::Array { array: theirs.to_owned(), problem }.into());
    }
    let bytes = exactly(theirs, &mut reader, rows, width)?;
    let text = |(row, bytes): (u64, &[u8])| {
        let text = if wide {
            let chars = bytes.as_chunks().0.iter().map(|bytes| char::from_u32(u32::from_le_bytes(*bytes)));
            chars.collect::<Option<String>>()
        } else {
            String::from_utf8(bytes.to_vec()).ok()
        };
        let text = text.ok_or_else(|| LegacyError::row(theirs, row as usize, "is no Unicode text"))?;
        Ok(text.trim_end_matches('\0').to_owned())
    };
    (0..).zip(bytes.chunks_exact(width as usize)).map(text).collect()
}

fn open(arrays: &dyn Arrays, theirs: &str) -> Result<(Head, Box<dyn Read>), LegacyError> {
    let mut reader = arrays.open(theirs)?;
    let head = Head::read(&mut reader).map_err(|error| ImportError::head(theirs, &error))?;
    Ok((head, reader))
}

/// The bytes of so many rows, and nothing behind them. No more is allocated than there is.
fn exactly(theirs: &str, reader: &mut dyn Read, rows: u64, width: u64) -> Result<Vec<u8>, LegacyError> {
    let array = |problem: String| ImportError::Array { array: theirs.to_owned(), problem };
    let wanted = rows.checked_mul(width).ok_or_else(|| array(format!("cannot have {rows} rows")))?;
    let mut bytes = Vec::new();
    // One more, at which a checksum is looked at too.
    let read = reader.take(wanted.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| array(format!("cannot be read: {error}")))?;
    match (bytes.len() as u64).cmp(&wanted) {
        std::cmp::Ordering::Less => Err(array(format!("ends before its {rows} rows do")).into()),
        std::cmp::Ordering::Greater => Err(array(format!("goes on after its {rows} rows")).into()),
        std::cmp::Ordering::Equal => Ok(bytes),
    }
}

fn wrong_type(theirs: &str, head: &Head, needed: &'static str, convert: &'static str) -> LegacyError {
    if head.descr.starts_with("|O") {
        return LegacyError::Pickled { array: theirs.to_owned(), convert };
    }
    let problem = format!("is of type `{}`, {needed} are needed", head.descr);
    ImportError::Array { array: theirs.to_owned(), problem }.into()
}
