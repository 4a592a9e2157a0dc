//! What is in training when there are no rounds. Pure state, with a saved form.

use crate::event::{InFlight, Training};
use crate::ids::{ClientId, Rank, Round};
use crate::message::{Failure, Update};
use crate::weights::Weights;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Everything that is in training: tasks by when they arrive, and results that came before their
/// turn.
#[derive(Default)]
pub struct Flight {
    /// Seconds on the run's clock.
    pub now: f64,
    /// The number of the next task.
    pub next: u32,
    /// By when they arrive.
    pub tasks: BTreeMap<Key, Flying>,
    /// Those that no worker has.
    pub unsent: BTreeSet<Key>,
    /// What came before its turn, by number.
    pub results: BTreeMap<u32, (Rank, Came)>,
}

/// What came of a training.
pub type Came = Result<(Update, Weights), Failure>;

/// Arrival time (bits of a float from 0 up order like the float itself), then number.
pub type Key = (u64, u32);

/// One client's training.
pub struct Flying {
    /// Whose.
    pub client: ClientId,
    /// Version of the model that it starts from.
    pub version: u32,
    /// That model.
    pub start: Weights,
}

impl Flight {
    /// Clients in training.
    pub fn busy(&self) -> BTreeSet<ClientId> {
        self.tasks.values().map(|task| task.client).collect()
    }

    /// A client starts now.
    pub fn launch(
        &mut self,
        client: ClientId,
        version: u32,
        start: &Weights,
        seconds: impl Fn(Round) -> f64,
    ) {
        let number = self.next;
        let key = ((self.now + seconds(Round(number))).to_bits(), number);
        let task = Flying {
            client,
            version,
            start: Arc::clone(start),
        };
        self.tasks.insert(key, task);
        self.unsent.insert(key);
        self.next += 1;
    }

    /// The earliest arrival.
    pub fn first(&self) -> Option<Key> {
        self.tasks.keys().next().copied()
    }

    /// The task with a number, wherever it stands.
    pub fn numbered(&self, number: u32) -> Option<Key> {
        self.tasks.keys().find(|key| key.1 == number).copied()
    }

    /// The clients of the tasks with these numbers.
    pub fn clients(&self, numbers: &BTreeSet<u32>) -> Vec<ClientId> {
        let keys = numbers.iter().filter_map(|number| self.numbered(*number));
        keys.map(|key| self.tasks[&key].client).collect()
    }

    /// For a checkpoint. What has come before its turn will be trained again.
    pub fn save(&self) -> InFlight {
        let mut saved = InFlight {
            next: self.next,
            ..InFlight::default()
        };
        for (&(arrives, number), task) in &self.tasks {
            saved.trainings.push(Training {
                number,
                client: task.client,
                version: task.version,
                arrives: f64::from_bits(arrives),
            });
            saved.starts.insert(task.version, Arc::clone(&task.start));
        }
        saved
    }

    /// Goes on where a run was saved; none when a model is missing that a training starts from.
    pub fn restore(saved: &InFlight, now: f64) -> Option<Flight> {
        let mut tasks = BTreeMap::new();
        for training in &saved.trainings {
            let task = Flying {
                client: training.client,
                version: training.version,
                start: Arc::clone(saved.starts.get(&training.version)?),
            };
            tasks.insert((training.arrives.to_bits(), training.number), task);
        }
        Some(Flight {
            now,
            next: saved.next,
            unsent: tasks.keys().copied().collect(),
            tasks,
            results: BTreeMap::new(),
        })
    }
}
