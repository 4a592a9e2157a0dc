//! What a user should know before a run: settings without effect, data of which nothing can be
//! learned.

use super::{Homes, Plan, arrivals};
use crate::config::{Config, DeviceChoice, Mode, Residency};
use crate::data;
use crate::message::Reduce;
use crate::schedule::{Clock, DispatchMode};
use serde_yaml::Value;

impl Plan {
    /// What a user should know before the run, said once.
    pub fn notes(&self, workers: usize) -> Vec<String> {
        let mut notes = Vec::new();
        let (most, what) = match self.config.mode {
            Mode::Sync => (self.cohort_size(), "a round"),
            Mode::Async if self.config.scheduler_interval > 0 => (self.clients(), "in total"),
            Mode::Async => (self.config.concurrency as usize, "in training at once"),
        };
        if workers > most {
            notes.push(format!("{workers} workers for {most} clients {what}: some stay idle"));
        }
        if self.config.workers > 1 && self.config.workers != workers as i64 {
            notes.push(format!(
                "--workers {} has no effect: it is for a program that runs alone, and here ranks \
                 are the workers ({workers})",
                self.config.workers
            ));
        }
        if let Some(slowdown) = &self.config.worker_slowdown {
            let what = "workers are slowed down on purpose";
            notes.push(format!("{what} (--worker_slowdown {slowdown})"));
            for rank in slowdown.ranks() {
                // A run may go on with fewer ranks than it began with.
                if !(1..=workers).contains(&rank.index()) {
                    notes.push(format!("rank {rank} does not train, so it is not slowed down"));
                }
            }
        }
        notes.extend(self.dataset.sameness().into_iter().map(str::to_owned));
        for (one, other) in self.homes().map(Homes::twins).unwrap_or_default() {
            notes.push(format!(
                "ranks {one} and {other} hold the same training data in two places \
                 (hint: is one a copy by mistake?)"
            ));
        }
        notes.extend(self.privacy_notes());
        notes.extend(without_effect(&self.config));
        notes
    }

    /// What weakens a promise of privacy.
    fn privacy_notes(&self) -> Vec<String> {
        let Some(privacy) = &self.privacy else { return Vec::new() };
        let mut notes = Vec::new();
        if self.config.seed == 0 {
            notes.push(
                "with the usual --seed 0 anybody can draw the noise again and take it off (hint: \
                 a long random one, kept to yourself, before a model is given away)"
                    .to_owned(),
            );
        }
        let clients = self.clients();
        if privacy.delta * clients as f64 >= 1.0 {
            notes.push(format!(
                "--delta {:e} is no promise to any one of {clients} clients (hint: well below {:.1e})",
                privacy.delta,
                1.0 / clients as f64
            ));
        }
        notes
    }
}

/// Settings of which a run may be independent.
struct Rule {
    names: &'static [&'static str],
    /// Whether it is not.
    counts: fn(&Config) -> bool,
    /// Why it is.
    why: &'static str,
}

const fn rule(
    names: &'static [&'static str],
    counts: fn(&Config) -> bool,
    why: &'static str,
) -> Rule {
    Rule { names, counts, why }
}

const RULES: &[Rule] = &[
    // What is for rounds, or for runs without.
    rule(
        &[
            "reduce",
            "scheduler",
            "client_num_per_round",
            "server_lr_schedule",
        ],
        has_rounds,
        "it is for rounds, and --mode async has none",
    ),
    rule(
        &["deadline"],
        |config| has_rounds(config) || waits(config),
        "without rounds it is for rules that wait, such as semi_async",
    ),
    rule(
        &[
            "concurrency",
            "clock",
            "sleep_delays",
            "staleness",
            "max_staleness",
            "stale_weight",
            "scheduler_interval",
            "c_ratio",
            "checkin_num",
            "checkin_interval",
        ],
        |config| !has_rounds(config),
        "it is for --mode async",
    ),
    rule(
        &["staleness"],
        |config| has_rounds(config) || arrivals(config).is_ok_and(|rule| rule.heeds_staleness()),
        "--aggregator takes old updates like new ones",
    ),
    rule(
        &["stale_weight"],
        |config| has_rounds(config) || config.max_staleness.is_some(),
        "it is for --max_staleness",
    ),
    rule(
        &["checkin_interval"],
        |config| has_rounds(config) || config.checkin_num > 0,
        "it is for --checkin_num",
    ),
    rule(
        &["c_ratio"],
        |config| has_rounds(config) || config.scheduler_interval > 0,
        "it is for --scheduler_interval",
    ),
    rule(
        &["concurrency"],
        |config| has_rounds(config) || config.scheduler_interval == 0,
        "with --scheduler_interval --c_ratio says how many are in training",
    ),
    rule(
        &["sleep_delays"],
        |config| has_rounds(config) || config.clock == Clock::Real,
        "it is for --clock real",
    ),
    // What another setting makes idle, with rounds or without.
    rule(
        &["collective"],
        |config| has_rounds(config) && config.reduce == Reduce::Allreduce,
        "it is for --reduce allreduce",
    ),
    rule(
        &["scheduler"],
        |config| config.dispatch == DispatchMode::Planned,
        "it is for --dispatch planned",
    ),
    rule(
        &["kept_dir"],
        |config| config.data_residency == Residency::Local,
        "it is for --data_residency local",
    ),
    rule(
        &["partition_method"],
        |config| config.partition_load.is_none(),
        "--partition_load says who owns what",
    ),
    rule(
        &["data_dir"],
        |config| config.dataset.name != data::GENERATED,
        "the data is generated (hint: --dataset)",
    ),
    rule(
        &["keep_checkpoints"],
        |config| config.checkpoint_every != Some(0),
        "with --checkpoint_every 0 there are none",
    ),
    rule(&["gpu_mapping_file", "gpu_util_parse"], may_map, "--device cpu ignores it"),
    rule(
        &["gpu_mapping_file"],
        |config| !may_map(config) || config.gpu_util_parse.is_none(),
        "--gpu_util_parse wins over it",
    ),
    rule(&["gpu_mapping_key"], follows_file, "it is for a --gpu_mapping_file that is followed"),
];

fn has_rounds(config: &Config) -> bool {
    config.mode == Mode::Sync
}

/// Whether the rule of arrivals has a deadline when there is one.
fn waits(config: &Config) -> bool {
    let bounded = Config {
        deadline: Some(1.0),
        ..config.clone()
    };
    arrivals(&bounded).is_ok_and(|rule| rule.deadline(0.0).is_some())
}

fn may_map(config: &Config) -> bool {
    config.device != DeviceChoice::Cpu
}

/// Whether the GPUs are those that a file says.
fn follows_file(config: &Config) -> bool {
    may_map(config) && config.gpu_mapping_file.is_some() && config.gpu_util_parse.is_none()
}

/// Settings that were changed though nothing in this run depends on them.
fn without_effect(config: &Config) -> Vec<String> {
    // Choices are compared by all that they say.
    let given = values(config);
    let usual = values(&Config::default().completed().unwrap_or_default());
    let mut notes = config.idle.clone();
    for Rule { names, counts, why } in RULES {
        if counts(config) {
            continue;
        }
        let changed = names
            .iter()
            .filter(|name| !alike(&given[**name], &usual[**name]));
        notes.extend(changed.map(|name| format!("--{name} has no effect: {why}")));
    }
    notes
}

fn values(config: &Config) -> Value {
    serde_yaml::to_value(config).expect("plain data always encodes")
}

/// Whether two values say the same; a part that is not completed has its defaults.
fn alike(one: &Value, other: &Value) -> bool {
    let name = |value: &Value| value.get("name").unwrap_or(value).clone();
    one == other || (name(one) == name(other) && (one.is_string() || other.is_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is noted of a config with three workers.
    fn notes(config: Config) -> String {
        Plan::resolve(config).expect("sound").notes(3).join("; ")
    }

    #[test]
    fn workers_without_clients_and_without_training_are_noted() {
        let few = Config {
            client_num_per_round: 2,
            ..Config::default()
        };
        assert_eq!(notes(few), "3 workers for 2 clients a round: some stay idle");
        let alone = Config {
            mode: Mode::Async,
            concurrency: 1,
            ..Config::default()
        };
        assert_eq!(notes(alone), "3 workers for 1 clients in training at once: some stay idle");
        let slow = Config {
            worker_slowdown: Some("4:2,1:2".parse().expect("sound")),
            client_num_per_round: 9,
            ..Config::default()
        };
        assert!(notes(slow).ends_with(
            "(--worker_slowdown 1:2,4:2); rank 4 does not train, so it is not slowed down"
        ));
    }

    #[test]
    fn flags_without_effect_are_noted() {
        let idle = Config {
            stale_weight: 0.9,
            dispatch: DispatchMode::Pull,
            ..Config::default()
        };
        assert_eq!(notes(idle), "--stale_weight has no effect: it is for --mode async");
        let idle = Config {
            scheduler: "balanced".into(),
            dispatch: DispatchMode::Pull,
            ..Config::default()
        };
        assert_eq!(notes(idle), "--scheduler has no effect: it is for --dispatch planned");
        let quiet = |config: Config| {
            notes(Config {
                client_num_per_round: 9,
                ..config
            })
        };
        let idle = Config {
            data_dir: "d".into(),
            checkpoint_every: Some(0),
            keep_checkpoints: 3,
            ..Config::default()
        };
        let said = quiet(idle);
        assert!(said.contains("--data_dir has no effect: the data is generated"), "{said}");
        assert!(
            said.contains("--keep_checkpoints has no effect: with --checkpoint_every 0"),
            "{said}"
        );
        let mapped = Config {
            gpu_mapping_key: "x".into(),
            gpu_util_parse: Some("a:1".into()),
            ..Config::default()
        };
        assert_eq!(
            quiet(mapped),
            "--gpu_mapping_key has no effect: it is for a --gpu_mapping_file that is followed"
        );
    }

    #[test]
    fn settings_of_other_rules_without_rounds_are_noted() {
        let idle = Config {
            mode: Mode::Async,
            concurrency: 9,
            aggregator: Some("avg".into()),
            staleness: "hinge".into(),
            stale_weight: 0.5,
            checkin_interval: 3,
            c_ratio: 0.5,
            ..Config::default()
        };
        let said = notes(idle.clone());
        for name in ["staleness", "stale_weight", "checkin_interval", "c_ratio"] {
            assert!(said.contains(&format!("--{name} has no effect")), "{name}: {said}");
        }
        let counts = Config {
            aggregator: Some("fedasync".into()),
            max_staleness: Some(3),
            checkin_num: 20,
            scheduler_interval: 1,
            concurrency: 10,
            ..idle
        };
        assert_eq!(notes(counts), "");
    }
}
