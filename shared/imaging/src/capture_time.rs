//! When a photo was taken, as its camera says.

use std::fmt;

const MINUTES_A_DAY: i16 = 24 * 60;

/// The moment at which a shutter opened, in the camera's local time: a date that exists and a time of day.
///
/// EXIF has no time zone before version 2.31; where the camera wrote an offset from UTC it is kept, else the time is
/// local to wherever the camera was. The fields order as local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct CaptureTime {
    /// Year, 1 to 9999.
    pub year: u16,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, from 1.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 59.
    pub second: u8,
    /// Local time minus UTC in minutes, within a day either way; `None` where the camera does not say.
    pub offset_minutes: Option<i16>,
}

impl CaptureTime {
    /// Reads EXIF's `YYYY:MM:DD HH:MM:SS` and, if there is one, its `±HH:MM`. `None` for a date that does not exist, such
    /// as the `0000:00:00 00:00:00` of a camera whose clock was never set; an offset that makes no sense counts as none.
    ///
    /// Source: Exif 2.32, 4.6.5 D (`DateTimeOriginal`) and `OffsetTimeOriginal`. Dashes instead of colons are common in
    /// the wild and are read as well.
    pub(crate) fn from_exif(date_time: &[u8], offset: Option<&[u8]>) -> Option<Self> {
        let &[y1, y2, y3, y4, a, m1, m2, b, d1, d2, space, h1, h2, c, n1, n2, d, s1, s2] =
            date_time.get(..19)?
        else {
            return None;
        };
        let separated = [a, b].iter().all(|mark| b":-/".contains(mark))
            && [c, d] == *b"::"
            && [b' ', b'T'].contains(&space);
        let time = Self {
            year: number(&[y1, y2, y3, y4])?,
            month: number(&[m1, m2])? as u8,
            day: number(&[d1, d2])? as u8,
            hour: number(&[h1, h2])? as u8,
            minute: number(&[n1, n2])? as u8,
            second: number(&[s1, s2])? as u8,
            offset_minutes: offset.and_then(offset_minutes),
        };
        (separated && time.exists()).then_some(time)
    }

    /// Reads [`Self::local`] back. `None` for anything else, for a date that does not exist and for an offset of a day or more.
    pub fn from_local(local: &str, offset_minutes: Option<i16>) -> Option<Self> {
        let time = Self { offset_minutes, ..Self::from_exif(local.as_bytes(), None)? };
        let offset_exists = offset_minutes.is_none_or(|offset| offset.abs() < MINUTES_A_DAY);
        (offset_exists && time.local() == local).then_some(time)
    }

    /// The camera's local time as ISO 8601 without an offset: `2019-05-04T13:07:59`. Sorts as time does.
    pub fn local(&self) -> String {
        let Self { year, month, day, hour, minute, second, offset_minutes: _ } = self;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
    }

    fn exists(&self) -> bool {
        self.year > 0
            && (1..=days_in(self.year, self.month)).contains(&self.day)
            && self.hour < 24
            && self.minute < 60
            && self.second < 60
    }
}

impl fmt::Display for CaptureTime {
    /// ISO 8601: `2019-05-04T13:07:59`, followed by `+02:00` where the offset is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.local())?;
        let Some(offset) = self.offset_minutes else { return Ok(()) };
        let sign = if offset < 0 { '-' } else { '+' };
        write!(f, "{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60)
    }
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
    }

    #[test]
    fn a_date_that_does_not_exist_is_none() {
        for nonsense in [
            "",
            "2019",
            "0000:00:00 00:00:00",
            "    :  :     :  :  ",
            "2019:13:01 00:00:00",
            "2019:00:01 00:00:00",
            "2019:02:29 00:00:00",
            "1900:02:29 00:00:00",
            "2019:04:31 00:00:00",
            "2019:05:04 24:00:00",
            "2019:05:04 23:60:00",
            "2019:05:04 23:59:60",
            "2019:05:04 -1:00:00",
            "2019 05 04 13:07:59",
        ] {
            assert_eq!(read(nonsense, None), None, "{nonsense}");
        }
    }

    #[test]
    fn a_local_time_is_read_back_and_nothing_else() {
        let time = CaptureTime::from_exif(b"2019:05:04 13:07:59", Some(b"-03:30")).unwrap();
        assert_eq!(CaptureTime::from_local(&time.local(), Some(-210)), Some(time));
        for (text, offset) in [
            ("2019:05:04 13:07:59", None),
            ("2019-05-04T13:07:59Z", None),
            ("2019-02-30T13:07:59", None),
            ("2019-05-04T13:07:59", Some(1440)),
        ] {
            assert_eq!(CaptureTime::from_local(text, offset), None, "{text} {offset:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_date_or_none(date_time in proptest::collection::vec(any::<u8>(), 0..24), offset: Vec<u8>) {
            if let Some(time) = CaptureTime::from_exif(&date_time, Some(&offset)) {
                prop_assert!(time.exists());
            }
        }
    }
}
