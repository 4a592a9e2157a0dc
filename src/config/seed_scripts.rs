//! What scripts of the seed systems say beside settings: it is taken, and decides nothing.

use clap::Args;

/// Flags that decide nothing here.
#[derive(Args, Clone, Debug, Default)]
#[command(rename_all = "snake_case")]
pub struct SeedScripts {
    /// MPI carries everything [default: none]
    #[arg(long, hide = true, value_name = "NAME")]
    backend: Option<String>,
    /// Weights always travel as bytes [default: none]
    #[arg(long, hide = true, value_name = "0|1")]
    is_mobile: Option<String>,
    /// The mapping tells [default: none]
    #[arg(long, hide = true, value_name = "SERVERS")]
    gpu_server_num: Option<String>,
    /// The mapping tells [default: none]
    #[arg(long, hide = true, value_name = "GPUS")]
    gpu_num_per_server: Option<String>,
}

impl SeedScripts {
    /// What to tell once of those that were given.
    pub fn notes(&self) -> Vec<String> {
        let flags = [
            ("backend", &self.backend, "MPI carries everything"),
            ("is_mobile", &self.is_mobile, "weights always travel as bytes"),
            ("gpu_server_num", &self.gpu_server_num, "the mapping tells"),
            ("gpu_num_per_server", &self.gpu_num_per_server, "the mapping tells"),
        ];
        let given = flags.into_iter().filter(|(_, value, _)| value.is_some());
        given
            .map(|(name, _, why)| format!("--{name} decides nothing here: {why}"))
            .collect()
    }
}
