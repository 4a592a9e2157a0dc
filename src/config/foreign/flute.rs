//! FLUTE's YAML: sections `model_config`, `server_config` and `client_config`; what is trained follows from the task,
//! which the model's folder tells.

use super::places::{data_folder, has_leaf};
use super::reading::Reading;
use super::{Fate, Line, System, Word, has_sections, line, steps};
use crate::config::document::Entry;
use serde_yaml::Mapping;

/// FLUTE.
pub const SYSTEM: System = System { name: "FLUTE", is_one, is_flat: false, table: TABLE, always };

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
    line("strategy", Fate::Rule(strategy, "`aggregator`: FedAvg, FedProx")),
    line("model_config.model_type", Fate::Rule(task, "`model` and `dataset`, by the folder")),
    line("model_config.model_folder", Fate::Rule(of_task, "of the task")),
    line("model_config.pretrained_model_path", Fate::Refused("a model to start from is not here")),
    line("model_config.input_dim", Fate::Nothing(BY_DATA)),
    line("model_config.output_dim", Fate::Nothing(BY_DATA)),
    line("model_config.*", Fate::Rule(of_task, "of the task")),
    line("dp_config.enable_local_dp", Fate::NothingWhile(&["false"], "differential privacy is not here")),
    line("dp_config.enable_global_dp", Fate::NothingWhile(&["false"], "differential privacy is not here")),
    line("dp_config.*", Fate::Rule(of_privacy, "nothing while it is off; else refused")),
    line("privacy_metrics_config.apply_metrics", Fate::NothingWhile(&["false"], "metrics of leakage are not here")),
    line("privacy_metrics_config.*", Fate::Rule(of_metrics, "nothing while they are off; else refused")),
    line("server_config.wantRL", Fate::NothingWhile(&["false"], "weights by reinforcement learning are not here")),
    line("server_config.RL.*", Fate::Rule(of_learning, "nothing while it is off; else refused")),
    line("server_config.resume_from_checkpoint", Fate::NothingWhile(&["false"], "a run goes on by --resume FOLDER")),
    line("server_config.do_profiling", Fate::Nothing(LOGS)),
    line("server_config.fast_aggregation", Fate::Nothing("updates are always summed as they come")),
    line("server_config.send_dicts", Fate::Nothing("weights always travel as bytes")),
    line("server_config.optimizer_config.type", Fate::Rule(server_optimizer, "`server_step`, as torch has it")),
    line("server_config.optimizer_config.lr", Fate::Same("server_lr", "")),
    line(
        "server_config.optimizer_config.momentum",
        Fate::NothingWhile(&["0"], "the server has no momentum here; use --server_step momentum"),
    ),
    line("server_config.optimizer_config.weight_decay", Fate::NothingWhile(&["0"], "the server does not decay here")),
    line(
        "server_config.annealing_config.type",
        Fate::Rule(annealing, "nothing while gamma is 1; else `server_lr_schedule`: step_lr, multi_step_lr"),
    ),
    line("server_config.annealing_config.*", Fate::Rule(of_annealing, "of its type")),
    line("server_config.val_freq", Fate::Nothing(UNTESTED)),
    line("server_config.initial_val", Fate::Nothing(UNTESTED)),
    line("server_config.initial_rec", Fate::Nothing(UNTESTED)),
    line("server_config.rec_freq", Fate::Same("frequency_of_the_test", "")),
    line("server_config.max_iteration", Fate::Same("comm_round", "")),
    line("server_config.num_clients_per_iteration", Fate::Rule(cohort, "`client_num_per_round`")),
    line(
        "server_config.data_config.val.val_data",
        Fate::Refused("files are named by the data set here (nearest: --dataset flute:train_file=FILE,test_file=FILE)"),
    ),
    line(
        "server_config.data_config.test.test_data",
        Fate::Refused("files are named by the data set here (nearest: --dataset flute:train_file=FILE,test_file=FILE)"),
    ),
    line("server_config.data_config.*", Fate::Nothing(LOADERS)),
    line(
        "server_config.type",
        Fate::NothingWhile(&["model_optimization"], "personalisation is not here (nearest: --algorithm ditto)"),
    ),
    line("server_config.aggregate_median", Fate::Rule(of_weights, "nothing; DGA, whose it is, is refused")),
    line("server_config.weight_train_loss", Fate::Rule(of_weights, "nothing; DGA, whose it is, is refused")),
    line("server_config.softmax_beta", Fate::Rule(of_weights, "nothing; DGA, whose it is, is refused")),
    line("server_config.initial_lr_client", Fate::Same("lr", "")),
    line("server_config.lr_decay_factor", Fate::Nothing("FLUTE never reaches it")),
    line("server_config.best_model_criterion", Fate::Nothing(OFF)),
    line(
        "server_config.fall_back_to_best_model",
        Fate::Same("fall_back", "the best by the target's metric, else by accuracy, else by loss"),
    ),
    line("server_config.model_backup_freq", Fate::Nothing("checkpoints are written as often as costs 5 %")),
    line("server_config.stale_prob", Fate::NothingWhile(&["0"], "late updates are not here (nearest: --mode async)")),
    line("server_config.dump_norm_stats", Fate::Nothing(LOGS)),
    line("client_config.do_profiling", Fate::Nothing(LOGS)),
    line("client_config.ignore_subtask", Fate::Nothing(LOADERS)),
    line("client_config.copying_train_data", Fate::Nothing(LOADERS)),
    line("client_config.stats_on_smooth_grad", Fate::Nothing(LOGS)),
    line("client_config.type", Fate::NothingWhile(&["optimization"], "only plain training of clients is here")),
    line("client_config.meta_learning", Fate::NothingWhile(&["basic"], "only `basic` is here")),
    line("client_config.mu", Fate::Rule(proximal, "`mu` of FedProx; nothing else")),
    line("client_config.data_config.train.batch_size", Fate::Same("batch_size", "")),
    line(
        "client_config.data_config.train.list_of_train_data",
        Fate::Refused("files are named by the data set here (nearest: --dataset flute:train_file=FILE,test_file=FILE)"),
    ),
    line("client_config.data_config.train.desired_max_samples", Fate::Rule(most_samples, "nothing; said")),
    line("client_config.data_config.train.max_grad_norm", Fate::Same("max_grad_norm", "")),
    line("client_config.data_config.train.loader_type", Fate::Nothing(LOADERS)),
    line("client_config.data_config.train.num_workers", Fate::Nothing(LOADERS)),
    line("client_config.data_config.train.prepend_datapath", Fate::Nothing(LOADERS)),
    line("client_config.optimizer_config.type", Fate::Rule(optimizer, "`client_optimizer`: sgd, adam, adamW")),
    line("client_config.optimizer_config.lr", Fate::Rule(second_rate, "nothing beside `initial_lr_client`; else `lr`")),
    line("client_config.optimizer_config.momentum", Fate::Same("momentum", "")),
    line("client_config.optimizer_config.weight_decay", Fate::Same("wd", "")),
    line("client_config.optimizer_config.amsgrad", Fate::Same("amsgrad", "")),
    line("client_config.optimizer_config.nesterov", Fate::Same("client_nesterov", "")),
    line("client_config.optimizer_config.dampening", Fate::Same("dampening", "")),
    line("client_config.quant_thresh", Fate::Refused("rounding of changes is not here (nearest: --update topk)")),
    line("client_config.quant_*", Fate::Rule(of_rounding, "nothing while changes are not rounded; else refused")),
    line("client_config.convex_model_interp", Fate::Nothing("of personalisation")),
];

/// A task that is here: its folder and model, and what they are.
struct Task {
    folder: &'static str,
    theirs: &'static str,
    model: &'static str,
    dataset: &'static str,
}

const TASKS: &[Task] = &[
    Task { folder: "cv_lr_mnist", theirs: "LR", model: "lr_sigmoid", dataset: "mnist-leaf" },
    Task { folder: "cv_cnn_femnist", theirs: "CNN", model: "cnn_dropout_62", dataset: "femnist" },
];

/// Tasks that are not here, and why.
const ABSENT: &[(&str, &str)] = &[
    ("cv_resnet_fedcifar100", "its ResNet-18 (nearest: dataset fed_cifar100, model resnet18:stem=large,norm=pairs)"),
    ("nlp_rnn_fedshakespeare", "its own RNN (nearest: dataset fed_shakespeare, model rnn)"),
    ("classif_cnn", "its small CNN (nearest: dataset flute, model lenet)"),
    ("ecg_cnn", "a network for heart beats (nearest: dataset flute)"),
    ("semisupervision", "semi-supervised training"),
    ("fednewsrec", "news data"),
    ("mlm_bert", "BERT"),
    ("nlg_gru", "a GRU over words (nearest: dataset flute_text, model rnn)"),
    ("experiments/cv/", "personalisation"),
];

fn always(reading: &mut Reading<'_>) {
    if reading.get("strategy").is_none() {
        reading.lacks("strategy", "without it FLUTE takes DGA, which is not here (nearest: FedAvg)");
    }
    reading.adds("client_num_in_total", 0, "as many as the data has users, as there");
    reading.adds("epochs", 1, "");
}

fn task(reading: &mut Reading<'_>, word: &Word) {
    let (folder, theirs) = (reading.text("model_config.model_folder"), reading.text(&word.key));
    if let Some(task) = TASKS.iter().find(|task| folder.contains(task.folder) && task.theirs == theirs) {
        reading.becomes(word, "model", task.model.into(), "");
        let files = data_folder(reading, "");
        let note = match has_leaf(&files) || has_leaf(&files.join("MNIST")) {
            true => "by its folder",
            false => "by its folder; --data_dir names where LEAF's JSON lies",
        };
        return reading.adds("dataset", task.dataset, note);
    }
    let needs = ABSENT.iter().find(|(name, _)| folder.contains(name)).map(|(_, needs)| *needs);
    let why = needs.map_or_else(|| "nobody knows what it trains".to_owned(), |needs| format!("it needs {needs}"));
    reading.refuse(word, &format!("the task of {theirs} in {folder} is not here: {why}"));
}

/// Whether the task is one that is here.
fn is_known(reading: &Reading<'_>) -> bool {
    let folder = reading.text("model_config.model_folder");
    TASKS.iter().any(|task| folder.contains(task.folder))
}

fn of_task(reading: &mut Reading<'_>, word: &Word) {
    match word.key == "model_config.model_folder" || !is_known(reading) {
        true => reading.nothing(word, "of the task, which model_type tells"),
        false => reading.refuse(word, "is no option of this model here"),
    }
}

fn strategy(reading: &mut Reading<'_>, word: &Word) {
    match reading.text(&word.key).as_str() {
        "FedAvg" => reading.becomes(word, "aggregator", "fedavg".into(), ""),
        "FedProx" => {
            let note = "as published; there early layers are pulled several times";
            reading.becomes(word, "aggregator", "fedprox".into(), note);
        }
        "DGA" => reading.refuse(word, "weights by loss are not here (nearest: FedAvg, or --algorithm qfedavg)"),
        _ => reading.not_here(word, "FedAvg, FedProx"),
    }
}

fn of_privacy(reading: &mut Reading<'_>, word: &Word) {
    let is_on =
        reading.says("dp_config.enable_local_dp", &["true"]) || reading.says("dp_config.enable_global_dp", &["true"]);
    switched(reading, word, is_on);
}

fn of_metrics(reading: &mut Reading<'_>, word: &Word) {
    let is_on = reading.says("privacy_metrics_config.apply_metrics", &["true"]);
    switched(reading, word, is_on);
}

fn of_learning(reading: &mut Reading<'_>, word: &Word) {
    let is_on = reading.says("server_config.wantRL", &["true"]);
    switched(reading, word, is_on);
}

fn of_rounding(reading: &mut Reading<'_>, word: &Word) {
    let is_on = reading.get("client_config.quant_thresh").is_some();
    switched(reading, word, is_on);
}

/// What belongs to something that is not here matters only where that is on.
fn switched(reading: &mut Reading<'_>, word: &Word, is_on: bool) {
    match is_on {
        true => reading.refuse(word, "of something that is not here"),
        false => reading.nothing(word, OFF),
    }
}

/// The server's rate falls after rounds, as torch's schedules have it.
fn annealing(reading: &mut Reading<'_>, word: &Word) {
    let said = |key: &str| reading.get(&format!("server_config.annealing_config.{key}")).cloned();
    let pairs: &[(&str, &str)] = match reading.text(&word.key).as_str() {
        _ if reading.says("server_config.annealing_config.gamma", &["1"]) => return reading.nothing(word, OFF),
        "step_lr" => &[("step_rounds", "step_size"), ("gamma", "gamma")],
        "multi_step_lr" => &[("milestones", "milestones"), ("gamma", "gamma")],
        _ => return reading.not_here(word, "step_lr, multi_step_lr"),
    };
    let name = if pairs[0].0 == "milestones" { "multi_step" } else { "step" };
    let settings = pairs.iter().filter_map(|(ours, theirs)| Some(((*ours).into(), said(theirs)?)));
    let choice: Mapping = [("name".into(), name.into())].into_iter().chain(settings).collect();
    reading.becomes(word, "server_lr_schedule", choice.into(), "");
}

fn of_annealing(reading: &mut Reading<'_>, word: &Word) {
    let is_off = reading.says("server_config.annealing_config.gamma", &["1"]);
    let is_told = matches!(word.key.rsplit('.').next(), Some("gamma" | "step_size" | "milestones"));
    match (is_off, reading.get("server_config.annealing_config.type").is_some()) {
        (true, _) => reading.nothing(word, OFF),
        (false, false) => reading.lacks("server_config.annealing_config.type", "annealing needs it"),
        (false, true) if is_told => reading.row(word, "server_lr_schedule", ""),
        (false, true) => reading.nothing(word, "the server's rate falls after rounds"),
    }
}

fn of_weights(reading: &mut Reading<'_>, word: &Word) {
    match reading.says("strategy", &["FedAvg", "FedProx"]) {
        true => reading.nothing(word, "DGA's"),
        false => reading.refuse(word, "of DGA, which is not here"),
    }
}

fn server_optimizer(reading: &mut Reading<'_>, word: &Word) {
    let Some(step) = steps::of_torch(&reading.text(&word.key), false) else {
        return reading.not_here(word, "sgd, adam, adagrad");
    };
    reading.becomes(word, "server_step", step, "");
}

fn cohort(reading: &mut Reading<'_>, word: &Word) {
    match word.value.as_u64() {
        Some(_) => reading.same(word, "client_num_per_round", "drawn from the seed; there anew each time"),
        None => reading.refuse(word, "a number that changes is not here (nearest: one number)"),
    }
}

fn proximal(reading: &mut Reading<'_>, word: &Word) {
    match reading.says("strategy", &["FedProx"]) {
        true => reading.same(word, "mu", ""),
        false => reading.nothing(word, "FedProx's"),
    }
}

fn most_samples(reading: &mut Reading<'_>, word: &Word) {
    reading.row(word, "", "clients train on all they have; there on so many at most");
}

fn optimizer(reading: &mut Reading<'_>, word: &Word) {
    match reading.text(&word.key).as_str() {
        "sgd" | "adam" => reading.same(word, "client_optimizer", ""),
        "adamW" => adamw(reading, word),
        _ => reading.not_here(word, "sgd, adam, adamW"),
    }
}

/// FLUTE's own comes from Hugging Face: without decay unless said, and with another epsilon.
fn adamw(reading: &mut Reading<'_>, word: &Word) {
    let mut choice = Mapping::from_iter([("name".into(), "adamw".into()), ("client_epsilon".into(), 1e-6.into())]);
    if reading.get("client_config.optimizer_config.weight_decay").is_none() {
        choice.insert("wd".into(), 0.0.into());
    }
    reading.becomes(word, "client_optimizer", choice.into(), "decays before the step, as in torch; there after it");
}

fn second_rate(reading: &mut Reading<'_>, word: &Word) {
    match reading.get("server_config.initial_lr_client").is_some() {
        true => reading.row(word, "", "initial_lr_client counts"),
        false => reading.same(word, "lr", ""),
    }
}
