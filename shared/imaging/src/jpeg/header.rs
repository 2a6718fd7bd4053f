//! What the header of a JPEG says.

use super::parts::{Part, Parts, marker};

/// Of the frame header. Source: ITU-T T.81, B.2.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// In pixels, at least 1.
    pub(crate) width: u32,
    /// In pixels, at least 1.
    pub(crate) height: u32,
    /// Horizontal and vertical sampling factor of each component, four bits each; empty where the header is
    /// cut off.
    pub(crate) sampling: Vec<u8>,
    /// Whether the picture comes in several scans: such that refine each other, or one for each component.
    pub(crate) scans: Scans,
}

/// How a picture is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scans {
    /// All of it at once, from top to bottom.
    One,
    /// In several that refine each other.
    Progressive,
    /// One component, or some, after the other.
    Separate,
}

impl Header {
    /// Samples of all components, for each pixel; 3 where the header is cut off.
    pub(crate) fn samples_per_pixel(&self) -> f64 {
        if self.sampling.is_empty() {
            return 3.0;
        }
        let [most_across, most_down] = self.most().map(f64::from);
        let samples = |sampling: &u8| {
            factors(*sampling).map(f64::from).iter().product::<f64>() / (most_across * most_down)
        };
        self.sampling.iter().map(samples).sum()
    }

    /// Width and height in pixels of what one unit of a scan of all components shows.
    pub(crate) fn unit(&self) -> [u32; 2] {
        // A scan of one component has single blocks, whatever its factors are.
        let [across, down] = if self.sampling.len() == 1 { [1, 1] } else { self.most() };
        [8 * u32::from(across), 8 * u32::from(down)]
    }

    /// The largest sampling factors.
    fn most(&self) -> [u8; 2] {
        let all = self.sampling.iter().map(|sampling| factors(*sampling));
        all.fold([1; 2], |most, [across, down]| [across.max(most[0]), down.max(most[1])])
    }
}

fn factors(sampling: u8) -> [u8; 2] {
    [sampling >> 4, sampling & 15]
}

/// The header of the JPEG that begins here; `None` for what is no JPEG of a picture: RAW data are often
/// compressed as
/// *lossless* JPEG (SOF3), or with more than 8 bits.
pub(crate) fn read(bytes: &[u8]) -> Option<Header> {
    of_parts(Parts::of(bytes))
}

/// The same where something may only look like the beginning of a JPEG.
pub(crate) fn read_strictly(bytes: &[u8]) -> Option<Header> {
    of_parts(Parts::strictly_of(bytes).take(MAX_PARTS))
}

/// Segments looked at of what may be no JPEG. Cameras write about ten; an ICC profile or maker notes in
/// pieces add some.
const MAX_PARTS: usize = 64;

fn of_parts<'a>(mut parts: impl Iterator<Item = Part<'a>>) -> Option<Header> {
    let mut header = parts.by_ref().find_map(|part| match part {
        // Baseline, extended sequential, progressive; the latter two with arithmetic coding. Source: ITU-T
        // T.81, table B.1.
        Part::Segment { marker: 0xC0..=0xC2 | 0xC9 | 0xCA, content } => Some((frame(content), part)),
        Part::Segment { marker, .. } if marker::is_frame(marker) => Some((None, part)),
        Part::Segment { .. } => None,
        Part::Scan { .. } => Some((None, part)),
    });
    let (header, part) = header.take()?;
    let mut header = header?;
    if matches!(part, Part::Segment { marker: 0xC2 | 0xCA, .. }) {
        header.scans = Scans::Progressive;
    } else if let Some(Part::Scan { header: scan, .. }) = parts.find(|part| matches!(part, Part::Scan { .. }))
        && scan.first().is_some_and(|components| usize::from(*components) < header.sampling.len())
    {
        header.scans = Scans::Separate;
    }
    Some(header)
}

/// Everything in front of the first scan that an application wrote as `marker`.
pub(crate) fn applications(bytes: &[u8], wanted: u8) -> impl Iterator<Item = &[u8]> {
    Parts::of(bytes)
        .map_while(|part| match part {
            Part::Segment { marker, content } => Some((marker, content)),
            Part::Scan { .. } => None,
        })
        .filter(move |(marker, _)| *marker == wanted)
        .map(|(_, content)| content)
}

fn frame(content: &[u8]) -> Option<Header> {
    let &[8, h1, h2, w1, w2, components, ref rest @ ..] = content else { return None };
    let (width, height) = (u16::from_be_bytes([w1, w2]), u16::from_be_bytes([h1, h2]));
    if width == 0 || height == 0 || !(1..=4).contains(&components) {
        return None;
    }
    // Identifier, sampling factors, quantisation table.
    let specified = rest.get(..3 * usize::from(components)).unwrap_or_default();
    let sampling = specified.as_chunks::<3>().0.iter().map(|[_, factors, _]| *factors).collect();
    Some(Header { width: width.into(), height: height.into(), sampling, scans: Scans::One })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_and_sampling_are_found_behind_other_segments() {
        let jpeg = b"\xFF\xD8\xFF\xE0\0\x04ab\xFF\xC0\0\x0B\x08\0\x10\0\x20\x01\x01\x11\0";
        let header = read(jpeg).unwrap();
        assert_eq!((header.width, header.height, &header.sampling[..]), (32, 16, &[0x11][..]));
        assert_eq!(header.scans, Scans::One);
        assert_eq!(read_strictly(jpeg), Some(header));
    }

    #[test]
    fn a_header_behind_a_hundred_segments_and_stray_bytes_is_found() {
        let mut jpeg = b"\xFF\xD8".to_vec();
        jpeg.extend(b"\xFF\xE2\0\x04ab\0\0".repeat(100));
        jpeg.extend(b"\xFF\xC0\0\x0B\x08\0\x10\0\x20\x01\x01\x11\0");
        assert!(read(&jpeg).is_some());
        assert_eq!(read_strictly(&jpeg), None);
    }

    #[test]
    fn a_scan_of_some_components_is_not_the_whole_picture() {
        let jpeg = |components: u8| {
            let frame = b"\xFF\xD8\xFF\xC0\0\x11\x08\0\x10\0\x20\x03\x01\x22\0\x02\x11\0\x03\x11\0".to_vec();
            [frame, b"\xFF\xDA\0\x03".to_vec(), vec![components]].concat()
        };
        assert_eq!(read(&jpeg(1)).unwrap().scans, Scans::Separate);
        assert_eq!(read(&jpeg(3)).unwrap().scans, Scans::One);
        assert_eq!(read(&jpeg(3)).unwrap().unit(), [16, 16]);
    }

    #[test]
    fn what_applications_wrote_is_found_in_front_of_the_scan_only() {
        let jpeg = b"\xFF\xD8\xFF\xE1\0\x04ab\0\xFF\xE0\0\x03c\xFF\xDA\0\x02picture\xFF\xE1\0\x04de";
        assert_eq!(applications(jpeg, marker::APP1).collect::<Vec<_>>(), [b"ab"]);
        assert_eq!(applications(b"\x89PNG\r\n\x1A\n", marker::APP1).count(), 0);
    }

    #[test]
    fn lossless_jpeg_is_sensor_data_not_a_picture() {
        assert_eq!(read(b"\xFF\xD8\xFF\xC3\0\x0B\x08\0\x10\0\x20\x01\x01\x11\0"), None);
        assert_eq!(read(b"\xFF\xD8\xFF\xC1\0\x0B\x0C\0\x10\0\x20\x01\x01\x11\0"), None);
    }
}
