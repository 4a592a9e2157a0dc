//! Stage 5, message: how frames travel between ranks, and what ranks settle together at start.

pub mod local;
mod metered;
#[cfg(feature = "mpi")]
pub mod mpi;
pub mod nccl;
mod shared;

use crate::ids::Rank;
use crate::message::Frame;
use crate::weights::{Held, Units};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::net::IpAddr;
use std::time::Duration;

pub use metered::Metered;
pub use shared::SharedSum;

/// Moves frames between ranks.
///
/// Law: frames of one sender arrive in order and unchanged; after the news that it is lost, none
/// does. The server's sends never wait for the receiver; a worker's may, since the server is always
/// receiving.
pub trait Transport {
    /// This rank.
    fn rank(&self) -> Rank;

    /// Ranks in the job.
    fn size(&self) -> usize;

    /// Sends one frame.
    ///
    /// # Errors
    /// When the peer is gone.
    fn send(&mut self, to: Rank, frame: Frame) -> Result<(), TransportError>;

    /// Waits for the next frame of anybody.
    ///
    /// # Errors
    /// When a frame cannot be received.
    fn recv(&mut self) -> Result<Delivery, TransportError>;

    /// Sums vectors of equal length over all ranks; every rank must call it.
    ///
    /// # Errors
    /// [`TransportError::Interrupted`], on every rank, when some were lost since the last sum.
    /// Those that are left can try again.
    fn all_reduce(&mut self, mine: &[i64]) -> Result<Units, TransportError>;

    /// Whether the workers' GPUs make the sums: then a worker calls [`Transport::all_reduce_held`]
    /// where the server calls [`Transport::all_reduce`], to which it has nothing to add.
    fn sums_on_devices(&self) -> bool {
        false
    }

    /// Sums what each worker holds on its GPU; every worker must call it.
    ///
    /// # Errors
    /// [`TransportError::Devices`] when that fails, or is not for this transport.
    fn all_reduce_held(&mut self, _mine: Held) -> Result<Units, TransportError> {
        Err(TransportError::Devices {
            reason: "this transport cannot reach them".to_owned(),
        })
    }

    /// Sums of so many values that all ranks add to where they lie, if all are in one process.
    ///
    /// Law: whoever has them has those that the server has. And only when the server is gone a send
    /// to it fails: what was added and not told of would be added again.
    fn shared_sums(&self, _lengths: &[usize]) -> Option<Vec<SharedSum>> {
        None
    }

    /// What has come already, if anything: asked now and then by whoever works meanwhile.
    ///
    /// # Errors
    /// As [`Transport::recv`].
    fn glance(&mut self) -> Result<Option<Delivery>, TransportError> {
        Ok(None)
    }

    /// Whether a peer is known to be gone: asked now and then by whoever does not listen.
    fn is_gone(&self, _peer: Rank) -> bool {
        false
    }

    /// From now on a transfer may take so long at most, and a receive that waits for a quarter of
    /// it says that there is [`Delivery::Silence`]. Nothing need come of it where nobody can
    /// hang.
    fn set_patience(&mut self, _patience: Option<Duration>) {}

    /// Every rank but the server.
    fn workers(&self) -> Vec<Rank> {
        (1..self.size()).map(Rank::from).collect()
    }
}

/// Where collective sums are made.
pub enum Sums {
    /// On hosts, by MPI.
    Hosts,
    /// On the workers' GPUs. The server has none of them, and gets each sum from the first worker.
    Devices(Option<Box<dyn Ring>>),
}

/// GPUs that sum together, one per worker.
pub trait Ring {
    /// Sums what all workers hold, and copies the sum to `sum`.
    ///
    /// # Errors
    /// What went wrong; the sum is void then, and so is the ring.
    fn sum(&mut self, held: Held, sum: &mut [i64]) -> Result<(), String>;
}

/// What a receive yields.
#[derive(Clone, Debug, PartialEq)]
pub enum Delivery {
    /// A frame and its sender.
    Frame(Rank, Frame),
    /// A peer is gone and will send nothing more.
    Lost(Rank),
    /// The server only: somebody wants the run to end.
    EndWanted,
    /// Nothing has come for a quarter of the patience.
    Silence,
}

/// A frame could not be moved.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum TransportError {
    /// Nobody is there.
    #[error("rank {0} is gone")]
    Gone(Rank),
    /// Ranks were lost since the last sum, so this one is not whole.
    #[error("ranks {lost:?} were lost during a collective sum")]
    Interrupted {
        /// Who.
        lost: Vec<Rank>,
    },
    /// The GPUs could not sum.
    #[error("a sum over GPUs failed: {reason} (hint: --collective mpi sums on the hosts)")]
    Devices {
        /// Why.
        reason: String,
    },
    /// The announced numbers do not fit into memory.
    #[error(
        "rank {from} announces {count} numbers, more than memory holds \
         (hint: run the same binary on every host)"
    )]
    TooLarge {
        /// The sender.
        from: Rank,
        /// Announced number of values.
        count: u64,
    },
}

/// How a rank is known: its host's name and addresses, and the GPUs that it can use there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Name as the system gives it.
    pub name: String,
    /// Addresses of its network interfaces, as text.
    pub addresses: Vec<String>,
    /// GPUs that can be used; counted only when a mapping asks for GPUs.
    pub gpus: usize,
}

impl Host {
    /// This machine, its GPUs not counted.
    pub fn here() -> Host {
        let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
        Host {
            name: host_name(),
            addresses: interfaces
                .iter()
                .filter(|i| !i.is_loopback())
                .map(|i| i.ip().to_string())
                .collect(),
            gpus: 0,
        }
    }

    /// Who is called so on this machine; of another host only the name is known.
    pub fn named(name: &str) -> Host {
        let here = Host::here();
        if name == "localhost" || here.answers_to(name) {
            return here;
        }
        Host {
            name: name.to_owned(),
            ..Host::default()
        }
    }

    /// Whether `name` means this host: its full name, its short name or one of its addresses.
    pub fn answers_to(&self, name: &str) -> bool {
        alike(&self.name, name) || self.addresses.iter().any(|address| alike(address, name))
    }
}

/// Whether two names can mean one host. Full names and addresses must be the same; a short name
/// means every full name that begins with it.
///
/// ```
/// use fedmpi::transport::alike;
/// assert!(
///     alike("node1", "Node1.x.org")
///         && alike("node1.x.org", "NODE1.X.ORG")
///         && alike("::1", "0:0::1")
/// );
/// assert!(!alike("node1.x.org", "node1.y.org") && !alike("10", "10.0.0.1"));
/// ```
pub fn alike(one: &str, other: &str) -> bool {
    let address = |name: &str| name.parse::<IpAddr>();
    match (address(one), address(other)) {
        (Ok(one), Ok(other)) => return one == other,
        (Err(_), Err(_)) => {}
        _ => return false,
    }
    let [one, other] = [one, other].map(|name| name.trim_end_matches('.').to_lowercase());
    let short = |name: &str| name.split('.').next() == Some(name);
    let first = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    one == other || (first(&one) == first(&other) && (short(&one) || short(&other)))
}

/// The name of this host.
pub fn host_name() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

/// The ranks of a job before training: the only place with collective calls.
pub trait World {
    /// This rank.
    fn rank(&self) -> Rank;

    /// What each rank has to tell, by rank. Every rank must call it.
    fn tell(&self, text: &str) -> Vec<String>;

    /// Where each rank runs, by rank; each tells its own host. Every rank must call it.
    fn hosts(&self, here: Host) -> Vec<Host> {
        self.share(&here)
    }

    /// What each rank knows of something, by rank. Every rank must call it.
    fn share<T: Serialize + DeserializeOwned + Default>(&self, mine: &T) -> Vec<T> {
        let text = serde_json::to_string(mine).expect("plain data always encodes");
        self.tell(&text)
            .iter()
            .map(|told| serde_json::from_str(told).unwrap_or_default())
            .collect()
    }

    /// The lowest rank that has failed, if any has. Every rank must call it.
    fn first_failure(&self, failed: bool) -> Option<Rank>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_answer_to_names_and_addresses() {
        let host = Host {
            name: "node1.cluster.example".into(),
            addresses: vec!["10.0.0.1".into()],
            gpus: 0,
        };
        assert!(
            ["node1", "NODE1", "node1.cluster.example", "10.0.0.1"]
                .iter()
                .all(|name| host.answers_to(name))
        );
        let others = [
            "node2",
            "node",
            "10.0.0.2",
            "node1x",
            "10",
            "node1.elsewhere.example",
        ];
        assert!(!others.iter().any(|name| host.answers_to(name)));
    }

    #[test]
    fn this_machine_is_itself_by_any_name_and_others_are_names() {
        let here = Host::here();
        assert_eq!([Host::named("localhost"), Host::named(&here.name)], [here.clone(), here]);
        let other = Host::named("no-such.example");
        assert!(other.answers_to("no-such") && other.addresses.is_empty());
    }
}
