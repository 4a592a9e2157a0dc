//! Fingerprints of a plan: what must be the same on all ranks, and what when a run goes on.

use super::Plan;
use crate::config::{Collective, Config, Evaluator, Translation};
use crate::message::Reduce;
use crate::part::Choice;
use crate::schedule::DispatchMode;
use crate::update::Chain;

impl Plan {
    /// Fingerprint of everything that decides the result; equal on all ranks of a sound job.
    pub fn digest(&self) -> String {
        self.digest_as(self.config.clone())
    }

    fn digest_as(&self, config: Config) -> String {
        let decisive = Config {
            // Where things lie and how much is said may differ from host to host.
            data_dir: Default::default(),
            out_dir: None,
            overwrite: false,
            partition_save: None,
            partition_load: None,
            gpu_mapping_file: None,
            gpu_mapping_key: String::new(),
            gpu_util_parse: None,
            client_selection: without_files(config.client_selection),
            delay: without_files(config.delay),
            resume: None,
            round_timeout: None,
            checkpoint_every: None,
            keep_checkpoints: 0,
            record: Chain::default(),
            verbose: 0,
            // Who trains whom, and where updates are summed, does not touch the result.
            scheduler: Choice::default(),
            idle: Vec::new(),
            translation: Translation::default(),
            dispatch: DispatchMode::Planned,
            worker_slowdown: None,
            reduce: Reduce::Server,
            collective: Collective::Auto,
            ..config
        };
        let text = serde_json::to_string(&decisive).expect("plain data always encodes");
        let parts = [env!("CARGO_PKG_VERSION"), &text, &self.fingerprint];
        blake3::hash(parts.join("\n").as_bytes()).to_hex()[..16].to_owned()
    }

    /// Fingerprint of what must not change when a run goes on: how long it goes on and how often it is
    /// looked at may.
    pub fn lasting_digest(&self) -> String {
        let config = Config {
            comm_round: 0,
            frequency_of_the_test: 0,
            first_test: None,
            ci: 0,
            target_accuracy: None,
            target: None,
            evaluate: Evaluator::Server,
            ..self.config.clone()
        };
        self.digest_as(config)
    }
}

/// A choice without where its file lies; what the file says is in the fingerprint.
fn without_files(mut choice: Choice) -> Choice {
    for file in ["selection_file", "delay_file"] {
        choice.values.remove(file);
    }
    choice
}
