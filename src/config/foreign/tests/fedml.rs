//! FedML's files.

use super::*;

/// A file in the sections of FedML: what varies among its examples, and lines for its training
/// section and for its end.
#[derive(Clone, Copy)]
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

const fn of(dataset: &'static str, model: &'static str) -> Example {
    Example {
        dataset,
        model,
        ..PLAIN
    }
}

const fn by(algorithm: &'static str) -> Example {
    Example { algorithm, ..PLAIN }
}

impl Example {
    /// By FedML's single process.
    const fn alone(self) -> Example {
        Example {
            backend: "sp",
            ..self
        }
    }

    /// With lines for the training section.
    const fn train(self, train: &'static str) -> Example {
        Example { train, ..self }
    }

    /// With further sections.
    const fn more(self, more: &'static str) -> Example {
        Example { more, ..self }
    }

    const fn model(self, model: &'static str) -> Example {
        Example { model, ..self }
    }
}

/// What stands in every file of FedOpt and FedProx, whether it decides something or not.
const SERVER: &str = "
  server_optimizer: sgd
  lr: 0.002
  server_lr: 0.5
  wd: 0.003
  ci: 0
";

const OFF: &str = "
attack_args:
  enable_attack: false
  attack_type: None
defense_args:
  enable_defense: False
  defense_type: norm_diff_clipping
  norm_bound: 5.0
fednova_args:
  gmf: 0.0
  mu: 0.0
  dampening: 0.0
";

const CLIPPING: &str = "
defense_args:
  enable_defense: true
  defense_type: norm_diff_clipping
  norm_bound: 5.0
";

const SCHEDULE: &str = "
  momentum: 0.0
  lr_schedule: None
  lr_step_size: 1
  lr_milestones: [10, 20]
  lr_decay_rate: 0.1
  nesterov: False
";

const PARROT: &str = "
parrot_args:
  simulation_schedule: LinearFit-DP
  runtime_est_mode: EMA
  simulation_gpu_hetero: ratio
  gpu_hetero_ratio: 1.0
";

const NOVA: &str = "
  gmf: 0
  mu : 0
  momentum: 0
  nesterov: False
";

/// Groups of channels, and switches of clients' memory that are off.
const GROUPS: &str = "
  group_norm_channels: 32
  initialize_all_clients: False
  cache_client_status: False
";

const EFTOPK: &str = "
  momentum: 0.9
  compression: eftopk
  compress_ratio: 0.02
";

/// Every family of FedML's core simulation examples whose data, model and method are here.
const FAMILIES: &[(&str, Example)] = &[
    ("mpi_torch_fedavg_mnist_lr", PLAIN.more(OFF)),
    ("sp_fedavg_mnist_lr", PLAIN.alone()),
    ("mpi_fedavg mnist_cnn", of("mnist", "cnn")),
    ("mpi_fedavg cifar10_mobilenet", of("cifar10", "mobilenet")),
    ("mpi_fedavg cifar10_resnet56", of("cifar10", "resnet56")),
    ("mpi_fedavg fed_cifar100_resnet18_gn", of("fed_cifar100", "resnet18_gn")),
    ("mpi_fedavg shakespeare_rnn", of("shakespeare", "rnn")),
    ("mpi_fedavg fedemnist_cnn", of("femnist", "cnn")),
    ("fed_shakespeare_rnn", of("fed_shakespeare", "rnn")),
    ("mpi_fedopt mnist_lr", by("FedOpt").train(SERVER)),
    ("mpi_fedprox mnist_lr", by("FedProx").train(SERVER)),
    ("sp_fednova", by("FedNova").alone().train(NOVA)),
    ("sp_custom optim_exp", of("cifar10", "resnet18").alone().train(GROUPS)),
    ("sp_fedsgd cifar10_resnet20", by("FedSGD").alone().train(EFTOPK)),
    ("mpi_torch_async_mnist_lr", PLAIN.train("  sleep_time_max: 3\n")),
    ("mpi_torch_fedavg_seq", by("FedAvg_seq").more(CLIPPING)),
    ("schedule", by("FedAvg_seq").model("cnn").train(SCHEDULE).more(PARROT)),
    ("Async_FedAvg", by("Async_FedAvg")),
];

/// Families that wait for a part, and what is said of each.
const WAITING: &[(&str, Example, &[&str])] = &[
    ("reddit with darts", of("reddit", "darts"), &["reddit is not here", "darts is not here"]),
    ("mpi_torch_fedgkt", by("FedGKT"), &["FedGKT is not here"]),
    (
        "dp",
        PLAIN.more("dp_args:\n  enable_dp: true\n  dp_type: cdp\n"),
        &["its noise is of other rules"],
    ),
    (
        "attack",
        PLAIN.more("attack_args:\n  enable_attack: true\n  attack_type: byzantine\n"),
        &["attacks are not here"],
    ),
    (
        "defense",
        PLAIN.more("defense_args:\n  enable_defense: true\n  defense_type: slsgd\n"),
        &["defence slsgd is not here"],
    ),
    (
        "groups in another network",
        of("cifar10", "resnet56").train(GROUPS),
        &["group_norm_channels: not with this model"],
    ),
    (
        "FedSGD, quantised",
        by("FedSGD").train("  compression: qsgd\n  quantize_level: 8\n"),
        &["compression: qsgd is not here (nearest: topk, eftopk)"],
    ),
    (
        "sleep without rounds",
        by("Async_FedAvg").train("  sleep_time_max: 3\n"),
        &["sleep_time_max: there workers sleep by their rank"],
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
            "common_args:
  training_type: \"simulation\"
  random_seed: 7
data_args:
  dataset: \"{dataset}\"
  data_cache_dir: ~/nowhere
  partition_method: \"hetero\"
  partition_alpha: 0.3
model_args:
  model: \"{model}\"
train_args:
  federated_optimizer: \"{algorithm}\"
  client_id_list: \"[]\"
  client_num_in_total: 50
  client_num_per_round: 6
  comm_round: 9
  epochs: 2
  batch_size: 15
  client_optimizer: sgd
  learning_rate: 0.04
  weight_decay: 0.002
{train}
validation_args:
  frequency_of_the_test: 3
device_args:
  worker_num: 4
  using_gpu: false
  gpu_mapping_file: config/gpu_mapping.yaml
  gpu_mapping_key:
comm_args:
  backend: \"{backend}\"
  is_mobile: 0
tracking_args:
  log_file_dir: ./log
  enable_wandb: true
  wandb_key: none
  wandb_project: p
  wandb_name: n
  run_name: r
  using_mlops: false
{more}"
        )
    }

    /// The same with something else in a line's place.
    fn with(&self, old: &str, new: &str) -> String {
        let text = self.text();
        assert!(text.contains(old), "{old}");
        text.replace(old, new)
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
    has(&plain, "{dataset: mnist-leaf, model: lr_sigmoid, lr: 0.04}");
    has(&plain, "{client_num_in_total: 0, device: cpu, client_selection: fedml}");
    has(&plain, "{frequency_of_the_test: 3, first_test: 1, seed: 7}");
    let unsaid = ["wd", "gpu_mapping_file", "partition_method", "mode"];
    assert!(unsaid.iter().all(|name| !plain.contains_key(*name)));

    let alone = PLAIN.with("client_num_in_total: 50", "client_num_in_total: 1");
    has(&told(&alone), "{client_num_in_total: 1, partition_method: homo}");
}

#[test]
fn rates_and_decay_are_those_that_fedml_reads() {
    // `learning_rate` counts, wherever it stands.
    let opt = told(&by("FedOpt").train(SERVER).text());
    has(&opt, "{lr: 0.04, server_lr: 0.5, aggregator: fedopt}");
    let prox = told(&by("FedProx").train(SERVER).text());
    has(&prox, "{aggregator: fedavg}");
    assert!(!prox.contains_key("server_lr") && !prox.contains_key("server_step"));

    let single = by("FedProx").alone().train("  fedprox_mu: 0.1\n");
    has(&told(&single.text()), "{aggregator: fedprox, mu: 0.1}");

    let adam = told(&PLAIN.with("client_optimizer: sgd", "client_optimizer: adam"));
    has(&adam, "{client_optimizer: {name: adam, amsgrad: true}, wd: 0.002}");
}

#[test]
fn fedsgd_is_a_step_of_the_server_along_the_mean_gradient() {
    let plain = told(&by("FedSGD").text());
    has(&plain, "{algorithm: fedavg, local_steps: 1, lr: 1.0, server_step: sgd}");
    has(&plain, "{server_lr: 0.04, batch_size: 15}");
    assert!(
        ["epochs", "update"]
            .iter()
            .all(|name| !plain.contains_key(*name))
    );

    let kept = told(&by("FedSGD").train(EFTOPK).text());
    has(&kept, "{server_step: momentum, server_momentum: 0.9}");
    has(&kept, r#"{update: "topk:share=0.02"}"#);

    let lost = by("FedSGD").train(EFTOPK).with("eftopk", "topk");
    has(&told(&lost), r#"{update: "topk:share=0.02,feedback=false"}"#);
    let adam = by("FedSGD").with("client_optimizer: sgd", "client_optimizer: adam");
    assert!(refused(&adam).contains("FedSGD with adam"));
    let beyond = by("FedSGD").train(EFTOPK).with("ratio: 0.02", "ratio: 3");
    assert!(refused(&beyond).contains("compress_ratio: is not a number above 0"));
    let unsaid = by("FedSGD").train("  compression: topk\n").text();
    assert!(refused(&unsaid).contains("compress_ratio: the compression needs it"));
}

#[test]
fn groups_of_channels_share_scale_and_shift() {
    let grouped = told(&of("cifar10", "resnet18").train(GROUPS).text());
    has(&grouped, r#"{model: "resnet18:stem=large,norm=shared,channels=32"}"#);
    for wrong in ["2.5", "-2", "many"] {
        let text = of("cifar10", "resnet18")
            .train(GROUPS)
            .with("channels: 32", &format!("channels: {wrong}"));
        assert!(refused(&text).contains("group_norm_channels: is not a whole number"), "{wrong}");
    }
    let off = of("cifar10", "resnet18").train("  group_norm_channels: 0\n");
    has(&told(&off.text()), r#"{model: "resnet18:stem=large"}"#);
}

#[test]
fn the_folder_decides_between_forms_of_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let [mnist, femnist] = ["mnist", "femnist"].map(|dataset| of(dataset, "cnn").text());
    fs::write(folder.path().join("train-images-idx3-ubyte"), "").expect("writable");
    let (idx, _) = read(&mnist, folder.path()).expect("IDX files");
    has(&idx, "{dataset: mnist, partition_method: hetero, client_num_in_total: 50}");

    fs::create_dir_all(folder.path().join("train")).expect("writable");
    fs::write(folder.path().join("train/all.json"), "{}").expect("writable");
    let (leaf, _) = read(&mnist, folder.path()).expect("LEAF's JSON");
    has(&leaf, "{dataset: mnist-leaf}");
    let (femnist, _) = read(&femnist, folder.path()).expect("LEAF's JSON");
    has(&femnist, "{dataset: femnist, batch_size: 20, model: cnn_dropout_62}");
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
