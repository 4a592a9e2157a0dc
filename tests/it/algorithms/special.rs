//! Cases in which one method is another to the bit, and what passes methods by.

use super::*;

fn with(aggregator: &str) -> Config {
    Config {
        aggregator: Some(aggregator.into()),
        ..Config::default()
    }
}

#[test]
fn methods_that_do_nothing_are_fedavg_to_the_bit() {
    let wanted = trained(with("fedavg"));
    let update = |text: &str| Config {
        update: text.parse().expect("a chain"),
        ..Config::default()
    };
    for (name, method) in [
        ("no pull", with("fedprox:mu=0")),
        ("no momentum", with("fedavgm:server_momentum=0")),
        (
            "ditto's global model",
            Config {
                comm_round: 3,
                ..with("ditto")
            },
        ),
        ("all values", update("topk:share=1")),
        ("a long norm", update("clip:norm=1e9")),
        ("both", update("clip:norm=1e9;topk:share=1")),
        (
            "one rate",
            Config {
                lr_schedule: "step:gamma=1".into(),
                ..Config::default()
            },
        ),
    ] {
        assert!(trained(method) == wanted, "{name}");
    }
    let once = |method: Config| {
        let even = Config {
            dataset: "mnist".into(),
            data_dir: generated_mnist(),
            partition_method: "homo".into(),
            comm_round: 1,
            ci: 1,
            ..method
        };
        train(&plan(even), 2).0.weights
    };
    assert!(once(with("scaffold")) == once(with("fedavg")), "the first round of SCAFFOLD");
}

/// The written-out steps and those by autograd apply one formula.
#[test]
fn both_ways_of_stepping_drift_alike() {
    for method in [
        "fedprox:mu=0.5",
        "scaffold",
        "feddyn:feddyn_alpha=0.1",
        "fedlin",
        "fednova",
    ] {
        let moved = |optimizer: &str| {
            trained(Config {
                client_optimizer: optimizer.into(),
                ..with(method)
            })
        };
        // A tiny momentum goes by autograd.
        let (written, recorded) = (moved("sgd"), moved("sgd:momentum=1e-9"));
        // Two right ways of rounding drift apart over rounds; a wrong formula would be off by a
        // hundred times more.
        let largest = written
            .iter()
            .zip(&recorded)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(largest < 5e-4, "{method}: {largest:e}");
    }
}

#[test]
fn batch_normalisation_passes_by_everything() {
    for method in [
        with("scaffold"),
        Config {
            update: "clip:norm=0.1;topk:share=0.1".parse().expect("a chain"),
            ..with("fedadam")
        },
    ] {
        let config = Config {
            dataset: "mnist".into(),
            data_dir: generated_mnist(),
            model: "resnet20".into(),
            partition_method: "homo".into(),
            client_num_in_total: 300,
            client_num_per_round: 4,
            comm_round: 2,
            ci: 1,
            frequency_of_the_test: 2,
            ..method
        };
        let wanted = train(&plan(config.clone()), 1).0;
        for (reduce, workers) in [(Reduce::Server, 3), (Reduce::Allreduce, 2)] {
            assert!(
                train(
                    &plan(Config {
                        reduce,
                        ..config.clone()
                    }),
                    workers
                )
                .0 == wanted,
                "{reduce:?}"
            );
        }
    }
}
