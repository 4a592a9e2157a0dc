//! `exponential`: the factor is `gamma^r`.

use super::Rate;
use crate::part;
use crate::part::Range;

part! {
    /// Its settings.
    pub Exponential {
        gamma: f64 = "0.998", "FACTOR", Range::SHARE, "what the rate is multiplied with each time";
    }
}

impl Exponential {
    /// The schedule.
    pub fn rate(self) -> Rate {
        Rate::new(move |round, _| self.gamma.powi(round as i32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Round;

    #[test]
    fn the_rate_falls_every_round() {
        let rate = Exponential { gamma: 0.5 }.rate();
        assert_eq!([0, 1, 3].map(|round| rate.at(Round(round), 10)), [1.0, 0.5, 0.125]);
    }
}
