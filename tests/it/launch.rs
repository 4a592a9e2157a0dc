//! `fedmpi launch`: a job that loses a worker goes on from its newest checkpoint.

use crate::support::{Finished, Job, generated_mnist};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const TRAINING: &str = "--dataset mnist --model 2nn --ci 1 --comm_round 6 --epochs 8 --checkpoint_every 1";

fn launch(flags: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "120"]).arg(env!("CARGO_BIN_EXE_fedmpi")).arg("launch").args(flags);
    command
}

fn training(command: &mut Command, folder: &Path) {
    command.arg("--").args(TRAINING.split(' ')).arg("--data_dir").arg(generated_mnist()).arg("--out_dir").arg(folder);
}

/// Ranks of the job that writes to a folder: processes whose second word is already a training flag.
fn ranks_of(folder: &Path) -> Vec<u32> {
    let folder = folder.display().to_string();
    let rank = |entry: fs::DirEntry| {
        let command = fs::read_to_string(entry.path().join("cmdline")).ok()?;
        let mut words = command.split('\0');
        let trains = words.next()?.ends_with("/fedmpi") && words.next()?.starts_with("--");
        let id = entry.file_name().to_str()?.parse().ok()?;
        (trains && command.contains(&folder)).then_some(id)
    };
    fs::read_dir("/proc").expect("Linux").flatten().filter_map(rank).collect()
}

#[test]
fn a_killed_worker_costs_a_restart_and_no_bit() {
    let parent = tempfile::tempdir().expect("a folder");
    let (whole, broken) = (parent.path().join("whole"), parent.path().join("broken"));
    let data = generated_mnist();
    let job = Job::ranks(3).with(TRAINING).path("--data_dir", &data).path("--out_dir", &whole);
    let wanted = job.run().succeeded().model_hash().to_owned();

    let hosts = parent.path().join("hosts");
    fs::write(&hosts, "localhost:2\n").expect("writable");
    let mut command = launch(&["-np", "3", "--max_restarts", "2", "-hostfile"]);
    command.arg(&hosts);
    training(&mut command, &broken);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let began = Instant::now();
    let first = broken.join("checkpoints/round-00000001.safetensors");
    let victim = loop {
        assert!(began.elapsed() < Duration::from_secs(60), "no rank to kill");
        match (first.exists(), ranks_of(&broken).last()) {
            (true, Some(&rank)) => break rank,
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    Command::new("kill").arg("-KILL").arg(victim.to_string()).status().expect("kill runs");
    let finished = Finished::of(child.wait_with_output().expect("ends")).succeeded();
    assert!(finished.stderr.contains("goes on from its newest checkpoint"), "{}", finished.stderr);
    assert_eq!(finished.model_hash(), wanted);
}

#[test]
fn a_dry_run_shows_the_command_and_mistakes_are_refused_before_mpirun() {
    let shown = |command: &mut Command| Finished::of(command.output().expect("runs"));
    let folder = Path::new("never-made");
    let mut dry = launch(&["-np", "3", "--dry_run"]);
    training(&mut dry, folder);
    let said = shown(&mut dry).succeeded().stdout;
    assert!(said.starts_with("mpirun -np 3") && said.contains("2     worker"), "{said}");
    assert!(!folder.exists());
    let mut wrong = launch(&["-np", "3"]);
    wrong.args(["--", "--epochs", "0"]);
    let refused = shown(&mut wrong);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("--epochs is 0"), "{}", refused.stderr);
}
