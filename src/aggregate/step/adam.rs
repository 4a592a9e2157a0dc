//! `adam`, `yogi`, `adagrad`: steps scaled by the size of past changes (Reddi et al. 2021,
//! algorithm 2).
//!
//! `m <- b1 m + (1 - b1) d`, `w <- w + lr m / (sqrt(v) + tau)`, and `v` by each one's rule:
//! `adagrad` `v + d^2`, `adam` `b2 v + (1 - b2) d^2`, `yogi` `v - (1 - b2) d^2 sign(v - d^2)`. As
//! in the paper, `tau` is outside the root, and nothing is corrected for the start unless asked
//! for; `v` begins as `v0`.

use super::ServerStep;
use crate::ids::Round;
use crate::part;
use crate::part::Range;

part! {
    /// Settings of `adam` and `yogi`.
    pub Adam {
        server_lr: f64 = "0.1", "RATE", Range::NOT_NEGATIVE, "rate of the server";
        beta1: f64 = "0.9", "SHARE", Range::FRACTION, "how much of the first moment stays";
        beta2: f64 = "0.99", "SHARE", Range::FRACTION, "how much of the second moment stays";
        tau: f64 = "0.001", "NUMBER", Range::POSITIVE, "added to the root of the second moment";
        v0: f64 = "0", "NUMBER", Range::NOT_NEGATIVE, "second moment at the start";
        bias_correction: bool = "false", "true|false", Range::ANY,
            "correct both moments for their start";
    }
}

part! {
    /// Settings of `adagrad`.
    pub Adagrad {
        server_lr: f64 = "0.1", "RATE", Range::NOT_NEGATIVE, "rate of the server";
        tau: f64 = "0.001", "NUMBER", Range::POSITIVE, "added to the root of the second moment";
        v0: f64 = "0", "NUMBER", Range::NOT_NEGATIVE, "second moment at the start";
    }
}

/// How the second moment follows a squared change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Second {
    /// By adding it.
    Adagrad,
    /// By a share of it.
    Adam,
    /// By a share of it, up or down.
    Yogi,
}

/// Any of the three.
pub struct Adaptive {
    second: Second,
    settings: Adam,
}

impl Adaptive {
    /// `adam` or `yogi`.
    pub fn new(second: Second, settings: &Adam) -> Adaptive {
        Adaptive {
            second,
            settings: settings.clone(),
        }
    }

    /// `adagrad`, which has no first moment.
    pub fn adagrad(&Adagrad { server_lr, tau, v0 }: &Adagrad) -> Adaptive {
        let settings = Adam {
            server_lr,
            beta1: 0.0,
            beta2: 0.0,
            tau,
            v0,
            bias_correction: false,
        };
        Adaptive {
            second: Second::Adagrad,
            settings,
        }
    }

    fn follow(&self, v: f64, square: f64) -> f64 {
        let beta = self.settings.beta2;
        match self.second {
            Second::Adagrad => v + square,
            Second::Adam => beta * v + (1.0 - beta) * square,
            Second::Yogi if v == square => v,
            Second::Yogi => v - (1.0 - beta) * square * (v - square).signum(),
        }
    }
}

impl ServerStep for Adaptive {
    /// The first moment, what the second moment is above its start, and the number of steps.
    fn memory(&self, length: usize) -> usize {
        2 * length + 1
    }

    fn step(&self, model: &mut [f32], memory: &mut [f32], change: &[f64], _: Round) {
        let &Adam {
            server_lr,
            beta1,
            beta2,
            tau,
            v0,
            bias_correction,
        } = &self.settings;
        let (first, rest) = memory.split_at_mut(model.len());
        let (second, steps) = rest.split_at_mut(model.len());
        steps[0] += 1.0;
        let taken = f64::from(steps[0]);
        let (by_first, by_second) = match bias_correction {
            true => (1.0 - beta1.powf(taken), 1.0 - beta2.powf(taken)),
            false => (1.0, 1.0),
        };
        for (((weight, m), above), change) in model.iter_mut().zip(first).zip(second).zip(change) {
            let new = beta1 * f64::from(*m) + (1.0 - beta1) * change;
            let v = self.follow(v0 + f64::from(*above), change * change);
            (*m, *above) = (new as f32, (v - v0) as f32);
            let step = new / by_first / ((v / by_second).max(0.0).sqrt() + tau);
            *weight = (f64::from(*weight) + server_lr * step) as f32;
        }
    }
}
