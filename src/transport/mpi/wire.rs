//! Frames and collective sums over MPI.
//!
//! A frame is one message with the kind and number of what follows and the head, then the numbers
//! themselves in chunks below MPI's count limit, straight from and into the vectors that hold them.
//! Waiting sleeps instead of spinning, so that an idle rank leaves its core to one that trains.

use super::patience::Patience;
use super::raw::{self, Broken, Request, Waiting};
use super::survival::Survival;
use super::transfer::{CHUNK, NUMBERS, finish, numbers, receive};
use crate::ids::Rank;
use crate::message::{Content, Frame, Label, Numbers};
use crate::shelf::Shelf;
use crate::stop;
use crate::transport::{Delivery, Sums, Transport, TransportError};
use crate::weights::{Held, Units};
use bytemuck::NoUninit;
use mpi::topology::SimpleCommunicator;
use mpi::traits::*;
use std::any::Any;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

const HEAD: i32 = 1;
const SUM: i32 = 3;
/// Who tells the server what the workers' GPUs have summed.
const SPOKESMAN: Rank = Rank(1);
/// Values per part of a collective sum: parts overlap, one being added while the next one travels.
const PIECE: usize = 1 << 18;
/// Of each vector that follows: what it is, whether it is a sum, and how many numbers it has.
type Announced = Vec<(Label, bool, u64)>;

/// The transport over MPI, with the memory that it receives into.
pub struct Wire<'a> {
    world: &'a SimpleCommunicator,
    weights: Shelf<f32>,
    units: Shelf<i64>,
    outbox: Vec<Parcel>,
    patience: Option<Duration>,
    survival: Option<Survival>,
    sums: Sums,
}

/// A message on its way.
struct Parcel {
    request: Request,
    // Kept for as long as MPI reads it.
    _content: Arc<dyn Any + Send + Sync>,
}

impl Transport for Wire<'_> {
    fn rank(&self) -> Rank {
        Rank::from(self.world.rank() as usize)
    }

    fn size(&self) -> usize {
        self.world.size() as usize
    }

    fn send(&mut self, to: Rank, frame: Frame) -> Result<(), TransportError> {
        let vectors = frame.content.0;
        let announced: Announced = vectors.iter().map(announced).collect();
        let mut head = postcard::to_allocvec(&announced).expect("plain data always encodes");
        head.extend(&frame.head);
        let gone = |Broken| TransportError::Gone(to);
        self.post(to, Arc::new(head), HEAD).map_err(gone)?;
        for (_, numbers) in vectors {
            match numbers {
                Numbers::Floats(floats) => self.post(to, floats, NUMBERS),
                Numbers::Units(units) => self.post(to, units, NUMBERS),
            }
            .map_err(gone)?;
        }
        Ok(())
    }

    fn recv(&mut self) -> Result<Delivery, TransportError> {
        loop {
            let waiting = match self.wait_for_head() {
                Ok(waiting) => waiting,
                Err(instead) => return Ok(instead),
            };
            // Whoever was lost in the middle of a message is told about next.
            if let Some(delivery) = self.take(waiting)? {
                return Ok(delivery);
            }
        }
    }

    fn glance(&mut self) -> Result<Option<Delivery>, TransportError> {
        match raw::look(self.world.as_raw(), HEAD) {
            Some(waiting) => self.take(waiting),
            None => Ok(None),
        }
    }

    fn all_reduce(&mut self, mine: &[i64]) -> Result<Units, TransportError> {
        match self.sums {
            Sums::Hosts => self.sum_of_hosts(mine),
            Sums::Devices(None) => self.sum_of_devices(mine.len()),
            Sums::Devices(Some(_)) => Err(TransportError::Devices {
                reason: "this rank holds its changes on its host".to_owned(),
            }),
        }
    }

    fn sums_on_devices(&self) -> bool {
        matches!(self.sums, Sums::Devices(_))
    }

    fn all_reduce_held(&mut self, mine: Held) -> Result<Units, TransportError> {
        let Sums::Devices(Some(ring)) = &mut self.sums else {
            return Err(TransportError::Devices {
                reason: "this rank has no part in it".to_owned(),
            });
        };
        let mut ended = Ok(());
        let sum = self
            .units
            .filled(mine.length, |sum| ended = ring.sum(mine, sum));
        ended.map_err(|reason| TransportError::Devices { reason })?;
        if self.rank() == SPOKESMAN {
            self.post(Rank::SERVER, Arc::clone(&sum), SUM)
                .map_err(|Broken| TransportError::Gone(Rank::SERVER))?;
        }
        Ok(sum)
    }

    fn is_gone(&self, peer: Rank) -> bool {
        let Some(own) = &self.survival else { return false };
        let failed = own.ulfm.failed(self.world.as_raw());
        failed.contains(&(peer.0 as i32))
    }

    fn set_patience(&mut self, patience: Option<Duration>) {
        self.patience = patience;
    }
}

impl<'a> Wire<'a> {
    /// Every rank must call it.
    pub(super) fn new(world: &'a SimpleCommunicator) -> Wire<'a> {
        Wire {
            world,
            weights: Shelf::default(),
            units: Shelf::default(),
            outbox: Vec::new(),
            patience: None,
            survival: Survival::begin(world),
            sums: Sums::Hosts,
        }
    }

    /// Sums are made there from now on. Every rank must say so.
    pub fn summing(mut self, sums: Sums) -> Wire<'a> {
        self.sums = sums;
        self
    }

    /// A sum over all ranks that are left, in parts.
    fn sum_of_hosts(&mut self, mine: &[i64]) -> Result<Units, TransportError> {
        let (world, patience, survival) = (self.world, self.patience, &self.survival);
        let comm = match survival {
            Some(survival) => survival.sums,
            None => world.as_raw(),
        };
        let watch = || survival.iter().for_each(Survival::watch);
        let mut whole = Ok(());
        let sum = self.units.filled(mine.len(), |sum| {
            let pieces = mine.chunks(PIECE).zip(sum.chunks_mut(PIECE));
            // SAFETY: both slices outlive the requests, which end below.
            let started: Vec<_> = pieces
                .map(|(mine, sum)| unsafe { raw::all_reduce(comm, mine, sum) })
                .collect();
            for part in started {
                let ended = part.and_then(|part| finish(world, part, patience, watch));
                whole = whole.and(ended);
            }
        });
        match &mut self.survival {
            Some(survival) => survival.settle(world, whole, patience)?,
            // Errors are fatal without ULFM, so this is not reached.
            None => whole.map_err(|Broken| TransportError::Gone(Rank::SERVER))?,
        }
        Ok(sum)
    }

    /// What the first worker tells of a sum over GPUs.
    fn sum_of_devices(&mut self, length: usize) -> Result<Units, TransportError> {
        // Should the GPUs hang, their own ranks say so first.
        let (world, patience, mut whole) = (self.world, self.patience.map(|all| all * 2), Ok(()));
        let sum = self
            .units
            .filled(length, |sum| whole = receive(world, SPOKESMAN, SUM, sum, patience));
        match whole {
            Ok(()) => Ok(sum),
            Err(Broken) => Err(TransportError::Gone(SPOKESMAN)),
        }
    }

    /// Sends numbers in chunks. A worker waits until they are gone, since nobody moves them on
    /// while it trains; the server does not, since the peer may be busy.
    fn post<T: NoUninit + Send + Sync>(
        &mut self,
        to: Rank,
        numbers: Arc<Vec<T>>,
        tag: i32,
    ) -> Result<(), Broken> {
        let bytes: &[u8] = bytemuck::cast_slice(&numbers);
        for chunk in bytes.chunks(CHUNK) {
            // SAFETY: the parcel owns the vector, which nobody changes while it is shared, and is
            // only forgotten, never freed, before MPI is done with it.
            let request = unsafe { raw::send(self.world.as_raw(), to.0 as i32, tag, chunk) }?;
            if self.world.rank() == 0 {
                self.outbox.push(Parcel {
                    request,
                    _content: Arc::clone(&numbers) as Arc<dyn Any + Send + Sync>,
                });
            } else {
                finish(self.world, request, self.patience, || {})?;
            }
        }
        Ok(())
    }

    /// Lets go of what has been sent, or never will be.
    fn tidy(&mut self) {
        self.outbox
            .retain_mut(|parcel| parcel.request.ended().is_continue());
    }

    /// The next head, or what happens instead.
    fn wait_for_head(&mut self) -> Result<Waiting, Delivery> {
        let mut patience = Patience::new(self.patience.map(|all| all / 4));
        loop {
            self.tidy();
            if let Some(waiting) = raw::look(self.world.as_raw(), HEAD) {
                return Ok(waiting);
            }
            if let Some(Survival { ulfm, losses, .. }) = &mut self.survival {
                losses.look(ulfm, self.world.as_raw());
                if let Some(rank) = losses.tell() {
                    return Err(Delivery::Lost(rank));
                }
            }
            if self.world.rank() == 0 && stop::end_wanted() {
                return Err(Delivery::EndWanted);
            }
            if !patience.pause() {
                return Err(Delivery::Silence);
            }
        }
    }

    /// Receives a frame that has begun to arrive; none when its sender is lost.
    fn take(&mut self, waiting: Waiting) -> Result<Option<Delivery>, TransportError> {
        let from = Rank::from(waiting.from as usize);
        let lost_before = match &self.survival {
            Some(survival) => survival.losses.has(from),
            None => false,
        };
        let Some(head) = waiting.take() else { return Ok(None) };
        match self.frame(from, head)? {
            Some(frame) if !lost_before => Ok(Some(Delivery::Frame(from, frame))),
            _ => Ok(None),
        }
    }

    /// Receives the rest of a frame; none when its sender is lost.
    fn frame(&mut self, from: Rank, head: Vec<u8>) -> Result<Option<Frame>, TransportError> {
        // A head that cannot be read is not of this program; decoding says so.
        let (announced, rest) =
            postcard::take_from_bytes::<Announced>(&head).unwrap_or((Vec::new(), &[]));
        let (world, patience) = (self.world, self.patience);
        let mut content = Content::nothing();
        for (label, summed, count) in announced {
            let received = if summed {
                numbers(world, from, count, &mut self.units, patience)?.map(Numbers::Units)
            } else {
                numbers(world, from, count, &mut self.weights, patience)?.map(Numbers::Floats)
            };
            let Some(received) = received else { return Ok(None) };
            content.0.push((label, received));
        }
        Ok(Some(Frame {
            head: rest.to_vec(),
            content,
        }))
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

/// What is said of a vector before it follows.
fn announced((label, numbers): &(Label, Numbers)) -> (Label, bool, u64) {
    match numbers {
        Numbers::Floats(floats) => (*label, false, floats.len() as u64),
        Numbers::Units(units) => (*label, true, units.len() as u64),
    }
}
