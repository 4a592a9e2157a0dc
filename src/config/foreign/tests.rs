//! Files in the exact sets of keys that other systems ship, and files with a mistake of every kind.

use super::*;
use std::fs;

/// A file in the sections of FedML: what varies among its examples, and lines for its training section.
struct Example {
    dataset: &'static str,
    model: &'static str,
    algorithm: &'static str,
    backend: &'static str,
    train: &'static str,
    more: &'static str,
}

const PLAIN: Example =
    Example { dataset: "mnist", model: "lr", algorithm: "FedAvg", backend: "MPI", train: "", more: "" };

/// What stands in every file of FedOpt and FedProx, whether it decides something or not.
const SERVER: &str = "  server_optimizer: sgd\n  lr: 0.002\n  server_lr: 0.5\n  wd: 0.003\n  ci: 0\n";
const OFF: &str = "attack_args:\n  enable_attack: false\n  attack_type: None\ndefense_args:\n  enable_defense: False\n  \
                   defense_type: norm_diff_clipping\n  norm_bound: 5.0\nfednova_args:\n  gmf: 0.0\n  mu: 0.0\n  dampening: 0.0\n";
const SCHEDULE: &str = "  momentum: 0.0\n  lr_schedule: None\n  lr_step_size: 1\n  lr_milestones: [10, 20]\n  lr_decay_rate: 0.1\n  nesterov: False\n";

/// Every family of FedML's core simulation examples whose data, model and method are here.
const FAMILIES: &[(&str, Example)] = &[
    ("mpi_torch_fedavg_mnist_lr", Example { more: OFF, ..PLAIN }),
    ("sp_fedavg_mnist_lr", Example { backend: "sp", ..PLAIN }),
    ("mpi_fedavg mnist_cnn", Example { model: "cnn", ..PLAIN }),
    ("mpi_fedavg shakespeare_rnn", Example { dataset: "shakespeare", model: "rnn", ..PLAIN }),
    ("mpi_fedopt mnist_lr", Example { algorithm: "FedOpt", train: SERVER, ..PLAIN }),
    ("mpi_fedprox mnist_lr", Example { algorithm: "FedProx", train: SERVER, ..PLAIN }),
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
    ("Async_FedAvg", Example { algorithm: "Async_FedAvg", ..PLAIN }),
];

/// Families that wait for a part, and what is said of each.
const WAITING: &[(&str, Example, &[&str])] = &[
    (
        "mpi_fedavg cifar10_mobilenet",
        Example { dataset: "cifar10", model: "mobilenet", ..PLAIN },
        &["cifar10 is not here", "mobilenet is not here"],
    ),
    ("mpi_fedavg fedemnist_cnn", Example { dataset: "femnist", model: "cnn", ..PLAIN }, &["TFF's HDF5 is not read"]),
    ("mpi_torch_fedgkt", Example { algorithm: "FedGKT", ..PLAIN }, &["FedGKT is not here"]),
    (
        "dp",
        Example { more: "dp_args:\n  enable_dp: true\n  dp_type: cdp\n", ..PLAIN },
        &["differential privacy is not here"],
    ),
    (
        "attack",
        Example { more: "attack_args:\n  enable_attack: true\n  attack_type: byzantine\n", ..PLAIN },
        &["attacks are not here"],
    ),
    (
        "defense",
        Example { more: "defense_args:\n  enable_defense: true\n  defense_type: slsgd\n  trim_param_b: 1\n", ..PLAIN },
        &["defence slsgd is not here"],
    ),
];

impl Example {
    fn text(&self) -> String {
        let Example { dataset, model, algorithm, backend, train, more } = self;
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

fn read(text: &str, data: &Path) -> Result<(Mapping, Translation), Findings> {
    let entries = Node::parse(text).expect("well-formed");
    translate(&entries, Around { file: Path::new("config/run.yaml"), data_dir: Some(data) })
}

fn told(text: &str) -> Mapping {
    read(text, Path::new("nowhere")).unwrap_or_else(|findings| panic!("{text}\n{findings}")).0
}

fn refused(text: &str) -> String {
    let text = read(text, Path::new("nowhere")).expect_err("refused").to_string();
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn has(settings: &Mapping, wanted: &[(&str, Value)]) {
    for (name, value) in wanted {
        assert_eq!(settings.get(*name), Some(value), "{name}");
    }
}

/// Each key of each family is translated, named among those that decide nothing, or refused; and what comes out is a config.
#[test]
fn families_of_fedml_are_followed() {
    for (name, example) in FAMILIES {
        let text = example.text();
        let (settings, translation) =
            read(&text, Path::new("nowhere")).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let config = crate::config::Config::parse(&serde_yaml::to_string(&settings).expect("plain"));
        config.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let entries = Node::parse(&text).expect("well-formed");
        for word in words(&entries, true) {
            let row = translation.rows.iter().any(|row| row.key.as_ref().is_some_and(|(key, _)| *key == word.key));
            let idle = translation.idle.iter().any(|(key, _)| *key == word.key);
            assert!(row ^ idle, "{name}: {} is told once", word.key);
        }
        assert!(translation.table().lines().all(|line| line.chars().count() <= 80), "{}", translation.table());
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
    has(&plain, &[("dataset", "mnist-leaf".into()), ("model", "lr_sigmoid".into()), ("lr", 0.04.into())]);
    has(&plain, &[("client_num_in_total", 0.into()), ("device", "cpu".into()), ("client_selection", "fedml".into())]);
    has(&plain, &[("frequency_of_the_test", 3.into()), ("first_test", 1.into()), ("seed", 7.into())]);
    assert!(["wd", "gpu_mapping_file", "partition_method", "mode"].iter().all(|name| !plain.contains_key(*name)));
    // `learning_rate` counts, wherever it stands.
    let opt = told(&Example { algorithm: "FedOpt", train: SERVER, ..PLAIN }.text());
    has(&opt, &[("lr", 0.04.into()), ("server_lr", 0.5.into()), ("aggregator", "fedopt".into())]);
    let prox = told(&Example { algorithm: "FedProx", train: SERVER, ..PLAIN }.text());
    assert!(!prox.contains_key("server_lr") && !prox.contains_key("server_step"));
    has(&prox, &[("aggregator", "fedavg".into())]);
    let single = Example { algorithm: "FedProx", backend: "sp", train: "  fedprox_mu: 0.1\n", ..PLAIN };
    has(&told(&single.text()), &[("aggregator", "fedprox".into()), ("mu", 0.1.into())]);
    let adam = PLAIN.text().replace("client_optimizer: sgd", "client_optimizer: adam");
    let optimizer: Value = serde_yaml::from_str("{name: adam, amsgrad: true}").expect("plain");
    has(&told(&adam), &[("client_optimizer", optimizer), ("wd", 0.002.into())]);
    let alone = PLAIN.text().replace("client_num_in_total: 50", "client_num_in_total: 1");
    has(&told(&alone), &[("client_num_in_total", 1.into()), ("partition_method", "homo".into())]);
}

#[test]
fn the_folder_decides_between_forms_of_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let of = |dataset| Example { dataset, model: "cnn", ..PLAIN }.text();
    fs::write(folder.path().join("train-images-idx3-ubyte"), "").expect("writable");
    let (idx, _) = read(&of("mnist"), folder.path()).expect("IDX files");
    has(
        &idx,
        &[("dataset", "mnist".into()), ("partition_method", "hetero".into()), ("client_num_in_total", 50.into())],
    );
    fs::create_dir_all(folder.path().join("train")).expect("writable");
    fs::write(folder.path().join("train/all.json"), "{}").expect("writable");
    let (leaf, _) = read(&of("mnist"), folder.path()).expect("LEAF's JSON");
    has(&leaf, &[("dataset", "mnist-leaf".into())]);
    let (femnist, _) = read(&of("femnist"), folder.path()).expect("LEAF's JSON");
    has(&femnist, &[("dataset", "femnist".into()), ("batch_size", 20.into()), ("model", "cnn_dropout_62".into())]);
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

/// The three generations of async-FL: the seed's own, `..._path`, and `path` with `params`.
const FIRST: &str = r#"{"global": {"experiment": "T/1", "data_file": "MNIST", "data_name": "MNIST", "iid": false,
    "client_num": 50, "result": {"test_name": "a", "path": ""}},
    "server": {"epochs": 60, "model_file": "CNN", "model_name": "CNN",
    "checkin": {"checkin_interval": 600, "checkin_num": 200},
    "scheduler": {"scheduler_interval": 5, "schedule_file": "RandomSchedule", "schedule_name": "RandomSchedule",
    "params": {"c_ratio": 0.1, "schedule_interval": 5}},
    "updater": {"update_file": "MyFed", "update_name": "MyFed",
    "params": {"a": 10, "b": 4, "alpha": 0.2, "r": 2, "c": 2, "d": 2}}},
    "client": {"epochs": 2, "batch_size": 50, "model_type": "CNN", "stale_file": "stale.txt"}}"#;
const SECOND: &str = r#"{"global": {"mode": "sync", "experiment": "T/2", "stale": [0, 2, 4, 6], "dataset_path":
    "dataset.MNIST.MNIST", "iid": {"beta": 0.5}, "client_num": 4}, "server": {"epochs": 6, "model_path": "model.CNN.CNN",
    "scheduler": {"schedule_path": "schedule.RandomSchedule.RandomSchedule", "params": {"c_ratio": 0.5}},
    "updater": {"update_path": "update.FedAvg.FedAvg", "params": {}}},
    "client": {"epochs": 1, "batch_size": 8, "model_path": "model.CNN.CNN", "mu": 0.1, "loss": "cross_entropy",
    "optimizer": {"name": "SGD", "weight_decay": 0, "lr": 0.01}}}"#;
const THIRD: &str = r#"
wandb: {enabled: false, project: p}
global:
  multi_gpu: true
  experiment: T/3
  stale: {step: 2, shuffle: true, list: [1, 2, 1]}
  dataset: {path: dataset.FashionMNIST.FashionMNIST, params: {}}
  iid: true
  client_num: 4
server:
  path: server.AsyncServer.AsyncServer
  epochs: 30
  model: {path: model.CNN.CNN, params: {}}
  scheduler:
    path: scheduler.AsyncScheduler.AsyncScheduler
    schedule_interval: 1
    schedule_delay: 20
    schedule: {path: schedule.RandomSchedule.RandomSchedule, params: {c_ratio: 0.4}}
  updater:
    path: updater.AsyncUpdater.AsyncUpdater
    num_generator: 3
    loss: torch.nn.functional.cross_entropy
    update: {path: update.FedAvg.FedAvg, params: {}}
queue_manager:
  path: queuemanager.SingleQueueManager.SingleQueueManager
  receiver: {path: receiver.NormalReceiver.NormalReceiver, params: {}}
  checker: {path: checker.AllChecker.AllChecker, params: {}}
client_manager: {path: clientmanager.NormalClientManager.NormalClientManager}
client:
  path: client.NormalClient.NormalClient
  epochs: 2
  batch_size: 64
  test_size: 0.1
  model: {path: model.CNN.CNN, params: {}}
  loss: torch.nn.functional.cross_entropy
  mu: 0
  optimizer: {path: torch.optim.Adam, params: {lr: 0.01, weight_decay: 0.1}}
"#;

#[test]
fn three_generations_of_async_fl_mean_what_they_say() {
    let first = told(FIRST);
    has(&first, &[("dataset", "mnist".into()), ("model", "cnn".into()), ("aggregator", "myfed".into())]);
    has(
        &first,
        &[("mode", "async".into()), ("alpha", 0.4.into()), ("staleness_a", 10.into()), ("comm_round", 60.into())],
    );
    has(&first, &[("delay", "constant:0".into()), ("scheduler_interval", 5.into())]);
    let second = told(SECOND);
    has(&second, &[("mode", "sync".into()), ("client_num_per_round", 2.into()), ("delay", "list:0,2,4,6".into())]);
    has(&second, &[("partition_method", "hetero".into()), ("partition_alpha", 0.5.into()), ("mu", 0.1.into())]);
    let third = told(THIRD);
    has(
        &third,
        &[("dataset", "fashion-mnist".into()), ("aggregator", "fedavg_async".into()), ("buffer_size", 3.into())],
    );
    has(&third, &[("client_optimizer", "adam".into()), ("wd", 0.1.into()), ("partition_method", "homo".into())]);
    for settings in [first, second, third] {
        let config = crate::config::Config::parse(&serde_yaml::to_string(&settings).expect("plain"));
        config.expect("a config");
    }
}

#[test]
fn one_async_fl_file_with_every_mistake_is_one_screen() {
    let text = THIRD
        .replace("AsyncServer.AsyncServer", "Leo.Leo")
        .replace("model.CNN.CNN", "model.LeNet5.LeNet5")
        .replace("list: [1, 2, 1]", "list: [1, 2]")
        .replace("iid: true", "iid: {customize: true}")
        .replace("FashionMNIST.FashionMNIST", "CIFAR10.CIFAR10")
        .replace("update.FedAvg.FedAvg", "update.FedAT.FedAT")
        .replace("epochs: 30", "epochs: many\n  surprise: 1")
        .replace("torch.optim.Adam", "torch.optim.LBFGS");
    let said = refused(&text);
    for part in [
        "server.path: server.Leo.Leo is not here",
        "server.model.path: LeNet5 is not here (nearest: `cnn`)",
        "line 6: global.stale.list: needs a step",
        "line 8: global.iid.customize: a division by lists",
        "global.dataset.path: CIFAR10 is not here",
        "server.updater.update.path: FedAT is not here",
        "server.epochs: it is not a whole number",
        "server.surprise: is no key of async-FL",
        "client.optimizer.path: torch.optim.LBFGS is not here",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

const FLUTE: &str = "
model_config:
  model_type: LR
  model_folder: experiments/cv_lr_mnist/model.py
  input_dim: 784
  output_dim: 10
dp_config: {enable_local_dp: false}
privacy_metrics_config: {apply_metrics: false}
strategy: FedProx
server_config:
  wantRL: false
  resume_from_checkpoint: false
  do_profiling: false
  optimizer_config: {type: sgd, lr: 1.0}
  annealing_config: {type: step_lr, step_interval: epoch, gamma: 1.0, step_size: 100}
  val_freq: 1000
  rec_freq: 20
  initial_val: false
  initial_rec: false
  max_iteration: 100
  num_clients_per_iteration: 10
  data_config: {val: {batch_size: 10, val_data: null}, test: {batch_size: 10, test_data: null}}
  type: model_optimization
  aggregate_median: softmax
  initial_lr_client: 0.03
  lr_decay_factor: 1.0
  weight_train_loss: train_loss
  best_model_criterion: loss
  fall_back_to_best_model: false
  softmax_beta: 1.0
client_config:
  mu: 0.2
  do_profiling: false
  ignore_subtask: false
  data_config: {train: {batch_size: 10, list_of_train_data: null, desired_max_samples: 5000}}
  optimizer_config: {type: sgd, lr: 0.5}
  type: optimization
";

#[test]
fn a_task_of_flute_means_what_it_says() {
    let settings = told(FLUTE);
    has(&settings, &[("dataset", "mnist-leaf".into()), ("model", "lr_sigmoid".into()), ("lr", 0.03.into())]);
    has(&settings, &[("comm_round", 100.into()), ("frequency_of_the_test", 20.into()), ("mu", 0.2.into())]);
    crate::config::Config::parse(&serde_yaml::to_string(&settings).expect("plain")).expect("a config");
}

#[test]
fn one_flute_file_with_every_mistake_is_one_screen() {
    let text = FLUTE
        .replace("cv_lr_mnist", "ecg_cnn")
        .replace("FedProx", "DGA")
        .replace("wantRL: false", "wantRL: true")
        .replace("max_iteration", "max_iterations")
        .replace("num_clients_per_iteration: 10", "num_clients_per_iteration: \"4,8\"")
        .replace("list_of_train_data: null", "list_of_train_data: a.hdf5")
        .replace("optimizer_config: {type: sgd, lr: 0.5}", "optimizer_config: {type: lars, lr: 0.5}");
    let said = refused(&text);
    for part in [
        "line 3: model_config.model_type: the task of LR in experiments/ecg_cnn/model.py is not here: it needs ECG data",
        "strategy: weights by loss are not here",
        "wantRL: weights by reinforcement learning",
        "did you mean `server_config.max_iteration`?",
        "num_clients_per_iteration: a number that changes",
        "list_of_train_data: its files of users are not read",
        "client_config.optimizer_config.type: lars is not here",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// The page of docs is made from the tables: `fedmpi config --keys SYSTEM`.
#[test]
fn the_documented_tables_are_those_in_force() {
    let page = fs::read_to_string("docs/fedml.md").expect("a page");
    for system in systems() {
        let table = keys(system).expect("known");
        assert!(page.contains(&table), "docs/fedml.md lacks what `fedmpi config --keys {system}` prints");
    }
    assert_eq!(keys("nobody"), None);
}

proptest::proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in ".{0,200}", key in "[a-z_]{1,12}", value in ".{0,12}") {
        let files = [text, PLAIN.text() + &format!("  {key}: {value}\n"), FIRST.replace("MNIST", &value), FLUTE.replace("LR", &value)];
        for text in files {
            if let Ok(entries) = Node::parse(&text) {
                let around = Around { file: Path::new(""), data_dir: None };
                if let Err(findings) = translate(&entries, around) {
                    proptest::prop_assert!(findings.to_string().lines().all(|line| line.chars().count() <= 80));
                }
            }
        }
    }
}
