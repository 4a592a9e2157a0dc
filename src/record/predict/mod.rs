//! How long a recorded run would take on other machines. Its trainings are played again on so many
//! workers, by the real scheduler, dispatch and cost model; what else a round takes is fitted from
//! the record.
//!
//! The model: `round = planning + makespan + exchange * workers + rest`, where the makespan is that
//! of the played round, a worker pauses before each training, and `workers` are those that train
//! anybody (collective sums take the logarithm of all ranks instead). Workers are as fast as those
//! on record, unless a slowdown says otherwise, and do not get in each other's way. Evaluation is
//! divided among all ranks.

mod overheads;
mod recorded;
mod table;

use super::{History, Run};
use crate::config::{Config, Mode, Residency};
use crate::ids::{ClientId, Rank, Round};
use crate::plan::scheduler;
use crate::schedule::{CostModel, Dispatch, DispatchMode, Slowdown, play};
use overheads::{Overheads, messages};
use recorded::{Load, recorded, slowed};
use std::path::Path;

/// Below this efficiency more workers do not pay.
const PAYS: f64 = 0.5;

/// A recorded run, as far as its times go.
#[derive(Debug)]
pub struct Predictor {
    name: String,
    config: Config,
    rounds: Vec<Load>,
    workers: usize,
    overheads: Overheads,
    // Mean seconds of these rounds, on record.
    recorded: f64,
    longest: f64,
    // On record.
    slowdown: Slowdown,
}

/// A run on so many workers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Predicted {
    /// How many.
    pub workers: usize,
    /// Mean seconds of a round, evaluation excluded.
    pub round: f64,
    /// Mean seconds of evaluation a round.
    pub evaluation: f64,
    /// How many times as fast as one worker that is not slowed down.
    pub speedup: f64,
    /// The speed-up as a share of what these workers are worth, from 0 to 1: one that takes twice
    /// as long is worth half.
    pub efficiency: f64,
}

impl Predictor {
    /// Fits the model to a run's record.
    ///
    /// # Errors
    /// A record that cannot be read; a run without rounds, or whose clients live with their
    /// workers.
    pub fn read(folder: &Path) -> Result<Predictor, String> {
        let name = folder.display().to_string();
        let config = Run::look(folder)
            .config
            .ok_or_else(|| format!("{name}: its config cannot be read"))?;
        let history = History::read(folder).map_err(|error| error.to_string())?;
        Predictor::of(name, config, history)
    }

    fn of(name: String, config: Config, history: History) -> Result<Predictor, String> {
        check_schedule(&config).map_err(|reason| format!("{name}: {reason}"))?;
        let start = history.starts.last();
        let workers = start.map_or(1, |start| start.workers);
        let slowdown: Slowdown = start
            .and_then(|start| start.worker_slowdown.as_deref()?.parse().ok())
            .unwrap_or_default();
        let recorded = recorded(&history.rounds, history.trained);
        if recorded.is_empty() {
            return Err(format!("{name}: no round with trainings is on record"));
        }
        let rounds = config.comm_round as u32;
        let loads: Vec<Load> = recorded
            .iter()
            .map(|recorded| recorded.load(&slowdown, rounds))
            .collect();
        let each = loads.iter().flat_map(|load| load.seconds.values().copied());
        let all: f64 = recorded.iter().map(|recorded| recorded.done.seconds).sum();
        Ok(Predictor {
            longest: each.fold(0.0, f64::max),
            overheads: Overheads::fit(&config, &recorded, workers),
            recorded: all / recorded.len() as f64,
            rounds: loads,
            workers,
            slowdown,
            config,
            name,
        })
    }

    /// The run on so many workers.
    pub fn on(&self, workers: usize, slowdown: &Slowdown) -> Predicted {
        let (round, evaluation) = self.seconds(workers, slowdown);
        let (alone, beside) = self.seconds(1, &Slowdown::default());
        let speedup = (alone + beside) / (round + evaluation).max(f64::MIN_POSITIVE);
        let efficiency = speedup / self.worth(workers, slowdown);
        Predicted {
            workers,
            round,
            evaluation,
            speedup,
            efficiency,
        }
    }

    /// How many workers that are not slowed down these are worth, in the mean of the rounds.
    fn worth(&self, workers: usize, slowdown: &Slowdown) -> f64 {
        let in_round = |round: Round| {
            let ranks = (1..=workers).map(Rank::from);
            ranks
                .map(|rank| 1.0 / self.factor(slowdown, rank, round))
                .sum::<f64>()
        };
        let worth = self.rounds.iter().map(|load| in_round(load.round));
        worth.sum::<f64>() / self.rounds.len() as f64
    }

    /// How much longer a worker takes.
    fn factor(&self, slowdown: &Slowdown, rank: Rank, round: Round) -> f64 {
        slowed(slowdown, rank, round, self.config.comm_round as u32)
    }

    /// Mean seconds of a round, and of evaluation.
    fn seconds(&self, workers: usize, slowdown: &Slowdown) -> (f64, f64) {
        let ranks: Vec<Rank> = (1..=workers).map(Rank::from).collect();
        let Overheads {
            planning,
            pause,
            exchange,
            rest,
            evaluation,
        } = self.overheads;
        let (mut cost, mut scheduler) = (CostModel::default(), scheduler(&self.config));
        let mut sum = 0.0;
        for load in &self.rounds {
            let dispatch = match self.config.dispatch {
                DispatchMode::Pull => Dispatch::pull(&load.jobs, &ranks, &cost),
                _ => Dispatch::planned(scheduler.assign(&load.jobs, &cost, &ranks)),
            };
            let taken = |rank, client: ClientId| {
                self.factor(slowdown, rank, load.round) * load.seconds[&client]
            };
            let mut played = play(dispatch, pause, taken);
            let exchanges = exchange * messages(&self.config, played.busy, workers);
            sum += planning + played.makespan + exchanges + rest;
            // As the server learns: by client.
            played.trained.sort_by_key(|(_, client, _)| *client);
            let samples = load.samples();
            cost.forget();
            for (rank, client, seconds) in &played.trained {
                cost.learn(*rank, samples[client], *seconds);
            }
        }
        (sum / self.rounds.len() as f64, evaluation / (workers + 1) as f64)
    }

    /// The most workers that pay: their efficiency is at least one half.
    pub fn pays(&self, slowdown: &Slowdown) -> usize {
        let pays = |workers: usize| self.on(workers, slowdown).efficiency >= PAYS;
        // Nobody trains beside the cohort, so twice as many workers never pay.
        let cohorts = self.rounds.iter().map(|load| load.jobs.len());
        let most = 2 * cohorts.max().unwrap_or(1);
        let (mut good, mut bad) = (1, 2);
        while bad <= most && pays(bad) {
            (good, bad) = (bad, 2 * bad);
        }
        while bad - good > 1 {
            let middle = good + (bad - good) / 2;
            if pays(middle) {
                good = middle;
            } else {
                bad = middle;
            }
        }
        good
    }

    /// Refuses numbers of workers on which the run could not be.
    ///
    /// # Errors
    /// A run with a worker for each client.
    pub fn check(&self, workers: &[usize]) -> Result<(), String> {
        let cohort = self.config.client_num_per_round as usize;
        if self.config.dispatch != DispatchMode::OnePerWorker {
            return Ok(());
        }
        match workers.iter().find(|workers| **workers != cohort) {
            None => Ok(()),
            Some(workers) => Err(format!(
                "--dispatch one_per_worker has {cohort} workers for {cohort} clients, never {workers} \
                 (hint: a run with --dispatch pull)"
            )),
        }
    }
}

/// Refuses runs whose rounds have no schedule that could be played on other machines.
fn check_schedule(config: &Config) -> Result<(), &'static str> {
    if config.mode == Mode::Async {
        return Err("an asynchronous run has no rounds whose schedule could be played again");
    }
    if config.data_residency == Residency::Local {
        return Err("its clients live with their workers, \
                    and where they would live elsewhere is not known");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{RoundDone, Schedule, Started, Trained};

    /// Eight equal clients of a second each on two workers, and half a second for the exchange.
    pub(super) fn run(config: Config) -> Result<Predictor, String> {
        let update = |client: u32| Trained {
            client: ClientId(client),
            rank: Rank(1 + client % 2),
            samples: 10,
            start: f64::from(client / 2),
            seconds: 1.0,
            ..Trained::default()
        };
        let schedule = Schedule {
            makespan_seconds: 4.5,
            planning_seconds: 0.1,
            ..Schedule::default()
        };
        let done = RoundDone {
            seconds: 4.8,
            evaluation_seconds: 0.3,
            schedule,
            ..RoundDone::default()
        };
        let history = History {
            starts: vec![Started {
                workers: 2,
                ..Started::default()
            }],
            rounds: vec![done],
            trained: (0..8).map(update).collect(),
            ..History::default()
        };
        Predictor::of("run".to_owned(), config, history)
    }

    fn about(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9
    }

    #[test]
    fn a_round_is_its_schedule_and_what_was_beside_it() {
        let predictor = run(Config::default()).expect("rounds");
        let on = |workers| predictor.on(workers, &Slowdown::default());
        // 0.1 planning, 0.25 for each worker, 0.2 rest.
        assert!(about(on(2).round, 4.8) && about(on(2).evaluation, 0.3), "{predictor:?}");
        assert!(about(on(1).round, 8.55) && about(on(1).evaluation, 0.45));
        assert!(about(on(8).round, 1.0 + 0.3 + 8.0 * 0.25) && about(on(9).round, on(8).round));
        assert!(about(on(4).speedup, 9.0 / (2.0 + 0.3 + 1.0 + 0.18)) && on(1).efficiency == 1.0);
        // In its first round a plan does not know who is slow; whoever is free first takes more.
        let slow: Slowdown = "1:3".parse().expect("sound");
        let pulling = run(Config {
            dispatch: DispatchMode::Pull,
            ..Config::default()
        })
        .expect("rounds");
        assert!(about(predictor.on(2, &slow).round, 12.8) && pulling.on(2, &slow).round < 12.0);
        let pays = predictor.pays(&Slowdown::default());
        assert!(on(pays).efficiency >= PAYS && on(pays + 1).efficiency < PAYS, "{pays}");
        // Two that take twice as long are worth one.
        let halves = predictor.on(2, &"1:2,2:2".parse().expect("sound"));
        assert!(about(halves.efficiency, halves.speedup), "{halves:?}");
    }

    #[test]
    fn runs_without_a_schedule_are_refused() {
        let refused = |config: Config| run(config).expect_err("refused");
        assert!(
            refused(Config {
                mode: Mode::Async,
                ..Config::default()
            })
            .contains("has no rounds")
        );
        let at_home = Config {
            data_residency: Residency::Local,
            ..Config::default()
        };
        assert!(refused(at_home).contains("live with their workers"));
        let one_each = Config {
            dispatch: DispatchMode::OnePerWorker,
            client_num_per_round: 8,
            ..Config::default()
        };
        let predictor = run(one_each).expect("rounds");
        assert!(predictor.check(&[8]).is_ok() && predictor.check(&[8, 9]).is_err());
    }
}
