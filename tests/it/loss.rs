//! A lost worker does not lose the run: whoever goes, whenever, the bits are those of an
//! undisturbed run.

use crate::modes::modes;
use crate::support::{plan, quadratic, run_with, small};
use fedmpi::config::{Config, Mode};
use fedmpi::engine::{EngineError, Outcome, run, serve};
use fedmpi::event::Event;
use fedmpi::ids::{ClientId, Rank, Round};
use fedmpi::message::{Frame, Reduce};
use fedmpi::metrics::Metrics;
use fedmpi::plan::Plan;
use fedmpi::record::Memory;
use fedmpi::schedule::DispatchMode;
use fedmpi::train::{Quadratic, Task, TrainError, Trained, Trainer};
use fedmpi::transport::local::{Local, ranks};
use fedmpi::transport::{Delivery, Metered, SharedSum, Transport, TransportError};
use fedmpi::weights::{Layout, Units};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// Breaks down after so many calls.
struct Mortal {
    inner: Local,
    calls: u32,
    // Whether it adds to the server's sum; then what it says always arrives.
    shares: bool,
}

impl Mortal {
    fn live(&mut self) -> Result<(), TransportError> {
        self.calls = self
            .calls
            .checked_sub(1)
            .ok_or(TransportError::Gone(self.inner.rank()))?;
        Ok(())
    }
}

impl Transport for Mortal {
    fn rank(&self) -> Rank {
        self.inner.rank()
    }

    fn size(&self) -> usize {
        self.inner.size()
    }

    fn send(&mut self, to: Rank, frame: Frame) -> Result<(), TransportError> {
        if !self.shares {
            self.live()?;
        }
        self.inner.send(to, frame)
    }

    fn recv(&mut self) -> Result<Delivery, TransportError> {
        self.live()?;
        self.inner.recv()
    }

    fn shared_sums(&self, lengths: &[usize]) -> Option<Vec<SharedSum>> {
        self.inner.shared_sums(lengths).filter(|_| self.shares)
    }

    fn all_reduce(&mut self, mine: &[i64]) -> Result<Units, TransportError> {
        self.live()?;
        self.inner.all_reduce(mine)
    }

    fn set_patience(&mut self, patience: Option<Duration>) {
        self.inner.set_patience(patience);
    }
}

/// Runs a job of which some ranks break down after so many calls.
pub fn with_deaths(
    plan: &Plan,
    workers: usize,
    deaths: &[(u32, u32)],
) -> (Result<Outcome, EngineError>, Memory) {
    with_deaths_of(plan, workers, deaths, false)
}

/// The same, of ranks that may add to the server's sum.
fn with_deaths_of(
    plan: &Plan,
    workers: usize,
    deaths: &[(u32, u32)],
    shares: bool,
) -> (Result<Outcome, EngineError>, Memory) {
    let deaths: BTreeMap<u32, u32> = deaths.iter().copied().collect();
    let mut ends = ranks(workers + 1).into_iter();
    let server = ends.next().expect("the server's end");
    let mut memory = Memory::default();
    let outcome = thread::scope(|scope| {
        for inner in ends {
            let calls = deaths.get(&inner.rank().0).copied().unwrap_or(u32::MAX);
            let worker = Mortal {
                inner,
                calls,
                shares,
            };
            scope.spawn(move || {
                _ = serve(plan, &mut Metered::new(worker), &mut Quadratic::new(3, 0.5))
            });
        }
        run(plan, &mut Metered::new(server), &mut Quadratic::new(3, 0.5), &mut memory, None)
    });
    (outcome, memory)
}

fn losses(memory: &Memory) -> usize {
    memory
        .events
        .iter()
        .filter(|event| matches!(event, Event::Lost { .. }))
        .count()
}

/// The first call of a worker says hello; without that the job never begins.
const HELLO: u32 = 1;

#[test]
fn one_worker_of_three_may_go_at_any_moment() {
    let wanted = quadratic(&plan(small()), 1).0;
    for config in modes(&small()) {
        let (plan, mut seen) = (plan(config.clone()), 0);
        for calls in HELLO..16 {
            let (outcome, memory) = with_deaths(&plan, 3, &[(2, calls)]);
            assert!(outcome.expect("goes on") == wanted, "{config:?} after {calls} calls");
            seen += losses(&memory);
        }
        assert!(seen > 3, "{config:?}: {seen} losses were noticed before the end");
    }
}

#[test]
fn who_adds_to_the_servers_sum_may_go_between_two_orders() {
    let wanted = quadratic(&plan(small()), 1).0;
    for config in modes(&small()) {
        if config.reduce != Reduce::Server {
            continue;
        }
        let (plan, mut seen) = (plan(config.clone()), 0);
        for calls in 0..8 {
            let (outcome, memory) = with_deaths_of(&plan, 3, &[(2, calls), (3, 2 * calls)], true);
            assert!(outcome.expect("goes on") == wanted, "{config:?} after {calls} calls");
            seen += losses(&memory);
        }
        assert!(seen > 3, "{config:?}: {seen} losses were noticed before the end");
    }
}

#[test]
fn all_but_one_may_go() {
    let wanted = quadratic(&plan(small()), 1).0;
    for config in modes(&small()) {
        let plan = plan(config.clone());
        for (first, second) in [(1, 1), (2, 3), (3, 5), (5, 2), (6, 7), (8, 4)] {
            let (outcome, _) = with_deaths(&plan, 3, &[(1, first), (3, second)]);
            assert!(
                outcome.expect("goes on") == wanted,
                "{config:?} after {first} and {second} calls"
            );
        }
    }
}

#[test]
fn the_last_one_may_not() {
    for config in modes(&small()) {
        let (outcome, _) = with_deaths(&plan(config), 2, &[(1, 3), (2, 4)]);
        assert!(matches!(outcome.expect_err("nobody is left"), EngineError::Lost { .. }));
    }
}

#[test]
fn asynchronous_runs_go_on_too() {
    let config = Config {
        mode: Mode::Async,
        aggregator: Some("fedbuff:buffer_size=3".into()),
        concurrency: 6,
        comm_round: 8,
        delay: "uniform:1,5".into(),
        ..small()
    };
    let plan = plan(config);
    let wanted = quadratic(&plan, 1).0;
    for calls in HELLO..20 {
        let (outcome, _) = with_deaths(&plan, 3, &[(2, calls), (3, calls / 2 + 1)]);
        assert!(outcome.expect("goes on") == wanted, "after {calls} calls");
    }
}

/// A trainer that takes its time, and says so or not.
struct Slow {
    inner: Quadratic,
    steps: Steps,
    says_so: bool,
    // Trainings that came to their end.
    ended: Arc<AtomicU32>,
}

type Steps = fn(Round, ClientId) -> u32;

/// Steps of ten milliseconds: one client takes long, or all take some.
const ONE_LONG: Steps = |_, client| if client == ClientId(7) { 400 } else { 1 };
const ALL_SHORT: Steps = |_, _| 30;

impl Trainer for Slow {
    fn layout(&self) -> &Layout {
        self.inner.layout()
    }

    fn initial(&mut self) -> Vec<f32> {
        self.inner.initial()
    }

    fn train(&mut self, task: &Task<'_>) -> Result<Trained, TrainError> {
        for _ in 0..(self.steps)(task.round, task.client) {
            thread::sleep(Duration::from_millis(10));
            if self.says_so {
                task.alive();
            }
        }
        self.ended.fetch_add(1, Ordering::Relaxed);
        self.inner.train(task)
    }

    fn evaluate(&mut self, weights: &[f32]) -> Result<Metrics, TrainError> {
        self.inner.evaluate(weights)
    }
}

fn slowly(
    config: &Config,
    workers: usize,
    steps: Steps,
    says_so: bool,
) -> Result<Outcome, EngineError> {
    let make = move |_| -> Result<Box<dyn Trainer>, _> {
        Ok(Box::new(Slow {
            inner: Quadratic::new(3, 0.5),
            steps,
            says_so,
            ended: Arc::default(),
        }))
    };
    run_with(&plan(config.clone()), workers, make).map(|(outcome, _)| outcome)
}

#[test]
fn whoever_gives_signs_of_life_may_take_long_and_a_silent_worker_is_named_while_others_work() {
    let config = Config {
        round_timeout: Some(2.0),
        client_num_per_round: 12,
        comm_round: 1,
        ..small()
    };
    let wanted = quadratic(&plan(config.clone()), 1).0;
    assert!(slowly(&config, 2, ONE_LONG, true).expect("slow, not silent") == wanted);
    assert!(slowly(&config, 1, ALL_SHORT, true).expect("many, not silent") == wanted);
    let error = slowly(&config, 2, ONE_LONG, false)
        .expect_err("silent")
        .to_string();
    assert!(error.starts_with("round 1: no sign of life for 2 s: rank "), "{error}");
    assert!(error.matches("rank ").count() == 1, "only one of the workers was silent: {error}");
}

/// Rank 2 ends one client of a round while rank 1 ends most of the others, and then waits for the
/// rest.
#[test]
fn a_slow_worker_that_leaves_the_rest_to_others_may_be_silent() {
    let config = Config {
        round_timeout: Some(2.0),
        dispatch: DispatchMode::Pull,
        worker_slowdown: Some("2:6".parse().expect("sound")),
        client_num_per_round: 12,
        comm_round: 2,
        ..small()
    };
    let wanted = quadratic(&plan(config.clone()), 1).0;
    assert!(slowly(&config, 2, |_, _| 70, true).expect("at rest, not silent") == wanted);
}

#[test]
fn workers_that_owe_nothing_may_be_silent() {
    let rounds = Config {
        round_timeout: Some(2.0),
        client_num_per_round: 1,
        comm_round: 10,
        ..small()
    };
    let moves = Config {
        mode: Mode::Async,
        concurrency: 1,
        ..rounds.clone()
    };
    for config in [rounds, moves] {
        let wanted = quadratic(&plan(config.clone()), 1).0;
        assert!(slowly(&config, 3, ALL_SHORT, true).expect("idle, not silent") == wanted);
    }
}

#[test]
fn nobody_waits_for_trainings_beyond_the_last_move() {
    // Those after the third would take half a minute each.
    let steps: Steps = |training, _| if training.0 < 3 { 1 } else { 3000 };
    let config = Config {
        mode: Mode::Async,
        concurrency: 8,
        comm_round: 3,
        aggregator: Some("fedasync".into()),
        delay: "constant:1".into(),
        ..small()
    };
    let ended = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&ended);
    let make = move |_| -> Result<Box<dyn Trainer>, _> {
        Ok(Box::new(Slow {
            inner: Quadratic::new(3, 0.5),
            steps,
            says_so: true,
            ended: Arc::clone(&counter),
        }))
    };
    let (outcome, memory) = run_with(&plan(config), 2, make).expect("a sound run");
    assert_eq!((outcome.rounds, ended.load(Ordering::Relaxed)), (3, 3));
    assert!(
        matches!(memory.events.last(), Some(Event::Finished { ranks, .. }) if ranks.len() == 3)
    );
}
