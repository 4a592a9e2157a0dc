//! `fedmpi bench comm`: what the exchange of a round costs beside the bare MPI operations on as
//! many bytes, in one run. Clients do not train, so that only the exchange is left. `fedmpi bench
//! net`: the bare network.

use super::tell;
use crate::cli::{Bench, BenchArgs};
use crate::config::Config;
use crate::engine;
use crate::ids::Rank;
use crate::message::Reduce;
use crate::metrics::median;
use crate::plan::{Plan, flag_name};
use crate::record::Memory;
use crate::train::{Dry, Quadratic, Trainer};
use crate::transport::mpi::{Mpi, Wire};
use crate::transport::{Host, Metered, World};
use anyhow::{Context, Result, ensure};
use std::time::Instant;

/// Runs a measurement on all ranks and prints what it says. A rank that fails ends the job.
pub(super) fn run(bench: &Bench) -> Result<()> {
    let mpi = Mpi::start().context("MPI is initialised already")?;
    ensure!(
        mpi.size() > 1,
        "there is nobody to exchange with (hint: mpirun -np 3 fedmpi bench comm)"
    );
    mpi.run(|mpi| {
        let lines = match bench {
            Bench::Comm(arguments) => comm(mpi, arguments)?,
            Bench::Net => net(mpi),
        };
        if mpi.rank() == Rank::SERVER {
            tell(lines.join("\n"));
        }
        anyhow::Ok(())
    });
    Ok(())
}

/// A title, and a line for each way to reduce.
fn comm(mpi: &Mpi, arguments: &BenchArgs) -> Result<Vec<String>> {
    let (parameters, workers, rounds) = (arguments.parameters, mpi.size() - 1, arguments.rounds);
    let mut lines = vec![
        format!("{parameters} parameters, {workers} workers, median of {rounds}"),
        format!("{:<10}{:>14}{:>14}{:>8}", "reduce", "bare MPI ms", "fedmpi ms", "ratio"),
    ];
    let mut wire = Metered::new(mpi.transport());
    for reduce in [Reduce::Worker, Reduce::Allreduce] {
        let bare = bare(mpi, reduce, arguments);
        let ours = ours(mpi, &mut wire, reduce, arguments)?;
        let name = flag_name(&reduce);
        lines.push(format!(
            "{name:<10}{:>14.2}{:>14.2}{:>8.2}",
            bare * 1e3,
            ours * 1e3,
            ours / bare
        ));
    }
    Ok(lines)
}

/// Bytes that everybody sends to everybody.
const SMALL: usize = 1 << 10;
/// Bytes of one way to measure bandwidth with.
const LARGE: usize = 16 << 20;

/// Whether everybody hears everybody, and how fast.
fn net(mpi: &Mpi) -> Vec<String> {
    let hosts = mpi.hosts(Host::here());
    let ranks = mpi.size();
    let (mine, mut theirs) = (vec![1u8; SMALL * ranks], vec![0u8; SMALL * ranks]);
    let milliseconds = timed(20, || mpi.bare_all_to_all(&mine, &mut theirs)) * 1e3;
    let mut lines = vec![format!(
        "all-to-all of {SMALL} bytes over {ranks} ranks: {milliseconds:.3} ms"
    )];
    let mut bytes = vec![0u8; LARGE];
    for rank in 1..ranks {
        let latency = timed(20, || mpi.bare_echo(Rank::from(rank), &mut bytes[..1])) / 2.0;
        let seconds = timed(5, || mpi.bare_echo(Rank::from(rank), &mut bytes)) / 2.0;
        let (from, to) = (&hosts[0].name, &hosts[rank].name);
        let rate = LARGE as f64 / seconds / (1 << 20) as f64;
        lines.push(format!("{from} to {to}: {rate:.0} MiB/s, {:.0} us", latency * 1e6));
    }
    lines
}

/// Median seconds of some repetitions.
fn timed(times: usize, mut work: impl FnMut()) -> f64 {
    let seconds: Vec<f64> = (0..times).map(|_| seconds(&mut work)).collect();
    median(&seconds)
}

fn seconds(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64()
}

/// Seconds of the bare operations, in memory that is there already.
fn bare(mpi: &Mpi, reduce: Reduce, arguments: &BenchArgs) -> f64 {
    let mut weights = vec![1f32; arguments.parameters];
    let (mut units, mut sum) = (vec![1i64; arguments.parameters], vec![1i64; arguments.parameters]);
    let mut times = Vec::new();
    for _ in 0..arguments.rounds {
        mpi.barrier();
        times.push(seconds(|| match reduce {
            Reduce::Allreduce => mpi.bare_all_reduce(&units, &mut sum),
            Reduce::Server | Reduce::Worker => mpi.bare_exchange(&mut weights, &mut units),
        }));
    }
    median(&times)
}

/// Seconds from the first order of a round to the complete sum.
fn ours(
    mpi: &Mpi,
    wire: &mut Metered<Wire<'_>>,
    reduce: Reduce,
    arguments: &BenchArgs,
) -> Result<f64> {
    let clients = mpi.size() as i64 - 1;
    let plan = Plan::resolve(Config {
        client_num_in_total: clients,
        client_num_per_round: clients,
        comm_round: i64::from(arguments.rounds),
        frequency_of_the_test: i64::from(arguments.rounds),
        reduce,
        ..Config::default()
    })?;
    let quadratic: Box<dyn Trainer> = Box::new(Quadratic::new(arguments.parameters, 0.5));
    let mut trainer = Dry(quadratic);
    let mut memory = Memory::default();
    match mpi.rank() {
        Rank::SERVER => engine::run(&plan, wire, &mut trainer, &mut memory, None).map(drop)?,
        _ => engine::serve(&plan, wire, &mut trainer)?,
    }
    let times: Vec<f64> = memory
        .rounds()
        .map(|done| done.schedule.makespan_seconds)
        .collect();
    Ok(median(&times))
}
