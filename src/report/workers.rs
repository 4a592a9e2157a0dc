//! How workers were used: what each did in a few rounds, how well rounds were planned, and how
//! stale updates were.

use super::axis::By;
use super::curve::{Measure, lines};
use super::figure::{Axes, Bar, Figure, Lanes, Point, bars, lanes};
use super::groups::{alone, mean_and_deviation};
use super::reported::Reported;
use super::words::time;
use crate::event::{RoundDone, Trained};
use crate::ids::Round;
use std::collections::BTreeSet;

/// The first round, a middling one, the slowest and the last, in this order; each once.
fn chosen(rounds: &[RoundDone]) -> Vec<(&RoundDone, &'static str)> {
    let mut sorted: Vec<&RoundDone> = rounds
        .iter()
        .filter(|done| done.schedule.efficiency.is_some())
        .collect();
    let (first, last) = (sorted.first().copied(), sorted.last().copied());
    sorted.sort_by(|one, other| {
        one.schedule
            .makespan_seconds
            .total_cmp(&other.schedule.makespan_seconds)
    });
    let median = sorted.get(sorted.len().saturating_sub(1) / 2).copied();
    let all = [
        (first, "first"),
        (median, "middling"),
        (sorted.last().copied(), "slowest"),
        (last, "last"),
    ];
    let mut found: Vec<(&RoundDone, &str)> = Vec::new();
    for (done, why) in all {
        let is_new = |done: &&RoundDone| found.iter().all(|(known, _)| known.round != done.round);
        if let Some(done) = done.filter(is_new) {
            found.push((done, why));
        }
    }
    found
}

/// What each worker did in a few rounds. Nothing for runs that say nothing of it.
pub fn timelines(run: &Reported, name: &str) -> Vec<Figure> {
    let trained = &run.history.trained;
    let workers: BTreeSet<u32> = trained.iter().map(|trained| trained.rank.0).collect();
    let mut figures = Vec::new();
    for (done, why) in chosen(&run.history.rounds) {
        let bars: Vec<Bar> = trainings_of(trained, done.round).map(bar).collect();
        if bars.is_empty() {
            continue;
        }
        let ends = bars.iter().map(|bar| bar.start + bar.seconds);
        let end = ends.fold(done.schedule.makespan_seconds, f64::max);
        let mut title = format!("round {} ({why}): {}", done.round, time(end));
        if let Some(share) = done.schedule.efficiency {
            title += &format!(", efficiency {share:.2}");
        }
        let shown = Lanes {
            x: "seconds of the round",
            span: 0.0..end,
            bars,
            lanes: workers.clone(),
        };
        figures.push(lanes(&format!("timeline_{name}_round_{}", done.round), &title, &shown));
    }
    figures
}

/// Those of one round: they are in the order of rounds.
fn trainings_of(trained: &[Trained], round: Round) -> impl Iterator<Item = &Trained> {
    let first = trained.partition_point(|trained| trained.round < round);
    let rest = trained[first..].iter();
    rest.take_while(move |trained| trained.round == round)
}

fn bar(trained: &Trained) -> Bar {
    Bar {
        lane: trained.rank.0,
        label: trained.client.0,
        start: trained.start,
        seconds: trained.seconds,
    }
}

/// Points of a line of many rounds: each is the mean of its part.
const PARTS: usize = 80;

/// How well rounds were planned, and how well seconds were foretold; only what was measured.
pub fn schedule(runs: &[Reported]) -> Vec<Figure> {
    let efficiency = "Efficiency: the least possible time over the real one";
    let error = "Relative error of the predicted seconds of clients";
    let figures = [
        over_rounds(runs, Measure::Efficiency, "efficiency", efficiency),
        over_rounds(runs, Measure::PredictionError, "prediction_error", error),
    ];
    figures.into_iter().flatten().collect()
}

/// What was given away of clients; none for runs that bound nothing.
pub fn privacy(runs: &[Reported]) -> Option<Figure> {
    over_rounds(
        runs,
        Measure::Epsilon,
        "privacy",
        "Epsilon: what is given away of each client, at most",
    )
}

fn over_rounds(runs: &[Reported], measure: Measure, name: &str, title: &str) -> Option<Figure> {
    let mut lines = lines(runs, &alone(runs), &measure, By::Rounds);
    let longest = lines.iter().map(|line| line.points.len()).max()?;
    if longest == 0 {
        return None;
    }
    let together = longest.div_ceil(PARTS);
    for line in &mut lines {
        line.points = means(&line.points, together);
    }
    let title = match together {
        1 => title.to_owned(),
        _ => format!("{title}, means of {together} rounds and their standard deviation"),
    };
    let y = measure.title();
    let axes = Axes {
        x: By::Rounds.title(),
        y: &y,
        holds: None,
    };
    Some(Figure::of_lines(name, &title, &axes, &lines))
}

/// The means of so many points each, and their deviations.
fn means(points: &[Point], together: usize) -> Vec<Point> {
    points.chunks(together).filter_map(mean).collect()
}

fn mean(part: &[Point]) -> Option<Point> {
    let xs: Vec<f64> = part.iter().map(|point| point.x).collect();
    let ys: Vec<f64> = part.iter().map(|point| point.y).collect();
    let ((x, _), (y, spread)) = (mean_and_deviation(&xs)?, mean_and_deviation(&ys)?);
    Some(Point { x, y, spread })
}

/// How many updates had which staleness; none for runs in rounds.
pub fn staleness(run: &Reported, name: &str) -> Option<Figure> {
    let mut counts: Vec<f64> = Vec::new();
    for arrived in &run.history.arrived {
        let place = arrived.staleness as usize;
        counts.resize(counts.len().max(place + 1), 0.0);
        counts[place] += 1.0;
    }
    let arrived = &run.history.arrived;
    let dropped = arrived.iter().filter(|it| it.weight.is_none()).count();
    let title =
        format!("{}: staleness of {} updates, {dropped} of them dropped", run.name, arrived.len());
    let axes = Axes {
        x: "staleness in moves of the model",
        y: "updates",
        holds: None,
    };
    let of: Vec<(String, f64)> = counts
        .into_iter()
        .enumerate()
        .map(|(place, count)| (place.to_string(), count))
        .collect();
    (!of.is_empty()).then(|| bars(&format!("staleness_{name}"), &title, &axes, &of))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Arrived, Schedule};
    use crate::ids::Rank;
    use crate::report::axis::places;
    use crate::report::tests::reported;

    fn run(makespans: &[f64]) -> Reported {
        let mut run = reported("a");
        for (round, makespan_seconds) in (0..).map(Round).zip(makespans) {
            let schedule = Schedule {
                makespan_seconds: *makespan_seconds,
                efficiency: Some(0.5),
                ..Schedule::default()
            };
            run.history.rounds.push(RoundDone {
                round,
                schedule,
                ..RoundDone::default()
            });
            let trained = |rank: u32| Trained {
                round,
                rank: Rank(rank),
                seconds: 1.0,
                ..Trained::default()
            };
            run.history.trained.extend([trained(1), trained(2)]);
        }
        run.places = places(&run.history.rounds);
        run
    }

    #[test]
    fn a_few_rounds_are_shown_each_once() {
        let names = |makespans: &[f64]| -> Vec<String> {
            timelines(&run(makespans), "a")
                .into_iter()
                .map(|figure| figure.title)
                .collect()
        };
        let shown = names(&[2.0, 9.0, 3.0, 4.0]);
        assert_eq!(shown.len(), 4);
        assert!(shown[1].contains("round 3 (middling): 3 s, efficiency 0.50"), "{shown:?}");
        assert!(
            shown[2].contains("round 2 (slowest)") && shown[3].contains("round 4 (last)"),
            "{shown:?}"
        );
        assert_eq!((names(&[1.0]).len(), names(&[]).len()), (1, 0));
        assert_eq!(schedule(&[run(&[1.0, 2.0])]).len(), 1);
        let long = schedule(&[run(&[1.0; 200])]);
        assert!(
            long[0].title.contains("means of 3 rounds") && long[0].table.lines().count() == 68,
            "{long:?}"
        );
    }

    #[test]
    fn staleness_is_counted_with_what_was_dropped() {
        let mut delayed = run(&[]);
        let arrived = |staleness, weight| Arrived {
            staleness,
            weight,
            ..Arrived::default()
        };
        delayed.history.arrived = vec![
            arrived(0, Some(1.0)),
            arrived(2, None),
            arrived(2, Some(0.5)),
        ];
        let figure = staleness(&delayed, "a").expect("some");
        assert!(
            figure.title.contains("3 updates, 1 of them dropped")
                && figure.table.ends_with("2,2\n"),
            "{figure:?}"
        );
        assert!(staleness(&run(&[1.0]), "a").is_none());
    }
}
