//! Predictions as people read them, below what was measured.

use super::overheads::Overheads;
use super::{PAYS, Predicted, Predictor};
use crate::ids::counted;
use crate::message::Reduce;
use crate::schedule::{DispatchMode, Slowdown};

impl Predictor {
    /// A table for people.
    pub fn table(&self, workers: &[usize], slowdown: &Slowdown) -> String {
        let mut lines = self.record();
        lines.push(format!(
            "{:>8}{:>12}{:>14}{:>10}{:>12}",
            "workers", "round s", "evaluation s", "speed-up", "efficiency"
        ));
        lines.extend(
            workers
                .iter()
                .map(|workers| self.on(*workers, slowdown).line()),
        );
        lines.push(String::new());
        lines.push(self.advice(slowdown));
        lines.join("\n")
    }

    /// How many workers to take.
    fn advice(&self, slowdown: &Slowdown) -> String {
        match self.config.dispatch {
            DispatchMode::OnePerWorker => "each client has a worker of its own".to_owned(),
            DispatchMode::Planned | DispatchMode::Pull => {
                let pays = counted(self.pays(slowdown), "worker");
                let least = 100.0 * PAYS;
                format!("it pays up to {pays}: with more, efficiency is below {least:.0} %")
            }
        }
    }

    /// What was fitted, and how well it says again what was measured.
    fn record(&self) -> Vec<String> {
        let Overheads {
            planning,
            pause,
            exchange,
            rest,
            ..
        } = self.overheads;
        let [planning, pause, exchange, rest] =
            [planning, pause, exchange, rest].map(|seconds| format!("{:.2} ms", seconds * 1e3));
        let unit = match self.config.reduce {
            Reduce::Allreduce => "doubling of ranks",
            Reduce::Server | Reduce::Worker => "worker",
        };
        let rounds = counted(self.rounds.len(), "round");
        let workers = counted(self.workers, "worker");
        let again = self.on(self.workers, &self.slowdown).round;
        let off = 100.0 * (again / self.recorded.max(f64::MIN_POSITIVE) - 1.0);
        let recorded = self.recorded;
        vec![
            self.name.clone(),
            format!(
                "  recorded  {rounds} on {workers}: {recorded:.4} s, \
                 predicted {again:.4} s ({off:+.1} %)"
            ),
            format!("  training  at most {:.4} s, {pause} before each", self.longest),
            format!("  beside    planning {planning}, exchange {exchange} a {unit}, rest {rest}"),
            String::new(),
        ]
    }
}

impl Predicted {
    /// As a line of the table.
    fn line(self) -> String {
        let Predicted {
            workers,
            round,
            evaluation,
            speedup,
            efficiency,
        } = self;
        let efficiency = format!("{:.0} %", 100.0 * efficiency);
        format!("{workers:>8}{round:>12.4}{evaluation:>14.4}{speedup:>10.2}{efficiency:>12}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::run;
    use crate::config::Config;
    use crate::schedule::Slowdown;

    #[test]
    fn a_table_fits_a_terminal_and_says_what_was_measured() {
        let predictor = run(Config::default()).expect("rounds");
        let table = predictor.table(&[1, 1024], &Slowdown::default());
        assert!(
            table.contains("    1024") && table.lines().all(|line| line.len() <= 80),
            "{table}"
        );
        assert!(table.contains("2 workers: 4.8000 s, predicted 4.8000 s (+0.0 %)"), "{table}");
    }
}
