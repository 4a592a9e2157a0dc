//! How a message travels: an encoded head behind the version, and numbers. Decoding arbitrary bytes
//! never panics.

use super::{Content, VERSION};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a transport carries: an encoded head, and numbers that are never copied to be encoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Encoded [`Order`](super::Order) or [`Report`](super::Report).
    pub head: Vec<u8>,
    /// What follows it.
    pub content: Content,
}

/// Bytes that are no message of ours.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum DecodeError {
    /// Another build of the program.
    #[error(
        "message of version {found}, this program speaks {VERSION} \
         (hint: run the same binary on every host)"
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
    use crate::ids::{ClientId, Round};
    use crate::message::{Errand, Failure, Keeps, Label, Order, Part, Report, Update};
    use crate::weights::Total;
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
