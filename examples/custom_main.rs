//! A control flow of your own over the managers: train until the loss stops falling.
//!
//! mpirun -np 3 target/release/examples/custom_main

use fedmpi::{
    Config, EngineError, Memory, Metered, Mpi, Plan, Rank, Reduce, Server, TorchTrainer, World,
    serve,
};
use tch::Device;

/// Rounds without a better loss before the end.
const PATIENCE: u32 = 3;

/// One rank's work.
fn work(mpi: &Mpi) -> Result<(), EngineError> {
    let config = Config {
        comm_round: 200,
        reduce: Reduce::Allreduce,
        ..Config::default()
    };
    let plan = Plan::resolve(config).expect("a sound config");
    let mut trainer = TorchTrainer::new(&plan, Device::Cpu).expect("a model that fits the data");
    let mut wire = Metered::new(mpi.transport());
    if mpi.rank() != Rank::SERVER {
        return serve(&plan, &mut wire, &mut trainer);
    }
    let mut records = Memory::default();
    let mut server = Server::start(&plan, &mut wire, &mut trainer, &mut records)?;
    let (mut best, mut best_round) = (f64::INFINITY, 0);
    while server.rounds() < plan.rounds() && server.rounds() - best_round < PATIENCE {
        let done = server.round()?;
        let loss = done.test.map_or(f64::INFINITY, |test| test.loss());
        if loss < best {
            (best, best_round) = (loss, server.rounds());
        }
    }
    let outcome = server.finish()?;
    println!("stopped after {} rounds, best loss {best:.4} in round {best_round}", outcome.rounds);
    Ok(())
}

fn main() {
    env_logger::init();
    Mpi::start().expect("MPI starts once").run(work);
}
