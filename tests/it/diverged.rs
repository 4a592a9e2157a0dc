//! Clients whose training diverges: which one ends the run, and what is left of a round without
//! them.

use crate::modes::modes;
use crate::support::{plan, run_with, small};
use fedmpi::aggregate::arrivals::ARRIVALS;
use fedmpi::algorithm::ALGORITHMS;
use fedmpi::config::{Config, Mode, OnNan};
use fedmpi::engine::{EngineError, Outcome};
use fedmpi::event::{Event, RoundDone};
use fedmpi::ids::{ClientId, Rank};
use fedmpi::message::Reduce;
use fedmpi::metrics::Metrics;
use fedmpi::plan::Plan;
use fedmpi::record::Memory;
use fedmpi::train::{Gradient, Quadratic, Task, TrainError, Trained, Trainer};
use fedmpi::weights::Layout;
use std::sync::Arc;

/// Clients that diverge, by what they return.
const BROKEN: [(u32, f32); 3] = [(3, f32::NAN), (4, f32::INFINITY), (8, 1e30)];

/// The closed form, but for those.
struct Broken(Quadratic, fn(ClientId) -> Option<f32>);

fn some(client: ClientId) -> Option<f32> {
    BROKEN
        .iter()
        .find(|(id, _)| *id == client.0)
        .map(|(_, value)| *value)
}

impl Trainer for Broken {
    fn layout(&self) -> &Layout {
        self.0.layout()
    }

    fn initial(&mut self) -> Vec<f32> {
        self.0.initial()
    }

    fn train(&mut self, task: &Task<'_>) -> Result<Trained, TrainError> {
        let mut trained = self.0.train(task)?;
        if let Some(value) = (self.1)(task.client) {
            // The first value is sound: what was added before the fault must be taken away again.
            Arc::make_mut(&mut trained.weights)[1] = value;
        }
        Ok(trained)
    }

    fn gradient(&mut self, task: &Task<'_>) -> Result<Gradient, TrainError> {
        self.0.gradient(task)
    }

    fn evaluate(&mut self, weights: &[f32]) -> Result<Metrics, TrainError> {
        self.0.evaluate(weights)
    }
}

fn run(plan: &Plan, workers: usize) -> Result<(Outcome, Memory), EngineError> {
    let make = |_: Rank| -> Result<Box<dyn Trainer>, _> {
        Ok(Box::new(Broken(Quadratic::new(3, 0.5), some)))
    };
    run_with(plan, workers, make)
}

fn all() -> Config {
    Config {
        client_num_per_round: 12,
        ..small()
    }
}

/// Who was left out in a round, and how many that makes.
fn left_out(memory: &Memory, done: &RoundDone) -> (Vec<u32>, usize) {
    let named = memory.events.iter().filter_map(|event| match event {
        Event::LeftOut { round, client, .. } if *round == done.round => Some(client.0),
        _ => None,
    });
    (named.collect(), done.diverged)
}

#[test]
fn the_smallest_client_is_named_whoever_came_first() {
    for config in modes(&all()) {
        for workers in [1, 2, 3, 5] {
            let error = run(&plan(config.clone()), workers)
                .map(|_| ())
                .expect_err("a fault")
                .to_string();
            let wanted = "failed to train client 3 in round 1: client 3 returned NaN in w (hint: training diverged; lower --lr)";
            assert!(error.ends_with(wanted), "{error}");
        }
    }
}

#[test]
fn those_who_are_left_out_leave_the_mean_of_the_others() {
    let skip = Config {
        on_nan: OnNan::Skip,
        ..all()
    };
    let plan_of = |config: &Config| plan(config.clone());
    let (wanted, memory) = run(&plan_of(&skip), 1).expect("goes on");
    let sound = |id: &u32| some(ClientId(*id)).is_none();
    for done in memory.rounds() {
        assert_eq!(left_out(&memory, done), (vec![3, 4, 8], 3));
        assert_eq!((done.clients, done.updates), (9, 9 * done.round.number()));
    }
    // From zero everybody goes half way to id + 1; a mean by samples over the nine.
    let plan = plan_of(&Config {
        comm_round: 1,
        ..skip.clone()
    });
    let samples = |id: u32| plan.samples(ClientId(id)) as f64;
    let total: f64 = (0..12).filter(sound).map(samples).sum();
    let mean = (0..12)
        .filter(sound)
        .map(|id| samples(id) * 0.5 * f64::from(id + 1))
        .sum::<f64>()
        / total;
    let first = run(&plan, 2).expect("goes on").0;
    assert!((f64::from(first.weights[0]) - mean).abs() < 1e-6, "{} {mean}", first.weights[0]);
    for config in modes(&skip) {
        for workers in [1, 2, 3, 5] {
            let again = run(&plan_of(&config), workers).expect("goes on").0;
            assert!(
                again == wanted,
                "{:?} {:?} {} on {workers}",
                config.reduce,
                config.dispatch,
                config.scheduler
            );
        }
    }
}

#[test]
fn every_algorithm_goes_on_without_them_the_same_way_everywhere() {
    for entry in ALGORITHMS {
        let config = |reduce| Config {
            algorithm: Some(entry.name.into()),
            on_nan: OnNan::Skip,
            comm_round: 4,
            client_num_per_round: 7,
            reduce,
            ..all()
        };
        let wanted = run(&plan(config(Reduce::Worker)), 1).expect("goes on").0;
        assert!(wanted.weights.iter().all(|weight| weight.is_finite()), "{}", entry.name);
        for reduce in [Reduce::Server, Reduce::Worker, Reduce::Allreduce] {
            for workers in [2, 3] {
                let again = run(&plan(config(reduce)), workers).expect("goes on").0;
                assert!(again == wanted, "{} {reduce:?} on {workers}", entry.name);
            }
        }
    }
}

#[test]
fn the_median_takes_in_broken_clients_unless_they_are_to_be_left_out() {
    let config = Config {
        combine: Some("median".into()),
        reduce: Reduce::Server,
        comm_round: 1,
        ..all()
    };
    let (outcome, memory) = run(&plan(config.clone()), 3).expect("survives");
    // Halves of 1 to 12, of which 3 values are beyond all others in the place that broke.
    assert_eq!(
        (outcome.weights[0], memory.rounds().map(|done| done.clients).sum::<usize>()),
        (3.25, 12)
    );
    assert!(outcome.weights[1].is_finite());
    let (outcome, memory) = run(
        &plan(Config {
            on_nan: OnNan::Skip,
            ..config
        }),
        2,
    )
    .expect("goes on");
    // The middle of 1, 2, 3, 6, 7, 8, 10, 11, 12.
    assert_eq!(
        (&outcome.weights[..3], memory.rounds().map(|done| done.clients).sum::<usize>()),
        (&[3.5; 3][..], 9)
    );
}

#[test]
fn a_round_of_broken_clients_alone_leaves_the_model_as_it_is() {
    let plan = plan(Config {
        on_nan: OnNan::Skip,
        ..all()
    });
    let make = |_: Rank| -> Result<Box<dyn Trainer>, _> {
        Ok(Box::new(Broken(Quadratic::new(3, 0.5), |_| Some(f32::NAN))))
    };
    let (outcome, memory) = run_with(&plan, 2, make).expect("goes on");
    assert!(outcome.weights.iter().all(|weight| *weight == 0.0));
    assert_eq!(
        memory
            .rounds()
            .map(|done| (done.clients, done.diverged))
            .collect::<Vec<_>>(),
        [(0, 12); 3]
    );
}

#[test]
fn every_rule_without_rounds_names_or_leaves_out_the_same_ones_everywhere() {
    for entry in ARRIVALS {
        let config = Config {
            mode: Mode::Async,
            aggregator: Some(entry.name.into()),
            concurrency: 10,
            comm_round: 8,
            delay: "lognormal:1,0.7".into(),
            ..all()
        };
        let fault = |workers| {
            let error = run(&plan(config.clone()), workers)
                .map(|_| ())
                .expect_err("a fault");
            let EngineError::Training {
                client,
                round,
                reason,
                ..
            } = error
            else {
                panic!("{error}")
            };
            (client, round, reason)
        };
        assert!(fault(1).2.contains("of the run)"), "{}", entry.name);
        assert_eq!(fault(1), fault(3), "{}", entry.name);
        let skip = Config {
            on_nan: OnNan::Skip,
            ..config
        };
        let (wanted, memory) = run(&plan(skip.clone()), 1).expect("goes on");
        assert!(wanted.weights.iter().all(|weight| weight.is_finite()), "{}", entry.name);
        assert!(memory.rounds().map(|done| done.diverged).sum::<usize>() > 0, "{}", entry.name);
        assert!(run(&plan(skip), 4).expect("goes on").0 == wanted, "{}", entry.name);
    }
}

#[test]
fn without_rounds_nobody_waits_for_ever() {
    let plan = plan(Config {
        mode: Mode::Async,
        on_nan: OnNan::Skip,
        concurrency: 4,
        ..all()
    });
    let make = |_: Rank| -> Result<Box<dyn Trainer>, _> {
        Ok(Box::new(Broken(Quadratic::new(3, 0.5), |_| Some(f32::NAN))))
    };
    let error = run_with(&plan, 2, make)
        .map(|_| ())
        .expect_err("ends")
        .to_string();
    assert!(error.contains("17 trainings in a row diverged"), "{error}");
}
