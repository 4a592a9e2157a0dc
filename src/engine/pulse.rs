//! What a worker does beside training, between two steps: it gives signs of life, takes in what
//! comes, and leaves its client when nobody waits for it any more.

use crate::ids::Rank;
use crate::message::{Doing, Frame, Order, Report};
use crate::stop;
use crate::transport::{Delivery, Metered, Transport, TransportError};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The longest time between two looks.
pub const GLANCE: Duration = Duration::from_millis(100);
/// How old what the server knows of a worker may be.
const NEWS: Duration = Duration::from_secs(1);
/// Signs of life in the time that the server waits for one.
const BEATS: u32 = 4;

/// A worker's line to the server.
pub struct Pulse<'a, T> {
    /// How frames travel.
    pub wire: &'a mut Metered<T>,
    // How long the server waits for a sign of life.
    limit: Option<Duration>,
    // When the server heard something of this rank last.
    heard: Instant,
    looked: Instant,
    // What is trained, and what the server knows of that.
    doing: Option<Doing>,
    told: Option<Doing>,
    // What came during a training.
    inbox: VecDeque<Result<Delivery, TransportError>>,
    over: bool,
}

impl<'a, T: Transport> Pulse<'a, T> {
    /// To a server that waits so long for a sign of life.
    pub fn new(wire: &'a mut Metered<T>, limit: Option<Duration>) -> Self {
        let now = Instant::now();
        Pulse {
            wire,
            limit,
            heard: now,
            looked: now,
            doing: None,
            told: None,
            inbox: VecDeque::new(),
            over: false,
        }
    }

    /// The next delivery; none when the server has said that the run is over, whatever came before.
    ///
    /// # Errors
    /// A frame that cannot be received.
    pub fn receive(&mut self) -> Result<Option<Delivery>, TransportError> {
        if self.over {
            return Ok(None);
        }
        self.inbox
            .pop_front()
            .unwrap_or_else(|| self.wire.recv())
            .map(Some)
    }

    /// Sends a report.
    ///
    /// # Errors
    /// A server that is gone.
    pub fn tell(&mut self, frame: Frame) -> Result<(), TransportError> {
        self.heard = Instant::now();
        self.wire.send(Rank::SERVER, frame)
    }

    /// Takes note of what is trained from now on, and gives a sign of life if it is time for one.
    ///
    /// # Errors
    /// A server that is gone.
    pub fn turn_to(&mut self, doing: Doing) -> Result<(), TransportError> {
        self.doing = Some(doing);
        self.live()
    }

    /// Gives a sign of life if it is time for one.
    ///
    /// # Errors
    /// A server that is gone.
    pub fn live(&mut self) -> Result<(), TransportError> {
        let quiet = self.heard.elapsed();
        let is_new = self.doing != self.told && quiet > NEWS;
        if !is_new && self.limit.is_none_or(|limit| quiet <= limit / BEATS) {
            return Ok(());
        }
        self.told = self.doing;
        self.tell(Frame::bare(&Report::Alive { doing: self.doing }))
    }

    /// Between two steps of a training.
    pub fn beat(&mut self) {
        if self.looked.elapsed() > GLANCE {
            self.looked = Instant::now();
            self.take_in();
            if self.over || self.wire.is_gone(Rank::SERVER) {
                stop::leave("nobody waits for it any more");
            }
        }
        // A server that is gone is noticed by the next report.
        let _ = self.live();
    }

    /// Whether the server has said that the run is over.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Puts aside what has come.
    fn take_in(&mut self) {
        while let Some(came) = self.wire.glance().transpose() {
            if let Ok(Delivery::Frame(Rank::SERVER, frame)) = &came {
                self.over |= frame.decode() == Ok(Order::Stop);
            }
            let failed = came.is_err();
            self.inbox.push_back(came);
            if failed {
                return;
            }
        }
    }
}
