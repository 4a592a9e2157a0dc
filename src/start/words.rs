//! What is about to run, in words: the data, the model, and who trains.

use crate::config::Mode;
use crate::ids::counted;
use crate::plan::Plan;
use crate::task::Task;
use crate::transport::Host;

/// A line of the data, and one of the model and the ranks.
pub(super) fn of_run(plan: &Plan, parameters: usize, hosts: &[Host]) -> [String; 2] {
    [data(plan), work(plan, parameters, hosts)]
}

fn data(plan: &Plan) -> String {
    let config = &plan.config;
    let samples: u64 = plan.partition.ids().map(|client| plan.samples(client)).sum();
    let divided = match &config.partition_load {
        Some(_) => "as loaded",
        None => &config.partition_method.name,
    };
    let (samples, clients) = (counted(samples as usize, "sample"), counted(plan.clients(), "client"));
    let dataset = &config.dataset.name;
    match plan.dataset.facts.task {
        Task::Classes(classes) if classes > 0 => {
            let chance = 100.0 / classes as f64;
            let chance = if chance < 1.0 { format!("{chance:.2}") } else { format!("{chance:.0}") };
            format!("{dataset}: {samples}, {clients} ({divided}), {classes} classes (chance {chance} %)")
        }
        _ => format!("{dataset}: {samples}, {clients} ({divided})"),
    }
}

fn work(plan: &Plan, parameters: usize, hosts: &[Host]) -> String {
    let config = &plan.config;
    let (rounds, cohort) = (plan.rounds() as usize, plan.cohort_size());
    let work = match plan.mode() {
        Mode::Sync => format!("{} of {}", counted(rounds, "round"), counted(cohort, "client")),
        Mode::Async => {
            let training = counted(config.concurrency as usize, "client");
            format!("{} by {training} at once", counted(rounds, "move"))
        }
    };
    let parameters = counted(parameters, "parameter");
    format!("{}: {parameters}; {work} on {}", config.model.name, places(hosts))
}

/// Workers and their hosts.
fn places(hosts: &[Host]) -> String {
    // Alone, a rank is server and worker.
    let workers = counted(hosts.len().max(2) - 1, "worker");
    let mut names: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    match names[..] {
        [one] => format!("{workers}, {one}"),
        _ => format!("{workers}, {} hosts", names.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::screen::ROOM;

    #[test]
    fn a_newcomer_can_judge_the_result_by_it() {
        let host = |name: &str| Host { name: name.to_owned(), ..Host::default() };
        let plan = Plan::resolve(Config::default()).expect("sound");
        let [data, work] = of_run(&plan, 610, &[host("a"), host("b"), host("a")]);
        let samples = plan.dataset.train.count();
        let partition = &plan.config.partition_method.name;
        let wanted = format!("synthetic: {samples} samples, 100 clients ({partition}), 10 classes (chance 10 %)");
        assert_eq!(data, wanted);
        assert_eq!(work, "lr: 610 parameters; 10 rounds of 10 clients on 2 workers, 2 hosts");
        assert_eq!(places(&[host("a")]), "1 worker, a");
        assert!(data.len() <= ROOM && work.len() <= ROOM);
    }
}
