//! Hosts that a batch system has given: Slurm, PBS, LSF and Grid Engine say so in the environment.

use super::node_list;
use crate::files;
use crate::hosts::{HostFile, HostFileError, HostName};
use std::path::Path;
use std::{env, io};

/// A batch system's words that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AllocationError {
    /// A file that cannot be read.
    #[error("cannot read {file}, which {name} names: {reason} (hint: -hostfile FILE)")]
    File {
        /// The variable.
        name: &'static str,
        /// The file.
        file: String,
        /// What the system says.
        reason: io::Error,
    },
    /// Hosts in Slurm's form that name none.
    #[error("{SLURM} is `{nodes}`: {reason} (hint: -hostfile FILE)")]
    Slurm {
        /// What Slurm says.
        nodes: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Hosts that no job can run on.
    #[error("{name}: {reason}")]
    Hosts {
        /// The variable.
        name: &'static str,
        /// What is wrong.
        reason: HostFileError,
    },
}

type Named = Result<Vec<(HostName, Option<u32>)>, HostFileError>;
/// How a batch system's file is read.
type Reader = fn(&str) -> Named;

/// Variables that name a file, and how it is read.
const FILES: [(&str, Reader); 3] = [
    ("PBS_NODEFILE", a_line_per_slot),
    ("LSB_DJOB_HOSTFILE", a_line_per_slot),
    ("PE_HOSTFILE", grid_engine),
];

const SLURM: &str = "SLURM_JOB_NODELIST";

/// The hosts of the allocation that this process runs in; none outside of one.
///
/// # Errors
/// When the batch system's own words cannot be read.
pub fn allocation() -> Result<Option<HostFile>, AllocationError> {
    if let Ok(nodes) = env::var(SLURM) {
        let names =
            node_list::hosts(&nodes).map_err(|reason| AllocationError::Slurm { nodes, reason })?;
        let tasks =
            env::var("SLURM_TASKS_PER_NODE").or_else(|_| env::var("SLURM_JOB_CPUS_PER_NODE"));
        return put_together(SLURM, slurm(&names, &tasks.unwrap_or_default())).map(Some);
    }
    for (name, read) in FILES {
        let Some(path) = env::var_os(name) else { continue };
        let text = files::text(Path::new(&path)).map_err(|reason| AllocationError::File {
            name,
            file: path.to_string_lossy().into_owned(),
            reason,
        })?;
        return put_together(name, read(&text)).map(Some);
    }
    Ok(None)
}

/// The hosts that a variable has named.
fn put_together(name: &'static str, named: Named) -> Result<HostFile, AllocationError> {
    let file = named.and_then(HostFile::of);
    file.map_err(|reason| AllocationError::Hosts { name, reason })
}

/// Names, and counts such as `4(x2),2`.
fn slurm(names: &[String], tasks: &str) -> Named {
    let mut counts = tasks.split(',').flat_map(|part| {
        let (count, times) = part.split_once("(x").unwrap_or((part, "1"));
        let times = times.trim_end_matches(')').parse().unwrap_or(1);
        std::iter::repeat_n(count.trim().parse::<u32>().ok(), times)
    });
    names
        .iter()
        .map(|name| Ok((host(1, name)?, counts.next().flatten())))
        .collect()
}

/// A host's name once for each slot.
fn a_line_per_slot(text: &str) -> Named {
    let named = |(line, name): (usize, &str)| Ok((host(line + 1, name)?, Some(1)));
    text.split_whitespace().enumerate().map(named).collect()
}

/// Lines `host slots queue processors`, one for each queue.
fn grid_engine(text: &str) -> Named {
    let mut named = Vec::new();
    for (line, text) in text.lines().enumerate() {
        let mut words = text.split_whitespace();
        if let Some(name) = words.next() {
            named.push((host(line + 1, name)?, words.next().and_then(|slots| slots.parse().ok())));
        }
    }
    Ok(named)
}

fn host(line: usize, name: &str) -> Result<HostName, HostFileError> {
    HostName::parse(name).map_err(|error| HostFileError::Line {
        line,
        text: name.to_owned(),
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::Dialect;

    #[test]
    fn every_batch_systems_words_are_understood() {
        let written = |named: Named| {
            let file = named.and_then(HostFile::of).expect("hosts");
            file.write(Dialect::Mpich)
        };
        let slurm =
            |nodes: &str, tasks: &str| slurm(&node_list::hosts(nodes).expect("hosts"), tasks);
        assert_eq!(written(slurm("n[08-10]", "4(x2),2")), "n08:4\nn09:4\nn10:2\n");
        assert_eq!(written(slurm("n[1,3]-ib,login", "")), "n1-ib\nn3-ib\nlogin\n");
        assert_eq!(written(a_line_per_slot("n1\nn1\nn2\n")), "n1:2\nn2:1\n");
        let queues = "n1 4 all.q@n1 UNDEFINED\nn2 2 all.q@n2 <NULL>\nn1 1 b.q@n1 UNDEFINED\n";
        assert_eq!(written(grid_engine(queues)), "n1:5\nn2:2\n");
        assert!(
            a_line_per_slot("n1\n-V\n")
                .expect_err("an option")
                .to_string()
                .starts_with("line 2: `-V`")
        );
    }
}
