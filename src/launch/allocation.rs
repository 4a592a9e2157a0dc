//! Hosts that a batch system has given: Slurm, PBS, LSF and Grid Engine say so in the environment.

use crate::files;
use crate::hosts::HostFile;
use std::path::Path;
use std::process::Command;
use std::{env, io};

/// The hosts of the allocation that this process runs in; none outside of one.
///
/// # Errors
/// When the batch system's own words cannot be read.
pub fn allocation() -> io::Result<Option<HostFile>> {
    let file = |name: &str| env::var_os(name).map(|path| files::text(Path::new(&path))).transpose();
    if let Ok(nodes) = env::var("SLURM_JOB_NODELIST") {
        let shown = Command::new("scontrol").args(["show", "hostnames", &nodes]).output()?;
        if !shown.status.success() {
            let said = String::from_utf8_lossy(&shown.stderr);
            return Err(io::Error::other(format!("scontrol cannot name the hosts `{nodes}`: {}", said.trim())));
        }
        let names = String::from_utf8_lossy(&shown.stdout).into_owned();
        let tasks = env::var("SLURM_TASKS_PER_NODE").or_else(|_| env::var("SLURM_JOB_CPUS_PER_NODE"));
        return Ok(Some(slurm(&names, &tasks.unwrap_or_default())));
    }
    if let Some(text) = file("PBS_NODEFILE")?.or(file("LSB_DJOB_HOSTFILE")?) {
        return Ok(Some(a_line_per_slot(&text)));
    }
    Ok(file("PE_HOSTFILE")?.map(|text| grid_engine(&text)))
}

/// Names, and counts such as `4(x2),2`.
fn slurm(names: &str, tasks: &str) -> HostFile {
    let mut counts = tasks.split(',').flat_map(|part| {
        let (count, times) = part.split_once("(x").unwrap_or((part, "1"));
        let times = times.trim_end_matches(')').parse().unwrap_or(1);
        std::iter::repeat_n(count.trim().parse::<u32>().ok(), times)
    });
    HostFile { hosts: names.split_whitespace().map(|name| (name.to_owned(), counts.next().flatten())).collect() }
}

/// A host's name once for each slot; the order of first appearance stays.
fn a_line_per_slot(text: &str) -> HostFile {
    let mut hosts: Vec<(String, Option<u32>)> = Vec::new();
    for name in text.split_whitespace() {
        match hosts.iter_mut().find(|(host, _)| host == name) {
            Some((_, slots)) => *slots = slots.map(|slots| slots + 1),
            None => hosts.push((name.to_owned(), Some(1))),
        }
    }
    HostFile { hosts }
}

/// Lines `host slots queue processors`.
fn grid_engine(text: &str) -> HostFile {
    let host = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next().and_then(|slots| slots.parse().ok())))
    };
    HostFile { hosts: text.lines().filter_map(host).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::Dialect;

    #[test]
    fn every_batch_systems_words_are_understood() {
        let written = |file: HostFile| file.write(Dialect::Mpich);
        assert_eq!(written(slurm("n1\nn2\nn3\n", "4(x2),2")), "n1:4\nn2:4\nn3:2\n");
        assert_eq!(written(slurm("n1\n", "")), "n1\n");
        assert_eq!(written(a_line_per_slot("n1\nn1\nn2\n")), "n1:2\nn2:1\n");
        assert_eq!(written(grid_engine("n1 4 all.q@n1 UNDEFINED\nn2 2 all.q@n2 <NULL>\n")), "n1:4\nn2:2\n");
    }
}
