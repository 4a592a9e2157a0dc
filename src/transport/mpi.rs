//! Ranks as MPI processes. Only the thread that made [`Mpi`] may use it.
//!
//! A frame is one message with the kind and number of what follows and the head, then the numbers
//! themselves in chunks below MPI's count limit, straight from and into the vectors that hold them.
//! Waiting sleeps instead of spinning, so that an idle rank leaves its core to one that trains.

use super::{Delivery, TELL_BYTES, Transport, TransportError, World};
use crate::ids::Rank;
use crate::message::{Content, Frame};
use crate::shelf::Shelf;
use crate::stop;
use crate::weights::Units;
use bytemuck::{NoUninit, Pod};
use mpi::collective::SystemOperation;
use mpi::environment::Universe;
use mpi::point_to_point::Status;
use mpi::request::{self, Request, Scope, StaticScope};
use mpi::topology::SimpleCommunicator;
use mpi::traits::*;
use std::any::Any;
use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const HEAD: mpi::Tag = 1;
const NUMBERS: mpi::Tag = 2;
/// Bytes per message; MPI counts are C ints.
const CHUNK: usize = 1 << 30;
/// Values per part of a collective sum: parts overlap, one being added while the next one travels.
const PIECE: usize = 1 << 18;
/// Bytes before the head: a letter for the kind of numbers that follow, and how many.
const PREFIX: usize = 1 + size_of::<u64>();

/// Exit code of a job that failed after training had begun.
pub const FAILED: i32 = 1;
/// Exit code of a job that was asked to end.
pub const ENDED: i32 = 3;

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

    /// Does a rank's whole work. When it fails or panics, says why and ends the job on every rank, so
    /// that none waits for ever.
    pub fn run<E: std::fmt::Display>(&self, work: impl FnOnce(&Mpi) -> Result<(), E>) {
        let fault = match stop::catch(|| work(self)) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => format!("{error:#}"),
            Err(panic) => panic,
        };
        log::error!("{fault}");
        log::logger().flush();
        self.abort(FAILED)
    }

    /// Waits for all ranks.
    pub fn barrier(&self) {
        self.world.barrier();
    }

    /// A round's traffic as bare sends and receives, to measure against: `weights` to every worker,
    /// `units` back from each.
    pub fn bare_exchange(&self, weights: &mut [f32], units: &mut [i64]) {
        let peers = |ranks: std::ops::Range<i32>| ranks.map(|rank| self.world.process_at_rank(rank));
        match self.world.rank() {
            0 => {
                peers(1..self.world.size()).for_each(|peer| peer.send(weights));
                peers(1..self.world.size()).for_each(|peer| _ = peer.receive_into(units));
            }
            _ => {
                peers(0..1).for_each(|peer| _ = peer.receive_into(weights));
                peers(0..1).for_each(|peer| peer.send(units));
            }
        }
    }

    /// A round's collective sum as a bare operation.
    pub fn bare_all_reduce(&self, mine: &[i64], sum: &mut [i64]) {
        self.world.all_reduce_into(mine, sum, SystemOperation::sum());
    }

    /// The transport between the ranks.
    pub fn transport(&self) -> Wire<'_> {
        Wire {
            world: &self.world,
            weights: Shelf::default(),
            units: Shelf::default(),
            outbox: Vec::new(),
            patience: None,
        }
    }
}

impl World for Mpi {
    fn rank(&self) -> Rank {
        Rank::from(self.world.rank() as usize)
    }

    fn tell(&self, text: &str) -> Vec<String> {
        let mut mine = text.as_bytes().to_vec();
        mine.resize(TELL_BYTES, b' ');
        let mut all = vec![0u8; TELL_BYTES * self.size()];
        self.world.all_gather_into(&mine[..], &mut all[..]);
        all.chunks(TELL_BYTES).map(|told| String::from_utf8_lossy(told).trim_end().to_owned()).collect()
    }

    fn first_failure(&self, failed: bool) -> Option<Rank> {
        let mine = if failed { self.world.rank() } else { i32::MAX };
        let mut lowest = i32::MAX;
        self.world.all_reduce_into(&mine, &mut lowest, SystemOperation::min());
        (lowest != i32::MAX).then(|| Rank::from(lowest as usize))
    }
}

/// The transport over [`Mpi`], with the memory that it receives into.
pub struct Wire<'a> {
    world: &'a SimpleCommunicator,
    weights: Shelf<f32>,
    units: Shelf<i64>,
    outbox: Vec<Parcel>,
    patience: Option<Duration>,
}

/// A message on its way, and what it is made of.
struct Parcel {
    request: Request<'static, [u8], StaticScope>,
    content: Arc<dyn Any + Send + Sync>,
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
        let (kind, count) = match &frame.content {
            Content::Nothing => (b'n', 0),
            Content::Weights(weights) => (b'w', weights.len()),
            Content::Units(units) => (b'u', units.len()),
        };
        let mut head = vec![kind];
        head.extend((count as u64).to_le_bytes());
        head.extend(&frame.head);
        self.post(&peer, Arc::new(head), HEAD);
        match frame.content {
            Content::Nothing => {}
            Content::Weights(weights) => self.post(&peer, weights, NUMBERS),
            Content::Units(units) => self.post(&peer, units, NUMBERS),
        }
        Ok(())
    }

    fn recv(&mut self) -> Result<Delivery, TransportError> {
        let (message, status) = match self.wait_for_head() {
            Ok(found) => found,
            Err(instead) => return Ok(instead),
        };
        let from = Rank::from(status.source_rank() as usize);
        let mut head = vec![0u8; bytes_in(&status)];
        message.matched_receive_into(&mut head[..]);
        // A head without its prefix cannot be of this program; decoding says so.
        let count = head.get(1..).and_then(|rest| rest.first_chunk()).map_or(0, |count| u64::from_le_bytes(*count));
        let kind = head.first().copied().unwrap_or_default();
        head.drain(..head.len().min(PREFIX));
        let peer = self.world.process_at_rank(from.0 as mpi::Rank);
        let (world, patience) = (self.world, self.patience);
        let content = match kind {
            b'w' => Content::Weights(
                self.weights.filled(length::<f32>(from, count)?, |all| receive(world, &peer, all, patience)),
            ),
            b'u' => Content::Units(
                self.units.filled(length::<i64>(from, count)?, |all| receive(world, &peer, all, patience)),
            ),
            _ => Content::Nothing,
        };
        Ok(Delivery::Frame(from, Frame { head, content }))
    }

    fn all_reduce(&mut self, mine: &[i64]) -> Result<Units, TransportError> {
        let (world, patience) = (self.world, self.patience);
        Ok(self.units.filled(mine.len(), |sum| {
            request::scope(|scope| {
                let pieces = mine.chunks(PIECE).zip(sum.chunks_mut(PIECE));
                let sum = |(mine, sum)| world.immediate_all_reduce_into(scope, mine, sum, SystemOperation::sum());
                let started: Vec<_> = pieces.map(sum).collect();
                started.into_iter().for_each(|part| finish(world, part, patience));
            });
        }))
    }

    fn set_patience(&mut self, patience: Option<Duration>) {
        self.patience = patience;
    }
}

impl Wire<'_> {
    /// Sends numbers in chunks. A worker waits until they are gone, since nobody moves them on while it
    /// trains; the server does not, since the peer may be busy.
    fn post<T: NoUninit + Send + Sync>(&mut self, peer: &impl Destination, numbers: Arc<Vec<T>>, tag: mpi::Tag) {
        let bytes: &[u8] = bytemuck::cast_slice(&numbers);
        if self.world.rank() != 0 {
            return bytes.chunks(CHUNK).for_each(|chunk| peer.send_with_tag(chunk, tag));
        }
        for chunk in bytes.chunks(CHUNK) {
            // SAFETY: the parcel owns the vector, which nobody changes while it is shared, and is only
            // forgotten, never freed, before MPI is done with it.
            let chunk: &'static [u8] = unsafe { std::slice::from_raw_parts(chunk.as_ptr(), chunk.len()) };
            let request = peer.immediate_send_with_tag(StaticScope, chunk, tag);
            self.outbox.push(Parcel { request, content: Arc::clone(&numbers) as Arc<dyn Any + Send + Sync> });
        }
    }

    /// Lets go of what has been sent.
    fn tidy(&mut self) {
        for parcel in mem::take(&mut self.outbox) {
            let Parcel { request, content } = parcel;
            if let Err(request) = request.test() {
                self.outbox.push(Parcel { request, content });
            }
        }
    }

    /// The next head, or what happens instead.
    fn wait_for_head(&mut self) -> Result<(mpi::point_to_point::Message, Status), Delivery> {
        let mut patience = Patience::new(self.patience);
        loop {
            self.tidy();
            if let Some(found) = self.world.any_process().immediate_matched_probe_with_tag(HEAD) {
                return Ok(found);
            }
            if self.world.rank() == 0 && stop::end_wanted() {
                return Err(Delivery::EndWanted);
            }
            if !patience.pause() {
                return Err(Delivery::Silence);
            }
        }
    }
}

impl Drop for Wire<'_> {
    /// After an orderly end everything has arrived. Otherwise the job is about to be aborted, and
    /// waiting for a peer could take for ever.
    fn drop(&mut self) {
        self.tidy();
        self.outbox.drain(..).for_each(mem::forget);
    }
}

/// Checks an announced number of values against what memory can hold.
fn length<T>(from: Rank, count: u64) -> Result<usize, TransportError> {
    let too_large = TransportError::TooLarge { from, count };
    let Ok(length) = usize::try_from(count) else { return Err(too_large) };
    match Vec::<T>::new().try_reserve_exact(length) {
        Ok(()) => Ok(length),
        Err(_) => Err(too_large),
    }
}

/// Receives the numbers that a head has announced.
fn receive<T: Pod>(world: &SimpleCommunicator, peer: &impl Source, numbers: &mut [T], patience: Option<Duration>) {
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(numbers);
    for chunk in bytes.chunks_mut(CHUNK) {
        request::scope(|scope| finish(world, peer.immediate_receive_into_with_tag(scope, chunk, NUMBERS), patience));
    }
}

/// Waits for numbers that are on their way, or being summed. The peers are at it, so nobody else wants
/// the core. When that takes too long the job ends here: what MPI may still write to cannot be left.
fn finish<'a, D: ?Sized, S: Scope<'a>>(
    world: &SimpleCommunicator,
    mut request: Request<'a, D, S>,
    patience: Option<Duration>,
) {
    let began = Instant::now();
    while let Err(unfinished) = request.test() {
        request = unfinished;
        if let Some(most) = patience
            && began.elapsed() > most
        {
            log::error!("a transfer did not end in {most:?}: some rank hangs (hint: look at the hosts)");
            log::logger().flush();
            world.abort(FAILED);
        }
        thread::yield_now();
    }
}

fn bytes_in(status: &Status) -> usize {
    status.count(u8::equivalent_datatype()) as usize
}

/// Yields while an answer is likely near, then sleeps longer and longer, at most 0.2 ms.
struct Patience {
    polls: u32,
    began: Instant,
    most: Option<Duration>,
}

impl Patience {
    fn new(most: Option<Duration>) -> Patience {
        Patience { polls: 0, began: Instant::now(), most }
    }

    /// Waits a little; false when there is no patience left.
    fn pause(&mut self) -> bool {
        self.polls = self.polls.saturating_add(1);
        match self.polls {
            0..=200 => thread::yield_now(),
            201..=400 => thread::sleep(Duration::from_micros(20)),
            _ => thread::sleep(Duration::from_micros(200)),
        }
        self.most.is_none_or(|most| self.began.elapsed() <= most)
    }
}
