//! Who writes the files of a run's folder, in which order, and what is written of the plan before
//! its first round.

use super::{RunFolder, checkpoints};
use crate::event::{Event, RecordError, Recorder, State};
use crate::files;
use crate::plan::Plan;
use crate::record::owner::{CLIENTS, DATA, JOURNAL, recorded};
use crate::record::table::{Scene, chosen};
use crate::record::{Checkpoints, Environment, Journal, SummaryFile, Whole, environment, fault};
use std::path::PathBuf;

/// Figures of the table of clients at most: some MiB.
const MOST_FIGURES: usize = 1 << 20;

impl RunFolder {
    /// The recorders that write this folder's files: those that are chosen, between the ones that
    /// every run needs. When a run goes on after so many `rounds`, they begin with what is kept
    /// of it.
    ///
    /// # Errors
    /// An unknown recorder; a file that cannot be made or read.
    pub fn recorders(
        &self,
        plan: &Plan,
        whole: &Whole,
        saved: Option<&State>,
    ) -> Result<Vec<Box<dyn Recorder>>, RecordError> {
        self.describe(plan)?;
        self.describe(plan)?;
        let (journal, kept) = self.journal(saved)?;
        let mut summary = SummaryFile::new(&self.path, plan);
        let scene = Scene {
            folder: &self.path,
            plan,
            whole,
        };
        let mut recorders: Vec<Box<dyn Recorder>> = Vec::new();
        for record in chosen(&plan.config).map_err(|error| fault(&self.path, error))? {
            recorders.extend((record.make)(&scene)?);
        }
        for event in kept.iter().filter(|event| !is_end(event)) {
            recorders.record(event, &[])?;
            summary.record(event, &[])?;
        }
        recorders.insert(0, Box::new(journal));
        recorders.push(Box::new(Checkpoints::create(checkpoints(&self.path), plan)?));
        // The last, so that a run with a summary that says so is whole.
        recorders.push(Box::new(summary));
        Ok(recorders)
    }

    /// The journal, and the events of the run before that it keeps.
    fn journal(&self, saved: Option<&State>) -> Result<(Journal, Vec<Event>), RecordError> {
        let path = self.path.join(JOURNAL);
        match saved {
            Some(state) => {
                let derived: Vec<PathBuf> = recorded().map(|name| self.path.join(name)).collect();
                Journal::resume(path, state, &derived)
            }
            None => Ok((Journal::create(path)?, Vec::new())),
        }
    }

    /// Writes what a user of the model must know of its data.
    fn describe(&self, plan: &Plan) -> Result<(), RecordError> {
        let path = self.path.join(DATA);
        let text = serde_json::to_string_pretty(&plan.dataset.description());
        let written = text
            .map_err(Into::into)
            .and_then(|text| files::write_whole(&path, text.as_bytes()));
        written.map_err(|error| fault(&path, error))?;
        self.list_clients(plan)
    }

    /// Writes who owns how much of what, unless they are very many: `fedmpi partition` writes that
    /// too.
    fn list_clients(&self, plan: &Plan) -> Result<(), RecordError> {
        let path = self.path.join(CLIENTS);
        let mix = plan.mix();
        if mix.figures() > MOST_FIGURES {
            return Ok(());
        }
        let written = mix
            .table()
            .map_err(Into::into)
            .and_then(|table| files::write_whole(&path, &table));
        written.map_err(|error| fault(&path, error))
    }

    /// Notes what makes this start of the run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn note(&self, start: &Environment) -> Result<(), RecordError> {
        environment::add(&self.path, start)
    }
}

/// Whether an event ends a run, which a run that goes on has left behind.
fn is_end(event: &Event) -> bool {
    matches!(event, Event::Finished { .. } | Event::Ended { .. })
}
