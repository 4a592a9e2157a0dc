//! Members that repeat each other, together: how many have come to their end, and what they have
//! reached.

use super::{Member, Outcome, Sample};

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

/// Members by their settings, in the order of the first of each.
pub(super) fn settings(members: &[(Member, Outcome)], metric: &str) -> Vec<Setting> {
    let mut settings: Vec<Setting> = Vec::new();
    for (member, outcome) in members {
        let values = member.setting();
        let known = settings.iter().position(|setting| setting.values == values);
        let place = known.unwrap_or(settings.len());
        if known.is_none() {
            settings.push(Setting::new(values));
        }
        settings[place].take(outcome, metric);
    }
    for setting in &mut settings {
        setting.sample = Sample::of(&setting.metrics);
    }
    settings
}

impl Setting {
    fn new(values: Vec<(String, String)>) -> Setting {
        Setting {
            values,
            metrics: Vec::new(),
            sample: None,
            failed: 0,
            left: 0,
        }
    }

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

    pub(super) fn row(&self, best: bool) -> Vec<String> {
        let mut row = vec![if best { "*".to_owned() } else { String::new() }];
        row.extend(self.values.iter().map(|(_, value)| value.clone()));
        row.push(self.metrics.len().to_string());
        row.push(number(self.sample.map(|sample| sample.mean)));
        row.push(number(self.sample.and_then(|sample| sample.deviation)));
        row.push(self.sample.and_then(interval).unwrap_or("-".to_owned()));
        row.push(self.missing());
        row
    }

    /// What its figures lack, in words.
    fn missing(&self) -> String {
        let counts = [(self.failed, "failed"), (self.left, "not done")];
        let some = counts.iter().filter(|(count, _)| *count > 0);
        let words: Vec<String> = some
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        words.join(", ")
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.4}"))
}

/// Where the mean of all seeds lies; none of a single one.
fn interval(sample: Sample) -> Option<String> {
    let margin = sample.margin?;
    Some(format!("{:.4} to {:.4}", sample.mean - margin, sample.mean + margin))
}
