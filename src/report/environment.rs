//! What made a run: the program, its libraries, the machines.

use super::reported::Reported;
use super::words::short;
use crate::ids::counted;
use crate::record::Environment;

/// What a run's folder says of what made it, by name.
pub fn environment(run: &Reported) -> Vec<(String, String)> {
    let mut rows = vec![("folder".to_owned(), run.run.folder.display().to_string())];
    for (place, start) in run.environment.iter().enumerate() {
        // A run that goes on says it again, perhaps from other machines.
        rows.extend((place > 0).then(|| ("goes on".to_owned(), start.started.clone())));
        let said = words(start)
            .into_iter()
            .filter(|(_, value)| !value.is_empty());
        rows.extend(said.map(|(name, value)| (name.to_owned(), value)));
    }
    for started in run
        .history
        .starts
        .iter()
        .filter(|_| run.environment.is_empty())
    {
        rows.push((
            "started".to_owned(),
            format!("{}, {}", started.at, counted(started.workers, "worker")),
        ));
    }
    for rank in &run.history.ranks {
        let said = format!(
            "{}, {}, {} MiB of memory at most",
            rank.host,
            rank.device,
            short(rank.peak_rss_mib)
        );
        rows.push((format!("rank {}", rank.rank), said));
    }
    rows
}

fn words(start: &Environment) -> Vec<(&'static str, String)> {
    let command = start.command.iter().map(String::as_str);
    let hosts = start
        .hosts
        .iter()
        .map(|(host, ranks)| format!("{host} ({})", counted(*ranks, "rank")));
    vec![
        ("version", format!("{}, commit {}", start.version, start.commit)),
        ("command", shlex::try_join(command).unwrap_or_default()),
        ("started", start.started.clone()),
        ("server", format!("{}, {}", start.host, counted(start.cores, "core"))),
        ("hosts", hosts.collect::<Vec<String>>().join(", ")),
        ("processor", start.processor.clone()),
        ("GPUs", start.gpus.join(", ")),
        ("MPI", start.mpi.clone()),
        ("libtorch", start.libtorch.clone()),
        ("CUDA", start.cuda.clone().unwrap_or_default()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::reported;

    #[test]
    fn every_start_is_told_and_what_nobody_knows_is_left_out() {
        let mut run = reported("a");
        let start = |started: &str| Environment {
            command: vec!["fedmpi".into(), "--cf".into(), "a b".into()],
            started: started.into(),
            ..Environment::default()
        };
        run.environment = vec![start("first"), start("second")];
        let rows = environment(&run);
        let of = |name: &str| {
            rows.iter()
                .filter(|(said, _)| said == name)
                .map(|(_, value)| value.as_str())
                .collect()
        };
        let commands: Vec<&str> = of("command");
        assert_eq!(commands, ["fedmpi --cf 'a b'"; 2]);
        assert_eq!((of("goes on"), of("CUDA")), (vec!["second"], Vec::new()));
    }
}
