//! What travels between server and workers: one enum per direction, with a version, followed by at
//! most one flat weight vector. Decoding arbitrary bytes never panics.

use crate::event::RankReport;
use crate::ids::{ClientId, Round};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::sync::Arc;

/// Raised whenever the meaning of a message changes.
pub const VERSION: u16 = 1;

/// From the server to a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Order {
    /// Train these clients, one after another, each from the weights that follow.
    Train {
        /// Which round.
        round: Round,
        /// Whom; ids only, the data is already with the worker.
        clients: Vec<ClientId>,
    },
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
    },
    /// One client is trained; its weights follow.
    Update(Update),
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

/// What training one client yields, beside its weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// Which round.
    pub round: Round,
    /// Whose update.
    pub client: ClientId,
    /// Samples behind it: its weight in the mean.
    pub samples: u64,
    /// Mean loss over the training steps.
    pub loss: f64,
    /// Seconds of training.
    pub seconds: f64,
}

/// What a transport carries: an encoded head, and weights that are never copied to be encoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Encoded [`Order`] or [`Report`].
    pub head: Vec<u8>,
    /// Flat weights, empty for most messages.
    pub weights: Arc<Vec<f32>>,
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
    /// A message without weights.
    pub fn bare(message: &impl Serialize) -> Frame {
        Frame::with(message, Arc::default())
    }

    /// A message followed by weights.
    pub fn with(message: &impl Serialize, weights: Arc<Vec<f32>>) -> Frame {
        let head = postcard::to_allocvec(&(VERSION, message)).expect("plain data always encodes");
        Frame { head, weights }
    }

    /// Bytes of content.
    pub fn bytes(&self) -> u64 {
        (self.head.len() + size_of_val(self.weights.as_slice())) as u64
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

    #[test]
    fn messages_survive_the_wire() {
        let order = Order::Train { round: Round(3), clients: vec![ClientId(7), ClientId(1 << 20)] };
        assert_eq!(Frame::bare(&order).decode::<Order>(), Ok(order));
        let update =
            Report::Update(Update { round: Round(1), client: ClientId(2), samples: 3, loss: 0.5, seconds: 0.1 });
        let frame = Frame::with(&update, Arc::new(vec![1.0; 4]));
        assert_eq!(frame.decode::<Report>(), Ok(update));
        assert_eq!(frame.bytes(), frame.head.len() as u64 + 16);
    }

    #[test]
    fn another_version_is_named() {
        let head = postcard::to_allocvec(&(VERSION + 1, Order::Stop)).expect("encodes");
        let frame = Frame { head, weights: Arc::default() };
        assert_eq!(frame.decode::<Order>(), Err(DecodeError::Version { found: VERSION + 1 }));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(head in prop::collection::vec(any::<u8>(), 0..200)) {
            let frame = Frame { head, weights: Arc::default() };
            let _ = frame.decode::<Order>();
            let _ = frame.decode::<Report>();
        }
    }
}
