//! What travels between server and workers: one enum per direction, with a version, followed by
//! flat vectors of numbers, each with a label that says what it is. Decoding arbitrary bytes never
//! panics.

use crate::event::RankReport;
use crate::ids::{ClientId, Round};
use crate::metrics::Metrics;
use crate::weights::{Total, Turnout, Units, Weights};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Raised whenever the meaning of a message changes.
pub const VERSION: u16 = 13;

/// From the server to a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Order {
    /// Train these clients, one after another, each from the round's weights. The weights follow
    /// the first order of a round, and what the algorithm tells, unless every rank keeps the
    /// model itself (`--reduce allreduce`). What a client keeps follows when the worker does
    /// not have it.
    Train {
        /// Which round.
        round: Round,
        /// Which pass over the cohort; most algorithms have one.
        pass: u8,
        /// What stands behind the whole cohort.
        total: Total,
        /// What the learning rate is multiplied with.
        rate: f64,
        /// Whom; the data is already with the worker.
        errands: Vec<Errand>,
        /// Nothing more comes in this pass: report, and hand over the partial sum.
        last: bool,
    },
    /// All clients of a pass are trained: take part in the collective sum.
    Reduce {
        /// Which round.
        round: Round,
        /// Which pass over the cohort.
        pass: u8,
        /// What stands behind the whole cohort, and behind those who count.
        turnout: Turnout,
    },
    /// Evaluate the weights that follow, unless every rank keeps the model itself.
    Evaluate {
        /// After which round.
        round: Round,
        /// On what.
        on: Scope,
    },
    /// The model to go on from follows, and what algorithm and server step remember.
    Model,
    /// The server is alive; nothing to do.
    Ping,
    /// The run is over: report and end.
    Stop,
}

/// What a worker evaluates on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// All of its own test data.
    Own,
    /// Pieces of the test data that all ranks have, from the first to below the second.
    Pieces(u32, u32),
    /// What clients train on, from the first to below the second.
    Clients(u32, u32),
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
    /// Clients are trained, or could not be. With `--reduce server` the update of the only one
    /// follows; with `--reduce worker` the last of a pass is followed by the worker's partial
    /// sum. What a client keeps follows its own report.
    Trained {
        /// In which round.
        round: Round,
        /// In which pass over the cohort.
        pass: u8,
        /// What came of it.
        part: Part,
    },
    /// The model is evaluated as it was asked for.
    Evaluated {
        /// After which round.
        round: Round,
        /// The sums.
        metrics: Metrics,
    },
    /// Work goes on; nothing is finished yet.
    Alive {
        /// What is trained, if anything is.
        doing: Option<Doing>,
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

/// A client to train, and where what it keeps is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errand {
    /// Whom.
    pub client: ClientId,
    /// What it has kept since it was trained last.
    pub kept: Keeps,
}

/// Where what a client keeps is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keeps {
    /// It has kept nothing yet, or never does.
    Nothing,
    /// It follows the order.
    Sent,
    /// The worker that is asked has it, as that round left it.
    Held(Round),
    /// On the machine of its data, and it stays there.
    AtHome {
        /// What the run's states are called there.
        run: String,
        /// Which round left it; none before the client was trained.
        since: Option<Round>,
        /// The rounds whose states must stay.
        needed: Vec<Round>,
    },
}

impl Keeps {
    /// Whether the client has kept nothing yet.
    pub fn is_fresh(&self) -> bool {
        matches!(self, Keeps::Nothing | Keeps::AtHome { since: None, .. })
    }
}

/// Where a worker stands in a pass over the cohort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doing {
    /// Whom it trains.
    pub client: ClientId,
    /// How many it has trained before in this pass.
    pub trained: u32,
}

/// What training one client yields, beside its weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// Whose update.
    pub client: ClientId,
    /// Mean loss over what it was trained on.
    pub loss: f64,
    /// Seconds from the worker's first order of the round, in async mode of the run, to the
    /// beginning of the training.
    pub start: f64,
    /// Seconds of training.
    pub seconds: f64,
    /// Its own weight in the mean, where the algorithm gives one.
    pub weight: f64,
    /// Bits that a real client would send.
    pub bits: u64,
}

/// What came of the clients that a worker was to train.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Who was trained, and how it went.
    pub updates: Vec<Update>,
    /// Who was not, and why.
    pub failed: Vec<Failure>,
    /// Whether the worker has done everything that it was told to do in this pass.
    pub last: bool,
}

/// A client that contributes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Whose training.
    pub client: ClientId,
    /// What went wrong.
    pub reason: String,
    /// Whether its numbers went beyond all bounds, so that the others may go on without it.
    pub diverged: bool,
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

/// What a vector is. A vector is found by its label, never by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Label {
    /// A model, flat: the global one, or a client's.
    Model,
    /// A client's change of the model, where it is not the difference of two models.
    Change,
    /// What an algorithm tells its clients beside the model.
    Told,
    /// What a client says beside its change: which of its algorithm's sections.
    Said(u8),
    /// What a client keeps.
    Kept(ClientId),
    /// A partial sum.
    Units,
    /// A client's change, where most of it is zero: its length, then of every other value the place
    /// and the bits.
    Few,
    /// What is remembered on the server: by the algorithm (0), by the server step (1).
    Memory(u8),
}

/// A vector of numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// Single precision.
    Floats(Weights),
    /// Fixed-point sums, and other numbers of 64 bits.
    Units(Units),
}

impl Numbers {
    /// Bytes of the numbers.
    pub fn bytes(&self) -> usize {
        match self {
            Numbers::Floats(floats) => size_of_val(floats.as_slice()),
            Numbers::Units(units) => size_of_val(units.as_slice()),
        }
    }
}

/// The vectors that follow a head.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Content(pub Vec<(Label, Numbers)>);

impl Content {
    /// Most messages have none.
    pub fn nothing() -> Content {
        Content::default()
    }

    /// With one more vector.
    pub fn with(mut self, label: Label, floats: Weights) -> Content {
        self.0.push((label, Numbers::Floats(floats)));
        self
    }

    /// With one more vector, of 64-bit numbers.
    pub fn with_units(mut self, label: Label, units: Units) -> Content {
        self.0.push((label, Numbers::Units(units)));
        self
    }

    /// The floats of a label, if they came.
    pub fn floats(&self, label: Label) -> Option<&Weights> {
        self.0.iter().find_map(|(other, numbers)| match numbers {
            Numbers::Floats(floats) if *other == label => Some(floats),
            _ => None,
        })
    }

    /// The 64-bit numbers of a label, if they came.
    pub fn units(&self, label: Label) -> Option<&Units> {
        self.0.iter().find_map(|(other, numbers)| match numbers {
            Numbers::Units(units) if *other == label => Some(units),
            _ => None,
        })
    }

    /// Bytes of all numbers.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|(_, numbers)| numbers.bytes()).sum()
    }
}

/// Bytes that are no message of ours.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum DecodeError {
    /// Another build of the program.
    #[error(
        "message of version {found}, this program speaks {VERSION} (hint: run the same binary on every host)"
    )]
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
        Frame::with(message, Content::nothing())
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
        let malformed = |reason: String| DecodeError::Malformed {
            bytes: self.head.len(),
            reason,
        };
        let (found, rest) = postcard::take_from_bytes::<u16>(&self.head)
            .map_err(|error| malformed(error.to_string()))?;
        if found != VERSION {
            return Err(DecodeError::Version { found });
        }
        let (message, rest) =
            postcard::take_from_bytes(rest).map_err(|error| malformed(error.to_string()))?;
        if rest.is_empty() {
            Ok(message)
        } else {
            Err(malformed(format!("{} bytes too many", rest.len())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    #[test]
    fn messages_survive_the_wire() {
        let errands = [7, 1 << 20]
            .map(|client| Errand {
                client: ClientId(client),
                kept: Keeps::Held(Round(2)),
            })
            .into();
        let order = Order::Train {
            round: Round(3),
            pass: 0,
            total: Total {
                samples: 9,
                clients: 2,
            },
            rate: 0.5,
            errands,
            last: true,
        };
        assert_eq!(Frame::bare(&order).decode::<Order>(), Ok(order));
        let update = Update {
            client: ClientId(2),
            loss: 0.5,
            start: 0.25,
            seconds: 0.1,
            weight: 1.0,
            bits: 64,
        };
        let failed = Failure {
            client: ClientId(3),
            reason: "NaN".into(),
            diverged: true,
            seconds: 0.1,
        };
        let part = Part {
            updates: vec![update],
            failed: vec![failed],
            last: false,
        };
        let report = Report::Trained {
            round: Round(1),
            pass: 0,
            part,
        };
        let content = Content::nothing()
            .with(Label::Model, Arc::new(vec![1.0; 4]))
            .with_units(Label::Units, Arc::new(vec![1; 2]));
        let frame = Frame::with(&report, content);
        assert_eq!(frame.decode::<Report>(), Ok(report));
        assert_eq!(frame.bytes(), frame.head.len() as u64 + 32);
        assert!(
            frame.content.floats(Label::Change).is_none()
                && frame.content.units(Label::Units).is_some()
        );
    }

    #[test]
    fn another_version_is_named() {
        let head = postcard::to_allocvec(&(VERSION + 1, Order::Stop)).expect("encodes");
        let frame = Frame {
            head,
            content: Content::nothing(),
        };
        assert_eq!(frame.decode::<Order>(), Err(DecodeError::Version { found: VERSION + 1 }));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(head in prop::collection::vec(any::<u8>(), 0..200)) {
            let frame = Frame { head, content: Content::nothing() };
            let _ = frame.decode::<Order>();
            let _ = frame.decode::<Report>();
        }
    }
}
