//! `fedmpi launch`: a job that loses a worker, or has one that hangs, goes on from its newest checkpoint.

use crate::support::{Finished, Job, generated_mnist, has_checkpoint, ranks_of};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const TRAINING: &str = "--dataset mnist --model 2nn --ci 1 --comm_round 60 --epochs 8 --checkpoint_every 1";

fn launch(flags: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "120"]).arg(env!("CARGO_BIN_EXE_fedmpi")).arg("launch").args(flags);
    command
}

fn training(command: &mut Command, folder: &Path) {
    command.arg("--").args(TRAINING.split(' ')).arg("--data_dir").arg(generated_mnist()).arg("--out_dir").arg(folder);
}

/// Strikes the newest rank of a launched job with a signal once a checkpoint is there; the job must end
/// as if nothing had happened.
fn struck(parent: &Path, signal: &str, flags: &str) -> (String, String) {
    let folder = parent.join(signal);
    let hosts = parent.join("hosts");
    fs::write(&hosts, "localhost:2\n").expect("writable");
    let mut command = launch(&["-np", "3", "--max_restarts", "2", "-hostfile"]);
    command.arg(&hosts);
    training(&mut command, &folder);
    command.args(flags.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("starts");
    let began = Instant::now();
    let victim = loop {
        assert!(began.elapsed() < Duration::from_secs(60), "no rank to strike");
        match (has_checkpoint(&folder), ranks_of(&folder).into_iter().max()) {
            (true, Some(rank)) => break rank,
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    Command::new("kill").arg(format!("-{signal}")).arg(victim.to_string()).status().expect("kill runs");
    let finished = Finished::of(child.wait_with_output().expect("ends")).succeeded();
    (finished.model_hash().to_owned(), finished.stderr)
}

#[test]
fn killed_and_hanging_workers_cost_a_restart_and_no_bit() {
    let parent = tempfile::tempdir().expect("a folder");
    let data = generated_mnist();
    let job = Job::ranks(3).with(TRAINING).path("--data_dir", &data).path("--out_dir", &parent.path().join("whole"));
    let wanted = job.run().succeeded().model_hash().to_owned();

    let (hash, said) = struck(parent.path(), "KILL", "--reduce worker");
    assert!(said.contains("goes on from its newest checkpoint"), "{said}");
    assert_eq!(hash, wanted);

    let (hash, said) = struck(parent.path(), "STOP", "--reduce allreduce --round_timeout 2");
    assert!(said.contains("no sign of life") || said.contains("a transfer did not end"), "{said}");
    assert_eq!(hash, wanted);
}

#[test]
fn a_dry_run_shows_the_command_and_mistakes_are_refused_before_mpirun() {
    let shown = |command: &mut Command| Finished::of(command.output().expect("runs"));
    let folder = Path::new("never-made");
    let mut dry = launch(&["-np", "3", "--dry_run"]);
    training(&mut dry, folder);
    let said = shown(&mut dry).succeeded().stdout;
    assert!(said.starts_with("mpirun -np 3") && said.lines().count() == 1, "{said}");
    assert!(!folder.exists());
    let mut wrong = launch(&["-np", "3"]);
    wrong.args(["--", "--epochs", "0"]);
    let refused = shown(&mut wrong);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("--epochs is 0"), "{}", refused.stderr);
}
