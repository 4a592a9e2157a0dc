//! `sgd`: stochastic gradient descent, with `g <- g + wd w`, `v <- m v + (1 - dampening) g` (at
//! first `v <- g`) and `w <- w - lr v`; with Nesterov's look ahead `w <- w - lr (g + m v)`.

use crate::part;
use crate::part::Range;

part! {
    /// Its settings.
    pub Sgd {
        lr: f64 = "0.03", "RATE", Range::POSITIVE, "learning rate of the client optimizer";
        wd: f64 = "0", "RATE", Range::NOT_NEGATIVE, "weight decay (L2) of the client optimizer";
        momentum: f64 = "0", "FACTOR", Range::FRACTION, "how much of a step goes on in the next";
        dampening: f64 = "0", "SHARE", Range::UNIT,
            "how much of a gradient does not enter the momentum";
        client_nesterov: bool = "false", "true|false", Range::ANY,
            "Nesterov's momentum; needs --momentum and no --dampening";
    }
}

impl Sgd {
    /// Whether its settings suit each other.
    pub fn is_sound(&self) -> bool {
        !self.client_nesterov || (self.momentum > 0.0 && self.dampening == 0.0)
    }
}
