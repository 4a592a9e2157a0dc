//! FLUTE's YAML: sections `model_config`, `server_config` and `client_config`; what is trained
//! follows from the task, which the model's folder tells.

mod absent;
mod client;
mod server;
mod tasks;

use super::reading::Reading;
use super::{Fate, Line, System, has_sections, line};
use crate::config::document::Entry;

/// FLUTE.
pub const SYSTEM: System = System {
    name: "FLUTE",
    is_one,
    is_flat: false,
    table: TABLE,
    always,
};

fn is_one(entries: &[Entry]) -> bool {
    has_sections(entries, &["model_config", "server_config", "client_config"])
}

// Why keys decide nothing.
const OFF: &str = "off";
const BY_DATA: &str = "the data tells";
const LOADERS: &str = "how its loaders work";
const LOGS: &str = "the run's folder has the logs";
const UNTESTED: &str = "there is no validation set, and nothing is tested before the first round";

const TABLE: &[Line] = &[
    line("strategy", Fate::Rule(server::strategy, "`aggregator`: FedAvg, FedProx")),
    line(
        "model_config.model_type",
        Fate::Rule(tasks::task, "`model` and `dataset`, by the folder"),
    ),
    line("model_config.model_folder", Fate::Rule(tasks::of_task, "of the task")),
    line("model_config.pretrained_model_path", Fate::Refused("a model to start from is not here")),
    line("model_config.input_dim", Fate::Nothing(BY_DATA)),
    line("model_config.output_dim", Fate::Nothing(BY_DATA)),
    line("model_config.embed_dim", Fate::Rule(tasks::width, "`embedding` of a GRU")),
    line("model_config.hidden_dim", Fate::Rule(tasks::width, "`units` of a GRU")),
    line("model_config.vocab_size", Fate::Rule(tasks::width, "`words` of the texts")),
    line(
        "model_config.OOV_correct",
        Fate::Nothing("unknown words are words like others here; there they never count as right"),
    ),
    line("model_config.BERT.model.model_name", Fate::Rule(tasks::size, "`size` of BERT")),
    line(
        "model_config.BERT.*",
        Fate::Nothing("Hugging Face's, of which tokens and weights are not fetched here"),
    ),
    line("model_config.*", Fate::Rule(tasks::of_task, "of the task")),
    line(
        "dp_config.enable_local_dp",
        Fate::NothingWhile(
            &["false"],
            "its noise is of other rules than that here (nearest: update clip, then noise)",
        ),
    ),
    line(
        "dp_config.enable_global_dp",
        Fate::NothingWhile(
            &["false"],
            "its noise is of other rules than that here (nearest: update clip, then noise)",
        ),
    ),
    line("dp_config.*", Fate::Rule(absent::of_privacy, "nothing while it is off; else refused")),
    line(
        "privacy_metrics_config.apply_metrics",
        Fate::NothingWhile(&["false"], "metrics of leakage are not here"),
    ),
    line(
        "privacy_metrics_config.*",
        Fate::Rule(absent::of_metrics, "nothing while they are off; else refused"),
    ),
    line(
        "server_config.wantRL",
        Fate::NothingWhile(&["false"], "weights by reinforcement learning are not here"),
    ),
    line(
        "server_config.RL.*",
        Fate::Rule(absent::of_learning, "nothing while it is off; else refused"),
    ),
    line(
        "server_config.resume_from_checkpoint",
        Fate::NothingWhile(&["false"], "a run goes on by --resume FOLDER"),
    ),
    line("server_config.do_profiling", Fate::Nothing(LOGS)),
    line("server_config.fast_aggregation", Fate::Nothing("updates are always summed as they come")),
    line("server_config.send_dicts", Fate::Nothing("weights always travel as bytes")),
    line(
        "server_config.optimizer_config.type",
        Fate::Rule(server::optimizer, "`server_step`, as torch has it"),
    ),
    line("server_config.optimizer_config.lr", Fate::Same("server_lr", "")),
    line(
        "server_config.optimizer_config.momentum",
        Fate::NothingWhile(&["0"], "the server has no momentum here; use --server_step momentum"),
    ),
    line(
        "server_config.optimizer_config.weight_decay",
        Fate::NothingWhile(&["0"], "the server does not decay here"),
    ),
    line(
        "server_config.annealing_config.type",
        Fate::Rule(
            server::annealing,
            "nothing while gamma is 1; else `server_lr_schedule`: step_lr, multi_step_lr",
        ),
    ),
    line("server_config.annealing_config.*", Fate::Rule(server::of_annealing, "of its type")),
    line("server_config.val_freq", Fate::Nothing(UNTESTED)),
    line("server_config.initial_val", Fate::Nothing(UNTESTED)),
    line("server_config.initial_rec", Fate::Nothing(UNTESTED)),
    line("server_config.rec_freq", Fate::Same("frequency_of_the_test", "")),
    line("server_config.max_iteration", Fate::Same("comm_round", "")),
    line(
        "server_config.num_clients_per_iteration",
        Fate::Rule(server::cohort, "`client_num_per_round`"),
    ),
    line("server_config.data_config.val.val_data", Fate::Nothing(UNTESTED)),
    line(
        "server_config.data_config.test.test_data",
        Fate::Rule(tasks::test_file, "`test_file` of its tasks"),
    ),
    line("server_config.data_config.*", Fate::Nothing(LOADERS)),
    line(
        "server_config.type",
        Fate::NothingWhile(
            &["model_optimization"],
            "personalisation is not here (nearest: --algorithm ditto)",
        ),
    ),
    line(
        "server_config.aggregate_median",
        Fate::Rule(server::of_weights, "nothing; DGA, whose it is, is refused"),
    ),
    line(
        "server_config.weight_train_loss",
        Fate::Rule(server::of_weights, "nothing; DGA, whose it is, is refused"),
    ),
    line(
        "server_config.softmax_beta",
        Fate::Rule(server::of_weights, "nothing; DGA, whose it is, is refused"),
    ),
    line("server_config.initial_lr_client", Fate::Same("lr", "")),
    line("server_config.lr_decay_factor", Fate::Nothing("FLUTE never reaches it")),
    line("server_config.best_model_criterion", Fate::Nothing(OFF)),
    line(
        "server_config.fall_back_to_best_model",
        Fate::Same("fall_back", "the best by the target's metric, else by accuracy, else by loss"),
    ),
    line(
        "server_config.model_backup_freq",
        Fate::Nothing("checkpoints are written as often as costs 5 %"),
    ),
    line(
        "server_config.stale_prob",
        Fate::NothingWhile(&["0"], "late updates are not here (nearest: --mode async)"),
    ),
    line("server_config.dump_norm_stats", Fate::Nothing(LOGS)),
    line("client_config.do_profiling", Fate::Nothing(LOGS)),
    line("client_config.ignore_subtask", Fate::Nothing(LOADERS)),
    line("client_config.copying_train_data", Fate::Nothing(LOADERS)),
    line("client_config.stats_on_smooth_grad", Fate::Nothing(LOGS)),
    line(
        "client_config.type",
        Fate::NothingWhile(&["optimization"], "only plain training of clients is here"),
    ),
    line("client_config.meta_learning", Fate::NothingWhile(&["basic"], "only `basic` is here")),
    line("client_config.mu", Fate::Rule(client::proximal, "`mu` of FedProx; nothing else")),
    line("client_config.data_config.train.batch_size", Fate::Same("batch_size", "")),
    line(
        "client_config.data_config.train.list_of_train_data",
        Fate::Rule(tasks::train_file, "`train_file` of its tasks"),
    ),
    line(
        "client_config.data_config.train.vocab_dict",
        Fate::Same("vocabulary", "a path as it stands"),
    ),
    line("client_config.data_config.train.max_num_words", Fate::Same("length", "")),
    line(
        "client_config.data_config.train.max_seq_length",
        Fate::Same("length", "a text a row; there they are joined"),
    ),
    line("client_config.data_config.train.mlm_probability", Fate::Same("hide", "")),
    line("client_config.data_config.train.tokenizer_type", Fate::Nothing(LOADERS)),
    line("client_config.data_config.train.tokenizer_type_fast", Fate::Nothing(LOADERS)),
    line("client_config.data_config.train.pin_memory", Fate::Nothing(LOADERS)),
    line("client_config.data_config.train.max_batch_size", Fate::Nothing(LOADERS)),
    line("client_config.data_config.train.unsorted_batch", Fate::Nothing(LOADERS)),
    line("client_config.data_config.train.num_frames", Fate::Nothing(LOADERS)),
    line(
        "client_config.data_config.train.task",
        Fate::NothingWhile(&["mlm"], "only masked words are here"),
    ),
    line("client_config.data_config.train.mask_token", Fate::Nothing(LOADERS)),
    line(
        "client_config.data_config.train.min_words_per_utt",
        Fate::Nothing("every text counts here"),
    ),
    line("client_config.data_config.train.cache_dir", Fate::Nothing(LOADERS)),
    line(
        "client_config.data_config.train.desired_max_samples",
        Fate::Rule(client::most_samples, "nothing; said"),
    ),
    line("client_config.data_config.train.max_grad_norm", Fate::Same("max_grad_norm", "")),
    line("client_config.data_config.train.loader_type", Fate::Nothing(LOADERS)),
    line("client_config.data_config.train.num_workers", Fate::Nothing(LOADERS)),
    line("client_config.data_config.train.prepend_datapath", Fate::Nothing(LOADERS)),
    line(
        "client_config.optimizer_config.type",
        Fate::Rule(client::optimizer, "`client_optimizer`: sgd, adam, adamW"),
    ),
    line(
        "client_config.optimizer_config.lr",
        Fate::Rule(client::second_rate, "nothing beside `initial_lr_client`; else `lr`"),
    ),
    line("client_config.optimizer_config.momentum", Fate::Same("momentum", "")),
    line("client_config.optimizer_config.weight_decay", Fate::Same("wd", "")),
    line("client_config.optimizer_config.amsgrad", Fate::Same("amsgrad", "")),
    line("client_config.optimizer_config.nesterov", Fate::Same("client_nesterov", "")),
    line("client_config.optimizer_config.dampening", Fate::Same("dampening", "")),
    line(
        "client_config.quant_thresh",
        Fate::Refused("rounding of changes is not here (nearest: --update topk)"),
    ),
    line(
        "client_config.quant_*",
        Fate::Rule(absent::of_rounding, "nothing while changes are not rounded; else refused"),
    ),
    line("client_config.convex_model_interp", Fate::Nothing("of personalisation")),
];

fn always(reading: &mut Reading<'_>) {
    if reading.get("strategy").is_none() {
        let reason = "without it FLUTE takes DGA, which is not here (nearest: FedAvg)";
        reading.lacks("strategy", reason);
    }
    reading.adds("client_num_in_total", 0, "as many as the data has users, as there");
    reading.adds("epochs", 1, "");
}
