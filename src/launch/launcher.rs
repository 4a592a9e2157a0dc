//! The launchers that are known, and what each of them calls things.

use crate::hosts::Dialect;
use std::process::Command;
use std::{env, fmt, io};

/// An installed launcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Launcher {
    /// Open MPI up to version 4.
    OpenMpi4,
    /// Open MPI from version 5 on (PRRTE).
    OpenMpi5,
    /// MPICH's Hydra.
    Mpich,
    /// Intel MPI's Hydra.
    Intel,
}

impl Launcher {
    /// Which one answers to `mpirun --version` like this.
    ///
    /// ```
    /// use fedmpi::launch::Launcher;
    /// assert_eq!(Launcher::from_version("mpirun (Open MPI) 4.1.4"), Some(Launcher::OpenMpi4));
    /// assert_eq!(
    ///     Launcher::from_version("mpirun (Open MPI) 5.0.11"),
    ///     Some(Launcher::OpenMpi5)
    /// );
    /// assert_eq!(
    ///     Launcher::from_version("HYDRA build details:\n Version: 4.0.2"),
    ///     Some(Launcher::Mpich)
    /// );
    /// assert_eq!(
    ///     Launcher::from_version("Intel(R) MPI Library for Linux* OS, Version 2021.9"),
    ///     Some(Launcher::Intel)
    /// );
    /// ```
    pub fn from_version(text: &str) -> Option<Launcher> {
        if text.contains("Intel(R) MPI") {
            return Some(Launcher::Intel);
        }
        if text.contains("HYDRA") || text.to_lowercase().contains("mpich") {
            return Some(Launcher::Mpich);
        }
        let open = text
            .find("(Open MPI)")
            .map(|at| text[at + "(Open MPI)".len()..].trim_start());
        let major = open?.split('.').next()?.parse::<u32>().ok()?;
        Some(if major >= 5 {
            Launcher::OpenMpi5
        } else {
            Launcher::OpenMpi4
        })
    }

    /// The one that `mpirun` is.
    ///
    /// # Errors
    /// When there is none, or an unknown one.
    pub fn installed() -> Result<Launcher, LaunchError> {
        let output = Command::new("mpirun")
            .arg("--version")
            .output()
            .map_err(LaunchError::Missing)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let unknown =
            || LaunchError::Unknown(text.lines().next().unwrap_or("it says nothing").to_owned());
        Launcher::from_version(&text).ok_or_else(unknown)
    }

    /// How it wants its host file.
    pub fn dialect(self) -> Dialect {
        match self {
            Launcher::OpenMpi4 | Launcher::OpenMpi5 => Dialect::Openmpi,
            Launcher::Mpich | Launcher::Intel => Dialect::Mpich,
        }
    }

    /// Whether it can go on without lost ranks.
    pub fn survives(self) -> bool {
        self == Launcher::OpenMpi5
    }

    /// The flag that sets a parameter of the launcher itself.
    fn own_parameter(self) -> Option<&'static str> {
        match self {
            Launcher::OpenMpi4 => Some("--mca"),
            Launcher::OpenMpi5 => Some("--prtemca"),
            Launcher::Mpich | Launcher::Intel => None,
        }
    }

    /// A host that is cut off is given up after some 16 s. Left alone, Open MPI waits for eight
    /// minutes.
    pub(super) fn keepalive(self) -> Vec<String> {
        let mut words = Vec::new();
        let Some(flag) = self.own_parameter() else { return words };
        for (name, value) in KEEPALIVE {
            words.extend([
                flag.to_owned(),
                format!("oob_tcp_keepalive_{name}"),
                value.to_owned(),
            ]);
        }
        words
    }

    /// What makes everything go over one network interface.
    pub(super) fn on_interface(self, name: &str) -> Vec<String> {
        let words = match self.own_parameter() {
            Some(flag) => vec![
                "--mca",
                "btl_tcp_if_include",
                name,
                flag,
                "oob_tcp_if_include",
                name,
            ],
            None => vec!["-iface", name],
        };
        words.into_iter().map(str::to_owned).collect()
    }

    /// What keeps it from binding ranks to cores: several jobs on one host would all be bound to
    /// its first ones.
    pub fn unbound(self) -> &'static [&'static str] {
        match self {
            Launcher::OpenMpi4 | Launcher::OpenMpi5 => &["--bind-to", "none"],
            Launcher::Mpich => &[],
            Launcher::Intel => &["-genv", "I_MPI_PIN", "off"],
        }
    }

    /// What makes each line of output say its rank.
    pub(super) fn tags(self) -> &'static [&'static str] {
        match self {
            Launcher::OpenMpi4 => &["--tag-output"],
            Launcher::OpenMpi5 => &["--output", "tag"],
            Launcher::Mpich | Launcher::Intel => &["-prepend-rank"],
        }
    }

    /// The flag before a host file.
    pub(super) fn host_file_flag(self) -> &'static str {
        if self.dialect() == Dialect::Openmpi {
            "--hostfile"
        } else {
            "-f"
        }
    }

    /// The flag before hosts in one word.
    pub(super) fn host_list_flag(self) -> &'static str {
        if self.dialect() == Dialect::Openmpi {
            "-host"
        } else {
            "-hosts"
        }
    }
}

impl fmt::Display for Launcher {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Launcher::OpenMpi4 => "Open MPI 4",
            Launcher::OpenMpi5 => "Open MPI 5",
            Launcher::Mpich => "MPICH",
            Launcher::Intel => "Intel MPI",
        })
    }
}

/// Seconds until a silent peer is asked, between two questions, and how many of them.
const KEEPALIVE: [(&str, &str); 3] = [("time", "10"), ("intvl", "2"), ("probes", "3")];

/// No launcher that can be used.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Nothing to run.
    #[error("cannot run `mpirun --version`: {0} (hint: scripts/setup.sh installs an MPI)")]
    Missing(io::Error),
    /// None that is known.
    #[error(
        "unknown launcher: {0} (hint: Open MPI, MPICH and Intel MPI are known; or start the job by \
         its own mpirun)"
    )]
    Unknown(String),
    /// It cannot go on without lost ranks.
    #[error(
        "{0} cannot go on without lost workers (hint: Open MPI 5 can; --max_restarts works with \
         every MPI)"
    )]
    Mortal(Launcher),
}

/// The rank that a launcher gave to this process, by what it says in the environment; none without
/// one.
pub fn launched_rank() -> Option<u32> {
    [
        "OMPI_COMM_WORLD_RANK",
        "PMIX_RANK",
        "PMI_RANK",
        "SLURM_PROCID",
    ]
    .into_iter()
    .find_map(said)
}

/// What a launcher says of this process. MPI's own start says more, so look before it.
#[derive(Clone, Copy, Debug)]
pub struct Launched {
    /// Its rank; none without a launcher.
    pub rank: Option<u32>,
    /// How many ranks were started, this one among them. A launcher that counts only those of this
    /// host, or says no number, has started so many at least.
    pub ranks: Option<u32>,
}

impl Launched {
    /// As the environment says.
    pub fn here() -> Launched {
        Launched {
            rank: launched_rank(),
            ranks: ranks_by(said),
        }
    }
}

fn said(name: &str) -> Option<u32> {
    env::var(name).ok()?.parse().ok()
}

fn ranks_by(said: impl Fn(&str) -> Option<u32>) -> Option<u32> {
    // SLURM_NTASKS is not among them: batch scripts have it too, and a single process is right
    // there.
    let told = [
        "OMPI_COMM_WORLD_SIZE",
        "PMI_SIZE",
        "MV2_COMM_WORLD_SIZE",
        "MPI_LOCALNRANKS",
        "SLURM_STEP_NUM_TASKS",
    ];
    let torchrun = || said("WORLD_SIZE").filter(|_| said("RANK").is_some());
    let pmix = || Some(said("PMIX_RANK")? + 1);
    told.into_iter()
        .find_map(&said)
        .or_else(torchrun)
        .or_else(pmix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_known_by_whoever_started_them() {
        let ranks = |words: &'static [(&str, u32)]| {
            ranks_by(|name| {
                words
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, number)| *number)
            })
        };
        assert_eq!(ranks(&[]), None);
        assert_eq!(ranks(&[("SLURM_NTASKS", 3), ("SLURM_PROCID", 0)]), None);
        assert_eq!(ranks(&[("PMI_RANK", 1), ("PMI_SIZE", 3)]), Some(3));
        // An `mpirun -np 1` within an allocation.
        assert_eq!(ranks(&[("OMPI_COMM_WORLD_SIZE", 1), ("SLURM_STEP_NUM_TASKS", 4)]), Some(1));
        assert_eq!(ranks(&[("WORLD_SIZE", 3)]), None);
        assert_eq!(ranks(&[("WORLD_SIZE", 3), ("RANK", 0)]), Some(3));
        assert_eq!(ranks(&[("PMIX_RANK", 2)]), Some(3));
    }
}
