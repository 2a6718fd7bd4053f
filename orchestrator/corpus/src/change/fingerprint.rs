//! What a file or folder looks like, to see whether anybody changed it.

use std::{
    fs, io,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use facesets_core::{Sha256Digest, is_litter};

/// The largest file whose bytes count. Of larger ones, photos and bundles, the size does: they are written
/// once and never changed.
const MAX_READ: u64 = 4 << 20;

/// A digest of everything below a path: names, sizes, targets of links, and the bytes of manifests and other
/// text. What systems leave behind in a folder changes nothing. `None` where nothing is.
pub fn fingerprint(path: &Path) -> io::Result<Option<String>> {
    digest(path, Litter::PassedOver)
}

/// Whether a path has this fingerprint still. Earlier versions counted what systems leave behind.
pub(super) fn is_unchanged(path: &Path, expected: Option<&str>) -> io::Result<bool> {
    Ok(fingerprint(path)?.as_deref() == expected || digest(path, Litter::Counts)?.as_deref() == expected)
}

/// Whether what systems leave behind is a part of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Litter {
    PassedOver,
    Counts,
}

fn digest(path: &Path, litter: Litter) -> io::Result<Option<String>> {
    let mut files = Vec::new();
    match collect(path, Path::new(""), litter, &mut files) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        result => result?,
    }
    files.sort();
    let mut text = Vec::new();
    for (name, what) in files {
        text.extend_from_slice(name.as_os_str().as_bytes());
        text.push(0);
        text.extend_from_slice(&what);
        text.push(0);
    }
    Ok(Some(Sha256Digest::of(&text).to_string()))
}

fn collect(path: &Path, name: &Path, litter: Litter, files: &mut Vec<(PathBuf, Vec<u8>)>) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    let kind = metadata.file_type();
    let what = if kind.is_dir() {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if litter == Litter::Counts || !is_litter(&entry.file_name()) {
                collect(&entry.path(), &name.join(entry.file_name()), litter, files)?;
            }
        }
        b"folder".to_vec()
    } else if kind.is_symlink() {
        [b"link ", fs::read_link(path)?.as_os_str().as_bytes()].concat()
    } else if is_text(path) && metadata.len() <= MAX_READ {
        fs::read(path)?
    } else {
        metadata.len().to_string().into_bytes()
    };
    files.push((name.to_owned(), what));
    Ok(())
}

fn is_text(path: &Path) -> bool {
    path.extension().is_some_and(|extension| ["json", "html", "txt"].iter().any(|text| extension == *text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_changes_with_names_sizes_and_text() {
        let folder = tempfile::tempdir().unwrap();
        let set = folder.path().join("set");
        assert_eq!(fingerprint(&set).unwrap(), None);
        fs::create_dir(&set).unwrap();
        let mut seen = vec![fingerprint(&set).unwrap()];
        for (name, text) in
            [("a.jpg", "1"), ("b.jpg", "1"), ("a.jpg", "22"), ("m.json", "{}"), ("m.json", "[]")]
        {
            fs::write(set.join(name), text).unwrap();
            let now = fingerprint(&set).unwrap();
            assert!(now.is_some() && !seen.contains(&now), "{name} {text}");
            assert_eq!(fingerprint(&set).unwrap(), now);
            seen.push(now);
        }
        let now = fingerprint(&set).unwrap();
        fs::write(set.join(".DS_Store"), "x").unwrap();
        fs::create_dir(set.join("@eaDir")).unwrap();
        assert_eq!(fingerprint(&set).unwrap(), now);
        let counted = digest(&set, Litter::Counts).unwrap();
        assert!(counted != now && is_unchanged(&set, counted.as_deref()).unwrap());
    }
}
