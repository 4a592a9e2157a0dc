//! GPU mappings: how many processes each GPU of each host carries, in FedML's form.
//!
//! ```yaml
//! mapping_default:      # one of several keys
//!   host1: [2, 0, 1]    # position is the GPU, value the number of processes
//!   host2: [1]
//! ```
//! A rank takes the next free seat of the host it really runs on, so neither the order of hosts in
//! the file nor that of the host file matters.

use super::name::HostName;
use crate::config::DeviceChoice;
use crate::ids::Rank;
use crate::part::{suggest, yaml};
use crate::transport::Host;
use serde_yaml::Value;
use std::fmt::Write;

/// The seats of one mapping key: a host's GPUs, one number per process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuMapping {
    hosts: Vec<(HostName, Vec<usize>)>,
}

/// Most processes of a mapping; no cluster starts as many.
const MOST: usize = 1 << 20;

/// Where a rank computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// On the CPU.
    Cpu,
    /// On the GPU with this index on its host.
    Gpu(usize),
}

impl std::fmt::Display for Seat {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Seat::Cpu => out.write_str("cpu"),
            Seat::Gpu(index) => write!(out, "cuda:{index}"),
        }
    }
}

/// A mapping that cannot be read or does not fit the job.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum MappingError {
    /// YAML does not allow tabs.
    #[error("line {line}: tabs are not allowed in YAML (hint: indent with spaces)")]
    Tab {
        /// Counting from 1.
        line: usize,
    },
    /// Not YAML, or not of the form above.
    #[error("{0} (hint: write `mapping_default:` and below it, indented, `host1: [2, 1]`)")]
    Form(String),
    /// Another key is wanted.
    #[error("no mapping `{key}` (hint: {hint})")]
    Key {
        /// The key that was asked for.
        key: String,
        /// The keys that there are.
        hint: String,
    },
    /// Hosts, counts or GPUs differ from the job.
    #[error(
        "the mapping does not fit the job (hint: per host, the numbers add up to its ranks, server included, on GPUs that it has)\n{0}"
    )]
    Misfit(String),
}

impl GpuMapping {
    /// Reads one key of a mapping file; `None` when the key is there but empty: train on CPU.
    ///
    /// # Errors
    /// What is not YAML or of another form, with the line; a key that is not there.
    pub fn parse(text: &str, key: &str) -> Result<Option<GpuMapping>, MappingError> {
        if let Some(line) = text
            .lines()
            .position(|line| line.split('#').next().unwrap_or_default().contains('\t'))
        {
            return Err(MappingError::Tab { line: line + 1 });
        }
        // The colon of `host1:[1]` lacks its space in a widely copied sample.
        let text = text.replace(":[", ": [");
        let file: Value = yaml(&text).map_err(MappingError::Form)?;
        let Value::Mapping(keys) = file else {
            return if file.is_null() {
                Ok(None)
            } else {
                Err(MappingError::Form("no mapping keys".to_owned()))
            };
        };
        match keys.get(key) {
            None => {
                let names = keys.keys().filter_map(Value::as_str);
                Err(MappingError::Key {
                    key: key.to_owned(),
                    hint: suggest(key, names),
                })
            }
            Some(Value::Null) => Ok(None),
            Some(Value::Mapping(hosts)) => {
                let counts = hosts
                    .iter()
                    .map(|(host, counts)| read_host(host, counts))
                    .collect::<Result<_, _>>()?;
                GpuMapping::of(counts).map(Some)
            }
            Some(_) => Err(MappingError::Form(format!("`{key}` holds no hosts"))),
        }
    }

    /// Reads the one-line form `host1:0,1,1,2;host2:3`.
    ///
    /// # Errors
    /// What is of another form.
    pub fn parse_line(line: &str) -> Result<GpuMapping, MappingError> {
        let shown = line.escape_debug();
        let fault =
            || MappingError::Form(format!("`{shown}` is not of the form `host1:0,1,1;host2:2`"));
        let host = |part: &str| {
            let (host, counts) = part.rsplit_once(':').ok_or_else(fault)?;
            let counts: Option<Vec<usize>> = counts
                .split(',')
                .map(|count| count.trim().parse().ok())
                .collect();
            Ok((named(host.trim())?, counts.ok_or_else(fault)?))
        };
        let counts = line
            .split(';')
            .filter(|part| !part.trim().is_empty())
            .map(host)
            .collect::<Result<_, _>>()?;
        GpuMapping::of(counts)
    }

    /// From the number of processes on each GPU of each host; `[2, 0, 1]` means GPUs 0, 0, 2. They
    /// are counted before there are any: a small file may name many.
    fn of(counts: Vec<(HostName, Vec<usize>)>) -> Result<GpuMapping, MappingError> {
        let all = counts
            .iter()
            .flat_map(|(_, counts)| counts)
            .fold(0usize, |sum, &count| sum.saturating_add(count));
        if all > MOST {
            return Err(MappingError::Form(format!("{all} processes, more than {MOST}")));
        }
        let expand = |counts: Vec<usize>| {
            counts
                .into_iter()
                .enumerate()
                .flat_map(|(gpu, count)| std::iter::repeat_n(gpu, count))
                .collect()
        };
        Ok(GpuMapping {
            hosts: counts
                .into_iter()
                .map(|(host, counts)| (host, expand(counts)))
                .collect(),
        })
    }

    /// One host per mapped process, in the order of the file: the job that the mapping was written
    /// for.
    pub fn wanted(&self) -> Vec<Host> {
        let one = |(name, gpus): &(HostName, Vec<usize>)| {
            let host = Host {
                name: name.to_string(),
                addresses: vec![name.to_string()],
                gpus: highest(gpus),
            };
            vec![host; gpus.len()]
        };
        self.hosts.iter().flat_map(one).collect()
    }

    /// The seat of every rank, from where the ranks really run. A host without any GPU trains on
    /// its CPU unless the user insists on the mapping.
    ///
    /// # Errors
    /// A table of wanted against found when hosts, counts or GPUs differ.
    pub fn place(&self, ranks: &[Host], choice: DeviceChoice) -> Result<Vec<Seat>, MappingError> {
        let here = meaning(ranks);
        let mut free: Vec<_> = self
            .hosts
            .iter()
            .map(|(name, gpus)| (name, gpus.iter()))
            .collect();
        let mut take = |host: &Host| {
            let mut own = free.iter_mut().filter(|(name, _)| here(name, host));
            match own.find_map(|(_, gpus)| gpus.next()) {
                Some(&gpu) if gpu < host.gpus => Some(Seat::Gpu(gpu)),
                Some(_) if host.gpus == 0 && choice != DeviceChoice::Mapped => Some(Seat::Cpu),
                _ => None,
            }
        };
        let seats: Option<Vec<Seat>> = ranks.iter().map(&mut take).collect();
        match seats {
            Some(seats) if free.iter().all(|(_, gpus)| gpus.len() == 0) => Ok(seats),
            _ => Err(MappingError::Misfit(self.misfit(ranks, here))),
        }
    }

    /// GPUs that the mapping needs on a rank's host: the highest that it names, and those below.
    pub fn needs(&self, rank: usize, ranks: &[Host]) -> usize {
        let here = meaning(ranks);
        let own = self
            .hosts
            .iter()
            .filter(|(name, _)| here(name, &ranks[rank]));
        own.map(|(_, gpus)| highest(gpus)).max().unwrap_or(0)
    }

    fn misfit(&self, ranks: &[Host], here: impl Fn(&HostName, &Host) -> bool) -> String {
        let mut table = line(
            "host",
            &[
                &"mapped processes",
                &"ranks found",
                &"mapped GPUs",
                &"GPUs found",
            ],
        );
        for (name, gpus) in &self.hosts {
            let found: Vec<&Host> = ranks.iter().filter(|host| here(name, host)).collect();
            let there = found
                .first()
                .map_or("?".to_owned(), |host| host.gpus.to_string());
            table += &line(name.as_str(), &[&gpus.len(), &found.len(), &highest(gpus), &there]);
        }
        let mut strangers: Vec<&str> = Vec::new();
        for host in ranks
            .iter()
            .filter(|host| !self.hosts.iter().any(|(name, _)| here(name, host)))
        {
            if !strangers.contains(&host.name.as_str()) {
                strangers.push(&host.name);
                let found = ranks.iter().filter(|other| other.name == host.name).count();
                table += &line(&host.name, &[&"not mapped", &found, &0, &host.gpus]);
            }
        }
        let mapped: usize = self.hosts.iter().map(|(_, gpus)| gpus.len()).sum();
        table + line("sum", &[&mapped, &ranks.len(), &"", &""]).trim_end()
    }
}

/// Whether a name in a mapping means a host. `localhost` does if all ranks are on one.
fn meaning(ranks: &[Host]) -> impl Fn(&HostName, &Host) -> bool {
    let one_machine = ranks.iter().all(|host| host == &ranks[0]);
    move |name: &HostName, host: &Host| {
        host.answers_to(name.host()) || (name.host() == "localhost" && one_machine)
    }
}

/// GPUs that a host must have for these to be there.
fn highest(gpus: &[usize]) -> usize {
    gpus.iter().max().map_or(0, |most| most + 1)
}

/// One line of the table of wanted against found.
fn line(host: &str, cells: &[&dyn std::fmt::Display; 4]) -> String {
    let [mapped, found, wanted, there] = cells.map(ToString::to_string);
    format!("{host:<28}{mapped:>18}{found:>13}{wanted:>13}{there:>12}\n")
}

fn read_host(host: &Value, counts: &Value) -> Result<(HostName, Vec<usize>), MappingError> {
    let name = match host {
        Value::String(name) => named(name)?,
        Value::Number(number) => named(&number.to_string())?,
        _ => return Err(MappingError::Form("a host name is not a word".to_owned())),
    };
    let fault =
        || MappingError::Form(format!("host `{name}` needs a list of whole numbers from 0 up"));
    let list = counts.as_sequence().ok_or_else(fault)?;
    let counts: Option<Vec<usize>> = list
        .iter()
        .map(|count| count.as_u64().map(|count| count as usize))
        .collect();
    let counts = counts.ok_or_else(fault)?;
    Ok((name, counts))
}

fn named(text: &str) -> Result<HostName, MappingError> {
    HostName::parse(text).map_err(|error| MappingError::Form(error.to_string()))
}

/// One line per rank: rank, role, host, device. Alone, a rank has its worker in the same process.
pub fn seats_table(hosts: &[Host], seats: &[Seat]) -> String {
    let mut table = format!("{:<6}{:<8}{:<28}{}", "rank", "role", "host", "device");
    for (rank, (host, seat)) in hosts.iter().zip(seats).enumerate() {
        let role = if Rank::from(rank) == Rank::SERVER {
            "server"
        } else {
            "worker"
        };
        let _ = write!(table, "\n{rank:<6}{role:<8}{:<28}{seat}", host.name);
    }
    if let ([host], [seat]) = (hosts, seats) {
        let _ =
            write!(table, "\n{:<6}{:<8}{:<28}{seat}, in the same process", "", "worker", host.name);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        let error = mapping
            .place(&ranks, DeviceChoice::Auto)
            .expect_err("misfit")
            .to_string();
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

    #[test]
    fn sloppy_and_broken_files_get_human_answers() {
        assert_eq!(GpuMapping::parse("m:\n\ta: [1]", "m"), Err(MappingError::Tab { line: 2 }));
        assert_eq!(GpuMapping::parse("m:\n", "m"), Ok(None));
        let key = GpuMapping::parse("mapping_default:\n  a: [1]", "mapping_defualt")
            .expect_err("key")
            .to_string();
        assert!(key.contains("did you mean `mapping_default`"), "{key}");
        let many = format!(
            "m:\n{}",
            (0..400)
                .map(|host| format!("  h{host}: [4096]\n"))
                .collect::<String>()
        );
        assert!(
            GpuMapping::parse(&many, "m")
                .expect_err("too many")
                .to_string()
                .contains("1638400 processes")
        );
        for text in [
            "m: 3",
            "m:\n  -a: [1]",
            "m:\n  \"a\\e[2J\": [1]",
            "m:\n  a: 3",
            "m:\n  a: [-1]",
            "m:\n  a: [x]",
            "- 1",
            "m:\n  a: [1",
            "m:\n  a: [99999999999]",
        ] {
            assert!(matches!(GpuMapping::parse(text, "m"), Err(MappingError::Form(_))), "{text}");
        }
    }

    #[test]
    fn alone_a_rank_has_a_worker_too() {
        let table = seats_table(&[host("a")], &[Seat::Cpu]);
        let words = |line: &str| {
            line.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
                .join(" ")
        };
        let lines: Vec<String> = table.lines().skip(1).map(words).collect();
        assert_eq!(lines, ["0 server a cpu", "worker a cpu, in the same process"]);
        assert_eq!(
            seats_table(&[host("a"), host("a")], &[Seat::Cpu; 2])
                .lines()
                .count(),
            3
        );
    }

    #[test]
    fn one_line_form_is_the_same_mapping() {
        assert_eq!(GpuMapping::parse_line("a:0,2;b:1"), Ok(mapping("m:\n  a: [0, 2]\n  b: [1]\n")));
        assert!(GpuMapping::parse_line("a=1").is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "[a-z:\\[\\], \n0-9-]{0,60}") {
            let _ = GpuMapping::parse(&text, "m");
            let _ = GpuMapping::parse_line(&text);
        }
    }
}
