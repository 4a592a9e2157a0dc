//! `fedmpi new`: a folder to begin with, whose README says how.

use super::{say, slurm};
use crate::cli::{NewArgs, SlurmArgs};
use crate::config::Config;
use crate::files;
use crate::launch::pasteable;
use crate::plan::Plan;
use anyhow::{Context, Error, Result, ensure};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

const MPI_HOST_FILE: &str = include_str!("../../../mpi_host_file");
const GPU_MAPPING: &str = include_str!("../../../gpu_mapping.yaml");

/// Makes the folder. What lies in it already is never replaced.
pub(super) fn run(arguments: &NewArgs) -> Result<()> {
    let NewArgs { folder, mnist } = arguments;
    let name = folder
        .file_name()
        .map_or_else(|| folder.display().to_string(), |name| name.display().to_string());
    let parts = [
        ("config.yaml", config(mnist.as_deref())?),
        ("mpi_host_file", MPI_HOST_FILE.to_owned()),
        ("gpu_mapping.yaml", GPU_MAPPING.to_owned()),
        ("job.sbatch", job()?),
        ("README.md", format!(include_str!("README.md"), name = name)),
    ];
    ensure!(
        is_free(folder)?,
        "{} is not empty, and nothing there is replaced (hint: another name)",
        folder.display()
    );
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, text) in &parts {
        let file = folder.join(name);
        files::write_whole(&file, text.as_bytes())
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    let (folder, names) = (pasteable([folder]), parts.map(|(name, _)| name).join(", "));
    say(format_args!(
        "made {folder}: {names}\nnext: cd {folder} && fedmpi launch -np 3 -- --cf config.yaml"
    ))
}

/// Whether nothing is there, or a folder with nothing in it.
fn is_free(folder: &Path) -> Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).with_context(|| format!("cannot make {}", folder.display())),
    }
}

/// A config over generated data, or over MNIST where it lies: that is tried now, and not in the new
/// folder.
fn config(mnist: Option<&Path>) -> Result<String> {
    let Some(folder) = mnist else {
        return Ok(include_str!("generated.yaml").to_owned());
    };
    let folder =
        fs::canonicalize(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let text =
        format!(include_str!("mnist.yaml"), folder = serde_yaml::to_string(&folder)?.trim_end());
    Plan::read(&Config::parse(&text).map_err(Error::msg)?)?;
    Ok(text)
}

/// A batch script for one node.
fn job() -> Result<String> {
    let arguments = SlurmArgs {
        nodes: 1,
        ranks_per_node: 3,
        gpus_per_node: 0,
        time: None,
        sbatch: Vec::new(),
        training: Vec::new(),
    };
    slurm::script(&arguments, ["--cf", "config.yaml"].map(Into::into).into())
}
