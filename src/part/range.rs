//! Ranges of numbers, which refusals can name.

use std::fmt;
use std::ops::Bound;

/// Which numbers a setting may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The least.
    pub from: Bound<f64>,
    /// The largest.
    pub to: Bound<f64>,
}

impl Range {
    /// All finite numbers.
    pub const ANY: Range = Range {
        from: Bound::Unbounded,
        to: Bound::Unbounded,
    };
    /// Above 0.
    pub const POSITIVE: Range = Range {
        from: Bound::Excluded(0.0),
        to: Bound::Unbounded,
    };
    /// From 0 up.
    pub const NOT_NEGATIVE: Range = Range {
        from: Bound::Included(0.0),
        to: Bound::Unbounded,
    };
    /// From 0 to 1.
    pub const UNIT: Range = Range {
        from: Bound::Included(0.0),
        to: Bound::Included(1.0),
    };
    /// Above 0 and at most 1.
    pub const SHARE: Range = Range {
        from: Bound::Excluded(0.0),
        to: Bound::Included(1.0),
    };
    /// From 0 to below 1.
    pub const FRACTION: Range = Range {
        from: Bound::Included(0.0),
        to: Bound::Excluded(1.0),
    };
    /// From 1 to what fits 32 bits.
    pub const COUNT: Range = Range {
        from: Bound::Included(1.0),
        to: Bound::Included(u32::MAX as f64),
    };
    /// From 0 to what fits 32 bits.
    pub const COUNT_OR_NONE: Range = Range {
        from: Bound::Included(0.0),
        to: Bound::Included(u32::MAX as f64),
    };

    /// From one number to another, both included.
    pub const fn between(from: f64, to: f64) -> Range {
        Range {
            from: Bound::Included(from),
            to: Bound::Included(to),
        }
    }

    /// Whether a number is in it; no number is that is not finite.
    pub fn contains(&self, number: f64) -> bool {
        number.is_finite() && std::ops::RangeBounds::contains(&(self.from, self.to), &number)
    }

    /// Numbers that are not in it: what tests try.
    pub fn outside(&self) -> Vec<f64> {
        let below = match self.from {
            Bound::Included(least) => vec![least - 1.0],
            Bound::Excluded(least) => vec![least, least - 1.0],
            Bound::Unbounded => vec![],
        };
        let above = match self.to {
            Bound::Included(most) => vec![most + 1.0],
            Bound::Excluded(most) => vec![most, most + 1.0],
            Bound::Unbounded => vec![],
        };
        [below, above].concat()
    }
}

/// A number as people write it, without a long row of zeros.
pub(crate) fn figure(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-5..1e15).contains(&size) {
        number.to_string()
    } else {
        format!("{number:e}")
    }
}

impl fmt::Display for Range {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.from, self.to) {
            (Bound::Unbounded, Bound::Unbounded) => write!(out, "finite"),
            (Bound::Excluded(from), Bound::Unbounded) => write!(out, "above {from}"),
            (Bound::Included(from), Bound::Unbounded) => write!(out, "from {from} up"),
            (Bound::Included(from), Bound::Included(to)) => write!(out, "from {from} to {to}"),
            (Bound::Included(from), Bound::Excluded(to)) => {
                write!(out, "from {from} to below {to}")
            }
            (Bound::Excluded(from), Bound::Included(to)) => {
                write!(out, "above {from} and at most {to}")
            }
            (Bound::Excluded(from), Bound::Excluded(to)) => {
                write!(out, "above {from} and below {to}")
            }
            (Bound::Unbounded, Bound::Included(to)) => write!(out, "at most {to}"),
            (Bound::Unbounded, Bound::Excluded(to)) => write!(out, "below {to}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let all = [
            0.0,
            -0.1,
            97.0,
            1e9,
            1e-300,
            -1e300,
            f64::NAN,
            f64::INFINITY,
        ]
        .map(figure);
        assert_eq!(
            all,
            [
                "0",
                "-0.1",
                "97",
                "1000000000",
                "1e-300",
                "-1e300",
                "NaN",
                "inf"
            ]
        );
    }
}
