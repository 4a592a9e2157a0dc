//! Mean, deviation and confidence of a metric over repeats.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// How sure an interval is.
const CONFIDENCE: f64 = 0.95;

/// Repeats of one setting in a few figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// How many there are.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, over one less than their number; none of a single one.
    pub deviation: Option<f64>,
    /// Half the width of the interval in which the mean of all seeds lies with 95 % confidence, by
    /// Student's t; none of a single one.
    pub margin: Option<f64>,
}

impl Sample {
    /// Of some values; none of nothing.
    ///
    /// ```
    /// use fedmpi::sweep::Sample;
    /// let sample = Sample::of(&[0.9, 0.92, 0.94]).unwrap();
    /// assert!(
    ///     (sample.mean - 0.92).abs() < 1e-12
    ///         && (sample.deviation.unwrap() - 0.02).abs() < 1e-12
    /// );
    /// // With three values t is 4.3027: 4.3027 * 0.02 / sqrt(3).
    /// assert!((sample.margin.unwrap() - 0.049683).abs() < 1e-6);
    /// ```
    pub fn of(values: &[f64]) -> Option<Sample> {
        let count = values.len();
        if count == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count as f64;
        if count == 1 {
            return Some(Sample {
                count,
                mean,
                deviation: None,
                margin: None,
            });
        }
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (squares / (count - 1) as f64).sqrt();
        let margin = students_t(count - 1).map(|t| t * deviation / (count as f64).sqrt());
        Some(Sample {
            count,
            mean,
            deviation: Some(deviation),
            margin,
        })
    }
}

/// The number that Student's t of so many degrees of freedom exceeds, up or down, with the
/// probability that is left.
fn students_t(freedom: usize) -> Option<f64> {
    let t = StudentsT::new(0.0, 1.0, freedom as f64).ok()?;
    Some(t.inverse_cdf(0.5 + CONFIDENCE / 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t_is_as_in_printed_tables() {
        for (freedom, printed) in [
            (1, 12.706),
            (2, 4.303),
            (4, 2.776),
            (9, 2.262),
            (29, 2.045),
            (120, 1.980),
        ] {
            let t = students_t(freedom).expect("a number");
            assert!((t - printed).abs() < 5e-4, "{freedom}: {t}");
        }
    }

    #[test]
    fn one_value_has_no_deviation_and_equal_ones_none_to_speak_of() {
        assert_eq!(Sample::of(&[]), None);
        assert_eq!(
            Sample::of(&[0.5]),
            Some(Sample {
                count: 1,
                mean: 0.5,
                deviation: None,
                margin: None
            })
        );
        let equal = Sample::of(&[0.5; 4]).expect("some");
        assert_eq!((equal.deviation, equal.margin), (Some(0.0), Some(0.0)));
        // The numbers 2 4 4 4 5 5 7 9: mean 5, squares 32.
        let known = Sample::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).expect("some");
        assert!((known.deviation.expect("eight") - (32f64 / 7.0).sqrt()).abs() < 1e-12);
    }
}
