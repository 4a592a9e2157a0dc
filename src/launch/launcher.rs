//! The launchers that are known, and what each of them calls things.

use crate::hosts::Dialect;
use std::io;
use std::process::Command;

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
    /// assert_eq!(Launcher::from_version("mpirun (Open MPI) 5.0.11"), Some(Launcher::OpenMpi5));
    /// assert_eq!(Launcher::from_version("HYDRA build details:\n Version: 4.0.2"), Some(Launcher::Mpich));
    /// assert_eq!(Launcher::from_version("Intel(R) MPI Library for Linux* OS, Version 2021.9"), Some(Launcher::Intel));
    /// ```
    pub fn from_version(text: &str) -> Option<Launcher> {
        if text.contains("Intel(R) MPI") {
            return Some(Launcher::Intel);
        }
        if text.contains("HYDRA") || text.to_lowercase().contains("mpich") {
            return Some(Launcher::Mpich);
        }
        let open = text.find("(Open MPI)").map(|at| text[at + "(Open MPI)".len()..].trim_start());
        let major = open?.split('.').next()?.parse::<u32>().ok()?;
        Some(if major >= 5 { Launcher::OpenMpi5 } else { Launcher::OpenMpi4 })
    }

    /// The one that `mpirun` is.
    ///
    /// # Errors
    /// When there is none, or an unknown one.
    pub fn installed() -> Result<Launcher, LaunchError> {
        let output = Command::new("mpirun").arg("--version").output().map_err(LaunchError::Missing)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let unknown = || LaunchError::Unknown(text.lines().next().unwrap_or("it says nothing").to_owned());
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

    /// A host that is cut off is given up after some 16 s. Left alone, Open MPI waits for eight minutes.
    pub(super) fn keepalive(self) -> Vec<String> {
        let parameters = [("time", 10), ("intvl", 2), ("probes", 3)];
        let set = |flag: &str| {
            let words = parameters.map(|(name, value)| format!("{flag} oob_tcp_keepalive_{name} {value}"));
            words.join(" ").split(' ').map(str::to_owned).collect()
        };
        self.own_parameter().map_or(Vec::new(), set)
    }

    /// What makes everything go over one network interface.
    pub(super) fn on_interface(self, name: &str) -> Vec<String> {
        let words = match self.own_parameter() {
            Some(flag) => format!("--mca btl_tcp_if_include {name} {flag} oob_tcp_if_include {name}"),
            None => format!("-iface {name}"),
        };
        words.split(' ').map(str::to_owned).collect()
    }

    /// Of three words the one that it knows.
    pub(super) fn flag(self, open_mpi: &'static str, open_mpi5: &'static str, hydra: &'static str) -> &'static str {
        match self {
            Launcher::OpenMpi4 => open_mpi,
            Launcher::OpenMpi5 => open_mpi5,
            Launcher::Mpich | Launcher::Intel => hydra,
        }
    }
}

/// No launcher that can be used.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Nothing to run.
    #[error("cannot run `mpirun --version`: {0} (hint: scripts/setup.sh installs an MPI)")]
    Missing(io::Error),
    /// None that is known.
    #[error(
        "unknown launcher: {0} (hint: Open MPI, MPICH and Intel MPI are known; or start the job by its own mpirun)"
    )]
    Unknown(String),
    /// It cannot go on without lost ranks.
    #[error("{0:?} cannot go on without lost workers (hint: Open MPI 5 can; --max_restarts works with every MPI)")]
    Mortal(Launcher),
}

/// The rank that a launcher gave to this process, by what it says in the environment; none without one.
pub fn launched_rank() -> Option<u32> {
    let names = ["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"];
    names.iter().find_map(|name| std::env::var(name).ok()?.parse().ok())
}
