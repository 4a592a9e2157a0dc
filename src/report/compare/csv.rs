//! The comparison for programs, in CSV.

use super::{Comparison, Mean, Row};
use crate::report::groups::differing;

impl Comparison<'_> {
    /// The table for programs, in CSV: a line for each run or group, with the settings in which
    /// they differ.
    pub fn csv(&self) -> String {
        let differ = differing(self.runs);
        let mut table = csv::Writer::from_writer(Vec::new());
        // Writing to memory does not fail.
        let _ = table.write_record(self.names().iter().chain(&differ));
        for row in self.rows() {
            let first = &self.runs[row.group.members[0]];
            let own = differ
                .iter()
                .map(|name| first.settings.get(name).cloned().unwrap_or_default());
            let _ = table.write_record(self.fields(&row).into_iter().chain(own));
        }
        String::from_utf8(table.into_inner().unwrap_or_default()).unwrap_or_default()
    }

    /// What the columns are called, as [`Self::fields`] fills them.
    fn names(&self) -> [String; 13] {
        let (by, metric) = (self.by.word(), self.metric);
        [
            "run".to_owned(),
            "runs".to_owned(),
            "state".to_owned(),
            "rounds".to_owned(),
            metric.to_owned(),
            format!("{metric}_deviation"),
            format!("{by}_taken"),
            format!("{by}_taken_deviation"),
            "target".to_owned(),
            format!("{by}_to_target"),
            format!("{by}_to_target_deviation"),
            "runs_that_reached_it".to_owned(),
            "utilised".to_owned(),
        ]
    }

    fn fields(&self, row: &Row<'_>) -> [String; 13] {
        let [result, result_deviation] = pair(row.result);
        let [spent, spent_deviation] = pair(row.spent);
        let [to_target, to_target_deviation] = pair(row.to_target);
        [
            row.group.name.clone(),
            row.group.members.len().to_string(),
            row.state.clone(),
            row.rounds.to_string(),
            result,
            result_deviation,
            spent,
            spent_deviation,
            number(self.target),
            to_target,
            to_target_deviation,
            row.reached.to_string(),
            number(row.utilised),
        ]
    }
}

/// A mean and its deviation.
fn pair(mean: Mean) -> [String; 2] {
    let (mean, deviation) = mean.unzip();
    [number(mean), number(deviation)]
}

fn number(number: Option<f64>) -> String {
    number.map_or(String::new(), |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::tests::runs;
    use crate::report::axis::By;
    use crate::report::compare;

    #[test]
    fn a_group_is_a_line_with_its_deviations() {
        let runs = runs();
        let comparison = compare(&runs, By::Rounds, Some(0.5), true);
        let csv = comparison.csv();
        assert!(
            csv.starts_with("run,runs,state,rounds,accuracy,accuracy_deviation,rounds_taken,"),
            "{csv}"
        );
        assert_eq!(csv.lines().count(), 3);
        assert!(comparison.figure().is_some());
        let failed = compare(&runs[2..], By::Rounds, None, false);
        assert!(failed.figure().is_none());
    }
}
