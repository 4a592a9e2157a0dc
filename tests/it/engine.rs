//! The engine over the closed-form trainer: exact answers.

use crate::support::{plan, quadratic, run_with, small};
use fedmpi::config::Config;
use fedmpi::engine::EngineError;
use fedmpi::event::Event;
use fedmpi::ids::{ClientId, Rank, Round};
use fedmpi::message::Reduce;
use fedmpi::record::Memory;
use fedmpi::train::{Faulty, Quadratic, TrainError, Trainer};
use std::collections::BTreeSet;

/// One round over all clients from zero: `w = 0.5 sum(n_i (c_i + 1)) / sum(n_i)`, with the
/// partition's sample counts as weights.
#[test]
fn one_round_is_the_weighted_mean() {
    let plan = plan(Config {
        client_num_per_round: 12,
        comm_round: 1,
        ..small()
    });
    let (outcome, _) = quadratic(&plan, 3);
    let clients = (0..12).map(ClientId);
    let total: f64 = clients
        .clone()
        .map(|client| plan.samples(client) as f64)
        .sum();
    let mean: f64 = clients
        .map(|client| plan.samples(client) as f64 * f64::from(client.0 + 1))
        .sum::<f64>()
        / total;
    assert!((f64::from(outcome.weights[0]) - 0.5 * mean).abs() < 1e-6);
}

/// `0.5 (w - c - 1)^2` of client `c`, and of all clients their mean.
#[test]
fn what_clients_train_on_is_evaluated_by_the_workers_to_the_bit() {
    let config = Config {
        evaluate_training: true,
        frequency_of_the_test: 2,
        ..small()
    };
    let trainings = |memory: &Memory| {
        memory
            .rounds()
            .map(|done| done.training.clone())
            .collect::<Vec<_>>()
    };
    let (outcome, memory) = quadratic(&plan(config.clone()), 1);
    let wanted = trainings(&memory);
    let loss = |client: i32| 0.5 * (f64::from(outcome.weights[0]) - f64::from(client + 1)).powi(2);
    let mean = (0..12).map(loss).sum::<f64>() / 12.0;
    assert!((wanted[2].as_ref().expect("the last round").loss() - mean).abs() < 1e-6);
    assert!(wanted[0].is_none() && wanted[1].is_some());
    for (workers, reduce) in [
        (2, Reduce::Server),
        (3, Reduce::Worker),
        (5, Reduce::Allreduce),
        (17, Reduce::Worker),
    ] {
        let (_, memory) = quadratic(
            &plan(Config {
                reduce,
                ..config.clone()
            }),
            workers,
        );
        assert_eq!(trainings(&memory), wanted, "{workers} workers");
    }
    for calls in 3..16 {
        let (outcome, memory) = crate::loss::with_deaths(&plan(config.clone()), 3, &[(2, calls)]);
        outcome.expect("goes on");
        assert_eq!(trainings(&memory), wanted, "after {calls} calls");
    }
}

#[test]
fn any_number_of_workers_gives_the_same_bits_and_lines() {
    let plan = plan(small());
    let (alone, memory) = quadratic(&plan, 1);
    for workers in [2, 3, 4, 7, 9] {
        let (outcome, other) = quadratic(&plan, workers);
        assert_eq!(outcome, alone);
        let lines = |memory: &Memory| -> Vec<(String, Option<f64>)> {
            memory
                .rounds()
                .map(|done| (done.model_hash.clone(), done.train_loss))
                .collect()
        };
        assert_eq!(lines(&other), lines(&memory));
    }
}

#[test]
fn each_client_of_a_cohort_trains_once_and_ranks_report() {
    let plan = plan(small());
    let (_, memory) = quadratic(&plan, 2);
    for round in 0..3 {
        let trained: Vec<ClientId> = memory
            .events
            .iter()
            .filter_map(|event| match event {
                Event::ClientTrained(trained) if trained.round == Round(round) => {
                    Some(trained.client)
                }
                _ => None,
            })
            .collect();
        assert_eq!(trained.len(), 5);
        assert_eq!(trained.iter().collect::<BTreeSet<_>>().len(), 5);
    }
    let Some(Event::Finished {
        ranks, rounds: 3, ..
    }) = memory.events.last()
    else {
        panic!("an end")
    };
    assert_eq!(
        ranks.iter().map(|report| report.rank).collect::<Vec<_>>(),
        [Rank(0), Rank(1), Rank(2)]
    );
    assert!(ranks.iter().all(|report| report.bytes_sent > 0));
}

#[test]
fn a_panic_in_training_names_rank_client_and_round() {
    let plan = plan(Config {
        client_num_per_round: 12,
        ..small()
    });
    for workers in [1, 3] {
        let make = |_: Rank| -> Result<Box<dyn Trainer>, _> {
            Ok(Faulty::wrap(Box::new(Quadratic::new(3, 0.5)), Some("panic:2:7")))
        };
        let error = run_with(&plan, workers, make)
            .map(|_| ())
            .expect_err("a fault");
        let EngineError::Training {
            rank,
            client,
            round,
            ..
        } = &error
        else {
            panic!("{error}")
        };
        assert_eq!((*client, *round), (ClientId(7), Round(1)));
        assert!((1..=workers as u32).contains(&rank.0), "{error}");
    }
}

#[test]
fn what_keeps_the_last_worker_from_training_is_told() {
    let plan = plan(small());
    let make = |rank: Rank| match rank {
        Rank::SERVER => Ok(Box::new(Quadratic::new(3, 0.5)) as Box<dyn Trainer>),
        _ => Err(TrainError::Failed("no room on cuda:0".to_owned())),
    };
    let error = run_with(&plan, 1, make)
        .map(|_| ())
        .expect_err("a fault")
        .to_string();
    assert_eq!(error, "rank 1 cannot work: no room on cuda:0");
}

#[test]
fn a_worker_that_cannot_work_ends_the_run_before_it_begins() {
    let make = |rank: Rank| match rank {
        Rank(2) => panic!("no room on cuda:1"),
        _ => Ok(Box::new(Quadratic::new(3, 0.5)) as Box<dyn Trainer>),
    };
    let error = run_with(&plan(small()), 3, make)
        .map(|_| ())
        .expect_err("a fault");
    assert!(error.to_string().starts_with("rank 2 cannot work: "), "{error}");
}

#[test]
fn nobody_waits_for_a_thread_that_hangs() {
    let plan = plan(Config {
        client_num_per_round: 12,
        round_timeout: Some(0.5),
        ..small()
    });
    for workers in [1, 3] {
        let make = |_: Rank| -> Result<Box<dyn Trainer>, _> {
            Ok(Faulty::wrap(Box::new(Quadratic::new(3, 0.5)), Some("hang:2:7")))
        };
        let error = run_with(&plan, workers, make)
            .map(|_| ())
            .expect_err("a fault");
        let EngineError::Silence { outstanding, .. } = &error else {
            panic!("{error}")
        };
        assert!(outstanding.starts_with("rank ") && !outstanding.contains(';'), "{error}");
    }
}

#[test]
fn diverged_training_names_the_client() {
    let plan = plan(small());
    let make =
        |_: Rank| -> Result<Box<dyn Trainer>, _> { Ok(Box::new(Quadratic::new(3, f32::INFINITY))) };
    let error = run_with(&plan, 2, make).map(|_| ()).expect_err("a fault");
    assert!(error.to_string().contains("lower --lr"), "{error}");
}

#[test]
fn ranks_with_other_plans_do_not_train() {
    use fedmpi::engine::{run, serve};
    use fedmpi::record::Memory;
    use fedmpi::transport::{Metered, local};
    let (ours, theirs) = (
        plan(small()),
        plan(Config {
            client_optimizer: "sgd:lr=0.5".into(),
            ..small()
        }),
    );
    let mut ends = local::ranks(2).into_iter();
    let (server, worker) = (ends.next().expect("server"), ends.next().expect("worker"));
    let error = std::thread::scope(|scope| {
        scope.spawn(|| {
            serve(&theirs, &mut Metered::new(worker), &mut Quadratic::new(3, 0.5))
                .expect_err("ended")
        });
        run(
            &ours,
            &mut Metered::new(server),
            &mut Quadratic::new(3, 0.5),
            &mut Memory::default(),
            None,
        )
        .expect_err("refused")
    });
    assert!(matches!(error, EngineError::OtherPlan { rank: Rank(1), .. }), "{error}");
}

#[test]
fn a_reached_target_ends_the_run() {
    let plan = plan(Config {
        target_accuracy: Some(0.01),
        ..small()
    });
    // The closed-form trainer is never right, so all rounds are done; torch reaches 1 % at once.
    assert_eq!(quadratic(&plan, 1).0.rounds, 3);
    assert_eq!(crate::support::train(&plan, 1).0.rounds, 1);
}
