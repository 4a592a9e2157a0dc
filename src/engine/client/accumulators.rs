//! Where a worker adds up what its clients contribute.

use crate::engine::global::Global;
use crate::message::Reduce;
use crate::plan::Plan;
use crate::transport::{SharedSum, Transport};
use crate::weights::{Accumulator, ExactSum};

/// One for each pass over the cohort.
pub(super) enum Accumulators {
    /// Nowhere: what each client contributes travels to the server.
    Nowhere,
    /// In sums of its own, which are handed over.
    Own(Vec<ExactSum>),
    /// In the server's, which is in the same process.
    Shared(Vec<SharedSum>),
}

impl Accumulators {
    /// Those of a plan.
    pub(super) fn new(plan: &Plan, global: &Global, wire: &impl Transport) -> Accumulators {
        if plan.reduce() == Reduce::Server {
            let is_enough = plan.needs_only_sums();
            let shared = is_enough.then(|| wire.shared_sums(&global.lengths()));
            return match shared.flatten() {
                Some(sums) => Accumulators::Shared(sums),
                None => Accumulators::Nowhere,
            };
        }
        let lengths = global.lengths().into_iter();
        Accumulators::Own(lengths.map(|length| ExactSum::new(length, 1)).collect())
    }

    /// That of a pass, if there is one.
    pub(super) fn of(&mut self, pass: u8) -> Option<&mut dyn Accumulator> {
        let pass = usize::from(pass);
        match self {
            Accumulators::Nowhere => None,
            Accumulators::Own(sums) => Some(&mut sums[pass]),
            Accumulators::Shared(sums) => Some(&mut sums[pass]),
        }
    }

    /// That of a pass, if it is the server's too.
    pub(super) fn shared(&mut self, pass: u8) -> Option<&mut SharedSum> {
        match self {
            Accumulators::Shared(sums) => Some(&mut sums[usize::from(pass)]),
            Accumulators::Nowhere | Accumulators::Own(_) => None,
        }
    }

    /// That of a pass, if this worker hands it over.
    pub(super) fn own(&mut self, pass: u8) -> Option<&mut ExactSum> {
        match self {
            Accumulators::Own(sums) => Some(&mut sums[usize::from(pass)]),
            Accumulators::Nowhere | Accumulators::Shared(_) => None,
        }
    }
}
