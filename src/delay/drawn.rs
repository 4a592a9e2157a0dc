//! Times that are drawn from a distribution, or computed from what a client has.

use super::{Delay, DelayError};
use crate::part;
use crate::part::{Part, Range, Values};
use crate::seed::Stream;
use rand::Rng;
use rand_distr::{Exp1, StandardNormal};

part! {
    /// Of `samples`.
    pub Samples {
        delay_per_sample: f64 = "0.001", "SECONDS", Range::NOT_NEGATIVE, "virtual time of a sample";
        delay_sigma: f64 = "0", "SIGMA", Range::NOT_NEGATIVE, "spread of the logarithm";
        delay_per_task: bool = "false", "true|false", Range::ANY,
            "draw anew for every training, not once per client";
    }
}

pub(super) fn samples(values: &Values, _: usize) -> Result<Delay, DelayError> {
    let Samples {
        delay_per_sample,
        delay_sigma,
        delay_per_task,
    } = Samples::read(values);
    Ok(Delay::drawn(delay_per_task, move |_, samples, stream| {
        samples as f64 * delay_per_sample * (normal(stream) * delay_sigma).exp()
    }))
}

part! {
    /// Of `constant`.
    pub Constant {
        delay_seconds: f64 = "1", "SECONDS", Range::NOT_NEGATIVE, "virtual time of every training";
    }
}

pub(super) fn constant(values: &Values, _: usize) -> Result<Delay, DelayError> {
    let Constant { delay_seconds } = Constant::read(values);
    Ok(Delay::drawn(false, move |_, _, _| delay_seconds))
}

part! {
    /// Of `uniform`.
    pub Uniform {
        delay_from: f64 = "0", "SECONDS", Range::NOT_NEGATIVE, "the shortest virtual time";
        delay_to: f64 = "1", "SECONDS", Range::NOT_NEGATIVE, "what is longer than any virtual time";
        delay_per_task: bool = "false", "true|false", Range::ANY,
            "draw anew for every training, not once per client";
    }
}

pub(super) fn uniform(values: &Values, _: usize) -> Result<Delay, DelayError> {
    let Uniform {
        delay_from,
        delay_to,
        delay_per_task,
    } = Uniform::read(values);
    if delay_from >= delay_to {
        let reason = format!(
            "from {delay_from} to {delay_to} is no span (hint: the first number below the second)"
        );
        return Err(DelayError::Together(reason));
    }
    Ok(Delay::drawn(delay_per_task, move |_, _, stream| {
        stream.random_range(delay_from..delay_to)
    }))
}

part! {
    /// Of `lognormal`.
    pub LogNormal {
        delay_median: f64 = "1", "SECONDS", Range::NOT_NEGATIVE, "the middle virtual time";
        delay_sigma: f64 = "0.7", "SIGMA", Range::NOT_NEGATIVE, "spread of the logarithm";
        delay_per_task: bool = "false", "true|false", Range::ANY,
            "draw anew for every training, not once per client";
    }
}

pub(super) fn lognormal(values: &Values, _: usize) -> Result<Delay, DelayError> {
    let LogNormal {
        delay_median,
        delay_sigma,
        delay_per_task,
    } = LogNormal::read(values);
    Ok(Delay::drawn(delay_per_task, move |_, _, stream| {
        delay_median * (normal(stream) * delay_sigma).exp()
    }))
}

part! {
    /// Of `exponential`.
    pub Exponential {
        delay_mean: f64 = "1", "SECONDS", Range::NOT_NEGATIVE, "mean virtual time";
        delay_per_task: bool = "false", "true|false", Range::ANY,
            "draw anew for every training, not once per client";
    }
}

pub(super) fn exponential(values: &Values, _: usize) -> Result<Delay, DelayError> {
    let Exponential {
        delay_mean,
        delay_per_task,
    } = Exponential::read(values);
    Ok(Delay::drawn(delay_per_task, move |_, _, stream| {
        delay_mean * stream.sample::<f64, _>(Exp1)
    }))
}

part! {
    /// Of `halfnormal`.
    pub HalfNormal {
        delay_sigma: f64 = "1", "SECONDS", Range::NOT_NEGATIVE,
            "root of the mean square of virtual times";
        delay_per_task: bool = "false", "true|false", Range::ANY,
            "draw anew for every training, not once per client";
    }
}

pub(super) fn halfnormal(values: &Values, _: usize) -> Result<Delay, DelayError> {
    let HalfNormal {
        delay_sigma,
        delay_per_task,
    } = HalfNormal::read(values);
    Ok(Delay::drawn(delay_per_task, move |_, _, stream| delay_sigma * normal(stream).abs()))
}

part! {
    /// Of `classes`.
    pub Classes {
        delay_classes: Vec<f64> = "[1, 2, 5]", "SECONDS,...", Range::NOT_NEGATIVE,
            "virtual time of each class of clients";
        delay_per_task: bool = "false", "true|false", Range::ANY,
            "draw anew for every training, not once per client";
    }
}

pub(super) fn classes(values: &Values, _: usize) -> Result<Delay, DelayError> {
    let Classes {
        delay_classes,
        delay_per_task,
    } = Classes::read(values);
    Ok(Delay::drawn(delay_per_task, move |_, _, stream| {
        delay_classes[stream.random_range(0..delay_classes.len())]
    }))
}

fn normal(stream: &mut Stream) -> f64 {
    stream.sample(StandardNormal)
}
