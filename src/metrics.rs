//! Named ratios: metrics of parts are added before they are divided. Sums are multiples of 2^-24,
//! so that adding them is exact and nobody can tell in which order it was done.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A sum, and what it is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// Of all parts; a multiple of 2^-24.
    #[serde(with = "crate::number")]
    pub sum: f64,
    /// Of all parts.
    pub weight: u64,
}

/// What sums are multiples of; below 2^29 they are exact.
const GRAIN: f64 = (1u64 << 24) as f64;

impl Ratio {
    /// Of one part; its sum is rounded once.
    pub fn of(sum: f64, weight: u64) -> Ratio {
        Ratio {
            sum: (sum * GRAIN).round_ties_even() / GRAIN,
            weight,
        }
    }

    /// The quotient; 0 of nothing.
    pub fn value(&self) -> f64 {
        self.sum / self.weight.max(1) as f64
    }
}

/// Metrics of a model on some samples, by name: `loss` (mean cross-entropy in nats, or what the
/// task has for it) and what else the task has.
///
/// ```
/// use fedmpi::metrics::Metrics;
/// let mut metrics = Metrics::default().with("loss", 1.0, 2).with("accuracy", 1.0, 2);
/// metrics.add(&Metrics::default().with("loss", 5.0, 2).with("accuracy", 2.0, 2));
/// assert_eq!((metrics.loss(), metrics.accuracy()), (1.5, 0.75));
/// assert_eq!(metrics.value("perplexity"), Some(1.5f64.exp()));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metrics(BTreeMap<String, Ratio>);

impl Metrics {
    /// With one more ratio of a part.
    pub fn with(mut self, name: &str, sum: f64, weight: u64) -> Metrics {
        self.0.insert(name.to_owned(), Ratio::of(sum, weight));
        self
    }

    /// A metric by name; `perplexity` follows from the loss.
    pub fn value(&self, name: &str) -> Option<f64> {
        match self.0.get(name) {
            Some(ratio) => Some(ratio.value()),
            None if name == PERPLEXITY => self.0.get(LOSS).map(|loss| loss.value().exp()),
            None => None,
        }
    }

    /// Every metric with its value, the loss first.
    pub fn shown(&self) -> Vec<(&str, f64)> {
        let mut shown: Vec<(&str, f64)> = self
            .0
            .iter()
            .map(|(name, ratio)| (name.as_str(), ratio.value()))
            .collect();
        shown.sort_by_key(|(name, _)| (*name != LOSS, *name));
        shown
    }

    /// The metric that says most: the accuracy, or the loss where there is none.
    pub fn lead(&self) -> (&'static str, f64) {
        match self.value(ACCURACY) {
            Some(accuracy) => (ACCURACY, accuracy),
            None => (LOSS, self.loss()),
        }
    }

    /// Where the metric that says most shall go.
    pub fn aim(&self) -> Aim {
        Aim::of(self.lead().0)
    }

    /// Mean loss; 0 when there is none.
    pub fn loss(&self) -> f64 {
        self.value(LOSS).unwrap_or(0.0)
    }

    /// Share of targets predicted right, from 0 to 1; 0 when the task has no such thing.
    pub fn accuracy(&self) -> f64 {
        self.value(ACCURACY).unwrap_or(0.0)
    }

    /// Metrics that are no finite numbers: the model has diverged.
    pub fn diverged(&self) -> Vec<&str> {
        let shown = self.shown().into_iter();
        shown
            .filter(|(_, value)| !value.is_finite())
            .map(|(name, _)| name)
            .collect()
    }

    /// Adds another part's sums.
    pub fn add(&mut self, other: &Metrics) {
        for (name, ratio) in &other.0 {
            let own = self.0.entry(name.clone()).or_default();
            own.sum += ratio.sum;
            own.weight += ratio.weight;
        }
    }
}

pub(crate) const LOSS: &str = "loss";
pub(crate) const ACCURACY: &str = "accuracy";
const PERPLEXITY: &str = "perplexity";
/// Metrics of which less is better.
const DOWN: [&str; 3] = [LOSS, PERPLEXITY, "squared_error"];

/// Where a metric shall go: up or down.
#[derive(Clone, Debug, PartialEq)]
pub struct Aim {
    name: String,
    above: bool,
}

impl Aim {
    /// Where a metric shall go by its name.
    pub fn of(name: &str) -> Aim {
        Aim {
            name: name.to_owned(),
            above: !DOWN.contains(&name),
        }
    }

    /// The metric's name.
    pub fn metric(&self) -> &str {
        &self.name
    }

    /// Whether a value is better than another.
    pub fn prefers(&self, value: f64, other: f64) -> bool {
        if self.above {
            value > other
        } else {
            value < other
        }
    }
}

/// A metric that a run is to reach, such as `accuracy>=0.97` or `perplexity<=60`.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    name: String,
    above: bool,
    value: f64,
}

impl Target {
    /// An accuracy from 0 to 1.
    pub fn accuracy(value: f64) -> Target {
        Target {
            name: "accuracy".to_owned(),
            above: true,
            value,
        }
    }

    /// Reads `NAME>=VALUE` or `NAME<=VALUE`.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Target, String> {
        let parts = text.split_once(">=").map(|parts| (true, parts));
        let parts = parts.or_else(|| text.split_once("<=").map(|parts| (false, parts)));
        let hint = "(hint: accuracy>=0.97, or perplexity<=60)";
        let (above, (name, value)) =
            parts.ok_or(format!("`{text}` is neither NAME>=VALUE nor NAME<=VALUE {hint}"))?;
        match value.trim().parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Target {
                name: name.trim().to_owned(),
                above,
                value,
            }),
            _ => Err(format!("`{}` in `{text}` is no number {hint}", value.trim())),
        }
    }

    /// The metric's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its metric shall go.
    pub fn aim(&self) -> Aim {
        Aim {
            name: self.name.clone(),
            above: self.above,
        }
    }

    /// Whether metrics reach it.
    pub fn is_reached(&self, metrics: &Metrics) -> bool {
        let reached = |value: f64| {
            if self.above {
                value >= self.value
            } else {
                value <= self.value
            }
        };
        metrics.value(&self.name).is_some_and(reached)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}{}", self.name, if self.above { ">=" } else { "<=" }, self.value)
    }
}

/// Middle value of `values`, the mean of the middle two when their number is even; 0 of nothing.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_in_any_order() {
        let part = |i: u32| {
            Metrics::default()
                .with("loss", f64::from(i).sqrt() * 31.7, 2)
                .with("f1", 1.0, u64::from(i))
        };
        let parts: Vec<Metrics> = (1..200).map(part).collect();
        let sum = |parts: &mut dyn Iterator<Item = &Metrics>| {
            let mut sum = Metrics::default();
            parts.for_each(|part| sum.add(part));
            sum
        };
        assert_eq!(sum(&mut parts.iter()), sum(&mut parts.iter().rev()));
        assert!(Metrics::default().with("loss", f64::NAN, 1).loss().is_nan());
        assert_eq!(Metrics::default().accuracy(), 0.0);
    }

    #[test]
    fn targets_are_reached_from_either_side() {
        let metrics = Metrics::default()
            .with("loss", 2.0, 1)
            .with("accuracy", 0.5, 1);
        let reached = |text: &str| Target::parse(text).expect("sound").is_reached(&metrics);
        assert!(
            reached("accuracy>=0.5") && !reached("accuracy >= 0.6") && reached("perplexity<=8")
        );
        assert!(!reached("perplexity<=7") && !reached("f1>=0"));
        assert!(Target::parse("accuracy=1").is_err() && Target::parse("accuracy>=high").is_err());
    }

    #[test]
    fn median_of_odd_and_even() {
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0]), median(&[])), (2.0, 2.5, 0.0));
    }
}
