//! Stage 2, partition: who owns which samples?

mod client_dirichlet;
mod dirichlet;
mod error;
mod file;
mod hetero_fix;
mod iid;
mod label_skew;
mod laws;
mod leaf_power_law;
mod lognormal;
mod mix;
mod natural;
mod power_law;
mod quantity;
mod shards;
mod sizes;

use crate::ids::ClientId;
use crate::part::{Entry, Kind, Part, Values};
use crate::seed::Stream;
use rand::seq::SliceRandom;
use std::borrow::Cow;
use std::ops::Range;

pub use error::PartitionError;
pub use mix::Mix;

/// What a partitioner sees of the data.
pub struct Pool<'a> {
    /// How many samples there are.
    pub count: usize,
    /// Class of each sample; empty when they have none, or are too many to hold.
    pub labels: &'a [u32],
    /// Number of classes.
    pub classes: usize,
    /// Where each owner's samples begin, and the end, for data that comes with owners.
    pub owners: Option<&'a [usize]>,
}

/// What a partitioner needs to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sees {
    /// Only whose samples are whose.
    Owners,
    /// How many samples there are, each by itself.
    Samples,
    /// The class of each sample.
    Classes,
}

/// Divides samples among clients.
///
/// Law: one list per client, none empty; lists are disjoint, in range, and depend only on the
/// arguments.
pub trait Partitioner {
    /// Who owns which samples.
    ///
    /// # Errors
    /// When the pool cannot be divided as wanted; never loops for ever.
    fn split(&self, pool: &Pool<'_>, stream: &mut Stream) -> Result<Partition, PartitionError>;

    /// Another partitioner by name, for which it stands when the data has owners or not.
    fn stands_for(&self, _owners: bool) -> Option<&'static str> {
        None
    }

    /// What it needs to see of samples, when the data has owners or not.
    fn sees(&self, _owners: bool) -> Sees {
        Sees::Samples
    }
}

/// Makes a partitioner for so many clients.
pub type Build = fn(&Values, usize) -> Box<dyn Partitioner>;

/// All ways of dividing samples.
pub const KIND: Kind<Build> = Kind {
    setting: "partition_method",
    about: "partition method",
    table: PARTITIONERS,
};

const HETERO: &str = "hetero";
const NATURAL: &str = "natural";

/// Every partitioner, by the name users write.
pub const PARTITIONERS: &[Entry<Build>] = &[
    Entry::<Build>::new("auto", "natural if the data has owners, else hetero", |values, clients| {
        Box::new(Auto { clients, prior: dirichlet::Prior::read(values) })
    })
    .with(dirichlet::Prior::PARAMS),
    Entry::<Build>::new("homo", "equal parts of shuffled samples (IID)", |_, clients| Box::new(iid::Homo { clients }))
        .also(&["iid"]),
    Entry::<Build>::new(
        HETERO,
        "each class divided by a Dirichlet draw, at least 10 samples per client",
        |values, clients| Box::new(dirichlet::Hetero { clients, prior: dirichlet::Prior::read(values) }),
    )
    .also(&["dirichlet", "lda"])
    .with(dirichlet::Prior::PARAMS),
    Entry::<Build>::new(
        "client_dirichlet",
        "each client draws its own shares of classes, in equal amounts or spread by --unbalance_sgm",
        |values, clients| {
            Box::new(client_dirichlet::ClientDirichlet { clients, within: client_dirichlet::Within::read(values) })
        },
    )
    .also(&["client_inner_dirichlet"])
    .with(client_dirichlet::Within::PARAMS),
    Entry::<Build>::new("label_skew", "each client sees so many classes", |values, clients| {
        Box::new(label_skew::LabelSkew { clients, seen: label_skew::Seen::read(values) })
    })
    .also(&["noniid-#label"])
    .with(label_skew::Seen::PARAMS),
    Entry::<Build>::new(
        "shards",
        "samples sorted by class, cut in two shards per client (McMahan et al. 2017), or --num_shards in all",
        |values, clients| Box::new(shards::Shards { clients, cut: shards::Cut::read(values) }),
    )
    .with(shards::Cut::PARAMS),
    Entry::<Build>::new("lognormal", "IID samples in unequal amounts, by a log-normal draw", |values, clients| {
        Box::new(lognormal::Unbalanced { clients, spread: lognormal::Spread::read(values) })
    })
    .also(&["unbalance"])
    .with(lognormal::Spread::PARAMS),
    Entry::<Build>::new(
        "quantity",
        "IID samples in unequal amounts, by a Dirichlet draw, at least 10 per client",
        |values, clients| Box::new(quantity::Quantity { clients, prior: dirichlet::Prior::read(values) }),
    )
    .also(&["iid-diff-quantity"])
    .with(dirichlet::Prior::PARAMS),
    Entry::<Build>::new(
        "leaf_power_law",
        "adjacent classes in amounts by a power law, as LEAF's and FedProx's MNIST",
        |values, clients| {
            Box::new(leaf_power_law::LeafPowerLaw { clients, adjacent: leaf_power_law::Adjacent::read(values) })
        },
    )
    .with(leaf_power_law::Adjacent::PARAMS),
    Entry::<Build>::new(
        "power_law",
        "IID samples in unequal amounts: the k-th largest client owns in proportion to k^-(--partition_alpha)",
        |values, clients| Box::new(power_law::PowerLaw { clients, law: power_law::Law::read(values) }),
    )
    .with(power_law::Law::PARAMS),
    Entry::<Build>::new(
        hetero_fix::NAME,
        "as FedML's net_dataidx_map.txt says, which --partition_file names",
        |values, clients| Box::new(hetero_fix::Fixed { clients, listed: hetero_fix::Listed::read(values) }),
    )
    .also(&["hetero_fix"])
    .with(hetero_fix::Listed::PARAMS),
    Entry::<Build>::new(NATURAL, "the owners that the data set comes with", |_, clients| {
        Box::new(natural::Natural { clients })
    }),
];

/// The owners that the data comes with, or label skew where it has none.
struct Auto {
    clients: usize,
    prior: dirichlet::Prior,
}

impl Partitioner for Auto {
    fn stands_for(&self, owners: bool) -> Option<&'static str> {
        Some(if owners { NATURAL } else { HETERO })
    }

    fn sees(&self, owners: bool) -> Sees {
        if owners { Sees::Owners } else { Sees::Classes }
    }

    fn split(&self, pool: &Pool<'_>, stream: &mut Stream) -> Result<Partition, PartitionError> {
        let Auto { clients, prior } = self;
        match pool.owners {
            Some(_) => natural::Natural { clients: *clients }.split(pool, stream),
            None => dirichlet::Hetero {
                clients: *clients,
                prior: prior.clone(),
            }
            .split(pool, stream),
        }
    }
}

/// Who owns what: where each client's part begins in one flat list of sample numbers. Without a
/// list the numbers are simply in order, so that a million clients cost a number each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    samples: Option<Vec<u32>>,
    starts: Vec<usize>,
    // Where clients live on many machines: the first one here, and how much each owns anywhere.
    among: Option<(usize, Vec<u64>)>,
}

impl Partition {
    /// Joins the lists of all clients.
    pub fn new(lists: &[Vec<u32>]) -> Self {
        let mut starts = vec![0];
        starts.extend(lists.iter().scan(0, |end, list| {
            *end += list.len();
            Some(*end)
        }));
        Partition {
            samples: Some(lists.concat()),
            starts,
            among: None,
        }
    }

    /// Client `i` owns the samples from `starts[i]` to below `starts[i + 1]`.
    pub fn in_order(starts: Vec<usize>) -> Self {
        Partition {
            samples: None,
            starts,
            among: None,
        }
    }

    /// The same clients among those of other machines: they are numbered from `first`, and `counts`
    /// says how many samples every client owns. Lists of clients elsewhere are empty.
    pub fn among(self, first: usize, counts: Vec<u64>) -> Self {
        Partition {
            among: Some((first, counts)),
            ..self
        }
    }

    /// Number of clients.
    pub fn clients(&self) -> usize {
        self.among
            .as_ref()
            .map_or(self.starts.len() - 1, |(_, counts)| counts.len())
    }

    fn range(&self, client: ClientId) -> Range<usize> {
        let first = self.among.as_ref().map_or(0, |(first, _)| *first);
        let place = client
            .index()
            .checked_sub(first)
            .filter(|place| place + 1 < self.starts.len());
        place.map_or(0..0, |place| self.starts[place]..self.starts[place + 1])
    }

    /// The sample numbers of one client.
    pub fn of(&self, client: ClientId) -> Cow<'_, [u32]> {
        let range = self.range(client);
        match &self.samples {
            Some(samples) => Cow::Borrowed(&samples[range]),
            None => Cow::Owned((range.start as u32..range.end as u32).collect()),
        }
    }

    /// How many samples one client has.
    pub fn count(&self, client: ClientId) -> u64 {
        self.among
            .as_ref()
            .map_or_else(|| self.range(client).len() as u64, |(_, counts)| counts[client.index()])
    }

    /// The sample numbers of all clients, by client.
    pub fn lists(&self) -> Vec<Cow<'_, [u32]>> {
        self.ids().map(|client| self.of(client)).collect()
    }

    /// Every client, in order.
    pub fn ids(&self) -> impl Iterator<Item = ClientId> + use<> {
        (0..self.clients()).map(ClientId::from)
    }

    /// Fingerprint, to tell hosts with another partition apart. Of clients on many machines only
    /// the amounts are known everywhere.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        if let Some((_, counts)) = &self.among {
            counts
                .iter()
                .for_each(|count| _ = hasher.update(&count.to_le_bytes()));
            return hasher.finalize().to_hex()[..16].to_owned();
        }
        hasher.update(bytemuck::cast_slice(self.samples.as_deref().unwrap_or_default()));
        for start in &self.starts {
            hasher.update(&(*start as u64).to_le_bytes());
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }
}

/// Refuses to divide samples among more clients than can have their least.
fn enough(samples: usize, clients: usize, least: usize) -> Result<(), PartitionError> {
    match clients.saturating_mul(least) > samples {
        true => Err(PartitionError::TooFewSamples {
            clients,
            least,
            samples,
        }),
        false => Ok(()),
    }
}

/// Samples of each class.
fn by_class(pool: &Pool<'_>) -> Vec<Vec<u32>> {
    let mut by_class = vec![Vec::new(); pool.classes];
    for (sample, &label) in pool.labels.iter().enumerate() {
        by_class[label as usize].push(sample as u32);
    }
    by_class
}

/// All samples in a random order, for at least `least` of them per client.
fn shuffled(
    pool: &Pool<'_>,
    clients: usize,
    least: usize,
    stream: &mut Stream,
) -> Result<Vec<u32>, PartitionError> {
    enough(pool.count, clients, least)?;
    let mut order: Vec<u32> = (0..pool.count as u32).collect();
    order.shuffle(stream);
    Ok(order)
}

/// Deals `items` out in `parts` runs whose lengths differ by at most one.
fn deal(items: &[u32], parts: usize) -> Vec<Vec<u32>> {
    let (base, extra) = (items.len() / parts, items.len() % parts);
    let mut rest = items;
    (0..parts)
        .map(|part| {
            let (taken, left) = rest.split_at(base + usize::from(part < extra));
            rest = left;
            taken.to_vec()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_gives_back_each_list() {
        let partition = Partition::new(&[vec![3, 1], vec![2]]);
        assert_eq!(
            (&partition.of(ClientId(0))[..], partition.count(ClientId(1))),
            (&[3, 1][..], 1)
        );
        assert_ne!(partition.digest(), Partition::new(&[vec![3], vec![1, 2]]).digest());
    }
}
