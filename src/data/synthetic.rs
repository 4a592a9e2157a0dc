//! FedProx's Synthetic(alpha, beta) (Li et al. 2020, section 5.1): each client labels its own
//! points with its own linear model. `u ~ N(0, alpha)`, `W, b ~ N(u, 1)`; `B ~ N(0, beta)`, `v ~
//! N(B, 1)`, `x ~ N(v, S)` with `S_jj = j^-1.2`; `y = argmax(W x + b)`. One tenth of each client's
//! points are kept for the test set. The larger beta is, the more clients' points differ; the paper
//! has both at 0, 0.5 and 1. Alpha is one number for all weights of a client, so it moves the
//! scores of all classes alike: it is told apart, and decides no label.

use super::{Column, DataError, Dataset, Samples, Source, Train};
use crate::ids::{ClientId, Round};
use crate::part;
use crate::part::{Part, Range, Values};
use crate::seed::{Purpose, Seed, Stream};
use crate::task::Facts;
use rand::Rng;
use rand_distr::{LogNormal, StandardNormal};
use std::sync::Arc;

const FEATURES: usize = 60;
const CLASSES: usize = 10;
/// Fewest points of a client.
const LEAST: usize = 50;
/// Most points of a client: the log-normal tail would otherwise decide a run's memory.
const MOST: usize = 2_000;
/// Most points of all clients: they are numbered by 32 bits.
const COUNTED: usize = u32::MAX as usize;
/// With more clients than this, points are made when they are needed, and the test set holds those
/// of so many clients only.
const STORED: usize = 2_000;

part! {
    /// How much clients differ.
    pub Spread {
        synthetic_alpha: f64 = "1", "VARIANCE", Range::NOT_NEGATIVE, "of the means of clients' models (FedProx's alpha); it moves all classes' scores alike, so labels stay";
        synthetic_beta: f64 = "1", "VARIANCE", Range::NOT_NEGATIVE, "of the means of clients' points (FedProx's beta)";
    }
}

/// The generator of all clients' points.
#[derive(Clone, Debug, PartialEq)]
pub struct Synthetic {
    spread: Spread,
    seed: Seed,
    starts: Arc<Vec<usize>>,
}

/// Generates the points of all clients, or what generates them.
pub fn generate(values: &Values, source: &Source<'_>) -> Result<Dataset, DataError> {
    let generator = Synthetic::new(Spread::read(values), source.seed, source.clients)?;
    let clients = |most: usize| (0..source.clients.min(most)).map(ClientId::from);
    let mut test = Points::default();
    clients(STORED).for_each(|client| generator.make(client, &mut Points::default(), &mut test));
    let owners = Some(generator.starts.to_vec());
    let train = match source.clients {
        0..=STORED => {
            let mut train = Points::default();
            clients(STORED)
                .for_each(|client| generator.make(client, &mut train, &mut Points::default()));
            Train::Stored(train.into())
        }
        _ => Train::Generated(generator),
    };
    Ok(Dataset {
        facts: Facts::classes(&[FEATURES], CLASSES),
        train,
        test: test.into(),
        owners,
        ..Dataset::default()
    })
}

/// Points in the making.
#[derive(Default)]
struct Points {
    features: Vec<f32>,
    labels: Vec<u32>,
}

impl From<Points> for Samples {
    fn from(points: Points) -> Samples {
        Samples {
            inputs: Column::floats(points.features, FEATURES),
            targets: Column::integers(points.labels, 1),
        }
    }
}

impl Synthetic {
    fn new(spread: Spread, seed: Seed, clients: usize) -> Result<Synthetic, DataError> {
        let (mut starts, mut end) = (vec![0], 0);
        for client in 0..clients {
            let count = size(&mut stream(seed, ClientId::from(client)));
            end += count - count / 10;
            if end > COUNTED {
                return Err(DataError::TooMany {
                    clients,
                    counted: COUNTED,
                    first: client,
                });
            }
            starts.push(end);
        }
        Ok(Synthetic {
            spread,
            seed,
            starts: Arc::new(starts),
        })
    }

    /// Number of training points of all clients.
    pub fn count(&self) -> usize {
        self.starts.last().copied().unwrap_or_default()
    }

    /// Says everything that the points follow from.
    pub fn name(&self) -> String {
        let Spread {
            synthetic_alpha: alpha,
            synthetic_beta: beta,
        } = self.spread;
        format!("synthetic {alpha} {beta} {LEAST} {MOST} {} {}", self.seed.0, self.starts.len())
    }

    /// The training points of the client to whom a point belongs.
    pub fn owner_of(&self, sample: u32) -> Samples {
        let client = self
            .starts
            .partition_point(|&start| start <= sample as usize)
            - 1;
        let mut train = Points::default();
        self.make(ClientId::from(client), &mut train, &mut Points::default());
        train.into()
    }

    /// Appends a client's points: every tenth to the test set.
    fn make(&self, client: ClientId, train: &mut Points, test: &mut Points) {
        let stream = &mut stream(self.seed, client);
        let count = size(stream);
        let model_mean = normal(stream) * self.spread.synthetic_alpha.sqrt();
        let data_mean = normal(stream) * self.spread.synthetic_beta.sqrt();
        let weights: Vec<f64> = (0..CLASSES * FEATURES)
            .map(|_| model_mean + normal(stream))
            .collect();
        let bias: Vec<f64> = (0..CLASSES).map(|_| model_mean + normal(stream)).collect();
        let centre: Vec<f64> = (0..FEATURES).map(|_| data_mean + normal(stream)).collect();
        let spread: Vec<f64> = (0..FEATURES)
            .map(|feature| ((feature + 1) as f64).powf(-0.6))
            .collect();
        for row in 0..count {
            let point: Vec<f64> = (0..FEATURES)
                .map(|j| centre[j] + spread[j] * normal(stream))
                .collect();
            let part = if row % 10 == 9 {
                &mut *test
            } else {
                &mut *train
            };
            part.labels.push(label(&weights, &bias, &point));
            part.features
                .extend(point.iter().map(|&value| value as f32));
        }
    }
}

fn stream(seed: Seed, client: ClientId) -> Stream {
    seed.for_client(Purpose::Data, Round(0), client)
}

/// Points of a client: the first thing that its stream says.
fn size(stream: &mut Stream) -> usize {
    let sizes = LogNormal::new(4.0, 2.0).expect("a positive deviation");
    (stream.sample::<f64, _>(sizes) as usize)
        .saturating_add(LEAST)
        .min(MOST)
}

fn label(weights: &[f64], bias: &[f64], point: &[f64]) -> u32 {
    let score = |class: usize| {
        let row = &weights[class * FEATURES..(class + 1) * FEATURES];
        let products = row.iter().zip(point).map(|(weight, value)| weight * value);
        bias[class] + products.sum::<f64>()
    };
    (0..CLASSES)
        .max_by(|&a, &b| score(a).total_cmp(&score(b)))
        .expect("there are classes") as u32
}

fn normal(stream: &mut Stream) -> f64 {
    stream.sample(StandardNormal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::KIND;
    use std::ops::Range;
    use std::path::Path;

    fn generated(clients: usize, seed: u64) -> Dataset {
        chosen("synthetic", clients, seed)
    }

    fn chosen(choice: &str, clients: usize, seed: u64) -> Dataset {
        let (entry, values) = KIND.look_up(&choice.into()).expect("sound settings");
        let source = Source {
            folder: Path::new(""),
            clients,
            seed: Seed(seed),
            test_only: false,
        };
        (entry.build)(&values, &source).expect("generated")
    }

    /// Squared distance between the means of two clients' points.
    fn distance(data: &Dataset) -> f64 {
        let (owners, train) = (data.owners.as_ref().expect("owners"), stored(data));
        let mean = |client: usize| mean(train, owners[client]..owners[client + 1]);
        mean(0)
            .iter()
            .zip(mean(1))
            .map(|(one, other)| (one - other).powi(2))
            .sum()
    }

    fn mean(samples: &Samples, rows: Range<usize>) -> [f64; FEATURES] {
        let rows: Vec<u32> = rows.map(|row| row as u32).collect();
        let mut values = Vec::new();
        samples.inputs.gather_floats(&rows, &mut values);
        let mut mean = [0.0; FEATURES];
        for (at, value) in values.iter().enumerate() {
            mean[at % FEATURES] += f64::from(*value);
        }
        mean.map(|sum| sum / rows.len() as f64)
    }

    #[test]
    fn the_variances_say_how_much_clients_differ() {
        assert_eq!(chosen("synthetic:1,1", 3, 7), generated(3, 7));
        let [alike, other] =
            ["synthetic:0,0", "synthetic:synthetic_beta=10000"].map(|choice| chosen(choice, 2, 7));
        // The means of two clients are drawn with variance 1 each, and around means of theirs.
        assert!(
            distance(&alike) < 4.0 * FEATURES as f64 && distance(&other) > 4.0 * distance(&alike)
        );
        let [one, two] = ["synthetic:0,1", "synthetic:1,1"].map(|choice| chosen(choice, 3, 7));
        assert_eq!(stored(&one).inputs, stored(&two).inputs);
        assert!(KIND.look_up(&"synthetic:-1".into()).is_err());
    }

    fn stored(data: &Dataset) -> &Samples {
        let Train::Stored(samples) = &data.train else { panic!("stored") };
        samples
    }

    fn labels(samples: &Samples) -> &[u32] {
        samples.targets.classes().expect("one each")
    }

    #[test]
    fn owners_cover_the_training_set_and_a_tenth_is_kept() {
        let data = generated(30, 1);
        let (owners, train) = (data.owners.as_ref().expect("naturally partitioned"), stored(&data));
        assert_eq!((owners.len(), owners[0], owners[30]), (31, 0, train.len()));
        assert!(owners.is_sorted());
        assert_eq!((train.inputs.len(), train.inputs.width()), (train.len(), FEATURES));
        let share = data.test.len() as f64 / (data.test.len() + train.len()) as f64;
        assert!((0.08..=0.1).contains(&share), "{share}");
        assert!(
            labels(train)
                .iter()
                .chain(labels(&data.test))
                .all(|&label| label < 10)
        );
    }

    #[test]
    fn a_client_keeps_its_points_when_others_join() {
        let (few, many) = (generated(3, 7), generated(5, 7));
        let own = labels(stored(&few));
        assert_eq!(own[..], labels(stored(&many))[..own.len()]);
        assert_ne!(few.digest(), generated(3, 8).digest());
    }

    #[test]
    fn points_that_are_made_when_needed_are_the_same() {
        let (stored_one, made) = (generated(3, 7), generated(STORED + 1, 7));
        assert!(made.train.classes().is_none());
        let owners = stored_one.owners.as_ref().expect("owners");
        let samples: Vec<u32> = (owners[1] as u32..owners[2] as u32).collect();
        let rows = |data: &Dataset| {
            let (rows, numbers) = data.train.of(&samples);
            let (mut inputs, mut targets) = (Vec::new(), Vec::new());
            rows.inputs.gather_floats(&numbers, &mut inputs);
            rows.targets.gather_integers(&numbers, &mut targets);
            (inputs, targets)
        };
        assert_eq!(rows(&stored_one), rows(&made));
    }
}
