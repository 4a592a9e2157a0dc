//! What a training may take, from one client that is trained here. It is an estimate: other
//! machines, more workers than cores, messages and evaluation are not in it.

use crate::config::{Mode, wrapped};
use crate::data::Train;
use crate::engine::peak_rss_mib;
use crate::hosts::Seat;
use crate::ids::{ClientId, Rank, Round, counted};
use crate::partition::Partition;
use crate::plan::{Plan, passed};
use crate::start::{Place, make_trainer};
use crate::stop;
use crate::train::{Task, Trainer};
use crate::weights::Weights;
use std::sync::Arc;
use std::time::Instant;

/// Samples that are enough to know what one takes.
const ENOUGH: usize = 1000;
/// Seconds after which what is slow only once, as the first step is, no longer matters.
const LONG: f64 = 1.0;

/// One client's training, measured.
struct Measured {
    client: ClientId,
    // That were trained on, once.
    samples: usize,
    seconds: f64,
}

/// Time and memory in words, or why they cannot be told.
pub(super) fn estimate(plan: &Plan, seats: &[Seat]) -> String {
    let text = match measure(plan) {
        Ok(measured) => measured.told(plan, seats),
        Err(reason) => format!("no estimate, since a client cannot be trained here: {reason}"),
    };
    wrapped(&text, 0, 2)
}

/// Trains the client of median size, on the CPU and one thread.
fn measure(plan: &Plan) -> Result<Measured, String> {
    let client = median_client(plan);
    let alone = with_enough_of(plan, client);
    let samples = alone.samples(ClientId(0)) as usize;
    let seconds = stop::catch(|| seconds_of(&alone))??;
    Ok(Measured {
        client,
        samples,
        seconds,
    })
}

fn median_client(plan: &Plan) -> ClientId {
    let mut clients: Vec<ClientId> = plan.partition.ids().collect();
    clients.sort_by_key(|client| plan.samples(*client));
    clients[clients.len() / 2]
}

/// A plan of one epoch of this client alone, of not too many samples.
fn with_enough_of(plan: &Plan, client: ClientId) -> Plan {
    let mut samples = plan.partition.of(client).into_owned();
    // What is generated comes whole.
    if let Train::Stored(_) = plan.dataset.train {
        samples.truncate(ENOUGH);
    }
    let mut alone = plan.clone();
    (alone.config.epochs, alone.config.local_steps, alone.config.threads) = (1, None, 1);
    alone.partition = Arc::new(Partition::new(&[samples]));
    alone
}

/// Trains the only client; again if that was short, since the first time takes longer.
fn seconds_of(alone: &Plan) -> Result<f64, String> {
    let trainer = make_trainer(alone, Place::cpu(), Rank::SERVER);
    let mut trainer = trainer.map_err(|error| error.to_string())?;
    let start = Arc::new(trainer.initial());
    let first = one_training(trainer.as_mut(), &start)?;
    if first >= LONG {
        return Ok(first);
    }
    Ok(first.min(one_training(trainer.as_mut(), &start)?))
}

fn one_training(trainer: &mut dyn Trainer, start: &Weights) -> Result<f64, String> {
    let begun = Instant::now();
    let trained = trainer.train(&Task::new(Round(0), ClientId(0), start));
    trained.map_err(|error| error.to_string())?;
    Ok(begun.elapsed().as_secs_f64())
}

impl Measured {
    fn told(&self, plan: &Plan, seats: &[Seat]) -> String {
        let Measured {
            client,
            samples,
            seconds,
        } = self;
        let workers = plan.config.workers_of(seats.len());
        let a_sample = seconds / (*samples).max(1) as f64;
        let time = match plan.mode() {
            Mode::Sync => rounds_take(plan, a_sample, workers),
            Mode::Async => trainings_take(plan, a_sample, workers),
        };
        let gpus = seats.iter().any(|seat| matches!(seat, Seat::Gpu(_)));
        let faster = if gpus { "; GPUs are not in it" } else { "" };
        format!(
            "estimate from this machine: client {client} trained on one thread, {} in {}. {time}, \
             if each worker has a core like this one; messages and evaluation come on top{faster}. \
             A rank needs about {:.0} MiB: this process at its peak, with data that the ranks of a \
             host share.",
            counted(*samples, "sample"),
            human(*seconds),
            peak_rss_mib()
        )
    }
}

/// Seconds of a client, with all that it passes over: the mean.
fn client_seconds(plan: &Plan, a_sample: f64) -> f64 {
    let work = passed(&plan.config);
    let all: u64 = plan
        .partition
        .ids()
        .map(|client| work(plan.samples(client)))
        .sum();
    all as f64 / plan.clients().max(1) as f64 * a_sample
}

fn rounds_take(plan: &Plan, a_sample: f64, workers: usize) -> String {
    let cohort = plan.cohort_size();
    let busy = workers.min(cohort).max(1);
    let round = client_seconds(plan, a_sample) * cohort as f64 / busy as f64;
    let all = human(round * f64::from(plan.rounds()));
    format!(
        "So a round takes about {} on {}, all {} about {all}",
        human(round),
        counted(busy, "worker"),
        plan.rounds()
    )
}

fn trainings_take(plan: &Plan, a_sample: f64, workers: usize) -> String {
    let client = client_seconds(plan, a_sample);
    let busy = workers.min(plan.config.concurrency as usize).max(1);
    let a_second = busy as f64 / client.max(1e-9);
    format!(
        "So a client takes about {}, and on {} {a_second:.1} are trained a second",
        human(client),
        counted(busy, "worker")
    )
}

/// Seconds as people say them.
pub(super) fn human(seconds: f64) -> String {
    match seconds {
        short if short < 0.1 => format!("{:.2} ms", short * 1e3),
        short if short < 100.0 => format!("{short:.1} s"),
        long if long < 6000.0 => format!("{:.0} min", long / 60.0),
        long => format!("{:.1} h", long / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn time_is_told_in_the_unit_that_people_would_take() {
        let told: Vec<String> = [0.0015, 0.5, 90.0, 600.0, 7200.0].map(human).into();
        assert_eq!(told, ["1.50 ms", "0.5 s", "90.0 s", "10 min", "2.0 h"]);
    }

    #[test]
    fn a_round_takes_what_its_samples_take_divided_by_its_workers() {
        let config = Config {
            client_num_in_total: 4,
            client_num_per_round: 2,
            epochs: 3,
            ..Config::default()
        };
        let plan = Plan::resolve(config).expect("sound");
        let mean = plan.dataset.train.count() as f64 / 4.0;
        // More workers than clients help nobody.
        let told = rounds_take(&plan, 1.0 / mean, 8);
        assert_eq!(told, "So a round takes about 3.0 s on 2 workers, all 10 about 30.0 s");
        assert!(plan.samples(median_client(&plan)) > 0);
    }

    #[test]
    fn one_client_is_trained_and_not_on_everything() {
        let plan = Plan::resolve(Config {
            client_num_in_total: 4,
            client_num_per_round: 2,
            ..Config::default()
        })
        .expect("sound");
        let measured = measure(&plan).expect("trains");
        assert!(measured.samples <= ENOUGH && measured.seconds > 0.0);
    }
}
