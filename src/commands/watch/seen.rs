//! What can be said of a run at one moment, in figures. Nothing is drawn here.

use super::tally::{Effort, Tally};
use crate::event::{Lane, RoundDone, Standing, Started};
use crate::ids::{ClientId, Rank, Round};
use crate::metrics::{ACCURACY, Metrics};
use crate::record::{History, Run};
use std::collections::BTreeMap;
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
        let evaluated = |value: fn(&Metrics) -> Option<f64>| {
            let tested = history
                .rounds
                .iter()
                .filter_map(|done| Some((number(done.round), value(done.test.as_ref()?)?)));
            tested
                .filter(|(_, value)| value.is_finite())
                .collect::<Vec<_>>()
        };
        let trained = history
            .rounds
            .iter()
            .filter_map(|done| Some((number(done.round), done.train_loss?)));
        Seen {
            name: run
                .folder
                .file_name()
                .unwrap_or(run.folder.as_os_str())
                .to_string_lossy()
                .into_owned(),
            what: what(run, &started),
            standing,
            reason,
            done,
            planned: started.rounds,
            clients: underway.map(|underway| (underway.done, underway.clients)),
            seconds: history.rounds.iter().map(whole).sum::<f64>() + in_hand,
            left: if goes_on {
                left(history, started.rounds.saturating_sub(done), in_hand)
            } else {
                None
            },
            quiet: quiet.as_secs_f64(),
            accuracy: evaluated(|test| test.value(ACCURACY)),
            loss: evaluated(|test| Some(test.loss())),
            train_loss: trained.filter(|(_, value)| value.is_finite()).collect(),
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

fn number(round: Round) -> f64 {
    f64::from(round.0) + 1.0
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
    let hosts: std::collections::BTreeSet<&String> = started.hosts.values().collect();
    let place = match (hosts.len(), hosts.first()) {
        (1, Some(host)) => format!(" on {host}"),
        (0, _) => String::new(),
        (several, _) => format!(" on {several} hosts"),
    };
    let trained = run.config.as_ref().map_or_else(String::new, |config| {
        format!(
            "{}, {}, {} clients ({}), ",
            config.model.name,
            config.dataset.name,
            config.client_num_in_total,
            config.partition_method.name
        )
    });
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
    let recent = &history.rounds[history.rounds.len().saturating_sub(RECENT)..];
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

/// Every worker that the run began with, by rank.
fn workers(history: &History, started: &Started, lanes: Option<&[Lane]>) -> Vec<Worker> {
    let lanes: BTreeMap<Rank, &Lane> = lanes
        .unwrap_or_default()
        .iter()
        .map(|lane| (lane.rank, lane))
        .collect();
    let recent = &history.rounds[history.rounds.len().saturating_sub(RECENT)..];
    let offered: f64 = recent.iter().map(|done| done.seconds).sum();
    let busy = seconds_of_training(history, recent);
    let last = last_round(history);
    // Journals of older programs do not name hosts.
    let all = (1..=started.workers).map(Rank::from).map(|rank| Worker {
        rank,
        host: started.hosts.get(&rank).cloned().unwrap_or_default(),
        client: lanes.get(&rank).and_then(|lane| lane.client),
        done: if lanes.is_empty() {
            last.get(&rank).copied().unwrap_or(0)
        } else {
            lanes.get(&rank).map_or(0, |lane| lane.done)
        },
        busy: (offered > 0.0).then(|| (busy.get(&rank).copied().unwrap_or(0.0) / offered).min(1.0)),
        lost: history.lost.iter().any(|(_, lost, _)| *lost == rank),
    });
    all.collect()
}

/// Seconds of training of each worker in the last rounds.
fn seconds_of_training(history: &History, recent: &[RoundDone]) -> BTreeMap<Rank, f64> {
    let mut seconds = BTreeMap::new();
    let Some(first) = recent.first().map(|done| done.round) else { return seconds };
    let trained = history
        .trained
        .iter()
        .rev()
        .take_while(|trained| trained.round >= first);
    // Updates without rounds are those that the last moves of the model have taken in.
    let arrived: usize = recent.iter().map(|done| done.clients + done.dropped).sum();
    let arrived = history.arrived.iter().rev().take(arrived);
    let all = trained.map(|trained| (trained.rank, trained.seconds));
    for (rank, more) in all.chain(arrived.map(|update| (update.rank, update.seconds))) {
        *seconds.entry(rank).or_insert(0.0) += more;
    }
    seconds
}

/// Clients that each worker has trained in the last round.
fn last_round(history: &History) -> BTreeMap<Rank, usize> {
    let mut counts = BTreeMap::new();
    let last = history.trained.last().map(|trained| trained.round);
    for trained in history
        .trained
        .iter()
        .rev()
        .take_while(|trained| Some(trained.round) == last)
    {
        *counts.entry(trained.rank).or_insert(0) += 1;
    }
    counts
}
