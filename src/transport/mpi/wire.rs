//! Frames and collective sums over MPI.
//!
//! A frame is one message with the kind and number of what follows and the head, then the numbers
//! themselves in chunks below MPI's count limit, straight from and into the vectors that hold them.
//! Waiting sleeps instead of spinning, so that an idle rank leaves its core to one that trains.
//!
//! With ULFM a lost rank is news. Sums have a communicator of their own: who learns of a loss
//! during a sum revokes it, all agree whether the sum is whole, and go on with those that are left.

use super::abort;
use super::patience::Patience;
use super::raw::{self, Broken, Request, Waiting, outcome};
use super::ulfm::{self, Losses, Ulfm};
use crate::ids::Rank;
use crate::message::{Content, Frame, Label, Numbers};
use crate::shelf::Shelf;
use crate::stop::{self, exit};
use crate::transport::{Delivery, Sums, Transport, TransportError};
use crate::weights::{Held, Units};
use bytemuck::{NoUninit, Pod};
use mpi::ffi::{self, MPI_Comm};
use mpi::topology::SimpleCommunicator;
use mpi::traits::*;
use std::any::Any;
use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const HEAD: i32 = 1;
const NUMBERS: i32 = 2;
const SUM: i32 = 3;
/// Who tells the server what the workers' GPUs have summed.
const SPOKESMAN: Rank = Rank(1);
/// Bytes per message; MPI counts are C ints.
const CHUNK: usize = 1 << 30;
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

/// What it takes to go on without a rank.
struct Survival {
    ulfm: Ulfm,
    losses: Losses,
    // Of all ranks that were left when the last sum ended.
    sums: MPI_Comm,
}

impl Transport for Wire<'_> {
    fn rank(&self) -> Rank {
        Rank::from(self.world.rank() as usize)
    }

    fn size(&self) -> usize {
        self.world.size() as usize
    }

    fn send(&mut self, to: Rank, frame: Frame) -> Result<(), TransportError> {
        let announced: Announced = frame
            .content
            .0
            .iter()
            .map(|(label, numbers)| match numbers {
                Numbers::Floats(floats) => (*label, false, floats.len() as u64),
                Numbers::Units(units) => (*label, true, units.len() as u64),
            })
            .collect();
        let mut head = postcard::to_allocvec(&announced).expect("plain data always encodes");
        head.extend(&frame.head);
        let sent = self.post(to, Arc::new(head), HEAD).and_then(|()| {
            frame
                .content
                .0
                .into_iter()
                .try_for_each(|(_, numbers)| match numbers {
                    Numbers::Floats(floats) => self.post(to, floats, NUMBERS),
                    Numbers::Units(units) => self.post(to, units, NUMBERS),
                })
        });
        sent.map_err(|Broken| TransportError::Gone(to))
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
        if let Sums::Devices(ring) = &self.sums {
            return match ring {
                None => self.sum_of_devices(mine.len()),
                Some(_) => Err(TransportError::Devices {
                    reason: "this rank holds its changes on its host".to_owned(),
                }),
            };
        }
        let comm = self
            .survival
            .as_ref()
            .map_or(self.world.as_raw(), |survival| survival.sums);
        let (world, patience, survival) = (self.world, self.patience, &self.survival);
        let watch = || {
            let failed = |survival: &&Survival| !survival.ulfm.failed(comm).is_empty();
            survival
                .iter()
                .filter(failed)
                .for_each(|survival| survival.ulfm.revoke(comm));
        };
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
            Some(survival) => survival
                .settle(self.world, whole, self.patience)
                .map(|()| sum),
            // Errors are fatal without ULFM, so this is not reached.
            None => whole
                .map(|()| sum)
                .map_err(|Broken| TransportError::Gone(Rank::SERVER)),
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
        self.survival.as_ref().is_some_and(|own| {
            own.ulfm
                .failed(self.world.as_raw())
                .contains(&(peer.0 as i32))
        })
    }

    fn set_patience(&mut self, patience: Option<Duration>) {
        self.patience = patience;
    }
}

impl Survival {
    /// Prepares for losses, if this MPI can survive them. Every rank must call it.
    fn begin(world: &SimpleCommunicator) -> Option<Survival> {
        let ulfm = Ulfm::find()?;
        // SAFETY: plain calls on a live communicator; the new one inherits its error handler.
        let sums = unsafe {
            let mut sums = ffi::RSMPI_COMM_NULL;
            ffi::MPI_Comm_set_errhandler(world.as_raw(), ffi::RSMPI_ERRORS_RETURN);
            if outcome(ffi::MPI_Comm_dup(world.as_raw(), &mut sums)).is_err() {
                log::error!("a rank was lost before training began");
                log::logger().flush();
                abort(world, exit::FAILED);
            }
            sums
        };
        Some(Survival {
            ulfm,
            losses: Losses::default(),
            sums,
        })
    }

    /// All that are left agree whether a sum is whole, and leave the others out of the next one.
    fn settle(
        &mut self,
        world: &SimpleCommunicator,
        mine: Result<(), Broken>,
        patience: Option<Duration>,
    ) -> Result<(), TransportError> {
        let mut whole = i32::from(mine.is_ok());
        // SAFETY: the request ends here.
        let agreed = unsafe { self.ulfm.agree(self.sums, &mut whole) };
        let _ = agreed.and_then(|request| finish(world, request, patience, || {}));
        if whole != 0 {
            return Ok(());
        }
        self.ulfm.revoke(self.sums);
        let left = self.ulfm.shrink(self.sums);
        // SAFETY: nothing is under way on it any more, and nobody else has the handle.
        unsafe { ffi::MPI_Comm_free(&mut self.sums) };
        self.sums = left;
        Err(TransportError::Interrupted {
            lost: ulfm::missing(world.as_raw(), left),
        })
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

    /// What the first worker tells of a sum over GPUs.
    fn sum_of_devices(&mut self, length: usize) -> Result<Units, TransportError> {
        // Should the GPUs hang, their own ranks say so first.
        let (world, patience, mut whole) = (self.world, self.patience.map(|all| all * 2), Ok(()));
        let sum = self
            .units
            .filled(length, |sum| whole = receive(world, SPOKESMAN, SUM, sum, patience));
        whole
            .map(|()| sum)
            .map_err(|Broken| TransportError::Gone(SPOKESMAN))
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
        let lost_before = self
            .survival
            .as_ref()
            .is_some_and(|survival| survival.losses.has(from));
        let frame = waiting
            .take()
            .map(|head| self.frame(from, head))
            .transpose()?
            .flatten();
        Ok(frame
            .filter(|_| !lost_before)
            .map(|frame| Delivery::Frame(from, frame)))
    }

    /// Receives the rest of a frame; none when its sender is lost.
    fn frame(&mut self, from: Rank, head: Vec<u8>) -> Result<Option<Frame>, TransportError> {
        // A head that cannot be read is not of this program; decoding says so.
        let (announced, rest) =
            postcard::take_from_bytes::<Announced>(&head).unwrap_or((Vec::new(), &[]));
        let (world, patience) = (self.world, self.patience);
        let mut content = Content::nothing();
        for (label, summed, count) in announced {
            let received = match summed {
                false => {
                    numbers(world, from, count, &mut self.weights, patience)?.map(Numbers::Floats)
                }
                true => numbers(world, from, count, &mut self.units, patience)?.map(Numbers::Units),
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

/// Checks an announced number of values against what memory can hold.
fn length<T>(from: Rank, count: u64) -> Result<usize, TransportError> {
    let too_large = TransportError::TooLarge { from, count };
    let Ok(length) = usize::try_from(count) else { return Err(too_large) };
    match Vec::<T>::new().try_reserve_exact(length) {
        Ok(()) => Ok(length),
        Err(_) => Err(too_large),
    }
}

/// Receives a vector of so many numbers; none when its sender is lost.
fn numbers<T: Pod + Default>(
    world: &SimpleCommunicator,
    from: Rank,
    count: u64,
    shelf: &mut Shelf<T>,
    patience: Option<Duration>,
) -> Result<Option<Arc<Vec<T>>>, TransportError> {
    let mut whole = Ok(());
    let all = shelf.filled(length::<T>(from, count)?, |all| {
        whole = receive(world, from, NUMBERS, all, patience)
    });
    Ok(whole.ok().map(|()| all))
}

/// Receives numbers of which the length is known.
fn receive<T: Pod>(
    world: &SimpleCommunicator,
    from: Rank,
    tag: i32,
    numbers: &mut [T],
    patience: Option<Duration>,
) -> Result<(), Broken> {
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(numbers);
    bytes.chunks_mut(CHUNK).try_for_each(|chunk| {
        // SAFETY: the request ends here.
        let request = unsafe { raw::receive(world.as_raw(), from.0 as i32, tag, chunk) }?;
        finish(world, request, patience, || {})
    })
}

/// Waits for what is on its way, or being summed. The peers are at it, so nobody else wants the
/// core. When that takes too long the job ends here: what MPI may still write to cannot be left.
fn finish(
    world: &SimpleCommunicator,
    mut request: Request,
    patience: Option<Duration>,
    mut watch: impl FnMut(),
) -> Result<(), Broken> {
    let began = Instant::now();
    loop {
        if let ControlFlow::Break(ended) = request.ended() {
            return ended;
        }
        if let Some(most) = patience
            && began.elapsed() > most
        {
            log::error!(
                "a transfer did not end in {most:?}: some rank hangs (hint: look at the hosts)"
            );
            log::logger().flush();
            abort(world, exit::FAILED);
        }
        watch();
        thread::yield_now();
    }
}
