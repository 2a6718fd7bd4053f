//! Files that systems and other programs leave in every folder that somebody looks into. They are nobody's
//! content, and nobody's fault.

use std::ffi::OsStr;

/// Names, in lower case, of files and folders of that kind: of macOS, Windows, KDE, NAS systems, and programs
/// that synchronise or sort photos.
const NAMES: &[&str] = &[
    ".ds_store",
    ".appledouble",
    ".apdisk",
    ".localized",
    ".spotlight-v100",
    ".fseventsd",
    ".temporaryitems",
    ".trashes",
    ".documentrevisions-v100",
    "__macosx",
    "icon\r",
    "thumbs.db",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    "desktop.ini",
    "$recycle.bin",
    "system volume information",
    ".directory",
    ".hidden",
    ".thumbnails",
    "lost+found",
    "@eadir",
    "#recycle",
    "#snapshot",
    "@recycle",
    "@recently-snapshot",
    ".@__thumb",
    ".qpkg",
    ".synologyworkingdirectory",
    ".stfolder",
    ".stignore",
    ".stversions",
    ".sync",
    ".dropbox",
    ".dropbox.attr",
    ".picasa.ini",
    "picasa.ini",
    ".picasaoriginals",
    ".nomedia",
];

/// How the names of others begin: resource forks of macOS, files that were removed while somebody had them
/// open, trash.
const BEGINNINGS: &[&str] =
    &["._", ".nfs", ".fuse_hidden", ".trash-", ".syncthing.", "~syncthing~", ".smbdelete", ".~lock."];

/// Whether a name is that of a file or folder which systems and other programs leave behind.
pub fn is_litter(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_lowercase();
    NAMES.contains(&name.as_str()) || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systems_leave_behind_is_told_from_what_people_and_we_make() {
        for name in
            [".DS_Store", "._0001.png", "Thumbs.db", "desktop.ini", "@eaDir", ".nfs000001", "__MACOSX"]
        {
            assert!(is_litter(OsStr::new(name)), "{name}");
        }
        for name in
            ["0001.png", "manifest.json", "faces", ".facesets", "_thin", "notes.txt", "_dropped", ".x"]
        {
            assert!(!is_litter(OsStr::new(name)), "{name}");
        }
    }
}
