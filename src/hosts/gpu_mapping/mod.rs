//! GPU mappings: how many processes each GPU of each host carries, in FedML's form.
//!
//! ```yaml
//! mapping_default:      # one of several keys
//!   host1: [2, 0, 1]    # position is the GPU, value the number of processes
//!   host2: [1]
//! ```
//! A rank takes the next free seat of the host it really runs on, so neither the order of hosts in
//! the file nor that of the host file matters.

mod divide;
mod error;
mod read;
mod seat;

use super::name::HostName;
use crate::config::DeviceChoice;
use crate::transport::Host;
use std::fmt::Display;
use std::iter;

pub use error::MappingError;
pub use seat::{Seat, seats_table};

/// The seats of one mapping key: a host's GPUs, one number per process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuMapping {
    hosts: Vec<(HostName, Vec<usize>)>,
}

/// Most processes of a mapping; no cluster starts as many.
const MOST: usize = 1 << 20;

impl GpuMapping {
    /// From the number of processes on each GPU of each host. They are counted before there are
    /// any: a small file may name many.
    fn of(counts: Vec<(HostName, Vec<usize>)>) -> Result<GpuMapping, MappingError> {
        let counted = counts.iter().flat_map(|(_, counts)| counts);
        let all = counted.fold(0usize, |sum, &count| sum.saturating_add(count));
        if all > MOST {
            return Err(MappingError::Form(format!("{all} processes, more than {MOST}")));
        }
        let hosts = counts.into_iter();
        Ok(GpuMapping {
            hosts: hosts
                .map(|(host, counts)| (host, expanded(&counts)))
                .collect(),
        })
    }

    /// One host per mapped process, in the order of the file: the job that the mapping was written
    /// for.
    pub fn wanted(&self) -> Vec<Host> {
        let mut wanted = Vec::new();
        for (name, gpus) in &self.hosts {
            let host = Host {
                name: name.to_string(),
                addresses: vec![name.to_string()],
                gpus: highest(gpus),
            };
            wanted.extend(vec![host; gpus.len()]);
        }
        wanted
    }

    /// The seat of every rank, from where the ranks really run. A host without any GPU trains on
    /// its CPU unless the user insists on the mapping.
    ///
    /// # Errors
    /// A table of wanted against found when hosts, counts or GPUs differ.
    pub fn place(&self, ranks: &[Host], choice: DeviceChoice) -> Result<Vec<Seat>, MappingError> {
        let seats = self.taken(ranks).and_then(|taken| {
            let pairs = ranks.iter().zip(taken);
            pairs
                .map(|(host, (_, gpu))| seat_on(host, gpu, choice))
                .collect()
        });
        seats.ok_or_else(|| MappingError::Misfit(self.misfit(ranks)))
    }

    /// What each rank takes: the place of its host in the mapping, and a GPU there. None when hosts
    /// or counts differ.
    fn taken(&self, ranks: &[Host]) -> Option<Vec<(usize, usize)>> {
        let here = meaning(ranks);
        let hosts = self.hosts.iter().enumerate();
        let mut free: Vec<_> = hosts
            .map(|(place, (name, gpus))| (place, name, gpus.iter()))
            .collect();
        let mut taken = Vec::with_capacity(ranks.len());
        for host in ranks {
            let mut own = free.iter_mut().filter(|(_, name, _)| here(name, host));
            taken.push(own.find_map(|(place, _, gpus)| Some((*place, *gpus.next()?)))?);
        }
        let is_full = free.iter().all(|(_, _, gpus)| gpus.len() == 0);
        is_full.then_some(taken)
    }

    /// Processes that the mapping has on all hosts.
    pub fn processes(&self) -> usize {
        self.hosts.iter().map(|(_, gpus)| gpus.len()).sum()
    }

    /// GPUs that the mapping needs on a rank's host: the highest that it names, and those below.
    pub fn needs(&self, rank: usize, ranks: &[Host]) -> usize {
        let here = meaning(ranks);
        let hosts = self.hosts.iter();
        let own = hosts.filter(|(name, _)| here(name, &ranks[rank]));
        own.map(|(_, gpus)| highest(gpus)).max().unwrap_or(0)
    }

    /// The table of wanted against found.
    fn misfit(&self, ranks: &[Host]) -> String {
        let here = meaning(ranks);
        let head: [&dyn Display; 4] = [
            &"mapped processes",
            &"ranks found",
            &"mapped GPUs",
            &"GPUs found",
        ];
        let mut table = line("host", &head);
        for (name, gpus) in &self.hosts {
            let found: Vec<&Host> = ranks.iter().filter(|host| here(name, host)).collect();
            let there = match found.first() {
                Some(host) => host.gpus.to_string(),
                None => "?".to_owned(),
            };
            table += &line(name.as_str(), &[&gpus.len(), &found.len(), &highest(gpus), &there]);
        }
        let mut strangers: Vec<&str> = Vec::new();
        for host in ranks {
            let is_mapped = self.hosts.iter().any(|(name, _)| here(name, host));
            if is_mapped || strangers.contains(&host.name.as_str()) {
                continue;
            }
            strangers.push(&host.name);
            let found = ranks.iter().filter(|other| other.name == host.name).count();
            table += &line(&host.name, &[&"not mapped", &found, &0, &host.gpus]);
        }
        table + line("sum", &[&self.processes(), &ranks.len(), &"", &""]).trim_end()
    }
}

/// Whether a name in a mapping means a host. `localhost` does if all ranks are on one.
fn meaning(ranks: &[Host]) -> impl Fn(&HostName, &Host) -> bool {
    let one_machine = ranks.iter().all(|host| host == &ranks[0]);
    move |name: &HostName, host: &Host| {
        host.answers_to(name.host()) || (name.host() == "localhost" && one_machine)
    }
}

/// The seat of a rank on a GPU of its host, if it can have one.
fn seat_on(host: &Host, gpu: usize, choice: DeviceChoice) -> Option<Seat> {
    if gpu < host.gpus {
        return Some(Seat::Gpu(gpu));
    }
    let falls_back = host.gpus == 0 && choice != DeviceChoice::Mapped;
    falls_back.then_some(Seat::Cpu)
}

/// A GPU for each process: `[2, 0, 1]` means GPUs 0, 0, 2.
fn expanded(counts: &[usize]) -> Vec<usize> {
    let each = counts.iter().enumerate();
    each.flat_map(|(gpu, &count)| iter::repeat_n(gpu, count))
        .collect()
}

/// GPUs that a host must have for these to be there.
fn highest(gpus: &[usize]) -> usize {
    gpus.iter().max().map_or(0, |most| most + 1)
}

/// One line of the table of wanted against found.
fn line(host: &str, cells: &[&dyn Display; 4]) -> String {
    let [mapped, found, wanted, there] = cells.map(ToString::to_string);
    format!("{host:<28}{mapped:>18}{found:>13}{wanted:>13}{there:>12}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> Host {
        Host {
            name: name.to_owned(),
            addresses: vec![],
            gpus: 2,
        }
    }

    fn mapping(text: &str) -> GpuMapping {
        GpuMapping::parse(text, "m")
            .expect("well-formed")
            .expect("not empty")
    }

    #[test]
    fn ranks_take_the_seats_of_their_real_host() {
        let mapping = mapping("m:\n  b: [1, 2]\n  a:[0, 1]\n");
        let ranks = [host("a.cluster"), host("b"), host("b"), host("b")];
        assert_eq!(
            mapping.place(&ranks, DeviceChoice::Mapped),
            Ok(vec![Seat::Gpu(1), Seat::Gpu(0), Seat::Gpu(1), Seat::Gpu(1)])
        );
    }

    #[test]
    fn misfits_show_wanted_and_found() {
        let mapping = mapping("m:\n  a: [1]\n  c: [1]\n");
        let ranks = [host("a"), host("a"), host("b")];
        let misfit = mapping
            .place(&ranks, DeviceChoice::Auto)
            .expect_err("misfit");
        let error = misfit.to_string();
        let lines: Vec<String> = error
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(lines[2..], ["a 1 2 1 2", "c 1 0 1 ?", "b not mapped 1 0 2", "sum 2 3"]);
    }

    #[test]
    fn localhost_means_the_only_machine() {
        let mapping = mapping("m:\n  localhost: [2]\n");
        assert!(
            mapping
                .place(&[host("a"), host("a")], DeviceChoice::Auto)
                .is_ok()
        );
        assert!(
            mapping
                .place(&[host("a"), host("b")], DeviceChoice::Auto)
                .is_err()
        );
    }

    #[test]
    fn a_host_of_another_domain_is_another_host() {
        let mapping = mapping("m:\n  a.y.example: [2]\n");
        let ranks = |name: &str| vec![host(name); 2];
        assert!(
            mapping
                .place(&ranks("a.x.example"), DeviceChoice::Auto)
                .is_err()
        );
        assert!(
            mapping
                .place(&ranks("A.Y.example"), DeviceChoice::Auto)
                .is_ok()
        );
        assert!(mapping.place(&ranks("a"), DeviceChoice::Auto).is_ok());
    }

    #[test]
    fn gpus_must_be_there_and_only_hosts_without_any_may_fall_back() {
        let far = mapping("m:\n  a: [1, 0, 1]\n");
        let error = far
            .place(&[host("a"), host("a")], DeviceChoice::Auto)
            .expect_err("no third GPU")
            .to_string();
        assert!(error.contains("GPUs found"), "{error}");
        let bare = vec![
            Host {
                gpus: 0,
                ..host("a")
            };
            2
        ];
        assert_eq!(far.place(&bare, DeviceChoice::Auto), Ok(vec![Seat::Cpu; 2]));
        assert!(far.place(&bare, DeviceChoice::Mapped).is_err());
        assert_eq!((far.needs(1, &bare), mapping("m:\n  b: [1]\n").needs(1, &bare)), (3, 0));
        assert_eq!(
            far.place(&far.wanted(), DeviceChoice::Mapped),
            Ok(vec![Seat::Gpu(0), Seat::Gpu(2)])
        );
    }
}
