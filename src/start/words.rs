//! What is about to run, in words: the data, the model, and who trains.

use crate::config::Mode;
use crate::ids::counted;
use crate::plan::Plan;
use crate::screen::ROOM;
use crate::task::Task;
use crate::transport::Host;

/// Lines of the data, of the model and of who trains, and of what is promised.
pub(super) fn of_run(plan: &Plan, parameters: usize, hosts: &[Host]) -> Vec<String> {
    let (model, places) =
        (model(plan, parameters), places(hosts, plan.config.workers_of(hosts.len())));
    let [data, cohort] = [data(plan), cohort(plan)];
    let privacy = plan.privacy.as_ref();
    [
        side_by_side(data, cohort, ", "),
        side_by_side(model, places, "; "),
        privacy
            .map(|privacy| format!("privacy: {}", privacy.cost(plan.rounds())))
            .into_iter()
            .collect(),
    ]
    .concat()
}

/// Two texts in one line if they fit.
fn side_by_side(one: String, other: String, between: &str) -> Vec<String> {
    let line = format!("{one}{between}{other}");
    if line.chars().count() <= ROOM {
        vec![line]
    } else {
        vec![one, other]
    }
}

fn data(plan: &Plan) -> String {
    let config = &plan.config;
    let samples: u64 = plan
        .partition
        .ids()
        .map(|client| plan.samples(client))
        .sum();
    let divided = match &config.partition_load {
        Some(_) => "as loaded",
        None => &config.partition_method.name,
    };
    let (samples, clients) =
        (counted(samples as usize, "sample"), counted(plan.clients(), "client"));
    format!("{}: {samples} of {clients} ({divided})", config.dataset.name)
}

fn cohort(plan: &Plan) -> String {
    match plan.mode() {
        Mode::Sync => format!("{} a round", plan.cohort_size()),
        Mode::Async => format!("{} at once", plan.config.concurrency),
    }
}

/// What is learned; of classes also what guessing would reach.
fn model(plan: &Plan, parameters: usize) -> String {
    let (name, parameters) = (&plan.config.model.name, counted(parameters, "parameter"));
    match plan.dataset.facts.task {
        Task::Classes(classes) if classes > 0 => {
            let chance = 100.0 / classes as f64;
            let decimals = if chance < 2.0 { 2 } else { 0 };
            format!("{name}: {parameters}, {classes} classes (chance {chance:.decimals$} %)")
        }
        _ => format!("{name}: {parameters}"),
    }
}

/// Workers and their hosts.
fn places(hosts: &[Host], workers: usize) -> String {
    let workers = counted(workers, "worker");
    let mut names: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    match names[..] {
        [one] => format!("{workers} on {one}"),
        _ => format!("{workers} on {} hosts", names.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_newcomer_can_judge_the_result_by_it() {
        let host = |name: &str| Host {
            name: name.to_owned(),
            ..Host::default()
        };
        let plan = Plan::resolve(Config::default()).expect("sound");
        let samples = plan.dataset.train.count();
        let partition = &plan.config.partition_method.name;
        let data = format!("synthetic: {samples} samples of 100 clients ({partition}), 10 a round");
        let model = "lr: 610 parameters, 10 classes (chance 10 %)";
        let told = of_run(&plan, 610, &[host("a"), host("b"), host("a")]);
        assert_eq!(told, [data.clone(), format!("{model}; 2 workers on 2 hosts")]);
        let name = "n".repeat(40);
        let told = of_run(&plan, 610, &[host(&name)]);
        assert_eq!(told, [data, model.to_owned(), format!("1 worker on {name}")]);
    }
}
