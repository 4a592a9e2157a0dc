//! A run as reports need it: all that its folder says.

use super::axis::{Place, places};
use super::words::names;
use crate::config::{Config, Mode, RUN_CONFIG};
use crate::event::{RoundDone, Standing};
use crate::files;
use crate::metrics::Metrics;
use crate::partition::Mix;
use crate::plan::settings_in;
use crate::record::{CLIENTS, Environment, History, Run, environment};
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

/// A run, read.
#[derive(Clone, Debug)]
pub struct Reported {
    /// The shortest that tells it from the others.
    pub name: String,
    /// How it stands.
    pub run: Run,
    /// All events.
    pub history: History,
    /// Where it stood after each round.
    pub places: Vec<Place>,
    /// Settings by name, those of parts too.
    pub settings: BTreeMap<String, String>,
    /// The text of its config.
    pub config: String,
    /// What made it, at each start.
    pub environment: Vec<Environment>,
    /// Who owns how much of what; none where nothing says so.
    pub mix: Option<Mix>,
}

/// Reads runs from their folders, side by side.
///
/// # Errors
/// A folder without a run of this program.
pub fn read(folders: &[PathBuf]) -> Result<Vec<Reported>, String> {
    let mut runs = thread::scope(|scope| {
        let readers: Vec<_> = folders
            .iter()
            .map(|folder| scope.spawn(|| Reported::read(folder)))
            .collect();
        let read = readers
            .into_iter()
            .map(|reader| reader.join().unwrap_or_else(|panic| resume_unwind(panic)));
        read.collect::<Result<Vec<Reported>, String>>()
    })?;
    for (run, name) in runs.iter_mut().zip(names(folders)) {
        run.name = name;
    }
    Ok(runs)
}

impl Reported {
    fn read(folder: &Path) -> Result<Reported, String> {
        let history = History::read(folder).map_err(|error| error.to_string())?;
        let path = folder.join(RUN_CONFIG);
        let config = files::text(&path);
        let config = config.map_err(|error| {
            format!("cannot read {}: {error} (hint: name folders of runs)", path.display())
        })?;
        Config::parse(&config).map_err(|error| format!("{}: {error}", path.display()))?;
        let run = Run::look(folder);
        let settings = serde_json::to_string(&run.config)
            .map(|text| settings_in(&text))
            .unwrap_or_default();
        Ok(Reported {
            name: String::new(),
            places: places(&history.rounds),
            mix: Mix::read(&folder.join(CLIENTS)),
            // A run can be read without it.
            environment: environment::read(folder).unwrap_or_default(),
            run,
            history,
            settings,
            config,
        })
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        self.run.standing
    }

    /// Whether it came to no end of its own.
    pub fn is_broken(&self) -> bool {
        matches!(self.standing(), Standing::Failed | Standing::Killed)
    }

    /// Why it ended; empty when nothing says so.
    pub fn reason(&self) -> String {
        // The launcher may know better than the run did.
        let told = Some(self.run.reason()).filter(|reason| !reason.is_empty());
        told.or_else(|| self.history.end.as_ref().map(|(_, reason)| reason.clone()))
            .unwrap_or_default()
    }

    /// The last round.
    pub fn last(&self) -> Option<&RoundDone> {
        self.history.rounds.last()
    }

    /// The last evaluation.
    pub fn test(&self) -> Option<&Metrics> {
        self.history
            .rounds
            .iter()
            .rev()
            .find_map(|done| done.test.as_ref())
    }

    /// What was given away of each client in the end, and what that depends on; none where nothing
    /// bounds it.
    pub fn privacy(&self) -> Option<(f64, &str)> {
        let terms = self.history.starts.last()?.privacy.as_deref()?;
        Some((self.last()?.epsilon?, terms))
    }

    /// Rounds that it was to do.
    pub fn planned(&self) -> u32 {
        self.history
            .starts
            .last()
            .map_or(0, |started| started.rounds)
    }

    /// Workers that it had at last.
    pub fn workers(&self) -> usize {
        self.history
            .starts
            .last()
            .map_or(0, |started| started.workers)
    }

    /// Seconds of its rounds, evaluation included.
    pub fn seconds(&self) -> f64 {
        self.history
            .rounds
            .iter()
            .map(|done| done.seconds + done.evaluation_seconds)
            .fold(0.0, |sum, more| sum + more)
    }

    /// Share of these seconds that workers spent on training, from 0 to 1; none before there is
    /// any.
    pub fn utilised(&self) -> Option<f64> {
        let trained = self.history.trained.iter().map(|trained| trained.seconds);
        let arrived = self.history.arrived.iter().map(|arrived| arrived.seconds);
        let offered = self.seconds() * self.workers() as f64;
        let told = self
            .run
            .summary
            .as_ref()
            .filter(|summary| summary.rounds > 0)
            .map(|summary| summary.worker_utilisation);
        told.or((offered > 0.0).then(|| trained.chain(arrived).sum::<f64>() / offered))
    }

    /// Its method in a few words.
    pub fn method(&self) -> String {
        match &self.run.config {
            Some(config) if config.mode == Mode::Async => {
                format!("{}, {} at once", config.method(), config.concurrency)
            }
            Some(config) => {
                format!("{}, rounds of {}", config.method(), config.client_num_per_round)
            }
            None => String::new(),
        }
    }
}
