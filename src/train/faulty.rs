//! Faults on purpose, to see that they are handled: `FEDMPI_FAULT=panic:ROUND:CLIENT` makes the
//! training of one client panic, `nan:ROUND:CLIENT` makes its weights NaN, `hang:ROUND:CLIENT` lets it
//! never end, `make:RANK` makes a rank panic that makes its trainer. Rounds count from 1; without rounds they are trainings. For tests
//! of a cluster's job control; never set otherwise.

use super::{Frozen, Gradient, Task, TrainError, Trained, Trainer};
use crate::ids::{ClientId, Rank, Round};
use crate::metrics::Metrics;
use crate::weights::{Accumulator, Held, Layout};
use std::ops::Range;
use std::sync::Arc;
use std::thread;

/// The environment variable that asks for a fault.
pub const VARIABLE: &str = "FEDMPI_FAULT";

/// A trainer that fails for one client in one round.
pub struct Faulty {
    inner: Box<dyn Trainer>,
    fault: Fault,
    round: Round,
    client: ClientId,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    Panic,
    Nan,
    Hang,
}

impl Faulty {
    /// Wraps `inner` when `wish` is `panic:ROUND:CLIENT`, `nan:ROUND:CLIENT` or
    /// `hang:ROUND:CLIENT`; any other wish is ignored.
    pub fn wrap(inner: Box<dyn Trainer>, wish: Option<&str>) -> Box<dyn Trainer> {
        match wish.and_then(parse) {
            Some((fault, round, client)) => Box::new(Faulty {
                inner,
                fault,
                round,
                client,
            }),
            None => inner,
        }
    }

    /// Wraps a rank's trainer as the environment asks.
    ///
    /// # Panics
    /// When the environment asks for that.
    pub fn from_environment(inner: Box<dyn Trainer>, rank: Rank) -> Box<dyn Trainer> {
        let wish = std::env::var(VARIABLE).ok();
        assert!(wish.as_deref() != Some(&format!("make:{rank}")), "fault asked for by {VARIABLE}");
        Faulty::wrap(inner, wish.as_deref())
    }

    fn strikes(&self, task: &Task<'_>) -> bool {
        let strikes = (task.round, task.client) == (self.round, self.client);
        assert!(!(strikes && self.fault == Fault::Panic), "fault asked for by {VARIABLE}");
        if strikes && self.fault == Fault::Hang {
            loop {
                thread::park();
            }
        }
        strikes
    }
}

fn parse(wish: &str) -> Option<(Fault, Round, ClientId)> {
    let (fault, place) = wish.split_once(':')?;
    let fault = match fault {
        "panic" => Fault::Panic,
        "nan" => Fault::Nan,
        "hang" => Fault::Hang,
        _ => return None,
    };
    let (round, client) = place.split_once(':')?;
    Some((fault, Round::counted(round.parse().ok()?)?, ClientId(client.parse().ok()?)))
}

impl Trainer for Faulty {
    fn layout(&self) -> &Layout {
        self.inner.layout()
    }

    fn initial(&mut self) -> Vec<f32> {
        self.inner.initial()
    }

    fn train(&mut self, task: &Task<'_>) -> Result<Trained, TrainError> {
        let strikes = self.strikes(task);
        let trained = self.inner.train(task)?;
        let broken = || Arc::new(vec![f32::NAN; trained.weights.len()]);
        Ok(if strikes {
            Trained {
                weights: broken(),
                ..trained
            }
        } else {
            trained
        })
    }

    fn gradient(&mut self, task: &Task<'_>) -> Result<Gradient, TrainError> {
        self.inner.gradient(task)
    }

    fn train_into(
        &mut self,
        task: &Task<'_>,
        share: f64,
        sum: &mut dyn Accumulator,
    ) -> Result<f64, TrainError> {
        match self.strikes(task) {
            true => self
                .train(task)?
                .add_to(sum, task.client, share, task.start),
            false => self.inner.train_into(task, share, sum),
        }
    }

    fn hand_over(&mut self, sum: &mut dyn Accumulator) {
        self.inner.hand_over(sum);
    }

    fn take_held(&mut self) -> Option<Held> {
        self.inner.take_held()
    }

    fn evaluate(&mut self, weights: &[f32]) -> Result<Metrics, TrainError> {
        self.inner.evaluate(weights)
    }

    fn pieces(&self) -> usize {
        self.inner.pieces()
    }

    fn evaluate_pieces(
        &mut self,
        weights: &[f32],
        pieces: Range<usize>,
    ) -> Result<Metrics, TrainError> {
        self.inner.evaluate_pieces(weights, pieces)
    }

    fn evaluate_client(
        &mut self,
        weights: &[f32],
        client: ClientId,
    ) -> Result<Metrics, TrainError> {
        self.inner.evaluate_client(weights, client)
    }

    fn frozen(&self) -> Vec<Frozen> {
        self.inner.frozen()
    }

    fn device(&self) -> String {
        self.inner.device()
    }
}
