//! `adagrad` (Duchi et al. 2011), with `g <- g + wd w`, `s <- s + g^2` and `w <- w - lr / (1 + (t -
//! 1) decay) g / (sqrt(s) + e)`.

use crate::part;
use crate::part::Range;

part! {
    /// Its settings.
    pub Adagrad {
        lr: f64 = "0.03", "RATE", Range::POSITIVE, "learning rate of the client optimizer";
        wd: f64 = "0", "RATE", Range::NOT_NEGATIVE, "weight decay (L2) of the client optimizer";
        lr_decay: f64 = "0", "RATE", Range::NOT_NEGATIVE,
            "how the rate falls with each step of a client";
        initial_accumulator: f64 = "0", "NUMBER", Range::NOT_NEGATIVE,
            "the sum of squares before the first step";
        client_epsilon: f64 = "1e-10", "NUMBER", Range::POSITIVE, "what is added to the divisor";
    }
}
