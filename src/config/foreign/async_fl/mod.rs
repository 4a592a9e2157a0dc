//! async-FL's `config.json` and `config.yaml` in its three generations: parts named by `..._file`
//! and `..._name`, by `..._path`, and by `path` with `params`. A class is known by its last name.

mod classes;
mod client;
mod data;
mod delays;
mod mode;
mod model;
mod server;

use super::reading::Reading;
use super::{Fate, Line, System, Word, has_sections, line};
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
const BY_CLASS: Fate = Fate::Nothing("the class tells");
const UNREAD: &str = "async-FL does not read it";

// Rules that several lines share.
const DATASET: Fate = Fate::Rule(data::dataset, "`dataset`");
const MODEL: Fate = Fate::Rule(model::model, "`model`");
const OF_CLIENTS: Fate =
    Fate::Rule(model::of_clients, "nothing while it is the server's; else refused");
const LOSS: Fate = Fate::Rule(model::loss, "nothing; only cross-entropy is here");
const OF_MODE: Fate = Fate::Rule(mode::of_mode, "nothing; the mode tells");
const SCHEDULE: Fate = Fate::Rule(server::schedule, "`client_selection`");
const UPDATE: Fate = Fate::Rule(server::update, "`aggregator`, and `staleness`");
const PLAIN: Fate =
    Fate::Rule(classes::plain_class, "nothing while it is the plain one; else refused");

const TABLE: &[Line] = &[
    line("wandb.*", Fate::Nothing(TRACKER)),
    line("global.experiment", Fate::Rule(experiment, "`out_dir: results/...`")),
    line(
        "global.mode|global.mode.path|server.path",
        Fate::Rule(mode::mode, "`mode`; nothing where it tells how clients are held"),
    ),
    line("global.seed", Fate::Same("seed", "")),
    line("global.save", Fate::NothingWhile(&["false"], "models of clients are not kept here")),
    line("global.data_file", BY_CLASS),
    line("global.data_name|global.dataset_path|global.dataset.path", DATASET),
    line(
        "global.iid",
        Fate::Rule(
            data::iid,
            "`partition_method: homo`; false `shards` in its first generation, later the same",
        ),
    ),
    line(
        "global.iid.beta",
        Fate::Rule(data::beta, "`partition_method: hetero` with this `partition_alpha`"),
    ),
    line(
        "global.iid.*",
        Fate::Refused("a division by lists is not here (nearest: iid {beta: 0.5})"),
    ),
    line("global.client_num", Fate::Same("client_num_in_total", "")),
    line("global.stale", Fate::Rule(delays::listed, "`delay`: false none, a list for each client")),
    line("global.stale.list", Fate::Rule(delays::grouped, "`delay: list`, drawn from the seed")),
    line(
        "global.stale.step|global.stale.shuffle",
        Fate::Rule(delays::of_groups, "of `global.stale.list`"),
    ),
    line("global.dataset_pre_load|global.use_file_system", Fate::Nothing(THREADS)),
    line("global.multi_gpu", Fate::Nothing("the mapping tells")),
    line("global.result.*", Fate::Nothing(UNREAD)),
    line("server.epochs", Fate::Same("comm_round", "")),
    line("server.model_file", BY_CLASS),
    line("server.model_name|server.model_path|server.model.path", MODEL),
    line(
        "server.model.params.num_classes|client.model.params.num_classes",
        Fate::Nothing("the data tells"),
    ),
    line(
        "server.checkin.checkin_interval|server.checkin.checkin_num",
        Fate::Rule(mode::checkin, "the same in asynchronous mode; nothing else"),
    ),
    line("server.scheduler.path|server.scheduler.scheduler_path", OF_MODE),
    line(
        "server.scheduler.scheduler_interval|server.scheduler.schedule_interval",
        Fate::Rule(mode::interval, "`scheduler_interval` in asynchronous mode; nothing else"),
    ),
    line("server.scheduler.params.schedule_interval", Fate::Nothing("scheduler_interval tells")),
    line(
        "server.scheduler.schedule_delay",
        Fate::Rule(mode::queue, "nothing; said in asynchronous mode"),
    ),
    line("server.scheduler.schedule_file", BY_CLASS),
    line(
        "server.scheduler.schedule_name|server.scheduler.schedule_path|\
         server.scheduler.schedule.path",
        SCHEDULE,
    ),
    line(
        "server.scheduler.params.c_ratio|server.scheduler.schedule.params.c_ratio",
        Fate::Rule(server::share, "`c_ratio`; in rounds `client_num_per_round`"),
    ),
    line("server.scheduler.receiver.*|server.receiver.*", PLAIN),
    line("server.updater.path|server.updater.updater_path", OF_MODE),
    line(
        "server.updater.num_generator",
        Fate::Rule(server::buffer, "`buffer_size` of an asynchronous FedAvg; 1 with the others"),
    ),
    line("server.updater.loss|client.loss", LOSS),
    line("server.updater.update_file", BY_CLASS),
    line(
        "server.updater.update_name|server.updater.update_path|server.updater.update.path",
        UPDATE,
    ),
    line(
        "server.updater.params.*|server.updater.update.params.*",
        Fate::Rule(
            server::of_update,
            "`staleness_a`, `staleness_b`, `alpha` (times `r`) of FedAsync and MyFed",
        ),
    ),
    line(
        "server.updater.optimizer.path",
        Fate::Rule(server::optimizer, "`server_step`, as torch has it"),
    ),
    line("server.updater.optimizer.params.lr", Fate::Same("server_lr", "")),
    line(
        "server.updater.optimizer.params.weight_decay",
        Fate::NothingWhile(&["0"], "the server does not decay here"),
    ),
    line(
        "client_manager.checker.params.schedule_interval|client_manager.process_num",
        Fate::Nothing(THREADS),
    ),
    line("queue_manager.*|client_manager.*", PLAIN),
    line(
        "client.path|client.client_name",
        Fate::Rule(client::kind, "nothing while it takes plain steps; else refused"),
    ),
    line("client.client_file", BY_CLASS),
    line("client.epochs", Fate::Same("epochs", "")),
    line("client.batch_size", Fate::Same("batch_size", "")),
    line("client.test_size|client.test_batch_size", Fate::Nothing("its clients do not test")),
    line("client.num_workers", Fate::Nothing(THREADS)),
    line("client.model_type", Fate::Nothing(UNREAD)),
    line("client.model_file", BY_CLASS),
    line("client.model_name|client.model_path|client.model.path", OF_CLIENTS),
    line(
        "client.transform.path",
        Fate::Rule(data::transform, "`crop: 4` and `flip: true` of CIFAR's pictures"),
    ),
    line(
        "client.mu",
        Fate::Rule(client::proximal, "`algorithm: fedprox` with this `mu`; nothing at 0"),
    ),
    line(
        "client.stale_file",
        Fate::Rule(delays::file, "`delay: file`, where the file is; else none, as there"),
    ),
    line(
        "client.optimizer.name|client.optimizer.path",
        Fate::Rule(client::optimizer, "`client_optimizer`"),
    ),
    line("client.optimizer.lr|client.optimizer.params.lr", Fate::Same("lr", "")),
    line(
        "client.optimizer.weight_decay|client.optimizer.params.weight_decay",
        Fate::Same("wd", ""),
    ),
    line("client.optimizer.momentum|client.optimizer.params.momentum", Fate::Same("momentum", "")),
    line(
        "client.params.straggler",
        Fate::NothingWhile(&["false"], "clients that train fewer epochs are not here"),
    ),
    line(
        "client.params.local_epoch",
        Fate::Rule(client::straggler, "nothing while there are no stragglers; else refused"),
    ),
];

/// What is so whatever the file says.
fn always(reading: &mut Reading<'_>) {
    if !mode::is_sync(reading) {
        let note = "a client in training is not chosen again; there its work may be lost";
        reading.adds("mode", "async", note);
    } else if let Some(all) = reading.number("global.client_num")
        && server::is_full(reading)
    {
        reading.adds("client_num_per_round", all as i64, "its schedule takes all");
    }
    if !reading.has("client_optimizer") {
        let choice = Mapping::from_iter([
            ("name".into(), Value::from("adam")),
            ("lr".into(), 0.01.into()),
            ("wd".into(), 0.005.into()),
        ]);
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
