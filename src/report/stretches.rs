//! What workers did in a few stretches of a run without rounds.

use super::figure::{Bar, Figure, Lanes, lanes};
use super::reported::Reported;
use super::words::short;
use crate::event::Arrived;
use std::collections::BTreeSet;
use std::ops::Range;

/// Trainings of each worker in a stretch, in the mean of the run.
const TRAININGS: f64 = 12.0;

/// The first stretch, a middling one, the least busy and the last. Nothing for runs that say
/// nothing of it.
pub fn stretches(run: &Reported, name: &str) -> Vec<Figure> {
    let bars: Vec<Bar> = run.history.arrived.iter().filter_map(bar).collect();
    let workers: BTreeSet<u32> = bars.iter().map(|bar| bar.lane).collect();
    let count = run.workers().max(workers.len());
    let mut figures = Vec::new();
    for (span, why) in chosen(&bars, workers.len()) {
        let inside: Vec<Bar> = bars.iter().filter_map(|bar| within(bar, &span)).collect();
        let percent = 100.0 * busy(&inside, &span, count);
        let (from, to) = (short(span.start), short(span.end));
        let title =
            format!("seconds {from} to {to} ({why}): workers busy {percent:.0} % of the time");
        let name = format!("timeline_{name}_{}", why.replace(' ', "_"));
        let shown = Lanes {
            x: "seconds of the run",
            span,
            bars: inside,
            lanes: workers.clone(),
        };
        figures.push(lanes(&name, &title, &shown));
    }
    figures
}

fn bar(arrived: &Arrived) -> Option<Bar> {
    let (lane, label) = (arrived.rank.0, arrived.client.0);
    arrived.start.map(|start| Bar {
        lane,
        label,
        start,
        seconds: arrived.seconds,
    })
}

/// What of a training is in a stretch.
fn within(bar: &Bar, span: &Range<f64>) -> Option<Bar> {
    let (start, end) = (bar.start.max(span.start), (bar.start + bar.seconds).min(span.end));
    (start < end).then(|| Bar {
        start,
        seconds: end - start,
        ..bar.clone()
    })
}

/// Share of a stretch that so many workers spend on training, from 0 to 1.
fn busy(inside: &[Bar], span: &Range<f64>, workers: usize) -> f64 {
    let trained = inside.iter().fold(0.0, |sum, bar| sum + bar.seconds);
    trained / ((span.end - span.start) * workers as f64)
}

/// Stretches of the same length, each once; the whole run when it is short.
fn chosen(bars: &[Bar], workers: usize) -> Vec<(Range<f64>, &'static str)> {
    let end = bars
        .iter()
        .map(|bar| bar.start + bar.seconds)
        .fold(0.0, f64::max);
    let parts = (bars.len() as f64 / (TRAININGS * workers as f64)).ceil() as usize;
    if end <= 0.0 {
        return Vec::new();
    }
    if parts <= 2 {
        return vec![(0.0..end, "whole run")];
    }
    let all = [
        (0, "first"),
        (parts / 2, "middling"),
        (least_busy(bars, end, parts), "least busy"),
        (parts - 1, "last"),
    ];
    let mut found: Vec<(usize, &str)> = Vec::new();
    for (part, why) in all {
        if found.iter().all(|(known, _)| *known != part) {
            found.push((part, why));
        }
    }
    let at = |part: usize| end * part as f64 / parts as f64;
    found
        .into_iter()
        .map(|(part, why)| (at(part)..at(part + 1), why))
        .collect()
}

/// The part in which the least training began, between the first and the last: a run is seldom busy
/// at its ends.
fn least_busy(bars: &[Bar], end: f64, parts: usize) -> usize {
    let mut trained = vec![0.0; parts];
    for bar in bars {
        let part = (bar.start / end * parts as f64) as usize;
        trained[part.min(parts - 1)] += bar.seconds;
    }
    (1..parts - 1)
        .min_by(|one, other| trained[*one].total_cmp(&trained[*other]))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Started;
    use crate::ids::Rank;
    use crate::report::tests::reported;

    /// Trainings of a second, one after another, on two workers of which the second rests from 40
    /// to 60.
    fn run(trainings: u32) -> Reported {
        let mut run = reported("a");
        run.history.starts.push(Started {
            workers: 2,
            ..Started::default()
        });
        for second in 0..trainings {
            let arrived = |rank: u32| Arrived {
                rank: Rank(rank),
                start: Some(f64::from(second)),
                seconds: 1.0,
                ..Arrived::default()
            };
            run.history.arrived.push(arrived(1));
            run.history
                .arrived
                .extend((!(40..60).contains(&second)).then(|| arrived(2)));
        }
        run
    }

    #[test]
    fn a_few_stretches_are_shown_each_once_and_the_whole_of_a_short_run() {
        let titles = |run: &Reported| {
            stretches(run, "a")
                .into_iter()
                .map(|figure| figure.title)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            titles(&run(120)),
            [
                "seconds 0 to 12 (first): workers busy 100 % of the time",
                "seconds 60 to 72 (middling): workers busy 100 % of the time",
                "seconds 48 to 60 (least busy): workers busy 50 % of the time",
                "seconds 108 to 120 (last): workers busy 100 % of the time",
            ]
        );
        assert_eq!(
            titles(&run(20)),
            ["seconds 0 to 20 (whole run): workers busy 100 % of the time"]
        );
        let mut old = run(20);
        old.history
            .arrived
            .iter_mut()
            .for_each(|arrived| arrived.start = None);
        assert!(titles(&old).is_empty() && titles(&run(0)).is_empty());
    }

    #[test]
    fn a_training_over_the_edge_is_cut() {
        let bar = Bar {
            lane: 1,
            label: 0,
            start: 1.0,
            seconds: 2.0,
        };
        let cut = |span| within(&bar, &span).map(|bar| (bar.start, bar.seconds));
        assert_eq!(
            (cut(2.0..9.0), cut(0.0..1.5), cut(3.0..4.0)),
            (Some((2.0, 1.0)), Some((1.0, 0.5)), None)
        );
    }
}
