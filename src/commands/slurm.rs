//! `fedmpi slurm-script`: a batch script with the wished resources and the training's flags.

use super::checked;
use crate::cli::SlurmArgs;
use crate::launch::SlurmJob;
use anyhow::{Result, ensure};

/// Prints the script. The training's flags are checked before the job waits in a queue.
pub(super) fn run(arguments: SlurmArgs) -> Result<()> {
    let config = checked(&arguments.training)?;
    let folder = config.out_dir.is_some() || config.resume.is_some();
    ensure!(!folder, "the script names the run's folder itself (hint: FEDMPI_RUN=FOLDER sbatch ...)");
    let mapped = arguments.gpus_per_node > 0 && config.gpu_mapping_file.is_some();
    ensure!(!mapped, "with --gpus_per_node the script writes the mapping itself");
    let job = SlurmJob {
        directives: directives(&arguments),
        ranks: arguments.ranks_per_node,
        gpus: arguments.gpus_per_node,
        training: arguments.training,
    };
    print!("{}", job.script()?);
    Ok(())
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
    for wish in &arguments.sbatch {
        let (name, value) = wish.split_once('=').unwrap_or((wish, ""));
        directives.push((name.to_owned(), value.to_owned()));
    }
    directives
}
