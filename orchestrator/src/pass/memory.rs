//! How much memory there is, and sizes as people write them.

use std::fs;

/// Bytes that a process may still take: what the kernel calls available, or less where a control group has
/// less left. `None` where nobody says.
pub(crate) fn available() -> Option<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let of_machine = available_in(&meminfo)?;
    Some(of_group().map_or(of_machine, |left| left.min(of_machine)))
}

/// What the limit of this process' control group (version 2) leaves.
fn of_group() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let folder = format!("/sys/fs/cgroup{}", path.trim_end_matches('/'));
    let read = |name: &str| fs::read_to_string(format!("{folder}/{name}")).ok()?.trim().parse::<u64>().ok();
    Some(read("memory.max")?.saturating_sub(read("memory.current")?))
}

fn available_in(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Parses `800M`, `4G`, `1.5GiB` or a number of bytes; units are powers of 1024.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let wrong = || "a size such as `800M` or `4G` is needed".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor: u64 = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "K" | "KB" | "KIB" => 1 << 10,
        "M" | "MB" | "MIB" => 1 << 20,
        "G" | "GB" | "GIB" => 1 << 30,
        "T" | "TB" | "TIB" => 1 << 40,
        _ => return Err(wrong()),
    };
    let number: f64 = digits.trim().parse().map_err(|_| wrong())?;
    let bytes = number * factor as f64;
    if bytes.is_finite() && bytes >= 0.0 { Ok(bytes as u64) } else { Err(wrong()) }
}

/// A size for people: `3.2 GiB`.
pub(crate) fn text(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut units = ["B", "KiB", "MiB", "GiB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for larger in units {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_written() {
        for (text, bytes) in [("123", 123), ("1k", 1024), ("800M", 800 << 20), ("1.5GiB", 3 << 29)] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "G", "-1G", "4 apples", "NaN", "inf"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
        assert_eq!([text(12), text(2048), text(3 << 29)], ["12 B", "2.0 KiB", "1.5 GiB"]);
    }

    #[test]
    fn the_kernel_says_what_is_available() {
        let meminfo = "MemTotal:       16 kB\nMemAvailable:    8 kB\n";
        assert_eq!(available_in(meminfo), Some(8192));
        assert!(available().is_some_and(|bytes| bytes > 0));
    }
}
