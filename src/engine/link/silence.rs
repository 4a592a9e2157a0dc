//! Signs of life: whoever owes something and says nothing for too long ends the run, and idle
//! workers hear now and then that the server is there.

use super::{Link, Owed};
use crate::engine::EngineError;
use crate::ids::{ClientId, Rank};
use crate::message::{Content, Order};
use crate::transport::Transport;
use std::time::{Duration, Instant};

impl<T: Transport> Link<'_, T> {
    /// Now and then idle workers hear that the server is there.
    pub(super) fn ping(&mut self) -> Result<(), EngineError> {
        let Some(limit) = self.plan.round_timeout() else { return Ok(()) };
        if self.pinged.elapsed() > limit {
            self.pinged = Instant::now();
            for rank in self.workers.clone() {
                self.send(rank, &Order::Ping, Content::nothing())?;
            }
        }
        Ok(())
    }

    /// Looks, now and then, whether a worker that owes something has said nothing for too long.
    pub(super) fn look_for_silence(
        &mut self,
        outstanding: impl Fn() -> Owed,
    ) -> Result<(), EngineError> {
        let Some(limit) = self.plan.round_timeout() else { return Ok(()) };
        let since = self.looked.elapsed();
        if since <= limit / 4 {
            return Ok(());
        }
        self.looked = Instant::now();
        if since > limit / 2 {
            // The server itself was busy for long: what workers said meanwhile is not read yet.
            for peer in self.peers.values_mut() {
                peer.heard = Instant::now();
            }
            return Ok(());
        }
        let mut silent = outstanding();
        silent.retain(|(rank, _)| self.since_heard(*rank) > limit);
        if silent.is_empty() {
            Ok(())
        } else {
            Err(self.silence(&silent))
        }
    }

    /// How long a worker has said nothing.
    fn since_heard(&self, rank: Rank) -> Duration {
        match self.peers.get(&rank) {
            Some(peer) => peer.heard.elapsed(),
            None => self.opened.elapsed(),
        }
    }

    /// Nothing has come for too long.
    fn silence(&self, silent: &Owed) -> EngineError {
        let told: Vec<String> = silent
            .iter()
            .map(|(rank, clients)| self.told(*rank, clients))
            .collect();
        EngineError::Silence {
            round: self.round,
            seconds: self.plan.round_timeout().unwrap_or_default().as_secs_f64(),
            outstanding: told.join("; "),
        }
    }

    /// A silent worker in words, and the first clients that it owes.
    fn told(&self, rank: Rank, clients: &[ClientId]) -> String {
        let (host, heard) = (self.host(rank), self.since_heard(rank).as_secs_f64());
        let worker = format!("rank {rank} on {host}, heard {heard:.0} s ago");
        if clients.is_empty() {
            return worker;
        }
        let some: Vec<String> = clients.iter().take(5).map(ToString::to_string).collect();
        let more = if clients.len() > some.len() {
            ", ..."
        } else {
            ""
        };
        format!("{worker}, owes {} clients ({}{more})", clients.len(), some.join(", "))
    }
}
