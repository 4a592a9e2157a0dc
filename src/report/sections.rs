//! All that a report shows of runs: its figures, and what its tables say.

use super::axis::By;
use super::clients::{Client, Spread, by_class, by_size, clients, distribution, slowest, spread};
use super::curve::{Measure, lines, measures};
use super::figure::{Axes, Figure, shares};
use super::groups::{Group, beside_method, by_seed};
use super::reported::Reported;
use super::stretches::stretches;
use super::workers::{privacy, schedule, staleness, timelines};
use crate::partition::Mix;

/// Runs of which each has figures of its own.
const OWN: usize = 6;
/// Slowest clients that are told.
const SLOWEST: usize = 5;

/// What a report shows.
pub struct Report<'a> {
    /// The runs.
    pub runs: &'a [Reported],
    /// Those that differ only in their seed, together.
    pub groups: Vec<Group>,
    /// Settings in which runs differ.
    pub differ: Vec<String>,
    /// How runs went, along each axis that says something.
    pub curves: Vec<(By, Vec<Figure>)>,
    /// What a run says of its clients, in few figures and of the slowest.
    pub clients: Vec<(Spread, Vec<Client>)>,
    /// The same as pictures.
    pub distribution: Vec<Figure>,
    /// How well rounds were planned.
    pub schedule: Vec<Figure>,
    /// What workers did in a few rounds, or in a few stretches of a run without rounds, for each
    /// run that says so.
    pub timelines: Vec<(&'a str, Vec<Figure>)>,
    /// Of asynchronous runs.
    pub staleness: Vec<Figure>,
    /// What was given away of clients.
    pub privacy: Option<Figure>,
    /// Who owns how much of what.
    pub partitions: Vec<Figure>,
}

/// Draws all figures of a report.
pub fn report(runs: &[Reported]) -> Report<'_> {
    let groups = by_seed(runs);
    let all: Vec<(&str, Vec<Client>)> = runs
        .iter()
        .map(|run| (run.name.as_str(), clients(run)))
        .collect();
    let axes = By::ALL.into_iter().filter(|by| says_something(runs, *by));
    Report {
        curves: axes.map(|by| (by, curves(runs, &groups, by))).collect(),
        clients: all
            .iter()
            .map(|(_, clients)| (spread(clients), told(clients)))
            .collect(),
        distribution: of_clients(runs, &all),
        schedule: schedule(runs),
        timelines: of_workers(runs),
        staleness: of_some(runs, |run, name| staleness(run, name).into_iter().collect()),
        privacy: privacy(runs),
        partitions: partitions(runs),
        differ: beside_method(runs),
        groups,
        runs,
    }
}

impl Report<'_> {
    /// Every figure.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        let curves = self.curves.iter().flat_map(|(_, figures)| figures);
        let timelines = self.timelines.iter().flat_map(|(_, figures)| figures);
        let rest = [
            &self.distribution,
            &self.schedule,
            &self.staleness,
            &self.partitions,
        ];
        curves
            .chain(timelines)
            .chain(&self.privacy)
            .chain(rest.into_iter().flatten())
    }
}

/// Whether runs get on along an axis: a clock may stand still.
fn says_something(runs: &[Reported], by: By) -> bool {
    runs.iter()
        .filter_map(|run| run.places.last())
        .any(|place| place.along(by) > Some(0.0))
}

fn curves(runs: &[Reported], groups: &[Group], by: By) -> Vec<Figure> {
    let measures = measures(runs);
    measures
        .iter()
        .map(|measure| curve(runs, groups, by, measure))
        .collect()
}

fn curve(runs: &[Reported], groups: &[Group], by: By, measure: &Measure) -> Figure {
    let title = measure.title();
    let axes = Axes {
        x: by.title(),
        y: &title,
        holds: None,
    };
    let name = format!("{}_by_{}", file_name(&title), by.word());
    let long = format!("{title} over {}", by.title());
    Figure::of_lines(&name, &long, &axes, &lines(runs, groups, measure, by))
}

fn of_clients(runs: &[Reported], all: &[(&str, Vec<Client>)]) -> Vec<Figure> {
    if all.iter().all(|(_, clients)| clients.is_empty()) {
        return Vec::new();
    }
    let classes = runs
        .iter()
        .zip(all)
        .take(OWN)
        .filter_map(|(run, (name, clients))| {
            by_class(run, clients, &format!("clients_class_{}", file_name(name)))
        });
    let mut figures = vec![distribution(all)];
    figures.extend(by_size(all));
    figures.extend(classes);
    figures
}

fn of_workers(runs: &[Reported]) -> Vec<(&str, Vec<Figure>)> {
    let of = |run: &Reported, name: &str| [timelines(run, name), stretches(run, name)].concat();
    let drawn = runs
        .iter()
        .take(OWN)
        .map(|run| (run.name.as_str(), of(run, &file_name(&run.name))));
    drawn.filter(|(_, figures)| !figures.is_empty()).collect()
}

/// The slowest of some clients.
fn told(clients: &[Client]) -> Vec<Client> {
    slowest(clients, SLOWEST).into_iter().cloned().collect()
}

/// Figures of each of the first few runs.
fn of_some(runs: &[Reported], figures: impl Fn(&Reported, &str) -> Vec<Figure>) -> Vec<Figure> {
    runs.iter()
        .take(OWN)
        .flat_map(|run| figures(run, &file_name(&run.name)))
        .collect()
}

/// Partitions, each once: runs often share theirs.
fn partitions(runs: &[Reported]) -> Vec<Figure> {
    let mut known = Vec::new();
    for run in runs {
        if let Some(mix) = &run.mix
            && known.iter().all(|(other, _)| *other != mix)
        {
            known.push((mix, &run.name));
        }
    }
    let first = known.into_iter().take(OWN);
    first.map(|(mix, name)| partition(mix, name)).collect()
}

fn partition(mix: &Mix, name: &str) -> Figure {
    let title = format!(
        "{name}: {} clients, {} samples",
        mix.samples.len(),
        mix.samples.iter().sum::<u64>()
    );
    shares(&format!("partition_{}", file_name(name)), &title, mix)
}

/// Words as the name of a file has them.
fn file_name(words: &str) -> String {
    let is_kept = |letter: char| letter.is_alphanumeric() || "-.".contains(letter);
    words
        .chars()
        .map(|letter| if is_kept(letter) { letter } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{reported, with_rounds};
    use std::collections::BTreeSet;

    #[test]
    fn figures_have_names_of_their_own_and_still_axes_are_left_out() {
        let mut run = with_rounds(reported("x/a"), &[0.1, 0.5]);
        run.history
            .rounds
            .iter_mut()
            .for_each(|done| done.clock = 0.0);
        run.places = crate::report::axis::places(&run.history.rounds);
        run.mix = Some(Mix {
            samples: vec![3, 2],
            classes: vec![vec![3, 0], vec![1, 1]],
        });
        let runs = [
            run.clone(),
            Reported {
                name: "x b".into(),
                ..run
            },
        ];
        let report = report(&runs);
        assert!(report.curves.iter().all(|(by, _)| *by != By::Virtual) && report.curves.len() == 4);
        assert_eq!(report.partitions.len(), 1);
        let names: Vec<&str> = report
            .figures()
            .map(|figure| figure.name.as_str())
            .collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
        assert!(
            names.contains(&"partition_x_a") && names.contains(&"test_accuracy_by_rounds"),
            "{names:?}"
        );
    }
}
