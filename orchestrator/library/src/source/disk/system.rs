//! Folders and files that a NAS, a sync program, a system or a photo manager keeps for itself in the middle
//! of photos: thumbnails, recycle bins, snapshots, earlier versions. What lies there shows photos again, or
//! was thrown away.

use std::{os::unix::ffi::OsStrExt as _, path::Path};

use facesets_base::folding::folded_name;

/// Names, in lower case.
const NAMES: &[&str] = &[
    // Synology
    "@eadir",
    "#recycle",
    "#snapshot",
    "@tmp",
    "@sharesnap",
    "@synoresource",
    // QNAP
    ".@__thumb",
    "@recycle",
    "@recently-snapshot",
    ".@upload_cache",
    "@transcode",
    // Western Digital; Buffalo; Netgear and Apple's file service; Samba's recycle bin; ASUSTOR
    ".wdmc",
    ".wdphotos",
    "trashbox",
    "network trash folder",
    ".recycle",
    ".@metadata",
    // Snapshots of file systems
    ".snapshot",
    ".snapshots",
    "~snapshot",
    ".zfs",
    "lost+found",
    // Syncthing, Resilio, Dropbox, Google Drive, Nextcloud and ownCloud, Seafile
    ".stversions",
    ".stfolder",
    ".sync",
    ".dropbox.cache",
    ".tmp.drivedownload",
    ".tmp.driveupload",
    "files_trashbin",
    "files_versions",
    ".seafile-data",
    // Windows
    "$recycle.bin",
    "recycler",
    "recycled",
    "system volume information",
    // macOS; `__MACOSX` is what its archives unpack to elsewhere
    ".spotlight-v100",
    ".fseventsd",
    ".temporaryitems",
    "temporary items",
    ".documentrevisions-v100",
    "__macosx",
    ".appledouble",
    ".appledb",
    ".appledesktop",
    // Thumbnails of desktops and telephones, digiKam's bin
    ".thumbnails",
    ".dtrash",
    ".globaltrash",
];

/// How other names begin, in lower case: the files of `AppleDouble`, bins of desktops (`.Trash-1000`,
/// `.Trashes`) and of Android (`.trashed-…`), Nextcloud's previews (`appdata_oc…`).
const BEGINNINGS: &[&str] = &["._", ".trash", "appdata_oc"];

/// How other names end, in lower case: Lightroom's previews.
const ENDINGS: &[&str] = &[".lrdata"];

/// Libraries of Apple's programs are folders: the photos lie in one of some folders in them, everything else
/// is made of these.
const LIBRARIES: &[&str] = &[".photoslibrary", ".photolibrary", ".migratedphotolibrary", ".aplibrary"];
const IN_LIBRARIES: &[&str] = &["originals", "masters"];

/// Whether the last name on a path is that of something that is kept apart; what it is called in summaries.
pub(super) fn kept_apart(path: &Path) -> Option<String> {
    let given = path.file_name()?;
    let name = folded_name(given);
    let name = name.as_bytes();
    if let Some(beginning) = BEGINNINGS.iter().find(|beginning| name.starts_with(beginning.as_bytes())) {
        return Some(format!("{beginning}*"));
    }
    if NAMES.iter().any(|known| known.as_bytes() == name) {
        return Some(given.display().to_string());
    }
    if let Some(ending) = ENDINGS.iter().find(|ending| name.ends_with(ending.as_bytes())) {
        return Some(format!("*{ending}"));
    }
    let parent = folded_name(path.parent()?.file_name()?);
    let library = LIBRARIES.iter().find(|library| parent.as_bytes().ends_with(library.as_bytes()))?;
    (!IN_LIBRARIES.iter().any(|known| known.as_bytes() == name)).then(|| format!("within *{library}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_keep_for_themselves_is_told_from_what_people_name() {
        for (path, name) in [
            ("a/@eaDir", Some("@eaDir")),
            ("#recycle", Some("#recycle")),
            ("$Recycle.Bin", Some("$Recycle.Bin")),
            ("x/._IMG_1.jpg", Some("._*")),
            (".Trash-1000", Some(".trash*")),
            (".trashed-1700000000-IMG_1.jpg", Some(".trash*")),
            ("appdata_oc1a2b3c", Some("appdata_oc*")),
            ("Catalog Previews.lrdata", Some("*.lrdata")),
            ("P.photoslibrary/resources", Some("within *.photoslibrary")),
            ("P.photoslibrary/originals", None),
            ("P.photoslibrary/originals/A", None),
            ("Aperture.aplibrary/Masters", None),
            ("P.photoslibrary", None),
            ("recycle", None),
            ("thumbs", None),
            ("snapshot", None),
            ("lost and found", None),
            ("resources", None),
            (".hidden", None),
        ] {
            assert_eq!(kept_apart(Path::new(path)).as_deref(), name, "{path}");
        }
        assert!(NAMES.iter().chain(BEGINNINGS).chain(ENDINGS).all(|name| *name == name.to_lowercase()));
    }
}
