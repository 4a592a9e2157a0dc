//! `rmsprop` (Tieleman and Hinton 2012), with `g <- g + wd w`, `s <- a s + (1 - a) g^2` and `w <- w
//! - lr g / (sqrt(s) + e)`; with momentum `v <- m v + g / (sqrt(s) + e)`, `w <- w - lr v`; centred,
//! `s - mean(g)^2` takes the place of `s`.

use crate::part;
use crate::part::Range;

part! {
    /// Its settings.
    pub RmsProp {
        lr: f64 = "0.03", "RATE", Range::POSITIVE, "learning rate of the client optimizer";
        wd: f64 = "0", "RATE", Range::NOT_NEGATIVE, "weight decay (L2) of the client optimizer";
        momentum: f64 = "0", "FACTOR", Range::FRACTION, "how much of a step goes on in the next";
        smoothing: f64 = "0.99", "SHARE", Range::FRACTION,
            "how much of the mean square stays (torch's alpha)";
        client_epsilon: f64 = "1e-8", "NUMBER", Range::POSITIVE, "what is added to the divisor";
        centered: bool = "false", "true|false", Range::ANY,
            "divide by the deviation of gradients instead of their size";
    }
}
