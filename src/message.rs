//! What travels between server and workers: one enum per direction, with a version, followed by at
//! most one flat vector of numbers. Decoding arbitrary bytes never panics.

use crate::event::RankReport;
use crate::ids::{ClientId, Round};
use crate::metrics::Metrics;
use crate::weights::{Units, Weights};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Raised whenever the meaning of a message changes.
pub const VERSION: u16 = 7;

/// From the server to a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Order {
    /// Train these clients, one after another, each from the round's weights. The weights follow the
    /// first order of a round, unless every rank keeps the model itself (`--reduce allreduce`).
    Train {
        /// Which round.
        round: Round,
        /// Samples behind the whole cohort.
        total: u64,
        /// Whom; ids only, the data is already with the worker.
        clients: Vec<ClientId>,
        /// Nothing more comes in this round: report, and hand over the partial sum.
        last: bool,
    },
    /// All clients of a round are trained: take part in the collective sum.
    Reduce {
        /// Which round.
        round: Round,
        /// Samples behind the whole cohort.
        total: u64,
    },
    /// Evaluate the weights that follow on the worker's own test data.
    Evaluate {
        /// After which round.
        round: Round,
    },
    /// The model to go on from follows, and what the aggregator remembers.
    Model {
        /// Its state, as it gave it to a checkpoint.
        aggregator: Vec<f32>,
    },
    /// The server is alive; nothing to do.
    Ping,
    /// The run is over: report and end.
    Stop,
}

/// From a worker to the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Report {
    /// First words of a worker.
    Hello {
        /// Digest of its plan and data; all ranks must agree.
        digest: String,
        /// How it will hand over its updates; all ranks must agree.
        reduce: Reduce,
        /// The name of its host.
        host: String,
    },
    /// Clients are trained. With `--reduce server` the weights of the only one follow; with
    /// `--reduce worker` the last of a round is followed by the worker's partial sum.
    Trained {
        /// In which round.
        round: Round,
        /// Who, and how it went.
        updates: Vec<Update>,
        /// Whether the worker has done everything that it was told to do in this round.
        last: bool,
    },
    /// The model is evaluated on the worker's own test data.
    Evaluated {
        /// After which round.
        round: Round,
        /// The sums.
        metrics: Metrics,
    },
    /// Training goes on; nothing is finished yet.
    Alive,
    /// Training failed; the job cannot go on.
    Failed {
        /// In which round.
        round: Round,
        /// Whose training.
        client: ClientId,
        /// What went wrong.
        reason: String,
    },
    /// Last words of a worker.
    Bye(RankReport),
}

/// Where updates are summed. The result is the same, to the bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Reduce {
    /// Every update travels to the server.
    Server,
    /// Each worker adds up its clients' updates and sends one partial sum.
    Worker,
    /// A collective sum over all ranks, each of which then moves its own copy of the model.
    Allreduce,
}

/// What training one client yields, beside its weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// Whose update.
    pub client: ClientId,
    /// Mean loss over the training steps.
    pub loss: f64,
    /// Seconds of training.
    pub seconds: f64,
}

/// What a transport carries: an encoded head, and numbers that are never copied to be encoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Encoded [`Order`] or [`Report`].
    pub head: Vec<u8>,
    /// What follows it.
    pub content: Content,
}

/// The numbers that follow a head.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Content {
    /// Most messages have none.
    #[default]
    Nothing,
    /// A model, or a client's update.
    Weights(Weights),
    /// A partial sum of updates.
    Units(Units),
}

impl Content {
    /// Bytes of the numbers.
    pub fn bytes(&self) -> usize {
        match self {
            Content::Nothing => 0,
            Content::Weights(weights) => size_of_val(weights.as_slice()),
            Content::Units(units) => size_of_val(units.as_slice()),
        }
    }
}

/// Bytes that are no message of ours.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum DecodeError {
    /// Another build of the program.
    #[error("message of version {found}, this program speaks {VERSION} (hint: run the same binary on every host)")]
    Version {
        /// What arrived.
        found: u16,
    },
    /// Damaged or foreign bytes.
    #[error("message of {bytes} bytes cannot be read: {reason}")]
    Malformed {
        /// Length of what arrived.
        bytes: usize,
        /// Why not.
        reason: String,
    },
}

impl Frame {
    /// A message without numbers.
    pub fn bare(message: &impl Serialize) -> Frame {
        Frame::with(message, Content::Nothing)
    }

    /// A message followed by numbers.
    pub fn with(message: &impl Serialize, content: Content) -> Frame {
        let head = postcard::to_allocvec(&(VERSION, message)).expect("plain data always encodes");
        Frame { head, content }
    }

    /// Bytes in all.
    pub fn bytes(&self) -> u64 {
        (self.head.len() + self.content.bytes()) as u64
    }

    /// Reads the head.
    ///
    /// # Errors
    /// Another version, or bytes that are no such message.
    pub fn decode<M: DeserializeOwned>(&self) -> Result<M, DecodeError> {
        let malformed = |reason: String| DecodeError::Malformed { bytes: self.head.len(), reason };
        let (found, rest) =
            postcard::take_from_bytes::<u16>(&self.head).map_err(|error| malformed(error.to_string()))?;
        if found != VERSION {
            return Err(DecodeError::Version { found });
        }
        let (message, rest) = postcard::take_from_bytes(rest).map_err(|error| malformed(error.to_string()))?;
        if rest.is_empty() { Ok(message) } else { Err(malformed(format!("{} bytes too many", rest.len()))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    #[test]
    fn messages_survive_the_wire() {
        let clients = vec![ClientId(7), ClientId(1 << 20)];
        let order = Order::Train { round: Round(3), total: 9, clients, last: true };
        assert_eq!(Frame::bare(&order).decode::<Order>(), Ok(order));
        let update = Update { client: ClientId(2), loss: 0.5, seconds: 0.1 };
        let report = Report::Trained { round: Round(1), updates: vec![update], last: false };
        let frame = Frame::with(&report, Content::Weights(Arc::new(vec![1.0; 4])));
        assert_eq!(frame.decode::<Report>(), Ok(report));
        assert_eq!(frame.bytes(), frame.head.len() as u64 + 16);
    }

    #[test]
    fn another_version_is_named() {
        let head = postcard::to_allocvec(&(VERSION + 1, Order::Stop)).expect("encodes");
        let frame = Frame { head, content: Content::Nothing };
        assert_eq!(frame.decode::<Order>(), Err(DecodeError::Version { found: VERSION + 1 }));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(head in prop::collection::vec(any::<u8>(), 0..200)) {
            let frame = Frame { head, content: Content::Nothing };
            let _ = frame.decode::<Order>();
            let _ = frame.decode::<Report>();
        }
    }
}
