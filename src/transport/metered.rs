//! Counts what is sent, for any transport.

use super::{Delivery, SharedSum, Transport, TransportError};
use crate::ids::Rank;
use crate::message::Frame;
use crate::weights::{Held, Units};
use std::time::Duration;

/// A transport that knows how many bytes of content it has sent.
pub struct Metered<T> {
    inner: T,
    sent: u64,
    received: u64,
}

impl<T: Transport> Metered<T> {
    /// Counts from zero.
    pub fn new(inner: T) -> Self {
        Metered {
            inner,
            sent: 0,
            received: 0,
        }
    }

    /// Bytes of content sent so far.
    pub fn bytes_sent(&self) -> u64 {
        self.sent
    }

    /// Bytes of content received so far, collective sums left out.
    pub fn bytes_received(&self) -> u64 {
        self.received
    }
}

impl<T: Transport> Transport for Metered<T> {
    fn rank(&self) -> Rank {
        self.inner.rank()
    }

    fn size(&self) -> usize {
        self.inner.size()
    }

    fn send(&mut self, to: Rank, frame: Frame) -> Result<(), TransportError> {
        self.sent += frame.bytes();
        self.inner.send(to, frame)
    }

    fn recv(&mut self) -> Result<Delivery, TransportError> {
        let delivery = self.inner.recv()?;
        if let Delivery::Frame(_, frame) = &delivery {
            self.received += frame.bytes();
        }
        Ok(delivery)
    }

    fn glance(&mut self) -> Result<Option<Delivery>, TransportError> {
        let delivery = self.inner.glance()?;
        if let Some(Delivery::Frame(_, frame)) = &delivery {
            self.received += frame.bytes();
        }
        Ok(delivery)
    }

    fn is_gone(&self, peer: Rank) -> bool {
        self.inner.is_gone(peer)
    }

    fn set_patience(&mut self, patience: Option<Duration>) {
        self.inner.set_patience(patience);
    }

    fn all_reduce(&mut self, mine: &[i64]) -> Result<Units, TransportError> {
        if !self.sums_on_devices() {
            self.sent += size_of_val(mine) as u64;
        }
        self.inner.all_reduce(mine)
    }

    fn shared_sums(&self, lengths: &[usize]) -> Option<Vec<SharedSum>> {
        self.inner.shared_sums(lengths)
    }

    fn sums_on_devices(&self) -> bool {
        self.inner.sums_on_devices()
    }

    fn all_reduce_held(&mut self, mine: Held) -> Result<Units, TransportError> {
        // The first worker sends the sum to the server as well.
        let times = if self.rank() == Rank(1) { 2 } else { 1 };
        self.sent += (times * mine.length * size_of::<i64>()) as u64;
        self.inner.all_reduce_held(mine)
    }
}
