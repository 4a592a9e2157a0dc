//! Stage 2, partition: who owns which samples?

mod client_dirichlet;
mod deal;
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
mod owners;
mod power_law;
mod quantity;
mod shards;
mod sizes;

use crate::part::{Entry, Kind, Part, Values};
use crate::seed::Stream;
use deal::{by_class, deal, enough, shuffled};

pub use error::PartitionError;
pub use mix::Mix;
pub use owners::Partition;

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
    Entry::<Build>::new(
        "auto",
        "natural if the data has owners, else hetero",
        |values, clients| {
            Box::new(Auto {
                clients,
                prior: dirichlet::Prior::read(values),
            })
        },
    )
    .with(dirichlet::Prior::PARAMS),
    Entry::<Build>::new("homo", "equal parts of shuffled samples (IID)", |_, clients| {
        Box::new(iid::Homo { clients })
    })
    .also(&["iid"]),
    Entry::<Build>::new(
        HETERO,
        "each class divided by a Dirichlet draw, at least --min_require_size samples per client",
        |values, clients| {
            Box::new(dirichlet::Hetero {
                clients,
                prior: dirichlet::Prior::read(values),
            })
        },
    )
    .also(&["dirichlet", "lda", "noniid-labeldir"])
    .with(dirichlet::Prior::PARAMS),
    Entry::<Build>::new(
        "client_dirichlet",
        "each client draws its own shares of classes, in equal amounts or spread by \
         --unbalance_sgm",
        |values, clients| {
            Box::new(client_dirichlet::ClientDirichlet {
                clients,
                within: client_dirichlet::Within::read(values),
            })
        },
    )
    .also(&["client_inner_dirichlet"])
    .with(client_dirichlet::Within::PARAMS),
    Entry::<Build>::new("label_skew", "each client sees so many classes", |values, clients| {
        Box::new(label_skew::LabelSkew {
            clients,
            seen: label_skew::Seen::read(values),
        })
    })
    .also(&["noniid-#label"])
    .with(label_skew::Seen::PARAMS),
    Entry::<Build>::new(
        "shards",
        "samples sorted by class, cut in two shards per client (McMahan et al. 2017), or \
         --num_shards in all",
        |values, clients| {
            Box::new(shards::Shards {
                clients,
                cut: shards::Cut::read(values),
            })
        },
    )
    .with(shards::Cut::PARAMS),
    Entry::<Build>::new(
        "lognormal",
        "IID samples in unequal amounts, by a log-normal draw",
        |values, clients| {
            Box::new(lognormal::Unbalanced {
                clients,
                spread: lognormal::Spread::read(values),
            })
        },
    )
    .with(lognormal::Spread::PARAMS),
    Entry::<Build>::new(
        "quantity",
        "IID samples in unequal amounts, by a Dirichlet draw, at least --min_require_size per client",
        |values, clients| {
            Box::new(quantity::Quantity {
                clients,
                prior: dirichlet::Prior::read(values),
            })
        },
    )
    .also(&["unbalance", "iid-diff-quantity"])
    .with(dirichlet::Prior::PARAMS),
    Entry::<Build>::new(
        "leaf_power_law",
        "adjacent classes in amounts by a power law, as LEAF's and FedProx's MNIST",
        |values, clients| {
            Box::new(leaf_power_law::LeafPowerLaw {
                clients,
                adjacent: leaf_power_law::Adjacent::read(values),
            })
        },
    )
    .with(leaf_power_law::Adjacent::PARAMS),
    Entry::<Build>::new(
        "power_law",
        "IID samples in unequal amounts: the k-th largest client owns in proportion to \
         k^-(--partition_alpha)",
        |values, clients| {
            Box::new(power_law::PowerLaw {
                clients,
                law: power_law::Law::read(values),
            })
        },
    )
    .with(power_law::Law::PARAMS),
    Entry::<Build>::new(
        hetero_fix::NAME,
        "as FedML's net_dataidx_map.txt says, which --partition_file names",
        |values, clients| {
            Box::new(hetero_fix::Fixed {
                clients,
                listed: hetero_fix::Listed::read(values),
            })
        },
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
