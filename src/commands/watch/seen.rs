//! What can be said of a run at one moment, in figures. Nothing is drawn here.

use super::tally::{Effort, Tally};
use crate::event::{Lane, RoundDone, Standing, Started};
use crate::ids::{ClientId, Rank};
use crate::metrics::ACCURACY;
use crate::record::{History, Run};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Rounds from which the pace and the workers' share of training are taken.
const RECENT: usize = 20;
/// Clients that are named.
const SLOWEST: usize = 60;

/// A run at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The last part of its folder.
    pub(super) name: String,
    /// What is trained, in words.
    pub(super) what: String,
    /// How it stands.
    pub(super) standing: Standing,
    /// Why it ended.
    pub(super) reason: String,
    /// Rounds done.
    pub(super) done: u32,
    /// Rounds planned.
    pub(super) planned: u32,
    /// Clients of the round in hand that are done, and all of them.
    pub(super) clients: Option<(usize, usize)>,
    /// Seconds of all rounds, the one in hand too.
    pub(super) seconds: f64,
    /// Seconds that are left, as far as the last rounds tell.
    pub(super) left: Option<f64>,
    /// Seconds since anything was new.
    pub(super) quiet: f64,
    /// Round and accuracy of each evaluation.
    pub(super) accuracy: Vec<(f64, f64)>,
    /// Round and test loss of each evaluation.
    pub(super) loss: Vec<(f64, f64)>,
    /// Round and training loss.
    pub(super) train_loss: Vec<(f64, f64)>,
    /// Every worker.
    pub(super) workers: Vec<Worker>,
    /// Clients by mean seconds, the slowest first.
    pub(super) slowest: Vec<(ClientId, Effort)>,
}

/// A worker at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Worker {
    /// Who.
    pub(super) rank: Rank,
    /// Where.
    pub(super) host: String,
    /// Whom it trains, if that is known.
    pub(super) client: Option<ClientId>,
    /// Clients done in the round in hand, or in the last one when none is known to be in hand.
    pub(super) done: usize,
    /// Share of the last rounds that it spent on training; none before the first.
    pub(super) busy: Option<f64>,
    /// Whether it is gone.
    pub(super) lost: bool,
}

impl Seen {
    /// What a journal and a run's folder tell; nothing was new for so long.
    pub(super) fn of(run: &Run, history: &History, tally: &Tally, quiet: Duration) -> Seen {
        let (standing, reason) = standing(run, history);
        let goes_on = standing == Standing::Running;
        let started = history.starts.last().cloned().unwrap_or_default();
        let done = history.rounds.last().map_or(0, |done| done.round.0 + 1);
        let underway = history.underway.as_ref().filter(|_| goes_on);
        let in_hand = underway.map_or(0.0, |underway| underway.seconds)
            + if goes_on { quiet.as_secs_f64() } else { 0.0 };
        let rounds_left = started.rounds.saturating_sub(done);
        Seen {
            name: name(run),
            what: what(run, &started),
            standing,
            reason,
            done,
            planned: started.rounds,
            clients: underway.map(|underway| (underway.done, underway.clients)),
            seconds: history.rounds.iter().map(whole).sum::<f64>() + in_hand,
            left: if goes_on {
                left(history, rounds_left, in_hand)
            } else {
                None
            },
            quiet: quiet.as_secs_f64(),
            accuracy: curve(history, |done| done.test.as_ref()?.value(ACCURACY)),
            loss: curve(history, |done| Some(done.test.as_ref()?.loss())),
            train_loss: curve(history, |done| done.train_loss),
            workers: workers(history, &started, underway.map(|underway| &underway.workers[..])),
            slowest: tally.slowest(SLOWEST),
        }
    }

    /// The best accuracy, and its round.
    pub(super) fn best(&self) -> Option<(f64, f64)> {
        self.accuracy
            .iter()
            .copied()
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// The share that is done, from 0 to 1.
    pub(super) fn share(&self) -> f64 {
        let in_hand = self
            .clients
            .map_or(0.0, |(done, all)| done as f64 / all.max(1) as f64);
        ((f64::from(self.done) + in_hand) / f64::from(self.planned.max(1))).min(1.0)
    }
}

/// The last part of a run's folder.
fn name(run: &Run) -> String {
    let name = run.folder.file_name().unwrap_or(run.folder.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Rounds, from 1, with a figure of each that has one.
fn curve(history: &History, figure: fn(&RoundDone) -> Option<f64>) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    for done in &history.rounds {
        if let Some(value) = figure(done).filter(|value| value.is_finite()) {
            points.push((f64::from(done.round.0) + 1.0, value));
        }
    }
    points
}

/// Seconds of a round, evaluation included.
fn whole(done: &RoundDone) -> f64 {
    done.seconds + done.evaluation_seconds
}

/// What the journal says of its end; else what the folder does.
fn standing(run: &Run, history: &History) -> (Standing, String) {
    match (&history.end, run.standing) {
        (Some((standing, reason)), _) => (*standing, reason.clone()),
        (None, Standing::Killed) => (Standing::Killed, run.reason()),
        // A run that was refused has only this.
        (None, standing) if history.starts.is_empty() => (standing, run.reason()),
        // The summary is of an end before the run went on.
        (None, _) => (Standing::Running, String::new()),
    }
}

fn what(run: &Run, started: &Started) -> String {
    let hosts: BTreeSet<&String> = started.hosts.values().collect();
    let place = match (hosts.len(), hosts.first()) {
        (1, Some(host)) => format!(" on {host}"),
        (0, _) => String::new(),
        (several, _) => format!(" on {several} hosts"),
    };
    let trained = match &run.config {
        Some(config) => format!(
            "{}, {}, {} clients ({}), ",
            config.model.name,
            config.dataset.name,
            config.client_num_in_total,
            config.partition_method.name
        ),
        None => String::new(),
    };
    // Nobody knows how many there are of a run that never started.
    let ranks = if started.workers > 0 {
        format!("{} ranks{place}", started.workers + 1)
    } else {
        String::new()
    };
    format!("{trained}{ranks}")
        .trim_end_matches(", ")
        .to_owned()
}

/// Seconds that so many rounds will take, if they go on as the last ones did.
fn left(history: &History, rounds: u32, in_hand: f64) -> Option<f64> {
    let recent = recent(history);
    let pace = if recent.is_empty() {
        let underway = history
            .underway
            .as_ref()
            .filter(|underway| underway.done > 0)?;
        underway.seconds * underway.clients as f64 / underway.done as f64
    } else {
        recent.iter().map(whole).sum::<f64>() / recent.len() as f64
    };
    Some((pace * f64::from(rounds) - in_hand).max(0.0))
}

/// The last rounds.
fn recent(history: &History) -> &[RoundDone] {
    &history.rounds[history.rounds.len().saturating_sub(RECENT)..]
}

/// Every worker that the run began with, by rank.
fn workers(history: &History, started: &Started, lanes: Option<&[Lane]>) -> Vec<Worker> {
    let lanes = lanes.unwrap_or_default().iter();
    let lanes: BTreeMap<Rank, &Lane> = lanes.map(|lane| (lane.rank, lane)).collect();
    let recent = recent(history);
    let offered: f64 = recent.iter().map(|done| done.seconds).sum();
    let busy = seconds_of_training(history, recent);
    let last = last_round(history);
    let mut workers = Vec::new();
    for rank in (1..=started.workers).map(Rank::from) {
        let lane = lanes.get(&rank);
        let trained = busy.get(&rank).copied().unwrap_or(0.0);
        workers.push(Worker {
            rank,
            // Journals of older programs do not name hosts.
            host: started.hosts.get(&rank).cloned().unwrap_or_default(),
            client: lane.and_then(|lane| lane.client),
            done: if lanes.is_empty() {
                last.get(&rank).copied().unwrap_or(0)
            } else {
                lane.map_or(0, |lane| lane.done)
            },
            busy: if offered > 0.0 {
                Some((trained / offered).min(1.0))
            } else {
                None
            },
            lost: history.lost.iter().any(|(_, lost, _)| *lost == rank),
        });
    }
    workers
}

/// Seconds of training of each worker in the last rounds.
fn seconds_of_training(history: &History, recent: &[RoundDone]) -> BTreeMap<Rank, f64> {
    let mut seconds = BTreeMap::new();
    let Some(first) = recent.first().map(|done| done.round) else { return seconds };
    for trained in history.trained.iter().rev() {
        if trained.round < first {
            break;
        }
        *seconds.entry(trained.rank).or_insert(0.0) += trained.seconds;
    }
    // Updates without rounds are those that the last moves of the model have taken in.
    let arrived: usize = recent.iter().map(|done| done.clients + done.dropped).sum();
    for update in history.arrived.iter().rev().take(arrived) {
        *seconds.entry(update.rank).or_insert(0.0) += update.seconds;
    }
    seconds
}

/// Clients that each worker has trained in the last round.
fn last_round(history: &History) -> BTreeMap<Rank, usize> {
    let mut counts = BTreeMap::new();
    let last = history.trained.last().map(|trained| trained.round);
    for trained in history.trained.iter().rev() {
        if Some(trained.round) != last {
            break;
        }
        *counts.entry(trained.rank).or_insert(0) += 1;
    }
    counts
}
