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
        if let Some(slowdown) = &self.config.worker_slowdown {
            notes
                .push(format!("workers are slowed down on purpose (--worker_slowdown {slowdown})"));
            // A run may go on with fewer ranks than it began with.
            let absent = slowdown
                .ranks()
                .filter(|rank| !(1..=workers).contains(&rank.index()));
            notes.extend(
                absent.map(|rank| format!("rank {rank} does not train, so it is not slowed down")),
            );
        }
        notes.extend(self.dataset.sameness().into_iter().map(str::to_owned));
        let twins = self.homes().map(Homes::twins).unwrap_or_default();
        notes.extend(twins.into_iter().map(|(one, other)| {
            format!(
                "ranks {one} and {other} hold the same training data in two places (hint: is one a copy by mistake?)"
            )
        }));
        notes.extend(without_effect(&self.config));
        notes
    }
}

/// Settings of which a run may be independent, whether it is not, and why.
type Rule = (&'static [&'static str], bool, &'static str);

/// What is for rounds, or for runs without.
fn rules_of_modes(config: &Config) -> Vec<Rule> {
    let rounds = config.mode == Mode::Sync;
    // A rule that has a deadline when there is one.
    let bounded = |config: &Config| arrivals(config).is_ok_and(|rule| rule.deadline(0.0).is_some());
    let waits = !rounds
        && bounded(&Config {
            deadline: Some(1.0),
            ..config.clone()
        });
    let heeds = arrivals(config).is_ok_and(|rule| rule.heeds_staleness());
    vec![
        (
            &[
                "reduce",
                "scheduler",
                "client_num_per_round",
                "server_lr_schedule",
            ],
            rounds,
            "it is for rounds, and --mode async has none",
        ),
        (
            &["deadline"],
            rounds || waits,
            "without rounds it is for rules that wait, such as semi_async",
        ),
        (
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
            !rounds,
            "it is for --mode async",
        ),
        (&["staleness"], rounds || heeds, "--aggregator takes old updates like new ones"),
        (&["stale_weight"], rounds || config.max_staleness.is_some(), "it is for --max_staleness"),
        (&["checkin_interval"], rounds || config.checkin_num > 0, "it is for --checkin_num"),
        (&["c_ratio"], rounds || config.scheduler_interval > 0, "it is for --scheduler_interval"),
        (
            &["concurrency"],
            rounds || config.scheduler_interval == 0,
            "with --scheduler_interval --c_ratio says how many are in training",
        ),
        (&["sleep_delays"], rounds || config.clock == Clock::Real, "it is for --clock real"),
    ]
}

/// What another setting makes idle, with rounds or without.
fn rules_of_settings(config: &Config) -> Vec<Rule> {
    let rounds = config.mode == Mode::Sync;
    let (mapped, line) = (config.device != DeviceChoice::Cpu, config.gpu_util_parse.is_some());
    let file = config.gpu_mapping_file.is_some();
    vec![
        (
            &["collective"],
            rounds && config.reduce == Reduce::Allreduce,
            "it is for --reduce allreduce",
        ),
        (&["scheduler"], config.dispatch == DispatchMode::Planned, "it is for --dispatch planned"),
        (
            &["kept_dir"],
            config.data_residency == Residency::Local,
            "it is for --data_residency local",
        ),
        (
            &["partition_method"],
            config.partition_load.is_none(),
            "--partition_load says who owns what",
        ),
        (
            &["data_dir"],
            config.dataset.name != data::GENERATED,
            "the data is generated (hint: --dataset)",
        ),
        (
            &["keep_checkpoints"],
            config.checkpoint_every != Some(0),
            "with --checkpoint_every 0 there are none",
        ),
        (&["gpu_mapping_file", "gpu_util_parse"], mapped, "--device cpu ignores it"),
        (&["gpu_mapping_file"], !mapped || !line, "--gpu_util_parse wins over it"),
        (
            &["gpu_mapping_key"],
            mapped && file && !line,
            "it is for a --gpu_mapping_file that is followed",
        ),
    ]
}

/// Settings that were changed though nothing in this run depends on them.
fn without_effect(config: &Config) -> Vec<String> {
    let values = |config: Config| serde_yaml::to_value(config).expect("plain data always encodes");
    // Choices are compared by all that they say.
    let (given, usual) =
        (values(config.clone()), values(Config::default().completed().unwrap_or_default()));
    let rules = [rules_of_modes(config), rules_of_settings(config)].concat();
    let idle = rules.into_iter().filter(|(_, counts, _)| !counts);
    let changed = idle.flat_map(|(names, _, why)| names.iter().map(move |name| (*name, why)));
    let changed = changed.filter(|(name, _)| !alike(&given[*name], &usual[*name]));
    let changed = changed.map(|(name, why)| format!("--{name} has no effect: {why}"));
    config.idle.iter().cloned().chain(changed).collect()
}

/// Whether two values say the same; a part that is not completed has its defaults.
fn alike(one: &Value, other: &Value) -> bool {
    let name = |value: &Value| value.get("name").unwrap_or(value).clone();
    one == other || (name(one) == name(other) && (one.is_string() || other.is_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_should_be_known_before_a_run_is_noted() {
        let notes = |config: Config| Plan::resolve(config).expect("sound").notes(3).join("; ");
        let base = || Config {
            client_num_per_round: 2,
            ..Config::default()
        };
        assert_eq!(notes(base()), "3 workers for 2 clients a round: some stay idle");
        let alone = Config {
            mode: Mode::Async,
            concurrency: 1,
            ..Config::default()
        };
        assert_eq!(notes(alone), "3 workers for 1 clients in training at once: some stay idle");
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
        let slow = Config {
            worker_slowdown: Some("4:2,1:2".parse().expect("sound")),
            client_num_per_round: 9,
            ..base()
        };
        assert!(notes(slow).ends_with(
            "(--worker_slowdown 1:2,4:2); rank 4 does not train, so it is not slowed down"
        ));
    }
}
