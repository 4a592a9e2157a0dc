//! `qfedavg`: clients with a larger loss `F_k` at `w`, over all their samples, count more (Li et
//! al. 2020, q-FFL, algorithm 2). With `L = 1 / lr`, `g_k = L (w - w_k)` and `h_k = q F_k^(q-1)
//! |g_k|^2 + L F_k^q`, the model moves by `- sum F_k^q g_k / sum h_k`. With `q = 0` that is the
//! mean of the changes with equal weights.

use super::{Algorithm, Mean, Moving, Outcome, Shape, Visit};
use crate::part;
use crate::part::Range;
use crate::train::TrainError;
use crate::weights::{Section, Weigh};

part! {
    /// Its settings.
    pub QFedAvg {
        q: f64 = "0.1", "NUMBER", Range::NOT_NEGATIVE, "how much a large loss counts; 0 not at all";
        max_weight: f64 = "1000", "NUMBER", Range::POSITIVE, "the most that a client may weigh, F^q";
    }
}

impl Algorithm for QFedAvg {
    fn shape(&self, _trained: usize) -> Shape {
        let said = vec![Section {
            length: 1,
            weigh: Weigh::Clients,
        }];
        Shape {
            weigh: Weigh::Own(self.max_weight),
            said,
            ..Shape::default()
        }
    }

    /// Says `h_k / L`; the changes are those of the weights, `- g_k / L`.
    fn end(&self, visit: &mut Visit<'_>, outcome: &mut Outcome) -> Result<(), TrainError> {
        let loss = visit.gradient(visit.start)?.loss + 1e-10;
        let trained = visit.trained();
        let moved = visit
            .start
            .iter()
            .zip(outcome.trained.weights.iter())
            .take(trained);
        let square: f64 = moved
            .map(|(w, y)| (f64::from(*y) - f64::from(*w)).powi(2))
            .sum();
        outcome.weight = loss.powf(self.q);
        // Whoever is trained at no rate has not moved.
        let curvature = if square > 0.0 {
            square / outcome.trained.rate
        } else {
            0.0
        };
        let bend = self.q * loss.powf(self.q - 1.0) * curvature;
        outcome.said[0][0] = (bend + outcome.weight) as f32;
        Ok(())
    }

    fn apply(&self, server: &mut Moving<'_>, mean: &Mean<'_>) {
        let change: Vec<f64> = mean
            .change
            .iter()
            .map(|value| value / mean.said[0][0])
            .collect();
        server.step(&change);
    }
}
