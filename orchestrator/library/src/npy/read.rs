//! Heads of versions 1, 2 and 3: a dictionary of three entries, as Python writes it.

use std::io::{self, Read};

use super::MAGIC;
use crate::store::Item;

/// Longest text of a head, as `NumPy` itself allows; ours have at most 128 bytes.
const MAX_TEXT: u32 = 10_000;

/// Most dimensions; ours have at most three.
const MAX_DIMENSIONS: usize = 32;

/// Widest row of text: paths have at most 4096 bytes on Linux, messages are some lines.
const MAX_WIDTH: usize = 1 << 20;

/// What an array is, as its file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Type of an item in `NumPy`'s notation.
    pub descr: String,
    /// Whether the first index is the one that runs fastest.
    pub fortran_order: bool,
    /// Empty for a single item.
    pub shape: Vec<u64>,
}

/// Bytes that are no head, or that of an array which is not understood.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// The file, not its content.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It does not begin as every such file does.
    #[error("is no `.npy` array")]
    NotNpy,
    /// A version of the format, major and minor, that is not known.
    #[error("is of version {0}.{1} of the `.npy` format, 1.0 to 3.0 are known")]
    Version(u8, u8),
    /// A head of more bytes than `NumPy` itself allows.
    #[error("has a head of {0} bytes, more than {MAX_TEXT}")]
    TooLong(u32),
    /// No dictionary as Python writes it: what is missing or odd.
    #[error("has a head that cannot be understood: {0}")]
    Malformed(&'static str),
    /// Numbers with the highest byte first.
    #[error("is big-endian (`{found}`): save it with `.astype('{needed}')`")]
    BigEndian {
        /// What the file has.
        found: String,
        /// What it should have.
        needed: &'static str,
    },
    /// Items of another type than the one that is needed, both in `NumPy`'s notation.
    #[error("is of type `{found}`, `{needed}` is needed")]
    Type {
        /// What the file has.
        found: String,
        /// What it should have.
        needed: &'static str,
    },
    /// Columns first.
    #[error("is in Fortran order (columns first): save it with `numpy.ascontiguousarray`")]
    FortranOrder,
    /// Other dimensions than are needed.
    #[error("has the shape {found:?}, {needed} is needed")]
    Shape {
        /// What the file has.
        found: Vec<u64>,
        /// What it should have, in words.
        needed: String,
    },
}

impl Head {
    /// Reads a head and leaves `reader` at the first row. Nothing is allocated before its length was checked.
    pub fn read(reader: &mut dyn Read) -> Result<Self, HeadError> {
        let mut start = [0; 8];
        reader.read_exact(&mut start).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => HeadError::NotNpy,
            _ => HeadError::Io(error),
        })?;
        let [major, minor] = [start[6], start[7]];
        if !start.starts_with(MAGIC) {
            return Err(HeadError::NotNpy);
        }
        let len = match (major, minor) {
            (1, 0) => u32::from(u16::from_le_bytes(array(reader)?)),
            (2 | 3, 0) => u32::from_le_bytes(array(reader)?),
            _ => return Err(HeadError::Version(major, minor)),
        };
        if len > MAX_TEXT {
            return Err(HeadError::TooLong(len));
        }
        let mut text = vec![0; len as usize];
        reader.read_exact(&mut text)?;
        // Latin-1 in versions 1 and 2, UTF-8 in 3; whatever we accept is ASCII.
        let text = str::from_utf8(&text).map_err(|_| HeadError::Malformed("it is not ASCII"))?;
        Literal(text).head()
    }

    /// What a row is, if it is what `wanted` says (whatever the width, for texts), and how many there are;
    /// `None` rows for a single item.
    pub fn rows_of(&self, wanted: Item) -> Result<(Item, Option<u64>), HeadError> {
        let item = self.item(wanted)?;
        let inner: Vec<u64> = match item {
            Item::Bytes(len) => vec![len as u64],
            Item::F32(shape) => shape.iter().map(|len| *len as u64).collect(),
            _ => Vec::new(),
        };
        let rows = match self.shape.split_first() {
            Some((rows, rest)) if rest == inner => Some(*rows),
            None if inner.is_empty() => None,
            _ => {
                let needed =
                    inner.iter().fold("[rows".to_owned(), |text, len| text + ", " + &len.to_string());
                return Err(HeadError::Shape { found: self.shape.clone(), needed: needed + "]" });
            }
        };
        // With one dimension both orders are the same.
        if self.fortran_order && self.shape.len() > 1 {
            return Err(HeadError::FortranOrder);
        }
        Ok((item, rows))
    }

    fn item(&self, wanted: Item) -> Result<Item, HeadError> {
        let needed = match wanted {
            Item::Text(_) => "|S…",
            Item::Bytes(_) => "|u1",
            Item::Bool => "|b1",
            Item::I32 => "<i4",
            Item::I64 => "<i8",
            Item::F32(_) => "<f4",
        };
        let found = self.descr.clone();
        match wanted {
            Item::Text(_) => {
                let width = found.strip_prefix("|S").and_then(|width| width.parse::<usize>().ok());
                match width.filter(|width| (1..=MAX_WIDTH).contains(width)) {
                    Some(width) => Ok(Item::Text(width)),
                    None => Err(HeadError::Type { found, needed }),
                }
            }
            _ if found == needed => Ok(wanted),
            _ if found.strip_prefix('>').is_some_and(|rest| needed.strip_prefix('<') == Some(rest)) => {
                Err(HeadError::BigEndian { found, needed })
            }
            _ => Err(HeadError::Type { found, needed }),
        }
    }
}

fn array<const N: usize>(reader: &mut dyn Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// What is left of a Python literal.
struct Literal<'a>(&'a str);

impl<'a> Literal<'a> {
    fn head(mut self) -> Result<Head, HeadError> {
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        self.symbol('{', "a dictionary is expected")?;
        while !self.takes('}') {
            let key = self.string()?;
            self.symbol(':', "`:` is expected after a key")?;
            let again = match key {
                "descr" => descr.replace(self.string()?.to_owned()).is_some(),
                "fortran_order" => fortran_order.replace(self.boolean()?).is_some(),
                "shape" => shape.replace(self.tuple()?).is_some(),
                _ => return Err(HeadError::Malformed("a key is unknown")),
            };
            if again {
                return Err(HeadError::Malformed("a key is there twice"));
            }
            if !self.takes(',') {
                self.symbol('}', "`,` or `}` is expected after a value")?;
                break;
            }
        }
        if !self.0.trim_start().is_empty() {
            return Err(HeadError::Malformed("something follows the dictionary"));
        }
        match (descr, fortran_order, shape) {
            (Some(descr), Some(fortran_order), Some(shape)) => Ok(Head { descr, fortran_order, shape }),
            _ => Err(HeadError::Malformed("`descr`, `fortran_order` and `shape` are needed")),
        }
    }

    fn takes(&mut self, symbol: char) -> bool {
        let rest = self.0.trim_start();
        let taken = rest.strip_prefix(symbol);
        self.0 = taken.unwrap_or(rest);
        taken.is_some()
    }

    fn symbol(&mut self, symbol: char, problem: &'static str) -> Result<(), HeadError> {
        if self.takes(symbol) { Ok(()) } else { Err(HeadError::Malformed(problem)) }
    }

    /// Without escapes: no type and no key has any.
    fn string(&mut self) -> Result<&'a str, HeadError> {
        const PROBLEM: &str = "a text in quotes is expected (arrays of records are not understood)";
        let quote = if self.takes('"') { '"' } else { '\'' };
        if quote == '\'' {
            self.symbol('\'', PROBLEM)?;
        }
        let (text, rest) = self.0.split_once(quote).ok_or(HeadError::Malformed(PROBLEM))?;
        if !text.chars().all(|c| c.is_ascii_graphic() && c != '\\') {
            return Err(HeadError::Malformed("a text has strange characters"));
        }
        self.0 = rest;
        Ok(text)
    }

    fn boolean(&mut self) -> Result<bool, HeadError> {
        let rest = self.0.trim_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = rest.strip_prefix(word) {
                self.0 = rest;
                return Ok(value);
            }
        }
        Err(HeadError::Malformed("`True` or `False` is expected"))
    }

    fn tuple(&mut self) -> Result<Vec<u64>, HeadError> {
        self.symbol('(', "a tuple is expected")?;
        let mut numbers = Vec::new();
        while !self.takes(')') {
            if numbers.len() == MAX_DIMENSIONS {
                return Err(HeadError::Malformed("there are too many dimensions"));
            }
            let rest = self.0.trim_start();
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let number = rest[..digits].parse();
            numbers.push(number.map_err(|_| HeadError::Malformed("a length is no number of 64 bits"))?);
            self.0 = &rest[digits..];
            if !self.takes(',') {
                self.symbol(')', "`,` or `)` is expected after a length")?;
                break;
            }
        }
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::head, *};

    fn with_text(version: u8, text: &str) -> Vec<u8> {
        let len = text.len() as u32;
        let len = if version == 1 { len.to_le_bytes()[..2].to_vec() } else { len.to_le_bytes().to_vec() };
        [MAGIC, &[version, 0], &len, text.as_bytes()].concat()
    }

    fn read(bytes: &[u8]) -> Result<Head, HeadError> {
        Head::read(&mut &*bytes)
    }

    #[test]
    fn heads_of_every_version_and_style_are_read() {
        let expected = Head { descr: "<f4".to_owned(), fortran_order: false, shape: vec![3, 512] };
        for text in [
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 512), }          \n",
            "{\"shape\":(3,512,),\"fortran_order\":False,\"descr\":\"<f4\"}",
        ] {
            for version in 1..=3 {
                assert_eq!(read(&with_text(version, text)).unwrap(), expected, "{version} {text}");
            }
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_reason() {
        let text = |descr: &str, order: &str, shape: &str| {
            let text = format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n");
            read(&with_text(1, &text)).and_then(|head| head.rows_of(Item::F32(&[2])))
        };
        for (result, reason) in [
            (text("'>f4'", "False", "(3, 2)"), "big-endian (`>f4`): save it with `.astype('<f4')`"),
            (text("'<f8'", "False", "(3, 2)"), "`<f8`, `<f4` is needed"),
            (text("'<f4'", "True", "(3, 2)"), "Fortran order"),
            (text("'<f4'", "False", "(3, 4)"), "[3, 4], [rows, 2] is needed"),
            (text("'<f4'", "False", "()"), "[], [rows, 2]"),
            (text("'<f4'", "False", "(-1, 2)"), "no number"),
            (text("'<f4'", "False", "(99999999999999999999, 2)"), "no number"),
            (text("'<f4'", "0", "(3, 2)"), "`True` or `False`"),
            (text("[('a', '<f4')]", "False", "(3,)"), "records"),
        ] {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        assert!(matches!(read(b"PK\x03\x04 and more"), Err(HeadError::NotNpy)));
        assert!(matches!(read(b""), Err(HeadError::NotNpy)));
        assert!(matches!(read(b"\x93NUMPY\x04\x00\x01\x00"), Err(HeadError::Version(4, 0))));
        assert!(matches!(read(b"\x93NUMPY\x03\x00\xff\xff\xff\xff"), Err(HeadError::TooLong(u32::MAX))));
        assert!(matches!(read(b"\x93NUMPY\x01\x00\x10\x00{'descr"), Err(HeadError::Io(_))));
    }

    #[test]
    fn a_text_has_a_width_that_a_path_can_have() {
        let item = |descr: &str| {
            Head { descr: descr.to_owned(), fortran_order: true, shape: vec![5] }.rows_of(Item::Text(0))
        };
        assert_eq!(item("|S7").unwrap(), (Item::Text(7), Some(5)));
        for descr in ["|S0", "|S99999999999", "<U7", "|S-1", "|S", "|O"] {
            assert!(item(descr).unwrap_err().to_string().contains("`|S…` is needed"), "{descr}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(rows in any::<Option<u64>>(), len in 1usize..100_000) {
            for item in [Item::Text(len), Item::Bool, Item::I32, Item::I64] {
                prop_assert_eq!(read(&head(item, rows)).unwrap().rows_of(item).unwrap(), (item, rows));
            }
            for item in [Item::Bytes(len), Item::F32(&[4]), Item::F32(&[5, 2])] {
                let rows = rows.unwrap_or(0);
                let read = read(&head(item, Some(rows))).unwrap().rows_of(item).unwrap();
                prop_assert_eq!(read, (item, Some(rows)));
            }
        }

        #[test]
        fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
            let _ = read(&[MAGIC, &[1, 0], &bytes].concat());
        }

        #[test]
        fn no_text_makes_it_panic(
            version in 1u8..=3,
            text in "[{}()\\[\\]'\":, <>|fSiu0-9TrueFalse\u{e9}]{0,40}",
            cut in 0usize..120,
            junk in "[{}()'\":,\\\\ \u{0}a-z0-9]{0,9}",
        ) {
            let _ = read(&with_text(version, &text));
            let mut valid = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 512), }".to_owned();
            valid.insert_str(cut.min(valid.len()), &junk);
            if let Ok(head) = read(&with_text(version, &valid)) {
                let _ = head.rows_of(Item::F32(&[512]));
            }
        }
    }
}
