//! How long a recorded run would take on other machines. Its trainings are played again on so many
//! workers, by the real scheduler, dispatch and cost model; what else a round takes is fitted from
//! the record.
//!
//! The model: `round = planning + makespan + exchange * workers + rest`, where the makespan is that
//! of the played round, a worker pauses before each training, and `workers` are those that train
//! anybody (collective sums take the logarithm of all ranks instead). Workers are as fast as those
//! on record, unless a slowdown says otherwise, and do not get in each other's way. Evaluation is
//! divided among all ranks.

use super::{History, Run};
use crate::config::{Config, Mode, Residency};
use crate::event::{RoundDone, Trained};
use crate::ids::{ClientId, Rank, Round, counted};
use crate::message::Reduce;
use crate::metrics::median;
use crate::plan::scheduler;
use crate::schedule::{CostModel, Dispatch, DispatchMode, Job, Slowdown, play};
use std::collections::BTreeMap;
use std::path::Path;

/// More rounds tell nothing new; the last ones count.
const MOST_ROUNDS: usize = 200;
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

/// The trainings of a round.
#[derive(Debug)]
struct Load {
    round: Round,
    jobs: Vec<Job>,
    // On a worker that is not slowed down.
    seconds: BTreeMap<ClientId, f64>,
}

/// What a round takes beside training, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Overheads {
    planning: f64,
    // Before each training, on its worker.
    pause: f64,
    // For each worker that trains, or for each doubling of ranks.
    exchange: f64,
    rest: f64,
    // On one rank, for each round.
    evaluation: f64,
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
        let refused = |reason: &str| Err(format!("{name}: {reason}"));
        if config.mode == Mode::Async {
            return refused(
                "an asynchronous run has no rounds whose schedule could be played again",
            );
        }
        if config.data_residency == Residency::Local {
            return refused(
                "its clients live with their workers, and where they would live elsewhere is not known",
            );
        }
        let workers = history.starts.last().map_or(1, |start| start.workers);
        let slowdown = history
            .starts
            .last()
            .and_then(|start| start.worker_slowdown.as_deref()?.parse().ok());
        let slowdown: Slowdown = slowdown.unwrap_or_default();
        let done = &history.rounds[history.rounds.len().saturating_sub(MOST_ROUNDS)..];
        let mut trained: BTreeMap<Round, Vec<Trained>> = BTreeMap::new();
        history
            .trained
            .into_iter()
            .for_each(|update| trained.entry(update.round).or_default().push(update));
        let recorded: Vec<(&RoundDone, Vec<Trained>)> = done
            .iter()
            .filter_map(|done| Some((done, trained.remove(&done.round)?)))
            .collect();
        if recorded.is_empty() {
            return refused("no round with trainings is on record");
        }
        let rounds = config.comm_round as u32;
        let factor = |update: &Trained| slowdown.factor(update.rank, update.round, rounds).max(1.0);
        let load = |(done, updates): &(&RoundDone, Vec<Trained>)| Load {
            round: done.round,
            jobs: updates
                .iter()
                .map(|update| Job {
                    client: update.client,
                    samples: update.samples,
                })
                .collect(),
            seconds: updates
                .iter()
                .map(|update| (update.client, update.seconds / factor(update)))
                .collect(),
        };
        let loads: Vec<Load> = recorded.iter().map(load).collect();
        let seconds = loads.iter().flat_map(|load| load.seconds.values().copied());
        Ok(Predictor {
            longest: seconds.fold(0.0, f64::max),
            overheads: Overheads::fit(&config, &recorded, workers),
            recorded: recorded.iter().map(|(done, _)| done.seconds).sum::<f64>()
                / recorded.len() as f64,
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

    /// How many workers that are not slowed down these are worth.
    fn worth(&self, workers: usize, slowdown: &Slowdown) -> f64 {
        let share =
            |round: Round, rank: usize| 1.0 / self.factor(slowdown, Rank::from(rank), round);
        let worth = self.rounds.iter().map(|load| {
            (1..=workers)
                .map(|rank| share(load.round, rank))
                .sum::<f64>()
        });
        worth.sum::<f64>() / self.rounds.len() as f64
    }

    /// How much longer a worker takes.
    fn factor(&self, slowdown: &Slowdown, rank: Rank, round: Round) -> f64 {
        slowdown
            .factor(rank, round, self.config.comm_round as u32)
            .max(1.0)
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
        for Load {
            round,
            jobs,
            seconds,
        } in &self.rounds
        {
            let dispatch = match self.config.dispatch {
                DispatchMode::Pull => Dispatch::pull(jobs, &ranks, &cost),
                _ => Dispatch::planned(scheduler.assign(jobs, &cost, &ranks)),
            };
            let taken =
                |rank, client: ClientId| self.factor(slowdown, rank, *round) * seconds[&client];
            let mut played = play(dispatch, pause, taken);
            sum += planning
                + played.makespan
                + exchange * messages(&self.config, played.busy, workers)
                + rest;
            // As the server learns: by client.
            played.trained.sort_by_key(|(_, client, _)| *client);
            let samples: BTreeMap<ClientId, u64> =
                jobs.iter().map(|job| (job.client, job.samples)).collect();
            cost.forget();
            played
                .trained
                .iter()
                .for_each(|(rank, client, seconds)| cost.learn(*rank, samples[client], *seconds));
        }
        (sum / self.rounds.len() as f64, evaluation / (workers + 1) as f64)
    }

    /// The most workers that pay: their efficiency is at least one half.
    pub fn pays(&self, slowdown: &Slowdown) -> usize {
        let pays = |workers: usize| self.on(workers, slowdown).efficiency >= PAYS;
        // Nobody trains beside the cohort, so twice as many workers never pay.
        let most = 2 * self
            .rounds
            .iter()
            .map(|load| load.jobs.len())
            .max()
            .unwrap_or(1);
        let (mut good, mut bad) = (1, 2);
        while bad <= most && pays(bad) {
            (good, bad) = (bad, 2 * bad);
        }
        while bad - good > 1 {
            let middle = good + (bad - good) / 2;
            *(if pays(middle) { &mut good } else { &mut bad }) = middle;
        }
        good
    }

    /// Refuses numbers of workers on which the run could not be.
    ///
    /// # Errors
    /// A run with a worker for each client.
    pub fn check(&self, workers: &[usize]) -> Result<(), String> {
        let cohort = self.config.client_num_per_round as usize;
        let one_each = self.config.dispatch == DispatchMode::OnePerWorker;
        match workers
            .iter()
            .find(|&&workers| one_each && workers != cohort)
        {
            None => Ok(()),
            Some(workers) => Err(format!(
                "--dispatch one_per_worker has {cohort} workers for {cohort} clients, never {workers} (hint: a run with \
                 --dispatch pull)"
            )),
        }
    }

    /// A table for people.
    pub fn table(&self, workers: &[usize], slowdown: &Slowdown) -> String {
        let mut lines = self.record();
        lines.push(format!(
            "{:>8}{:>12}{:>14}{:>10}{:>12}",
            "workers", "round s", "evaluation s", "speed-up", "efficiency"
        ));
        let row = |workers: &usize| {
            let Predicted {
                round,
                evaluation,
                speedup,
                efficiency,
                ..
            } = self.on(*workers, slowdown);
            let efficiency = format!("{:.0} %", 100.0 * efficiency);
            format!("{workers:>8}{round:>12.4}{evaluation:>14.4}{speedup:>10.2}{efficiency:>12}")
        };
        lines.extend(workers.iter().map(row));
        lines.push(String::new());
        lines.push(match self.config.dispatch {
            DispatchMode::OnePerWorker => "each client has a worker of its own".to_owned(),
            DispatchMode::Planned | DispatchMode::Pull => {
                let pays = counted(self.pays(slowdown), "worker");
                format!(
                    "it pays up to {pays}: with more, efficiency is below {:.0} %",
                    100.0 * PAYS
                )
            }
        });
        lines.join("\n")
    }

    /// What was fitted, and how well it says again what was measured.
    fn record(&self) -> Vec<String> {
        let Overheads {
            planning,
            pause,
            exchange,
            rest,
            ..
        } = self.overheads;
        let [planning, pause, exchange, rest] =
            [planning, pause, exchange, rest].map(|seconds| format!("{:.2} ms", seconds * 1e3));
        let unit = if self.config.reduce == Reduce::Allreduce {
            "doubling of ranks"
        } else {
            "worker"
        };
        let (rounds, workers) =
            (counted(self.rounds.len(), "round"), counted(self.workers, "worker"));
        let again = self.on(self.workers, &self.slowdown).round;
        let off = 100.0 * (again / self.recorded.max(f64::MIN_POSITIVE) - 1.0);
        let recorded = self.recorded;
        vec![
            self.name.clone(),
            format!(
                "  recorded  {rounds} on {workers}: {recorded:.4} s, predicted {again:.4} s ({off:+.1} %)"
            ),
            format!("  training  at most {:.4} s, {pause} before each", self.longest),
            format!("  beside    planning {planning}, exchange {exchange} a {unit}, rest {rest}"),
            String::new(),
        ]
    }
}

impl Overheads {
    /// Medians over rounds, so that a bad moment does not count.
    fn fit(config: &Config, recorded: &[(&RoundDone, Vec<Trained>)], workers: usize) -> Overheads {
        let over = |what: &dyn Fn(&RoundDone, &Ends) -> f64| {
            let seconds = |(done, updates): &(&RoundDone, Vec<Trained>)| {
                what(done, &Ends::of(updates)).max(0.0)
            };
            median(&recorded.iter().map(seconds).collect::<Vec<_>>())
        };
        let evaluation: f64 = recorded
            .iter()
            .map(|(done, _)| done.evaluation_seconds)
            .sum();
        Overheads {
            planning: over(&|done, _| done.schedule.planning_seconds),
            pause: over(&|_, ends| ends.pause),
            exchange: over(&|done, ends| {
                (done.schedule.makespan_seconds - ends.last) / messages(config, ends.busy, workers)
            }),
            rest: over(&|done, _| {
                done.seconds - done.schedule.planning_seconds - done.schedule.makespan_seconds
            }),
            evaluation: evaluation / recorded.len() as f64 * (workers + 1) as f64,
        }
    }
}

/// How the cost of an exchange grows: the server talks to every worker that trains, or all ranks
/// sum in a tree.
fn messages(config: &Config, busy: usize, workers: usize) -> f64 {
    match config.reduce {
        Reduce::Allreduce => ((workers + 1) as f64).log2(),
        Reduce::Server | Reduce::Worker => busy.max(1) as f64,
    }
}

/// What the workers of a round report.
struct Ends {
    // Seconds from a worker's first order to the end of its last training, of the last worker.
    last: f64,
    // Mean seconds of a worker between trainings.
    pause: f64,
    busy: usize,
}

impl Ends {
    fn of(updates: &[Trained]) -> Ends {
        let mut ends: BTreeMap<Rank, f64> = BTreeMap::new();
        for update in updates {
            let end = ends.entry(update.rank).or_default();
            *end = end.max(update.start + update.seconds);
        }
        let trained: f64 = updates.iter().map(|update| update.seconds).sum();
        Ends {
            last: ends.values().copied().fold(0.0, f64::max),
            pause: (ends.values().sum::<f64>() - trained) / updates.len().max(1) as f64,
            busy: ends.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Schedule, Started};

    /// Eight equal clients of a second each on two workers, and half a second for the exchange.
    fn run(config: Config) -> Result<Predictor, String> {
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
        let table = predictor.table(&[1, 1024], &Slowdown::default());
        assert!(
            table.contains("    1024") && table.lines().all(|line| line.len() <= 80),
            "{table}"
        );
        assert!(table.contains("2 workers: 4.8000 s, predicted 4.8000 s (+0.0 %)"), "{table}");
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
