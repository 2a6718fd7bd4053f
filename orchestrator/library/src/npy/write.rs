//! Heads of version 1.0, which every reader knows.

use super::MAGIC;
use crate::store::Item;

const VERSION: &[u8] = &[1, 0];

/// Arrays begin at a multiple of this, so that they can be mapped into memory.
const ALIGNMENT: usize = 64;

/// The head of an array of so many items; without rows it is a single item.
pub fn head(item: Item, rows: Option<u64>) -> Vec<u8> {
    let (kind, inner): (String, Vec<usize>) = match item {
        Item::Text(len) => (format!("|S{len}"), vec![]),
        Item::Bytes(len) => ("|u1".to_owned(), vec![len]),
        Item::Bool => ("|b1".to_owned(), vec![]),
        Item::I32 => ("<i4".to_owned(), vec![]),
        Item::I64 => ("<i8".to_owned(), vec![]),
        Item::F32(shape) => ("<f4".to_owned(), shape.to_vec()),
    };
    // A tuple of one is written `(1,)`; the comma is allowed after longer ones too, but not in an empty one.
    let mut shape = String::new();
    for len in rows.into_iter().chain(inner.into_iter().map(|len| len as u64)) {
        shape.push_str(&len.to_string());
        shape.push(',');
    }
    let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
    let unpadded = MAGIC.len() + VERSION.len() + 2 + text.len() + 1;
    let padding = unpadded.next_multiple_of(ALIGNMENT) - unpadded;
    let text = format!("{text}{}\n", " ".repeat(padding));
    // At most a few dozen bytes: four dimensions of at most 20 digits.
    let len = (text.len() as u16).to_le_bytes();
    [MAGIC, VERSION, &len, text.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn heads_are_those_that_numpy_writes() {
        let head = head(Item::F32(&[5, 2]), Some(3));
        assert_eq!(&head[..10], b"\x93NUMPY\x01\x00\x76\x00");
        let text = std::str::from_utf8(&head[10..]).unwrap();
        assert_eq!(text.trim_end(), "{'descr': '<f4', 'fortran_order': False, 'shape': (3,5,2,), }");
        let text = super::head(Item::Text(7), None);
        assert!(
            std::str::from_utf8(&text[10..]).unwrap().contains("'|S7', 'fortran_order': False, 'shape': ()")
        );
    }

    proptest! {
        #[test]
        fn every_head_is_aligned_and_says_its_own_length(rows in any::<Option<u64>>(), len in 1usize..100_000) {
            for item in [Item::Text(len), Item::Bytes(len), Item::Bool, Item::I32, Item::I64, Item::F32(&[1, 2, 3])] {
                let head = head(item, rows);
                prop_assert_eq!(head.len() % ALIGNMENT, 0);
                prop_assert_eq!(usize::from(u16::from_le_bytes([head[8], head[9]])) + 10, head.len());
                prop_assert_eq!(head.last(), Some(&b'\n'));
            }
        }
    }
}
