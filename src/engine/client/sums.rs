//! Where a worker adds up what its clients contribute.

use crate::engine::global::Global;
use crate::message::Reduce;
use crate::plan::Plan;
use crate::transport::Transport;
use crate::weights::{Accumulator, ExactSum, SharedSum};

/// One for each pass over the cohort.
pub(super) enum Sums {
    /// Nowhere: what each client contributes travels to the server.
    Nowhere,
    /// In sums of its own, which are handed over.
    Own(Vec<ExactSum>),
    /// In the server's, which is in the same process.
    Shared(Vec<SharedSum>),
}

impl Sums {
    /// Those of a plan.
    pub(super) fn new(plan: &Plan, global: &Global, wire: &impl Transport) -> Sums {
        if plan.reduce() == Reduce::Server {
            let shared = wire.shared_sums(&global.lengths());
            return match shared.filter(|_| plan.needs_only_sums()) {
                Some(sums) => Sums::Shared(sums),
                None => Sums::Nowhere,
            };
        }
        let lengths = global.lengths().into_iter();
        Sums::Own(lengths.map(|length| ExactSum::new(length, 1)).collect())
    }

    /// That of a pass, if there is one.
    pub(super) fn of(&mut self, pass: u8) -> Option<&mut dyn Accumulator> {
        let pass = usize::from(pass);
        match self {
            Sums::Nowhere => None,
            Sums::Own(sums) => Some(&mut sums[pass]),
            Sums::Shared(sums) => Some(&mut sums[pass]),
        }
    }

    /// That of a pass, if this worker hands it over.
    pub(super) fn own(&mut self, pass: u8) -> Option<&mut ExactSum> {
        match self {
            Sums::Own(sums) => Some(&mut sums[usize::from(pass)]),
            Sums::Nowhere | Sums::Shared(_) => None,
        }
    }
}
