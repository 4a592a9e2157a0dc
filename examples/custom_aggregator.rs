//! A server step of your own: FedAvg with momentum on the server (FedAvgM, Hsu et al. 2019). The
//! engine keeps the velocity, so that it is saved, resumed and held on every rank like the model.
//!
//! mpirun -np 3 target/release/examples/custom_aggregator

use fedmpi::{
    Config, EngineError, Memory, Metered, Mpi, Plan, Rank, Round, ServerStep, TorchTrainer, World,
    run, serve,
};
use std::sync::Arc;
use tch::Device;

/// `v <- 0.9 v + change`, `w <- w + v`.
struct Momentum;

impl ServerStep for Momentum {
    fn memory(&self, length: usize) -> usize {
        length
    }

    fn step(&self, model: &mut [f32], velocity: &mut [f32], change: &[f64], _: Round) {
        for ((w, v), change) in model.iter_mut().zip(velocity).zip(change) {
            *v = 0.9 * *v + *change as f32;
            *w += *v;
        }
    }
}

/// One rank's work.
fn work(mpi: &Mpi) -> Result<(), EngineError> {
    let config = Config {
        comm_round: 20,
        frequency_of_the_test: 20,
        ..Config::default()
    };
    let plan = Plan::resolve(config)
        .and_then(|plan| plan.with_server_step("own_momentum", Arc::new(Momentum)));
    let plan = plan.expect("a sound config");
    let mut trainer = TorchTrainer::new(&plan, Device::Cpu).expect("a model that fits the data");
    let mut wire = Metered::new(mpi.transport());
    if mpi.rank() != Rank::SERVER {
        return serve(&plan, &mut wire, &mut trainer);
    }
    let outcome = run(&plan, &mut wire, &mut trainer, &mut Memory::default(), None)?;
    let test = outcome.test.expect("evaluated after the last round");
    println!("test accuracy {:.4} after {} rounds", test.accuracy(), outcome.rounds);
    Ok(())
}

fn main() {
    env_logger::init();
    Mpi::start().expect("MPI starts once").run(work);
}
