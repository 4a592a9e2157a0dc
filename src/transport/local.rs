//! Ranks as threads of one process. Moves the same encoded heads as MPI; weights change hands
//! without a copy.

use super::{Delivery, Transport, TransportError};
use crate::ids::Rank;
use crate::message::Frame;
use std::sync::mpsc::{Receiver, Sender, channel};

/// One rank's end of the channels.
pub struct Local {
    rank: Rank,
    inbox: Receiver<Delivery>,
    outboxes: Vec<Sender<Delivery>>,
}

/// The ends of a job of `size` ranks, by rank.
pub fn ranks(size: usize) -> Vec<Local> {
    let (outboxes, inboxes): (Vec<_>, Vec<_>) = (0..size).map(|_| channel()).unzip();
    let end = |(rank, inbox)| Local { rank: Rank::from(rank), inbox, outboxes: outboxes.clone() };
    inboxes.into_iter().enumerate().map(end).collect()
}

impl Transport for Local {
    fn rank(&self) -> Rank {
        self.rank
    }

    fn size(&self) -> usize {
        self.outboxes.len()
    }

    fn send(&mut self, to: Rank, frame: Frame) -> Result<(), TransportError> {
        let outbox = self.outboxes.get(to.index()).ok_or(TransportError::Gone(to))?;
        outbox.send(Delivery::Frame(self.rank, frame)).map_err(|_| TransportError::Gone(to))
    }

    fn recv(&mut self) -> Result<Delivery, TransportError> {
        self.inbox.recv().map_err(|_| TransportError::Gone(self.rank))
    }
}

impl Drop for Local {
    /// Peers learn that this rank is gone; those that ended before do not care.
    fn drop(&mut self) {
        for outbox in &self.outboxes {
            let _ = outbox.send(Delivery::Lost(self.rank));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Order;

    #[test]
    fn frames_arrive_in_order_and_losses_are_news() {
        let mut ends = ranks(2);
        let mut worker = ends.pop().expect("two ends");
        let mut server = ends.pop().expect("two ends");
        server.send(Rank(1), Frame::bare(&1u8)).expect("sent");
        server.send(Rank(1), Frame::bare(&Order::Stop)).expect("sent");
        assert_eq!(worker.recv(), Ok(Delivery::Frame(Rank(0), Frame::bare(&1u8))));
        assert_eq!(worker.recv(), Ok(Delivery::Frame(Rank(0), Frame::bare(&Order::Stop))));
        drop(worker);
        assert_eq!(server.recv(), Ok(Delivery::Lost(Rank(1))));
        assert_eq!(server.send(Rank(1), Frame::bare(&1u8)), Err(TransportError::Gone(Rank(1))));
    }
}
