//! FedProx's Synthetic(alpha, beta) (Li et al. 2020, section 5.1): each client labels its own points
//! with its own linear model. `u ~ N(0, alpha)`, `W, b ~ N(u, 1)`; `B ~ N(0, beta)`, `v ~ N(B, 1)`,
//! `x ~ N(v, S)` with `S_jj = j^-1.2`; `y = argmax(W x + b)`. One tenth of each client's points are
//! kept for the test set. Alpha and beta are 1, as in the paper's most heterogeneous setting.

use super::{DataError, Dataset, Samples, Source};
use crate::ids::{ClientId, Round};
use crate::seed::{Purpose, Stream};
use rand::Rng;
use rand_distr::{LogNormal, StandardNormal};

const FEATURES: usize = 60;
const CLASSES: usize = 10;
const ALPHA: f64 = 1.0;
const BETA: f64 = 1.0;
/// Fewest points of a client.
const LEAST: usize = 50;
/// Most points of a client: the log-normal tail would otherwise decide a run's memory.
const MOST: usize = 2_000;

/// Generates the points of all clients.
pub fn generate(source: &Source<'_>) -> Result<Dataset, DataError> {
    let mut train = Samples::default();
    let mut test = Samples::default();
    let mut owners = Vec::with_capacity(source.clients);
    for client in (0..source.clients).map(ClientId::from) {
        let mut stream = source.seed.for_client(Purpose::Data, Round(0), client);
        let start = train.labels.len();
        add_client(&mut stream, &mut train, &mut test);
        owners.push(start..train.labels.len());
    }
    Ok(Dataset { shape: vec![FEATURES], classes: CLASSES, train, test, owners: Some(owners) })
}

fn add_client(stream: &mut Stream, train: &mut Samples, test: &mut Samples) {
    let sizes = LogNormal::new(4.0, 2.0).expect("a positive deviation");
    let count = (stream.sample::<f64, _>(sizes) as usize).saturating_add(LEAST).min(MOST);
    let model_mean = normal(stream) * ALPHA.sqrt();
    let data_mean = normal(stream) * BETA.sqrt();
    let weights: Vec<f64> = (0..CLASSES * FEATURES).map(|_| model_mean + normal(stream)).collect();
    let bias: Vec<f64> = (0..CLASSES).map(|_| model_mean + normal(stream)).collect();
    let centre: Vec<f64> = (0..FEATURES).map(|_| data_mean + normal(stream)).collect();
    for row in 0..count {
        let spread = |feature: usize| ((feature + 1) as f64).powf(-0.6);
        let point: Vec<f64> = (0..FEATURES).map(|j| centre[j] + spread(j) * normal(stream)).collect();
        let part = if row % 10 == 9 { &mut *test } else { &mut *train };
        part.labels.push(label(&weights, &bias, &point));
        part.features.extend(point.iter().map(|&value| value as f32));
    }
}

fn label(weights: &[f64], bias: &[f64], point: &[f64]) -> u32 {
    let score = |class: usize| {
        let row = &weights[class * FEATURES..(class + 1) * FEATURES];
        bias[class] + row.iter().zip(point).map(|(w, x)| w * x).sum::<f64>()
    };
    (0..CLASSES).max_by(|&a, &b| score(a).total_cmp(&score(b))).expect("there are classes") as u32
}

fn normal(stream: &mut Stream) -> f64 {
    stream.sample(StandardNormal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use std::path::Path;

    fn generated(clients: usize, seed: u64) -> Dataset {
        generate(&Source { folder: Path::new(""), clients, seed: Seed(seed) }).expect("generated")
    }

    #[test]
    fn owners_cover_the_training_set_and_a_tenth_is_kept() {
        let data = generated(30, 1);
        let owners = data.owners.as_ref().expect("naturally partitioned");
        assert_eq!((owners.len(), owners[29].end), (30, data.train.labels.len()));
        assert!(owners.windows(2).all(|pair| pair[0].end == pair[1].start));
        assert_eq!(data.train.features.len(), data.train.labels.len() * data.width());
        let share = data.test.labels.len() as f64 / (data.test.labels.len() + data.train.labels.len()) as f64;
        assert!((0.08..=0.1).contains(&share), "{share}");
        assert!(data.train.labels.iter().chain(&data.test.labels).all(|&label| label < 10));
    }

    #[test]
    fn a_client_keeps_its_points_when_others_join() {
        let (few, many) = (generated(3, 7), generated(5, 7));
        assert_eq!(few.train.labels[..], many.train.labels[..few.train.labels.len()]);
        assert_ne!(few.digest(), generated(3, 8).digest());
    }
}
