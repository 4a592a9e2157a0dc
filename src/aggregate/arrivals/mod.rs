//! Stage 8 without rounds: how does the global model move when one update arrives? Each rule is a pure
//! function of its state and the update.

mod buffered;
mod fedasync;
mod fedbuff;
mod myfed;

use crate::ids::ClientId;
use crate::registry::Entry;
use crate::staleness::Staleness;
use crate::weights::{SumError, Weights};

/// An update that has arrived.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Whose.
    pub client: ClientId,
    /// Samples behind it.
    pub samples: u64,
    /// How often the model has moved since the client got it.
    pub staleness: u32,
    /// What the staleness leaves of it, from 0 to 1.
    pub weight: f64,
    /// Seconds on the clock of the run.
    pub now: f64,
    /// The weights that the client got.
    pub start: Weights,
    /// The weights that it returns.
    pub weights: Weights,
}

/// Moves the global model as updates arrive.
pub trait Arrivals {
    /// Takes in an update; gives the next model when it moves now.
    ///
    /// # Errors
    /// Weights that are not finite or out of range.
    fn arrive(&mut self, global: &[f32], arrival: &Arrival) -> Result<Option<Vec<f32>>, SumError>;

    /// When the model moves even if nothing more arrives; `last` is when it moved last.
    fn deadline(&self, _last: f64) -> Option<f64> {
        None
    }

    /// The deadline has come: the next model, unless nothing has arrived.
    fn due(&mut self, _global: &[f32]) -> Option<Vec<f32>> {
        None
    }

    /// What the rule remembers right after the model has moved, for a checkpoint.
    fn state(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// Takes over what [`Arrivals::state`] gave.
    ///
    /// # Errors
    /// What is no such state.
    fn restore(&mut self, _state: &serde_json::Value) -> serde_json::Result<()> {
        Ok(())
    }

    /// Whether a client's place is taken at once, or only when the model has moved.
    fn refills_at_once(&self) -> bool {
        true
    }
}

/// Settings of all rules.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Mixing rate.
    pub alpha: f64,
    /// Weight by staleness.
    pub staleness: Staleness,
    /// Updates in a buffer.
    pub buffer: usize,
    /// Rate of the server.
    pub server_lr: f64,
    /// Clients in training at once.
    pub concurrency: usize,
    /// Share of them that a semi-asynchronous round waits for.
    pub fraction: f64,
    /// Seconds that it waits at most.
    pub deadline: Option<f64>,
}

/// Makes a rule.
pub type Build = fn(&Settings) -> Box<dyn Arrivals>;

/// Every rule, by the name users write.
pub const ARRIVALS: &[Entry<Build>] = &[
    Entry {
        name: "fedasync",
        about: "each update at once: w <- (1 - a_t) w + a_t w_i, a_t = alpha s(staleness) (Xie et al. 2019)",
        build: |s| Box::new(fedasync::FedAsync { alpha: s.alpha, by_staleness: true }),
    },
    Entry {
        name: "fedbuff",
        about: "K changes at a time: w <- w + lr / K sum s(staleness) (w_i - w_start) (Nguyen et al. 2022)",
        build: |s| Box::new(fedbuff::FedBuff::new(s.buffer, s.server_lr)),
    },
    Entry {
        name: "fedavg_async",
        about: "K changes at a time, weighted by samples and staleness",
        build: |s| Box::new(buffered::Buffered::new(s.buffer, None, s.server_lr)),
    },
    Entry {
        name: "semi_async",
        about: "rounds that wait for a share of the clients, or a deadline, and take what is there",
        build: |s| {
            let enough = (s.fraction * s.concurrency as f64).ceil().max(1.0) as usize;
            Box::new(buffered::Buffered::new(enough, Some(s.deadline), s.server_lr))
        },
    },
    Entry {
        name: "avg",
        about: "each update at once, half and half: w <- (w + w_i) / 2 (async-FL's Avg)",
        build: |_| Box::new(fedasync::FedAsync { alpha: 0.5, by_staleness: false }),
    },
    Entry {
        name: "myfed",
        about: "fedasync that rewards late clients with much data or large changes (async-FL's MyFed, corrected)",
        build: |s| Box::new(myfed::MyFed::new(s.alpha, s.staleness)),
    },
];

/// `(1 - rate) w + rate w_i`: exactly `w_i` at rate 1 and `w` at rate 0.
fn mixed(global: &[f32], weights: &[f32], rate: f64) -> Vec<f32> {
    let mix = |(&old, &new): (&f32, &f32)| ((1.0 - rate) * f64::from(old) + rate * f64::from(new)) as f32;
    global.iter().zip(weights).map(mix).collect()
}

/// Refuses weights that are not finite.
fn sound(arrival: &Arrival) -> Result<(), SumError> {
    match arrival.weights.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(position) => {
            Err(SumError::NotFinite { client: arrival.client, position, value: arrival.weights[position] })
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::Arc;

    pub fn settings() -> Settings {
        Settings {
            alpha: 0.6,
            staleness: Staleness::Polynomial { a: 0.5 },
            buffer: 2,
            server_lr: 1.0,
            concurrency: 4,
            fraction: 0.5,
            deadline: Some(10.0),
        }
    }

    pub fn arrival(start: f32, weight: f32, samples: u64, staleness: u32) -> Arrival {
        Arrival {
            client: ClientId(1),
            samples,
            staleness,
            weight: settings().staleness.weight(staleness),
            now: 0.0,
            start: Arc::new(vec![start]),
            weights: Arc::new(vec![weight]),
        }
    }

    #[test]
    fn updates_that_change_nothing_are_a_fixed_point_of_every_rule() {
        for entry in ARRIVALS {
            let mut rule = (entry.build)(&settings());
            let moved: Vec<Vec<f32>> = (0..4)
                .filter_map(|staleness| rule.arrive(&[0.25], &arrival(0.25, 0.25, 3, staleness)).expect("finite"))
                .collect();
            assert!(!moved.is_empty() && moved.iter().all(|model| *model == [0.25]), "{}", entry.name);
        }
    }

    #[test]
    fn every_rule_refuses_what_is_not_finite() {
        for entry in ARRIVALS {
            let mut rule = (entry.build)(&settings());
            let fault = rule.arrive(&[0.25], &arrival(0.25, f32::NAN, 3, 0)).expect_err("NaN");
            assert!(fault.to_string().contains("client 1"), "{}", entry.name);
        }
    }
}
