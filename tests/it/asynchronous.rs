//! Runs without rounds: exact gates, and the same bits for any number of ranks.

mod choosing;
mod files;

use crate::support::{Job, Saves, generated_mnist, mnist, plan, quadratic, run_with, small, train};
use fedmpi::aggregate::arrivals::ARRIVALS;
use fedmpi::config::{Config, Mode};
use fedmpi::engine::run_local;
use fedmpi::event::{Arrived, Event};
use fedmpi::ids::{ClientId, Rank, Round};
use fedmpi::part::Choice;
use fedmpi::plan::Plan;
use fedmpi::record::Memory;
use fedmpi::torch::TorchTrainer;
use fedmpi::train::{Quadratic, Task, Trainer};
use std::collections::BTreeMap;
use std::sync::Arc;
use tch::Device;

fn asynchronous(config: Config) -> Config {
    Config {
        mode: Mode::Async,
        concurrency: 4,
        comm_round: 12,
        ..config
    }
}

/// A rule, with a small buffer if it has one.
fn rule(name: &str, size: usize) -> Option<Choice> {
    let buffered = ["fedbuff", "fedavg_async"].contains(&name);
    Some(if buffered {
        format!("{name}:buffer_size={size}").as_str().into()
    } else {
        name.into()
    })
}

fn arrivals(memory: &Memory) -> Vec<&Arrived> {
    memory
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Arrived(arrived) => Some(arrived),
            _ => None,
        })
        .collect()
}

/// What does not depend on the machine.
fn lines(memory: &Memory) -> Vec<(ClientId, u32, f64)> {
    arrivals(memory)
        .iter()
        .map(|arrived| (arrived.client, arrived.staleness, arrived.clock))
        .collect()
}

#[test]
fn every_rule_and_delay_gives_the_same_bits_on_any_number_of_workers() {
    let folder = tempfile::tempdir().expect("a folder");
    let stale = folder.path().join("stale.txt");
    std::fs::write(&stale, (0..12).map(|i| format!("{}\n", i % 5)).collect::<String>())
        .expect("writable");
    let listed = format!("file:{}", stale.display());
    let delays = [
        "samples:0.01,1",
        "constant:1",
        "uniform:1,3/task",
        "exponential:1",
        "halfnormal:2",
        "classes:1,5",
        &listed,
    ];
    for entry in ARRIVALS {
        for delay in delays {
            let config = Config {
                aggregator: rule(entry.name, 3),
                delay: delay.into(),
                ..asynchronous(small())
            };
            let plan = plan(config);
            let (wanted, memory) = quadratic(&plan, 1);
            for workers in [2, 3, 5] {
                let (outcome, other) = quadratic(&plan, workers);
                assert!(outcome == wanted, "{} {delay} on {workers}", entry.name);
                assert_eq!(lines(&other), lines(&memory), "{} {delay} on {workers}", entry.name);
            }
        }
    }
}

#[test]
fn every_rule_goes_on_from_any_move_with_the_same_bits() {
    let make = |_| -> Result<Box<dyn Trainer>, _> { Ok(Box::new(Quadratic::new(3, 0.5))) };
    for entry in ARRIVALS {
        for (selection, refill) in [("uniform", 0), ("round_robin", 2), ("power_of_choice", 0)] {
            let plan = plan(Config {
                aggregator: rule(entry.name, 3),
                client_selection: selection.into(),
                scheduler_interval: refill,
                delay: "uniform:1,3/task".into(),
                ..asynchronous(small())
            });
            let mut whole = Saves::default();
            let wanted = run_local(&plan, 2, make, &mut whole, None).expect("sound");
            for (state, weights) in whole.states {
                let (rounds, mut rest) = (state.rounds as usize, Saves::default());
                let outcome =
                    run_local(&plan, 3, make, &mut rest, Some((state, weights))).expect("goes on");
                assert!(outcome == wanted, "{} {selection} from move {rounds}", entry.name);
                let (all, later) = (lines(&whole.memory), lines(&rest.memory));
                assert_eq!(
                    later,
                    all[all.len() - later.len()..],
                    "{} {selection} from move {rounds}",
                    entry.name
                );
            }
        }
    }
}

/// When trainings were, by worker, in seconds of the run.
fn spans(memory: &Memory) -> BTreeMap<Rank, Vec<(f64, f64)>> {
    let mut spans: BTreeMap<Rank, Vec<(f64, f64)>> = BTreeMap::new();
    for arrived in arrivals(memory) {
        let start = arrived.start.expect("a start");
        spans
            .entry(arrived.rank)
            .or_default()
            .push((start, start + arrived.seconds));
    }
    spans
        .values_mut()
        .for_each(|spans| spans.sort_by(|one, other| one.0.total_cmp(&other.0)));
    spans
}

#[test]
fn a_worker_trains_one_client_at_a_time_and_later_when_the_run_goes_on() {
    let make = |_| -> Result<Box<dyn Trainer>, _> { Ok(Box::new(Quadratic::new(3, 0.5))) };
    let plan = plan(asynchronous(small()));
    let (mut whole, mut rest) = (Saves::default(), Saves::default());
    run_local(&plan, 2, make, &mut whole, None).expect("sound");
    let (state, weights) = whole.states.swap_remove(5);
    let before = state.taken;
    run_local(&plan, 2, make, &mut rest, Some((state, weights))).expect("goes on");
    for spans in [&whole.memory, &rest.memory].map(spans) {
        assert!(
            spans
                .values()
                .flat_map(|spans| spans.windows(2))
                .all(|pair| pair[0].1 <= pair[1].0),
            "{spans:?}"
        );
    }
    assert!(
        before > 0.0
            && spans(&rest.memory)
                .values()
                .flatten()
                .all(|(start, _)| *start >= before)
    );
}

#[test]
fn real_models_give_the_same_bits_under_mpirun() {
    let folder = tempfile::tempdir().expect("a folder");
    let hash = |ranks: usize, rule: &str| {
        let flags = format!(
            "--mode async --dataset mnist --model 2nn --comm_round 6 --ci 1 --concurrency 5 \
             --delay lognormal:1,0.7 --aggregator {rule} --rho 0.1 --overwrite"
        );
        let job = Job::ranks(ranks)
            .path("--data_dir", &mnist())
            .path("--out_dir", &folder.path().join("run"));
        job.with(&flags).run().succeeded().model_hash().to_owned()
    };
    for rule in [
        "fedasync",
        "fedbuff:buffer_size=4",
        "fedbuff --buffer_size 4",
        "semi_async",
    ] {
        let wanted = hash(1, rule);
        for ranks in [2, 3, 5] {
            assert_eq!(hash(ranks, rule), wanted, "{rule} on {ranks} ranks");
        }
    }
}

/// One client at a time, no delay, rate 1: the model walks from client to client.
#[test]
fn one_client_at_a_time_is_sequential_sgd() {
    let config = Config {
        concurrency: 1,
        aggregator: Some("fedasync:alpha=1".into()),
        delay: "constant:0".into(),
        staleness: "constant".into(),
        ..asynchronous(small())
    };
    let plan = plan(config);
    let (outcome, memory) = train(&plan, 2);
    let mut trainer = TorchTrainer::new(&plan, Device::Cpu).expect("fits");
    let mut weights = Arc::new(trainer.initial());
    for (task, arrived) in arrivals(&memory).into_iter().enumerate() {
        assert_eq!(arrived.staleness, 0);
        weights = trainer
            .train(&Task::new(Round(task as u32), arrived.client, &weights))
            .expect("trains")
            .weights;
    }
    assert!(*weights == outcome.weights);
}

/// As many in the buffer as in training, all equally fast and large: rounds.
#[test]
fn a_full_buffer_without_staleness_is_a_synchronous_round() {
    let even = Config {
        dataset: "mnist".into(),
        data_dir: generated_mnist(),
        model: "2nn".into(),
        partition_method: "homo".into(),
        client_num_in_total: 5,
        client_num_per_round: 5,
        ci: 1,
        ..Config::default()
    };
    // The trainer has no randomness: streams are keyed by rounds here and by tasks there.
    let rounds = plan(Config {
        comm_round: 6,
        batch_size: -1,
        ..even.clone()
    });
    let buffer = plan(Config {
        mode: Mode::Async,
        concurrency: 5,
        aggregator: rule("fedbuff", 5),
        delay: "constant:1".into(),
        comm_round: 6,
        batch_size: -1,
        ..even
    });
    let make = |_| -> Result<Box<dyn Trainer>, _> { Ok(Box::new(Quadratic::new(40, 0.3))) };
    let (synchronous, rounds) = run_with(&rounds, 2, make).expect("sound");
    let (buffered, moves) = run_with(&buffer, 2, make).expect("sound");
    assert!(
        arrivals(&moves)
            .iter()
            .all(|arrived| arrived.staleness == 0)
    );
    let hashes = |memory: &Memory| {
        memory
            .rounds()
            .map(|done| done.model_hash.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(hashes(&rounds), hashes(&moves));
    assert!(synchronous.weights == buffered.weights);
}

#[test]
fn stale_updates_are_dropped_or_kept_with_a_floor() {
    let base = Config {
        delay: "classes:1,20".into(),
        max_staleness: Some(2),
        ..asynchronous(small())
    };
    let (_, memory) = quadratic(&plan(base.clone()), 2);
    let all = arrivals(&memory);
    assert!(all.iter().any(|arrived| arrived.staleness > 2));
    assert!(
        all.iter()
            .all(|arrived| arrived.weight.is_none() == (arrived.staleness > 2))
    );
    assert_eq!(memory.rounds().last().expect("moves").updates, 12);
    let (_, memory) = quadratic(
        &plan(Config {
            stale_weight: 0.25,
            ..base
        }),
        2,
    );
    assert!(
        arrivals(&memory)
            .iter()
            .all(|arrived| arrived.staleness <= 2 || arrived.weight == Some(0.25))
    );
}

#[test]
fn the_real_clock_takes_what_comes() {
    let config = Config {
        clock: fedmpi::schedule::Clock::Real,
        ..asynchronous(small())
    };
    let (outcome, memory) = quadratic(&plan(config), 3);
    assert_eq!((outcome.rounds, arrivals(&memory).len()), (12, 12));
    assert!(
        arrivals(&memory)
            .windows(2)
            .all(|pair| pair[0].clock <= pair[1].clock)
    );
}

/// A version of the model is let go when its last client is back: a thousand kept ones would be 31
/// MiB.
fn summary(folder: &std::path::Path) -> fedmpi::record::Summary {
    let text = std::fs::read_to_string(folder.join("summary.json")).expect("a summary");
    serde_json::from_str(&text).expect("well-formed")
}

#[test]
fn memory_does_not_grow_with_updates() {
    let peak = |moves: u32| {
        let folder = tempfile::tempdir().expect("a folder");
        let flags = format!(
            "--mode async --dataset mnist --model lr --partition_method power_law --client_num_in_total 1000 \
             --delay lognormal:1,1 --comm_round {moves} --frequency_of_the_test 10000 --ci 1"
        );
        let job = Job::ranks(3)
            .path("--data_dir", &generated_mnist())
            .path("--out_dir", folder.path());
        job.with(&flags).run().succeeded();
        summary(folder.path()).peak_rss_mib
    };
    for (few, many) in peak(200).into_iter().zip(peak(10_000)) {
        assert!(many < few + 24.0, "{few} MiB after 200 updates, {many} MiB after 10,000");
    }
}

/// Fewer clients than moves until the next choice, updates that are dropped, buffers that are too
/// large: whoever is idle then starts, and the run ends.
#[test]
fn a_scheduler_that_chooses_too_few_does_not_stall_the_run() {
    for (rule, checkin_num, max_staleness, c_ratio) in [
        ("fedasync", 3, None, 0.1),
        ("fedasync", 0, Some(1), 0.1),
        ("fedbuff", 0, None, 0.05),
        ("semi_async", 2, None, 0.1),
    ] {
        let config = Config {
            aggregator: self::rule(rule, 10),
            scheduler_interval: 5,
            checkin_num,
            max_staleness,
            c_ratio,
            delay: "uniform:1,9/task".into(),
            ..asynchronous(small())
        };
        let plan = plan(config);
        let wanted = quadratic(&plan, 1).0;
        assert_eq!(wanted.rounds, 12, "{rule}");
        assert!(quadratic(&plan, 3).0 == wanted, "{rule}");
    }
}
