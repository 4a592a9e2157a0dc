//! What people read of runs: a table of several, and a page with figures. Runs are read once, by
//! [`read`]; the rest takes data and gives text, and writes nothing.

mod axis;
mod clients;
mod compare;
mod curve;
mod environment;
pub mod figure;
mod groups;
mod page;
mod reported;
mod sections;
mod stretches;
mod words;
mod workers;

pub use axis::By;
pub use clients::{Client, clients};
pub use compare::{Comparison, compare};
pub use page::page;
pub use reported::{Reported, read};
pub use sections::{Report, report};
pub use words::short_or_none;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{RoundDone, Standing, Trained};
    use crate::ids::{ClientId, Rank, Round};
    use crate::metrics::{ACCURACY, LOSS, Metrics};
    use crate::record::{History, Run};

    /// A run that has done nothing.
    pub(super) fn reported(name: &str) -> Reported {
        let run = Run {
            folder: name.into(),
            standing: Standing::Finished,
            started: jiff::Timestamp::default(),
            begun: None,
            summary: None,
            config: None,
        };
        Reported {
            name: name.to_owned(),
            run,
            history: History::default(),
            places: Vec::new(),
            settings: Default::default(),
            config: String::new(),
            environment: Vec::new(),
            mix: None,
        }
    }

    /// With rounds of one second that reached these accuracies.
    pub(super) fn with_rounds(mut run: Reported, accuracies: &[f64]) -> Reported {
        run.history.rounds = (0..)
            .zip(accuracies)
            .map(|(round, accuracy)| done(round, *accuracy))
            .collect();
        run.places = axis::places(&run.history.rounds);
        run
    }

    fn done(round: u32, accuracy: f64) -> RoundDone {
        let test = Metrics::default().with(ACCURACY, accuracy, 1);
        RoundDone {
            round: Round(round),
            seconds: 1.0,
            clock: f64::from(round + 1) * 2.0,
            updates: u64::from(round + 1) * 10,
            client_bytes: 100,
            test: Some(test.with(LOSS, 1.0 - accuracy, 1)),
            model_hash: format!("{round:064}"),
            ..RoundDone::default()
        }
    }

    /// Two thousand rounds of 128 trainings on 64 workers.
    fn long_run(seed: u32) -> Reported {
        let accuracies: Vec<f64> = (0..2000)
            .map(|round| f64::from((round * 7919 + seed) % 997) / 997.0)
            .collect();
        let mut run = with_rounds(reported(&format!("run{seed}")), &accuracies);
        for done in &mut run.history.rounds {
            (done.train_loss, done.schedule.efficiency) = (Some(1.0), Some(0.9));
            let trained = |lane: u32| Trained {
                round: done.round,
                client: ClientId(lane % 100),
                rank: Rank(1 + lane % 64),
                start: f64::from(lane / 64),
                seconds: 0.9,
                loss: f64::from(lane),
                ..Trained::default()
            };
            run.history.trained.extend((0..128).map(trained));
        }
        run
    }

    #[test]
    fn long_runs_of_many_workers_make_a_page_of_less_than_three_mebibytes() {
        let page = page(&report(&[0, 1, 2, 3, 4].map(long_run)));
        assert!(page.len() < 3 << 20, "{}", page.len());
    }
}
