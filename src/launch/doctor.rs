//! What must be alike on all hosts before a job can run on them: facts of each host, and what to do
//! about those that differ.

use super::shell::pasteable;
use serde::{Deserialize, Serialize};
use std::array;

/// What a host says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Its name.
    pub host: String,
    /// Hash of this program.
    pub binary: String,
    /// Hash of libtorch.
    pub libtorch: String,
    /// The MPI library, as it says itself.
    pub mpi: String,
    /// What is wrong with the data folder; none when it can be read, or nobody asked.
    pub data_fault: Option<String>,
    /// GPUs that can be used.
    pub gpus: usize,
    /// Version of the GPU driver, if there is one.
    pub driver: Option<String>,
    /// Why GPUs cannot be used, where there is a driver.
    pub gpu_fault: Option<String>,
    /// Its clock: seconds since 1970.
    pub clock: f64,
    /// Memory that is free, in MiB.
    pub free_mib: u64,
    /// Cores.
    pub cores: usize,
}

/// What came of asking a host.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Its name in the host file.
    pub host: String,
    /// Its facts, or why there are none.
    pub facts: Result<Facts, String>,
    /// When it was asked and when it had answered, by the clock here.
    pub window: (f64, f64),
}

/// Seconds that clocks may differ: more confuses whoever reads the logs side by side.
const SKEW: f64 = 1.0;
/// Less free memory than this is too little for a rank with its libraries, in MiB.
const LEAST_FREE: u64 = 512;

const COLUMNS: [&str; 9] = [
    "host", "reached", "binary", "libtorch", "MPI", "data", "GPUs", "clock", "free MiB",
];

/// A table of all hosts, and a remedy for each thing that is wrong.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnosis {
    /// One row for each host, under a title.
    pub table: String,
    /// One line for each fault.
    pub remedies: Vec<String>,
}

/// Compares all hosts with this one.
pub fn diagnose(here: &Facts, probes: &[Probe]) -> Diagnosis {
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    let mut remedies = Vec::new();
    for probe in probes {
        let (row, faults) = match &probe.facts {
            Ok(facts) => {
                let skew = skew(facts.clock, probe.window);
                (row(here, &probe.host, facts, skew), faults(here, facts, skew))
            }
            Err(reason) => (unreached(&probe.host), vec![unreachable(&probe.host, reason)]),
        };
        rows.push(row);
        remedies.extend(
            faults
                .iter()
                .map(|fault| format!("{}: {fault}", probe.host)),
        );
    }
    Diagnosis {
        table: aligned(&rows),
        remedies,
    }
}

/// A host in the table.
type Row = [String; COLUMNS.len()];

fn row(here: &Facts, host: &str, facts: &Facts, skew: f64) -> Row {
    let mark = |fine: bool| if fine { "ok" } else { "NO" }.to_owned();
    let gpus = match &facts.driver {
        Some(driver) => format!("{}, driver {driver}", facts.gpus),
        None => facts.gpus.to_string(),
    };
    let clock = if skew > SKEW {
        format!("{skew:.0} s off")
    } else {
        "ok".to_owned()
    };
    [
        host.to_owned(),
        "ok".to_owned(),
        mark(facts.binary == here.binary),
        mark(facts.libtorch == here.libtorch),
        mark(facts.mpi == here.mpi),
        mark(facts.data_fault.is_none()),
        gpus,
        clock,
        facts.free_mib.to_string(),
    ]
}

/// A host of which nothing is known.
fn unreached(host: &str) -> Row {
    let mut row = COLUMNS.map(|_| "-".to_owned());
    row[0] = host.to_owned();
    row[1] = "no".to_owned();
    row
}

/// What is wrong with a host, each with what to do about it.
fn faults(here: &Facts, facts: &Facts, skew: f64) -> Vec<String> {
    let mut faults = Vec::new();
    if facts.binary != here.binary {
        faults.push(format!(
            "another fedmpi ({} there, {} here): copy this one there",
            facts.binary, here.binary
        ));
    }
    if facts.libtorch != here.libtorch {
        faults.push(format!(
            "another libtorch ({} there, {} here): run scripts/setup.sh there, or share the folder",
            facts.libtorch, here.libtorch
        ));
    }
    if facts.mpi != here.mpi {
        faults.push(format!(
            "another MPI (`{}` there, `{}` here): install the same version",
            facts.mpi, here.mpi
        ));
    }
    if let Some(reason) = &facts.data_fault {
        faults.push(format!("{reason}: copy the data there, or mount it at the same path"));
    }
    if let Some(reason) = &facts.gpu_fault {
        faults.push(format!(
            "its GPUs cannot be used: {reason}: nvidia-smi there tells of the driver, GPU=1 \
             scripts/setup.sh installs what libtorch needs of CUDA"
        ));
    }
    if skew > SKEW {
        faults
            .push(format!("its clock is {skew:.0} s off: synchronise the clocks (chrony or ntpd)"));
    }
    if facts.free_mib < LEAST_FREE {
        faults.push(format!("only {} MiB of memory are free: end other programs", facts.free_mib));
    }
    faults
}

/// The version in what NVIDIA's driver says of itself.
///
/// ```
/// let text = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  Thu Jan 23 2025\nGCC version: 12.2.0";
/// assert_eq!(fedmpi::launch::driver_version(text).as_deref(), Some("570.86.15"));
/// ```
pub fn driver_version(text: &str) -> Option<String> {
    let is_version =
        |word: &&str| word.contains('.') && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    text.lines()
        .next()?
        .split_whitespace()
        .find(is_version)
        .map(str::to_owned)
}

/// How far a clock is off at least, when it was read at some moment of the window.
fn skew(clock: f64, (asked, answered): (f64, f64)) -> f64 {
    (asked - clock).max(clock - answered).max(0.0)
}

/// What to do about a host that gave no facts.
fn unreachable(host: &str, reason: &str) -> String {
    let error = reason.lines().find(|line| line.contains("error"));
    let line = error.or(reason.lines().last()).unwrap_or("no answer");
    let remedy =
        if reason.contains("unexpected argument") || reason.contains("unrecognized subcommand") {
            "another fedmpi is there: copy this one there"
        } else if reason.contains("shared librar") {
            "a library is missing there: run scripts/setup.sh there, or share the folder"
        } else if reason.contains("No such file") || reason.contains("not found") {
            "fedmpi is not at the same path there: copy it, or share the folder"
        } else if reason.contains("Permission denied") {
            "ssh asks for a password: copy your key there (ssh-copy-id)"
        } else {
            "is the name right, is the host up, does its sshd run?"
        };
    let attempt = pasteable(["ssh", host, "hostname"]);
    format!("{} (try `{attempt}`): {remedy}", line.trim().escape_debug())
}

fn aligned(rows: &[Row]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; COLUMNS.len()] = array::from_fn(width);
    let mut lines = Vec::new();
    for row in rows {
        let padded = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        let line = padded.collect::<Vec<_>>().join("  ");
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            binary: "b1".into(),
            libtorch: "t1".into(),
            mpi: "Open MPI 4.1".into(),
            clock: 100.0,
            free_mib: 9000,
            ..Facts::default()
        }
    }

    fn probe(facts: Result<Facts, String>) -> Probe {
        Probe {
            host: "h2".into(),
            facts,
            window: (99.0, 101.0),
        }
    }

    #[test]
    fn a_sound_host_has_no_remedy() {
        let diagnosis = diagnose(&facts(), &[probe(Ok(facts()))]);
        assert_eq!(diagnosis.remedies, Vec::<String>::new());
        assert!(
            diagnosis
                .table
                .lines()
                .nth(1)
                .is_some_and(|row| row.starts_with("h2    ok")),
            "{}",
            diagnosis.table
        );
    }

    #[test]
    fn every_fault_has_its_remedy() {
        let remedy = |facts: Result<Facts, String>| {
            let remedies = diagnose(&self::facts(), &[probe(facts)]).remedies;
            assert_eq!(remedies.len(), 1, "{remedies:?}");
            remedies[0].clone()
        };
        assert!(
            remedy(Ok(Facts {
                binary: "b2".into(),
                ..facts()
            }))
            .contains("another fedmpi (b2 there, b1 here)")
        );
        assert!(
            remedy(Ok(Facts {
                libtorch: "t2".into(),
                ..facts()
            }))
            .contains("another libtorch")
        );
        assert!(
            remedy(Ok(Facts {
                mpi: "MPICH".into(),
                ..facts()
            }))
            .contains("another MPI")
        );
        assert!(
            remedy(Ok(Facts {
                data_fault: Some("no /d".into()),
                ..facts()
            }))
            .contains("copy the data")
        );
        assert!(
            remedy(Ok(Facts {
                gpu_fault: Some("no".into()),
                ..facts()
            }))
            .contains("CUDA")
        );
        let with_gpus = Facts {
            gpus: 4,
            driver: Some("570.86.15".into()),
            ..facts()
        };
        assert!(
            diagnose(&facts(), &[probe(Ok(with_gpus))])
                .table
                .contains("4, driver 570.86.15")
        );
        assert!(
            remedy(Ok(Facts {
                clock: 160.0,
                ..facts()
            }))
            .contains("59 s off")
        );
        assert!(
            remedy(Ok(Facts {
                free_mib: 5,
                ..facts()
            }))
            .contains("only 5 MiB")
        );
        assert!(remedy(Err("sh: x: No such file or directory".into())).contains("same path"));
        assert!(
            remedy(Err("ssh: connect to host h2: timed out".into())).contains("is the host up")
        );
    }
}
