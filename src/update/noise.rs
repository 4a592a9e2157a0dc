//! `noise`: the mean of clipped changes gets normal noise, which bounds what a run gives away of a
//! client; see [`crate::privacy`]. Changes go on as they are.

use super::Update;
use crate::part;
use crate::part::Range;
use crate::seed::Stream;
use std::ops::Bound;

const UP_TO_HALF: Range = Range {
    from: Bound::Excluded(0.0),
    to: Bound::Included(0.5),
};

part! {
    /// Its settings.
    pub Noise {
        noise_multiplier: Option<f64> = "", "NUMBER", Range::NOT_NEGATIVE,
            "deviation of the noise on the sum of changes, in lengths of `clip`; without it the least that keeps `epsilon` over all rounds";
        delta: f64 = "1e-5", "CHANCE", UP_TO_HALF, "chance that the bound does not hold; well below 1 / clients";
        epsilon: Option<f64> = "", "NUMBER", Range::POSITIVE, "the most that the run may give away: it ends before more is spent";
    }
}

impl Update for Noise {
    fn close(&self, _: &mut [f32], _: &mut [f32], _: &mut Stream) -> Option<u64> {
        None
    }

    fn noise(&self) -> Option<&Noise> {
        Some(self)
    }
}
