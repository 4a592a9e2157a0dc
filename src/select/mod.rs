//! Stage 3, select: who takes part in this round?

mod uniform;

use crate::ids::{ClientId, Round};
use crate::registry::Entry;
use crate::seed::Stream;

/// Chooses the cohort of a round.
///
/// Law: ids are distinct, below `clients`, in ascending order, and as many as wanted; they depend
/// only on the arguments.
pub trait Selector {
    /// `wanted` clients out of `0..clients`.
    fn select(&mut self, round: Round, clients: usize, wanted: usize, stream: &mut Stream) -> Vec<ClientId>;
}

/// Makes a selector.
pub type Build = fn() -> Box<dyn Selector>;

/// Every selector, by the name users write.
pub const SELECTORS: &[Entry<Build>] = &[Entry {
    name: "uniform",
    about: "every client equally likely, without replacement",
    build: || Box::new(uniform::Uniform),
}];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_selector_keeps_the_law(clients in 1usize..200, share in 0.0f64..1.0, round in 0u32..50) {
            let wanted = 1 + ((clients - 1) as f64 * share) as usize;
            for entry in SELECTORS {
                let select = || {
                    let mut stream = Seed(1).for_round(Purpose::Select, Round(round));
                    (entry.build)().select(Round(round), clients, wanted, &mut stream)
                };
                let cohort = select();
                prop_assert_eq!(cohort.len(), wanted);
                prop_assert!(cohort.windows(2).all(|pair| pair[0] < pair[1]));
                prop_assert!(cohort.iter().all(|client| client.index() < clients));
                prop_assert_eq!(cohort, select());
            }
        }
    }
}
