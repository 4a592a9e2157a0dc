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

/// One line per rank: rank, role, host, device. Alone, a rank has its worker in the same process.
pub fn seats_table(hosts: &[Host], seats: &[Seat]) -> String {
    let mut table = format!("{:<6}{:<8}{:<28}{}", "rank", "role", "host", "device");
    for (rank, (host, seat)) in hosts.iter().zip(seats).enumerate() {
        let is_server = Rank::from(rank) == Rank::SERVER;
        let role = if is_server { "server" } else { "worker" };
        let _ = write!(table, "\n{rank:<6}{role:<8}{:<28}{seat}", host.name);
    }
    if let ([host], [seat]) = (hosts, seats) {
        let line = format!("{:<6}{:<8}{:<28}{seat}", "", "worker", host.name);
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
        let table = seats_table(&[host("a")], &[Seat::Cpu]);
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines: Vec<String> = table.lines().skip(1).map(words).collect();
        assert_eq!(lines, ["0 server a cpu", "worker a cpu, in the same process"]);
        let table = seats_table(&[host("a"), host("a")], &[Seat::Cpu; 2]);
        assert_eq!(table.lines().count(), 3);
    }
}
