//! Promise 1 with real models: the same bits for any number of workers; and FedAvg's exact cases.

use crate::support::{generated_mnist, generated_text, mnist, plan, small, train};
use fedmpi::config::Config;
use fedmpi::data::{Dataset, Samples, Train};
use fedmpi::models::{KIND, MODELS, build, layout};
use fedmpi::part::Choice;
use fedmpi::plan::Plan;
use fedmpi::record::Memory;
use fedmpi::task::{Facts, Hiding, Task};
use std::path::PathBuf;
use std::sync::Arc;

#[test]
fn every_model_and_optimizer_is_bit_identical_for_any_number_of_workers() {
    let momentum = Config {
        client_optimizer: "sgd:momentum=0.9,wd=0.01".into(),
        ..Config::default()
    };
    let adam = Config {
        client_optimizer: "adam:lr=0.001,wd=0.01".into(),
        ..Config::default()
    };
    // Larger ones, and those of larger pictures, are the same layers with more of everything:
    // minutes here.
    let is_small = |plan: &Plan| {
        let network = build(&plan.config.model, &plan.dataset.facts).expect("fits");
        let layout = layout(network.as_ref());
        layout.parameters() < 2_000_000 && layout.slots().len() < 120
    };
    let mut tried = 0;
    for entry in MODELS {
        for optimizer in [&momentum, &adam] {
            let Some(plan) = fitting(entry.name, optimizer).filter(is_small) else {
                continue;
            };
            tried += 1;
            let alone = train(&plan, 1).0;
            for workers in [2, 4] {
                assert!(train(&plan, workers).0 == alone, "{} on {workers}", entry.name);
            }
        }
    }
    assert!(tried > 30, "{tried}");
}

#[test]
fn what_a_module_keeps_to_itself_ends_with_a_client() {
    let config = Config {
        model: "script:tests/data/stateful.pt".into(),
        dataset: "mnist".into(),
        data_dir: generated_mnist(),
        client_num_in_total: 50,
        client_num_per_round: 5,
        comm_round: 2,
        partition_method: "homo".into(),
        ..Config::default()
    };
    let plan = plan(config);
    let (alone, memory) = train(&plan, 1);
    let metrics =
        |memory: &Memory| -> Vec<_> { memory.rounds().map(|done| done.test.clone()).collect() };
    for workers in [2, 4] {
        let (other, others) = train(&plan, workers);
        assert!(other == alone && metrics(&others) == metrics(&memory), "{workers}");
    }
}

/// A model of text with few units.
fn narrow(model: &str) -> Choice {
    if model == "script" {
        return "script:tests/data/module.pt".into();
    }
    let few = ["units=16", "inner=32", ""].map(|setting| format!("{model}:{setting}"));
    let sound = few.iter().filter_map(|choice| choice.parse().ok());
    sound
        .into_iter()
        .find(|choice| KIND.look_up(choice).is_ok())
        .expect("itself at least")
}

/// A plan of data that a model takes, if it does: pictures, text, rows of numbers, or text of which
/// tokens are hidden.
fn fitting(model: &str, config: &Config) -> Option<Plan> {
    let of = |dataset: &str, data_dir: PathBuf, partition: &str| {
        plan(Config {
            model: narrow(model),
            dataset: dataset.into(),
            data_dir,
            client_num_in_total: 200,
            client_num_per_round: 5,
            comm_round: 2,
            partition_method: partition.into(),
            ci: 1,
            ..config.clone()
        })
    };
    let text = of("shakespeare", generated_text(), "homo");
    let plans = [
        hiding(&text),
        text,
        of("synthetic", PathBuf::new(), "natural"),
        of("mnist", generated_mnist(), "homo"),
    ];
    let fits = |plan: &Plan| build(&plan.config.model, &plan.dataset.facts).is_ok();
    plans.into_iter().rfind(fits)
}

/// The same text, of which tokens are hidden.
fn hiding(plan: &Plan) -> Plan {
    let dataset = &plan.dataset;
    let vocabulary = dataset.facts.task.outputs() + 1;
    let hiding = Some(Hiding {
        mask: vocabulary as u32 - 1,
        share: 0.15,
    });
    let task = Task::Masked {
        vocabulary,
        ignore: vocabulary as u32,
        hiding,
        padding: None,
    };
    let row = |samples: &Samples| Samples {
        inputs: samples.inputs.clone(),
        targets: samples.inputs.clone(),
    };
    let Train::Stored(train) = &dataset.train else {
        unreachable!("text is stored")
    };
    let dataset = Dataset {
        facts: Facts {
            task,
            targets: dataset.facts.width(),
            ..dataset.facts.clone()
        },
        train: Train::Stored(row(train)),
        test: row(&dataset.test),
        owners: dataset.owners.clone(),
        ..Dataset::default()
    };
    let mut plan = plan.clone();
    plan.dataset = Arc::new(dataset);
    plan
}

/// At a rate that changes nothing every sample has the same loss in any batch, by written-out steps
/// and by autograd.
#[test]
fn the_training_loss_is_a_mean_over_samples_however_they_are_cut() {
    for optimizer in ["sgd:lr=1e-30", "sgd:lr=1e-30,momentum=0.5"] {
        let loss = |batch_size| {
            let config = Config {
                dataset: "mnist".into(),
                data_dir: generated_mnist(),
                partition_method: "homo".into(),
                client_num_per_round: 2,
                comm_round: 1,
                ci: 1,
                client_optimizer: optimizer.into(),
                batch_size,
                ..Config::default()
            };
            let (_, memory) = train(&plan(config), 1);
            memory
                .rounds()
                .next()
                .and_then(|done| done.train_loss)
                .expect("trained")
        };
        let whole = loss(-1);
        // Clients have 60 samples: one batch, two, and one that holds a single sample.
        for size in [60, 29, 59] {
            assert!((loss(size) / whole - 1.0).abs() < 1e-5, "{optimizer}: {} {whole}", loss(size));
        }
    }
}

/// With full batches, one epoch, all clients and plain SGD, the weighted mean of the clients' steps
/// is one step of gradient descent on the pooled data.
#[test]
fn full_batch_of_all_clients_equals_centralized_gradient_descent() {
    for (model, method) in [("lr", "hetero"), ("2nn", "shards"), ("cnn", "homo")] {
        let many = Config {
            model: model.into(),
            dataset: "mnist".into(),
            data_dir: generated_mnist(),
            partition_method: method.into(),
            client_num_in_total: 20,
            client_num_per_round: 20,
            comm_round: if model == "cnn" { 2 } else { 5 },
            batch_size: -1,
            client_optimizer: "sgd:lr=0.1".into(),
            ci: 1,
            ..Config::default()
        };
        let one = Config {
            client_num_in_total: 1,
            client_num_per_round: 1,
            partition_method: "homo".into(),
            ..many.clone()
        };
        let (federated, central) = (train(&plan(many), 2).0, train(&plan(one), 1).0);
        let differences = federated
            .weights
            .iter()
            .zip(&central.weights)
            .map(|(a, b)| (a - b).abs());
        let largest = differences.fold(0.0, f32::max);
        assert!(largest < 1e-5, "{model}: {largest:e}");
    }
}

#[test]
fn rounds_do_not_depend_on_how_many_follow() {
    let (three, five) = (
        plan(small()),
        plan(Config {
            comm_round: 5,
            ..small()
        }),
    );
    let hashes = |plan| {
        train(plan, 2)
            .1
            .rounds()
            .map(|done| done.model_hash.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(hashes(&three), hashes(&five)[..3]);
}

/// FedProx: the client stays nearer to where it began, and both ways of stepping agree.
#[test]
fn the_proximal_term_pulls_back() {
    let config = Config {
        client_num_per_round: 1,
        comm_round: 1,
        epochs: 2,
        batch_size: 32,
        ..small()
    };
    let moved = |rho: f64, momentum: f64| {
        let prox = format!("fedprox:mu={rho}").as_str().into();
        let optimizer = format!("sgd:lr=0.1,momentum={momentum}").as_str().into();
        let plan = plan(Config {
            algorithm: Some(prox),
            client_optimizer: optimizer,
            ..config.clone()
        });
        let start = plan_start(&plan);
        let end = train(&plan, 1).0.weights;
        end.iter()
            .zip(&start)
            .map(|(end, start)| f64::from(end - start).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    assert!(moved(5.0, 0.0) < 0.9 * moved(0.0, 0.0));
    // A tiny momentum goes by autograd instead of the steps that are written out.
    assert!((moved(5.0, 0.0) / moved(5.0, 1e-9) - 1.0).abs() < 1e-4);
}

fn plan_start(plan: &Plan) -> Vec<f32> {
    use fedmpi::train::Trainer;
    fedmpi::torch::TorchTrainer::new(plan, tch::Device::Cpu)
        .expect("fits")
        .initial()
}

#[test]
fn mnist_is_learned() {
    let config = Config {
        model: "2nn".into(),
        dataset: "mnist".into(),
        data_dir: mnist(),
        partition_method: "homo".into(),
        comm_round: 10,
        client_optimizer: "sgd:lr=0.1".into(),
        frequency_of_the_test: 10,
        ..Config::default()
    };
    let test = train(&plan(config), 2)
        .0
        .test
        .expect("evaluated at the end");
    assert!(test.accuracy() > 0.9, "{test:?}");
}

/// Crops, mirror images and holes are drawn by round, client and sample: the same bits on any
/// number of workers, by written-out steps and by autograd; and they change what is learned.
#[test]
fn changed_pictures_are_the_same_wherever_they_are_trained_on() {
    for model in ["2nn", "resnet20"] {
        let config = |dataset: &str| Config {
            model: model.into(),
            dataset: dataset.into(),
            data_dir: generated_mnist(),
            client_num_in_total: 300,
            client_num_per_round: 4,
            comm_round: 2,
            epochs: 2,
            partition_method: "homo".into(),
            ci: 1,
            ..Config::default()
        };
        let changed = plan(config("mnist:crop=3,flip=true,cutout=6"));
        let alone = train(&changed, 1).0;
        assert!(train(&plan(config("mnist")), 1).0 != alone, "{model}");
        for workers in [2, 3] {
            assert!(train(&changed, workers).0 == alone, "{model} on {workers}");
        }
    }
}
