//! Ranks as threads of one process. Moves the same encoded heads as MPI; numbers change hands
//! without a copy.

use super::{Delivery, SharedSum, Transport, TransportError};
use crate::ids::Rank;
use crate::message::Frame;
use crate::stop;
use crate::weights::Units;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How often a waiting server looks whether it shall end.
const GLANCE: Duration = Duration::from_millis(100);

/// One rank's end of the channels.
pub struct Local {
    rank: Rank,
    inbox: Receiver<Delivery>,
    outboxes: Vec<Sender<Delivery>>,
    meeting: Arc<Meeting>,
    patience: Option<Duration>,
}

/// The ends of one job of `size` ranks, by rank.
pub fn ranks(size: usize) -> Vec<Local> {
    let (outboxes, inboxes): (Vec<_>, Vec<_>) = (0..size).map(|_| channel()).unzip();
    let meeting = Arc::new(Meeting::new(size));
    let mut ends = Vec::with_capacity(size);
    for (rank, inbox) in inboxes.into_iter().enumerate() {
        ends.push(Local {
            rank: Rank::from(rank),
            inbox,
            outboxes: outboxes.clone(),
            meeting: Arc::clone(&meeting),
            patience: None,
        });
    }
    ends
}

/// Where ranks add up.
struct Meeting {
    table: Mutex<Table>,
    changed: Condvar,
    // Where they add up without meeting.
    shared: OnceLock<Vec<SharedSum>>,
}

struct Table {
    /// What those that are here have added so far.
    sum: Vec<i64>,
    here: usize,
    /// How many there are, and who has left since the last meeting.
    members: usize,
    left: Vec<Rank>,
    /// Who has left at all.
    gone: Vec<Rank>,
    /// How the last meeting ended, and which it was.
    outcome: Result<Units, TransportError>,
    meetings: u64,
}

impl Meeting {
    fn new(members: usize) -> Meeting {
        let outcome = Ok(Units::default());
        let (left, gone) = (Vec::new(), Vec::new());
        let table = Table {
            sum: Vec::new(),
            here: 0,
            members,
            left,
            gone,
            outcome,
            meetings: 0,
        };
        Meeting {
            table: Mutex::new(table),
            changed: Condvar::new(),
            shared: OnceLock::new(),
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, mine: &[i64]) -> Result<Units, TransportError> {
        let mut table = self.table();
        let this = table.meetings;
        match table.here {
            0 => table.sum = mine.to_vec(),
            _ => table
                .sum
                .iter_mut()
                .zip(mine)
                .for_each(|(sum, more)| *sum = sum.wrapping_add(*more)),
        }
        table.here += 1;
        self.end(&mut table);
        while table.meetings == this {
            table = self
                .changed
                .wait(table)
                .unwrap_or_else(PoisonError::into_inner);
        }
        table.outcome.clone()
    }

    /// Ends the meeting once all are here. When somebody has left it has come to nothing, for all.
    fn end(&self, table: &mut Table) {
        if table.here == 0 || table.here < table.members {
            return;
        }
        let lost = std::mem::take(&mut table.left);
        let sum = Arc::new(std::mem::take(&mut table.sum));
        table.outcome = if lost.is_empty() {
            Ok(sum)
        } else {
            Err(TransportError::Interrupted { lost })
        };
        table.here = 0;
        table.meetings += 1;
        self.changed.notify_all();
    }

    fn leave(&self, rank: Rank) {
        let mut table = self.table();
        table.members -= 1;
        table.left.push(rank);
        table.gone.push(rank);
        self.end(&mut table);
    }
}

impl Transport for Local {
    fn rank(&self) -> Rank {
        self.rank
    }

    fn size(&self) -> usize {
        self.outboxes.len()
    }

    fn send(&mut self, to: Rank, frame: Frame) -> Result<(), TransportError> {
        let outbox = self
            .outboxes
            .get(to.index())
            .ok_or(TransportError::Gone(to))?;
        outbox
            .send(Delivery::Frame(self.rank, frame))
            .map_err(|_| TransportError::Gone(to))
    }

    fn recv(&mut self) -> Result<Delivery, TransportError> {
        let began = Instant::now();
        loop {
            // Before it waits, since reports may come all the time.
            if let Some(delivery) = self.glance()? {
                return Ok(delivery);
            }
            if self.rank == Rank::SERVER && stop::end_wanted() {
                return Ok(Delivery::EndWanted);
            }
            match self.inbox.recv_timeout(GLANCE) {
                Ok(delivery) => return Ok(delivery),
                Err(RecvTimeoutError::Timeout)
                    if self.patience.is_some_and(|all| began.elapsed() > all / 4) =>
                {
                    return Ok(Delivery::Silence);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(TransportError::Gone(self.rank)),
            }
        }
    }

    fn glance(&mut self) -> Result<Option<Delivery>, TransportError> {
        Ok(self.inbox.try_recv().ok())
    }

    fn is_gone(&self, peer: Rank) -> bool {
        self.meeting.table().gone.contains(&peer)
    }

    fn set_patience(&mut self, patience: Option<Duration>) {
        self.patience = patience;
    }

    fn shared_sums(&self, lengths: &[usize]) -> Option<Vec<SharedSum>> {
        let shared = self.meeting.shared.get_or_init(|| SharedSum::of(lengths));
        Some(shared.clone())
    }

    fn all_reduce(&mut self, mine: &[i64]) -> Result<Units, TransportError> {
        self.meeting.add(mine)
    }
}

impl Drop for Local {
    /// Peers learn that this rank is gone; those that ended before do not care.
    fn drop(&mut self) {
        for outbox in &self.outboxes {
            let _ = outbox.send(Delivery::Lost(self.rank));
        }
        self.meeting.leave(self.rank);
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
        server
            .send(Rank(1), Frame::bare(&Order::Stop))
            .expect("sent");
        assert_eq!(worker.recv(), Ok(Delivery::Frame(Rank(0), Frame::bare(&1u8))));
        assert_eq!(worker.recv(), Ok(Delivery::Frame(Rank(0), Frame::bare(&Order::Stop))));
        drop(worker);
        assert_eq!(server.recv(), Ok(Delivery::Lost(Rank(1))));
        assert_eq!(server.send(Rank(1), Frame::bare(&1u8)), Err(TransportError::Gone(Rank(1))));
        assert_eq!(
            server.all_reduce(&[1]),
            Err(TransportError::Interrupted {
                lost: vec![Rank(1)]
            })
        );
        assert_eq!(server.all_reduce(&[1]), Ok(Arc::new(vec![1])));
    }

    #[test]
    fn sums_meet_again_and_again() {
        let sums = std::thread::scope(|scope| {
            let add = |mut end: Local| {
                let mine = i64::from(end.rank().0) + 1;
                let sums: Vec<i64> = (0..50)
                    .map(|round| end.all_reduce(&[mine * round]).expect("all are here")[0])
                    .collect();
                // Nobody leaves before everybody has the last sum.
                end.all_reduce(&[]).map(|_| sums)
            };
            let threads: Vec<_> = ranks(3)
                .into_iter()
                .map(|end| scope.spawn(move || add(end)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("no panic"))
                .collect::<Vec<_>>()
        });
        let wanted: Vec<i64> = (0..50).map(|round| 6 * round).collect();
        assert!(sums.iter().flatten().all(|sums| *sums == wanted));
    }
}
