//! Accounts of normal noise by Rényi divergence (Mironov 2017): divergences of rounds add up at
//! every order, and the order that says least of epsilon counts.

use super::Sampling;
use statrs::function::factorial::ln_binomial;

/// Orders that are tried. Those between whole ones would take less than 1 % off epsilon.
fn orders() -> impl Iterator<Item = u64> {
    (2..=64).chain([128, 256, 512, 1024])
}

/// The divergence of one round at every order.
#[derive(Clone, Debug)]
pub struct Accountant(Vec<(f64, f64)>);

impl Accountant {
    /// Of noise with this multiplier on cohorts drawn so. Nothing is bounded without noise.
    pub fn new(multiplier: f64, sampling: Sampling) -> Accountant {
        let divergence = |order| match sampling {
            Sampling::Poisson(share) => poisson(share, multiplier, order),
            // Another client moves the sum by twice the norm.
            Sampling::Fixed(share) => fixed(share, multiplier / 2.0, order),
            Sampling::None => whole(multiplier, order),
        };
        Accountant(
            orders()
                .map(|order| (order as f64, divergence(order)))
                .collect(),
        )
    }

    /// Epsilon after so many rounds: `min over a of T R(a) + ln((a - 1) / a) - (ln delta + ln a) /
    /// (a - 1)`, at least 0 (Canonne et al. 2020, proposition 12). Infinite when nothing bounds it.
    pub fn epsilon(&self, rounds: u32, delta: f64) -> f64 {
        if rounds == 0 {
            return 0.0;
        }
        self.0
            .iter()
            .map(|&(order, divergence)| {
                f64::from(rounds) * divergence + (-1.0 / order).ln_1p()
                    - (delta.ln() + order.ln()) / (order - 1.0)
            })
            .filter(|epsilon| !epsilon.is_nan())
            .fold(f64::INFINITY, f64::min)
            .max(0.0)
    }

    /// Rounds after which epsilon is still within a budget, at most what is ever asked for.
    pub fn rounds_within(&self, budget: f64, delta: f64) -> u32 {
        let (mut fits, mut beyond) = (0, u32::MAX);
        while beyond - fits > 1 {
            let middle = fits + (beyond - fits) / 2;
            if self.epsilon(middle, delta) <= budget {
                fits = middle;
            } else {
                beyond = middle;
            }
        }
        fits
    }
}

/// Noise on a sum that everybody may be in: `a / (2 z²)`.
fn whole(multiplier: f64, order: u64) -> f64 {
    order as f64 / (2.0 * multiplier * multiplier)
}

/// Each client is in the sum with chance `q` (Mironov et al. 2019, section 3.3): `ln(sum over k of
/// binomial(a, k) (1 - q)^(a - k) q^k e^((k² - k) / (2 z²))) / (a - 1)`.
fn poisson(share: f64, multiplier: f64, order: u64) -> f64 {
    let terms = (0..=order).map(|k| {
        let (taken, left) = (k as f64, (order - k) as f64);
        ln_binomial(order, k)
            + left * (-share).ln_1p()
            + taken * share.ln()
            + (taken * taken - taken) / (2.0 * multiplier * multiplier)
    });
    ln_sum(terms) / (order as f64 - 1.0)
}

/// A set of fixed size is in the sum, a share `q` of all (Wang et al. 2019, theorem 9), with `e(j)
/// = j / (2 z²)`: `ln(1 + q² binomial(a, 2) min(4 (e^e(2) - 1), 2 e^e(2)) + sum over j > 2 of 2 q^j
/// binomial(a, j) e^((j - 1) e(j))) / (a - 1)`; never more than without sampling.
fn fixed(share: f64, multiplier: f64, order: u64) -> f64 {
    let terms = (0..=order).map(|j| match j {
        0 => 0.0,
        1 => f64::NEG_INFINITY,
        j => {
            let divergence = whole(multiplier, j);
            let factor = match j {
                2 => pair(divergence),
                _ => 2f64.ln() + (j as f64 - 1.0) * divergence,
            };
            factor + j as f64 * share.ln() + ln_binomial(order, j)
        }
    });
    (ln_sum(terms) / (order as f64 - 1.0)).min(whole(multiplier, order))
}

/// `ln min(4 (e^x - 1), 2 e^x)`.
fn pair(divergence: f64) -> f64 {
    let difference = divergence + (-(-divergence).exp()).ln_1p();
    (4f64.ln() + difference).min(2f64.ln() + divergence)
}

/// The logarithm of a sum of exponentials, without leaving the numbers.
fn ln_sum(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if largest.is_infinite() {
        return largest;
    }
    largest + terms.map(|term| (term - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(found: f64, wanted: f64, by: f64) {
        assert!((found / wanted - 1.0).abs() < by, "{found} {wanted}");
    }

    /// Computed with Google's dp-accounting 0.6.0.
    #[test]
    fn divergences_are_those_of_another_accountant() {
        for (share, multiplier, wanted) in [
            (0.01, 1.0, [0.00017181342, 0.00026463757, 0.00089364391, 27.321732]),
            (0.1, 1.0, [0.017036863, 0.0317123, 1.3783614, 29.660866]),
            (0.01, 4.0, [6.4494251e-6, 9.6804486e-6, 2.5899123e-5, 2.1520916e-4]),
            (0.5, 2.0, [0.068598724, 0.11002319, 0.42374833, 7.2958506]),
        ] {
            for (order, wanted) in [2, 3, 8, 64].into_iter().zip(wanted) {
                close(poisson(share, multiplier, order), wanted, 1e-7);
            }
        }
    }

    /// As above, at whole orders.
    #[test]
    fn epsilons_are_those_of_another_accountant() {
        for (share, multiplier, rounds, delta, wanted) in [
            (0.01, 4.0, 10_000, 1e-5, 1.0355),
            (0.01, 1.0, 1000, 1e-5, 2.1078),
            (0.001, 1.0, 1000, 1e-6, 0.8697),
            (0.05, 5.0, 200, 1e-4, 0.4758),
            (256.0 / 60_000.0, 1.3, 3516, 1e-5, 0.9546),
        ] {
            let accountant = Accountant::new(multiplier, Sampling::Poisson(share));
            close(accountant.epsilon(rounds, delta), wanted, 1e-3);
        }
        // Of noise that is as large as what one client may do.
        let fixed = Accountant::new(2.0, Sampling::Fixed(0.01));
        close(fixed.epsilon(1000, 1e-5), 3.5761, 1e-4);
        // There 5.3790, by theorem 27 of the same paper, which takes alternating sums.
        let fixed = Accountant::new(4.0, Sampling::Fixed(0.1));
        close(fixed.epsilon(100, 1e-5), 5.8379, 1e-4);
        let whole = Accountant::new(10.0, Sampling::None);
        close(whole.epsilon(100, 1e-5), 4.7527, 1e-4);
    }

    #[test]
    fn nothing_bounds_a_run_without_noise() {
        for sampling in [Sampling::Poisson(0.1), Sampling::Fixed(0.1), Sampling::None] {
            let accountant = Accountant::new(0.0, sampling);
            assert_eq!(accountant.epsilon(1, 1e-5), f64::INFINITY, "{sampling:?}");
            assert_eq!(accountant.rounds_within(100.0, 1e-5), 0);
        }
    }

    proptest! {
        #[test]
        fn more_noise_and_fewer_rounds_and_rarer_clients_give_away_less(
            share in 1e-4f64..0.9, multiplier in 0.3f64..20.0, rounds in 1u32..5000,
        ) {
            for make in [|share| Sampling::Poisson(share), |share| Sampling::Fixed(share)] {
                let epsilon = |share, multiplier, rounds| {
                    Accountant::new(multiplier, make(share)).epsilon(rounds, 1e-6)
                };
                let base = epsilon(share, multiplier, rounds);
                let slack = 1.0 + 1e-9;
                prop_assert!(base.is_finite());
                prop_assert!(epsilon(share, 1.1 * multiplier, rounds) <= base * slack);
                prop_assert!(epsilon(0.9 * share, multiplier, rounds) <= base * slack);
                prop_assert!(epsilon(share, multiplier, rounds + 1) * slack >= base);
            }
        }

        #[test]
        fn sampling_never_gives_away_more(share in 1e-4f64..1.0, multiplier in 0.3f64..20.0) {
            let epsilon = |sampling| Accountant::new(multiplier, sampling).epsilon(10, 1e-6);
            let slack = 1.0 + 1e-9;
            prop_assert!(epsilon(Sampling::Poisson(share)) <= epsilon(Sampling::None) * slack);
        }
    }
}
