//! `.fsz` bundles: flat zip files of crops, as roop-unleashed loads them.
//!
//! Its loader takes only top-level files that end in lowercase `.png` and stumbles over directory entries, so there are none.
//! Entries have fixed times and permissions and are stored, not compressed (PNG is): equal crops give equal bytes.

use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    path::Path,
};

use super::render::FACES;
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

/// Writes the two bundles of the set in `home`, of its best crops and of all (`names`, in `faces`); returns what they are called.
pub fn write_both(
    home: &Path,
    label: Option<&str>,
    names: &[String],
    top_n: usize,
) -> io::Result<[String; 2]> {
    let set = home.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = |suffix: &str| format!("{}_{suffix}.fsz", label.unwrap_or(&set));
    let bundles = [name(&format!("top{top_n}")), name("all")];
    for (bundle, count) in bundles.iter().zip([top_n, usize::MAX]) {
        write(&home.join(bundle), &home.join(FACES), &names[..count.min(names.len())])?;
    }
    Ok(bundles)
}

/// Writes the files `names` of `folder` into a new bundle at `path`, in that order and under those names.
pub fn write(path: &Path, folder: &Path, names: &[String]) -> io::Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut zip = ZipWriter::new(BufWriter::new(File::create_new(path)?));
    for name in names {
        zip.start_file(name.as_str(), options)?;
        io::copy(&mut File::open(folder.join(name))?, &mut zip)?;
    }
    zip.finish()?.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_flat_ordered_and_the_same_every_time() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["0001.png".to_owned(), "0002.png".to_owned()];
        for name in &names {
            std::fs::write(folder.path().join(name), format!("pixels of {name}")).unwrap();
        }
        let (a, b) = (folder.path().join("a.fsz"), folder.path().join("b.fsz"));
        write(&a, folder.path(), &names).unwrap();
        write(&b, folder.path(), &names).unwrap();
        assert_eq!(std::fs::read(&a).unwrap(), std::fs::read(&b).unwrap());

        let mut zip = zip::ZipArchive::new(File::open(&a).unwrap()).unwrap();
        let entries: Vec<String> =
            (0..zip.len()).map(|i| zip.by_index(i).unwrap().name().unwrap().into_owned()).collect();
        assert_eq!(entries, names);
        assert_eq!(io::read_to_string(zip.by_index(1).unwrap()).unwrap(), "pixels of 0002.png");
    }
}
