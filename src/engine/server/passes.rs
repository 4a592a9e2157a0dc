//! Stages 4 to 7 of a round: passes over its cohort, until every sum is whole.

use super::Server;
use crate::engine::EngineError;
use crate::engine::contribution::{Contribution, failure};
use crate::engine::exchange::{Exchange, Failed, Returned};
use crate::engine::link::{News, unexpected};
use crate::engine::phase::Phase;
use crate::event::{Event, Underway};
use crate::ids::{Rank, Round};
use crate::message::{Content, Failure, Label, Order, Part, Reduce, Report, Update};
use crate::schedule::{Batch, Dispatch, DispatchMode, Job};
use crate::train::TrainError;
use crate::transport::{Transport, TransportError};
use crate::weights::{Total, Turnout};
use std::sync::Arc;

/// What the passes over a cohort came to.
pub(super) struct Passed {
    /// What the last one yields.
    pub(super) returned: Returned,
    /// Those that were left out in any of them.
    pub(super) left_out: Vec<Failed>,
    pub(super) turnout: Turnout,
    /// Bits that clients would send in those before the last.
    pub(super) surveyed: u64,
}

impl<T: Transport> Server<'_, T> {
    /// All passes over the cohort. Who is left out of one is not asked in the next.
    pub(super) fn passes(&mut self, round: Round, cohort: &[Job]) -> Result<Passed, EngineError> {
        let (mut cohort, mut left_out, mut surveyed) = (cohort.to_vec(), Vec::new(), 0);
        for pass in 0.. {
            let phase = Phase {
                round,
                pass,
                total: total(&cohort),
            };
            let exchange = Exchange::new(&cohort, self.schedule(&cohort), self.link.plan.reduce());
            let (mut returned, turnout) = self.exchange(phase, exchange)?;
            left_out.append(&mut returned.failed);
            if !self.global.is_before(pass) {
                left_out.sort_unstable_by_key(|failed| failed.failure.client);
                return Ok(Passed {
                    returned,
                    left_out,
                    turnout,
                    surveyed,
                });
            }
            self.global.hear(turnout, &mut self.gathering.sum(pass));
            surveyed += returned.bits();
            cohort.retain(|job| {
                left_out
                    .iter()
                    .all(|failed| failed.failure.client != job.client)
            });
        }
        unreachable!("the last pass returns")
    }

    /// Stages 5 to 7: sends orders and takes in what comes back, until the sum is whole.
    fn exchange(
        &mut self,
        phase: Phase,
        mut exchange: Exchange,
    ) -> Result<(Returned, Turnout), EngineError> {
        self.gathering.enter(phase);
        self.post.enter();
        self.link.begin_pass();
        self.order(phase, exchange.open())?;
        loop {
            self.collect(phase, &mut exchange)?;
            let turnout = self.turnout(phase, &exchange)?;
            let Err(lost) = self.reduce(phase, turnout)? else {
                return Ok((exchange.finish(), turnout));
            };
            for rank in lost {
                if self.link.lose(rank)? {
                    self.replace(phase, &mut exchange, rank)?;
                }
            }
        }
    }

    /// Until all clients are trained and every worker has handed over its part.
    fn collect(&mut self, phase: Phase, exchange: &mut Exchange) -> Result<(), EngineError> {
        while !exchange.is_complete() {
            let news = match self.is_evaluating() {
                true => self.link.glance(|| exchange.outstanding())?,
                false => self.link.hear(|| exchange.outstanding())?,
            };
            self.tell_underway(phase, exchange)?;
            let Some(news) = news else {
                self.evaluate_meanwhile()?;
                continue;
            };
            match news {
                News::Report(rank, Report::Trained { round, pass, part }, content)
                    if (round, pass) == (phase.round, phase.pass) =>
                {
                    self.post
                        .ended(rank, part.updates.len() + part.failed.len());
                    let part = self.merge(phase, rank, part, &content)?;
                    let next = exchange
                        .note(rank, part)
                        .map_err(|what| EngineError::Unexpected { rank, what })?;
                    self.order(phase, next)?;
                }
                News::Report(rank, other, _) => return Err(unexpected(rank, &other)),
                News::Lost(rank) => self.replace(phase, exchange, rank)?,
            }
        }
        Ok(())
    }

    /// Says how far a round is that takes long.
    fn tell_underway(&mut self, phase: Phase, exchange: &Exchange) -> Result<(), EngineError> {
        let Some(seconds) = self.stopwatch.rings() else { return Ok(()) };
        let (workers, done) = exchange.lanes(&self.link.workers, |rank| self.link.doing(rank));
        let underway = Underway {
            round: phase.round,
            seconds,
            clients: phase.total.clients as usize,
            done,
            workers,
        };
        Ok(self
            .recorder
            .record(&Event::Underway(underway), &self.global.weights)?)
    }

    /// Who counts, now that all are back. Of faults that end the run that of the first client is
    /// told, whoever came first: it is the same for any number of ranks.
    fn turnout(&self, phase: Phase, exchange: &Exchange) -> Result<Turnout, EngineError> {
        if let Some(Failed { rank, failure, .. }) = exchange
            .failed()
            .find(|failed| self.link.ends(&failed.failure))
        {
            return Err(EngineError::training(*rank, phase.round, failure.clone()));
        }
        let counted = exchange
            .failed()
            .fold(phase.total, |total, failed| total.without(failed.samples));
        Ok(Turnout {
            told: phase.total,
            counted,
        })
    }

    /// The others train what a lost worker has not handed over.
    fn replace(
        &mut self,
        phase: Phase,
        exchange: &mut Exchange,
        rank: Rank,
    ) -> Result<(), EngineError> {
        let again = exchange.lose(rank);
        self.post.lose(rank);
        let event = self.link.loss(phase.round, rank, again.len());
        self.recorder.record(&event, &self.global.weights)?;
        let assigned = self
            .link
            .assign(self.scheduler.as_mut(), &self.cost, &again);
        self.order(phase, exchange.reassign(assigned))
    }

    /// Sends orders. Weights go along with the first of a part, unless every rank has them.
    fn order(
        &mut self,
        Phase { round, pass, total }: Phase,
        batches: Vec<Batch>,
    ) -> Result<(), EngineError> {
        let rate = self.link.plan.rate(round);
        self.post.put(batches);
        while let Some(batch) = self.post.next() {
            let (rank, count) = (batch.rank, batch.clients.len());
            let more = if batch.last { "" } else { ", more may follow" };
            log::trace!("round {round}: rank {rank} trains {count} clients{more}");
            let start = match self.link.plan.reduce() {
                Reduce::Server | Reduce::Worker if batch.first => self.starting(),
                Reduce::Server | Reduce::Worker | Reduce::Allreduce => Content::nothing(),
            };
            let (errands, content) = self.post.errands(rank, &batch.clients, start)?;
            let order = Order::Train {
                round,
                pass,
                total,
                rate,
                errands,
                last: batch.last,
            };
            self.link.send(rank, &order, content)?;
        }
        Ok(())
    }

    /// What clients start from.
    fn starting(&self) -> Content {
        let content = Content::nothing().with(Label::Model, Arc::clone(&self.global.weights));
        let told = self.global.told();
        if told.is_empty() {
            content
        } else {
            content.with(Label::Told, Arc::new(told))
        }
    }

    /// Adds one client's update, or one worker's partial sum, and takes note of what clients keep.
    /// An update that cannot be added becomes a failure.
    fn merge(
        &mut self,
        phase: Phase,
        rank: Rank,
        part: Part,
        content: &Content,
    ) -> Result<Part, EngineError> {
        if let Some(units) = content.units(Label::Units)
            && !self.gathering.merge(phase.pass, units, &self.global)
        {
            return Err(foreign(rank, "a sum that is not of this model"));
        }
        if let [update] = part.updates[..] {
            let Some(failed) = self.merge_update(phase, rank, update, content)? else {
                return Ok(part);
            };
            return Ok(Part {
                updates: Vec::new(),
                failed: vec![failed],
                ..part
            });
        }
        if !self.global.is_before(phase.pass) {
            for update in &part.updates {
                self.post
                    .states
                    .note(rank, update.client, phase.round, None)?;
            }
        }
        Ok(part)
    }

    /// Adds one client's update, and takes note of what the client keeps; gives the failure that it
    /// is when it cannot be added.
    fn merge_update(
        &mut self,
        phase: Phase,
        rank: Rank,
        update: Update,
        content: &Content,
    ) -> Result<Option<Failure>, EngineError> {
        let client = update.client;
        let Some(contribution) = Contribution::of(update, content, self.global.weights.len())
        else {
            return Err(foreign(rank, "a change that is not of this model"));
        };
        let kept = contribution.kept.clone();
        let samples = self.link.plan.samples(client);
        let added = self
            .gathering
            .add(phase, contribution, samples, &self.global);
        if let Err(fault) = added {
            // Its worker took what it keeps for settled.
            self.post.states.distrust(client);
            let (fault, layout) = (TrainError::Unfit(fault), self.trainer.layout());
            return Ok(Some(failure(client, update.seconds, &fault, layout)));
        }
        if !self.global.is_before(phase.pass) {
            let kept = kept.as_ref().map(|kept| kept.as_slice());
            self.post.states.note(rank, client, phase.round, kept)?;
        }
        Ok(None)
    }

    /// Stage 7, when it is collective: no rank enters the sum before all have trained. When ranks
    /// were lost the sum is not whole, and the answer is which.
    fn reduce(
        &mut self,
        Phase { round, pass, .. }: Phase,
        turnout: Turnout,
    ) -> Result<Result<(), Vec<Rank>>, EngineError> {
        if self.link.plan.reduce() != Reduce::Allreduce {
            return Ok(Ok(()));
        }
        let order = Order::Reduce {
            round,
            pass,
            turnout,
        };
        for rank in self.link.workers.clone() {
            self.link.send(rank, &order, Content::nothing())?;
        }
        let mut sum = self.gathering.sum(pass);
        match self.link.wire.all_reduce(sum.units()) {
            Ok(reduced) => {
                self.post.summed +=
                    (size_of_val(reduced.as_slice()) * self.link.workers.len()) as u64;
                sum.replace(reduced);
                Ok(Ok(()))
            }
            Err(TransportError::Interrupted { lost }) => Ok(Err(lost)),
            Err(error) => Err(error.into()),
        }
    }

    /// Stage 4: who trains whom.
    fn schedule(&mut self, cohort: &[Job]) -> Dispatch {
        match self.link.plan.dispatch() {
            DispatchMode::Pull => Dispatch::pull(cohort, &self.link.workers, &self.cost),
            DispatchMode::Planned | DispatchMode::OnePerWorker => Dispatch::planned(
                self.link
                    .assign(self.scheduler.as_mut(), &self.cost, cohort),
            ),
        }
    }
}

/// Numbers of another model.
fn foreign(rank: Rank, what: &str) -> EngineError {
    EngineError::Unexpected {
        rank,
        what: what.to_owned(),
    }
}

/// What stands behind a cohort.
fn total(cohort: &[Job]) -> Total {
    Total {
        samples: cohort.iter().map(|job| job.samples).sum(),
        clients: cohort.len() as u32,
    }
}
