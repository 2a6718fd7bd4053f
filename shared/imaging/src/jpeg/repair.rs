//! Files written anew without what libjpeg complains of and what loses no pixel, so that whatever it still
//! says is about the picture.
//!
//! libjpeg tells its first complaint only. If that is about a version number or about bytes between two
//! segments, it says nothing of the picture that ends in the middle.

use super::{
    header::{Header, Scans, applications},
    parts::{Part, Parts, marker, picture},
};

/// What a file consists of, as far as a decoder needs it.
pub(super) struct Stripped<'a> {
    /// Tables and headers in front of the first scan, repaired, from the start marker on.
    pub(super) head: Vec<u8>,
    /// Where the height stands in it, two bytes, and behind it the width.
    size_at: usize,
    /// Each scan; there is one at least.
    pub(super) scans: Vec<Scan<'a>>,
}

/// A scan of a file.
pub(super) struct Scan<'a> {
    /// Tables that come only now, and its header, repaired.
    pub(super) head: Vec<u8>,
    /// The coded picture with its restart markers.
    pub(super) data: &'a [u8],
}

impl<'a> Stripped<'a> {
    /// Takes a file apart; `None` if it has no frame or no scan. A picture that comes at once ends with its
    /// scan, whatever is behind that.
    pub(super) fn of(bytes: &'a [u8], header: &Header) -> Option<Self> {
        let (mut head, mut size_at, mut scans) = (None, None, Vec::new());
        let mut tables = vec![0xFF, marker::SOI];
        for part in Parts::of(bytes) {
            match part {
                Part::Segment { marker, content } => {
                    if marker::is_frame(marker) {
                        // Behind marker, length and depth.
                        size_at.get_or_insert(tables.len() + 5);
                    }
                    if let Some(content) = needed(marker, content, header) {
                        segment(&mut tables, marker, &content);
                    }
                }
                Part::Scan { header: scan, behind } => {
                    head.get_or_insert_with(|| std::mem::take(&mut tables));
                    segment(&mut tables, marker::SOS, &sound_scan(scan, header));
                    scans.push(Scan { head: std::mem::take(&mut tables), data: picture(behind) });
                    if header.scans == Scans::One {
                        break;
                    }
                }
            }
        }
        Some(Self { head: head?, size_at: size_at?, scans })
    }

    /// A sound file of it.
    pub(super) fn file(&self) -> Vec<u8> {
        self.file_of(self.scans.len())
    }

    /// The same with the first few scans only.
    pub(super) fn file_of(&self, scans: usize) -> Vec<u8> {
        let scans = &self.scans[..scans];
        let length: usize = scans.iter().map(|scan| scan.head.len() + scan.data.len()).sum();
        let mut file = Vec::with_capacity(self.head.len() + length + 2);
        file.extend_from_slice(&self.head);
        for scan in scans {
            file.extend_from_slice(&scan.head);
            file.extend_from_slice(scan.data);
        }
        file.extend([0xFF, marker::EOI]);
        file
    }

    /// Makes it a picture of so many rows, which are those of the whole one: a decoder stops behind them.
    pub(super) fn set_height(&mut self, height: u16) {
        self.head[self.size_at..][..2].copy_from_slice(&height.to_be_bytes());
    }

    /// Makes it a picture of another width.
    pub(super) fn set_width(&mut self, width: u16) {
        self.head[self.size_at + 2..][..2].copy_from_slice(&width.to_be_bytes());
    }

    /// Units from one restart marker to the next; 0 where there are none.
    pub(super) fn restart_interval(&self) -> u32 {
        let intervals = applications(&self.head, marker::DRI);
        let last = intervals.filter_map(|content| content.first_chunk().copied()).last();
        last.map_or(0, |interval| u32::from(u16::from_be_bytes(interval)))
    }
}

fn segment(file: &mut Vec<u8>, marker: u8, content: &[u8]) {
    file.extend([0xFF, marker]);
    // It came with a length of two bytes.
    file.extend((content.len() as u16 + 2).to_be_bytes());
    file.extend_from_slice(content);
}

/// A segment as a decoder needs it; `None` for what says nothing of the picture.
fn needed(marker: u8, content: &[u8], header: &Header) -> Option<Vec<u8>> {
    let mut content = content.to_vec();
    match marker {
        // That it is JFIF says that the colours are YCbCr; which version does not matter.
        marker::APP0 if content.starts_with(b"JFIF\0") => {
            *content.get_mut(5)? = 1;
        }
        // Adobe's: which colours are stored. libjpeg takes unknown ones for YCbCr, or YCCK where there are
        // four components.
        marker::APP14 if content.starts_with(b"Adobe") => {
            let colours = content.get_mut(11)?;
            if *colours != 0 {
                *colours = if header.sampling.len() == 4 { 2 } else { 1 };
            }
        }
        marker::DHT | marker::DAC | marker::DQT | marker::DRI => {}
        frame if marker::is_frame(frame) => {}
        _ => return None,
    }
    Some(content)
}

/// A scan's header with the only parameters that a sequential picture can have. Source: ITU-T T.81, table
/// B.3.
fn sound_scan(scan: &[u8], header: &Header) -> Vec<u8> {
    let mut scan = scan.to_vec();
    if header.scans != Scans::Progressive
        && let Some(components) = scan.first().copied()
        && let Some(parameters) = scan.get_mut(1 + 2 * usize::from(components)..)
        && let [begin, end, approximation] = parameters
    {
        (*begin, *end, *approximation) = (0, 63, 0);
    }
    scan
}
