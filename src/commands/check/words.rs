//! What a training would do, in words: a line for each question.

use crate::config::{Config, DeviceChoice, Mode, wrapped};
use crate::hosts::Seat;
use crate::ids::counted;
use crate::part::{Choice, plain};
use crate::plan::Plan;
use crate::transport::Host;

/// Where answers begin.
const COLUMN: usize = 11;

/// A training that might be.
pub(super) struct Job<'a> {
    pub(super) config: &'a Config,
    /// Nothing where data stays with its workers.
    pub(super) known: Option<Known<'a>>,
    pub(super) hosts: &'a [Host],
    pub(super) seats: &'a [Seat],
}

/// What is known once data was read.
pub(super) struct Known<'a> {
    pub(super) plan: &'a Plan,
    pub(super) parameters: usize,
}

impl Job<'_> {
    /// All answers, at most as wide as a screen.
    pub(super) fn in_words(&self) -> String {
        let moves = if self.is_in_rounds() {
            "rounds"
        } else {
            "moves"
        };
        let answers = [
            ("data", self.data()),
            ("model", self.model()),
            ("training", self.training()),
            ("method", self.method()),
            (moves, self.rounds()),
            ("privacy", self.privacy()),
            ("tests", self.tests()),
            ("hosts", self.places()),
            ("folder", self.folder()),
            ("plan", self.plan()),
        ];
        let told = answers.into_iter().filter(|(_, answer)| !answer.is_empty());
        told.map(|(question, answer)| line(question, &answer) + "\n")
            .collect()
    }

    fn is_in_rounds(&self) -> bool {
        self.config.mode == Mode::Sync
    }

    fn data(&self) -> String {
        let Config {
            dataset, data_dir, ..
        } = self.config;
        let Some(Known { plan, .. }) = &self.known else {
            return format!(
                "{dataset}, what each worker finds in {} on its host",
                data_dir.display()
            );
        };
        let (samples, test) = (plan.dataset.train.count(), plan.test_samples());
        let divided = match &self.config.partition_load {
            Some(path) => path.display().to_string(),
            None => part(&self.config.partition_method),
        };
        format!(
            "{dataset}: {} of {}, divided by {divided}; {test} more to test on; inputs {:?}, {}",
            counted(samples, "sample"),
            counted(plan.clients(), "client"),
            plan.dataset.facts.shape,
            counted(plan.dataset.facts.task.outputs(), "output")
        )
    }

    fn model(&self) -> String {
        match &self.known {
            Some(known) => {
                format!("{}, {}", self.config.model, counted(known.parameters, "parameter"))
            }
            None => self.config.model.to_string(),
        }
    }

    fn training(&self) -> String {
        let Config {
            client_optimizer,
            epochs,
            local_steps,
            batch_size,
            lr_schedule,
            dry_train,
            ..
        } = self.config;
        if *dry_train {
            return "none: clients give back what they got".to_owned();
        }
        let batches = match batch_size {
            size if *size > 0 => format!("batches of {size}"),
            _ => "one batch".to_owned(),
        };
        let length = match local_steps {
            Some(steps) => counted(*steps as usize, "local step"),
            None => counted(*epochs as usize, "epoch"),
        };
        format!("{length} in {batches} by {}; rate {}", part(client_optimizer), part(lr_schedule))
    }

    fn method(&self) -> String {
        let Config {
            algorithm,
            server_step,
            combine,
            aggregator,
            update,
            ..
        } = self.config;
        let name = self.config.method();
        let pieces = match self.config.mode {
            Mode::Sync => [
                chosen("algorithm", algorithm),
                chosen("server step", server_step),
                chosen("changes combined by", combine),
            ],
            Mode::Async => [
                chosen("arrivals by", aggregator),
                chosen("algorithm", algorithm),
                None,
            ],
        };
        let mut pieces: Vec<String> = pieces.into_iter().flatten().collect();
        for choice in &update.0 {
            pieces.push(format!("changes through {}", part(choice)));
        }
        if pieces.is_empty() {
            return name;
        }
        format!("{name}: {}", pieces.join(", "))
    }

    fn rounds(&self) -> String {
        let Config {
            comm_round,
            client_num_per_round,
            concurrency,
            client_selection,
            ..
        } = self.config;
        let chosen = part(client_selection);
        match self.config.mode {
            Mode::Sync => {
                format!("{comm_round}, each of {client_num_per_round} clients, chosen by {chosen}")
            }
            Mode::Async => format!(
                "{comm_round} of the model, {concurrency} clients in training, chosen by {chosen}"
            ),
        }
    }

    fn privacy(&self) -> String {
        let known = self.known.as_ref();
        let privacy = known.and_then(|known| known.plan.privacy.as_ref());
        privacy.map_or(String::new(), |privacy| {
            format!("{}; {}", privacy.cost(self.config.comm_round as u32), privacy.terms())
        })
    }

    fn tests(&self) -> String {
        let what = if self.is_in_rounds() { "round" } else { "move" };
        let often = match self.config.frequency_of_the_test {
            1 => format!("after every {what}"),
            every => format!("after every {every} {what}s, and the last"),
        };
        match self.known.as_ref().and_then(|known| known.plan.target()) {
            Some(target) => format!("{often}; the run ends at {target}"),
            None => often,
        }
    }

    fn places(&self) -> String {
        let on_gpus = self
            .seats
            .iter()
            .filter(|seat| matches!(seat, Seat::Gpu(_)));
        let gpus = on_gpus.count();
        let ranks = self.seats.len();
        let who = match ranks {
            1 if self.config.workers == 1 => "1 rank, server and worker".to_owned(),
            1 => format!("1 rank, a server and {} workers as threads", self.config.workers),
            _ => format!("{ranks} ranks, a server and {}", counted(ranks - 1, "worker")),
        };
        let is_auto = self.config.device == DeviceChoice::Auto;
        let fall = if is_auto { " where there are any" } else { "" };
        let on = match gpus {
            0 => "on CPUs".to_owned(),
            all if all == ranks => format!("on GPUs{fall}"),
            some => format!("{some} on GPUs{fall}, the others on CPUs"),
        };
        format!("{who}, {on}: {}", self.ranks_by_host())
    }

    fn ranks_by_host(&self) -> String {
        let mut by_host: Vec<(&str, usize)> = Vec::new();
        for host in self.hosts {
            match by_host.iter_mut().find(|(name, _)| *name == host.name) {
                Some((_, count)) => *count += 1,
                None => by_host.push((&host.name, 1)),
            }
        }
        let told: Vec<String> = by_host
            .iter()
            .map(|(name, count)| format!("{count} on {name}"))
            .collect();
        told.join(", ")
    }

    fn folder(&self) -> String {
        match &self.config.out_dir {
            Some(folder) => folder.display().to_string(),
            None => "a new one in runs/".to_owned(),
        }
    }

    fn plan(&self) -> String {
        match &self.known {
            Some(known) => known.plan.digest(),
            None => String::new(),
        }
    }
}

/// A question and its answer.
fn line(question: &str, answer: &str) -> String {
    let answer = wrapped(answer, COLUMN, COLUMN);
    format!("{question:<COLUMN$}{}", answer.trim_start())
}

/// A part after what it is, where one was chosen.
fn chosen(what: &str, choice: &Option<Choice>) -> Option<String> {
    Some(format!("{what} {}", part(choice.as_ref()?)))
}

/// A part as people say it: `sgd (lr 0.1, momentum 0.9)`.
fn part(choice: &Choice) -> String {
    let said = choice.values.iter().filter(|(_, value)| !value.is_null());
    let said: Vec<String> = said
        .map(|(name, value)| format!("{} {}", plain(name), plain(value)))
        .collect();
    if said.is_empty() {
        return choice.name.clone();
    }
    format!("{} ({})", choice.name, said.join(", "))
}
