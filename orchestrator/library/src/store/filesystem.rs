//! On which file system a folder lies, and whether a write-ahead log may be kept there.

use std::{
    fs, io,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
};

/// File systems that pass files through from another kernel (WSL's `/mnt/c`, virtual machines): no shared
/// memory between processes worth the name, and locks that lie.
const UNSAFE_KINDS: [&str; 3] = ["9p", "v9fs", "drvfs"];

/// What to do about a file system that cannot be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FileSystemPolicy {
    /// Refuse it.
    #[default]
    Refuse,
    /// Use a rollback journal there.
    RollbackJournal,
}

/// The type of a file system, as the kernel names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// `ext4`, `9p`, …
    pub kind: String,
}

impl FileSystem {
    /// That of an existing folder. One that cannot be found out is taken for a safe one.
    pub fn of(folder: &Path) -> Self {
        let kind = fs::canonicalize(folder).and_then(|folder| {
            let mounts = fs::read("/proc/self/mountinfo")?;
            kind_in(&mounts, &folder).ok_or_else(|| io::Error::other("no mount point above it"))
        });
        let kind = kind.unwrap_or_else(|error| {
            tracing::warn!(folder = %folder.display(), %error, "file system unknown");
            "unknown".to_owned()
        });
        Self { kind }
    }

    /// Whether `SQLite` may keep a write-ahead log there.
    pub fn is_safe(&self) -> bool {
        !UNSAFE_KINDS.contains(&self.kind.as_str())
    }
}

/// The type of the mount that `folder` lies on, from the text of a `mountinfo` file.
fn kind_in(mounts: &[u8], folder: &Path) -> Option<String> {
    let mut best: Option<(PathBuf, String)> = None;
    for line in mounts.split(|byte| *byte == b'\n') {
        // 36 35 98:0 /root /mount/point options optional… - type source superoptions
        let mut fields = line.split(|byte| *byte == b' ');
        let Some(point) = fields.nth(4).map(unescape) else { continue };
        let Some(kind) = fields.skip_while(|field| *field != b"-").nth(1) else { continue };
        // Of mounts on the same point the last one is on top.
        let nearer = best.as_ref().is_none_or(|(held, _)| point.as_os_str().len() >= held.as_os_str().len());
        if folder.starts_with(&point) && nearer {
            best = Some((point, String::from_utf8_lossy(kind).into_owned()));
        }
    }
    best.map(|(_, kind)| kind)
}

/// The kernel writes blanks and the like as three octal digits.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        let octal = (*first == b'\\').then(|| tail.get(..3)).flatten();
        let value = octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(value.unwrap_or(*first));
        rest = if value.is_some() { &tail[3..] } else { tail };
    }
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &[u8] = b"27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
        30 27 0:25 / /mnt/c rw,noatime shared:1 - 9p drvfs rw,aname=drvfs\n\
        31 27 0:26 / /mnt/my\\040disk rw - drvfs D: rw\n\
        32 30 0:27 / /mnt/c/linux rw master:2 - tmpfs none rw\n";

    fn kind(folder: &str) -> String {
        kind_in(MOUNTS, Path::new(folder)).unwrap()
    }

    #[test]
    fn the_nearest_mount_point_counts() {
        assert_eq!(kind("/home/me"), "ext4");
        assert_eq!(kind("/mnt/c/Users"), "9p");
        assert_eq!(kind("/mnt/cc"), "ext4");
        assert_eq!(kind("/mnt/c/linux/x"), "tmpfs");
        assert_eq!(kind("/mnt/my disk/x"), "drvfs");
    }

    #[test]
    fn passed_through_file_systems_are_not_safe() {
        for (kind, safe) in
            [("9p", false), ("drvfs", false), ("v9fs", false), ("ext4", true), ("btrfs", true)]
        {
            assert_eq!(FileSystem { kind: kind.to_owned() }.is_safe(), safe, "{kind}");
        }
    }

    #[test]
    fn this_machine_answers() {
        assert!(FileSystem::of(&std::env::temp_dir()).is_safe());
    }
}
