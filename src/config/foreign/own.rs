//! Our own files: settings by their names, under any titles, and the other names that they go by.

use super::{Fate, Line, System, line};

/// This program.
pub const SYSTEM: System = System {
    name: "",
    is_one: |_| true,
    is_flat: true,
    table: TABLE,
    always: |_| {},
};

/// Other names, and what scripts of seed systems say everywhere.
const TABLE: &[Line] = &[
    line("random_seed", Fate::Same("seed", "")),
    line("data_cache_dir", Fate::Same("data_dir", "")),
    line("learning_rate", Fate::Same("lr", "")),
    line("weight_decay", Fate::Same("wd", "")),
    line("federated_optimizer", Fate::Same("aggregator", "")),
    line("fedprox_mu", Fate::Same("mu", "")),
    line("proximal_mu", Fate::Same("mu", "")),
    line("rho", Fate::Same("mu", "")),
    line("server_optimizer", Fate::Same("server_step", "")),
    line("backend", Fate::Nothing(SEED)),
    line("is_mobile", Fate::Nothing(SEED)),
    line("gpu_server_num", Fate::Nothing(SEED)),
    line("gpu_num_per_server", Fate::Nothing(SEED)),
];

/// Why.
const SEED: &str = "said by scripts of seed systems";
