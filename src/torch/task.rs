//! What each task's loss is, and what is counted of it: one match each.

use crate::metrics::Metrics;
use crate::models::{Network, Noise};
use crate::task::{TOP_CLASSES, Task};
use tch::{Device, Kind, Reduction, Tensor, no_grad};

/// What libtorch ignores unless told otherwise.
const NOTHING: i64 = -100;

/// Rows of logits and their targets, one below the other: `[rows, outputs]` and `[rows]`.
fn rows(outputs: &Tensor, targets: &Tensor) -> (Tensor, Tensor) {
    let classes = *outputs.size().last().unwrap_or(&1);
    (outputs.reshape([-1, classes]), targets.reshape([-1]))
}

fn ignored(task: &Task) -> i64 {
    task.ignored().map_or(NOTHING, i64::from)
}

/// The loss of a batch: the mean over its targets, of ignored ones none. Cross-entropy in nats, for
/// sets that of each label, for numbers the squared error.
pub fn loss(task: &Task, outputs: &Tensor, targets: &Tensor) -> Tensor {
    match task {
        Task::Classes(_) => outputs.cross_entropy_for_logits(targets),
        Task::Next { ignore: None, .. } => {
            let (outputs, targets) = rows(outputs, targets);
            outputs.cross_entropy_for_logits(&targets)
        }
        Task::Next { .. } | Task::Masked { .. } => {
            let (outputs, targets) = rows(outputs, targets);
            let ignore = ignored(task);
            let sum =
                outputs.cross_entropy_loss::<Tensor>(&targets, None, Reduction::Sum, ignore, 0.0);
            // A batch may ask for nothing.
            sum / targets.ne(ignore).sum(Kind::Float).clamp_min(1.0)
        }
        Task::Sets(_) => {
            outputs.binary_cross_entropy_with_logits::<Tensor>(targets, None, None, Reduction::Mean)
        }
        Task::Values(_) => outputs.mse_loss(targets, Reduction::Mean),
    }
}

/// What a model says of a batch `[inputs, targets]`, and the targets of that. Of rows with hidden
/// tokens only those are asked for.
pub fn answers(
    network: &dyn Network,
    task: &Task,
    parameters: &[Tensor],
    [inputs, targets]: [&Tensor; 2],
    noise: Option<&mut Noise>,
) -> (Tensor, Tensor) {
    if !matches!(task, Task::Masked { .. }) {
        return (network.forward(parameters, inputs, noise), targets.shallow_clone());
    }
    let targets = targets.flatten(0, -1);
    let places = targets.ne(ignored(task)).nonzero().flatten(0, -1);
    (network.forward_at(parameters, inputs, &places, noise), targets.index_select(0, &places))
}

/// Whether [`answers`] does the same for all batches of one size. Places of hidden tokens are
/// counted first.
pub fn is_steady(task: &Task) -> bool {
    !matches!(task, Task::Masked { .. })
}

/// The loss of a batch and its gradient by each trained parameter; with noise in training.
pub fn gradients(
    network: &dyn Network,
    task: &Task,
    parameters: &[Tensor],
    inputs: &Tensor,
    targets: &Tensor,
    noise: Option<&mut Noise>,
) -> (Tensor, Vec<Tensor>) {
    let (outputs, targets) = answers(network, task, parameters, [inputs, targets], noise);
    let loss = loss(task, &outputs, &targets);
    let trained = &parameters[..network.trained()];
    let slopes = Tensor::run_backward(&[&loss], trained, false, false);
    // What a module of a user's does not compute with has none.
    let gradients = slopes.into_iter().zip(trained).map(|(slope, tensor)| {
        if slope.defined() {
            slope
        } else {
            tensor.zeros_like().detach()
        }
    });
    (loss.detach(), gradients.collect())
}

/// How many of a batch's targets count in its loss.
pub fn asked(task: &Task, targets: &Tensor) -> f64 {
    match ignored(task) {
        NOTHING => targets.numel() as f64,
        ignore => targets.ne(ignore).sum(Kind::Float).double_value(&[]),
    }
}

/// Targets that count in losses, added up over batches. Where some are ignored they are counted on
/// the device, so that nobody waits for it.
pub struct Counted {
    ignore: i64,
    seen: f64,
    tokens: Tensor,
}

impl Counted {
    /// None yet.
    pub fn new(task: &Task, device: Device) -> Counted {
        Counted {
            ignore: ignored(task),
            seen: 0.0,
            tokens: Tensor::zeros([], (Kind::Float, device)),
        }
    }

    /// The sum of losses over the targets of a batch, of which [`loss`] gives the mean.
    pub fn weigh(&mut self, mean: &Tensor, targets: &Tensor) -> Tensor {
        if self.ignore == NOTHING {
            let seen = targets.numel() as f64;
            self.seen += seen;
            return mean * seen;
        }
        let seen = targets.ne(self.ignore).sum(Kind::Float);
        let _ = self.tokens.g_add_(&seen);
        mean * seen
    }

    /// How many there were.
    pub fn total(&self) -> f64 {
        self.seen + self.tokens.double_value(&[])
    }
}

/// The metrics of a batch.
pub fn score(task: &Task, outputs: &Tensor, targets: &Tensor) -> Metrics {
    no_grad(|| match task {
        Task::Classes(_) | Task::Next { .. } | Task::Masked { .. } => {
            tokens(task, outputs, targets)
        }
        Task::Sets(_) => sets(outputs, targets),
        Task::Values(_) => {
            let count = targets.numel() as u64;
            let error = outputs.mse_loss(targets, Reduction::Sum).double_value(&[]);
            Metrics::default()
                .with("loss", error, count)
                .with("squared_error", error, count)
        }
    })
}

/// Classes, of samples or of each token.
fn tokens(task: &Task, outputs: &Tensor, targets: &Tensor) -> Metrics {
    let (outputs, targets) = rows(outputs, targets);
    let ignore = ignored(task);
    let loss = outputs.cross_entropy_loss::<Tensor>(&targets, None, Reduction::Sum, ignore, 0.0);
    let hits = count(
        &outputs
            .argmax(1, false)
            .eq_tensor(&targets)
            .logical_and(&targets.ne(ignore)),
    );
    let seen = if ignore == NOTHING {
        targets.numel() as u64
    } else {
        count(&targets.ne(ignore))
    };
    let metrics = Metrics::default()
        .with("loss", loss.double_value(&[]), seen)
        .with("accuracy", hits as f64, seen);
    match task {
        Task::Classes(classes) if *classes >= TOP_CLASSES => {
            let (_, best) = outputs.topk(5, 1, true, false);
            metrics.with("top5", count(&best.eq_tensor(&targets.unsqueeze(1))) as f64, seen)
        }
        _ => metrics,
    }
}

/// Labels, each there or not. F1 is that of all labels together: `2 tp / (2 tp + fp + fn)`.
fn sets(outputs: &Tensor, targets: &Tensor) -> Metrics {
    let all = targets.numel() as u64;
    let loss =
        outputs.binary_cross_entropy_with_logits::<Tensor>(targets, None, None, Reduction::Sum);
    let (said, there) = (outputs.gt(0.0), targets.gt(0.5));
    let both = count(&said.logical_and(&there));
    let either = count(&said) + count(&there);
    Metrics::default()
        .with("loss", loss.double_value(&[]), all)
        .with("accuracy", count(&said.eq_tensor(&there)) as f64, all)
        .with("f1", 2.0 * both as f64, either)
}

fn count(flags: &Tensor) -> u64 {
    flags.sum(Kind::Int64).int64_value(&[]) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_weighed_by_the_targets_that_count() {
        let tasks = [
            (
                Task::Next {
                    vocabulary: 10,
                    ignore: Some(0),
                },
                2.0,
            ),
            (Task::Classes(10), 4.0),
        ];
        for (task, wanted) in tasks {
            let mut counted = Counted::new(&task, Device::Cpu);
            let [one, two] = [[0i64, 3], [0, 5]].map(|targets| Tensor::from_slice(&targets));
            let sum =
                counted.weigh(&Tensor::from(2f32), &one) + counted.weigh(&Tensor::from(4f32), &two);
            assert_eq!((counted.total(), sum.double_value(&[])), (wanted, 3.0 * wanted));
        }
    }

    #[test]
    fn metrics_of_every_task_by_hand() {
        // Class k has logit -k: class 3 is among the best five, class 7 is not.
        let row: Vec<f32> = (0..20).map(|class| -class as f32).collect();
        let outputs = Tensor::from_slice(&row.repeat(3)).view([3, 20]);
        let classes = score(&Task::Classes(20), &outputs, &Tensor::from_slice(&[0i64, 3, 7]));
        assert_eq!((classes.accuracy(), classes.value("top5")), (1.0 / 3.0, Some(2.0 / 3.0)));
        // The partition function is e / (e - 1), nearly.
        assert!((classes.loss() - (10.0 / 3.0 + (1.0 / (1.0 - (-1f64).exp())).ln())).abs() < 1e-4);
        // Two tokens, of which one is padding.
        let task = Task::Next {
            vocabulary: 2,
            ignore: Some(1),
        };
        let outputs = Tensor::from_slice(&[5f32, -5.0, 5.0, -5.0]).view([1, 2, 2]);
        let next = score(&task, &outputs, &Tensor::from_slice(&[0i64, 1]).view([1, 2]));
        assert_eq!(next.accuracy(), 1.0);
        assert!((next.value("perplexity").expect("of a loss") - 1.0).abs() < 1e-3);
        let sure = Tensor::from_slice(&[9f32, 9.0, -9.0, -9.0]).view([2, 2]);
        let labels = Tensor::from_slice(&[1f32, 0.0, 1.0, 0.0]).view([2, 2]);
        let sets = score(&Task::Sets(2), &sure, &labels);
        assert_eq!((sets.accuracy(), sets.value("f1")), (0.5, Some(0.5)));
        let values = score(&Task::Values(2), &labels, &(&labels * 3.0));
        assert_eq!(values.value("squared_error"), Some(2.0));
        assert_eq!(loss(&Task::Values(2), &labels, &(&labels * 3.0)).double_value(&[]), 2.0);
    }
}
