//! How a client sees its samples while it trains: pictures changed, tokens hidden, numbers with
//! noise on them.

use super::batches::{Rows, Stock};
use crate::data::{FeatureNoise, Look, Samples, Train};
use crate::ids::ClientId;
use crate::plan::Plan;
use crate::seed::Purpose;
use crate::train::{Hider, Task};
use tch::TchError;

/// One client's in one round.
pub struct Sight {
    look: Option<Look>,
    hider: Option<Hider>,
    noise: Option<FeatureNoise>,
}

impl Sight {
    /// Of a client that has these samples.
    pub fn new(plan: &Plan, task: &Task<'_>, samples: &[u32]) -> Sight {
        let (dataset, seed) = (&plan.dataset, plan.seed());
        let stream = |purpose| seed.for_client(purpose, task.round, task.client);
        let first = samples.iter().copied().min().unwrap_or_default();
        let look = match &dataset.train {
            Train::Stored(stored) => {
                let (shape, stream) = (&dataset.facts.shape, stream(Purpose::Augment));
                Look::new(&dataset.augment, &stored.inputs, shape, stream, first)
            }
            Train::Generated(_) => None,
        };
        let hider = Hider::new(&dataset.facts.task, stream(Purpose::Hide), first);
        Sight {
            look,
            hider,
            noise: plan.feature_noise(task.client),
        }
    }

    /// Of whoever evaluates: the same tokens are hidden every time, and nothing else is done.
    pub fn of_test(plan: &Plan) -> Sight {
        let hider = Hider::new(&plan.dataset.facts.task, plan.seed().stream(Purpose::Hide), 0);
        Sight {
            look: None,
            hider,
            noise: None,
        }
    }

    /// The same of a client that does not train.
    pub fn of_client(plan: &Plan, client: ClientId) -> Sight {
        Sight {
            noise: plan.feature_noise(client),
            ..Sight::of_test(plan)
        }
    }

    /// With pictures as they are.
    pub fn without_look(self) -> Sight {
        Sight { look: None, ..self }
    }

    /// Goes on to the pass of this number over the samples.
    pub fn begin(&mut self, pass: usize) {
        self.look.iter_mut().for_each(|look| look.begin(pass));
        self.hider
            .iter_mut()
            .for_each(|hider| hider.begin(pass as u32));
    }

    /// Changes rows of numbers of the named samples.
    pub fn change(&self, samples: &[u32], rows: &mut [f32]) {
        self.look.iter().for_each(|look| look.apply(samples, rows));
        self.noise.iter().for_each(|noise| noise.add(samples, rows));
    }

    /// The named samples of a stock.
    ///
    /// # Errors
    /// When the device has no room for them.
    pub fn of(&self, stock: &Stock, samples: &Samples, order: &[u32]) -> Result<Rows, TchError> {
        let rows = stock.rows(samples, order, self.look.as_ref())?;
        let rows = match &self.hider {
            Some(hider) => rows.hidden(hider, samples, order)?,
            None => rows,
        };
        match &self.noise {
            Some(noise) => rows.disturbed(noise, order),
            None => Ok(rows),
        }
    }
}
