//! The gradient of a whole client, in batches that are added up.

use super::{EVALUATION_BATCH, TorchTrainer};
use crate::torch::batches::Rows;
use crate::torch::sight::Sight;
use crate::torch::task::{self, gradients};
use crate::train::{Gradient, Task, TrainError};
use tch::{Kind, Tensor, no_grad};

/// Gradients and losses of targets, added up, and how many those are.
struct Slope {
    sum: Tensor,
    loss: f64,
    count: f64,
}

impl TorchTrainer {
    /// The mean gradient over what a client trains on, and its loss.
    pub(super) fn whole_gradient(&mut self, task: &Task<'_>) -> Result<Gradient, TrainError> {
        self.begin(task);
        let (plan, device) = (self.plan.clone(), self.device);
        let samples = plan.partition.of(task.client);
        let (rows, order) = plan.dataset.train.of(&samples);
        let trained = self.layout.trained();
        let mut slope = Slope {
            sum: Tensor::zeros([trained as i64], (Kind::Float, device)),
            loss: 0.0,
            count: 0.0,
        };
        let sight = Sight::new(&plan, task, &order).without_look();
        let part = self.stock().part(EVALUATION_BATCH);
        for part in order.chunks(part) {
            let rows = self.rows(&rows, part, &sight)?;
            self.slope(&rows, &mut slope, task);
        }
        let count = slope.count.max(1.0);
        let mut values = vec![0.0; trained];
        (slope.sum / count).copy_data(&mut values, trained);
        Ok(Gradient {
            values,
            loss: slope.loss / count,
        })
    }

    /// The sum of gradients over rows, in batches, and of losses.
    fn slope(&self, rows: &Rows, slope: &mut Slope, task: &Task<'_>) {
        let learned = &self.plan.dataset.facts.task;
        for (features, labels) in rows.batches(EVALUATION_BATCH) {
            let parameters = self.params.views();
            let (mean, gradients) =
                gradients(self.network.as_ref(), learned, parameters, &features, &labels, None);
            let count = task::asked(learned, &labels);
            no_grad(|| {
                let gradients = self.params.gather(&gradients);
                for (part, gradient) in self.params.parts().iter().zip(gradients) {
                    let _ = part.of(&slope.sum).g_add_(&(gradient * count));
                }
            });
            slope.loss += mean.double_value(&[]) * count;
            slope.count += count;
            task.alive();
        }
    }
}
