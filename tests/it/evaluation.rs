//! Evaluation is work like any other: whoever does which piece of it, and whether the next round
//! waits for it or not, the metrics have the same bits, and every round has one line.

use crate::support::{Saves, plan, small};
use fedmpi::event::State;
use fedmpi::ids::{ClientId, Rank};
use fedmpi::metrics::Metrics;
use fedmpi::train::{Quadratic, Task, TrainError, Trained, Trainer};
use fedmpi::weights::Layout;
use fedmpi::{Config, EngineError, Memory, Outcome, Plan, Reduce, run_local};
use std::ops::Range;
use std::thread;
use std::time::Duration;

const PIECES: usize = 40;

/// Trains at once and evaluates slowly, or the other way round, and fails for one client in one
/// round.
struct Paced {
    inner: Quadratic,
    training: Duration,
    piece: Duration,
    fails: Option<(u32, u32)>,
}

impl Trainer for Paced {
    fn layout(&self) -> &Layout {
        self.inner.layout()
    }

    fn initial(&mut self) -> Vec<f32> {
        self.inner.initial()
    }

    fn train(&mut self, task: &Task<'_>) -> Result<Trained, TrainError> {
        thread::sleep(self.training);
        match self.fails == Some((task.round.0, task.client.0)) {
            true => Err(TrainError::Failed("on purpose".to_owned())),
            false => self.inner.train(task),
        }
    }

    fn evaluate(&mut self, weights: &[f32]) -> Result<Metrics, TrainError> {
        self.evaluate_pieces(weights, 0..PIECES)
    }

    fn pieces(&self) -> usize {
        PIECES
    }

    fn evaluate_pieces(
        &mut self,
        weights: &[f32],
        pieces: Range<usize>,
    ) -> Result<Metrics, TrainError> {
        let mut metrics = Metrics::default();
        for piece in pieces {
            thread::sleep(self.piece);
            metrics.add(&Metrics::default().with(
                "loss",
                f64::from(weights[0]) * piece as f64 / 7.0,
                1,
            ));
        }
        Ok(metrics)
    }

    fn evaluate_client(
        &mut self,
        weights: &[f32],
        client: ClientId,
    ) -> Result<Metrics, TrainError> {
        self.inner.evaluate_client(weights, client)
    }
}

type Paces = [u64; 2];

/// Runs with so many milliseconds for a training and for a piece of evaluation.
fn run(
    plan: &Plan,
    workers: usize,
    [training, piece]: Paces,
    fails: Option<(u32, u32)>,
    saved: Option<(State, Vec<f32>)>,
) -> (Result<Outcome, EngineError>, Saves) {
    let [training, piece] = [training, piece].map(Duration::from_millis);
    let make = move |_: Rank| -> Result<Box<dyn Trainer>, TrainError> {
        Ok(Box::new(Paced {
            inner: Quadratic::new(3, 0.5),
            training,
            piece,
            fails,
        }))
    };
    let mut saves = Saves::default();
    let outcome = run_local(plan, workers, make, &mut saves, saved);
    (outcome, saves)
}

/// Round, hash and metrics of every line, in order.
fn lines(memory: &Memory) -> Vec<(u32, String, Option<Metrics>)> {
    memory
        .rounds()
        .map(|done| (done.round.0, done.model_hash.clone(), done.test.clone()))
        .collect()
}

fn config(reduce: Reduce) -> Config {
    Config {
        comm_round: 4,
        frequency_of_the_test: 1,
        reduce,
        ..small()
    }
}

#[test]
fn metrics_are_the_same_whether_the_next_round_waits_for_them_or_not() {
    // A target that is out of reach: every evaluation is waited for.
    let waits = |reduce| Config {
        target: Some("loss<=-1".to_owned()),
        ..config(reduce)
    };
    let (outcome, saves) = run(&plan(waits(Reduce::Worker)), 1, [0, 0], None, None);
    let (wanted, weights) = (lines(&saves.memory), outcome.expect("sound").weights);
    assert!(wanted.len() == 4 && wanted.iter().all(|(_, _, test)| test.is_some()));
    for reduce in [Reduce::Server, Reduce::Worker, Reduce::Allreduce] {
        for config in [waits(reduce), config(reduce)] {
            // Evaluation that ends long before training does, and long after.
            for (workers, paces) in [(1, [0, 0]), (3, [20, 0]), (2, [20, 1])] {
                let (outcome, saves) = run(&plan(config.clone()), workers, paces, None, None);
                assert!(
                    outcome.expect("sound").weights == weights,
                    "{reduce:?} {workers} {paces:?}"
                );
                assert_eq!(lines(&saves.memory), wanted, "{reduce:?} {workers} {paces:?}");
            }
        }
    }
}

#[test]
fn a_run_goes_on_after_any_round_and_every_round_has_its_metrics_once() {
    for reduce in [Reduce::Server, Reduce::Worker, Reduce::Allreduce] {
        let plan = plan(config(reduce));
        let (outcome, whole) = run(&plan, 2, [60, 1], None, None);
        let (wanted, all) = (outcome.expect("sound"), lines(&whole.memory));
        let open = whole
            .states
            .iter()
            .filter(|(state, _)| state.open.is_some())
            .count();
        assert_eq!(
            open, 2,
            "rounds are saved while they are evaluated, but for the first, which tells the pace, and the last"
        );
        for (state, weights) in whole.states {
            let on_record = state.rounds as usize - usize::from(state.open.is_some());
            let (outcome, rest) = run(&plan, 3, [0, 1], None, Some((state, weights)));
            assert!(outcome.expect("goes on") == wanted, "{reduce:?} after {on_record}");
            assert_eq!(lines(&rest.memory), all[on_record..], "{reduce:?} after {on_record}");
        }
    }
}

#[test]
fn a_round_is_on_record_when_the_next_one_fails() {
    let plan = plan(Config {
        client_num_per_round: 12,
        ..config(Reduce::Worker)
    });
    let (outcome, saves) = run(&plan, 2, [30, 1], Some((2, 4)), None);
    assert!(matches!(outcome, Err(EngineError::Training { .. })));
    let rounds: Vec<u32> = saves.memory.rounds().map(|done| done.round.0).collect();
    assert_eq!(rounds, [0, 1]);
}
