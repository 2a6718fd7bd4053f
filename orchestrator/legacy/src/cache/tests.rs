//! Old caches that were damaged: refused with a reason or read, never a panic, never more memory than there
//! are bytes.

use std::{
    collections::BTreeMap,
    fs,
    io::{Cursor, Read, Write as _},
};

use facesets_base::{fields::FieldNames, plausible::Extent};
use facesets_core::{
    EMBEDDING_LEN,
    face::{LANDMARKS_68, LANDMARKS_106},
};
use facesets_interop::{ImportError, source};
use facesets_library::{npy, store::Item};
use facesets_mutator::{Seed, survives};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{Arrays, Cache, FIELDS};

/// Faces of the sound cache, all of one photo.
const ROWS: u64 = 2;

/// Arrays in memory, whose bytes nothing protects.
#[derive(Clone)]
struct Bare(BTreeMap<&'static str, Vec<u8>>);

impl Arrays for Bare {
    fn names(&self) -> Vec<String> {
        self.0.keys().map(|name| (*name).to_owned()).collect()
    }

    fn open(&self, name: &str) -> Result<Box<dyn Read>, ImportError> {
        let array = self.0.get(name).ok_or_else(|| ImportError::Missing(name.to_owned()))?;
        Ok(Box::new(Cursor::new(array.clone())))
    }
}

fn sound() -> Bare {
    let texts = |text: &str| {
        let rows = text.repeat(ROWS as usize).into_bytes();
        [npy::head(Item::Text(text.len()), Some(ROWS)), rows].concat()
    };
    let numbers = |shape: &'static [usize], row: &[f32]| {
        let row: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
        [npy::head(Item::F32(shape), Some(ROWS)), row.repeat(ROWS as usize)].concat()
    };
    Bare(BTreeMap::from([
        ("path", texts("/photos/a.jpg")),
        ("sha256", texts(&"ab".repeat(32))),
        ("noface", texts("/photos/b.jpg")),
        ("bbox", numbers(&[4], &[10.0, 10.0, 90.0, 90.0])),
        ("det_score", numbers(&[], &[0.9])),
        ("embedding", numbers(&[EMBEDDING_LEN], &[0.5; EMBEDDING_LEN])),
        ("norm", numbers(&[], &[11.313_708])),
        ("blur", numbers(&[], &[100.0])),
        ("keypoints", numbers(&[5, 2], &[50.0; 10])),
        ("landmarks_106", numbers(&[LANDMARKS_106, 2], &[50.0; LANDMARKS_106 * 2])),
        ("landmarks_68", numbers(&[LANDMARKS_68, 3], &[50.0; LANDMARKS_68 * 3])),
    ]))
}

fn npz(arrays: &Bare, method: CompressionMethod) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in &arrays.0 {
        archive.start_file(format!("{name}.npy"), options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn fields() -> FieldNames {
    FieldNames::new(&FIELDS, &[]).unwrap()
}

/// Reads everything that a cache says; how many faces make sense.
fn look_at(arrays: &dyn Arrays) -> usize {
    let Ok(cache) = Cache::read(arrays, &fields()) else { return 0 };
    let photo_size = Extent::new(100, 100).unwrap();
    cache
        .photos
        .values()
        .filter_map(|photo| cache.faces(&photo.rows, photo_size).ok())
        .map(|faces| faces.len())
        .sum()
}

#[test]
fn a_cache_with_one_damaged_array_is_refused_or_read() {
    let sound = sound();
    assert_eq!(look_at(&sound), 2);
    for (name, array) in sound.0.clone() {
        let mut damaged = sound.clone();
        survives(&[Seed::new(name, array)], 200, |bytes| {
            damaged.0.insert(name, bytes.to_vec());
            assert!(look_at(&damaged) <= 2);
        });
    }
}

#[test]
fn a_damaged_archive_is_refused_or_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache.npz");
    let seeds = [("stored", CompressionMethod::Stored), ("deflated", CompressionMethod::Deflated)];
    let seeds = seeds.map(|(name, method)| Seed::new(name, npz(&sound(), method)));
    survives(&seeds, 2000, |bytes| {
        fs::write(&path, bytes).unwrap();
        if let Ok(arrays) = source::open(&path) {
            assert!(look_at(&*arrays) <= 2);
        }
    });
}

#[test]
fn texts_of_no_width_are_refused_however_many_they_are() {
    let mut arrays = sound();
    let head = String::from_utf8(npy::head(Item::Text(7), Some(9))[10..].to_vec()).unwrap();
    let head = head.replace("|S7", "|S0").replace("(9,)", "(9999999999999999,)");
    let len = (head.len() as u16).to_le_bytes();
    arrays.0.insert("path", [b"\x93NUMPY\x01\0", &len[..], head.as_bytes()].concat());
    let error = Cache::read(&arrays, &fields()).err().unwrap().to_string();
    assert_eq!(error, "the array `path` holds texts of no width");
}
