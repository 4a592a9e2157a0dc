//! `fedmpi evaluate`: a run's model on test data, on whatever ranks are there. Nothing in the run's
//! folder is written.

use super::rehearsal::rehearsing;
use super::train::{stay, wire, without_server};
use super::{flags_of_run, tell};
use crate::cli::EvaluateArgs;
use crate::config::Flags;
use crate::data::Train;
use crate::engine::{self, EngineError};
use crate::event::Recorder;
use crate::files;
use crate::ids::{ClientId, Rank, counted};
use crate::metrics::Metrics;
use crate::partition::Partition;
use crate::plan::Plan;
use crate::record::{self, BEST, MODEL, Whole, checkpoint, checkpoints};
use crate::start::{Ready, make_trainer, sums};
use crate::stop::exit;
use crate::train::{TrainError, Trainer};
use crate::transport::mpi::Mpi;
use crate::transport::{Sums, World};
use crate::weights::{self, Weights};
use anyhow::{Context, Error, Result, bail, ensure};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
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

/// A model that a run has left.
struct Model {
    /// The file that it is from.
    name: String,
    content: Content,
}

enum Content {
    /// A file of tensors.
    Tensors(Vec<u8>),
    /// The flat weights of a checkpoint.
    Flat(Vec<f32>),
}

impl Model {
    /// The final or the best model; that of the newest checkpoint where there is no final one.
    fn read(run: &Path, best: bool, plan: &Plan) -> Result<Model> {
        let name = if best { BEST } else { MODEL };
        let path = run.join(name);
        match files::bytes(&path) {
            Ok(bytes) => Ok(Model {
                name: name.to_owned(),
                content: Content::Tensors(bytes),
            }),
            Err(error) if error.kind() == ErrorKind::NotFound && !best => Model::saved(run, plan),
            Err(error) => {
                let hint = if best {
                    " (hint: runs keep it with --record 'csv;model;best')"
                } else {
                    ""
                };
                Err(Error::msg(format!("cannot read {}: {error}{hint}", path.display())))
            }
        }
    }

    fn saved(run: &Path, plan: &Plan) -> Result<Model> {
        let saved = checkpoint::newest(&checkpoints(run), plan).with_context(|| {
            format!("{} has no {MODEL}, and no checkpoint of use", run.display())
        })?;
        let name = format!("checkpoint after {}", counted(saved.state.rounds as usize, "round"));
        Ok(Model {
            name,
            content: Content::Flat(saved.weights),
        })
    }

    /// Its flat weights, for the network of a trainer.
    fn weights(self, trainer: &dyn Trainer) -> Result<Weights> {
        let layout = trainer.layout();
        let weights = match self.content {
            Content::Flat(weights) => weights,
            Content::Tensors(bytes) => {
                let whole = Whole {
                    layout: layout.clone(),
                    frozen: trainer.frozen(),
                };
                whole.weights(&bytes).map_err(Error::msg).with_context(|| {
                    format!(
                        "{} does not fit (hint: is the data of as many inputs and classes as the run's?)",
                        self.name
                    )
                })?
            }
        };
        ensure!(weights.len() == layout.length(), "{} is of another model", self.name);
        Ok(Arc::new(weights))
    }
}

/// What is found of a model.
#[derive(Serialize)]
struct Found {
    run: String,
    model: String,
    hash: String,
    dataset: String,
    samples: usize,
    ranks: usize,
    seconds: f64,
    #[serde(with = "crate::number")]
    metrics: BTreeMap<String, f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    classes: Vec<Class>,
}

/// What is found of the samples of one class.
#[derive(Serialize)]
struct Class {
    name: String,
    samples: usize,
    #[serde(with = "crate::number")]
    metrics: BTreeMap<String, f64>,
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
        weights
            .err()
            .iter()
            .for_each(|error| log::error!("{error:#}"));
        return Ok(exit::REFUSED);
    }
    let began = Instant::now();
    let weights = weights?;
    let Some(metrics) = together(mpi, &mut ready, weights.as_ref())? else {
        return Ok(exit::DONE);
    };
    let (plan, weights) = (&ready.plan, weights.unwrap_or_default());
    let seconds = began.elapsed().as_secs_f64();
    let found = Found {
        run: run.display().to_string(),
        model: name.unwrap_or_default(),
        hash: weights::hash(&weights),
        dataset: plan.config.dataset.name.clone(),
        samples: plan.test_samples(),
        ranks: mpi.size(),
        seconds,
        metrics: named(&metrics),
        classes: if arguments.classes {
            classes(&ready, &weights)?
        } else {
            Vec::new()
        },
    };
    found.lines().iter().for_each(tell);
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&found)? + "\n";
        let unwritten = || format!("cannot write {} (hint: --json FILE)", path.display());
        files::write_named(path, text.as_bytes()).with_context(unwritten)?;
    }
    Ok(exit::DONE)
}

/// The server asks all ranks and gives what came of it; the others answer.
fn together(mpi: &Mpi, ready: &mut Ready, weights: Option<&Weights>) -> Result<Option<Metrics>> {
    let Ready {
        plan,
        device,
        trainer,
        ..
    } = ready;
    let sums = sums(mpi, plan, *device);
    let shared = matches!(sums, Sums::Devices(_));
    let Some(weights) = weights else {
        let served = engine::serve(plan, &mut wire(mpi, sums), trainer.as_mut());
        served
            .map(|()| stay(mpi, shared))
            .or_else(|fault| without_server(mpi, fault))?;
        return Ok(None);
    };
    if mpi.size() == 1 {
        return Ok(Some(
            trainer
                .evaluate(weights)
                .map_err(|error| Error::msg(error.to_string()))?,
        ));
    }
    // Nobody records what happens.
    let mut nobody: Vec<Box<dyn Recorder>> = Vec::new();
    let metrics: Result<Metrics, EngineError> =
        engine::evaluate(plan, &mut wire(mpi, sums), trainer.as_mut(), weights, &mut nobody);
    let metrics = metrics?;
    stay(mpi, shared);
    Ok(Some(metrics))
}

fn named(metrics: &Metrics) -> BTreeMap<String, f64> {
    metrics
        .shown()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
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
    let test = labels.iter().take(plan.test_samples());
    (0..)
        .zip(test)
        .for_each(|(sample, label)| lists[*label as usize].push(sample));
    dataset.train = Train::Stored(std::mem::take(&mut dataset.test));
    let names = dataset.about.classes.clone();
    plan.config.feature_noise = 0.0;
    (plan.dataset, plan.partition) = (Arc::new(dataset), Arc::new(Partition::new(&lists)));
    let mut trainer = make_trainer(&plan, ready.device, ready.sharers, Rank::SERVER)?;
    let mut class = |number: usize| -> Result<Class, TrainError> {
        let metrics = trainer.evaluate_client(weights, ClientId::from(number))?;
        let name = names
            .get(number)
            .cloned()
            .unwrap_or_else(|| number.to_string());
        Ok(Class {
            name,
            samples: lists[number].len(),
            metrics: named(&metrics),
        })
    };
    let known = (0..lists.len()).filter(|number| !lists[*number].is_empty());
    Ok(known.map(&mut class).collect::<Result<_, _>>()?)
}

impl Found {
    fn lines(&self) -> Vec<String> {
        let Found {
            run,
            model,
            hash,
            dataset,
            samples,
            ranks,
            seconds,
            ..
        } = self;
        let on = counted(*ranks, "rank");
        let mut lines = vec![
            format!("run     {run}"),
            format!("model   {hash} ({model})"),
            format!(
                "data    {dataset}, {} on {on} in {seconds:.3} s",
                counted(*samples, "test sample")
            ),
        ];
        lines.extend(
            self.metrics
                .iter()
                .map(|(name, value)| format!("{name:<12} {value:.6}")),
        );
        let longest = self
            .classes
            .iter()
            .map(|class| class.name.chars().count())
            .max()
            .unwrap_or(0)
            .max(5);
        if let Some(first) = self.classes.first() {
            let heads = first.metrics.keys().map(|name| format!("{name:>12}"));
            lines.push(format!("{:>longest$}   samples{}", "class", heads.collect::<String>()));
        }
        lines.extend(self.classes.iter().map(|class| {
            let values = class.metrics.values().map(|value| format!("{value:>12.4}"));
            format!("{:>longest$}{:>10}{}", class.name, class.samples, values.collect::<String>())
        }));
        lines
    }
}
