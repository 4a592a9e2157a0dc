//! Numbers in few letters, however large or small: columns of lines stay where they are.

use std::time::Duration;

/// Letters that a metric takes at most.
pub const FIGURE: usize = 8;

/// A number.
///
/// ```
/// use fedmpi::screen::figure;
/// assert_eq!([0.25304, 12.5, -1234.5, 3e9].map(figure), ["0.2530", "12.500", "-1234.5", "3.0e9"]);
/// ```
pub fn figure(value: f64) -> String {
    match value.abs() {
        0.0 => "0.0000".to_owned(),
        size if size < 1e-4 => format!("{value:.0e}"),
        size if size >= 99_999.0 => format!("{value:.1e}"),
        size if size < 10.0 => format!("{value:.4}"),
        size if size < 100.0 => format!("{value:.3}"),
        size if size < 1000.0 => format!("{value:.2}"),
        _ => format!("{value:.1}"),
    }
}

/// A metric's value: shares of samples in percent.
pub fn metric(name: &str, value: f64) -> String {
    if SHARES.contains(&name) && value.is_finite() {
        format!("{:.2} %", 100.0 * value)
    } else {
        figure(value)
    }
}

/// Metrics that are shares of samples.
const SHARES: [&str; 2] = ["accuracy", "top5"];

/// How long something took, in at most seven letters.
pub fn seconds(time: Duration) -> String {
    match time.as_secs_f64() {
        // What would be rounded up to one more letter is written with one less.
        short if short < 0.099_95 => format!("{:.1} ms", short * 1e3),
        short if short < 9.999_5 => format!("{short:.3} s"),
        long if long < 99.995 => format!("{long:.2} s"),
        long if long < 999.95 => format!("{long:.1} s"),
        long if long < 99_999.0 => format!("{long:.0} s"),
        long => format!("{long:.0e} s"),
    }
}

/// Time as clocks show it, in at most eight letters.
pub fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match hours {
        0 => format!("{minutes}:{:02}", seconds % 60),
        1..=99 => format!("{hours}:{minutes:02}:{:02}", seconds % 60),
        _ => match hours / 24 {
            days @ ..=999 => format!("{days} days"),
            _ => "years".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_whatever_they_are() {
        let odd = [
            0.0,
            -1e-300,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MAX,
            f64::MIN,
            1e-300,
            -99999.96,
            9.99996,
        ];
        for value in odd {
            assert!(figure(value).len() <= FIGURE, "{}", figure(value));
            assert!(metric("accuracy", value.clamp(0.0, 1.0)).len() <= FIGURE);
        }
        assert_eq!(metric("accuracy", 0.95261), "95.26 %");
        assert_eq!([metric("accuracy", 1.0), metric("loss", 1.0)], ["100.00 %", "1.0000"]);
    }

    #[test]
    fn times_are_short_whatever_they_are() {
        let told =
            [0.0203, 0.5, 12.345, 100.0, 4000.0].map(|time| seconds(Duration::from_secs_f64(time)));
        assert_eq!(told, ["20.3 ms", "0.500 s", "12.35 s", "100.0 s", "4000 s"]);
        let told =
            [9, 61, 3661, 360_000, 8_640_000_000].map(|time| clock(Duration::from_secs(time)));
        assert_eq!(told, ["0:09", "1:01", "1:01:01", "4 days", "years"]);
        let odd =
            [0.0, 0.099_99, 9.999_9, 99.999, 999.99, 99_999.0, 1e18].map(Duration::from_secs_f64);
        for time in odd.into_iter().chain([Duration::MAX]) {
            assert!(
                seconds(time).len() <= 7 && clock(time).len() <= 8,
                "{} {}",
                seconds(time),
                clock(time)
            );
        }
    }
}
