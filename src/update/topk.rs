//! `topk`: of a change and what was kept of earlier ones, the largest values are sent and the rest
//! is kept (error feedback): `p = d + e`, `d <- top(p)`, `e <- p - d`. Nothing is lost: what was
//! sent and what is kept add up to all changes. Of equal values the first counts as larger. Its
//! bits are a float and a place for each value.
//!
//! ```
//! use fedmpi::seed::{Purpose, Seed};
//! use fedmpi::update::Updates;
//! let updates = Updates::make(&"topk:share=0.34".parse().unwrap())?;
//! let (mut change, mut kept) = ([3.0, -1.0, 0.5], [0.0; 3]);
//! let bits = updates.close(&mut change, &mut kept, &mut Seed(0).stream(Purpose::Update));
//! assert_eq!((change, kept, bits), ([3.0, -1.0, 0.0], [0.0, 0.0, 0.5], 2 * (32 + 2)));
//! # Ok::<(), fedmpi::part::PartError>(())
//! ```

use super::Update;
use crate::part;
use crate::part::Range;
use crate::seed::Stream;

part! {
    /// Its settings.
    pub TopK {
        share: f64 = "0.01", "SHARE", Range::SHARE, "share of the values that is sent, at least one";
        feedback: bool = "true", "true|false", Range::ANY, "keep what is not sent, and add it the next time";
    }
}

impl Update for TopK {
    fn kept(&self, length: usize) -> usize {
        if self.feedback { length } else { 0 }
    }

    fn close(&self, change: &mut [f32], kept: &mut [f32], _: &mut Stream) -> Option<u64> {
        if change.is_empty() {
            return Some(0);
        }
        change
            .iter_mut()
            .zip(kept.iter())
            .for_each(|(value, rest)| *value += rest);
        let count = ((self.share * change.len() as f64).ceil() as usize).clamp(1, change.len());
        let mut order: Vec<u32> = (0..change.len() as u32).collect();
        let larger =
            |place: &u32| (std::cmp::Reverse(change[*place as usize].abs().to_bits()), *place);
        order.select_nth_unstable_by_key(count - 1, larger);
        kept.fill(0.0);
        for place in order[count..].iter().map(|&place| place as usize) {
            let rest = std::mem::take(&mut change[place]);
            if self.feedback {
                kept[place] = rest;
            }
        }
        let places = u64::from(usize::BITS - (change.len() - 1).leading_zeros());
        Some(count as u64 * (32 + places))
    }
}

#[cfg(test)]
mod tests {
    use super::TopK;
    use crate::seed::{Purpose, Seed};
    use crate::update::Update;

    #[test]
    fn without_feedback_nothing_is_kept_and_the_rest_is_lost() {
        let updates = TopK {
            share: 0.5,
            feedback: false,
        };
        assert_eq!(updates.kept(4), 0);
        let mut change = [1.0, -3.0, 2.0, -0.5];
        let mut stream = Seed(0).stream(Purpose::Update);
        assert_eq!(updates.close(&mut change, &mut [], &mut stream), Some(2 * (32 + 2)));
        assert_eq!(change, [0.0, -3.0, 2.0, 0.0]);
    }
}
