//! Promise 1 over the ways in which clients train: optimizers, schedules, bounds, batches that make
//! a step, and steps instead of epochs.

use crate::support::{Job, generated_mnist, mnist, plan, quadratic, small, train};
use fedmpi::config::{Config, Mode, Precision};
use fedmpi::message::Reduce;

/// Two rounds of five clients with sixty samples each.
fn images() -> Config {
    Config {
        model: "2nn".into(),
        dataset: "mnist".into(),
        data_dir: generated_mnist(),
        partition_method: "homo".into(),
        client_num_per_round: 5,
        comm_round: 2,
        ci: 1,
        ..Config::default()
    }
}

fn by(optimizer: &str) -> Config {
    Config {
        client_optimizer: optimizer.into(),
        ..images()
    }
}

#[test]
fn every_way_of_training_gives_the_same_bits_anywhere() {
    let ways = [
        Config {
            max_grad_norm: Some(0.5),
            accumulate: 4,
            ..by("adamw:lr=0.001")
        },
        Config {
            local_steps: Some(8),
            lr_schedule: "multi_step:1".into(),
            ..by("rmsprop:lr=0.001,momentum=0.5")
        },
        Config {
            lr_schedule: "cosine:warmup_rounds=1".into(),
            epochs: 2,
            ..by("adagrad")
        },
        Config {
            max_grad_value: Some(0.01),
            ..by("sgd:lr=0.1,momentum=0.9,client_nesterov=true")
        },
        Config {
            precision: Precision::Bf16,
            local_steps: Some(2),
            ..by("sgd")
        },
        Config {
            local_steps: Some(3),
            ..by("sgd:lr=0.1")
        },
        Config {
            server_lr_schedule: "step:step_rounds=1".into(),
            ..by("sgd:lr=0.1")
        },
        Config {
            feature_noise: 0.5,
            algorithm: Some("fedlin".into()),
            ..by("sgd:lr=0.1")
        },
    ];
    for config in ways {
        let wanted = train(&plan(config.clone()), 1).0;
        for (reduce, workers) in [
            (Reduce::Server, 4),
            (Reduce::Worker, 2),
            (Reduce::Worker, 3),
            (Reduce::Allreduce, 3),
        ] {
            let found = train(
                &plan(Config {
                    reduce,
                    ..config.clone()
                }),
                workers,
            )
            .0;
            assert!(found == wanted, "{}: {reduce:?} on {workers}", config.client_optimizer);
        }
    }
}

/// Written out, by autograd and in a pass over all samples clients see the same noise; the test
/// data has none.
#[test]
fn feature_noise_is_part_of_a_clients_data() {
    let weights = |feature_noise: f64, optimizer: &str| {
        let (outcome, memory) = train(
            &plan(Config {
                feature_noise,
                ..by(optimizer)
            }),
            1,
        );
        (
            outcome.weights,
            memory
                .rounds()
                .next()
                .and_then(|done| done.train_loss)
                .expect("trained"),
        )
    };
    let ((written, loss), (recorded, same)) =
        (weights(0.5, "sgd:lr=0.1"), weights(0.5, "sgd:lr=0.1,momentum=1e-9"));
    let apart = |other: &[f32]| {
        written
            .iter()
            .zip(other)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max)
    };
    assert!(apart(&recorded) < 1e-4 && (loss - same).abs() < 1e-4, "{}", apart(&recorded));
    assert!(apart(&weights(0.0, "sgd:lr=0.1").0) > 1e-3);
    let loss = |feature_noise| {
        let still = train(
            &plan(Config {
                feature_noise,
                ..by("sgd:lr=1e-30")
            }),
            1,
        );
        still.0.test.expect("evaluated").loss()
    };
    assert_eq!(loss(0.5), loss(0.0));
}

/// Sixty samples in tens make six steps, written out and by autograd.
#[test]
fn steps_that_make_whole_epochs_are_epochs() {
    for optimizer in ["sgd:lr=0.1", "sgd:lr=0.1,momentum=0.5"] {
        let epochs = train(
            &plan(Config {
                epochs: 2,
                ..by(optimizer)
            }),
            1,
        );
        let steps = train(
            &plan(Config {
                local_steps: Some(12),
                ..by(optimizer)
            }),
            1,
        );
        assert_eq!(steps.0.weights, epochs.0.weights, "{optimizer}");
        let seconds = |memory: &fedmpi::record::Memory| {
            memory
                .rounds()
                .map(|done| done.virtual_seconds)
                .sum::<f64>()
        };
        assert_eq!(seconds(&steps.1), seconds(&epochs.1));
        let more = train(
            &plan(Config {
                local_steps: Some(13),
                ..by(optimizer)
            }),
            1,
        );
        assert_ne!(more.0.weights, epochs.0.weights, "{optimizer}");
    }
}

#[test]
fn batches_that_make_a_step_are_one_large_batch() {
    for (batch_size, accumulate) in [(5, 4), (7, 3)] {
        let one = train(
            &plan(Config {
                batch_size: batch_size * accumulate,
                ..by("sgd:lr=0.1,momentum=0.5")
            }),
            1,
        )
        .0;
        let many = train(
            &plan(Config {
                batch_size,
                accumulate,
                ..by("sgd:lr=0.1,momentum=0.5")
            }),
            1,
        )
        .0;
        let apart = one
            .weights
            .iter()
            .zip(&many.weights)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(apart < 1e-5, "{batch_size} {accumulate}: {apart}");
    }
}

#[test]
fn a_bound_that_is_never_reached_changes_nothing_but_rounding() {
    let free = train(&plan(by("sgd:lr=0.1,momentum=0.5")), 1).0;
    for config in [
        Config {
            max_grad_norm: Some(1e6),
            ..by("sgd:lr=0.1,momentum=0.5")
        },
        Config {
            max_grad_value: Some(1e6),
            ..by("sgd:lr=0.1,momentum=0.5")
        },
    ] {
        assert_eq!(train(&plan(config), 1).0.weights, free.weights);
    }
    let bounded = train(
        &plan(Config {
            max_grad_norm: Some(0.01),
            ..by("sgd:lr=0.1")
        }),
        1,
    )
    .0;
    let length = |weights: &[f32], start: &[f32]| {
        weights
            .iter()
            .zip(start)
            .map(|(a, b)| f64::from(a - b).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    // Twelve steps of length 0.1 times 0.01 at most.
    let still = train(&plan(by("sgd:lr=1e-30")), 1).0;
    let (far, near) =
        (length(&free.weights, &still.weights), length(&bounded.weights, &still.weights));
    assert!(near <= 12.0 * 0.001 * 1.01 && near > 0.001 && far > 10.0 * near, "{far} {near}");
}

/// Where all take equally many steps, FedNova is FedAvg, however much each owns.
#[test]
fn fednova_sees_the_steps_that_were_taken() {
    let skewed = |algorithm: &str, local_steps| Config {
        algorithm: Some(algorithm.into()),
        partition_method: "hetero:partition_alpha=0.3".into(),
        client_num_in_total: 20,
        local_steps,
        ..by("sgd:lr=0.1")
    };
    let apart = |local_steps| {
        let [one, other] =
            ["fedavg", "fednova"].map(|name| train(&plan(skewed(name, local_steps)), 2).0.weights);
        one.iter()
            .zip(&other)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max)
    };
    assert!(apart(Some(5)) < 1e-5 && apart(None) > 1e-3, "{} {}", apart(Some(5)), apart(None));
}

/// A rate of nothing from the second move on: what starts later changes nothing.
#[test]
fn without_rounds_the_rate_follows_the_moves_of_the_model() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "1\n0\n").expect("writable");
    let config = |comm_round, schedule: &str| Config {
        mode: Mode::Async,
        concurrency: 1,
        comm_round,
        lr_schedule: schedule.into(),
        aggregator: Some("fedasync:alpha=1".into()),
        ..small()
    };
    let listed = format!("listed:rates_file={}", file.path().display());
    let (one, three) =
        (quadratic(&plan(config(1, &listed)), 1).0, quadratic(&plan(config(3, &listed)), 1).0);
    assert_eq!(one.weights, three.weights);
    let falling = |workers| {
        let busy = Config {
            concurrency: 4,
            ..config(6, "exponential:gamma=0.5")
        };
        quadratic(&plan(busy), workers).0
    };
    assert!(
        falling(1) == falling(3)
            && falling(1).weights != quadratic(&plan(config(6, "constant")), 1).0.weights
    );
}

#[test]
fn a_run_goes_on_with_its_rates_and_steps() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = "--dataset mnist --model 2nn --ci 1 --client_num_per_round 4 --client_optimizer adamw --lr 0.001 \
                 --lr_schedule exponential --gamma 0.5 --max_grad_norm 1 --accumulate 2 --local_steps 5";
    let run = |name: &str, rounds: usize| {
        let out_dir = folder.path().join(name);
        let job = Job::ranks(3)
            .path("--data_dir", &mnist())
            .path("--out_dir", &out_dir);
        job.with(&format!("{flags} --comm_round {rounds}"))
            .run()
            .succeeded()
            .model_hash()
            .to_owned()
    };
    let wanted = run("whole", 4);
    assert_ne!(run("cut", 2), wanted);
    let job = Job::ranks(2)
        .path("--resume", &folder.path().join("cut"))
        .with("--comm_round 4");
    assert_eq!(job.run().succeeded().model_hash(), wanted);
}

#[test]
fn a_rate_that_falls_over_all_rounds_has_so_many() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |name: &str, flags: &str| {
        let job = Job::ranks(2).path("--out_dir", &folder.path().join(name));
        job.with(flags).run().succeeded().model_hash().to_owned()
    };
    let resumed = |name: &str| {
        let job = Job::ranks(2).path("--resume", &folder.path().join(name));
        job.with("--comm_round 4").run()
    };
    run("all", "--comm_round 2 --lr_schedule cosine");
    let refused = resumed("all");
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("comm_round is 4, and was 2"), "{}", refused.stderr);
    run("own", "--comm_round 2 --lr_schedule cosine:decay_rounds=4");
    let wanted = run("whole", "--comm_round 4 --lr_schedule cosine:decay_rounds=4");
    assert_eq!(resumed("own").succeeded().model_hash(), wanted);
}

#[test]
fn what_does_not_suit_each_other_is_refused() {
    use fedmpi::plan::Plan;
    let refused = |config: Config| Plan::check(&config).expect_err("refused").to_string();
    let nesterov = refused(by("sgd:client_nesterov=true"));
    assert!(nesterov.contains("--client_nesterov is true: it needs --momentum"), "{nesterov}");
    assert!(Plan::check(&by("sgd:client_nesterov=true,momentum=0.9")).is_ok());
    let both = refused(Config {
        epochs: 2,
        local_steps: Some(5),
        ..images()
    });
    assert!(both.contains("--local_steps is 5: --epochs 2"), "{both}");
    let bounds = refused(Config {
        max_grad_norm: Some(1.0),
        max_grad_value: Some(1.0),
        ..images()
    });
    assert!(bounds.contains("--max_grad_value is 1: --max_grad_norm"), "{bounds}");
    let file = refused(Config {
        lr_schedule: "listed:rates_file=/no/such/file".into(),
        ..images()
    });
    assert!(file.contains("/no/such/file: cannot be read"), "{file}");
}
