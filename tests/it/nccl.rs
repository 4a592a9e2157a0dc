//! Sums over GPUs under `mpirun`, on machines without any: the libraries of `tests/stand_ins` take
//! the place of NCCL and CUDA's driver, and a trainer holds its changes where they look for them.

use crate::support::{AS_ROOT, Finished, is_open_mpi, plan, small};
use fedmpi::config::Config;
use fedmpi::engine::{run, run_local, serve};
use fedmpi::ids::Rank;
use fedmpi::message::Reduce;
use fedmpi::metrics::Metrics;
use fedmpi::plan::Plan;
use fedmpi::record::Memory;
use fedmpi::torch::TorchTrainer;
use fedmpi::train::{Task, TrainError, Trained, Trainer};
use fedmpi::transport::mpi::Mpi;
use fedmpi::transport::{Metered, World, nccl};
use fedmpi::weights::{Accumulator, ExactSum, Held, Layout, hash};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tch::Device;

/// A trainer whose changes stay on a "device".
struct Holding {
    inner: TorchTrainer,
    sum: ExactSum,
    device: Vec<i64>,
}

impl Holding {
    fn new(plan: &Plan) -> Holding {
        let inner = TorchTrainer::new(plan, Device::Cpu).expect("a model");
        Holding {
            sum: ExactSum::new(inner.layout().length(), 1),
            inner,
            device: Vec::new(),
        }
    }
}

impl Trainer for Holding {
    fn layout(&self) -> &Layout {
        self.inner.layout()
    }

    fn initial(&mut self) -> Vec<f32> {
        self.inner.initial()
    }

    fn train(&mut self, task: &Task<'_>) -> Result<Trained, TrainError> {
        self.inner.train(task)
    }

    fn train_into(
        &mut self,
        task: &Task<'_>,
        share: f64,
        _: &mut dyn Accumulator,
    ) -> Result<f64, TrainError> {
        let trained = self.inner.train(task)?;
        let loss = trained.loss;
        self.sum
            .add_share(task.client, share, task.start, &trained.weights)?;
        Ok(loss)
    }

    fn hand_over(&mut self, sum: &mut dyn Accumulator) {
        sum.merge(self.sum.units());
        self.sum.reset(1);
    }

    fn take_held(&mut self) -> Option<Held> {
        self.device = self.sum.units().to_vec();
        self.sum.reset(1);
        Some(Held {
            address: self.device.as_mut_ptr() as u64,
            length: self.device.len(),
        })
    }

    fn evaluate(&mut self, weights: &[f32]) -> Result<Metrics, TrainError> {
        self.inner.evaluate(weights)
    }
}

fn job() -> Plan {
    plan(Config {
        reduce: Reduce::Allreduce,
        comm_round: 5,
        round_timeout: Some(5.0),
        ..small()
    })
}

/// One rank of the jobs below. `FEDMPI_SEATS` says on which GPU each rank is.
#[test]
#[ignore = "a rank of the other tests here"]
fn one_rank() {
    let mpi = Mpi::start().expect("MPI");
    env_logger::Builder::from_default_env().init();
    mpi.run(|mpi| -> Result<(), Box<dyn std::error::Error>> {
        let seats: Vec<Option<usize>> = std::env::var("FEDMPI_SEATS")?
            .split(',')
            .map(|seat| seat.parse().ok())
            .collect();
        let (plan, rank) = (job(), mpi.rank());
        let sums = nccl::agree(mpi, "here", seats[rank.index()], None, Duration::from_secs(2));
        let (mut wire, mut trainer) =
            (Metered::new(mpi.transport().summing(sums)), Holding::new(&plan));
        if rank != Rank::SERVER {
            return Ok(serve(&plan, &mut wire, &mut trainer)?);
        }
        let outcome = run(&plan, &mut wire, &mut trainer, &mut Memory::default(), None)?;
        println!("\nfinal model {}", hash(&outcome.weights));
        Ok(())
    });
}

/// The stand-ins, compiled once.
fn libraries() -> &'static Path {
    static FOLDER: std::sync::OnceLock<tempfile::TempDir> = std::sync::OnceLock::new();
    let compiled = || {
        let folder = tempfile::tempdir().expect("a folder");
        for (source, library) in [("libnccl.c", "libnccl.so.2"), ("libcuda.c", "libcuda.so.1")] {
            let source = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/stand_ins")
                .join(source);
            let mut cc = Command::new("cc");
            cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
                .arg(folder.path().join(library))
                .arg(source);
            assert!(cc.status().expect("a C compiler").success());
        }
        folder
    };
    FOLDER.get_or_init(compiled).path()
}

/// A job over these seats, the server's first.
fn ranks(seats: &str, with: Option<&Path>, wish: &str) -> Finished {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "120", "mpirun"]);
    if is_open_mpi() {
        command.arg("--oversubscribe");
    }
    command
        .args(["-np", &seats.split(',').count().to_string()])
        .arg(std::env::current_exe().expect("this program"));
    command.args([
        "--exact",
        "nccl::one_rank",
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ]);
    command
        .envs(AS_ROOT)
        .env("FEDMPI_SEATS", seats)
        .env("FEDMPI_NCCL", wish)
        .env("RUST_LOG", "fedmpi=info");
    if let Some(folder) = with {
        let path = std::env::var("LD_LIBRARY_PATH").unwrap_or_default();
        command.env("LD_LIBRARY_PATH", format!("{}:{path}", folder.display()));
    }
    Finished::of(command.output().expect("mpirun"))
}

/// The same rounds on one worker, in this process.
fn alone() -> String {
    let plan = job();
    let own = plan.clone();
    let make = move |_| {
        Ok(Box::new(TorchTrainer::new(&own, Device::Cpu).expect("a model")) as Box<dyn Trainer>)
    };
    hash(
        &run_local(&plan, 1, make, &mut Memory::default(), None)
            .expect("a sound run")
            .weights,
    )
}

fn said_once(finished: &Finished, what: &str) {
    let said = finished
        .stderr
        .lines()
        .filter(|line| line.contains("sums go through"));
    let said: Vec<&str> = said.collect();
    assert!(said.len() == 1 && said[0].contains(what), "{what}: {}", finished.stderr);
}

#[test]
fn sums_over_gpus_have_the_bits_of_sums_over_hosts() {
    let wanted = alone();
    for seats in ["0,0", "0,0,1", "-,0,1,2,3"] {
        let finished = ranks(seats, Some(libraries()), "").succeeded();
        said_once(&finished, &format!("NCCL 2.28.9, GPUs: {}", seats.split(',').count() - 1));
        assert_eq!(finished.model_hash(), wanted, "{seats}");
    }
}

#[test]
fn what_is_held_back_enters_every_kind_of_sum() {
    let wanted = alone();
    for reduce in [Reduce::Server, Reduce::Worker, Reduce::Allreduce] {
        let plan = plan(Config {
            reduce,
            ..job().config
        });
        for workers in [1, 3] {
            let own = plan.clone();
            let make = move |_| Ok(Box::new(Holding::new(&own)) as Box<dyn Trainer>);
            let outcome = run_local(&plan, workers, make, &mut Memory::default(), None);
            let weights = outcome.expect("a sound run").weights;
            assert_eq!(hash(&weights), wanted, "{reduce:?} on {workers}");
        }
    }
}

#[test]
fn without_nccl_the_hosts_sum_and_say_why() {
    let wanted = alone();
    let cases = [
        ("0,0,0", Some(libraries()), "", "ranks 1 and 2 share a GPU on here"),
        ("0,0,-", Some(libraries()), "", "rank 2 on here has no GPU"),
        ("0,0,1", None, "", "libnccl.so.2"),
        (
            "0,0,1,2",
            Some(libraries()),
            "refuse",
            ": ncclCommInitRankConfig returned 5: as asked for",
        ),
    ];
    // SAFETY: NVIDIA's library, where this machine has it.
    let installed = unsafe { libloading::Library::new("libnccl.so.2") }.is_ok();
    for (seats, with, wish, why) in cases
        .into_iter()
        .filter(|(_, with, ..)| with.is_some() || !installed)
    {
        let finished = ranks(seats, with, wish);
        assert_eq!(finished.code, Some(0), "{why}: {}", finished.stderr);
        said_once(&finished, why);
        assert_eq!(finished.model_hash(), wanted, "{why}");
    }
    let silent = ranks("-,-,-", None, "").succeeded();
    assert!(!silent.stderr.contains("sums go"), "{}", silent.stderr);
}

#[test]
fn a_gpu_that_hangs_ends_the_job() {
    let finished = ranks("0,0,1", Some(libraries()), "hang");
    assert_ne!(finished.code, Some(0));
    assert!(finished.stderr.contains("ncclAllReduce did not end in 2s"), "{}", finished.stderr);
}
