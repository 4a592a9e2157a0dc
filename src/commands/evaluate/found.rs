//! What an evaluation has found, for people and for programs.

use crate::ids::counted;
use crate::metrics::Metrics;
use serde::Serialize;
use std::collections::BTreeMap;

/// The least width of names of classes.
const NARROWEST: usize = 5;

/// What is found of a model.
#[derive(Serialize)]
pub(super) struct Found {
    pub(super) run: String,
    pub(super) model: String,
    pub(super) hash: String,
    pub(super) dataset: String,
    pub(super) samples: usize,
    pub(super) ranks: usize,
    pub(super) seconds: f64,
    #[serde(with = "crate::number")]
    pub(super) metrics: BTreeMap<String, f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) classes: Vec<Class>,
}

/// What is found of the samples of one class.
#[derive(Serialize)]
pub(super) struct Class {
    pub(super) name: String,
    pub(super) samples: usize,
    #[serde(with = "crate::number")]
    pub(super) metrics: BTreeMap<String, f64>,
}

impl Found {
    /// For people.
    pub(super) fn lines(&self) -> Vec<String> {
        let samples = counted(self.samples, "test sample");
        let on = format!("on {} in {:.3} s", counted(self.ranks, "rank"), self.seconds);
        let mut lines = vec![
            format!("run     {}", self.run),
            format!("model   {} ({})", self.hash, self.model),
            format!("data    {}, {samples} {on}", self.dataset),
        ];
        for (name, value) in &self.metrics {
            lines.push(format!("{name:<12} {value:.6}"));
        }
        if let Some(first) = self.classes.first() {
            let width = self.width_of_names();
            lines.push(first.heads(width));
            lines.extend(self.classes.iter().map(|class| class.line(width)));
        }
        lines
    }

    fn width_of_names(&self) -> usize {
        let names = self.classes.iter().map(|class| class.name.chars().count());
        names.max().unwrap_or(0).max(NARROWEST)
    }
}

impl Class {
    fn heads(&self, width: usize) -> String {
        let names = self.metrics.keys().map(|name| format!("{name:>12}"));
        format!("{:>width$}   samples{}", "class", names.collect::<String>())
    }

    fn line(&self, width: usize) -> String {
        let values = self.metrics.values().map(|value| format!("{value:>12.4}"));
        format!("{:>width$}{:>10}{}", self.name, self.samples, values.collect::<String>())
    }
}

/// Metrics by name.
pub(super) fn named(metrics: &Metrics) -> BTreeMap<String, f64> {
    let shown = metrics.shown().into_iter();
    shown
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
