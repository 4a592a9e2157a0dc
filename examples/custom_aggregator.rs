//! A server handler of your own: FedAvg with momentum on the server (FedAvgM, Hsu et al. 2019).
//!
//! mpirun -np 3 target/release/examples/custom_aggregator

use fedmpi::aggregate::{Aggregator, Merged};
use fedmpi::config::{Config, Plan};
use fedmpi::engine::{self, EngineError};
use fedmpi::ids::Rank;
use fedmpi::record::Memory;
use fedmpi::registry::Entry;
use fedmpi::torch::TorchTrainer;
use fedmpi::transport::mpi::Mpi;
use fedmpi::transport::{Metered, World};
use tch::Device;

/// `v <- 0.9 v + (mean - w)`, `w <- w + v`.
#[derive(Default)]
struct Momentum {
    velocity: Vec<f32>,
}

impl Aggregator for Momentum {
    fn apply(&mut self, global: &[f32], merged: Merged<'_>) -> Vec<f32> {
        // It did not ask for single updates, so the mean is what it gets.
        let Merged::Mean(mean) = merged else { return global.to_vec() };
        self.velocity.resize(global.len(), 0.0);
        let step = |((w, mean), v): ((&f32, &f32), &mut f32)| {
            *v = 0.9 * *v + (mean - w);
            w + *v
        };
        global.iter().zip(&mean).zip(&mut self.velocity).map(step).collect()
    }
}

/// One rank's work.
fn work(mpi: &Mpi) -> Result<(), EngineError> {
    let config = Config { comm_round: 20, frequency_of_the_test: 20, ..Config::default() };
    let own: Entry<fedmpi::aggregate::Build> =
        Entry { name: "momentum", about: "FedAvg with momentum", build: || Box::new(Momentum::default()) };
    let plan = Plan::resolve(config).and_then(|plan| plan.with_aggregator(own)).expect("a sound config");
    let mut trainer = TorchTrainer::new(&plan, Device::Cpu).expect("a model that fits the data");
    let mut wire = Metered::new(mpi.transport());
    if mpi.rank() != Rank::SERVER {
        return engine::serve(&plan, &mut wire, &mut trainer);
    }
    let outcome = engine::run(&plan, &mut wire, &mut trainer, &mut Memory::default(), None)?;
    let test = outcome.test.expect("evaluated after the last round");
    println!("test accuracy {:.4} after {} rounds", test.accuracy(), outcome.rounds);
    Ok(())
}

fn main() {
    env_logger::init();
    Mpi::start().expect("MPI starts once").run(work);
}
