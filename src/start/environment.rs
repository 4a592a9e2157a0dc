//! What makes the run that starts now.

use crate::host::{self, COMMIT, VERSION};
use crate::hosts::Seat;
use crate::ids::Rank;
use crate::record::Environment;
use crate::torch;
use crate::transport::mpi::{Mpi, library_version};
use crate::transport::{Host, World};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::env;

/// What a rank computes with.
#[derive(Default, Serialize, Deserialize)]
struct Means {
    processor: String,
    gpu: Option<String>,
}

/// What the server records; the other ranks tell it what they compute with.
pub(super) fn gather(mpi: &Mpi, hosts: &[Host], seats: &[Seat]) -> Option<Environment> {
    let device = torch::device(seats[mpi.rank().index()]);
    let means = mpi.share(&Means {
        processor: host::processor(),
        gpu: torch::gpu_name(device),
    });
    (mpi.rank() == Rank::SERVER).then(|| of_server(hosts, means))
}

fn of_server(hosts: &[Host], means: Vec<Means>) -> Environment {
    let libtorch = torch::About::libtorch();
    let processors: BTreeSet<&str> = means.iter().map(|means| means.processor.as_str()).collect();
    Environment {
        version: VERSION.to_owned(),
        commit: COMMIT.to_owned(),
        command: env::args_os()
            .map(|word| word.to_string_lossy().into_owned())
            .collect(),
        directory: env::current_dir()
            .map(|folder| folder.to_string_lossy().into_owned())
            .unwrap_or_default(),
        started: jiff::Zoned::now().strftime("%FT%T%:z").to_string(),
        host: Host::here().name,
        mpi: library_version(),
        libtorch: libtorch.version,
        cuda: libtorch.cuda,
        processor: processors.into_iter().collect::<Vec<_>>().join("; "),
        cores: host::cores(),
        hosts: ranks_by_host(hosts),
        gpus: means.into_iter().filter_map(|means| means.gpu).collect(),
    }
}

fn ranks_by_host(hosts: &[Host]) -> BTreeMap<String, usize> {
    let mut ranks = BTreeMap::new();
    for host in hosts {
        *ranks.entry(host.name.clone()).or_default() += 1;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_in_which_a_run_was_started_is_known() {
        let found = of_server(&[], vec![]).directory;
        assert_eq!(found, env::current_dir().expect("a folder").display().to_string());
    }
}
