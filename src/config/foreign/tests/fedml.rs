//! FedML's files.

use super::*;

/// A file in the sections of FedML: what varies among its examples, and lines for its training
/// section.
pub struct Example {
    dataset: &'static str,
    model: &'static str,
    algorithm: &'static str,
    backend: &'static str,
    train: &'static str,
    more: &'static str,
}

pub const PLAIN: Example = Example {
    dataset: "mnist",
    model: "lr",
    algorithm: "FedAvg",
    backend: "MPI",
    train: "",
    more: "",
};

/// What stands in every file of FedOpt and FedProx, whether it decides something or not.
const SERVER: &str =
    "  server_optimizer: sgd\n  lr: 0.002\n  server_lr: 0.5\n  wd: 0.003\n  ci: 0\n";
const OFF: &str = "attack_args:\n  enable_attack: false\n  attack_type: None\ndefense_args:\n  enable_defense: False\n  \
                   defense_type: norm_diff_clipping\n  norm_bound: 5.0\nfednova_args:\n  gmf: 0.0\n  mu: 0.0\n  dampening: 0.0\n";
const SCHEDULE: &str = "  momentum: 0.0\n  lr_schedule: None\n  lr_step_size: 1\n  lr_milestones: [10, 20]\n  lr_decay_rate: 0.1\n  nesterov: False\n";

/// Every family of FedML's core simulation examples whose data, model and method are here.
const FAMILIES: &[(&str, Example)] = &[
    ("mpi_torch_fedavg_mnist_lr", Example { more: OFF, ..PLAIN }),
    (
        "sp_fedavg_mnist_lr",
        Example {
            backend: "sp",
            ..PLAIN
        },
    ),
    (
        "mpi_fedavg mnist_cnn",
        Example {
            model: "cnn",
            ..PLAIN
        },
    ),
    (
        "mpi_fedavg cifar10_mobilenet",
        Example {
            dataset: "cifar10",
            model: "mobilenet",
            ..PLAIN
        },
    ),
    (
        "mpi_fedavg cifar10_resnet56",
        Example {
            dataset: "cifar10",
            model: "resnet56",
            ..PLAIN
        },
    ),
    (
        "mpi_fedavg fed_cifar100_resnet18_gn",
        Example {
            dataset: "fed_cifar100",
            model: "resnet18_gn",
            ..PLAIN
        },
    ),
    (
        "mpi_fedavg shakespeare_rnn",
        Example {
            dataset: "shakespeare",
            model: "rnn",
            ..PLAIN
        },
    ),
    (
        "mpi_fedavg fedemnist_cnn",
        Example {
            dataset: "femnist",
            model: "cnn",
            ..PLAIN
        },
    ),
    (
        "fed_shakespeare_rnn",
        Example {
            dataset: "fed_shakespeare",
            model: "rnn",
            ..PLAIN
        },
    ),
    (
        "mpi_fedopt mnist_lr",
        Example {
            algorithm: "FedOpt",
            train: SERVER,
            ..PLAIN
        },
    ),
    (
        "mpi_fedprox mnist_lr",
        Example {
            algorithm: "FedProx",
            train: SERVER,
            ..PLAIN
        },
    ),
    (
        "sp_fednova",
        Example {
            algorithm: "FedNova",
            backend: "sp",
            train: "  gmf: 0\n  mu : 0\n  momentum: 0\n  nesterov: False\n",
            ..PLAIN
        },
    ),
    (
        "mpi_torch_fedavg_seq",
        Example {
            algorithm: "FedAvg_seq",
            more: "defense_args:\n  enable_defense: true\n  defense_type: norm_diff_clipping\n  norm_bound: 5.0\n",
            ..PLAIN
        },
    ),
    (
        "schedule",
        Example {
            algorithm: "FedAvg_seq",
            model: "cnn",
            train: SCHEDULE,
            more: "parrot_args:\n  simulation_schedule: LinearFit-DP\n  runtime_est_mode: EMA\n  simulation_gpu_hetero: ratio\n  gpu_hetero_ratio: 1.0\n",
            ..PLAIN
        },
    ),
    (
        "Async_FedAvg",
        Example {
            algorithm: "Async_FedAvg",
            ..PLAIN
        },
    ),
];

/// Families that wait for a part, and what is said of each.
const WAITING: &[(&str, Example, &[&str])] = &[
    (
        "reddit with darts",
        Example {
            dataset: "reddit",
            model: "darts",
            ..PLAIN
        },
        &["reddit is not here", "darts is not here"],
    ),
    (
        "mpi_torch_fedgkt",
        Example {
            algorithm: "FedGKT",
            ..PLAIN
        },
        &["FedGKT is not here"],
    ),
    (
        "dp",
        Example {
            more: "dp_args:\n  enable_dp: true\n  dp_type: cdp\n",
            ..PLAIN
        },
        &["differential privacy is not here"],
    ),
    (
        "attack",
        Example {
            more: "attack_args:\n  enable_attack: true\n  attack_type: byzantine\n",
            ..PLAIN
        },
        &["attacks are not here"],
    ),
    (
        "defense",
        Example {
            more: "defense_args:\n  enable_defense: true\n  defense_type: slsgd\n  trim_param_b: 1\n",
            ..PLAIN
        },
        &["defence slsgd is not here"],
    ),
];

impl Example {
    pub fn text(&self) -> String {
        let Example {
            dataset,
            model,
            algorithm,
            backend,
            train,
            more,
        } = self;
        format!(
            "common_args:\n  training_type: \"simulation\"\n  random_seed: 7\ndata_args:\n  dataset: \"{dataset}\"\n  \
             data_cache_dir: ~/nowhere\n  partition_method: \"hetero\"\n  partition_alpha: 0.3\nmodel_args:\n  \
             model: \"{model}\"\ntrain_args:\n  federated_optimizer: \"{algorithm}\"\n  client_id_list: \"[]\"\n  \
             client_num_in_total: 50\n  client_num_per_round: 6\n  comm_round: 9\n  epochs: 2\n  batch_size: 15\n  \
             client_optimizer: sgd\n  learning_rate: 0.04\n  weight_decay: 0.002\n{train}validation_args:\n  \
             frequency_of_the_test: 3\ndevice_args:\n  worker_num: 4\n  using_gpu: false\n  gpu_mapping_file: \
             config/gpu_mapping.yaml\n  gpu_mapping_key:\ncomm_args:\n  backend: \"{backend}\"\n  is_mobile: 0\n\
             tracking_args:\n  log_file_dir: ./log\n  enable_wandb: true\n  wandb_key: none\n  wandb_project: p\n  \
             wandb_name: n\n  run_name: r\n  using_mlops: false\n{more}"
        )
    }
}

/// Each key of each family is translated, named among those that decide nothing, or refused; and
/// what comes out is a config.
#[test]
fn families_of_fedml_are_followed() {
    for (name, example) in FAMILIES {
        let text = example.text();
        let (settings, translation) =
            read(&text, Path::new("nowhere")).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let config =
            crate::config::Config::parse(&serde_yaml::to_string(&settings).expect("plain"));
        config.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let entries = Node::parse(&text).expect("well-formed");
        for word in words(&entries, true) {
            let row = translation
                .rows
                .iter()
                .any(|row| row.key.as_ref().is_some_and(|(key, _)| *key == word.key));
            let idle = translation.idle.iter().any(|(key, _)| *key == word.key);
            assert!(row ^ idle, "{name}: {} is told once", word.key);
        }
        assert!(
            translation
                .table()
                .lines()
                .all(|line| line.chars().count() <= 80),
            "{}",
            translation.table()
        );
    }
}

#[test]
fn families_of_fedml_that_wait_are_refused_with_all_reasons() {
    for (name, example, reasons) in WAITING {
        let said = refused(&example.text());
        assert!(reasons.iter().all(|reason| said.contains(reason)), "{name}: {said}");
    }
}

#[test]
fn what_fedml_means_is_meant_here() {
    let plain = told(&PLAIN.text());
    has(
        &plain,
        &[
            ("dataset", "mnist-leaf".into()),
            ("model", "lr_sigmoid".into()),
            ("lr", 0.04.into()),
        ],
    );
    has(
        &plain,
        &[
            ("client_num_in_total", 0.into()),
            ("device", "cpu".into()),
            ("client_selection", "fedml".into()),
        ],
    );
    has(
        &plain,
        &[
            ("frequency_of_the_test", 3.into()),
            ("first_test", 1.into()),
            ("seed", 7.into()),
        ],
    );
    assert!(
        ["wd", "gpu_mapping_file", "partition_method", "mode"]
            .iter()
            .all(|name| !plain.contains_key(*name))
    );
    // `learning_rate` counts, wherever it stands.
    let opt = told(
        &Example {
            algorithm: "FedOpt",
            train: SERVER,
            ..PLAIN
        }
        .text(),
    );
    has(
        &opt,
        &[
            ("lr", 0.04.into()),
            ("server_lr", 0.5.into()),
            ("aggregator", "fedopt".into()),
        ],
    );
    let prox = told(
        &Example {
            algorithm: "FedProx",
            train: SERVER,
            ..PLAIN
        }
        .text(),
    );
    assert!(!prox.contains_key("server_lr") && !prox.contains_key("server_step"));
    has(&prox, &[("aggregator", "fedavg".into())]);
    let single = Example {
        algorithm: "FedProx",
        backend: "sp",
        train: "  fedprox_mu: 0.1\n",
        ..PLAIN
    };
    has(&told(&single.text()), &[("aggregator", "fedprox".into()), ("mu", 0.1.into())]);
    let adam = PLAIN
        .text()
        .replace("client_optimizer: sgd", "client_optimizer: adam");
    let optimizer: Value = serde_yaml::from_str("{name: adam, amsgrad: true}").expect("plain");
    has(&told(&adam), &[("client_optimizer", optimizer), ("wd", 0.002.into())]);
    let alone = PLAIN
        .text()
        .replace("client_num_in_total: 50", "client_num_in_total: 1");
    has(
        &told(&alone),
        &[
            ("client_num_in_total", 1.into()),
            ("partition_method", "homo".into()),
        ],
    );
}

#[test]
fn the_folder_decides_between_forms_of_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let of = |dataset| {
        Example {
            dataset,
            model: "cnn",
            ..PLAIN
        }
        .text()
    };
    fs::write(folder.path().join("train-images-idx3-ubyte"), "").expect("writable");
    let (idx, _) = read(&of("mnist"), folder.path()).expect("IDX files");
    has(
        &idx,
        &[
            ("dataset", "mnist".into()),
            ("partition_method", "hetero".into()),
            ("client_num_in_total", 50.into()),
        ],
    );
    fs::create_dir_all(folder.path().join("train")).expect("writable");
    fs::write(folder.path().join("train/all.json"), "{}").expect("writable");
    let (leaf, _) = read(&of("mnist"), folder.path()).expect("LEAF's JSON");
    has(&leaf, &[("dataset", "mnist-leaf".into())]);
    let (femnist, _) = read(&of("femnist"), folder.path()).expect("LEAF's JSON");
    has(
        &femnist,
        &[
            ("dataset", "femnist".into()),
            ("batch_size", 20.into()),
            ("model", "cnn_dropout_62".into()),
        ],
    );
}

#[test]
fn one_fedml_file_with_every_mistake_is_one_screen() {
    let text = PLAIN
        .text()
        .replace("\"simulation\"", "\"cross_silo\"")
        .replace("random_seed: 7", "random_seed: 7\n  random_seed: 8")
        .replace("comm_round", "comm_rounds")
        .replace("epochs: 2", "epochs: two")
        .replace("client_num_per_round: 6", "client_num_per_round: -6")
        .replace("client_optimizer: sgd", "client_optimizer: AdamW\n  strange_key: 1")
        .replace("learning_rate: 0.04", "learning_rate: 0.04\n  seed: 3");
    let said = refused(&text);
    for part in [
        "line 2: training_type: only `simulation`",
        "line 4: random_seed: line 3 says 7",
        "line 16: client_num_per_round: -6 is not a number from 1",
        "comm_rounds: is no key of FedML (did you mean `comm_round`?)",
        "epochs: it is not a whole number",
        "client_optimizer: AdamW is not here, and means Adam there",
        "strange_key: is no key of FedML",
        "seed: line 3 says 7 for the same, as `random_seed`",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
