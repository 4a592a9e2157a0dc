//! Who can train whom: with local data only the workers at a client's home, else any that is left.

use super::Link;
use crate::engine::EngineError;
use crate::ids::{ClientId, Rank};
use crate::plan::{Home, Homes};
use crate::schedule::{Assignment, CostModel, Job, Scheduler};
use crate::transport::Transport;

impl<T: Transport> Link<'_, T> {
    /// A worker is counted out; false when it was before.
    pub fn lose(&mut self, rank: Rank) -> Result<bool, EngineError> {
        let before = self.workers.len();
        self.workers.retain(|worker| *worker != rank);
        if self.workers.is_empty() {
            return Err(EngineError::Lost {
                rank,
                host: self.host(rank),
            });
        }
        let homes = self.plan.homes().map_or(&[][..], Homes::all);
        if homes.iter().any(|home| self.living(home).is_empty()) {
            return Err(EngineError::Homeless {
                rank,
                host: self.host(rank),
            });
        }
        Ok(self.workers.len() < before)
    }

    /// The workers that can train a client.
    pub fn able(&self, client: ClientId) -> Vec<Rank> {
        match self.plan.homes() {
            Some(homes) => self.living(homes.of(client)),
            None => self.workers.clone(),
        }
    }

    /// Divides clients among all workers, or among those that hold their data.
    pub fn assign(
        &self,
        scheduler: &mut dyn Scheduler,
        cost: &CostModel,
        cohort: &[Job],
    ) -> Assignment {
        let Some(homes) = self.plan.homes() else {
            return scheduler.assign(cohort, cost, &self.workers);
        };
        let mut assignment = Assignment::new();
        for home in homes.all() {
            let jobs: Vec<Job> = cohort
                .iter()
                .filter(|job| home.clients.contains(&job.client.index()))
                .copied()
                .collect();
            assignment.extend(scheduler.assign(&jobs, cost, &self.living(home)));
        }
        assignment
    }

    /// The workers that are left of a home.
    pub fn living(&self, home: &Home) -> Vec<Rank> {
        home.ranks
            .iter()
            .copied()
            .filter(|rank| self.workers.contains(rank))
            .collect()
    }
}
