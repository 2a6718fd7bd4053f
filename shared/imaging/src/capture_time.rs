//! When a photo was taken, as far as its camera, or whoever scanned it, says.

use std::fmt::{self, Write as _};

const MINUTES_A_DAY: i16 = 24 * 60;

/// The moment at which a shutter opened, in the camera's local time, as far as it is known: the year at
/// least.
///
/// EXIF has no time zone before version 2.31; where the camera wrote an offset from UTC it is kept, else the
/// time is local to wherever the camera was. The fields order as local time; of what is not known nothing is
/// said, and it comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct CaptureTime {
    /// Year, 1 to 9999.
    pub year: u16,
    /// Month, 1 to 12.
    pub month: Option<u8>,
    /// Day of the month, from 1; only with a month.
    pub day: Option<u8>,
    /// Time of day; only with a day.
    pub time: Option<TimeOfDay>,
    /// Local time minus UTC in minutes, within a day either way; only with a time of day, and where the
    /// camera says it.
    pub offset_minutes: Option<i16>,
}

/// A time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct TimeOfDay {
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 59.
    pub second: Option<u8>,
}

impl CaptureTime {
    /// Reads EXIF's `YYYY:MM:DD HH:MM:SS` and, if there is one, its `±HH:MM`, from the left as far as it
    /// makes sense: blanks and zeros stand for what is not known (Exif 2.32, 4.6.5 D), so do a month, a day
    /// or a time that does not exist. `None` if there is no year, as in the `0000:00:00 00:00:00` of a camera
    /// whose clock was never set; an offset that makes no sense counts as none.
    ///
    /// Dashes, slashes and dots instead of colons are common in the wild, and so is ISO 8601 with a zone of
    /// its own; they are read as well.
    pub(crate) fn from_exif(date_time: &[u8], offset: Option<&[u8]>) -> Option<Self> {
        let text = &date_time[..date_time.iter().position(|byte| *byte == 0).unwrap_or(date_time.len())];
        let (year, rest) = text.trim_ascii_start().split_first_chunk::<4>()?;
        let year = number(year).filter(|year| *year > 0)?;
        // A longer number is no year.
        if rest.first().is_some_and(u8::is_ascii_digit) {
            return None;
        }
        let known = Self { year, month: None, day: None, time: None, offset_minutes: None };
        let Some((month, rest)) = part(rest, b":-/.", 1..=12) else { return Some(known) };
        let known = Self { month: Some(month), ..known };
        let Some((day, rest)) = part(rest, b":-/.", 1..=days_in(year, month)) else { return Some(known) };
        let known = Self { day: Some(day), ..known };
        let Some((time, zone)) = TimeOfDay::read(rest) else { return Some(known) };
        let offset_minutes = offset.and_then(offset_minutes).or_else(|| offset_minutes(zone));
        Some(Self { time: Some(time), offset_minutes, ..known })
    }

    /// Whether a camera wrote anything of a date: blanks and zeros are nothing.
    pub(crate) fn is_written(date_time: &[u8]) -> bool {
        date_time.iter().any(|byte| !b"\0 :0-/.T".contains(byte))
    }

    /// Reads [`Self::local`] back. `None` for anything else, for a date that does not exist and for an offset
    /// of a day or more, or without a time.
    pub fn from_local(local: &str, offset_minutes: Option<i16>) -> Option<Self> {
        let time = Self { offset_minutes, ..Self::from_exif(local.as_bytes(), None)? };
        let offset_exists =
            offset_minutes.is_none_or(|offset| time.time.is_some() && offset.abs() < MINUTES_A_DAY);
        (offset_exists && time.local() == local).then_some(time)
    }

    /// The camera's local time as ISO 8601 without an offset, as far as it is known: `2019-05-04T13:07:59`,
    /// `2019-05-04T13:07`, `2019-05-04`, `2019-05`, `2019`. Sorts as time does.
    pub fn local(&self) -> String {
        let mut text = format!("{:04}", self.year);
        for part in [self.month, self.day].into_iter().flatten() {
            // Writing to a string cannot fail.
            let _ = write!(text, "-{part:02}");
        }
        if let Some(TimeOfDay { hour, minute, second }) = self.time {
            let _ = write!(text, "T{hour:02}:{minute:02}");
            if let Some(second) = second {
                let _ = write!(text, ":{second:02}");
            }
        }
        text
    }
}

impl TimeOfDay {
    /// Reads `HH:MM:SS` or `HH:MM` behind a space or a `T`; gives what follows, behind fractions of a second.
    fn read(text: &[u8]) -> Option<(Self, &[u8])> {
        let text = text.strip_prefix(b"T").unwrap_or(text).trim_ascii_start();
        let &[h1, h2, b':', m1, m2, ref rest @ ..] = text else { return None };
        let hour = number(&[h1, h2]).filter(|hour| *hour < 24)? as u8;
        let minute = number(&[m1, m2]).filter(|minute| *minute < 60)? as u8;
        let (second, rest) = match *rest {
            [b':', s1, s2, ref rest @ ..] if ![s1, s2].contains(&b' ') => {
                (Some(number(&[s1, s2]).filter(|second| *second < 60)? as u8), rest)
            }
            _ => (None, rest),
        };
        let fraction = |byte: &u8| byte.is_ascii_digit() || [b'.', b','].contains(byte);
        let length = rest.iter().take_while(|byte| fraction(byte)).count();
        Some((Self { hour, minute, second }, &rest[length..]))
    }
}

impl fmt::Display for CaptureTime {
    /// ISO 8601 as far as it is known: `2019-05-04T13:07:59`, followed by `+02:00` where the offset is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.local())?;
        let Some(offset) = self.offset_minutes else { return Ok(()) };
        let sign = if offset < 0 { '-' } else { '+' };
        write!(f, "{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60)
    }
}

/// One or two digits behind a separator that are within a range, and what follows.
fn part<'a>(
    text: &'a [u8],
    separators: &[u8],
    range: std::ops::RangeInclusive<u8>,
) -> Option<(u8, &'a [u8])> {
    let (separator, rest) = text.split_first()?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !separators.contains(separator) || !(1..=2).contains(&digits) {
        return None;
    }
    let (digits, rest) = rest.split_at(digits);
    let value = number(digits)? as u8;
    range.contains(&value).then_some((value, rest))
}

/// `±HH:MM` or `Z`; cameras without a set time zone write blanks.
fn offset_minutes(text: &[u8]) -> Option<i16> {
    if text.first() == Some(&b'Z') {
        return Some(0);
    }
    let &[sign, h1, h2, b':', m1, m2] = text.get(..6)? else { return None };
    let (hours, minutes) = (number(&[h1, h2])?, number(&[m1, m2])?);
    let offset = (hours < 24 && minutes < 60).then_some((hours * 60 + minutes) as i16)?;
    match sign {
        b'+' => Some(offset),
        b'-' => Some(-offset),
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0, |value, digit| {
        let digit = (*digit as char).to_digit(10)?;
        Some(value * 10 + digit as u16)
    })
}

fn days_in(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(date_time: &str, offset: Option<&str>) -> Option<String> {
        CaptureTime::from_exif(date_time.as_bytes(), offset.map(str::as_bytes)).map(|time| time.to_string())
    }

    #[test]
    fn a_date_is_read_with_its_offset() {
        assert_eq!(read("2019:05:04 13:07:59", None).unwrap(), "2019-05-04T13:07:59");
        assert_eq!(read("2019:05:04 13:07:59\0", Some("+02:00\0")).unwrap(), "2019-05-04T13:07:59+02:00");
        assert_eq!(read("2020-02-29 00:00:00", Some("-03:30")).unwrap(), "2020-02-29T00:00:00-03:30");
        assert_eq!(read("2020:02:29 00:00:00", Some("   :  ")).unwrap(), "2020-02-29T00:00:00");
        assert_eq!(read("2020:02:29 00:00:00", Some("+99:00")).unwrap(), "2020-02-29T00:00:00");
        assert_eq!(read("2020-02-29T10:11:12.345+01:00", None).unwrap(), "2020-02-29T10:11:12+01:00");
        assert_eq!(read("2020:02:29 10:11:12.345Z", Some("-02:00")).unwrap(), "2020-02-29T10:11:12-02:00");
    }

    #[test]
    fn what_is_known_of_a_date_is_kept() {
        for (written, known) in [
            ("1993:00:00 00:00:00", "1993"),
            ("1993-00-00 12:00:00", "1993"),
            ("1993", "1993"),
            (" 1993 ", "1993"),
            ("1993:  :     :  :  ", "1993"),
            ("1993:05:   :  :  ", "1993-05"),
            ("1993:05:00 00:00:00", "1993-05"),
            ("1993-05", "1993-05"),
            ("2004:05:06", "2004-05-06"),
            ("2004/5/6", "2004-05-06"),
            ("2004:05:06   :  :  ", "2004-05-06"),
            ("2004:05:06 12:13", "2004-05-06T12:13"),
            ("2004:05:06 12:13:  ", "2004-05-06T12:13"),
            ("2004:05:06 24:10:00", "2004-05-06"),
            ("2019:05:04 23:59:60", "2019-05-04"),
            ("2019:05:04 -1:00:00", "2019-05-04"),
            ("2019:02:29 00:00:00", "2019-02"),
            ("2019:13:01 00:00:00", "2019"),
            ("2019 05 04 13:07:59", "2019"),
        ] {
            assert_eq!(read(written, Some("+02:00")).unwrap().trim_end_matches("+02:00"), known, "{written}");
        }
    }

    #[test]
    fn a_date_without_a_year_is_none() {
        for (nonsense, written) in [
            ("", false),
            ("0000:00:00 00:00:00", false),
            ("    :  :     :  :  ", false),
            ("0000-00-00T00:00:00", false),
            ("\0\0\0\0", false),
            ("13/05/1993", true),
            ("May 1993", true),
            ("1557925679", true),
            ("93:05:06 12:00:00", true),
            ("0000:05:06 12:00:00", true),
        ] {
            assert_eq!(read(nonsense, None), None, "{nonsense}");
            assert_eq!(CaptureTime::is_written(nonsense.as_bytes()), written, "{nonsense}");
        }
    }

    #[test]
    fn a_local_time_is_read_back_and_nothing_else() {
        for written in ["2019:05:04 13:07:59", "2019:05:04 13:07", "2019:05:04", "2019:05", "2019"] {
            let time = CaptureTime::from_exif(written.as_bytes(), Some(b"-03:30")).unwrap();
            assert_eq!(CaptureTime::from_local(&time.local(), time.offset_minutes), Some(time));
        }
        for (text, offset) in [
            ("2019:05:04 13:07:59", None),
            ("2019-05-04T13:07:59Z", None),
            ("2019-02-30T13:07:59", None),
            ("2019-05-04T13:07:59", Some(1440)),
            ("2019-05-04", Some(60)),
            ("2019-00", None),
            ("2019-5", None),
        ] {
            assert_eq!(CaptureTime::from_local(text, offset), None, "{text} {offset:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_date_that_exists_or_none(
            date_time in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..24),
                "[0-9 ]{4}[:-][0-9 ]{2}[:-][0-9 ]{2}[ T][0-9 ]{2}:[0-9 ]{2}(:[0-9 ]{2})?(Z|[+][0-9]{2}:[0-9]{2})?"
                    .prop_map(String::into_bytes),
            ],
            offset: Vec<u8>,
        ) {
            let Some(time) = CaptureTime::from_exif(&date_time, Some(&offset)) else { return Ok(()) };
            // What is written down of it is it.
            prop_assert_eq!(CaptureTime::from_local(&time.local(), time.offset_minutes), Some(time));
            prop_assert!(CaptureTime::is_written(&date_time));
            prop_assert!(time.day.is_none() || time.month.is_some());
            prop_assert!(time.time.is_none() || time.day.is_some());
        }

        #[test]
        fn earlier_dates_sort_first_as_text_and_as_values(days in prop::array::uniform2((1u16..3000, 1u8..13, 1u8..29, 0u8..24))) {
            let [a, b] = days.map(|(year, month, day, hour)| {
                let text = format!("{year:04}:{month:02}:{day:02} {hour:02}:00:00");
                CaptureTime::from_exif(text.as_bytes(), None).unwrap()
            });
            prop_assert_eq!(a.cmp(&b), a.local().cmp(&b.local()));
        }
    }
}
