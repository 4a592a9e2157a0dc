//! Names of the seed systems for whole methods: each stands for an algorithm, a server step and a
//! combination.

use crate::part::{Choice, Entry, Kind};

/// What a name stands for: algorithm, server step, combination.
pub type Axes = [&'static str; 3];

/// All names.
pub const KIND: Kind<Axes> = Kind {
    setting: "aggregator",
    about: "aggregator",
    table: PRESETS,
};

/// Every name, as users write it.
pub const PRESETS: &[Entry<Axes>] = &[
    Entry::new(
        "fedavg",
        "the sample-weighted mean of the clients' models (McMahan et al. 2017)",
        ["fedavg", "sgd", "mean"],
    )
    .also(&["FedAvg_seq"]),
    Entry::new(
        "fedprox",
        "fedavg with clients pulled back to the global model",
        ["fedprox", "sgd", "mean"],
    ),
    Entry::new("scaffold", "control variates against client drift", ["scaffold", "sgd", "mean"]),
    Entry::new(
        "fednova",
        "changes normalised by the steps behind them",
        ["fednova", "sgd", "mean"],
    ),
    Entry::new("feddyn", "a dynamic regulariser for each client", ["feddyn", "sgd", "mean"]),
    Entry::new("fedlin", "steps along the mean gradient", ["fedlin", "sgd", "mean"]),
    Entry::new("qfedavg", "clients with a larger loss count more", ["qfedavg", "sgd", "mean"]),
    Entry::new("ditto", "a personal model for each client", ["ditto", "sgd", "mean"]),
    Entry::new("fedavgm", "momentum on the server", ["fedavg", "momentum", "mean"]),
    Entry::new("fedadam", "Adam on the server", ["fedavg", "adam", "mean"]),
    Entry::new("fedyogi", "Yogi on the server", ["fedavg", "yogi", "mean"]),
    Entry::new("fedadagrad", "Adagrad on the server", ["fedavg", "adagrad", "mean"]),
    Entry::new(
        "fedopt",
        "the server's own optimizer, by --server_optimizer",
        ["fedavg", "sgd", "mean"],
    ),
    Entry::new(
        "median",
        "the middle value of each weight; needs --reduce server",
        ["fedavg", "sgd", "median"],
    ),
];

/// What a whole is called that is made of these three: the preset's name, or all of theirs.
pub fn name_of(algorithm: &Choice, server_step: &Choice, combine: &Choice) -> String {
    let axes = [&algorithm.name, &server_step.name, &combine.name];
    let known = PRESETS.iter().find(|preset| {
        preset
            .build
            .iter()
            .zip(axes)
            .all(|(one, other)| one == other)
    });
    known.map_or_else(|| axes.map(String::as_str).join("+"), |preset| preset.name.to_owned())
}
