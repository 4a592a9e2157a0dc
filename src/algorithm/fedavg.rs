//! `fedavg`: `w <- w + sum_i (n_i / N) (w_i - w)` (McMahan et al. 2017, algorithm 1).

use super::Algorithm;

/// Everything as it is.
pub struct FedAvg;

impl Algorithm for FedAvg {}
