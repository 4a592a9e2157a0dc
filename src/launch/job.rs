//! A job as a command line of the installed launcher.

use super::launcher::Launcher;
use crate::hosts::{Dialect, HostFile};
use std::ffi::OsString;
use std::path::Path;

/// A job to start.
#[derive(Clone, Debug)]
pub struct Job {
    /// The installed launcher.
    pub launcher: Launcher,
    /// Ranks, the server included.
    pub ranks: usize,
    /// Where they may run; none leaves it to the launcher.
    pub hosts: Option<HostFile>,
    /// Cores of this machine, which launchers take for its slots when there are no hosts.
    pub cores: usize,
    /// Whether each line of output says its rank.
    pub tag_output: bool,
    /// Go on without workers that are lost; Open MPI 5 can.
    pub survive: bool,
    /// The network interface to use, as `eth0`.
    pub interface: Option<String>,
    /// Further options for the launcher.
    pub options: Vec<String>,
    /// The program and the training's flags.
    pub program: Vec<OsString>,
}

/// How the launcher learns of the hosts.
#[derive(Clone, Copy, Debug)]
pub enum HostsBy<'a> {
    /// From a file in its dialect.
    File(&'a Path),
    /// From the command line, as people would paste it.
    List,
}

impl Job {
    /// The command line.
    pub fn command(&self, hosts_by: HostsBy<'_>) -> Vec<OsString> {
        let mut command = words(&["mpirun", "-np", &self.ranks.to_string()]);
        if let Some(hosts) = &self.hosts {
            command.extend(self.hosts_as(hosts, hosts_by));
        }
        if self.is_crowded() && self.launcher.dialect() == Dialect::Openmpi {
            command.push("--oversubscribe".into());
        }
        if self.hosts.is_some() {
            command.extend(words(&self.launcher.keepalive()));
        }
        if self.survive {
            command.extend(words(&["--with-ft", "ulfm"]));
        }
        if let Some(interface) = &self.interface {
            command.extend(words(&self.launcher.on_interface(interface)));
        }
        if self.tag_output {
            command.extend(words(self.launcher.tags()));
        }
        command.extend(words(&self.options));
        command.extend(self.program.iter().cloned());
        command
    }

    fn hosts_as(&self, hosts: &HostFile, hosts_by: HostsBy<'_>) -> [OsString; 2] {
        match hosts_by {
            HostsBy::File(path) => [self.launcher.host_file_flag().into(), path.into()],
            HostsBy::List => [
                self.launcher.host_list_flag().into(),
                hosts.on_one_line().into(),
            ],
        }
    }

    /// Whether there may be more ranks than slots.
    fn is_crowded(&self) -> bool {
        let slots = match &self.hosts {
            Some(hosts) => hosts.slots(),
            None => Some(self.cores as u64),
        };
        slots.is_none_or(|slots| slots < self.ranks as u64)
    }

    /// Where each rank will run, by rank, as launchers fill slots in the order of the hosts; none
    /// when the launcher chooses.
    pub fn places(&self) -> Option<Vec<String>> {
        let hosts = self.hosts.as_ref()?.hosts();
        let (last, _) = hosts.last()?;
        let slots = hosts
            .iter()
            .flat_map(|(host, slots)| std::iter::repeat_n(host, slots.unwrap_or(1) as usize));
        let mut places: Vec<String> = slots.take(self.ranks).map(ToString::to_string).collect();
        places.resize(self.ranks, last.to_string());
        Some(places)
    }
}

fn words<T: AsRef<str>>(texts: &[T]) -> Vec<OsString> {
    texts.iter().map(|text| text.as_ref().into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(launcher: Launcher, hosts: Option<&str>) -> Job {
        let hosts = hosts.map(|hosts| HostFile::parse(hosts).expect("well-formed"));
        let options = vec!["--x".to_owned(), "y".to_owned()];
        let program = words(&["fedmpi", "--lr", "1"]);
        let (tag_output, survive, interface) = (true, false, None);
        Job {
            launcher,
            ranks: 4,
            hosts,
            cores: 2,
            tag_output,
            survive,
            interface,
            options,
            program,
        }
    }

    fn line(job: &Job) -> String {
        job.command(HostsBy::File(Path::new("F")))
            .join(" ".as_ref())
            .into_string()
            .expect("text")
    }

    #[test]
    fn every_launcher_gets_its_own_words() {
        let alive = |flag: &str| {
            let set = [("time", 10), ("intvl", 2), ("probes", 3)];
            set.map(|(name, value)| format!("{flag} oob_tcp_keepalive_{name} {value}"))
                .join(" ")
        };
        assert_eq!(
            line(&job(Launcher::OpenMpi4, Some("a:2\nb:2"))),
            format!(
                "mpirun -np 4 --hostfile F {} --tag-output --x y fedmpi --lr 1",
                alive("--mca")
            )
        );
        assert_eq!(
            line(&job(Launcher::OpenMpi5, Some("a slots=1"))),
            format!(
                "mpirun -np 4 --hostfile F --oversubscribe {} --output tag --x y fedmpi --lr 1",
                alive("--prtemca")
            )
        );
        let mpich = job(Launcher::Mpich, Some("a"));
        assert_eq!(line(&mpich), "mpirun -np 4 -f F -prepend-rank --x y fedmpi --lr 1");
    }

    #[test]
    fn an_interface_is_one_word_whatever_it_holds() {
        let interface = Some("eth1 --foo".to_owned());
        let survivor = Job {
            survive: true,
            interface,
            ..job(Launcher::OpenMpi5, Some("a:4"))
        };
        let command = survivor.command(HostsBy::List);
        assert!(command[3..5] == ["-host", "a:4"], "{command:?}");
        let after = |word: &str| {
            command
                .iter()
                .position(|other| other == word)
                .map(|at| command[at + 1].clone())
        };
        assert_eq!(after("btl_tcp_if_include"), Some("eth1 --foo".into()));
        assert_eq!(after("oob_tcp_if_include"), Some("eth1 --foo".into()));
        assert_eq!(after("--with-ft"), Some("ulfm".into()));
    }

    #[test]
    fn more_ranks_than_cores_need_open_mpis_leave() {
        assert!(line(&job(Launcher::OpenMpi4, None)).contains(" --oversubscribe "));
        assert!(
            !line(&Job {
                cores: 4,
                ..job(Launcher::OpenMpi4, None)
            })
            .contains("--oversubscribe")
        );
        assert!(!line(&job(Launcher::Mpich, None)).contains("--oversubscribe"));
    }

    #[test]
    fn slots_are_filled_in_order() {
        let places = job(Launcher::OpenMpi4, Some("a:1\nb:2")).places();
        assert_eq!(places, Some(["a", "b", "b", "b"].map(str::to_owned).into()));
        assert_eq!(job(Launcher::OpenMpi4, None).places(), None);
    }
}
