//! Ranks as MPI processes. Only the thread that made [`Mpi`] may use it.
//!
//! A frame is one message with the number of weights and the head, then the weights themselves in
//! chunks below MPI's count limit, straight from and into the vectors that hold them. Waiting sleeps
//! instead of spinning, so that an idle rank leaves its core to one that trains.

use super::{Delivery, Host, Transport, TransportError, World};
use crate::ids::Rank;
use crate::message::Frame;
use mpi::collective::SystemOperation;
use mpi::environment::Universe;
use mpi::point_to_point::Status;
use mpi::topology::SimpleCommunicator;
use mpi::traits::*;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const HEAD: mpi::Tag = 1;
const WEIGHTS: mpi::Tag = 2;
/// Values per message; MPI counts are C ints.
const CHUNK: usize = 1 << 28;
/// Bytes that describe a host when ranks exchange their names.
const HOST_BYTES: usize = 2048;

/// MPI, from initialisation to finalisation.
pub struct Mpi {
    world: SimpleCommunicator,
    _universe: Universe,
}

impl Mpi {
    /// Initialises MPI; `None` when that was done before in this process.
    pub fn start() -> Option<Mpi> {
        let universe = mpi::initialize()?;
        Some(Mpi { world: universe.world(), _universe: universe })
    }

    /// Ranks in the job.
    pub fn size(&self) -> usize {
        self.world.size() as usize
    }

    /// Ends every rank of the job at once.
    pub fn abort(&self, code: i32) -> ! {
        self.world.abort(code)
    }

    /// The transport between the ranks.
    pub fn transport(&self) -> Wire<'_> {
        Wire { world: &self.world }
    }
}

impl World for Mpi {
    fn rank(&self) -> Rank {
        Rank::from(self.world.rank() as usize)
    }

    fn hosts(&self, mut here: Host) -> Vec<Host> {
        let mut text = serde_json::to_vec(&here).expect("text always encodes");
        while text.len() > HOST_BYTES && here.addresses.pop().is_some() {
            text = serde_json::to_vec(&here).expect("text always encodes");
        }
        text.resize(HOST_BYTES, b' ');
        let mut all = vec![0u8; HOST_BYTES * self.size()];
        self.world.all_gather_into(&text[..], &mut all[..]);
        all.chunks(HOST_BYTES).map(|host| serde_json::from_slice(host).unwrap_or_default()).collect()
    }

    fn first_failure(&self, failed: bool) -> Option<Rank> {
        let mine = if failed { self.world.rank() } else { i32::MAX };
        let mut lowest = i32::MAX;
        self.world.all_reduce_into(&mine, &mut lowest, SystemOperation::min());
        (lowest != i32::MAX).then(|| Rank::from(lowest as usize))
    }
}

/// The point-to-point side of [`Mpi`].
pub struct Wire<'a> {
    world: &'a SimpleCommunicator,
}

impl Transport for Wire<'_> {
    fn rank(&self) -> Rank {
        Rank::from(self.world.rank() as usize)
    }

    fn size(&self) -> usize {
        self.world.size() as usize
    }

    fn send(&mut self, to: Rank, frame: Frame) -> Result<(), TransportError> {
        let peer = self.world.process_at_rank(to.0 as mpi::Rank);
        let mut head = (frame.weights.len() as u64).to_le_bytes().to_vec();
        head.extend(&frame.head);
        peer.send_with_tag(&head[..], HEAD);
        for chunk in frame.weights.chunks(CHUNK) {
            peer.send_with_tag(chunk, WEIGHTS);
        }
        Ok(())
    }

    fn recv(&mut self) -> Result<Delivery, TransportError> {
        let (message, status) = self.wait_for_head();
        let from = Rank::from(status.source_rank() as usize);
        let mut head = vec![0u8; bytes_in(&status)];
        message.matched_receive_into(&mut head[..]);
        // A head shorter than its count cannot be of this program; decoding says so.
        let count = head.first_chunk().map_or(0, |count| u64::from_le_bytes(*count));
        head.drain(..head.len().min(size_of::<u64>()));
        let weights = Arc::new(self.receive_weights(from, count)?);
        Ok(Delivery::Frame(from, Frame { head, weights }))
    }
}

impl Wire<'_> {
    fn wait_for_head(&self) -> (mpi::point_to_point::Message, Status) {
        let mut patience = Patience::default();
        loop {
            if let Some(found) = self.world.any_process().immediate_matched_probe_with_tag(HEAD) {
                return found;
            }
            patience.pause();
        }
    }

    fn receive_weights(&self, from: Rank, count: u64) -> Result<Vec<f32>, TransportError> {
        let too_large = TransportError::TooLarge { from, count };
        let Ok(length) = usize::try_from(count) else { return Err(too_large) };
        let mut weights: Vec<f32> = Vec::new();
        if weights.try_reserve_exact(length).is_err() {
            return Err(too_large);
        }
        weights.resize(length, 0.0);
        let peer = self.world.process_at_rank(from.0 as mpi::Rank);
        for chunk in weights.chunks_mut(CHUNK) {
            peer.receive_into_with_tag(chunk, WEIGHTS);
        }
        Ok(weights)
    }
}

fn bytes_in(status: &Status) -> usize {
    status.count(u8::equivalent_datatype()) as usize
}

/// Yields while an answer is likely near, then sleeps longer and longer, at most 0.2 ms.
#[derive(Default)]
struct Patience {
    polls: u32,
}

impl Patience {
    fn pause(&mut self) {
        self.polls = self.polls.saturating_add(1);
        match self.polls {
            0..=200 => thread::yield_now(),
            201..=400 => thread::sleep(Duration::from_micros(20)),
            _ => thread::sleep(Duration::from_micros(200)),
        }
    }
}
