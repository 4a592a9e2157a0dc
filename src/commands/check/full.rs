//! `fedmpi check --full`: what a job would find out late. Clients of all sizes are trained for one
//! step each, and the model is evaluated on all test data.

use super::estimate::human;
use crate::engine::peak_rss_mib;
use crate::ids::{ClientId, Rank, Round, counted};
use crate::plan::Plan;
use crate::start::{Place, make_trainer};
use crate::stop;
use crate::train::Task;
use anyhow::{Context, Error, Result};
use std::sync::Arc;
use std::time::Instant;

/// A client for each worker, the smallest and the largest among them, and what they took.
///
/// # Errors
/// A client that cannot be trained, by name; a model that cannot be evaluated.
pub(super) fn rehearsed(plan: &Plan, workers: usize) -> Result<String> {
    stop::catch(|| rehearse(plan, workers)).map_err(Error::msg)?
}

fn rehearse(plan: &Plan, workers: usize) -> Result<String> {
    let mut short = plan.clone();
    (short.config.threads, short.config.local_steps) = (1, Some(1));
    let mut trainer = make_trainer(&short, Place::cpu(), Rank::SERVER)?;
    let start = Arc::new(trainer.initial());
    let clients = of_all_sizes(plan, workers);
    let mut told = Vec::new();
    for &client in &clients {
        let began = Instant::now();
        let trained = trainer.train(&Task::new(Round(0), client, &start));
        trained.with_context(|| {
            format!("client {client} ({}) cannot be trained", owned(plan, client))
        })?;
        told.push(format!(
            "client {client} ({}) {}",
            owned(plan, client),
            human(began.elapsed().as_secs_f64())
        ));
    }
    let began = Instant::now();
    trainer
        .evaluate(&start)
        .context("the model cannot be evaluated on the test data")?;
    let evaluated = human(began.elapsed().as_secs_f64());
    let (last, first) = (told.len() - 1, told.first().cloned().unwrap_or_default());
    let most = if last > 0 {
        format!(" ... {}", told[last])
    } else {
        String::new()
    };
    Ok(format!(
        "full: {} trained for one step, one for each worker, from the smallest to the largest: \
         {first}{most}. {} evaluated in {evaluated}. At its peak this process had {:.0} MiB.",
        counted(clients.len(), "client"),
        counted(plan.test_samples(), "test sample"),
        peak_rss_mib()
    ))
}

fn owned(plan: &Plan, client: ClientId) -> String {
    counted(plan.samples(client) as usize, "sample")
}

/// So many clients at most, by their size, at equal distances.
fn of_all_sizes(plan: &Plan, most: usize) -> Vec<ClientId> {
    let mut clients: Vec<ClientId> = plan.partition.ids().collect();
    clients.sort_by_key(|client| plan.samples(*client));
    let last = clients.len().saturating_sub(1);
    let wanted = most.clamp(2, clients.len().max(2));
    let mut places: Vec<usize> = (0..wanted)
        .map(|place| last * place / (wanted - 1))
        .collect();
    places.dedup();
    places
        .into_iter()
        .filter_map(|place| clients.get(place).copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_smallest_and_the_largest_client_are_trained_and_who_cannot_be_is_named() {
        let config = Config {
            client_num_in_total: 9,
            client_num_per_round: 3,
            ..Config::default()
        };
        let plan = Plan::resolve(config).expect("sound");
        for workers in [1, 2, 5, 100] {
            let clients = of_all_sizes(&plan, workers);
            let sizes: Vec<u64> = clients.iter().map(|client| plan.samples(*client)).collect();
            let all: Vec<u64> = plan
                .partition
                .ids()
                .map(|client| plan.samples(client))
                .collect();
            assert_eq!(clients.len(), workers.clamp(2, 9));
            assert_eq!((sizes.first(), sizes.last()), (all.iter().min(), all.iter().max()));
        }
        let told = rehearsed(&plan, 3).expect("trained");
        assert!(
            told.starts_with("full: 3 clients trained for one step")
                && told.contains("test samples"),
            "{told}"
        );
    }
}
