//! Where each rank computes, alone and in a table.

use crate::ids::Rank;
use crate::transport::Host;
use std::fmt::{self, Display, Formatter, Write};

/// Where a rank computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// On the CPU.
    Cpu,
    /// On the GPU with this index on its host.
    Gpu(usize),
}

impl Display for Seat {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Seat::Cpu => out.write_str("cpu"),
            Seat::Gpu(index) => write!(out, "cuda:{index}"),
        }
    }
}

/// One line per rank: rank, role, host, device. Alone, a rank has all workers in its process.
pub fn seats_table(hosts: &[Host], seats: &[Seat], workers: usize) -> String {
    let mut table = format!("{:<6}{:<8}{:<28}{}", "rank", "role", "host", "device");
    for (rank, (host, seat)) in hosts.iter().zip(seats).enumerate() {
        let is_server = Rank::from(rank) == Rank::SERVER;
        let role = if is_server { "server" } else { "worker" };
        let _ = write!(table, "\n{rank:<6}{role:<8}{:<28}{seat}", host.name);
    }
    if let ([host], [seat]) = (hosts, seats) {
        let ranks = match workers {
            1 => "1".to_owned(),
            many => format!("1-{many}"),
        };
        let line = format!("{ranks:<6}{:<8}{:<28}{seat}", "worker", host.name);
        let _ = write!(table, "\n{line}, in the same process");
    }
    table
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

    #[test]
    fn alone_a_rank_has_a_worker_too() {
        let table = seats_table(&[host("a")], &[Seat::Cpu], 1);
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines: Vec<String> = table.lines().skip(1).map(words).collect();
        assert_eq!(lines, ["0 server a cpu", "1 worker a cpu, in the same process"]);
        let table = seats_table(&[host("a")], &[Seat::Cpu], 4);
        assert!(table.contains("\n1-4   worker  a"), "{table}");
        let table = seats_table(&[host("a"), host("a")], &[Seat::Cpu; 2], 1);
        assert_eq!(table.lines().count(), 3);
    }
}
