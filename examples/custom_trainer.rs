//! A trainer of your own: clients fit a line to points that only they know.
//!
//! mpirun -np 3 target/release/examples/custom_trainer

use fedmpi::{
    ClientId, Config, EngineError, Layout, Memory, Metered, Metrics, Mpi, Plan, Rank, Task,
    TrainError, Trained, Trainer, World, run, serve,
};
use std::sync::Arc;

/// `y = w[0] x + w[1]`; client `c` has points around `y = 3 x + 1` at `x = c, c + 1, ... c + 9`
/// tenths.
struct Line(Layout);

impl Line {
    fn new() -> Line {
        let mut layout = Layout::default();
        layout.push("slope_and_offset", &[2]);
        Line(layout)
    }

    fn points(client: ClientId) -> impl Iterator<Item = (f32, f32)> {
        (0..10)
            .map(move |i| (client.0 + i) as f32 / 10.0)
            .map(|x| (x, 3.0 * x + 1.0))
    }
}

impl Trainer for Line {
    fn layout(&self) -> &Layout {
        &self.0
    }

    fn initial(&mut self) -> Vec<f32> {
        vec![0.0; self.0.length()]
    }

    fn train(&mut self, task: &Task<'_>) -> Result<Trained, TrainError> {
        let (mut weights, mut loss) = (task.start.to_vec(), 0.0);
        for (x, y) in Line::points(task.client) {
            let error = weights[0] * x + weights[1] - y;
            weights[0] -= 0.2 * error * x;
            weights[1] -= 0.2 * error;
            loss += f64::from(error * error) / 10.0;
        }
        Ok(Trained {
            weights: Arc::new(weights),
            loss,
            steps: 10,
            reach: 10.0 * 0.2,
            rate: 0.2,
        })
    }

    fn evaluate(&mut self, weights: &[f32]) -> Result<Metrics, TrainError> {
        let errors =
            Line::points(ClientId(3)).map(|(x, y)| f64::from(weights[0] * x + weights[1] - y));
        Ok(Metrics::default().with("loss", errors.map(|error| error * error).sum(), 10))
    }
}

/// One rank's work.
fn work(mpi: &Mpi) -> Result<(), EngineError> {
    // The data set only says who there is: this trainer brings its own points.
    let config = Config {
        client_num_in_total: 8,
        client_num_per_round: 4,
        comm_round: 60,
        ..Config::default()
    };
    let plan = Plan::resolve(config).expect("a sound config");
    let mut wire = Metered::new(mpi.transport());
    if mpi.rank() != Rank::SERVER {
        return serve(&plan, &mut wire, &mut Line::new());
    }
    let outcome = run(&plan, &mut wire, &mut Line::new(), &mut Memory::default(), None)?;
    println!("y = {:.3} x + {:.3}", outcome.weights[0], outcome.weights[1]);
    Ok(())
}

fn main() {
    env_logger::init();
    Mpi::start().expect("MPI starts once").run(work);
}
