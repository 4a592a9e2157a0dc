//! How much each client gets: shares of a whole, and the runs that they cut.

use crate::seed::Stream;
use rand::Rng;
use rand_distr::{Gamma, StandardNormal};

/// Draws that failed before a partitioner gives up.
pub const ATTEMPTS: usize = 1000;

/// How long the runs are that cut `total` items by shares, each of `least` at least; they add up.
/// There must be enough for all.
pub fn amounts(total: usize, shares: &[f64], least: usize) -> Vec<usize> {
    let sum: f64 = shares.iter().sum();
    let free = (total - least * shares.len()) as f64;
    let (mut reached, mut start) = (0.0, 0);
    let mut amounts = Vec::with_capacity(shares.len());
    for (place, share) in shares.iter().enumerate() {
        reached += share;
        let end = if place + 1 == shares.len() {
            total
        } else {
            least * (place + 1) + (free * reached / sum) as usize
        };
        amounts.push(end - start);
        start = end;
    }
    amounts
}

/// Cuts items in runs of these lengths.
pub fn cut(items: &[u32], amounts: &[usize]) -> Vec<Vec<u32>> {
    let mut rest = items;
    amounts
        .iter()
        .map(|amount| rest.split_off(..*amount).unwrap_or_default().to_vec())
        .collect()
}

/// Shares by `exp(sigma N(0, 1))`; equal with sigma 0.
pub fn lognormal(count: usize, sigma: f64, stream: &mut Stream) -> Vec<f64> {
    (0..count)
        .map(|_| (sigma * stream.sample::<f64, _>(StandardNormal)).exp())
        .collect()
}

/// Shares by Dirichlet(alpha, ..., alpha). A tiny alpha can make all draws vanish; then one has
/// everything, as the law says in the limit.
pub fn dirichlet(count: usize, alpha: f64, stream: &mut Stream) -> Vec<f64> {
    let gamma = Gamma::new(alpha, 1.0).expect("an alpha above 0");
    let mut draws: Vec<f64> = (0..count).map(|_| stream.sample(gamma)).collect();
    if draws.iter().sum::<f64>() <= 0.0 && count > 0 {
        draws[stream.random_range(0..count)] = 1.0;
    }
    draws
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    #[test]
    fn amounts_add_up_and_follow_shares() {
        assert_eq!(amounts(10, &[1.0, 1.0, 2.0], 0), [2, 3, 5]);
        assert_eq!(amounts(10, &[1.0, 0.0, 0.0], 2), [6, 2, 2]);
        assert_eq!(amounts(3, &[5.0, 1.0, 1.0], 1), [1, 1, 1]);
        assert_eq!(cut(&[7, 8, 9], &[0, 2, 1]), [vec![], vec![7, 8], vec![9]]);
    }

    #[test]
    fn extremes_are_shares_too() {
        let mut stream = Seed(0).stream(Purpose::Partition);
        assert_eq!(lognormal(3, 0.0, &mut stream), [1.0; 3]);
        for alpha in [1e-300, 1e-3, 1.0, 1e6] {
            let shares = dirichlet(4, alpha, &mut stream);
            assert!(
                shares
                    .iter()
                    .all(|share| share.is_finite() && *share >= 0.0),
                "{alpha}: {shares:?}"
            );
            assert!(shares.iter().sum::<f64>() > 0.0, "{alpha}: {shares:?}");
        }
        let even = dirichlet(4, 1e6, &mut stream);
        let sum: f64 = even.iter().sum();
        assert!(even.iter().all(|share| (share / sum - 0.25).abs() < 0.01), "{even:?}");
    }
}
