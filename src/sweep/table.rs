//! All members together: repeats in one line each, the best of them marked, and every member as
//! CSV.

use super::{Member, Outcome, Sample, SweepError};
use crate::metrics::{ACCURACY, Aim};
use std::collections::BTreeSet;

/// The column of a mean's interval.
const INTERVAL: &str = "95 % interval";

/// A sweep's members and what became of them.
pub struct Results {
    members: Vec<(Member, Outcome)>,
    aim: Aim,
    settings: Vec<Setting>,
}

/// Members that differ in nothing but the seed.
pub struct Setting {
    /// Parameters but the seed, and their values.
    pub values: Vec<(String, String)>,
    /// Those members that have come to their end, by the metric.
    pub metrics: Vec<f64>,
    /// The metric over them; none without any.
    pub sample: Option<Sample>,
    /// Members that have failed, and that are not over.
    pub failed: usize,
    /// Members that are not over.
    pub left: usize,
}

impl Results {
    /// Compares members by a metric, or by the one that says most of their task.
    ///
    /// # Errors
    /// A metric that none of them has.
    pub fn of(
        members: Vec<(Member, Outcome)>,
        metric: Option<&str>,
    ) -> Result<Results, SweepError> {
        let finished: Vec<&Outcome> = members
            .iter()
            .map(|(_, outcome)| outcome)
            .filter(|outcome| outcome.is_finished())
            .collect();
        let known: BTreeSet<&str> = finished
            .iter()
            .flat_map(|outcome| outcome.metrics.keys())
            .map(String::as_str)
            .collect();
        let lead = finished.first().map_or(ACCURACY, |outcome| outcome.lead);
        let name = metric.unwrap_or(lead).to_owned();
        if !known.is_empty() && !known.contains(name.as_str()) {
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            return Err(SweepError::Metric { name, known });
        }
        let settings = settings(&members, &name);
        Ok(Results {
            members,
            aim: Aim::of(&name),
            settings,
        })
    }

    /// What members are compared by.
    pub fn metric(&self) -> &str {
        self.aim.metric()
    }

    /// Repeats together, in the order of the members.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// The place of the setting with the best mean; none when no mean is a number, or there is only
    /// one setting.
    pub fn best(&self) -> Option<usize> {
        if self.settings.len() < 2 {
            return None;
        }
        let mean = |place: usize| {
            self.settings[place]
                .sample
                .map(|sample| sample.mean)
                .filter(|mean| mean.is_finite())
        };
        let mut best: Option<(usize, f64)> = None;
        for (place, mean) in
            (0..self.settings.len()).filter_map(|place| Some((place, mean(place)?)))
        {
            if best.is_none_or(|(_, so_far)| self.aim.prefers(mean, so_far)) {
                best = Some((place, mean));
            }
        }
        best.map(|(place, _)| place)
    }

    /// A line for each setting, the best one marked, and why members failed.
    pub fn text(&self) -> String {
        let best = self.best();
        let parameters = self
            .settings
            .first()
            .map_or(&[][..], |setting| &setting.values);
        let mut head: Vec<String> = vec![String::new()];
        head.extend(parameters.iter().map(|(name, _)| name.clone()));
        head.extend(["n", self.metric(), "deviation", INTERVAL, ""].map(str::to_owned));
        let row = |(place, setting): (usize, &Setting)| setting.row(best == Some(place));
        let rows: Vec<Vec<String>> = [head]
            .into_iter()
            .chain(self.settings.iter().enumerate().map(row))
            .collect();
        let mut text = format!(
            "test {} after the last round, mean over seeds\n{}",
            self.metric(),
            aligned(&rows)
        );
        if let Some(best) = best {
            text += &format!("best: {}\n", self.settings[best].name());
        }
        for (member, outcome) in self
            .members
            .iter()
            .filter(|(_, outcome)| !outcome.is_finished())
        {
            text += &format!("{}: {}\n", member.name, outcome.words());
        }
        text
    }

    /// A line for each member: its parameters, how it stands, and every metric.
    ///
    /// # Errors
    /// What cannot be written.
    pub fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut table = csv::Writer::from_writer(Vec::new());
        let metrics: BTreeSet<&String> = self
            .members
            .iter()
            .flat_map(|(_, outcome)| outcome.metrics.keys())
            .collect();
        let parameters = self
            .members
            .first()
            .map_or(&[][..], |(member, _)| &member.settings);
        let mut head = vec!["member"];
        head.extend(parameters.iter().map(|(name, _)| name.as_str()));
        head.extend(["state", "rounds", "seconds"]);
        head.extend(metrics.iter().map(|name| name.as_str()));
        head.extend(["model_hash", "reason"]);
        table.write_record(head)?;
        for (member, outcome) in &self.members {
            let state = outcome
                .standing
                .map_or(String::new(), |standing| standing.to_string());
            let mut line = vec![member.name.clone()];
            line.extend(member.settings.iter().map(|(_, value)| value.clone()));
            line.extend([
                state,
                outcome.rounds.to_string(),
                outcome.seconds.to_string(),
            ]);
            let value = |name: &&String| {
                outcome
                    .metrics
                    .get(*name)
                    .map_or(String::new(), f64::to_string)
            };
            line.extend(metrics.iter().map(value));
            line.extend([outcome.model_hash.clone(), outcome.reason.clone()]);
            table.write_record(line)?;
        }
        table
            .into_inner()
            .map_err(|error| error.into_error().into())
    }
}

/// Members by their settings, in the order of the first of each.
fn settings(members: &[(Member, Outcome)], metric: &str) -> Vec<Setting> {
    let mut settings: Vec<Setting> = Vec::new();
    for (member, outcome) in members {
        let values = member.setting();
        let place = settings
            .iter()
            .position(|setting| setting.values == values)
            .unwrap_or_else(|| {
                settings.push(Setting {
                    values,
                    metrics: Vec::new(),
                    sample: None,
                    failed: 0,
                    left: 0,
                });
                settings.len() - 1
            });
        settings[place].take(outcome, metric);
    }
    for setting in &mut settings {
        setting.sample = Sample::of(&setting.metrics);
    }
    settings
}

impl Setting {
    fn take(&mut self, outcome: &Outcome, metric: &str) {
        if outcome.is_finished() {
            self.metrics.extend(outcome.metrics.get(metric));
        } else if outcome.is_over() {
            self.failed += 1;
        } else {
            self.left += 1;
        }
    }

    /// What it is called; `all` when nothing but the seed differs.
    pub fn name(&self) -> String {
        let pairs: Vec<String> = self
            .values
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if pairs.is_empty() {
            "all".to_owned()
        } else {
            pairs.join(", ")
        }
    }

    fn row(&self, best: bool) -> Vec<String> {
        let number =
            |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
        let mean = self.sample.map(|sample| sample.mean);
        let interval = self
            .sample
            .and_then(|sample| Some((sample.mean, sample.margin?)));
        let interval =
            interval.map(|(mean, margin)| format!("{:.4} to {:.4}", mean - margin, mean + margin));
        let counts = [(self.failed, "failed"), (self.left, "not done")];
        let notes: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let mut row = vec![if best { "*".to_owned() } else { String::new() }];
        row.extend(self.values.iter().map(|(_, value)| value.clone()));
        row.extend([self.metrics.len().to_string(), number(mean)]);
        row.extend([
            number(self.sample.and_then(|sample| sample.deviation)),
            interval.unwrap_or("-".to_owned()),
        ]);
        row.push(notes.join(", "));
        row
    }
}

/// Columns under each other, with two blanks between them; no line ends in blanks.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, wide)| format!("{cell:<wide$}"))
            .collect();
        text += cells.join("  ").trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Standing;

    fn member(lr: &str, seed: &str, outcome: Outcome) -> (Member, Outcome) {
        let settings = vec![
            ("lr".to_owned(), lr.to_owned()),
            ("seed".to_owned(), seed.to_owned()),
        ];
        (Member::all(vec![settings]).remove(0), outcome)
    }

    fn done(accuracy: f64) -> Outcome {
        let metrics = [
            ("accuracy".to_owned(), accuracy),
            ("loss".to_owned(), 1.0 - accuracy),
        ]
        .into();
        Outcome {
            standing: Some(Standing::Finished),
            metrics,
            lead: "accuracy",
            rounds: 2,
            ..Outcome::default()
        }
    }

    fn failed() -> Outcome {
        let reason = "client 7 returned NaN".to_owned();
        Outcome {
            standing: Some(Standing::Failed),
            settled: true,
            reason,
            ..Outcome::default()
        }
    }

    fn sweep() -> Vec<(Member, Outcome)> {
        vec![
            member("0.01", "0", done(0.90)),
            member("0.01", "1", done(0.92)),
            member("0.01", "2", done(0.94)),
            member("0.1", "0", done(0.95)),
            member("0.1", "1", Outcome::default()),
            member("9", "0", failed()),
        ]
    }

    #[test]
    fn repeats_are_one_line_and_the_best_is_marked() {
        let results = Results::of(sweep(), None).expect("compared");
        let wanted = "\
test accuracy after the last round, mean over seeds
   lr    n  accuracy  deviation  95 % interval
   0.01  3  0.9200    0.0200     0.8703 to 0.9697
*  0.1   1  0.9500    -          -                 1 not done
   9     0  -         -          -                 1 failed
best: lr=0.1
lr=0.1,seed=1: not begun
lr=9,seed=0: failed: client 7 returned NaN
";
        assert_eq!(results.text(), wanted);
    }

    #[test]
    fn losses_are_better_when_they_are_less() {
        let results = Results::of(sweep(), Some("loss")).expect("compared");
        assert_eq!(
            results
                .best()
                .map(|best| results.settings()[best].name())
                .as_deref(),
            Some("lr=0.1")
        );
        let refused = Results::of(sweep(), Some("f1"))
            .err()
            .map(|error| error.to_string());
        assert!(refused.is_some_and(|refused| refused.contains("`f1` (hint: accuracy, loss)")));
        let nothing =
            Results::of(vec![member("9", "0", failed())], Some("f1")).expect("nobody knows");
        assert_eq!(nothing.best(), None);
    }

    #[test]
    fn every_member_is_a_line_of_the_csv() {
        let csv = Results::of(sweep(), None)
            .expect("compared")
            .csv()
            .expect("in memory");
        let csv = String::from_utf8(csv).expect("text");
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines[0], "member,lr,seed,state,rounds,seconds,accuracy,loss,model_hash,reason");
        assert_eq!(lines[1], "\"lr=0.01,seed=0\",0.01,0,finished,2,0,0.9,0.09999999999999998,,");
        assert_eq!(lines[6], "\"lr=9,seed=0\",9,0,failed,0,0,,,,client 7 returned NaN");
    }
}
