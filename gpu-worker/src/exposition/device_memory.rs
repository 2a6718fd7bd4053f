//! Memory of the machine's graphics adapters, as far as their drivers tell it in files (Linux): amdgpu says
//! what there is and what is used, xe what there is. Other drivers say nothing there, nor does any on other
//! systems; what is not known is not told.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where Linux lists adapters.
const ADAPTERS: &str = "/sys/class/drm";

/// An adapter that tells something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Adapter {
    /// Its address on the bus, such as `0000:03:00.0`.
    pub(super) address: String,
    /// Bytes of its own memory that any process uses.
    pub(super) used: Option<u64>,
    /// Bytes that it has.
    pub(super) total: Option<u64>,
}

/// Those of this machine, by address.
pub(super) fn adapters() -> Vec<Adapter> {
    adapters_in(Path::new(ADAPTERS))
}

fn adapters_in(folder: &Path) -> Vec<Adapter> {
    // `card0` is an adapter, `card0-HDMI-A-1` one of its sockets, `renderD128` another way to it.
    let is_adapter = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        let number = name.and_then(|name| name.strip_prefix("card"));
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let paths = entries(folder).into_iter().filter(is_adapter);
    let mut found: Vec<Adapter> = paths.filter_map(|path| adapter(&path.join("device"))).collect();
    found.sort_by(|a, b| a.address.cmp(&b.address));
    found
}

fn adapter(device: &Path) -> Option<Adapter> {
    let device = device.canonicalize().ok()?;
    let address = device.file_name()?.to_str()?.to_owned();
    let used = number(&device.join("mem_info_vram_used"));
    let total = number(&device.join("mem_info_vram_total")).or_else(|| of_tiles(&device));
    (used.is_some() || total.is_some()).then_some(Adapter { address, used, total })
}

/// What xe's tiles have together.
fn of_tiles(device: &Path) -> Option<u64> {
    let tiles = entries(device);
    let tiles = tiles.iter().filter_map(|tile| number(&tile.join("physical_vram_size_bytes")));
    tiles.reduce(u64::saturating_add)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Paths below a device's folder, and what is in them.
    type Files<'a> = &'a [(&'a str, &'a str)];

    /// A tree as Linux shows it: adapters are links to the folders of their devices.
    fn tree(adapters: &[(&str, &str, Files<'_>)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (card, address, files) in adapters {
            let device = root.path().join("devices").join(address);
            for (file, text) in *files {
                fs::create_dir_all(device.join(file).parent().unwrap()).unwrap();
                fs::write(device.join(file), text).unwrap();
            }
            fs::create_dir_all(&device).unwrap();
            fs::create_dir_all(root.path().join("drm").join(card)).unwrap();
            symlink(&device, root.path().join("drm").join(card).join("device")).unwrap();
        }
        root
    }

    #[test]
    fn every_adapter_tells_what_its_driver_knows_and_nothing_else() {
        let amd: &[_] = &[("mem_info_vram_total", "17163091968\n"), ("mem_info_vram_used", "123456\n")];
        let xe: &[_] = &[
            ("tile0/physical_vram_size_bytes", "8000\n"),
            ("tile1/physical_vram_size_bytes", "4000\n"),
            ("power/runtime_status", "active\n"),
        ];
        let root = tree(&[
            ("card1", "0000:03:00.0", amd),
            ("card0", "0000:00:02.0", xe),
            ("card2", "0000:09:00.0", &[("vendor", "0x10de\n")]),
            ("card3", "0000:0a:00.0", &[("mem_info_vram_used", "much\n")]),
            ("card1-HDMI-A-1", "0000:03:00.0", &[]),
            ("renderD128", "0000:03:00.0", &[]),
        ]);
        let adapter = |address: &str, used, total| Adapter { address: address.to_owned(), used, total };
        assert_eq!(
            adapters_in(&root.path().join("drm")),
            [
                adapter("0000:00:02.0", None, Some(12_000)),
                adapter("0000:03:00.0", Some(123_456), Some(17_163_091_968)),
            ]
        );
        assert_eq!(adapters_in(&root.path().join("nowhere")), []);
    }
}
