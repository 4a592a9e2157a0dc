//! `fedmpi evaluate`: a run's model on test data, on whatever ranks are there. Nothing in the run's
//! folder is written.

mod found;
mod model;

use super::rehearsal::{rehearsing, write_json};
use super::train::{on_threads, stay, wire, without_server};
use super::{flags_of_run, tell};
use crate::cli::EvaluateArgs;
use crate::config::Flags;
use crate::data::Train;
use crate::engine;
use crate::event::Recorder;
use crate::ids::{ClientId, Rank};
use crate::metrics::Metrics;
use crate::partition::Partition;
use crate::plan::Plan;
use crate::record;
use crate::start::{Ready, make_trainer, sums};
use crate::stop::exit;
use crate::transport::mpi::Mpi;
use crate::transport::{Sums, World};
use crate::weights::{self, Weights};
use anyhow::{Result, bail};
use found::{Class, Found, named};
use model::Model;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Evaluates as one rank of an MPI job, or alone; gives the exit code, the same on all ranks.
pub(super) fn run(arguments: &EvaluateArgs) -> Result<u8> {
    let run = record::find(&arguments.run)?;
    let flags = flags(&run, arguments)?;
    let look = |plan: &Plan| Model::read(&run, arguments.best, plan);
    rehearsing(&flags, look, |mpi, ready, found| {
        evaluate(mpi, ready, &run, found.map(|(model, _)| model), arguments)
    })
}

/// The run's own settings, with other data if that is wanted. The model that it started from
/// decides nothing any more.
fn flags(run: &Path, arguments: &EvaluateArgs) -> Result<Flags> {
    let mut words = arguments.training.clone();
    if let Some(name) = &arguments.dataset {
        words.extend(["--dataset".into(), OsString::from(name)]);
    }
    if let Some(folder) = &arguments.data_dir {
        words.extend(["--data_dir".into(), folder.into()]);
    }
    flags_of_run(run, &words)
}

fn evaluate(
    mpi: &Mpi,
    mut ready: Ready,
    run: &Path,
    model: Option<Model>,
    arguments: &EvaluateArgs,
) -> Result<u8> {
    let name = model.as_ref().map(|model| model.name.clone());
    let weights = model
        .map(|model| model.weights(ready.trainer.as_ref()))
        .transpose();
    if mpi.first_failure(weights.is_err()).is_some() {
        if let Err(error) = weights {
            log::error!("{error:#}");
        }
        return Ok(exit::REFUSED);
    }
    let began = Instant::now();
    let weights = weights?;
    let Some(metrics) = together(mpi, &mut ready, weights.as_ref())? else {
        return Ok(exit::DONE);
    };
    let (plan, weights) = (&ready.plan, weights.unwrap_or_default());
    let seconds = began.elapsed().as_secs_f64();
    let mut found = Found {
        run: run.display().to_string(),
        model: name.unwrap_or_default(),
        hash: weights::hash(&weights),
        dataset: plan.config.dataset.name.clone(),
        samples: plan.test_samples(),
        ranks: mpi.size(),
        seconds,
        metrics: named(&metrics),
        classes: Vec::new(),
    };
    if arguments.classes {
        found.classes = classes(&ready, &weights)?;
    }
    found.lines().iter().for_each(tell);
    if let Some(path) = &arguments.json {
        write_json(path, &found)?;
    }
    Ok(exit::DONE)
}

/// The server asks all ranks and gives what came of it; the others answer.
fn together(mpi: &Mpi, ready: &mut Ready, weights: Option<&Weights>) -> Result<Option<Metrics>> {
    let Ready {
        plan,
        place,
        trainer,
        ..
    } = ready;
    let sums = sums(mpi, plan, *place);
    let shared = matches!(sums, Sums::Devices(_));
    let Some(weights) = weights else {
        let served = engine::serve(plan, &mut wire(mpi, sums), trainer.as_mut());
        served
            .map(|()| stay(mpi, shared))
            .or_else(|fault| without_server(mpi, fault))?;
        return Ok(None);
    };
    // Nobody records what happens.
    let mut nobody: Vec<Box<dyn Recorder>> = Vec::new();
    let metrics = if mpi.size() == 1 {
        let (workers, make) = on_threads(plan, *place);
        engine::evaluate_local(plan, workers, make, weights, &mut nobody)?
    } else {
        engine::evaluate(plan, &mut wire(mpi, sums), trainer.as_mut(), weights, &mut nobody)?
    };
    stay(mpi, shared);
    Ok(Some(metrics))
}

/// Each class by itself, on this rank: the test data is divided among classes as training data is
/// among clients.
fn classes(ready: &Ready, weights: &Weights) -> Result<Vec<Class>> {
    let mut plan = ready.plan.clone();
    let mut dataset = plan.dataset.as_ref().clone();
    let Some(labels) = dataset.test.targets.classes() else {
        bail!("--classes needs data of which each sample has a class");
    };
    let mut lists = vec![Vec::new(); dataset.facts.task.outputs()];
    for (sample, label) in (0..).zip(labels.iter().take(plan.test_samples())) {
        lists[*label as usize].push(sample);
    }
    dataset.train = Train::Stored(std::mem::take(&mut dataset.test));
    let names = dataset.about.classes.clone();
    plan.config.feature_noise = 0.0;
    (plan.dataset, plan.partition) = (Arc::new(dataset), Arc::new(Partition::new(&lists)));
    let mut trainer = make_trainer(&plan, ready.place, Rank::SERVER)?;
    let mut found = Vec::new();
    for (number, list) in lists.iter().enumerate() {
        if list.is_empty() {
            continue;
        }
        let metrics = trainer.evaluate_client(weights, ClientId::from(number))?;
        found.push(Class {
            name: names
                .get(number)
                .cloned()
                .unwrap_or_else(|| number.to_string()),
            samples: list.len(),
            metrics: named(&metrics),
        });
    }
    Ok(found)
}
