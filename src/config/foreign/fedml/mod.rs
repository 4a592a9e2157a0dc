//! FedML's `fedml_config.yaml`: sections whose titles end in `_args` and mean nothing; the keys of
//! all its versions.

mod data;
mod method;

use super::places::beside;
use super::reading::Reading;
use super::{Fate, Line, System, Word, line};
use crate::config::document::{Entry, Node};
use serde_yaml::Value;

/// FedML.
pub const SYSTEM: System = System {
    name: "FedML",
    is_one,
    is_flat: true,
    table: TABLE,
    always,
};

fn is_one(entries: &[Entry]) -> bool {
    let is_title =
        |entry: &Entry| entry.key.ends_with("_args") && matches!(entry.node, Node::Map(_));
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
        Fate::NothingWhile(
            &["simulation"],
            "only `simulation` is trained here; this is another program",
        ),
    ),
    line("random_seed", Fate::Same("seed", "")),
    line(
        "scenario",
        Fate::NothingWhile(&["horizontal"], "only horizontal federated learning is here"),
    ),
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
            data::dataset,
            "`mnist`: `mnist-leaf`, or `mnist` where the folder holds IDX files; `femnist`: LEAF's JSON, else TFF's HDF5; others by name",
        ),
    ),
    line("data_cache_dir", Fate::Same("data_dir", "")),
    line("data_dir", Fate::Same("data_dir", "")),
    line("download", Fate::Nothing("nothing is fetched at run time")),
    line(
        "partition_method",
        Fate::Rule(
            data::partition_method,
            "the same, where the data does not come divided by its users",
        ),
    ),
    line(
        "partition_alpha",
        Fate::Rule(
            data::partition_alpha,
            "the same, of `hetero`, where the data does not come divided",
        ),
    ),
    // model_args.
    line("model", Fate::Rule(data::model, "`lr`: `lr_sigmoid`; `cnn`: `cnn_dropout_62`; `rnn`")),
    line(
        "group_norm_channels",
        Fate::NothingWhile(&["0"], "group normalisation is not here (nearest: batch's)"),
    ),
    // train_args.
    line(
        "federated_optimizer",
        Fate::Rule(method::algorithm, "`aggregator`, or the asynchronous mode"),
    ),
    line("client_id_list", Fate::Nothing(LAUNCHER)),
    line(
        "client_num_in_total",
        Fate::Rule(
            data::clients,
            "0 (as many as the data has users), or the same; 1 puts all data in one client",
        ),
    ),
    line("client_num_per_round", Fate::Same("client_num_per_round", "")),
    line("comm_round", Fate::Same("comm_round", "")),
    line("epochs", Fate::Same("epochs", "")),
    line(
        "batch_size",
        Fate::Rule(
            data::batch_size,
            "the same; sets of TFF have sizes of their own there, which are taken",
        ),
    ),
    line(
        "client_optimizer",
        Fate::Rule(method::optimizer, "`client_optimizer`; adam with `amsgrad`"),
    ),
    line("learning_rate", Fate::Same("lr", "")),
    line("lr", Fate::Rule(method::second_rate, "nothing beside `learning_rate`; else `lr`")),
    line(
        "weight_decay",
        Fate::Rule(method::decay, "`wd` of adam; nothing with sgd, whose decay FedML ignores"),
    ),
    line(
        "wd",
        Fate::Rule(method::decay, "`wd` of adam; nothing with sgd, whose decay FedML ignores"),
    ),
    line(
        "momentum",
        Fate::Rule(
            method::momentum,
            "`momentum` of FedNova; nothing else, as FedML's SGD ignores it",
        ),
    ),
    line(
        "nesterov",
        Fate::Rule(
            method::of_momentum,
            "`client_nesterov` of FedNova; nothing else, as FedML's SGD ignores it",
        ),
    ),
    line(
        "dampening",
        Fate::Rule(
            method::of_momentum,
            "`dampening` of FedNova; nothing else, as FedML's SGD ignores it",
        ),
    ),
    line("gmf", Fate::Rule(method::of_fednova, "nothing, or 0 with FedNova; else refused")),
    line("mu", Fate::Rule(method::of_fednova, "nothing, or 0 with FedNova; else refused")),
    line("lr_schedule", Fate::Nothing(method::UNUSED_SCHEDULE)),
    line("lr_step_size", Fate::Nothing(method::UNUSED_SCHEDULE)),
    line("lr_milestones", Fate::Nothing(method::UNUSED_SCHEDULE)),
    line("lr_decay_rate", Fate::Nothing(method::UNUSED_SCHEDULE)),
    line(
        "server_optimizer",
        Fate::Rule(
            method::server_optimizer,
            "`server_step` of FedOpt, as torch has it; nothing else",
        ),
    ),
    line("server_lr", Fate::Rule(method::server_lr, "`server_lr` of FedOpt; nothing else")),
    line(
        "server_momentum",
        Fate::Rule(method::server_momentum, "`server_momentum` of FedOpt with sgd; nothing else"),
    ),
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
        Fate::Rule(
            mapping,
            "the same while a GPU is used; a file is looked for beside the config and above it too",
        ),
    ),
    line(
        "gpu_mapping_key",
        Fate::Rule(
            mapping,
            "the same while a GPU is used; a file is looked for beside the config and above it too",
        ),
    ),
    line(
        "gpu_util_parse",
        Fate::Rule(
            mapping,
            "the same while a GPU is used; a file is looked for beside the config and above it too",
        ),
    ),
    line("gpu_id", Fate::Nothing("the mapping tells")),
    line("gpu_ids", Fate::Nothing("the mapping tells")),
    line("device_type", Fate::Nothing("the mapping tells")),
    line("gpu_server_num", Fate::Nothing("the mapping tells")),
    line("gpu_num_per_server", Fate::Nothing("the mapping tells")),
    line(
        "backend",
        Fate::NothingWhile(
            &["MPI", "NCCL", "sp"],
            "is no backend of simulations here (MPI carries all)",
        ),
    ),
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
        Fate::Rule(
            method::schedule,
            "`scheduler: runtime` with FedAvg_seq and FedOpt_seq; nothing else",
        ),
    ),
    line("runtime_est_mode", Fate::Rule(method::estimate, "nothing; no result depends on it")),
    line(
        "simulation_gpu_hetero",
        Fate::Rule(
            method::slow_gpus,
            "`worker_slowdown` with FedAvg_seq and FedOpt_seq; nothing else",
        ),
    ),
    line(
        "gpu_hetero_ratio",
        Fate::Rule(
            method::slow_gpus,
            "`worker_slowdown` with FedAvg_seq and FedOpt_seq; nothing else",
        ),
    ),
    line(
        "simulation_environment_hetero",
        Fate::Rule(
            method::waves,
            "`worker_slowdown: cos` with FedAvg_seq and FedOpt_seq; nothing else",
        ),
    ),
    line(
        "environment_hetero_ratio",
        Fate::Rule(
            method::waves,
            "`worker_slowdown: cos` with FedAvg_seq and FedOpt_seq; nothing else",
        ),
    ),
    // attack_args, defense_args, dp_args.
    line("enable_attack", Fate::NothingWhile(&["false"], "attacks are not here")),
    line("attack_*", Fate::Rule(of_attack, "nothing while attacks are off; else refused")),
    line("poison*", Fate::Rule(of_attack, "nothing while attacks are off; else refused")),
    line(
        "original_class_list",
        Fate::Rule(of_attack, "nothing while attacks are off; else refused"),
    ),
    line("target_class_list", Fate::Rule(of_attack, "nothing while attacks are off; else refused")),
    line(
        "ratio_of_poisoned_client",
        Fate::Rule(of_attack, "nothing while attacks are off; else refused"),
    ),
    line("backdoor_*", Fate::Rule(of_attack, "nothing while attacks are off; else refused")),
    line(
        "byzantine_client_num",
        Fate::Rule(
            of_attack_or_defense,
            "nothing while attacks and defences are off; else refused",
        ),
    ),
    line(
        "enable_defense",
        Fate::Rule(
            method::defense,
            "`update: clip` for norm_diff_clipping; others are refused while on",
        ),
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
    line(
        "enable_dp",
        Fate::NothingWhile(&["false"], "differential privacy is not here (nearest: update clip)"),
    ),
    line("dp_*", Fate::Rule(of_privacy, "nothing while differential privacy is off; else refused")),
    line(
        "mechanism_type",
        Fate::Rule(of_privacy, "nothing while differential privacy is off; else refused"),
    ),
    line(
        "epsilon",
        Fate::Rule(of_privacy, "nothing while differential privacy is off; else refused"),
    ),
    line(
        "delta",
        Fate::Rule(of_privacy, "nothing while differential privacy is off; else refused"),
    ),
    line(
        "sensitivity",
        Fate::Rule(of_privacy, "nothing while differential privacy is off; else refused"),
    ),
    line(
        "clipping_norm",
        Fate::Rule(of_privacy, "nothing while differential privacy is off; else refused"),
    ),
    line(
        "noise_multiplier",
        Fate::Rule(of_privacy, "nothing while differential privacy is off; else refused"),
    ),
    line(
        "max_grad_norm",
        Fate::Rule(of_privacy, "nothing while differential privacy is off; else refused"),
    ),
    line(
        "enable_rdp_accountant",
        Fate::Rule(of_privacy, "nothing while differential privacy is off; else refused"),
    ),
];

/// Cohorts are drawn by FedML's generator; rounds are tested from the first on, or from the second
/// multiple.
fn always(reading: &mut Reading<'_>) {
    let every = reading.number("frequency_of_the_test").unwrap_or(1.0) as i64;
    let first = if method::is_sequential(reading) {
        1 + every
    } else {
        1
    };
    reading.adds("client_selection", "fedml", "");
    reading.adds("first_test", first.max(1), "");
}

fn ci(reading: &mut Reading<'_>, word: &Word) {
    let note = if reading.says("ci", &["0"]) {
        ""
    } else {
        "at most 1000 test samples; there only client 0"
    };
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
