//! A sweep as a picture: a row for each setting, with a dot for each seed, the mean, and the
//! interval in which it lies.

use super::Results;
use crate::report::figure::{Figure, Interval, intervals};

impl Results {
    /// The picture; none when no setting has a figure.
    pub fn picture(&self) -> Option<Figure> {
        let best = self.best();
        let row = |(place, setting): (usize, &super::Setting)| Interval {
            label: setting.name(),
            points: setting.metrics.clone(),
            mean: setting
                .sample
                .filter(|sample| sample.mean.is_finite())
                .map(|sample| (sample.mean, sample.margin.unwrap_or(0.0))),
            best: best == Some(place),
        };
        let rows: Vec<Interval> = self.settings().iter().enumerate().map(row).collect();
        let x = format!("test {} after the last round", self.metric());
        intervals("sweep", "each seed, mean and 95 % interval", &x, &rows)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Member, Outcome};
    use super::*;
    use crate::event::Standing;

    #[test]
    fn settings_have_a_row_each_and_no_figures_no_picture() {
        let member = |lr: &str, accuracy: Option<f64>| {
            let settings = vec![("lr".to_owned(), lr.to_owned())];
            let metrics = accuracy
                .map(|accuracy| ("accuracy".to_owned(), accuracy))
                .into_iter()
                .collect();
            let standing = Some(Standing::Finished);
            (
                Member::all(vec![settings]).remove(0),
                Outcome {
                    standing,
                    metrics,
                    lead: "accuracy",
                    ..Outcome::default()
                },
            )
        };
        let picture = |members| Results::of(members, None).expect("compared").picture();
        let drawn = picture(vec![
            member("0.1", Some(0.5)),
            member("1", Some(0.7)),
            member("9", Some(f64::NAN)),
        ]);
        let drawn = drawn.expect("three settings").drawing;
        assert_eq!(drawn.matches("lr=").count(), 3);
        assert!(drawn.contains("test accuracy after the last round") && !drawn.contains("NaN"));
        assert!(
            picture(vec![member("9", Some(f64::NAN))]).is_none()
                && picture(vec![member("1", Some(0.5))]).is_some()
        );
    }
}
