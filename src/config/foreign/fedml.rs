//! FedML's `fedml_config.yaml`: sections whose titles end in `_args` and mean nothing; of a key that several versions have,
//! all of them. What decides the method is in `fedml_method`.

use super::fedml_method as method;
use super::places::{beside, data_folder, has_idx, has_leaf};
use super::reading::Reading;
use super::{Fate, Line, Named, System, Word, absent, line, named};
use crate::config::document::{Entry, Node};
use serde_yaml::Value;

pub const SYSTEM: System = System { name: "FedML", is_one, is_flat: true, table: TABLE, always };

fn is_one(entries: &[Entry]) -> bool {
    let is_title = |entry: &Entry| entry.key.ends_with("_args") && matches!(entry.node, Node::Map(_));
    entries.iter().any(is_title)
}

// Why keys decide nothing.
const PLATFORM: &str = "FedML's platform";
const TRACKER: &str = "trackers";
const OFF: &str = "off";
const LAUNCHER: &str = "the launcher tells";
const LOGS: &str = "the run's folder has the logs";

const TABLE: &[Line] = &[
    // common_args, environment_args.
    line(
        "training_type",
        Fate::NothingWhile(&["simulation"], "only `simulation` is trained here; this is another program"),
    ),
    line("random_seed", Fate::Same("seed", "")),
    line("scenario", Fate::NothingWhile(&["horizontal"], "only horizontal federated learning is here")),
    line("using_mlops", Fate::Nothing(PLATFORM)),
    line("mlops_*", Fate::Nothing(PLATFORM)),
    line("config_version", Fate::Nothing(PLATFORM)),
    line("bootstrap", Fate::Nothing(PLATFORM)),
    line("customized_training_mqtt_config", Fate::Nothing(PLATFORM)),
    line("process_id", Fate::Nothing(LAUNCHER)),
    line("debug", Fate::Nothing(LOGS)),
    line("stage", Fate::NothingWhile(&["train"], "FedNAS is not here")),
    // data_args.
    line(
        "dataset",
        Fate::Rule(
            dataset,
            "`mnist`: `mnist-leaf`, or `mnist` where the folder holds IDX files; `femnist`, `shakespeare` from LEAF's JSON",
        ),
    ),
    line("data_cache_dir", Fate::Same("data_dir", "")),
    line("data_dir", Fate::Same("data_dir", "")),
    line("download", Fate::Nothing("nothing is fetched at run time")),
    line(
        "partition_method",
        Fate::Rule(partition_method, "the same, where the data does not come divided by its users"),
    ),
    line("partition_alpha", Fate::Rule(partition_alpha, "the same, of `hetero`, where the data does not come divided")),
    // model_args.
    line("model", Fate::Rule(model, "`lr`: `lr_sigmoid`; `cnn`: `cnn_dropout_62`; `rnn`")),
    line("group_norm_channels", Fate::NothingWhile(&["0"], "group normalisation is not here (nearest: batch's)")),
    // train_args.
    line("federated_optimizer", Fate::Rule(method::algorithm, "`aggregator`, or the asynchronous mode")),
    line("client_id_list", Fate::Nothing(LAUNCHER)),
    line(
        "client_num_in_total",
        Fate::Rule(clients, "0 (as many as the data has users), or the same; 1 puts all data in one client"),
    ),
    line("client_num_per_round", Fate::Same("client_num_per_round", "")),
    line("comm_round", Fate::Same("comm_round", "")),
    line("epochs", Fate::Same("epochs", "")),
    line("batch_size", Fate::Rule(batch_size, "the same; sets of TFF have sizes of their own there, which are taken")),
    line("client_optimizer", Fate::Rule(method::optimizer, "`client_optimizer`; adam with `amsgrad`")),
    line("learning_rate", Fate::Same("lr", "")),
    line("lr", Fate::Rule(method::second_rate, "nothing beside `learning_rate`; else `lr`")),
    line("weight_decay", Fate::Rule(method::decay, "`wd` of adam; nothing with sgd, whose decay FedML ignores")),
    line("wd", Fate::Rule(method::decay, "`wd` of adam; nothing with sgd, whose decay FedML ignores")),
    line("momentum", Fate::Rule(method::momentum, "`momentum` of FedNova; nothing else, as FedML's SGD ignores it")),
    line("nesterov", Fate::Rule(method::of_fednova, "nothing, or 0 with FedNova; else refused")),
    line("dampening", Fate::Rule(method::of_fednova, "nothing, or 0 with FedNova; else refused")),
    line("gmf", Fate::Rule(method::of_fednova, "nothing, or 0 with FedNova; else refused")),
    line("mu", Fate::Rule(method::of_fednova, "nothing, or 0 with FedNova; else refused")),
    line("lr_schedule", Fate::Nothing(method::UNUSED_SCHEDULE)),
    line("lr_step_size", Fate::Nothing(method::UNUSED_SCHEDULE)),
    line("lr_milestones", Fate::Nothing(method::UNUSED_SCHEDULE)),
    line("lr_decay_rate", Fate::Nothing(method::UNUSED_SCHEDULE)),
    line(
        "server_optimizer",
        Fate::Rule(method::server_optimizer, "`server_step` of FedOpt, as torch has it; nothing else"),
    ),
    line("server_lr", Fate::Rule(method::server_lr, "`server_lr` of FedOpt; nothing else")),
    line("server_momentum", Fate::Rule(method::server_momentum, "`server_momentum` of FedOpt with sgd; nothing else")),
    line("fedprox_mu", Fate::Rule(method::proximal, "`mu` of FedProx; nothing else")),
    line("feddyn_alpha", Fate::Rule(method::regulariser, "`feddyn_alpha` of FedDyn; nothing else")),
    line("ci", Fate::Rule(ci, "the same; at most 1000 test samples, there only client 0")),
    // validation_args.
    line("frequency_of_the_test", Fate::Same("frequency_of_the_test", "")),
    // device_args, comm_args.
    line("worker_num", Fate::Nothing(LAUNCHER)),
    line("using_gpu", Fate::Rule(using_gpu, "`device`: true `auto`, false `cpu`")),
    line(
        "gpu_mapping_file",
        Fate::Rule(mapping, "the same while a GPU is used; a file is looked for beside the config and above it too"),
    ),
    line(
        "gpu_mapping_key",
        Fate::Rule(mapping, "the same while a GPU is used; a file is looked for beside the config and above it too"),
    ),
    line(
        "gpu_util_parse",
        Fate::Rule(mapping, "the same while a GPU is used; a file is looked for beside the config and above it too"),
    ),
    line("gpu_id", Fate::Nothing("the mapping tells")),
    line("gpu_ids", Fate::Nothing("the mapping tells")),
    line("device_type", Fate::Nothing("the mapping tells")),
    line("gpu_server_num", Fate::Nothing("the mapping tells")),
    line("gpu_num_per_server", Fate::Nothing("the mapping tells")),
    line("backend", Fate::NothingWhile(&["MPI", "NCCL", "sp"], "is no backend of simulations here (MPI carries all)")),
    line("is_mobile", Fate::Nothing("weights always travel as bytes")),
    line("grpc_ipconfig_path", Fate::Nothing("MPI carries all")),
    line("trpc_master_config_path", Fate::Nothing("MPI carries all")),
    // tracking_args.
    line("enable_wandb", Fate::Nothing(TRACKER)),
    line("wandb_*", Fate::Nothing(TRACKER)),
    line("enable_tracking", Fate::Nothing(TRACKER)),
    line("tracking_runtime", Fate::Nothing(TRACKER)),
    line("run_name", Fate::Nothing(TRACKER)),
    line("log_file_dir", Fate::Nothing(LOGS)),
    line("log_server_url", Fate::Nothing(PLATFORM)),
    line(
        "simulation_schedule",
        Fate::Rule(method::schedule, "`scheduler: runtime` with FedAvg_seq and FedOpt_seq; nothing else"),
    ),
    line("runtime_est_mode", Fate::Rule(method::estimate, "nothing; no result depends on it")),
    line(
        "simulation_gpu_hetero",
        Fate::Rule(method::slow_gpus, "`worker_slowdown` with FedAvg_seq and FedOpt_seq; nothing else"),
    ),
    line(
        "gpu_hetero_ratio",
        Fate::Rule(method::slow_gpus, "`worker_slowdown` with FedAvg_seq and FedOpt_seq; nothing else"),
    ),
    line(
        "simulation_environment_hetero",
        Fate::Rule(method::waves, "`worker_slowdown: cos` with FedAvg_seq and FedOpt_seq; nothing else"),
    ),
    line(
        "environment_hetero_ratio",
        Fate::Rule(method::waves, "`worker_slowdown: cos` with FedAvg_seq and FedOpt_seq; nothing else"),
    ),
    // attack_args, defense_args, dp_args.
    line("enable_attack", Fate::NothingWhile(&["false"], "attacks are not here")),
    line("attack_*", Fate::Rule(of_attack, "nothing while attacks are off; else refused")),
    line("poison*", Fate::Rule(of_attack, "nothing while attacks are off; else refused")),
    line("original_class_list", Fate::Rule(of_attack, "nothing while attacks are off; else refused")),
    line("target_class_list", Fate::Rule(of_attack, "nothing while attacks are off; else refused")),
    line("ratio_of_poisoned_client", Fate::Rule(of_attack, "nothing while attacks are off; else refused")),
    line("backdoor_*", Fate::Rule(of_attack, "nothing while attacks are off; else refused")),
    line(
        "byzantine_client_num",
        Fate::Rule(of_attack_or_defense, "nothing while attacks and defences are off; else refused"),
    ),
    line(
        "enable_defense",
        Fate::Rule(method::defense, "`update: clip` for norm_diff_clipping; others are refused while on"),
    ),
    line(
        "defense_type",
        Fate::Rule(
            method::of_defense,
            "nothing while defences are off; of norm_diff_clipping `update: clip`; else refused",
        ),
    ),
    line(
        "norm_bound",
        Fate::Rule(
            method::of_defense,
            "nothing while defences are off; of norm_diff_clipping `update: clip`; else refused",
        ),
    ),
    line(
        "stddev",
        Fate::Rule(
            method::of_defense,
            "nothing while defences are off; of norm_diff_clipping `update: clip`; else refused",
        ),
    ),
    line(
        "krum_*",
        Fate::Rule(
            method::of_defense,
            "nothing while defences are off; of norm_diff_clipping `update: clip`; else refused",
        ),
    ),
    line(
        "multi",
        Fate::Rule(
            method::of_defense,
            "nothing while defences are off; of norm_diff_clipping `update: clip`; else refused",
        ),
    ),
    line(
        "trim_param_b",
        Fate::Rule(
            method::of_defense,
            "nothing while defences are off; of norm_diff_clipping `update: clip`; else refused",
        ),
    ),
    line(
        "option_type",
        Fate::Rule(
            method::of_defense,
            "nothing while defences are off; of norm_diff_clipping `update: clip`; else refused",
        ),
    ),
    line(
        "robust_threshold",
        Fate::Rule(
            method::of_defense,
            "nothing while defences are off; of norm_diff_clipping `update: clip`; else refused",
        ),
    ),
    line(
        "bucket_size",
        Fate::Rule(
            method::of_defense,
            "nothing while defences are off; of norm_diff_clipping `update: clip`; else refused",
        ),
    ),
    line(
        "batch_num",
        Fate::Rule(
            method::of_defense,
            "nothing while defences are off; of norm_diff_clipping `update: clip`; else refused",
        ),
    ),
    line(
        "alpha",
        Fate::Rule(
            method::of_defense,
            "nothing while defences are off; of norm_diff_clipping `update: clip`; else refused",
        ),
    ),
    line("enable_dp", Fate::NothingWhile(&["false"], "differential privacy is not here (nearest: update clip)")),
    line("dp_*", Fate::Rule(of_privacy, "nothing while differential privacy is off; else refused")),
    line("mechanism_type", Fate::Rule(of_privacy, "nothing while differential privacy is off; else refused")),
    line("epsilon", Fate::Rule(of_privacy, "nothing while differential privacy is off; else refused")),
    line("delta", Fate::Rule(of_privacy, "nothing while differential privacy is off; else refused")),
    line("sensitivity", Fate::Rule(of_privacy, "nothing while differential privacy is off; else refused")),
    line("clipping_norm", Fate::Rule(of_privacy, "nothing while differential privacy is off; else refused")),
    line("noise_multiplier", Fate::Rule(of_privacy, "nothing while differential privacy is off; else refused")),
    line("max_grad_norm", Fate::Rule(of_privacy, "nothing while differential privacy is off; else refused")),
    line("enable_rdp_accountant", Fate::Rule(of_privacy, "nothing while differential privacy is off; else refused")),
];

/// Data sets that come with their users.
const OWNED: &[&str] = &["mnist", "femnist", "shakespeare"];
/// Data sets whose batches have a size of their own there.
const FIXED_BATCHES: &[(&str, i64)] = &[
    ("femnist", 20),
    ("fed_cifar100", 20),
    ("fed_shakespeare", 4),
    ("stackoverflow_nwp", 16),
    ("stackoverflow_lr", 100),
];

/// Data sets by FedML's names, and what is nearest to those that are not here.
const DATASETS: &[Named] = &[
    absent("synthetic_1_1", "nearest: `synthetic`, the same law, generated"),
    absent("cifar10", "nearest: `mnist`"),
    absent("cifar100", "nearest: `mnist`"),
    absent("cinic10", "nearest: `mnist`"),
    absent("fed_cifar100", "TFF's HDF5 is not read"),
    absent("fed_shakespeare", "TFF's HDF5 is not read; nearest: `shakespeare`"),
    absent("stackoverflow_lr", "TFF's HDF5 is not read"),
    absent("stackoverflow_nwp", "TFF's HDF5 is not read"),
    absent("reddit", "nearest: `shakespeare`"),
    absent("lending_club_loan", "tables are not read"),
    absent("ILSVRC2012", "nearest: `mnist`"),
    absent("gld23k", "nearest: `femnist`"),
    absent("gld160k", "nearest: `femnist`"),
];

/// Models by FedML's names.
const MODELS: &[Named] = &[
    named("lr", "lr_sigmoid", ""),
    named("cnn", "cnn_dropout_62", ""),
    named("rnn", "rnn", "as many outputs as the data has characters; 90 there"),
    absent("resnet56", "nearest: `resnet20`"),
    absent("resnet18_gn", "nearest: `resnet18`, with batch normalisation"),
    absent("resnet18_torch", "nearest: `resnet18`"),
    absent("resnet18", "with group normalisation there; nearest: `resnet18` of our own files"),
    absent("mobilenet", "nearest: `resnet20`"),
    absent("mobilenet_v3", "nearest: `resnet20`"),
    absent("efficientnet", "nearest: `resnet20`"),
    absent("darts", "FedNAS is not here"),
    absent("GAN", "FedGAN is not here"),
];

/// Cohorts are drawn by FedML's generator; rounds are tested from the first on, or from the second multiple.
fn always(reading: &mut Reading<'_>) {
    let every = reading.number("frequency_of_the_test").unwrap_or(1.0) as i64;
    let first = if method::is_sequential(reading) { 1 + every } else { 1 };
    reading.adds("client_selection", "fedml", "");
    reading.adds("first_test", first.max(1), "");
}

/// Whether the data comes divided by its users, as far as the file says and the folder holds.
fn is_owned(reading: &Reading<'_>) -> bool {
    let folder = folder(reading);
    match reading.text("dataset").as_str() {
        "mnist" => has_leaf(&folder.join("MNIST")) || has_leaf(&folder) || !has_idx(&folder),
        name => OWNED.contains(&name),
    }
}

fn folder(reading: &Reading<'_>) -> std::path::PathBuf {
    let key = if reading.get("data_cache_dir").is_some() { "data_cache_dir" } else { "data_dir" };
    data_folder(reading, key)
}

fn dataset(reading: &mut Reading<'_>, word: &Word) {
    let (folder, owned) = (folder(reading), is_owned(reading));
    let ours = |name: &str| Value::from(name);
    match reading.text(&word.key).as_str() {
        "mnist" if owned => {
            reading.becomes(
                word,
                "dataset",
                ours("mnist-leaf"),
                "as FedML's archive has it: standardised, by 1000 users",
            );
        }
        "mnist" => {
            let note = "no MNIST/train/*.json in the folder, but IDX files: these, divided by partition_method";
            reading.becomes(word, "dataset", ours("mnist"), note);
        }
        "femnist" if has_leaf(&folder) => {
            let note =
                "LEAF's JSON, which the folder holds, for TFF's HDF5; clients weigh by samples, by batches there";
            reading.becomes(word, "dataset", ours("femnist"), note);
        }
        "femnist" => {
            reading.refuse(word, "TFF's HDF5 is not read, and the folder has no train/*.json (nearest: LEAF's JSON)");
        }
        "shakespeare" => {
            let note = "from data_cache_dir; there from ../../../data/shakespeare; 80 characters, 90 there";
            reading.becomes(word, "dataset", ours("shakespeare"), note);
        }
        _ => reading.name(word, "dataset", DATASETS),
    }
}

fn clients(reading: &mut Reading<'_>, word: &Word) {
    match (is_owned(reading), reading.number(&word.key)) {
        (true, Some(1.0)) => {
            reading.same(word, &word.key, "all data in one client, as there");
            reading.adds("partition_method", "homo", "all data in one client");
        }
        (true, Some(_)) => {
            reading.becomes(word, &word.key, 0.into(), "as many as the data has users, as there");
        }
        _ => reading.same(word, &word.key, ""),
    }
}

/// Why a partition decides nothing.
const DIVIDED: &str = "the data comes divided by its users";

fn partition_method(reading: &mut Reading<'_>, word: &Word) {
    match is_owned(reading) {
        true => reading.nothing(word, DIVIDED),
        false if reading.says(&word.key, &["homo", "hetero"]) => reading.same(word, "partition_method", ""),
        false => reading.refuse(word, "this partition is not here (nearest: homo, hetero, or --partition_load FILE)"),
    }
}

fn partition_alpha(reading: &mut Reading<'_>, word: &Word) {
    match is_owned(reading) {
        true => reading.nothing(word, DIVIDED),
        false if reading.says("partition_method", &["hetero"]) => reading.same(word, "partition_alpha", ""),
        false => reading.nothing(word, "of partition_method hetero"),
    }
}

fn model(reading: &mut Reading<'_>, word: &Word) {
    let theirs = reading.text(&word.key);
    match MODELS.iter().any(|named| named.theirs == theirs) {
        true => reading.name(word, "model", MODELS),
        false => reading.same(word, "model", ""),
    }
}

fn batch_size(reading: &mut Reading<'_>, word: &Word) {
    let dataset = reading.text("dataset");
    match FIXED_BATCHES.iter().find(|(name, _)| *name == dataset) {
        Some((_, size)) => {
            reading.becomes(word, "batch_size", (*size).into(), "its batches have this size there, whatever is said")
        }
        None => reading.same(word, "batch_size", ""),
    }
}

fn ci(reading: &mut Reading<'_>, word: &Word) {
    let note = if reading.says("ci", &["0"]) { "" } else { "at most 1000 test samples; there only client 0" };
    reading.same(word, "ci", note);
}

fn using_gpu(reading: &mut Reading<'_>, word: &Word) {
    match word.value {
        Value::Bool(true) => reading.becomes(word, "device", "auto".into(), ""),
        Value::Bool(false) => reading.becomes(word, "device", "cpu".into(), ""),
        _ => reading.refuse(word, "is neither true nor false"),
    }
}

fn mapping(reading: &mut Reading<'_>, word: &Word) {
    if reading.says("using_gpu", &["false"]) {
        return reading.nothing(word, "no GPU is used");
    }
    match word.key.as_str() {
        "gpu_mapping_file" => {
            let file = beside(reading.around, &reading.text(&word.key));
            reading.becomes(word, &word.key, file.display().to_string().into(), "");
        }
        key => reading.same(word, key, ""),
    }
}

fn of_attack(reading: &mut Reading<'_>, word: &Word) {
    match reading.says("enable_attack", &["true"]) {
        true => reading.refuse(word, "of an attack, which is not here"),
        false => reading.nothing(word, OFF),
    }
}

fn of_attack_or_defense(reading: &mut Reading<'_>, word: &Word) {
    match reading.says("enable_attack", &["true"]) {
        true => of_attack(reading, word),
        false => method::of_defense(reading, word),
    }
}

fn of_privacy(reading: &mut Reading<'_>, word: &Word) {
    match reading.says("enable_dp", &["true"]) {
        true => reading.refuse(word, "of differential privacy, which is not here"),
        false => reading.nothing(word, OFF),
    }
}
