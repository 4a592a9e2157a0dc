//! `clip`: `d <- d min(1, C / |d|)`, with the norm over all trained weights.
//!
//! ```
//! use fedmpi::seed::{Purpose, Seed};
//! use fedmpi::update::Updates;
//! let updates = Updates::make(&"clip:norm=1".parse().unwrap())?;
//! let mut change = [3.0, 4.0];
//! updates.close(&mut change, &mut [], &mut Seed(0).stream(Purpose::Update));
//! assert_eq!(change, [0.6, 0.8]);
//! # Ok::<(), fedmpi::part::PartError>(())
//! ```

use super::Update;
use crate::part;
use crate::part::Range;
use crate::seed::Stream;

part! {
    /// Its settings.
    pub Clip {
        norm: f64 = "1", "LENGTH", Range::POSITIVE, "the longest that a client's change may be";
    }
}

impl Update for Clip {
    fn bound(&self) -> Option<f64> {
        Some(self.norm)
    }

    fn close(&self, change: &mut [f32], _: &mut [f32], _: &mut Stream) -> Option<u64> {
        let length = change
            .iter()
            .map(|value| f64::from(*value).powi(2))
            .sum::<f64>()
            .sqrt();
        if length > self.norm {
            let factor = self.norm / length;
            change
                .iter_mut()
                .for_each(|value| *value = (f64::from(*value) * factor) as f32);
        }
        None
    }
}
