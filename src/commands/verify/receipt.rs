//! What a verification came to, for people and for programs.

use super::evidence::Evidence;
use super::witness::Finding;
use crate::event::Standing;
use crate::files;
use crate::ids::counted;
use crate::plan::Plan;
use crate::record::{Environment, Summary, Whole, environment};
use crate::weights;
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::PathBuf;

/// Files of models that a run may leave, and whether they hold the last model or any.
const MODELS: [(&str, bool); 2] = [("model.safetensors", true), ("best.safetensors", false)];

/// What came of the rounds that were trained again.
pub(super) struct Again {
    pub(super) rounds: Vec<Finding>,
    pub(super) workers: usize,
    /// What they were trained with.
    pub(super) now: Environment,
}

/// A receipt.
#[derive(Serialize)]
pub(super) struct Receipt {
    run: PathBuf,
    /// Whether everything that was looked at is as recorded.
    pub(super) verified: bool,
    plan: Digest,
    data: Digest,
    rounds: Vec<Finding>,
    models: Vec<ModelFound>,
    faults: Vec<String>,
    workers: usize,
    /// What it was verified with.
    now: Environment,
    /// Every start of the run; none where that is not recorded.
    then: Vec<Environment>,
    #[serde(skip)]
    asked: BTreeSet<u32>,
    #[serde(skip)]
    about: String,
}

/// A fingerprint then and now.
#[derive(Serialize)]
struct Digest {
    recorded: Option<String>,
    found: String,
}

impl Digest {
    /// None is on record where it is empty.
    fn of(recorded: String, found: String) -> Digest {
        let recorded = Some(recorded).filter(|recorded| !recorded.is_empty());
        Digest { recorded, found }
    }

    fn text(&self) -> String {
        match &self.recorded {
            Some(recorded) if *recorded == self.found => format!("{recorded}, as recorded"),
            Some(recorded) => format!(
                "{}, recorded is {recorded}: what differs does not touch the result",
                self.found
            ),
            None => format!("{}, on no record", self.found),
        }
    }
}

/// A model in the run's folder.
#[derive(Serialize)]
struct ModelFound {
    file: &'static str,
    /// The round whose model it is.
    round: u32,
    hash: String,
}

impl Receipt {
    /// Looks at the files of models too.
    pub(super) fn of(evidence: Evidence, plan: &Plan, again: Again, whole: &Whole) -> Receipt {
        let mut faults = evidence.faults.clone();
        let then = match environment::read(&evidence.folder) {
            Ok(starts) => starts,
            Err(error) => {
                faults.push(error.to_string());
                Vec::new()
            }
        };
        let mut models = Vec::new();
        for (file, is_last) in MODELS {
            // A run that falls back ends with an earlier model, and one that goes on has not
            // written its last one yet.
            let is_last =
                is_last && !plan.config.fall_back && evidence.summary.state == Standing::Finished;
            match look(&evidence, file, is_last, whole) {
                Ok(found) => models.extend(found),
                Err(fault) => faults.push(fault),
            }
        }
        let is_same = again.rounds.iter().all(|finding| finding.same);
        let Evidence { summary, .. } = evidence;
        Receipt {
            about: about(plan, &summary),
            run: evidence.folder,
            verified: faults.is_empty() && is_same,
            plan: Digest::of(summary.plan_digest, plan.digest()),
            data: Digest::of(summary.data_digest, plan.data_digest()),
            rounds: again.rounds,
            models,
            faults,
            workers: again.workers,
            now: again.now,
            then,
            asked: evidence.asked,
        }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let now = &self.now;
        let workers = counted(self.workers, "worker");
        let mut lines = vec![
            format!("run      {}: {}", self.run.display(), self.about),
            format!(
                "program  fedmpi {}, libtorch {}, {workers} on {}",
                now.version, now.libtorch, now.processor
            ),
        ];
        match self.then.last() {
            None => lines.push("then     unknown: the run has no environment.json".to_owned()),
            Some(then) => lines.extend(differing(then, now)),
        }
        lines.push(format!("plan     {}", self.plan.text()));
        lines.push(format!("data     {}", self.data.text()));
        for ModelFound { file, round, hash } in &self.models {
            lines.push(format!("model    {file} is of round {round} ({hash})"));
        }
        lines.extend(self.faults.iter().map(|fault| format!("fault    {fault}")));
        lines.push(self.verdict());
        lines.join("\n")
    }

    /// The last line: how many of the rounds that were asked for came out as recorded.
    fn verdict(&self) -> String {
        let is_asked = |finding: &&Finding| self.asked.contains(&finding.round);
        let asked: Vec<&Finding> = self.rounds.iter().filter(is_asked).collect();
        let good = asked.iter().filter(|finding| finding.same).count();
        let result =
            format!("{good} of {} came out as recorded", counted(self.asked.len(), "round"));
        let on_the_way = self.rounds.len() - asked.len();
        match (self.verified, self.faults.len(), on_the_way) {
            (true, _, 0) => format!("verified: {result}"),
            (true, ..) => format!("verified: {result}, and {on_the_way} more on the way to them"),
            (false, 0, _) => format!("NOT VERIFIED: {result}"),
            (false, faults, _) => {
                format!("NOT VERIFIED: {}, and {result}", counted(faults, "fault"))
            }
        }
    }
}

/// What was trained, in a line.
fn about(plan: &Plan, summary: &Summary) -> String {
    format!(
        "{}, {} on {}, {}, {}",
        plan.config.method(),
        plan.config.model.name,
        plan.config.dataset.name,
        counted(summary.rounds as usize, "round"),
        summary.state
    )
}

/// Whose model a file holds; none where there is no such file.
fn look(
    evidence: &Evidence,
    file: &'static str,
    is_last: bool,
    whole: &Whole,
) -> Result<Option<ModelFound>, String> {
    let bytes = match files::bytes(&evidence.folder.join(file)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        bytes => bytes.map_err(|error| format!("{file} cannot be read: {error}"))?,
    };
    let weights = whole.weights(&bytes);
    let weights = weights.map_err(|reason| format!("{file} is damaged: {reason}"))?;
    let hash = weights::hash(&weights);
    let last = evidence.recorded.keys().next_back();
    let newest_first = evidence.recorded.iter().rev();
    let mut rounds = newest_first.filter(|(_, done)| done.model_hash == hash);
    match rounds.next().map(|(round, _)| *round) {
        Some(round) if !is_last || Some(&round) == last => {
            Ok(Some(ModelFound { file, round, hash }))
        }
        Some(round) => Err(format!("{file} is the model of round {round}, not of the last one")),
        None => Err(format!("{file} ({hash}) is the model of no recorded round")),
    }
}

/// What was another when the run was made: a line each.
fn differing(then: &Environment, now: &Environment) -> Vec<String> {
    let cuda = |of: &Environment| of.cuda.clone().unwrap_or_else(|| "none".to_owned());
    let pairs = [
        ("version", then.version.clone(), now.version.clone()),
        ("commit", then.commit.clone(), now.commit.clone()),
        ("libtorch", then.libtorch.clone(), now.libtorch.clone()),
        ("CUDA", cuda(then), cuda(now)),
        ("MPI", then.mpi.clone(), now.mpi.clone()),
        ("processor", then.processor.clone(), now.processor.clone()),
        ("GPUs", then.gpus.join(", "), now.gpus.join(", ")),
    ];
    let others = pairs.into_iter().filter(|(_, then, now)| then != now);
    others
        .map(|(name, then, now)| format!("then     {name} was {then}, and is {now}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_another_is_said() {
        let now = Environment {
            version: "2".to_owned(),
            libtorch: "2.9".to_owned(),
            ..Environment::default()
        };
        let then = Environment {
            libtorch: "2.8".to_owned(),
            cuda: Some("13.0".to_owned()),
            ..now.clone()
        };
        assert_eq!(differing(&now, &now), Vec::<String>::new());
        assert_eq!(
            differing(&then, &now),
            [
                "then     libtorch was 2.8, and is 2.9",
                "then     CUDA was 13.0, and is none"
            ]
        );
    }
}
