//! The parts of a JPEG file, found as libjpeg finds them: what lies between two segments and belongs nowhere
//! is passed over.

/// Markers. Source: ITU-T T.81, table B.1.
pub(crate) mod marker {
    pub(crate) const DHT: u8 = 0xC4;
    pub(crate) const DAC: u8 = 0xCC;
    pub(crate) const RST0: u8 = 0xD0;
    pub(crate) const SOI: u8 = 0xD8;
    pub(crate) const EOI: u8 = 0xD9;
    pub(crate) const SOS: u8 = 0xDA;
    pub(crate) const DQT: u8 = 0xDB;
    pub(crate) const DRI: u8 = 0xDD;
    pub(crate) const APP0: u8 = 0xE0;
    pub(crate) const APP1: u8 = 0xE1;
    pub(crate) const APP14: u8 = 0xEE;

    /// Frame headers of every process; the others in this range are tables.
    pub(crate) fn is_frame(marker: u8) -> bool {
        (0xC0..=0xCF).contains(&marker) && ![DHT, 0xC8, DAC].contains(&marker)
    }

    /// Restart markers, which stand within a scan.
    pub(crate) fn is_restart(marker: u8) -> bool {
        (RST0..=RST0 + 7).contains(&marker)
    }
}

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// Tables, a frame header, what an application wrote: without marker and length.
    Segment { marker: u8, content: &'a [u8] },
    /// A scan: its header, and everything behind it, which begins with the coded picture ([`picture`]).
    Scan { header: &'a [u8], behind: &'a [u8] },
}

/// Goes through the parts, up to the end marker, or to where nothing makes sense any more.
#[derive(Debug, Clone)]
pub(crate) struct Parts<'a> {
    rest: &'a [u8],
    /// Whether `rest` begins with a coded picture.
    in_scan: bool,
    /// Bytes between parts that may still be passed over.
    patience: usize,
}

impl<'a> Parts<'a> {
    /// Those of a file; none of what is no JPEG.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        let rest = bytes.strip_prefix(&[0xFF, marker::SOI]).unwrap_or_default();
        Self { rest, in_scan: false, patience: usize::MAX }
    }

    /// The same, but it ends at the first byte between parts: what only looks like the beginning of a file is
    /// given up soon.
    pub(crate) fn strictly_of(bytes: &'a [u8]) -> Self {
        Self { patience: 0, ..Self::of(bytes) }
    }

    /// The marker that comes next, with everything behind it.
    fn marker(&mut self) -> Option<u8> {
        loop {
            let stray = self.rest.iter().position(|byte| *byte == 0xFF)?;
            self.patience = self.patience.checked_sub(stray)?;
            self.rest = &self.rest[stray..];
            // Any number of them may stand before a marker.
            let fill = self.rest.iter().position(|byte| *byte != 0xFF)?;
            let marker = self.rest[fill];
            self.rest = &self.rest[fill + 1..];
            match marker {
                // No marker at all, or one that stands for nothing here.
                0 => self.patience = self.patience.checked_sub(2)?,
                1 => {}
                restart if marker::is_restart(restart) => {}
                marker => return Some(marker),
            }
        }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        if std::mem::take(&mut self.in_scan) {
            self.rest = &self.rest[picture(self.rest).len()..];
        }
        let marker = self.marker().filter(|marker| ![marker::SOI, marker::EOI].contains(marker))?;
        let length = usize::from(u16::from_be_bytes(*self.rest.first_chunk()?));
        let content = self.rest.get(2..length.max(2))?;
        self.rest = &self.rest[2 + content.len()..];
        if marker != marker::SOS {
            return Some(Part::Segment { marker, content });
        }
        self.in_scan = true;
        Some(Part::Scan { header: content, behind: self.rest })
    }
}

/// The coded picture that begins here, with its restart markers: up to any other marker.
pub(crate) fn picture(bytes: &[u8]) -> &[u8] {
    let mut at = 0;
    while let Some(next) = bytes[at..].iter().position(|byte| *byte == 0xFF) {
        let begin = at + next;
        let fill = bytes[begin..].iter().position(|byte| *byte != 0xFF);
        match fill.map(|fill| (begin + fill, bytes[begin + fill])) {
            Some((end, marker)) if marker == 0 || marker::is_restart(marker) => at = end + 1,
            Some(_) => return &bytes[..begin],
            None => break,
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stray_bytes_are_passed_over_and_a_scan_ends_at_its_marker() {
        let jpeg = b"\xFF\xD8ab\xFF\0\xFF\xFF\xE1\0\x04xy\0\0\0\xFF\xDA\0\x03h1\xFF\0\xFF\xD02\xFF\xFF\xD9tail\xFF\xDA";
        let mut parts = Parts::of(jpeg);
        assert_eq!(parts.next(), Some(Part::Segment { marker: marker::APP1, content: b"xy" }));
        let Some(Part::Scan { header: b"h", behind }) = parts.next() else { panic!("no scan") };
        assert_eq!(picture(behind), b"1\xFF\0\xFF\xD02");
        assert_eq!(parts.next(), None);
        assert_eq!(Parts::strictly_of(jpeg).next(), None);
        assert_eq!(Parts::of(b"\x89PNG\xFF\xE1\0\x02").next(), None);
    }

    #[test]
    fn a_segment_that_is_cut_off_is_none_and_a_scan_goes_on_to_the_end() {
        assert_eq!(Parts::of(b"\xFF\xD8\xFF\xE1\0\x09xy").next(), None);
        let cut = Parts::of(b"\xFF\xD8\xFF\xDA\0\x0212\xFF");
        assert_eq!(cut.collect::<Vec<_>>(), [Part::Scan { header: b"", behind: b"12\xFF" }]);
        assert_eq!(picture(b"12\xFF"), b"12\xFF");
    }
}
