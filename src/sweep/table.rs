//! All members together: repeats in one line each, the best of them marked, and every member as
//! CSV.

use super::setting::{Setting, settings};
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
        let mut best: Option<(usize, f64)> = None;
        for (place, setting) in self.settings.iter().enumerate() {
            let Some(Sample { mean, .. }) = setting.sample else { continue };
            let is_better = best.is_none_or(|(_, so_far)| self.aim.prefers(mean, so_far));
            if mean.is_finite() && is_better {
                best = Some((place, mean));
            }
        }
        best.map(|(place, _)| place)
    }

    /// A line for each setting, the best one marked, and why members failed.
    pub fn text(&self) -> String {
        let best = self.best();
        let mut rows = vec![self.head()];
        for (place, setting) in self.settings.iter().enumerate() {
            rows.push(setting.row(best == Some(place)));
        }
        let mut text = format!("test {} after the last round, mean over seeds\n", self.metric());
        text += &aligned(&rows);
        if let Some(best) = best {
            text += &format!("best: {}\n", self.settings[best].name());
        }
        for (member, outcome) in &self.members {
            if !outcome.is_finished() {
                text += &format!("{}: {}\n", member.name, outcome.words());
            }
        }
        text
    }

    /// What stands above the columns of [`Setting::row`].
    fn head(&self) -> Vec<String> {
        let parameters = self
            .settings
            .iter()
            .take(1)
            .flat_map(|setting| &setting.values);
        let mut head = vec![String::new()];
        head.extend(parameters.map(|(name, _)| name.clone()));
        head.extend(["n", self.metric(), "deviation", INTERVAL, ""].map(str::to_owned));
        head
    }

    /// A line for each member: its parameters, how it stands, and every metric.
    ///
    /// # Errors
    /// What cannot be written.
    pub fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut table = csv::Writer::from_writer(Vec::new());
        let outcomes = self.members.iter().map(|(_, outcome)| outcome);
        let metrics: BTreeSet<&String> = outcomes
            .flat_map(|outcome| outcome.metrics.keys())
            .collect();
        let parameters = self
            .members
            .iter()
            .take(1)
            .flat_map(|(member, _)| &member.settings);
        let mut head = vec!["member"];
        head.extend(parameters.map(|(name, _)| name.as_str()));
        head.extend(["state", "rounds", "seconds"]);
        head.extend(metrics.iter().map(|name| name.as_str()));
        head.extend(["model_hash", "reason"]);
        table.write_record(head)?;
        for (member, outcome) in &self.members {
            table.write_record(fields(member, outcome, &metrics))?;
        }
        table
            .into_inner()
            .map_err(|error| error.into_error().into())
    }
}

/// A member's line of the CSV; what it has no figure of is empty.
fn fields(member: &Member, outcome: &Outcome, metrics: &BTreeSet<&String>) -> Vec<String> {
    let mut fields = vec![member.name.clone()];
    fields.extend(member.settings.iter().map(|(_, value)| value.clone()));
    fields.push(
        outcome
            .standing
            .map_or(String::new(), |standing| standing.to_string()),
    );
    fields.extend([outcome.rounds.to_string(), outcome.seconds.to_string()]);
    for name in metrics {
        let value = outcome.metrics.get(*name);
        fields.push(value.map_or(String::new(), f64::to_string));
    }
    fields.extend([outcome.model_hash.clone(), outcome.reason.clone()]);
    fields
}

/// Columns under each other, with two blanks between them; no line ends in blanks.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut widths = vec![0; columns];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
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
