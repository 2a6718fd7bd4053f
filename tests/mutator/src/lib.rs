//! Damages sound bytes, the same way every time: what the tests of every reader of hostile bytes share.

mod random;

use std::{
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use random::Random;

/// Most changes of one mutation.
const MAX_CHANGES: usize = 6;

/// Most bytes that are copied, moved or removed at once, beside halves of the whole.
const MAX_CHUNK: usize = 64;

/// Bytes at the beginning, where formats keep their structure, that half of the changes fall into.
const HEAD: usize = 256;

/// Bytes at which readers change their mind.
const BYTES: [u8; 12] = [0, 1, 2, 4, 8, 16, 32, 64, 0x7F, 0x80, 0xFE, 0xFF];

/// Most bytes of address space that a test's mutations may take: four times what the system's allocator
/// reserves for a thread, of which other tests may start some, and far less than lengths that lie lead to.
pub const MAX_GROWTH: u64 = 256 << 20;

/// Numbers for fields that may be a length, an offset or a size in pixels.
const NUMBERS: [u32; 14] = [
    0,
    1,
    2,
    7,
    8,
    0xFF,
    0x100,
    0x7FFF,
    0xFFFF,
    0x1_0000,
    0x00FF_FFFF,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
];

/// A sound input and what it is called where a test fails.
#[derive(Debug, Clone)]
pub struct Seed {
    /// For people.
    pub name: String,
    /// What is damaged.
    pub bytes: Vec<u8>,
}

impl Seed {
    /// A seed.
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), bytes: bytes.into() }
    }
}

/// Calls `check` with `seeds`, then with `count` mutations of them, of each as many as of the others, always
/// the same ones.
///
/// # Panics
/// If `check` does, after naming the seed and the mutation, whose bytes are kept in the system's folder for
/// temporary files; and if the process grew by more than [`MAX_GROWTH`].
pub fn survives(seeds: &[Seed], count: usize, mut check: impl FnMut(&[u8])) {
    assert!(!seeds.is_empty(), "there is nothing to damage");
    for seed in seeds {
        check(&seed.bytes);
    }
    let before = peak_address_space();
    for number in 0..count {
        let bytes = mutation(seeds, number);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&bytes))) {
            let name = &seeds[number % seeds.len()].name;
            tell(&format!(
                "mutation {number}, of `{name}`, is to blame; it is kept in {}",
                keep(name, number, &bytes)
            ));
            resume_unwind(panic);
        }
    }
    let grown = peak_address_space() - before;
    tell(&format!("{count} mutations took {} MiB", grown >> 20));
    assert!(grown <= MAX_GROWTH, "{count} mutations took {grown} bytes of memory");
}

fn keep(name: &str, number: usize, bytes: &[u8]) -> String {
    let path = env::temp_dir().join(format!("facesets-mutation-{name}-{number}"));
    fs::write(&path, bytes).map_or_else(|error| format!("no file ({error})"), |()| path.display().to_string())
}

#[expect(clippy::print_stderr, reason = "it is for whoever reads a test's output")]
fn tell(text: &str) {
    eprintln!("{text}");
}

/// The mutation of that number: one of seed `number % seeds.len()`, spliced now and then with any other.
fn mutation(seeds: &[Seed], number: usize) -> Vec<u8> {
    let mut random = Random::new(number as u64);
    let mut bytes = seeds[number % seeds.len()].bytes.clone();
    // Most have one or two changes: a file with many is refused by the first.
    let changes = 1 + random.below(MAX_CHANGES).min(random.below(MAX_CHANGES));
    for _ in 0..changes {
        let other = random.below(seeds.len());
        change(&mut bytes, &seeds[other].bytes, &mut random);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    if bytes.is_empty() {
        bytes.push(random.below(256) as u8);
        return;
    }
    let at = place(bytes, random);
    let chunk = at..bytes.len().min(at + 1 + random.below(MAX_CHUNK));
    match random.below(10) {
        0 | 1 => bytes[at] ^= 1 << random.below(8),
        2 | 3 => bytes[at] = *random.one_of(&BYTES),
        4 => bytes[at] = random.below(256) as u8,
        5 | 6 => set_number(bytes, at, random),
        7 => {
            let copy = bytes[chunk].to_vec();
            let to = place(bytes, random);
            bytes.splice(to..to, copy);
        }
        8 => drop(bytes.drain(chunk)),
        _ if random.below(3) > 0 => bytes.truncate(at),
        _ => {
            // The beginning of one, the end of another.
            bytes.truncate(at);
            bytes.extend(&other[random.below(other.len() + 1)..]);
        }
    }
}

fn place(bytes: &[u8], random: &mut Random) -> usize {
    let reach = if random.below(2) == 0 { bytes.len().min(HEAD) } else { bytes.len() };
    random.below(reach)
}

/// Writes a number over 2 or 4 bytes, in either byte order: one that readers stumble over, or the one that is
/// there, a little off.
fn set_number(bytes: &mut [u8], at: usize, random: &mut Random) {
    let width = 2 + 2 * random.below(2);
    let Some(field) = bytes.get_mut(at..at + width) else { return };
    let big = random.below(2) == 0;
    let mut number = [0; 4];
    if big {
        number[4 - width..].copy_from_slice(field);
    } else {
        for (byte, at) in field.iter().rev().zip((4 - width)..) {
            number[at] = *byte;
        }
    }
    let there = u32::from_be_bytes(number);
    let number = match random.below(3) {
        0 => there.wrapping_add(random.below(9) as u32).wrapping_sub(4),
        _ => *random.one_of(&NUMBERS),
    };
    let number = &number.to_be_bytes()[4 - width..];
    field.copy_from_slice(number);
    if !big {
        field.reverse();
    }
}

/// Most bytes of address space that this process has had so far, on Linux; 0 elsewhere. Unlike what is
/// resident, it counts memory that was asked for and not touched.
fn peak_address_space() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|kib| kib.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, hint};

    use super::*;

    fn seeds() -> Vec<Seed> {
        vec![
            Seed::new("digits", *b"0123456789"),
            Seed::new("nothing", *b""),
            Seed::new("zeros", vec![0; 900]),
        ]
    }

    #[test]
    fn mutations_are_many_and_the_same_every_time() {
        let seeds = seeds();
        let all: Vec<_> = (0..1000).map(|number| mutation(&seeds, number)).collect();
        assert!((0..1000).all(|number| mutation(&seeds, number) == all[number]));
        let different: HashSet<_> = all.iter().collect();
        assert!(different.len() > 600, "{} of 1000 are different", different.len());
        assert!(all.iter().any(|bytes| bytes.len() > 900) && all.iter().any(|bytes| bytes.len() < 10));
    }

    #[test]
    fn a_check_that_panics_fails_the_test() {
        let mut checked = 0;
        survives(&seeds(), 50, |_| checked += 1);
        assert_eq!(checked, 53);
        let caught = catch_unwind(|| {
            survives(&[Seed::new("panicking", *b"a")], 50, |bytes| assert_eq!(bytes, b"a"));
        });
        assert!(caught.is_err());
        let kept = env::temp_dir().join("facesets-mutation-panicking-0");
        assert_eq!(fs::read(&kept).unwrap(), mutation(&[Seed::new("panicking", *b"a")], 0));
        fs::remove_file(kept).unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_that_was_asked_for_and_never_touched_counts() {
        let mut looked_at = 0;
        let caught = catch_unwind(AssertUnwindSafe(|| {
            survives(&seeds(), 5, |_| {
                looked_at += 1;
                // What the seeds themselves take is no growth.
                let bytes = if looked_at > seeds().len() { 1 << 30 } else { 0 };
                drop(hint::black_box(Vec::<u8>::with_capacity(bytes)));
            });
        }));
        let panic = caught.unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        assert!(message.starts_with("5 mutations took 1"), "{message}");
    }
}
