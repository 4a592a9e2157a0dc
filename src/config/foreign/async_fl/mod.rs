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
const BY_CLASS: &str = "the class tells";
const UNREAD: &str = "async-FL does not read it";

const TABLE: &[Line] = &[
    line("wandb.*", Fate::Nothing(TRACKER)),
    line("global.experiment", Fate::Rule(experiment, "`out_dir: results/...`")),
    line("global.mode", Fate::Rule(mode::mode, "`mode`")),
    line("global.seed", Fate::Same("seed", "")),
    line("global.data_file", Fate::Nothing(BY_CLASS)),
    line("global.data_name", Fate::Rule(data::dataset, "`dataset`")),
    line("global.dataset_path", Fate::Rule(data::dataset, "`dataset`")),
    line("global.dataset.path", Fate::Rule(data::dataset, "`dataset`")),
    line("global.iid", Fate::Rule(data::iid, "`partition_method`: true `homo`, false `shards`")),
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
    line("global.stale.step", Fate::Rule(delays::of_groups, "of `global.stale.list`")),
    line("global.stale.shuffle", Fate::Rule(delays::of_groups, "of `global.stale.list`")),
    line("global.dataset_pre_load", Fate::Nothing(THREADS)),
    line("global.use_file_system", Fate::Nothing(THREADS)),
    line("global.multi_gpu", Fate::Nothing("the mapping tells")),
    line("global.result.*", Fate::Nothing(UNREAD)),
    line("server.path", Fate::Rule(mode::mode, "`mode`")),
    line("server.epochs", Fate::Same("comm_round", "")),
    line("server.model_file", Fate::Nothing(BY_CLASS)),
    line("server.model_name", Fate::Rule(model::model, "`model`")),
    line("server.model_path", Fate::Rule(model::model, "`model`")),
    line("server.model.path", Fate::Rule(model::model, "`model`")),
    line(
        "server.checkin.checkin_interval",
        Fate::Rule(mode::checkin, "the same in asynchronous mode; nothing else"),
    ),
    line(
        "server.checkin.checkin_num",
        Fate::Rule(mode::checkin, "the same in asynchronous mode; nothing else"),
    ),
    line("server.scheduler.path", Fate::Rule(mode::of_mode, "nothing; the mode tells")),
    line("server.scheduler.scheduler_path", Fate::Rule(mode::of_mode, "nothing; the mode tells")),
    line(
        "server.scheduler.scheduler_interval",
        Fate::Rule(mode::interval, "`scheduler_interval` in asynchronous mode; nothing else"),
    ),
    line(
        "server.scheduler.schedule_interval",
        Fate::Rule(mode::interval, "`scheduler_interval` in asynchronous mode; nothing else"),
    ),
    line("server.scheduler.params.schedule_interval", Fate::Nothing("scheduler_interval tells")),
    line(
        "server.scheduler.schedule_delay",
        Fate::Rule(mode::queue, "nothing; said in asynchronous mode"),
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
    line("server.updater.path", Fate::Rule(mode::of_mode, "nothing; the mode tells")),
    line("server.updater.updater_path", Fate::Rule(mode::of_mode, "nothing; the mode tells")),
    line(
        "server.updater.num_generator",
        Fate::Rule(server::buffer, "`buffer_size` of an asynchronous FedAvg; 1 with the others"),
    ),
    line("server.updater.loss", Fate::Rule(model::loss, "nothing; only cross-entropy is here")),
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
        Fate::Rule(server::optimizer, "`server_step`, as torch has it"),
    ),
    line("server.updater.optimizer.params.lr", Fate::Same("server_lr", "")),
    line(
        "server.updater.optimizer.params.weight_decay",
        Fate::NothingWhile(&["0"], "the server does not decay here"),
    ),
    line(
        "queue_manager.path",
        Fate::Rule(classes::plain_class, "nothing while it is the plain one; else refused"),
    ),
    line(
        "queue_manager.receiver.path",
        Fate::Rule(classes::plain_class, "nothing while it is the plain one; else refused"),
    ),
    line(
        "queue_manager.checker.path",
        Fate::Rule(classes::plain_class, "nothing while it is the plain one; else refused"),
    ),
    line(
        "queue_manager.*",
        Fate::Rule(classes::plain_class, "nothing while it is the plain one; else refused"),
    ),
    line(
        "client_manager.*",
        Fate::Rule(classes::plain_class, "nothing while it is the plain one; else refused"),
    ),
    line(
        "client.path",
        Fate::Rule(client::kind, "nothing while it takes plain steps; else refused"),
    ),
    line("client.client_file", Fate::Nothing(BY_CLASS)),
    line(
        "client.client_name",
        Fate::Rule(client::kind, "nothing while it takes plain steps; else refused"),
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
        Fate::Rule(model::of_clients, "nothing while it is the server's; else refused"),
    ),
    line(
        "client.model_path",
        Fate::Rule(model::of_clients, "nothing while it is the server's; else refused"),
    ),
    line(
        "client.model.path",
        Fate::Rule(model::of_clients, "nothing while it is the server's; else refused"),
    ),
    line("client.loss", Fate::Rule(model::loss, "nothing; only cross-entropy is here")),
    line(
        "client.mu",
        Fate::Rule(client::proximal, "`algorithm: fedprox` with this `mu`; nothing at 0"),
    ),
    line(
        "client.stale_file",
        Fate::Rule(delays::file, "`delay: file`, where the file is; else none, as there"),
    ),
    line("client.optimizer.name", Fate::Rule(client::optimizer, "`client_optimizer`")),
    line("client.optimizer.path", Fate::Rule(client::optimizer, "`client_optimizer`")),
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
