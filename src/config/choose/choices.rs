//! The choices of a config that are in force: which there are, completed with all that their parts
//! can be told, and what they bring along.

use super::axes::PLAIN;
use crate::aggregate::{arrivals, combine, preset, step};
use crate::algorithm::{self, Shape};
use crate::config::{Config, Mode};
#[cfg(all(feature = "mpi", feature = "torch"))]
use crate::part::ParamKind;
use crate::part::{AnyKind, Choice, PartError};
use crate::train::{optimizer, schedule as rates};
use crate::{data, delay, partition, schedule, select, staleness, update};
use serde_yaml::Value;
use std::path::PathBuf;

impl Config {
    /// The choices that are in force in this mode, each with its kind.
    pub(super) fn choices(&mut self) -> Vec<(&'static dyn AnyKind, &mut Choice)> {
        let mut choices: Vec<(&'static dyn AnyKind, &mut Choice)> = vec![
            (&data::KIND, &mut self.dataset),
            (&partition::KIND, &mut self.partition_method),
            (&select::KIND, &mut self.client_selection),
            (&delay::KIND, &mut self.delay),
            (&schedule::KIND, &mut self.scheduler),
            (&optimizer::KIND, &mut self.client_optimizer),
            (&rates::KIND, &mut self.lr_schedule),
            (&rates::SERVER_KIND, &mut self.server_lr_schedule),
            #[cfg(feature = "torch")]
            (&crate::models::KIND, &mut self.model),
        ];
        for choice in &mut self.update.0 {
            choices.push((&update::KIND, choice));
        }
        if let Some(choice) = &mut self.algorithm {
            choices.push((&algorithm::KIND, choice));
        }
        if let Some(choice) = &mut self.server_step {
            choices.push((&step::KIND, choice));
        }
        if let Some(choice) = &mut self.combine {
            choices.push((&combine::KIND, choice));
        }
        if self.mode == Mode::Async {
            choices.push((&staleness::KIND, &mut self.staleness));
            let rule = self
                .aggregator
                .get_or_insert_with(|| arrivals::PLAIN.into());
            choices.push((&arrivals::KIND, rule));
        }
        choices
    }

    /// The same wishes with every choice completed: parts by their own names, with all their
    /// settings. What was completed stays as it is.
    ///
    /// # Errors
    /// Parts that do not exist, and settings that they do not have or that are out of range.
    pub fn completed(mut self) -> Result<Config, PartError> {
        if self.mode == Mode::Sync {
            let [algorithm, server_step, combine] = self.axes()?;
            self.aggregator = None;
            (self.algorithm, self.server_step) = (Some(algorithm), Some(server_step));
            self.combine = Some(combine);
        } else {
            self.algorithm.get_or_insert_with(|| PLAIN[0].into());
        }
        self.delay = delay::spelled(self.delay);
        for (kind, choice) in self.choices() {
            *choice = kind
                .complete(choice)
                .map_err(|fault| match kind.setting() {
                    "aggregator" => fault.of_another_mode(&preset::KIND, "--mode sync"),
                    _ => fault,
                })?;
        }
        Ok(self)
    }

    /// The files that the model is made of.
    pub(crate) fn model_files(&self) -> Vec<PathBuf> {
        let own = self.model.values.get("file").and_then(Value::as_str);
        let own = own.map(PathBuf::from);
        own.into_iter().chain(self.init_from.clone()).collect()
    }

    /// Whether a chosen part reads a file.
    #[cfg(all(feature = "mpi", feature = "torch"))]
    pub(crate) fn names_files(&self) -> bool {
        let mut config = self.clone();
        let choices = config.choices();
        choices.iter().any(|(kind, choice)| reads(*kind, choice))
    }

    /// Why a run without rounds cannot have this algorithm, if it cannot.
    pub(crate) fn unfit_without_rounds(&self) -> Option<&'static str> {
        let algorithm = algorithm::make(self.algorithm.as_ref()?).ok()?;
        if algorithm.shape(1) == Shape::default() {
            return None;
        }
        Some(
            "its clients say or keep more than a change, which needs rounds \
             (hint: --mode sync, or another --algorithm)",
        )
    }
}

/// Whether a part is told a file.
#[cfg(all(feature = "mpi", feature = "torch"))]
fn reads(kind: &dyn AnyKind, choice: &Choice) -> bool {
    let Ok(part) = kind.described(&choice.name) else { return false };
    let mut files = part
        .params
        .iter()
        .filter(|param| param.kind == ParamKind::File);
    files.any(|param| {
        choice
            .values
            .get(param.name)
            .is_some_and(|file| !file.is_null())
    })
}
