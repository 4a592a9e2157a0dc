//! Promise 1 over the ways of running a round: reduction, dispatch, scheduler and number of ranks.

use crate::support::{Job, generated_mnist, mnist, plan, quadratic, run_with, small, train};
use fedmpi::config::Config;
use fedmpi::engine::EngineError;
use fedmpi::event::Event;
use fedmpi::message::Reduce;
use fedmpi::plan::Plan;
use fedmpi::schedule::{DispatchMode, SCHEDULERS};
use fedmpi::train::{Faulty, Quadratic, Trainer};

const REDUCE: [Reduce; 3] = [Reduce::Server, Reduce::Worker, Reduce::Allreduce];

/// Every combination; `pull` needs no scheduler.
pub fn modes(config: &Config) -> Vec<Config> {
    let mut modes = Vec::new();
    for reduce in REDUCE {
        modes.push(Config {
            reduce,
            dispatch: DispatchMode::Pull,
            ..config.clone()
        });
        for entry in SCHEDULERS {
            modes.push(Config {
                reduce,
                scheduler: entry.name.into(),
                ..config.clone()
            });
        }
    }
    modes
}

fn name(config: &Config) -> String {
    format!("{:?} {:?} {}", config.reduce, config.dispatch, config.scheduler)
}

#[test]
fn every_mode_on_any_number_of_workers_gives_the_same_bits() {
    let wanted = quadratic(&plan(small()), 1).0;
    for config in modes(&small()) {
        for workers in [1, 2, 3, 5, 8] {
            assert!(
                quadratic(&plan(config.clone()), workers).0 == wanted,
                "{} on {workers}",
                name(&config)
            );
        }
    }
    let classical = Config {
        dispatch: DispatchMode::OnePerWorker,
        ..small()
    };
    assert!(quadratic(&plan(classical.clone()), 5).0 == wanted);
    let refused = Plan::check_workers(&classical, 3)
        .expect_err("three workers for five clients")
        .to_string();
    assert!(refused.contains("is 5, but there are 3 workers (hint: mpirun -np 6"), "{refused}");
}

/// All modes on as many workers as 2, 3, 5 and 8 ranks have; the larger models in turn.
#[test]
fn every_mode_gives_the_same_bits_with_real_models() {
    for (model, in_turn) in [("2nn", false), ("cnn_dropout", true), ("resnet20", true)] {
        let config = Config {
            model: model.into(),
            dataset: "mnist".into(),
            data_dir: generated_mnist(),
            client_num_in_total: 300,
            client_num_per_round: 5,
            comm_round: 2,
            ci: 1,
            frequency_of_the_test: 2,
            partition_method: "homo".into(),
            ..Config::default()
        };
        let wanted = train(&plan(config.clone()), 1).0;
        for (turn, config) in modes(&config).into_iter().enumerate() {
            let counts = [1, 2, 4, 7];
            let counts = if in_turn {
                &counts[turn % 4..=turn % 4]
            } else {
                &counts[..]
            };
            for &workers in counts {
                assert!(
                    train(&plan(config.clone()), workers).0 == wanted,
                    "{model}: {} on {workers}",
                    name(&config)
                );
            }
        }
    }
}

#[test]
fn every_mode_gives_the_same_bits_under_mpirun() {
    let folder = tempfile::tempdir().expect("a folder");
    let hash = |ranks: usize, flags: &str| {
        let flags = format!(
            "--dataset mnist --model 2nn --comm_round 2 --ci 1 --client_num_per_round 4 {flags}"
        );
        let job = Job::ranks(ranks)
            .path("--data_dir", &mnist())
            .path("--out_dir", &folder.path().join("run"));
        job.with(&flags)
            .with("--overwrite")
            .run()
            .succeeded()
            .model_hash()
            .to_owned()
    };
    let wanted = hash(1, "--reduce server");
    for (ranks, flags) in [
        (2, "--reduce allreduce --dispatch pull"),
        (3, "--reduce worker --dispatch pull"),
        (3, "--reduce allreduce --scheduler round_robin --worker_slowdown 2:1.5"),
        (5, "--reduce server --dispatch one_per_worker"),
        (5, "--reduce allreduce --scheduler equal_count"),
        (8, "--reduce worker --scheduler balanced"),
    ] {
        assert_eq!(hash(ranks, flags), wanted, "{flags} on {ranks} ranks");
    }
}

#[test]
fn a_fault_ends_every_mode() {
    for config in modes(&Config {
        client_num_per_round: 12,
        ..small()
    }) {
        let make = |_| -> Result<Box<dyn Trainer>, _> {
            Ok(Faulty::wrap(Box::new(Quadratic::new(3, 0.5)), Some("panic:2:7")))
        };
        let error = run_with(&plan(config.clone()), 3, make)
            .map(|_| ())
            .expect_err("a fault");
        assert!(matches!(error, EngineError::Training { .. }), "{}: {error}", name(&config));
    }
}

#[test]
fn dropped_and_late_clients_are_left_out_the_same_way_everywhere() {
    let config = Config {
        drop_rate: 0.3,
        over_select: 1.5,
        deadline: Some(1.0),
        delay: "samples:0.001,1".into(),
        comm_round: 6,
        ..small()
    };
    let (wanted, memory) = quadratic(&plan(config.clone()), 1);
    assert!(memory.rounds().map(|done| done.dropped).sum::<usize>() > 0);
    assert!(memory.rounds().map(|done| done.late).sum::<usize>() > 0);
    assert!(
        memory
            .rounds()
            .all(|done| done.virtual_seconds <= 1.0 && done.clients <= 5)
    );
    for config in modes(&config) {
        assert!(quadratic(&plan(config.clone()), 4).0 == wanted, "{}", name(&config));
    }
}

#[test]
fn virtual_time_counts_every_epoch() {
    let seconds = |epochs| {
        let (_, memory) = quadratic(&plan(Config { epochs, ..small() }), 1);
        memory
            .rounds()
            .map(|done| done.virtual_seconds)
            .sum::<f64>()
    };
    assert!((seconds(5) / seconds(1) - 5.0).abs() < 1e-9);
}

/// A round in which nobody turns up leaves the model as it is.
#[test]
fn an_empty_round_changes_nothing() {
    for reduce in REDUCE {
        let config = Config {
            deadline: Some(1e-9),
            reduce,
            ..small()
        };
        let (outcome, memory) = quadratic(&plan(config), 2);
        assert_eq!(
            (outcome.rounds, memory.rounds().map(|done| done.clients).sum::<usize>()),
            (3, 0)
        );
        assert!(outcome.weights.iter().all(|&weight| weight == 0.0));
        assert!(
            memory
                .rounds()
                .all(|done| done.train_loss.is_none() && done.schedule.efficiency.is_none())
        );
    }
}

#[test]
fn the_median_sees_every_update_and_refuses_sums() {
    let config = Config {
        aggregator: Some("median".into()),
        reduce: Reduce::Server,
        comm_round: 1,
        ..small()
    };
    // From zero every client goes half way to its own target, id + 1; the middle of the cohort
    // counts.
    let plan = plan(config.clone());
    let (outcome, memory) = quadratic(&plan, 1);
    let mut cohort: Vec<f32> = memory
        .events
        .iter()
        .filter_map(|event| match event {
            Event::ClientTrained(trained) => Some(0.5 * (trained.client.0 as f32 + 1.0)),
            _ => None,
        })
        .collect();
    cohort.sort_by(f32::total_cmp);
    assert_eq!(outcome.weights[0], cohort[cohort.len() / 2]);
    for workers in [2, 3, 5] {
        assert!(quadratic(&plan, workers).0 == outcome);
    }
    for reduce in [Reduce::Worker, Reduce::Allreduce] {
        let refused = Plan::resolve(Config {
            reduce,
            ..config.clone()
        })
        .expect_err("refused")
        .to_string();
        assert!(refused.contains("--reduce server"), "{refused}");
    }
}
