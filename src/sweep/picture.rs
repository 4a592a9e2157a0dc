//! A sweep as a picture: a row for each setting, with a dot for each seed, the mean, and the
//! interval in which it lies.

use super::{Results, Setting};
use crate::report::figure::{Figure, Interval, intervals};

impl Results {
    /// The picture; none when no setting has a figure.
    pub fn picture(&self) -> Option<Figure> {
        let best = self.best();
        let settings = self.settings().iter().enumerate();
        let rows: Vec<Interval> = settings
            .map(|(place, setting)| row(setting, best == Some(place)))
            .collect();
        let x = format!("test {} after the last round", self.metric());
        intervals("sweep", "each seed, mean and 95 % interval", &x, &rows)
    }
}

/// The row of a setting; without a mean where that is no number.
fn row(setting: &Setting, best: bool) -> Interval {
    let sample = setting.sample.filter(|sample| sample.mean.is_finite());
    Interval {
        label: setting.name(),
        points: setting.metrics.clone(),
        mean: sample.map(|sample| (sample.mean, sample.margin.unwrap_or(0.0))),
        best,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Member, Outcome};
    use super::*;
    use crate::event::Standing;

    /// One that has come to its end.
    fn member(lr: &str, accuracy: f64) -> (Member, Outcome) {
        let settings = vec![("lr".to_owned(), lr.to_owned())];
        let outcome = Outcome {
            standing: Some(Standing::Finished),
            metrics: [("accuracy".to_owned(), accuracy)].into(),
            lead: "accuracy",
            ..Outcome::default()
        };
        (Member::all(vec![settings]).remove(0), outcome)
    }

    #[test]
    fn settings_have_a_row_each_and_no_figures_no_picture() {
        let picture = |members| Results::of(members, None).expect("compared").picture();
        let drawn = picture(vec![member("0.1", 0.5), member("1", 0.7), member("9", f64::NAN)]);
        let drawn = drawn.expect("three settings").drawing;
        assert_eq!(drawn.matches("lr=").count(), 3);
        assert!(drawn.contains("test accuracy after the last round") && !drawn.contains("NaN"));
        assert!(picture(vec![member("9", f64::NAN)]).is_none());
        assert!(picture(vec![member("1", 0.5)]).is_some());
    }
}
