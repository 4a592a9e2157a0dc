//! Methods: the values of the papers' toys, the cases in which one is another to the bit, and one
//! hash for all ways of running a round.

mod names;
mod special;

use crate::modes::modes;
use crate::support::{Job, generated_mnist, mnist, plan, quadratic, run_with, small, train};
use fedmpi::aggregate::preset::PRESETS;
use fedmpi::aggregate::step::STEPS;
use fedmpi::algorithm::ALGORITHMS;
use fedmpi::config::{Config, Mode};
use fedmpi::engine::run_local;
use fedmpi::event::{Event, RecordError, Recorder, State};
use fedmpi::ids::ClientId;
use fedmpi::message::Reduce;
use fedmpi::partition::Partition;
use fedmpi::plan::Plan;
use fedmpi::record::Memory;
use fedmpi::train::{Bowl, Quadratic, Trainer};
use fedmpi::update::UPDATES;
use std::fs;
use std::path::{Path, PathBuf};

/// Two clients with one and three samples.
fn two_clients(folder: &Path, rounds: i64) -> Config {
    let path = folder.join("partition.json");
    Partition::new(&[vec![0], vec![1, 2, 3]])
        .save(&path)
        .expect("writable");
    Config {
        client_num_in_total: 2,
        client_num_per_round: 2,
        comm_round: rounds,
        partition_load: Some(path),
        ..Config::default()
    }
}

/// The model after each round.
fn walk(config: Config, rate: f32, bowl: fn(ClientId) -> Bowl) -> Vec<f32> {
    #[derive(Default)]
    struct Models(Vec<f32>);
    impl Recorder for Models {
        fn record(&mut self, event: &Event, weights: &[f32]) -> Result<(), RecordError> {
            if let Event::RoundDone(_) = event {
                self.0.push(weights[0]);
            }
            Ok(())
        }
    }
    let mut models = Models::default();
    let make = move |_| -> Result<Box<dyn Trainer>, _> {
        Ok(Box::new(Quadratic::new(1, rate).with(bowl)))
    };
    run_local(&plan(config), 2, make, &mut models, None).expect("sound");
    models.0
}

/// Toy T of the catalogue: `(w - 2)^2 / 2` and `(w - 6)^2 / 2`, two steps at rate 0.5.
fn toy(client: ClientId) -> Bowl {
    Bowl {
        target: [2.0, 6.0][client.index()],
        curvature: 1.0,
        steps: 2,
    }
}

#[test]
fn toy_values_of_the_papers() {
    let folder = tempfile::tempdir().expect("a folder");
    let after = |method: &str, rounds: i64, bowl: fn(ClientId) -> Bowl| {
        let config = Config {
            aggregator: Some(method.into()),
            ..two_clients(folder.path(), rounds)
        };
        walk(config, 0.5, bowl)
    };
    let close = |found: &[f32], wanted: &[f64]| {
        let same = found
            .iter()
            .zip(wanted)
            .all(|(found, wanted)| (f64::from(*found) - wanted).abs() < 2e-6);
        assert!(same && found.len() == wanted.len(), "{found:?} {wanted:?}");
    };
    close(&after("fedavg", 1, toy), &[3.75]);
    close(&after("fedprox:mu=1", 1, toy), &[2.5]);
    close(&after("scaffold", 3, toy), &[3.0, 3.75, 3.9375]);
    close(&after("feddyn:feddyn_alpha=1", 2, toy), &[4.0, 4.0]);
    close(&after("fedadam:server_lr=0.1", 1, toy), &[0.0997340]);
    close(&after("fedavgm", 2, toy), &[3.75, 8.0625]);
    let uneven = |client: ClientId| Bowl {
        steps: 1 + u64::from(client.0),
        ..toy(client)
    };
    close(&after("fednova", 1, uneven), &[3.390625]);
    close(&after("fedavg", 1, uneven), &[3.625]);
    let one_step = |client: ClientId| Bowl {
        steps: 1,
        ..toy(client)
    };
    for (q, wanted) in [("0", 2.0), ("1", 1.4), ("2", 0.99186992)] {
        close(&after(&format!("qfedavg:q={q}"), 1, one_step), &[wanted]);
    }
    // With one step along the whole gradient all go the same way, as one who holds all data would.
    close(&after("fedlin", 1, one_step), &[2.5]);
}

/// Toy U: `(w - 2)^2 / 2` and `(w - 3)^2`, whose optimum FedAvg misses and SCAFFOLD finds.
#[test]
fn scaffold_finds_the_optimum_that_fedavg_misses() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("even.json");
    Partition::new(&[vec![0], vec![1]])
        .save(&path)
        .expect("writable");
    let bowl = |client: ClientId| match client.0 {
        0 => Bowl {
            target: 2.0,
            curvature: 1.0,
            steps: 2,
        },
        _ => Bowl {
            target: 3.0,
            curvature: 2.0,
            steps: 2,
        },
    };
    let after = |method: &str| {
        let config = Config {
            aggregator: Some(method.into()),
            ..two_clients(folder.path(), 40)
        };
        walk(
            Config {
                partition_load: Some(path.clone()),
                ..config
            },
            0.25,
            bowl,
        )
    };
    let scaffold = after("scaffold");
    for (found, wanted) in scaffold.iter().zip([1.5625, 2.240234, 2.508362]) {
        assert!((found - wanted).abs() < 2e-6, "{found} {wanted}");
    }
    assert!((scaffold[39] - 8.0 / 3.0).abs() < 1e-5, "{}", scaffold[39]);
    assert!((after("fedavg")[39] - 2.631_579).abs() < 1e-5);
    let first = after("scaffold:variate_option=1");
    assert!((first[39] - 8.0 / 3.0).abs() < 1e-5, "{}", first[39]);
}

/// Every choice of a method, by itself and with others: the law walks the tables.
fn methods() -> Vec<Config> {
    let algorithms = ALGORITHMS.iter().map(|entry| Config {
        algorithm: Some(entry.name.into()),
        ..small()
    });
    let steps = STEPS.iter().map(|entry| Config {
        server_step: Some(entry.name.into()),
        ..small()
    });
    let updates = UPDATES.iter().map(|entry| Config {
        update: chain_of(entry.name).parse().expect("a chain"),
        ..small()
    });
    let mixed = Config {
        algorithm: Some("scaffold".into()),
        server_step: Some("adam".into()),
        update: "clip:norm=2;topk:share=0.4".parse().expect("a chain"),
        lr_schedule: "step:step_rounds=1".into(),
        ..small()
    };
    algorithms
        .chain(steps)
        .chain(updates)
        .chain([mixed])
        .collect()
}

/// An update with what it needs.
fn chain_of(name: &str) -> &str {
    match name {
        "noise" => "clip:norm=0.5;noise:noise_multiplier=0.3",
        name => name,
    }
}

fn name(config: &Config) -> String {
    let Config {
        algorithm,
        server_step,
        update,
        reduce,
        dispatch,
        scheduler,
        ..
    } = config;
    format!("{algorithm:?} {server_step:?} {update} {reduce:?} {dispatch:?} {scheduler}")
}

#[test]
fn every_method_gives_the_same_bits_in_every_mode_on_any_number_of_workers() {
    for method in methods() {
        let wanted = quadratic(&plan(method.clone()), 1).0;
        for config in modes(&method) {
            for workers in [1, 2, 3, 5] {
                assert!(
                    quadratic(&plan(config.clone()), workers).0 == wanted,
                    "{} on {workers}",
                    name(&config)
                );
            }
        }
    }
}

/// Keeps what a checkpoint after every round would hold, and lets clients keep theirs in a file.
struct Saves {
    folder: PathBuf,
    states: Vec<(State, Vec<f32>)>,
}

impl Recorder for Saves {
    fn record(&mut self, event: &Event, weights: &[f32]) -> Result<(), RecordError> {
        if let Event::Saved(state) = event {
            self.states.push((state.clone(), weights.to_vec()));
        }
        Ok(())
    }

    fn wants_state(&mut self) -> bool {
        true
    }

    fn keeps_at(&self) -> Option<PathBuf> {
        Some(self.folder.join("kept.bin"))
    }
}

#[test]
fn every_method_goes_on_after_any_round_in_another_mode() {
    let make = |_| -> Result<Box<dyn Trainer>, _> { Ok(Box::new(Quadratic::new(3, 0.5))) };
    let orders = [Reduce::Server, Reduce::Worker, Reduce::Allreduce];
    for method in methods() {
        let method = Config {
            comm_round: 5,
            keep_checkpoints: 9,
            ..method
        };
        let parent = tempfile::tempdir().expect("a folder");
        let saves = |name: &str| {
            fs::create_dir_all(parent.path().join(name)).expect("writable");
            Saves {
                folder: parent.path().join(name),
                states: Vec::new(),
            }
        };
        let mut whole = saves("whole");
        let wanted = run_local(&plan(method.clone()), 2, make, &mut whole, None).expect("sound");
        for (turn, (state, weights)) in whole.states.into_iter().enumerate() {
            // Resuming is told by the setting; the folder is that of the recorder.
            let there = Some(parent.path().to_owned());
            let config = Config {
                reduce: orders[turn % 3],
                resume: there,
                ..method.clone()
            };
            let mut rest = saves(&format!("rest{turn}"));
            fs::copy(parent.path().join("whole/kept.bin"), rest.folder.join("kept.bin")).ok();
            let outcome =
                run_local(&plan(config.clone()), 3, make, &mut rest, Some((state, weights)));
            assert!(
                outcome.expect("goes on") == wanted,
                "{} from round {}",
                name(&config),
                turn + 1
            );
        }
    }
}

#[test]
fn a_run_that_falls_back_goes_on_from_its_best_model_after_a_resume_too() {
    let make = |_| -> Result<Box<dyn Trainer>, _> { Ok(Box::new(Quadratic::new(3, 0.5))) };
    // The loss of this trainer is its weight, which rises: the second round is evaluated first and
    // stays the best.
    let config = Config {
        fall_back: true,
        target: Some("loss<=-1".into()),
        frequency_of_the_test: 2,
        client_num_per_round: 12,
        comm_round: 5,
        ..small()
    };
    let best = quadratic(
        &plan(Config {
            comm_round: 2,
            ..config.clone()
        }),
        1,
    )
    .0;
    let parent = tempfile::tempdir().expect("a folder");
    let saves = || Saves {
        folder: parent.path().to_owned(),
        states: Vec::new(),
    };
    let mut whole = saves();
    let wanted = run_local(&plan(config.clone()), 2, make, &mut whole, None).expect("sound");
    assert!(wanted.weights == best.weights && wanted.test == best.test && wanted.rounds == 5);
    assert_eq!(
        whole.states[2].0.memory.len(),
        3,
        "the third round has moved on from the best model"
    );
    for reduce in [Reduce::Server, Reduce::Worker, Reduce::Allreduce] {
        let config = Config {
            reduce,
            ..config.clone()
        };
        assert!(quadratic(&plan(config.clone()), 3).0 == wanted);
        for (state, weights) in whole.states.clone() {
            let outcome =
                run_local(&plan(config.clone()), 3, make, &mut saves(), Some((state, weights)));
            assert!(outcome.expect("goes on") == wanted);
        }
    }
    // Where each round is better there is nothing to fall back from.
    let rising = |fall_back| Config {
        fall_back,
        target: Some("loss>=1000".into()),
        ..config.clone()
    };
    assert!(quadratic(&plan(rising(true)), 2).0 == quadratic(&plan(rising(false)), 2).0);
}

#[test]
fn a_lost_worker_costs_no_bit_of_any_method() {
    for method in methods() {
        let wanted = quadratic(&plan(method.clone()), 1).0;
        for config in modes(&method).into_iter().step_by(2) {
            let plan = plan(config.clone());
            for calls in [1, 3, 4, 6, 9, 13] {
                let (outcome, _) = crate::loss::with_deaths(&plan, 3, &[(2, calls)]);
                assert!(
                    outcome.expect("goes on") == wanted,
                    "{} after {calls} calls",
                    name(&config)
                );
            }
        }
    }
}

/// The final model of a method on equal parts of images, by torch.
fn trained(method: Config) -> Vec<f32> {
    let config = Config {
        dataset: "mnist".into(),
        data_dir: generated_mnist(),
        model: "2nn".into(),
        partition_method: "homo".into(),
        client_num_in_total: 60,
        client_num_per_round: 5,
        comm_round: 3,
        ci: 1,
        ..method
    };
    train(&plan(config), 2).0.weights
}

#[test]
fn methods_go_on_under_mpirun_on_other_ranks() {
    let parent = tempfile::tempdir().expect("a folder");
    let flags = "--dataset mnist --model 2nn --ci 1 --frequency_of_the_test 3 --client_num_per_round 5 --algorithm scaffold \
                 --server_step adam:server_lr=0.01 --update topk:share=0.1 --lr_schedule cosine --checkpoint_every 1";
    let job = |ranks, name: &str, more: &str| {
        let job = Job::ranks(ranks).with(flags).path("--data_dir", &mnist());
        job.path("--out_dir", &parent.path().join(name))
            .with(more)
            .run()
            .succeeded()
            .model_hash()
            .to_owned()
    };
    let wanted = job(3, "whole", "--comm_round 6");
    job(3, "part", "--comm_round 6 --target loss<=1000");
    let resume = |ranks, more: &str| {
        let job = Job::ranks(ranks).path("--resume", &parent.path().join("part"));
        job.with("--target loss<=0")
            .with(more)
            .run()
            .succeeded()
            .model_hash()
            .to_owned()
    };
    assert_eq!(resume(2, "--reduce allreduce"), wanted);
}
