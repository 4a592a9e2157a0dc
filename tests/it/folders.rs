//! What a run's folder says of the run to whoever finds it.

use crate::support::{Finished, Job};
use fedmpi::record::environment;
use std::fs;
use std::process::Command;

#[test]
fn a_folder_says_what_made_it_each_time() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("run");
    Job::ranks(3)
        .with("--comm_round 1")
        .path("--out_dir", &folder)
        .run()
        .succeeded();
    Job::ranks(2)
        .with("--comm_round 2")
        .path("--resume", &folder)
        .run()
        .succeeded();
    let starts = environment::read(&folder).expect("written");
    let [first, second] = &starts[..] else { panic!("{starts:?}") };
    assert_eq!(first.version, env!("CARGO_PKG_VERSION"));
    assert_eq!((&first.commit, &first.processor), (&second.commit, &second.processor));
    assert_eq!(
        (&first.command[1..3], &second.command[1..3]),
        (&words("--comm_round 1")[..], &words("--comm_round 2")[..])
    );
    assert_eq!(
        [first, second].map(|start| start.hosts.get(&start.host).copied()),
        [Some(3), Some(2)]
    );
    let begun: Vec<jiff::Timestamp> = starts
        .iter()
        .map(|start| start.started.parse().expect("RFC 3339"))
        .collect();
    assert!(
        begun[0] <= begun[1]
            && first.libtorch.starts_with("2.")
            && !first.mpi.is_empty()
            && first.cores > 0
    );
    // A run that replaces it begins its record anew.
    Job::ranks(2)
        .with("--comm_round 1 --overwrite")
        .path("--out_dir", &folder)
        .run()
        .succeeded();
    assert_eq!(environment::read(&folder).expect("written").len(), 1);
    assert!(
        fs::read_to_string(folder.join("environment.json"))
            .expect("text")
            .ends_with("]\n")
    );
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// A colleague's run is theirs: who repeats it is told nothing of where it wrote, and writes
/// nothing there.
#[test]
fn a_run_is_repeated_by_its_config_or_its_folder() {
    let parent = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fedmpi"));
        Finished::of(
            command
                .args(arguments)
                .current_dir(parent.path())
                .output()
                .expect("starts"),
        )
        .succeeded()
    };
    let theirs = run(&[
        "--comm_round",
        "2",
        "--lr",
        "0.1",
        "--out_dir",
        "theirs",
        "--overwrite",
        "--mode",
        "async",
    ]);
    let config = fs::read_to_string(parent.path().join("theirs/config.yaml")).expect("text");
    assert!(!config.contains("theirs") && !config.contains("null"), "{config}");
    let before = fs::read(parent.path().join("theirs/journal.jsonl")).expect("a journal");
    for given in ["theirs/config.yaml", "theirs"] {
        let again = run(&["--cf", given]);
        assert_eq!(again.model_hash(), theirs.model_hash());
        assert!(
            !again.stderr.contains("theirs") && !again.stderr.contains("WARN"),
            "{}",
            again.stderr
        );
    }
    assert_eq!(
        fs::read_dir(parent.path().join("runs"))
            .expect("made")
            .count(),
        2
    );
    assert_eq!(fs::read(parent.path().join("theirs/journal.jsonl")).expect("a journal"), before);
}
