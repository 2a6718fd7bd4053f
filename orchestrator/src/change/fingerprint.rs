//! What a file or folder looks like, to see whether anybody changed it.

use std::{
    fs, io,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use facesets_core::Sha256Digest;

/// The largest file whose bytes count. Of larger ones, photos and bundles, the size does: they are written once and never changed.
const MAX_READ: u64 = 4 << 20;

/// A digest of everything below a path: names, sizes, targets of links, and the bytes of manifests and other text. `None` where nothing is.
pub fn fingerprint(path: &Path) -> io::Result<Option<String>> {
    let mut files = Vec::new();
    match collect(path, Path::new(""), &mut files) {
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

fn collect(path: &Path, name: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    let kind = metadata.file_type();
    let what = if kind.is_dir() {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            collect(&entry.path(), &name.join(entry.file_name()), files)?;
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
    }
}
