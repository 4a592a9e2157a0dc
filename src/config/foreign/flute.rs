//! FLUTE's YAML: sections `model_config`, `server_config` and `client_config`; what is trained
//! follows from the task, which the model's folder tells.

use super::places::{data_folder, has_leaf};
use super::reading::Reading;
use super::{Fate, Line, System, Word, has_sections, line, steps};
use crate::config::document::Entry;
use serde_yaml::Mapping;

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
    line("strategy", Fate::Rule(strategy, "`aggregator`: FedAvg, FedProx")),
    line("model_config.model_type", Fate::Rule(task, "`model` and `dataset`, by the folder")),
    line("model_config.model_folder", Fate::Rule(of_task, "of the task")),
    line("model_config.pretrained_model_path", Fate::Refused("a model to start from is not here")),
    line("model_config.input_dim", Fate::Nothing(BY_DATA)),
    line("model_config.output_dim", Fate::Nothing(BY_DATA)),
    line("model_config.embed_dim", Fate::Rule(width, "`embedding` of a GRU")),
    line("model_config.hidden_dim", Fate::Rule(width, "`units` of a GRU")),
    line("model_config.vocab_size", Fate::Rule(width, "`words` of the texts")),
    line(
        "model_config.OOV_correct",
        Fate::Nothing("unknown words are words like others here; there they never count as right"),
    ),
    line("model_config.BERT.model.model_name", Fate::Rule(size, "`size` of BERT")),
    line(
        "model_config.BERT.*",
        Fate::Nothing("Hugging Face's, of which tokens and weights are not fetched here"),
    ),
    line("model_config.*", Fate::Rule(of_task, "of the task")),
    line(
        "dp_config.enable_local_dp",
        Fate::NothingWhile(&["false"], "differential privacy is not here"),
    ),
    line(
        "dp_config.enable_global_dp",
        Fate::NothingWhile(&["false"], "differential privacy is not here"),
    ),
    line("dp_config.*", Fate::Rule(of_privacy, "nothing while it is off; else refused")),
    line(
        "privacy_metrics_config.apply_metrics",
        Fate::NothingWhile(&["false"], "metrics of leakage are not here"),
    ),
    line(
        "privacy_metrics_config.*",
        Fate::Rule(of_metrics, "nothing while they are off; else refused"),
    ),
    line(
        "server_config.wantRL",
        Fate::NothingWhile(&["false"], "weights by reinforcement learning are not here"),
    ),
    line("server_config.RL.*", Fate::Rule(of_learning, "nothing while it is off; else refused")),
    line(
        "server_config.resume_from_checkpoint",
        Fate::NothingWhile(&["false"], "a run goes on by --resume FOLDER"),
    ),
    line("server_config.do_profiling", Fate::Nothing(LOGS)),
    line("server_config.fast_aggregation", Fate::Nothing("updates are always summed as they come")),
    line("server_config.send_dicts", Fate::Nothing("weights always travel as bytes")),
    line(
        "server_config.optimizer_config.type",
        Fate::Rule(server_optimizer, "`server_step`, as torch has it"),
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
            annealing,
            "nothing while gamma is 1; else `server_lr_schedule`: step_lr, multi_step_lr",
        ),
    ),
    line("server_config.annealing_config.*", Fate::Rule(of_annealing, "of its type")),
    line("server_config.val_freq", Fate::Nothing(UNTESTED)),
    line("server_config.initial_val", Fate::Nothing(UNTESTED)),
    line("server_config.initial_rec", Fate::Nothing(UNTESTED)),
    line("server_config.rec_freq", Fate::Same("frequency_of_the_test", "")),
    line("server_config.max_iteration", Fate::Same("comm_round", "")),
    line("server_config.num_clients_per_iteration", Fate::Rule(cohort, "`client_num_per_round`")),
    line("server_config.data_config.val.val_data", Fate::Nothing(UNTESTED)),
    line(
        "server_config.data_config.test.test_data",
        Fate::Rule(test_file, "`test_file` of its tasks"),
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
        Fate::Rule(of_weights, "nothing; DGA, whose it is, is refused"),
    ),
    line(
        "server_config.weight_train_loss",
        Fate::Rule(of_weights, "nothing; DGA, whose it is, is refused"),
    ),
    line(
        "server_config.softmax_beta",
        Fate::Rule(of_weights, "nothing; DGA, whose it is, is refused"),
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
    line("client_config.mu", Fate::Rule(proximal, "`mu` of FedProx; nothing else")),
    line("client_config.data_config.train.batch_size", Fate::Same("batch_size", "")),
    line(
        "client_config.data_config.train.list_of_train_data",
        Fate::Rule(train_file, "`train_file` of its tasks"),
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
        Fate::Rule(most_samples, "nothing; said"),
    ),
    line("client_config.data_config.train.max_grad_norm", Fate::Same("max_grad_norm", "")),
    line("client_config.data_config.train.loader_type", Fate::Nothing(LOADERS)),
    line("client_config.data_config.train.num_workers", Fate::Nothing(LOADERS)),
    line("client_config.data_config.train.prepend_datapath", Fate::Nothing(LOADERS)),
    line(
        "client_config.optimizer_config.type",
        Fate::Rule(optimizer, "`client_optimizer`: sgd, adam, adamW"),
    ),
    line(
        "client_config.optimizer_config.lr",
        Fate::Rule(second_rate, "nothing beside `initial_lr_client`; else `lr`"),
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
        Fate::Rule(of_rounding, "nothing while changes are not rounded; else refused"),
    ),
    line("client_config.convex_model_interp", Fate::Nothing("of personalisation")),
];

/// A task that is here: its folder and model, and what they are.
struct Task {
    folder: &'static str,
    theirs: &'static str,
    model: &'static str,
    dataset: &'static str,
}

// Files of users.
const FILES: &str = "flute";
const TEXTS: &str = "flute_text";
const HIDDEN: &str = "flute_text:learn=hidden";

const TASKS: &[Task] = &[
    Task {
        folder: "cv_lr_mnist",
        theirs: "LR",
        model: "lr_sigmoid",
        dataset: "mnist-leaf",
    },
    Task {
        folder: "cv_cnn_femnist",
        theirs: "CNN",
        model: "cnn_dropout_62",
        dataset: "femnist",
    },
    Task {
        folder: "cv_resnet_fedcifar100",
        theirs: "RESNET",
        model: "resnet18:stem=large,norm=shared",
        dataset: "fed_cifar100",
    },
    Task {
        folder: "nlp_rnn_fedshakespeare",
        theirs: "RNN",
        model: "rnn",
        dataset: "fed_shakespeare",
    },
    Task {
        folder: "classif_cnn",
        theirs: "CNN",
        model: "lenet",
        dataset: FILES,
    },
    Task {
        folder: "ecg_cnn",
        theirs: "SuperNet",
        model: "ecg_cnn:softmax=true",
        dataset: FILES,
    },
    Task {
        folder: "nlg_gru",
        theirs: "GRU",
        model: "gru_lm",
        dataset: TEXTS,
    },
    Task {
        folder: "mlm_bert",
        theirs: "BERT",
        model: "bert",
        dataset: HIDDEN,
    },
];

/// Tasks that are not here, and why.
const ABSENT: &[(&str, &str)] = &[
    ("semisupervision", "semi-supervised training"),
    ("fednewsrec", "news data"),
    ("experiments/cv/", "personalisation"),
];

fn always(reading: &mut Reading<'_>) {
    if reading.get("strategy").is_none() {
        reading
            .lacks("strategy", "without it FLUTE takes DGA, which is not here (nearest: FedAvg)");
    }
    reading.adds("client_num_in_total", 0, "as many as the data has users, as there");
    reading.adds("epochs", 1, "");
}

fn task(reading: &mut Reading<'_>, word: &Word) {
    let (folder, theirs) = (reading.text("model_config.model_folder"), reading.text(&word.key));
    if let Some(task) = TASKS
        .iter()
        .find(|task| folder.contains(task.folder) && task.theirs == theirs)
    {
        reading.becomes(word, "model", task.model.into(), "");
        let files = data_folder(reading, "");
        let is_there = task.needs_no_leaf() || has_leaf(&files) || has_leaf(&files.join("MNIST"));
        let note = if is_there {
            "by its folder"
        } else {
            "by its folder; --data_dir names where LEAF's JSON lies"
        };
        return reading.adds("dataset", task.dataset, note);
    }
    let needs = ABSENT
        .iter()
        .find(|(name, _)| folder.contains(name))
        .map(|(_, needs)| *needs);
    let why = needs.map_or_else(
        || "nobody knows what it trains".to_owned(),
        |needs| format!("it needs {needs}"),
    );
    reading.refuse(word, &format!("the task of {theirs} in {folder} is not here: {why}"));
}

impl Task {
    fn needs_no_leaf(&self) -> bool {
        !["mnist-leaf", "femnist"].contains(&self.dataset)
    }

    fn has_files(&self) -> bool {
        [FILES, TEXTS, HIDDEN].contains(&self.dataset)
    }
}

/// The task, if it is one that is here.
fn known(reading: &Reading<'_>) -> Option<&'static Task> {
    let folder = reading.text("model_config.model_folder");
    TASKS.iter().find(|task| folder.contains(task.folder))
}

fn is_known(reading: &Reading<'_>) -> bool {
    known(reading).is_some()
}

/// Files lie in --data_dir, which is its `-dataPath`.
fn train_file(reading: &mut Reading<'_>, word: &Word) {
    named_file(reading, word, "train_file");
}

fn test_file(reading: &mut Reading<'_>, word: &Word) {
    named_file(reading, word, "test_file");
}

fn named_file(reading: &mut Reading<'_>, word: &Word, setting: &str) {
    match known(reading).is_some_and(Task::has_files) {
        true => reading.same(word, setting, "in --data_dir"),
        false => {
            reading.refuse(word, "the data set of this task finds its own files in --data_dir")
        }
    }
}

fn width(reading: &mut Reading<'_>, word: &Word) {
    let setting = match word.key.rsplit('.').next() {
        Some("embed_dim") => "embedding",
        Some("hidden_dim") => "units",
        _ => "words",
    };
    match known(reading).is_some_and(|task| task.dataset == TEXTS) {
        true => reading.same(word, setting, ""),
        false => of_task(reading, word),
    }
}

/// Sizes of BERT by the names of Hugging Face's models.
fn size(reading: &mut Reading<'_>, word: &Word) {
    let name = reading.text(&word.key);
    let sizes = ["tiny", "mini", "small", "medium", "base"];
    match sizes
        .iter()
        .find(|size| name.contains("bert") && !name.contains("roberta") && name.contains(*size))
    {
        Some(size) => reading.becomes(
            word,
            "size",
            (*size).into(),
            "from random weights unless --init_from says where they are",
        ),
        None => reading
            .not_here(word, "bert-tiny, bert-mini, bert-small, bert-medium, bert-base-uncased"),
    }
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
        "DGA" => reading
            .refuse(word, "weights by loss are not here (nearest: FedAvg, or --algorithm qfedavg)"),
        _ => reading.not_here(word, "FedAvg, FedProx"),
    }
}

fn of_privacy(reading: &mut Reading<'_>, word: &Word) {
    let is_on = reading.says("dp_config.enable_local_dp", &["true"])
        || reading.says("dp_config.enable_global_dp", &["true"]);
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
    let said = |key: &str| {
        reading
            .get(&format!("server_config.annealing_config.{key}"))
            .cloned()
    };
    let pairs: &[(&str, &str)] = match reading.text(&word.key).as_str() {
        _ if reading.says("server_config.annealing_config.gamma", &["1"]) => {
            return reading.nothing(word, OFF);
        }
        "step_lr" => &[("step_rounds", "step_size"), ("gamma", "gamma")],
        "multi_step_lr" => &[("milestones", "milestones"), ("gamma", "gamma")],
        _ => return reading.not_here(word, "step_lr, multi_step_lr"),
    };
    let name = if pairs[0].0 == "milestones" {
        "multi_step"
    } else {
        "step"
    };
    let settings = pairs
        .iter()
        .filter_map(|(ours, theirs)| Some(((*ours).into(), said(theirs)?)));
    let choice: Mapping = [("name".into(), name.into())]
        .into_iter()
        .chain(settings)
        .collect();
    reading.becomes(word, "server_lr_schedule", choice.into(), "");
}

fn of_annealing(reading: &mut Reading<'_>, word: &Word) {
    let is_off = reading.says("server_config.annealing_config.gamma", &["1"]);
    let is_told = matches!(word.key.rsplit('.').next(), Some("gamma" | "step_size" | "milestones"));
    match (is_off, reading.get("server_config.annealing_config.type").is_some()) {
        (true, _) => reading.nothing(word, OFF),
        (false, false) => {
            reading.lacks("server_config.annealing_config.type", "annealing needs it")
        }
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
        Some(_) => {
            reading.same(word, "client_num_per_round", "drawn from the seed; there anew each time")
        }
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
    let mut choice = Mapping::from_iter([
        ("name".into(), "adamw".into()),
        ("client_epsilon".into(), 1e-6.into()),
    ]);
    if reading
        .get("client_config.optimizer_config.weight_decay")
        .is_none()
    {
        choice.insert("wd".into(), 0.0.into());
    }
    reading.becomes(
        word,
        "client_optimizer",
        choice.into(),
        "decays before the step, as in torch; there after it",
    );
}

fn second_rate(reading: &mut Reading<'_>, word: &Word) {
    match reading.get("server_config.initial_lr_client").is_some() {
        true => reading.row(word, "", "initial_lr_client counts"),
        false => reading.same(word, "lr", ""),
    }
}
