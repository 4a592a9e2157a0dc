//! Runs as things with names: listed, watched, gone on with and repeated, by the real program.

use crate::support::{Finished, Job};
use fedmpi::record::Summary;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// `fedmpi WORDS` in a folder, without a terminal.
fn fedmpi(folder: &Path, words: &str) -> Finished {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fedmpi"));
    command
        .current_dir(folder)
        .args(words.split_whitespace())
        .stdin(Stdio::null());
    Finished::of(command.output().expect("starts"))
}

fn runs(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("runs"))
        .expect("runs")
        .map(|entry| entry.expect("readable").path());
    entries.collect()
}

#[test]
fn the_last_run_is_listed_watched_gone_on_with_and_repeated_by_that_name() {
    let parent = tempfile::tempdir().expect("a folder");
    let here = parent.path();
    assert!(
        fedmpi(here, "runs")
            .succeeded()
            .stdout
            .contains("no runs are in runs (hint: ")
    );
    let none = fedmpi(here, "watch");
    assert!(none.code == Some(2) && none.stderr.contains("holds 0 runs"), "{}", none.stderr);
    fedmpi(here, "--comm_round 2").succeeded();
    let folder = runs(here).remove(0);
    let name = folder
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();

    let table = fedmpi(here, "runs").succeeded().stdout;
    assert!(
        table.lines().all(|line| line.chars().count() <= 80) && !table.contains('\u{1b}'),
        "{table}"
    );
    for words in [name.as_str(), "finished", " 2/2 ", " %"] {
        assert!(table.contains(words), "{words}: {table}");
    }
    let listed: serde_json::Value =
        serde_json::from_str(&fedmpi(here, "runs runs --json").succeeded().stdout).expect("JSON");
    assert_eq!(
        (&listed[0]["run"], &listed[0]["state"]),
        (&name.as_str().into(), &"finished".into())
    );
    assert!(
        listed[0]["value"].is_number() && listed[0]["rounds"] == 2 && listed[1].is_null(),
        "{listed}"
    );

    for words in [
        "watch",
        "watch last --once",
        &format!("watch {name}"),
        &format!("watch runs/{name}"),
    ] {
        let picture = fedmpi(here, words).succeeded().stdout;
        assert!(picture.lines().all(|line| line.chars().count() <= 80), "{picture}");
        for words in [
            name.as_str(),
            "finished",
            "round 2/2",
            "accuracy",
            "slowest clients",
        ] {
            assert!(picture.contains(words), "{words}: {picture}");
        }
    }
    let wrong = fedmpi(here, "watch ..");
    assert!(
        wrong.code == Some(2) && wrong.stderr.contains("is not the folder of a run"),
        "{}",
        wrong.stderr
    );

    fedmpi(here, "--resume last --comm_round 3").succeeded();
    let rounds = |folder: &Path| {
        Summary::read(folder)
            .expect("readable")
            .expect("there")
            .rounds
    };
    assert_eq!((runs(here).len(), rounds(&folder)), (1, 3));
    let again = fedmpi(here, "--cf last --comm_round 1").succeeded();
    let second = runs(here)
        .into_iter()
        .find(|other| *other != folder)
        .expect("another run");
    assert_eq!(rounds(&second), 1, "{}", again.stdout);
    assert!(
        fedmpi(here, &format!("check --init_from {name} --cf last~1"))
            .succeeded()
            .stdout
            .contains("model.safetensors")
    );
    let far = fedmpi(here, "--resume last~2");
    assert!(far.code == Some(2) && far.stderr.contains("there is no last~2"), "{}", far.stderr);
}

#[test]
fn a_run_that_failed_says_why_and_one_that_never_began_leaves_nothing() {
    let parent = tempfile::tempdir().expect("a folder");
    let [failed, refused, never] =
        ["failed", "refused", "never"].map(|name| parent.path().join(name));
    let diverged = Job::ranks(3)
        .with("--lr 1e30 --comm_round 2")
        .path("--out_dir", &failed)
        .run();
    assert_eq!(diverged.code, Some(1), "{}", diverged.stderr);
    let unsaved = Job::ranks(2)
        .with("--partition_save /proc/none")
        .path("--out_dir", &refused)
        .run();
    assert_eq!(unsaved.code, Some(2), "{}", unsaved.stderr);
    let without = Job::ranks(2)
        .with("--init_from none")
        .path("--out_dir", &never)
        .run();
    assert!(without.code == Some(2) && !never.exists(), "{}", without.stderr);
    let table = fedmpi(parent.path(), "runs .").succeeded().stdout;
    for words in [
        "failed ",
        "0/2",
        "failed to train client",
        "refused ",
        "/proc/none",
    ] {
        assert!(table.contains(words), "{words}: {table}");
    }
    let listed = fedmpi(parent.path(), "runs . --json").succeeded().stdout;
    assert!(listed.contains("lower --lr") && listed.matches("\"failed\"").count() == 3, "{listed}");
    for (name, reason) in [
        ("failed", "failed to train client"),
        ("refused", "/proc/none"),
    ] {
        let picture = fedmpi(parent.path(), &format!("watch {name}"))
            .succeeded()
            .stdout;
        assert!(picture.contains("failed: ") && picture.contains(reason), "{picture}");
    }
}
