//! Numbers as people read them.

/// How fast something goes, in the unit that needs few digits; `None` where nothing was done.
pub fn rate(done: u64, seconds: f64) -> Option<String> {
    if done == 0 || seconds <= 0.0 {
        return None;
    }
    let a_second = done as f64 / seconds;
    Some(if a_second >= 99.95 {
        // Three figures that mean something.
        let step = 10_f64.powf(a_second.log10().floor() - 2.0).max(1.0);
        format!("{}/s", thousands(((a_second / step).round() * step) as u64))
    } else if a_second >= 0.95 {
        format!("{a_second:.1}/s")
    } else if a_second * 60.0 >= 0.95 {
        format!("{:.1}/min", a_second * 60.0)
    } else {
        format!("{:.1}/h", a_second * 3600.0)
    })
}

/// A span of time, rounded as far as anybody cares.
pub fn span(seconds: f64) -> String {
    if seconds < 119.5 {
        format!("{seconds:.0} s")
    } else if seconds < 119.5 * 60.0 {
        format!("{:.0} min", seconds / 60.0)
    } else {
        format!("{:.0} h", seconds / 3600.0)
    }
}

/// A count with its digits in groups of three.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_few_digits_and_a_unit_that_suits_them() {
        for (done, seconds, text) in [
            (0, 5.0, None),
            (5, 0.0, None),
            (106_686, 0.5, Some("213,000/s")),
            (1000, 10.0, Some("100/s")),
            (18, 0.8, Some("22.5/s")),
            (5, 5.0, Some("1.0/s")),
            (1, 20.0, Some("3.0/min")),
            (1, 1800.0, Some("2.0/h")),
        ] {
            assert_eq!(rate(done, seconds).as_deref(), text, "{done} in {seconds} s");
        }
    }

    #[test]
    fn spans_and_counts_are_rounded_and_grouped() {
        assert_eq!([0.4, 90.0, 150.0, 30_000.0].map(span), ["0 s", "90 s", "2 min", "8 h"]);
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }
}
