//! Noise for the privacy of clients is part of promise 1: the same whoever trains, sums and goes on;
//! what is spent is kept to.

use crate::support::{Job, generated_mnist, plan, quadratic, run_with, small, train};
use fedmpi::config::Config;
use fedmpi::message::Reduce;
use fedmpi::train::{Dry, Quadratic};
use std::fs;
use std::path::Path;

fn private(update: &str) -> Config {
    Config {
        update: update.parse().expect("never fails"),
        client_selection: "poisson".into(),
        ..small()
    }
}

#[test]
fn noise_is_bit_identical_for_any_number_of_workers_and_any_reduction() {
    let with = |reduce| {
        plan(Config {
            reduce,
            ..private("clip:norm=0.1;noise:noise_multiplier=0.5")
        })
    };
    let alone = train(&with(Reduce::Worker), 1).0;
    for reduce in [Reduce::Server, Reduce::Worker, Reduce::Allreduce] {
        for workers in [2, 4] {
            assert!(train(&with(reduce), workers).0 == alone, "{reduce:?} on {workers}");
        }
    }
    let other = Config {
        seed: 1,
        ..private("clip:norm=0.1;noise:noise_multiplier=0.5")
    };
    assert!(train(&plan(other), 1).0 != alone);
}

#[test]
fn without_noise_and_bounds_that_bind_it_is_the_mean_over_clients() {
    // Clients of equal size weigh alike anyway.
    let equal = |update: &str| {
        let config = Config {
            update: update.parse().expect("never fails"),
            dataset: "mnist".into(),
            data_dir: generated_mnist(),
            partition_method: "homo".into(),
            client_num_in_total: 8,
            client_num_per_round: 4,
            ..small()
        };
        train(&plan(config), 2).0.weights
    };
    let plain = equal("");
    assert!(equal("clip:norm=1e9;noise:noise_multiplier=0") == plain);
    assert!(equal("clip:norm=1e9;noise:noise_multiplier=1e-9") != plain);
}

/// With changes of nothing the model is a walk of noise alone, in rounds without clients too.
#[test]
fn noise_comes_in_every_round_and_has_its_size() {
    let config = Config {
        client_num_per_round: 1,
        comm_round: 300,
        frequency_of_the_test: 300,
        ..private("clip:norm=2;noise:noise_multiplier=0.25")
    };
    let plan = plan(config);
    let make = |_| Ok(Box::new(Dry(Box::new(Quadratic::new(64, 0.5)))) as Box<_>);
    let (outcome, memory) = run_with(&plan, 2, make).expect("a sound run");
    let start = Quadratic::new(64, 0.5);
    let start = fedmpi::train::Trainer::initial(&mut { start });
    let square: f64 = outcome
        .weights
        .iter()
        .zip(&start)
        .map(|(end, start)| f64::from(end - start).powi(2))
        .sum();
    // 300 steps of deviation 0.5 of 64 values.
    let deviation = (square / 64.0 / 300.0).sqrt();
    assert!((deviation / 0.5 - 1.0).abs() < 0.25, "{deviation}");
    let cohorts: Vec<usize> = memory.rounds().map(|done| done.clients).collect();
    assert!(cohorts.contains(&0) && cohorts.iter().any(|&clients| clients > 1), "{cohorts:?}");
}

#[test]
fn every_round_tells_what_is_spent() {
    let bounded = private("clip;noise:noise_multiplier=3");
    let spent = |config| {
        let (_, memory) = quadratic(&plan(config), 2);
        memory.rounds().map(|done| done.epsilon).collect::<Vec<_>>()
    };
    let told = spent(bounded.clone());
    let privacy = plan(bounded).privacy.expect("promised");
    let wanted: Vec<_> = (1..=3)
        .map(|rounds| Some(privacy.epsilon(rounds)))
        .collect();
    assert_eq!(told, wanted);
    assert_eq!(spent(private("clip;noise:noise_multiplier=0")), [None; 3]);
    assert_eq!(spent(small()), [None; 3]);
}

const FLAGS: &str = "--client_num_in_total 50 --client_num_per_round 5 --client_selection poisson \
    --update clip:norm=0.3;noise:noise_multiplier=1 --checkpoint_every 1";

fn run(ranks: usize, folder: &Path, flags: &str) -> (String, String) {
    let done = Job::ranks(ranks).with(flags).path("--out_dir", folder);
    let done = done.run().succeeded();
    (done.model_hash().to_owned(), done.stdout)
}

#[test]
fn a_spent_budget_ends_the_run_and_a_larger_one_goes_on_with_the_same_bits() {
    let parent = tempfile::tempdir().expect("a folder");
    let path = |name: &str| parent.path().join(name);
    let (wanted, told) = run(3, &path("whole"), &format!("{FLAGS} --epsilon 4 --comm_round 40"));
    assert!(told.contains("the privacy budget of epsilon 4 is spent after 15 of 40"), "{told}");
    let (_, told) = run(2, &path("part"), &format!("{FLAGS} --epsilon 3.5 --comm_round 40"));
    assert!(
        told.contains("epsilon 3.5 is spent after 9 of 40") && told.contains("--epsilon 7"),
        "{told}"
    );
    let more = Job::ranks(4)
        .path("--resume", &path("part"))
        .with("--epsilon 4");
    assert_eq!(more.run().succeeded().model_hash(), wanted);
    let summary = fs::read_to_string(path("part").join("summary.json")).expect("written");
    assert!(summary.contains("\"epsilon\": 3.9"), "{summary}");
    let other = Job::ranks(2)
        .path("--resume", &path("part"))
        .with("--noise_multiplier 2 --epsilon 9")
        .run();
    assert!(
        other.code == Some(2) && other.errors()[0].contains("another plan"),
        "{}",
        other.stderr
    );
}

#[test]
fn models_that_keep_running_means_are_refused_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = format!("{FLAGS} --dataset mnist --model resnet20 --ci 1");
    let refused = Job::ranks(3)
        .with(&flags)
        .path("--data_dir", &generated_mnist())
        .path("--out_dir", &folder.path().join("run"))
        .run();
    let errors = refused.errors();
    assert!(refused.code == Some(2) && errors.len() == 1, "{}", refused.stderr);
    assert!(errors[0].contains("running means") && errors[0].contains("norm=group"), "{errors:?}");
}
