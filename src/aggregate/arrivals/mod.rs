//! Stage 8 without rounds: how does the global model move when one update arrives? Each rule is a
//! pure function of its state and the update.

mod buffered;
mod fedasync;
mod fedbuff;
mod myfed;

use crate::ids::ClientId;
use crate::part;
use crate::part::{Choice, Entry, Kind, Part, PartError, Range, Values};
use crate::staleness::Staleness;
use crate::weights::{Piece, SumError, Weights};

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
    /// Takes in an update that is [`sound`]; gives the next model when it moves now.
    ///
    /// # Errors
    /// An update that the rule cannot take in.
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

    /// Whether it matters how old an update is, unless it is dropped.
    fn heeds_staleness(&self) -> bool {
        true
    }

    /// Whether a client's place is taken at once, or only when the model has moved.
    fn refills_at_once(&self) -> bool {
        true
    }
}

/// What rules may depend on beside their own settings.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Weight by staleness.
    pub staleness: Staleness,
    /// Clients in training at once.
    pub concurrency: usize,
    /// Seconds that a semi-asynchronous round waits at most.
    pub deadline: Option<f64>,
}

part! {
    /// How far an update moves the model.
    pub Mixing {
        alpha: f64 = "0.6", "RATE", Range::SHARE, "mixing rate";
    }
}

part! {
    /// When a buffer is full, and how far it moves the model.
    pub Buffer {
        buffer_size: usize = "10", "UPDATES", Range::COUNT, "updates for each move of the model";
        server_lr: f64 = "1", "RATE", Range::NOT_NEGATIVE, "rate of the server";
    }
}

part! {
    /// When a semi-asynchronous round is over, and how far it moves the model.
    pub Waiting {
        semi_fraction: f64 = "0.5", "SHARE", Range::SHARE,
            "share of --concurrency that a round waits for";
        server_lr: f64 = "1", "RATE", Range::NOT_NEGATIVE, "rate of the server";
    }
}

/// Makes a rule.
pub type Build = fn(&Values, &Facts) -> Box<dyn Arrivals>;

/// All rules.
pub const KIND: Kind<Build> = Kind {
    setting: "aggregator",
    about: "aggregator",
    table: ARRIVALS,
};

/// What is meant when nobody says.
pub const PLAIN: &str = "fedasync";

/// Makes a rule by choice.
///
/// # Errors
/// A choice that makes no sense.
pub fn make(choice: &Choice, facts: &Facts) -> Result<Box<dyn Arrivals>, PartError> {
    let (entry, values) = KIND.look_up(choice)?;
    Ok((entry.build)(&values, facts))
}

/// Every rule, by the name users write.
pub const ARRIVALS: &[Entry<Build>] = &[
    Entry::<Build>::new(
        "fedasync",
        "each update at once: w <- (1 - a_t) w + a_t w_i, a_t = alpha s(staleness) \
         (Xie et al. 2019)",
        |values, _| {
            Box::new(fedasync::FedAsync {
                alpha: Mixing::read(values).alpha,
                by_staleness: true,
            })
        },
    )
    .with(Mixing::PARAMS),
    Entry::<Build>::new(
        "fedbuff",
        "K changes at a time: w <- w + lr / K sum s(staleness) (w_i - w_start) \
         (Nguyen et al. 2022)",
        |values, _| Box::new(fedbuff::FedBuff::new(&Buffer::read(values))),
    )
    .with(Buffer::PARAMS),
    Entry::<Build>::new(
        "fedavg_async",
        "K changes at a time, weighted by samples and staleness",
        |values, _| {
            let Buffer {
                buffer_size,
                server_lr,
            } = Buffer::read(values);
            Box::new(buffered::Buffered::new(buffer_size, None, server_lr))
        },
    )
    .also(&["Async_FedAvg"])
    .with(Buffer::PARAMS),
    Entry::<Build>::new(
        "semi_async",
        "rounds that wait for a share of the clients, or a deadline, and take what is there",
        |values, facts| {
            let Waiting {
                semi_fraction,
                server_lr,
            } = Waiting::read(values);
            let enough = (semi_fraction * facts.concurrency as f64).ceil().max(1.0) as usize;
            Box::new(buffered::Buffered::new(enough, Some(facts.deadline), server_lr))
        },
    )
    .with(Waiting::PARAMS),
    Entry::<Build>::new(
        "avg",
        "each update at once, half and half: w <- (w + w_i) / 2 (async-FL's Avg)",
        |_, _| {
            Box::new(fedasync::FedAsync {
                alpha: 0.5,
                by_staleness: false,
            })
        },
    ),
    Entry::<Build>::new(
        "myfed",
        "fedasync that rewards late clients with much data or large changes \
         (async-FL's MyFed, corrected)",
        |values, facts| Box::new(myfed::MyFed::new(Mixing::read(values).alpha, facts.staleness)),
    )
    .with(Mixing::PARAMS),
];

/// `(1 - rate) w + rate w_i`: exactly `w_i` at rate 1 and `w` at rate 0.
fn mixed(global: &[f32], weights: &[f32], rate: f64) -> Vec<f32> {
    let mix =
        |(&old, &new): (&f32, &f32)| ((1.0 - rate) * f64::from(old) + rate * f64::from(new)) as f32;
    global.iter().zip(weights).map(mix).collect()
}

/// Looks at an update before any rule does: the same changes are refused as in rounds.
///
/// # Errors
/// Weights that are not finite, or a change beyond [`LIMIT`](crate::weights::LIMIT).
pub fn sound(arrival: &Arrival) -> Result<(), SumError> {
    let Arrival {
        client,
        start,
        weights,
        ..
    } = arrival;
    Piece {
        share: 1.0,
        start: 0,
        new: weights,
        old: Some(start),
    }
    .check(*client)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::Arc;

    pub fn facts() -> Facts {
        Facts {
            staleness: Staleness::Polynomial { a: 0.5 },
            concurrency: 4,
            deadline: Some(10.0),
        }
    }

    /// A rule with a small buffer, if it has one.
    fn rule(entry: &Entry<Build>) -> Box<dyn Arrivals> {
        let mut choice = Choice::from(entry.name);
        if entry.params.iter().any(|param| param.name == "buffer_size") {
            choice.values.insert("buffer_size".into(), 2.into());
        }
        make(&choice, &facts()).expect("sound")
    }

    pub fn arrival(start: f32, weight: f32, samples: u64, staleness: u32) -> Arrival {
        Arrival {
            client: ClientId(1),
            samples,
            staleness,
            weight: facts().staleness.weight(staleness),
            now: 0.0,
            start: Arc::new(vec![start]),
            weights: Arc::new(vec![weight]),
        }
    }

    #[test]
    fn updates_that_change_nothing_are_a_fixed_point_of_every_rule() {
        for entry in ARRIVALS {
            let mut rule = rule(entry);
            let moved: Vec<Vec<f32>> = (0..4)
                .filter_map(|staleness| {
                    rule.arrive(&[0.25], &arrival(0.25, 0.25, 3, staleness))
                        .expect("finite")
                })
                .collect();
            assert!(
                !moved.is_empty() && moved.iter().all(|model| *model == [0.25]),
                "{}",
                entry.name
            );
        }
    }

    #[test]
    fn updates_are_refused_as_in_rounds() {
        for weight in [f32::NAN, f32::INFINITY, 1e30, -3e5] {
            let fault = sound(&arrival(0.25, weight, 3, 0)).expect_err("diverged");
            assert!(fault.to_string().contains("client 1"), "{weight}");
        }
        assert_eq!(sound(&arrival(-1e5, 1e5, 3, 0)), Ok(()));
    }
}
