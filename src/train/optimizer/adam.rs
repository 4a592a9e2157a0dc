//! `adam` (Kingma and Ba 2015), with `g <- g + wd w`, `m <- b1 m + (1 - b1) g`, `v <- b2 v + (1 -
//! b2) g^2` and `w <- w - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + e)`; AMSGrad (Reddi et al.
//! 2018) has the largest `v` so far.

use crate::part;
use crate::part::Range;

part! {
    /// Its settings.
    pub Adam {
        lr: f64 = "0.03", "RATE", Range::POSITIVE, "learning rate of the client optimizer";
        wd: f64 = "0", "RATE", Range::NOT_NEGATIVE, "weight decay (L2) of the client optimizer";
        amsgrad: bool = "false", "true|false", Range::ANY,
            "divide by the largest second moment so far (Reddi et al. 2018)";
        client_beta1: f64 = "0.9", "SHARE", Range::FRACTION, "how much of the first moment stays";
        client_beta2: f64 = "0.999", "SHARE", Range::FRACTION,
            "how much of the second moment stays";
        client_epsilon: f64 = "1e-8", "NUMBER", Range::POSITIVE, "what is added to the divisor";
    }
}
