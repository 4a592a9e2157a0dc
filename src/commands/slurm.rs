//! `fedmpi slurm-script`: a batch script with the wished resources and the training's flags.

use super::{checked, remark, say};
use crate::cli::SlurmArgs;
use crate::config::{Config, Residency};
use crate::launch::{SlurmJob, last_wins, pasteable};
use crate::plan::Plan;
use anyhow::{Result, ensure};
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Prints the script. The training's flags are checked before the job waits in a queue.
pub(super) fn run(arguments: SlurmArgs) -> Result<()> {
    let training = last_wins(&arguments.training);
    let config = checked(&training, arguments.nodes * arguments.ranks_per_node)?;
    let folder = config.out_dir.is_some() || config.resume.is_some();
    ensure!(
        !folder,
        "the script names the run's folder itself (hint: FEDMPI_RUN=FOLDER sbatch ...)"
    );
    let mapped = arguments.gpus_per_node > 0 && config.gpu_mapping_file.is_some();
    ensure!(!mapped, "with --gpus_per_node the script writes the mapping itself");
    warn_of_data(&config);
    say(script(&arguments, training)?)
}

/// The script that starts a training with these flags.
pub(super) fn script(arguments: &SlurmArgs, training: Vec<OsString>) -> Result<String> {
    let program = env::current_exe()?;
    let job = SlurmJob {
        directives: directives(arguments),
        ranks: arguments.ranks_per_node,
        gpus: arguments.gpus_per_node,
        environment: environment(&program),
        program,
        training,
        array: None,
    };
    Ok(job.script()?)
}

/// Data may be elsewhere than here, where the script is made.
fn warn_of_data(config: &Config) {
    if config.data_residency == Residency::Shared
        && let Err(error) = Plan::read(config)
    {
        remark(format_args!("warning: on this host the job would be refused: {error}"));
    }
}

/// What the program needs: the project's own settings, or where this process has found its launcher
/// and libraries.
pub(super) fn environment(program: &Path) -> String {
    let home = program.ancestors().nth(3);
    let script = home.map(|home| home.join("scripts/env.sh"));
    if let Some(script) = script.filter(|script| script.is_file()) {
        return format!(". {}", pasteable([script]));
    }
    let mut words = vec!["export".to_owned()];
    for name in ["PATH", "LD_LIBRARY_PATH"] {
        if let Some(value) = env::var_os(name) {
            words.push(format!("{name}={}", pasteable([PathBuf::from(value)])));
        }
    }
    words.join(" ")
}

/// What Slurm is told, by name.
fn directives(arguments: &SlurmArgs) -> Vec<(String, String)> {
    let mut directives = vec![
        ("nodes".to_owned(), arguments.nodes.to_string()),
        ("ntasks-per-node".to_owned(), arguments.ranks_per_node.to_string()),
    ];
    if let Some(time) = &arguments.time {
        directives.push(("time".to_owned(), time.clone()));
    }
    directives.extend(wishes(&arguments.sbatch));
    directives
}

/// Other options of sbatch by name; some have no value.
pub(super) fn wishes(written: &[String]) -> Vec<(String, String)> {
    written.iter().map(|wish| wish_of(wish)).collect()
}

/// `name=value`, or a name alone.
fn wish_of(word: &str) -> (String, String) {
    let (name, value) = word.split_once('=').unwrap_or((word, ""));
    (name.to_owned(), value.to_owned())
}
