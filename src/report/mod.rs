//! What people read of runs: a table of several, and a page with figures. Runs are read once, by [`read`]; the rest takes
//! data and gives text, and writes nothing.

mod axis;
mod clients;
mod compare;
mod curve;
pub mod figure;
mod groups;
mod page;
mod reported;
mod sections;
mod words;
mod workers;

pub use axis::By;
pub use compare::{Comparison, compare};
pub use page::page;
pub use reported::{Reported, read};
pub use sections::{Report, report};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{RoundDone, Standing};
    use crate::ids::Round;
    use crate::metrics::{ACCURACY, LOSS, Metrics};
    use crate::record::{History, Run};

    /// A run that has done nothing.
    pub(super) fn reported(name: &str) -> Reported {
        let run = Run {
            folder: name.into(),
            standing: Standing::Finished,
            started: jiff::Timestamp::default(),
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
        let done = |(round, accuracy): (u32, &f64)| RoundDone {
            round: Round(round),
            seconds: 1.0,
            clock: f64::from(round + 1) * 2.0,
            updates: u64::from(round + 1) * 10,
            client_bytes: 100,
            test: Some(Metrics::default().with(ACCURACY, *accuracy, 1).with(LOSS, 1.0 - accuracy, 1)),
            model_hash: format!("{round:064}"),
            ..RoundDone::default()
        };
        run.history.rounds = (0..).zip(accuracies).map(done).collect();
        run.places = axis::places(&run.history.rounds);
        run
    }
}
