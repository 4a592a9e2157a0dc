//! `adamw` (Loshchilov and Hutter 2019): Adam whose decay does not enter the moments: `w <- w - lr
//! wd w` comes first, then Adam's step along the gradient alone.

use crate::part;
use crate::part::Range;

part! {
    /// Its settings.
    pub AdamW {
        lr: f64 = "0.03", "RATE", Range::POSITIVE, "learning rate of the client optimizer";
        wd: f64 = "0.01", "RATE", Range::NOT_NEGATIVE, "weight decay of the client optimizer";
        amsgrad: bool = "false", "true|false", Range::ANY,
            "divide by the largest second moment so far (Reddi et al. 2018)";
        client_beta1: f64 = "0.9", "SHARE", Range::FRACTION, "how much of the first moment stays";
        client_beta2: f64 = "0.999", "SHARE", Range::FRACTION,
            "how much of the second moment stays";
        client_epsilon: f64 = "1e-8", "NUMBER", Range::POSITIVE, "what is added to the divisor";
    }
}
