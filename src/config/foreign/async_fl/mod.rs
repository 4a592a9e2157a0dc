//! async-FL's `config.json` and `config.yaml` in its three generations: parts named by `..._file`
//! and `..._name`, by `..._path`, and by `path` with `params`. A class is known by its last name.

mod delays;
mod server;

use super::reading::Reading;
use super::{Fate, Line, Named, System, Word, absent, has_sections, line, named, steps};
use crate::config::document::Entry;
use serde_yaml::{Mapping, Value};

/// async-FL.
pub const SYSTEM: System = System {
    name: "async-FL",
    is_one,
    is_flat: false,
    table: TABLE,
    always,
};

fn is_one(entries: &[Entry]) -> bool {
    has_sections(entries, &["global", "server", "client"])
}

// Why keys decide nothing.
const TRACKER: &str = "trackers";
const THREADS: &str = "how its threads talk";
const BY_CLASS: &str = "the class tells";
const UNREAD: &str = "async-FL does not read it";
const SERVERS: &str = "the server's model is the clients'";

const TABLE: &[Line] = &[
    line("wandb.*", Fate::Nothing(TRACKER)),
    line("global.experiment", Fate::Rule(experiment, "`out_dir: results/...`")),
    line("global.mode", Fate::Rule(mode, "`mode`")),
    line("global.seed", Fate::Same("seed", "")),
    line("global.data_file", Fate::Nothing(BY_CLASS)),
    line("global.data_name", Fate::Rule(dataset, "`dataset`")),
    line("global.dataset_path", Fate::Rule(dataset, "`dataset`")),
    line("global.dataset.path", Fate::Rule(dataset, "`dataset`")),
    line("global.iid", Fate::Rule(iid, "`partition_method`: true `homo`, false `shards`")),
    line(
        "global.iid.beta",
        Fate::Rule(beta, "`partition_method: hetero` with this `partition_alpha`"),
    ),
    line(
        "global.iid.*",
        Fate::Refused("a division by lists is not here (nearest: iid {beta: 0.5})"),
    ),
    line("global.client_num", Fate::Same("client_num_in_total", "")),
    line("global.stale", Fate::Rule(delays::listed, "`delay`: false none, a list for each client")),
    line("global.stale.list", Fate::Rule(delays::grouped, "`delay: list`, drawn from the seed")),
    line("global.stale.step", Fate::Rule(delays::of_groups, "of `global.stale.list`")),
    line("global.stale.shuffle", Fate::Rule(delays::of_groups, "of `global.stale.list`")),
    line("global.dataset_pre_load", Fate::Nothing(THREADS)),
    line("global.use_file_system", Fate::Nothing(THREADS)),
    line("global.multi_gpu", Fate::Nothing("the mapping tells")),
    line("global.result.*", Fate::Nothing(UNREAD)),
    line("server.path", Fate::Rule(mode, "`mode`")),
    line("server.epochs", Fate::Same("comm_round", "")),
    line("server.model_file", Fate::Nothing(BY_CLASS)),
    line("server.model_name", Fate::Rule(model, "`model`")),
    line("server.model_path", Fate::Rule(model, "`model`")),
    line("server.model.path", Fate::Rule(model, "`model`")),
    line(
        "server.checkin.checkin_interval",
        Fate::Rule(checkin, "the same in asynchronous mode; nothing else"),
    ),
    line(
        "server.checkin.checkin_num",
        Fate::Rule(checkin, "the same in asynchronous mode; nothing else"),
    ),
    line("server.scheduler.path", Fate::Rule(of_mode, "nothing; the mode tells")),
    line("server.scheduler.scheduler_path", Fate::Rule(of_mode, "nothing; the mode tells")),
    line(
        "server.scheduler.scheduler_interval",
        Fate::Rule(interval, "`scheduler_interval` in asynchronous mode; nothing else"),
    ),
    line(
        "server.scheduler.schedule_interval",
        Fate::Rule(interval, "`scheduler_interval` in asynchronous mode; nothing else"),
    ),
    line("server.scheduler.params.schedule_interval", Fate::Nothing("scheduler_interval tells")),
    line(
        "server.scheduler.schedule_delay",
        Fate::Rule(queue, "nothing; said in asynchronous mode"),
    ),
    line("server.scheduler.schedule_file", Fate::Nothing(BY_CLASS)),
    line("server.scheduler.schedule_name", Fate::Rule(server::schedule, "`client_selection`")),
    line("server.scheduler.schedule_path", Fate::Rule(server::schedule, "`client_selection`")),
    line("server.scheduler.schedule.path", Fate::Rule(server::schedule, "`client_selection`")),
    line(
        "server.scheduler.params.c_ratio",
        Fate::Rule(server::share, "`c_ratio`; in rounds `client_num_per_round`"),
    ),
    line(
        "server.scheduler.schedule.params.c_ratio",
        Fate::Rule(server::share, "`c_ratio`; in rounds `client_num_per_round`"),
    ),
    line("server.updater.path", Fate::Rule(of_mode, "nothing; the mode tells")),
    line("server.updater.updater_path", Fate::Rule(of_mode, "nothing; the mode tells")),
    line(
        "server.updater.num_generator",
        Fate::Rule(server::buffer, "`buffer_size` of an asynchronous FedAvg; 1 with the others"),
    ),
    line("server.updater.loss", Fate::Rule(loss, "nothing; only cross-entropy is here")),
    line("server.updater.update_file", Fate::Nothing(BY_CLASS)),
    line("server.updater.update_name", Fate::Rule(server::update, "`aggregator`, and `staleness`")),
    line("server.updater.update_path", Fate::Rule(server::update, "`aggregator`, and `staleness`")),
    line("server.updater.update.path", Fate::Rule(server::update, "`aggregator`, and `staleness`")),
    line(
        "server.updater.params.*",
        Fate::Rule(
            server::of_update,
            "`staleness_a`, `staleness_b`, `alpha` (times `r`) of FedAsync and MyFed",
        ),
    ),
    line(
        "server.updater.update.params.*",
        Fate::Rule(
            server::of_update,
            "`staleness_a`, `staleness_b`, `alpha` (times `r`) of FedAsync and MyFed",
        ),
    ),
    line(
        "server.updater.optimizer.path",
        Fate::Rule(server_optimizer, "`server_step`, as torch has it"),
    ),
    line("server.updater.optimizer.params.lr", Fate::Same("server_lr", "")),
    line(
        "server.updater.optimizer.params.weight_decay",
        Fate::NothingWhile(&["0"], "the server does not decay here"),
    ),
    line(
        "queue_manager.path",
        Fate::Rule(plain_class, "nothing while it is the plain one; else refused"),
    ),
    line(
        "queue_manager.receiver.path",
        Fate::Rule(plain_class, "nothing while it is the plain one; else refused"),
    ),
    line(
        "queue_manager.checker.path",
        Fate::Rule(plain_class, "nothing while it is the plain one; else refused"),
    ),
    line(
        "queue_manager.*",
        Fate::Rule(plain_class, "nothing while it is the plain one; else refused"),
    ),
    line(
        "client_manager.*",
        Fate::Rule(plain_class, "nothing while it is the plain one; else refused"),
    ),
    line("client.path", Fate::Rule(client, "nothing while it takes plain steps; else refused")),
    line("client.client_file", Fate::Nothing(BY_CLASS)),
    line(
        "client.client_name",
        Fate::Rule(client, "nothing while it takes plain steps; else refused"),
    ),
    line("client.epochs", Fate::Same("epochs", "")),
    line("client.batch_size", Fate::Same("batch_size", "")),
    line("client.test_size", Fate::Nothing("its clients do not test")),
    line("client.test_batch_size", Fate::Nothing("its clients do not test")),
    line("client.num_workers", Fate::Nothing(THREADS)),
    line("client.model_type", Fate::Nothing(UNREAD)),
    line("client.model_file", Fate::Nothing(BY_CLASS)),
    line(
        "client.model_name",
        Fate::Rule(client_model, "nothing while it is the server's; else refused"),
    ),
    line(
        "client.model_path",
        Fate::Rule(client_model, "nothing while it is the server's; else refused"),
    ),
    line(
        "client.model.path",
        Fate::Rule(client_model, "nothing while it is the server's; else refused"),
    ),
    line("client.loss", Fate::Rule(loss, "nothing; only cross-entropy is here")),
    line("client.mu", Fate::Rule(proximal, "`algorithm: fedprox` with this `mu`; nothing at 0")),
    line(
        "client.stale_file",
        Fate::Rule(delays::file, "`delay: file`, where the file is; else none, as there"),
    ),
    line("client.optimizer.name", Fate::Rule(optimizer, "`client_optimizer`")),
    line("client.optimizer.path", Fate::Rule(optimizer, "`client_optimizer`")),
    line("client.optimizer.lr", Fate::Same("lr", "")),
    line("client.optimizer.params.lr", Fate::Same("lr", "")),
    line("client.optimizer.weight_decay", Fate::Same("wd", "")),
    line("client.optimizer.params.weight_decay", Fate::Same("wd", "")),
    line("client.optimizer.momentum", Fate::Same("momentum", "")),
    line("client.optimizer.params.momentum", Fate::Same("momentum", "")),
    line(
        "client.params.straggler",
        Fate::NothingWhile(&["false"], "clients that train fewer epochs are not here"),
    ),
    line(
        "client.params.local_epoch",
        Fate::Rule(straggler, "nothing while there are no stragglers; else refused"),
    ),
];

const DATASETS: &[Named] = &[
    named("MNIST", "mnist", SCALED),
    named("FashionMNIST", "fashion-mnist", SCALED),
    named("CIFAR10", "cifar10", SCALED),
    named("CIFAR100", "cifar100", SCALED),
    named("EMNIST", "emnist", SCALED),
    absent("SVHN", "nearest: `mnist`"),
    absent("UCIHAR", "nearest: `synthetic`"),
    absent("PAMAP2", "nearest: `synthetic`"),
];
const SCALED: &str = "standardised here (`normalise: false` does not); from 0 to 1 there";

const MODELS: &[Named] = &[
    named("CNN", "cnn", ""),
    absent("ConvNet", "nearest: `lenet`"),
    absent("LeNet5", "nearest: `lenet`"),
    named("resnet18", "resnet18:stem=large", "torchvision's, with as many outputs as classes"),
    named("resnet50", "resnet50:stem=large", "torchvision's, with as many outputs as classes"),
];

/// Classes that only pass on what others decide.
const PLAIN: &[&str] = &[
    "SingleQueueManager",
    "NormalReceiver",
    "AllChecker",
    "SyncChecker",
    "NormalClientManager",
    "AsyncClient",
    "NormalClient",
    "SyncClientManager",
    "AsyncClientManager",
];

/// The last name of a class.
fn class(value: &str) -> &str {
    value.rsplit('.').next().unwrap_or(value)
}

/// What a class becomes.
fn translate(reading: &mut Reading<'_>, word: &Word, setting: &str, names: &'static [Named]) {
    let text = reading.text(&word.key);
    let alone = Word {
        value: Value::from(class(&text)),
        ..word.clone()
    };
    reading.name(&alone, setting, names);
}

/// Whether the model moves in rounds.
fn is_sync(reading: &Reading<'_>) -> bool {
    let paths = [
        "server.path",
        "server.scheduler.path",
        "server.updater.path",
    ];
    let is_class = |key: &&str| class(&reading.text(key)).starts_with("Sync");
    reading.says("global.mode", &["sync"]) || paths.iter().any(is_class)
}

fn always(reading: &mut Reading<'_>) {
    if is_sync(reading) {
        let all = server::is_full(reading)
            .then(|| reading.number("global.client_num"))
            .flatten();
        all.into_iter().for_each(|all| {
            reading.adds("client_num_per_round", all as i64, "its schedule takes all")
        });
    } else {
        reading.adds(
            "mode",
            "async",
            "a client in training is not chosen again; there its work may be lost",
        );
    }
    if !reading.has("client_optimizer") {
        let settings = [
            ("name", Value::from("adam")),
            ("lr", 0.01.into()),
            ("wd", 0.005.into()),
        ];
        let choice: Mapping = settings
            .into_iter()
            .map(|(name, value)| (Value::from(name), value))
            .collect();
        reading.adds("client_optimizer", choice, "its first generation has no other");
    }
    if !reading.has("delay") {
        reading.adds("delay", "constant:0", "no delays are said");
    }
}

fn experiment(reading: &mut Reading<'_>, word: &Word) {
    let folder = format!("results/{}", reading.text(&word.key));
    reading.becomes(word, "out_dir", folder.into(), "");
}

fn mode(reading: &mut Reading<'_>, word: &Word) {
    let text = reading.text(&word.key);
    match (class(&text), is_sync(reading)) {
        ("sync" | "SyncServer", _) => reading.becomes(word, "mode", "sync".into(), ""),
        ("NormalServer", true) => reading.becomes(word, "mode", "sync".into(), ""),
        ("async" | "AsyncServer" | "NormalServer", _) => reading.row(word, "mode: async", ""),
        _ => reading.not_here(word, "SyncServer, AsyncServer"),
    }
}

/// Parts that the mode brings along.
fn of_mode(reading: &mut Reading<'_>, word: &Word) {
    let text = reading.text(&word.key);
    let name = class(&text);
    match name.starts_with("Sync") || ["AsyncScheduler", "AsyncUpdater"].contains(&name) {
        true => reading.nothing(word, "the mode tells"),
        false => reading.not_here(word, "the asynchronous or synchronous one"),
    }
}

fn dataset(reading: &mut Reading<'_>, word: &Word) {
    translate(reading, word, "dataset", DATASETS);
}

fn iid(reading: &mut Reading<'_>, word: &Word) {
    match word.value {
        Value::Bool(true) => reading.becomes(word, "partition_method", "homo".into(), ""),
        Value::Bool(false) => {
            let note = "two shards of a class each; there four, and half of the clients are copies of the others";
            reading.becomes(word, "partition_method", "shards".into(), note);
        }
        _ => reading.refuse(word, "is neither true, false nor {beta: NUMBER}"),
    }
}

fn beta(reading: &mut Reading<'_>, word: &Word) {
    reading.same(word, "partition_alpha", "");
    reading.adds("partition_method", "hetero", "at least 10 samples for each client");
}

fn model(reading: &mut Reading<'_>, word: &Word) {
    translate(reading, word, "model", MODELS);
}

/// Clients train the server's model.
fn client_model(reading: &mut Reading<'_>, word: &Word) {
    let ours = reading.text(&word.key);
    let server = [
        "server.model.path",
        "server.model_path",
        "server.model_name",
    ]
    .map(|key| reading.text(key));
    match server.iter().any(|theirs| class(theirs) == class(&ours)) {
        true => reading.nothing(word, SERVERS),
        false => reading.refuse(word, "is another model than the server's, which is not here"),
    }
}

fn checkin(reading: &mut Reading<'_>, word: &Word) {
    let name = word.key.rsplit('.').next().unwrap_or_default().to_owned();
    match is_sync(reading) {
        true => reading.nothing(word, OF_ASYNC),
        false => reading.same(word, &name, ""),
    }
}

const OF_ASYNC: &str = "of asynchronous servers";

fn interval(reading: &mut Reading<'_>, word: &Word) {
    match is_sync(reading) {
        true => reading.nothing(word, OF_ASYNC),
        false => reading.same(word, "scheduler_interval", ""),
    }
}

fn queue(reading: &mut Reading<'_>, word: &Word) {
    match is_sync(reading) {
        true => reading.nothing(word, OF_ASYNC),
        false => {
            reading.row(word, "", "updates that wait do not keep clients from being chosen here")
        }
    }
}

fn loss(reading: &mut Reading<'_>, word: &Word) {
    match class(&reading.text(&word.key)) {
        "cross_entropy" | "CrossEntropyLoss" => reading.nothing(word, "the data's own"),
        _ => reading.refuse(word, "only cross_entropy is here"),
    }
}

fn server_optimizer(reading: &mut Reading<'_>, word: &Word) {
    let Some(step) = steps::of_torch(&class(&reading.text(&word.key)).to_lowercase(), false) else {
        return reading.not_here(word, "SGD, Adam, Adagrad");
    };
    reading.becomes(word, "server_step", step, "");
}

fn plain_class(reading: &mut Reading<'_>, word: &Word) {
    let text = reading.text(&word.key);
    match PLAIN.contains(&class(&text)) {
        true => reading.nothing(word, THREADS),
        false => reading.not_here(word, "the plain one"),
    }
}

fn client(reading: &mut Reading<'_>, word: &Word) {
    match class(&reading.text(&word.key)) {
        "NormalClient" | "AsyncClient" => reading.nothing(word, "plain steps"),
        "ProxClient" => reading.nothing(word, "mu tells"),
        _ => reading.not_here(word, "NormalClient, ProxClient"),
    }
}

fn proximal(reading: &mut Reading<'_>, word: &Word) {
    if reading.says(&word.key, &["0"]) {
        return reading.nothing(word, "off");
    }
    reading.same(word, "mu", "of the squared distance, as published; there of the distance");
    reading.adds("algorithm", "fedprox", "");
}

fn straggler(reading: &mut Reading<'_>, word: &Word) {
    match reading.says("client.params.straggler", &["true"]) {
        true => reading.refuse(word, "of stragglers, which are not here"),
        false => reading.nothing(word, "off"),
    }
}

fn optimizer(reading: &mut Reading<'_>, word: &Word) {
    match class(&reading.text(&word.key)) {
        "SGD" => reading.becomes(word, "client_optimizer", "sgd".into(), ""),
        "Adam" => reading.becomes(word, "client_optimizer", "adam".into(), ""),
        "AdamW" => reading.becomes(word, "client_optimizer", "adamw".into(), ""),
        "RMSprop" => reading.becomes(word, "client_optimizer", "rmsprop".into(), ""),
        "Adagrad" => reading.becomes(word, "client_optimizer", "adagrad".into(), ""),
        _ => reading.not_here(word, "SGD, Adam, AdamW, RMSprop, Adagrad of torch.optim"),
    }
}
