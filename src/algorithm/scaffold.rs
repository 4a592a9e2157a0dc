//! `scaffold`: steps follow `g - c_k + c`, with a control variate for each client and their mean on
//! the server (Karimireddy et al. 2020, algorithm 1).
//!
//! After steps whose rates add up to `r`, option II sets `c_k <- c_k - c + (w - y) / r`; option I
//! takes the gradient over all samples at `w`, which costs a pass. The server moves by the mean
//! change over the cohort and `c <- c + (m / N) mean(c_k - old c_k)`: `c` is always the mean over
//! all clients. The first round is that of `fedavg` with equal weights.

use super::{Algorithm, Mean, Moving, Outcome, Shape, Visit};
use crate::part;
use crate::part::Range;
use crate::train::{Drift, TrainError};
use crate::weights::{Section, Weigh};

part! {
    /// Its settings.
    pub Scaffold {
        variate_option: u32 = "2", "1|2", Range::between(1.0, 2.0), "what variates are: 1 the gradient over all samples, 2 the mean of the steps";
    }
}

impl Algorithm for Scaffold {
    fn shape(&self, trained: usize) -> Shape {
        let said = vec![Section {
            length: trained,
            weigh: Weigh::Clients,
        }];
        Shape {
            weigh: Weigh::Clients,
            said,
            kept: trained,
            memory: trained,
            told: trained,
            ..Shape::default()
        }
    }

    fn begin(&self, visit: &mut Visit<'_>) -> Result<Drift, TrainError> {
        let shift = visit
            .told
            .iter()
            .zip(visit.kept.iter())
            .map(|(all, own)| all - own)
            .collect();
        Ok(Drift::default().shifted(shift))
    }

    fn end(&self, visit: &mut Visit<'_>, outcome: &mut Outcome) -> Result<(), TrainError> {
        let new = match self.variate_option {
            1 => visit.gradient(visit.start)?.values,
            _ => {
                let reach = outcome.trained.reach.max(f64::MIN_POSITIVE);
                let moved = visit.start.iter().zip(outcome.trained.weights.iter());
                let slope = moved.map(|(w, y)| (f64::from(*w) - f64::from(*y)) / reach);
                let variates = visit
                    .kept
                    .iter()
                    .zip(visit.told)
                    .map(|(own, all)| f64::from(*own) - f64::from(*all));
                variates
                    .zip(slope)
                    .map(|(variate, slope)| (variate + slope) as f32)
                    .collect()
            }
        };
        for ((said, kept), new) in outcome.said[0]
            .iter_mut()
            .zip(visit.kept.iter_mut())
            .zip(new)
        {
            *said = new - *kept;
            *kept = new;
        }
        Ok(())
    }

    fn apply(&self, server: &mut Moving<'_>, mean: &Mean<'_>) {
        let part = mean.cohort as f64 / mean.clients as f64;
        for (variate, change) in server.memory.iter_mut().zip(mean.said[0].iter()) {
            *variate = (f64::from(*variate) + part * change) as f32;
        }
        server.step(mean.change);
    }
}
