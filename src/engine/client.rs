//! The client manager: receives orders, trains the named clients one after another from the same
//! weights, sends each update. Knows its data already; orders carry client ids only.

use super::{EngineError, report};
use crate::config::Plan;
use crate::ids::{ClientId, Rank, Round};
use crate::message::{Frame, Order, Report, Update};
use crate::stop;
use crate::train::Trainer;
use crate::transport::{Delivery, Metered, Transport};
use std::sync::Arc;
use std::time::Instant;

/// Serves the server until it says stop.
///
/// # Errors
/// When the server is gone or a message cannot be read. A client that cannot be trained is reported
/// to the server, which ends the job.
pub fn serve<T: Transport>(plan: &Plan, wire: &mut Metered<T>, trainer: &mut dyn Trainer) -> Result<(), EngineError> {
    wire.send(Rank::SERVER, Frame::bare(&Report::Hello { digest: plan.digest() }))?;
    loop {
        let frame = match wire.recv()? {
            Delivery::Frame(Rank::SERVER, frame) => frame,
            Delivery::Lost(Rank::SERVER) => return Err(EngineError::Lost(Rank::SERVER)),
            Delivery::Frame(..) | Delivery::Lost(_) => continue,
        };
        match frame.decode()? {
            Order::Train { round, clients } => {
                for client in clients {
                    let answer = train(trainer, round, client, &frame.weights);
                    wire.send(Rank::SERVER, answer)?;
                }
            }
            Order::Stop => {
                let last = Report::Bye(report(wire.rank(), trainer.device(), wire.bytes_sent()));
                return Ok(wire.send(Rank::SERVER, Frame::bare(&last))?);
            }
        }
    }
}

/// Trains one client; whatever goes wrong, a panic too, becomes an answer that names the client.
fn train(trainer: &mut dyn Trainer, round: Round, client: ClientId, start: &[f32]) -> Frame {
    let began = Instant::now();
    match stop::catch(|| trainer.train(round, client, start)) {
        Ok(Ok(trained)) => {
            let seconds = began.elapsed().as_secs_f64();
            log::debug!("round {round} client {client}: loss {:.4}, {seconds:.3} s", trained.loss);
            let update = Update { round, client, samples: trained.samples, loss: trained.loss, seconds };
            Frame::with(&Report::Update(update), Arc::new(trained.weights))
        }
        Ok(Err(error)) => failed(round, client, error.to_string()),
        Err(panic) => failed(round, client, panic),
    }
}

fn failed(round: Round, client: ClientId, reason: String) -> Frame {
    Frame::bare(&Report::Failed { round, client, reason })
}
