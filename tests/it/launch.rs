//! `fedmpi launch`: a job that loses a worker, or has one that hangs, goes on from its newest
//! checkpoint.

use crate::support::{Finished, Job, generated_mnist, has_checkpoint, ranks_of};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const TRAINING: &str =
    "--dataset mnist --model 2nn --ci 1 --comm_round 60 --epochs 8 --checkpoint_every 1";

fn launch(flags: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command
        .args(["--kill-after=5", "120"])
        .arg(env!("CARGO_BIN_EXE_fedmpi"))
        .arg("launch")
        .args(flags);
    command
}

fn training(command: &mut Command, folder: &Path) {
    command
        .arg("--")
        .args(TRAINING.split(' '))
        .arg("--data_dir")
        .arg(generated_mnist())
        .arg("--out_dir")
        .arg(folder);
}

/// Strikes the newest rank of a launched job with a signal once a checkpoint is there; the job must
/// end as if nothing had happened.
fn struck(parent: &Path, signal: &str, flags: &str) -> (String, String) {
    let folder = parent.join(signal);
    let hosts = parent.join("hosts");
    fs::write(&hosts, "localhost:2\n").expect("writable");
    let mut command = launch(&["-np", "3", "--max_restarts", "2", "-hostfile"]);
    command.arg(&hosts);
    training(&mut command, &folder);
    command
        .args(flags.split_whitespace())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().expect("starts");
    let began = Instant::now();
    let victim = loop {
        assert!(began.elapsed() < Duration::from_secs(60), "no rank to strike");
        match (has_checkpoint(&folder), ranks_of(&folder).into_iter().max()) {
            (true, Some(rank)) => break rank,
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    Command::new("kill")
        .arg(format!("-{signal}"))
        .arg(victim.to_string())
        .status()
        .expect("kill runs");
    let finished = Finished::of(child.wait_with_output().expect("ends")).succeeded();
    (finished.model_hash().to_owned(), finished.stderr)
}

#[test]
fn killed_and_hanging_workers_cost_a_restart_and_no_bit() {
    let parent = tempfile::tempdir().expect("a folder");
    let data = generated_mnist();
    let job = Job::ranks(3)
        .with(TRAINING)
        .path("--data_dir", &data)
        .path("--out_dir", &parent.path().join("whole"));
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

/// A launcher whose ranks train, and that is taken for a failed one `failures` times, each time
/// with nothing left.
fn failing_launcher(folder: &Path, failures: u32) -> String {
    let real = Command::new("sh")
        .args(["-c", "command -v mpirun"])
        .output()
        .expect("runs")
        .stdout;
    let real = String::from_utf8(real).expect("text");
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && exec {0} --version\n\
         n=$(cat {1}/count 2>/dev/null || echo 0)\necho $((n + 1)) >{1}/count\n\
         [ $n -ge {failures} ] && exec {0} \"$@\"\n\
         {0} \"$@\" || exit\nrm -rf {1}/new/checkpoints {1}/new/summary.json\nexit 1\n",
        real.trim(),
        folder.display()
    );
    let path = folder.join("mpirun");
    fs::write(&path, script).expect("writable");
    Command::new("chmod")
        .arg("+x")
        .arg(&path)
        .status()
        .expect("chmod runs");
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default())
}

#[test]
fn a_restart_replaces_no_run_but_its_own() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("run");
    let flags = "--client_num_in_total 12 --client_num_per_round 4 --comm_round";
    Job::ranks(2)
        .with(&format!("{flags} 2"))
        .path("--out_dir", &folder)
        .run()
        .succeeded();
    let before = fs::read(folder.join("summary.json")).expect("there");
    let path = failing_launcher(parent.path(), 1);
    let launched = |folder: &Path| {
        let mut command = launch(&[
            "-np",
            "2",
            "--max_restarts",
            "2",
            "--mpirun_option=--oversubscribe",
        ]);
        command
            .env("PATH", &path)
            .envs(crate::support::AS_ROOT)
            .arg("--")
            .args(flags.split(' '))
            .arg("3");
        Finished::of(command.arg("--out_dir").arg(folder).output().expect("runs"))
    };
    let refused = launched(&folder);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("holds a run already"), "{}", refused.stderr);
    assert_eq!(fs::read(folder.join("summary.json")).expect("there"), before);
    fs::remove_file(parent.path().join("count")).expect("there");
    let again = launched(&parent.path().join("new")).succeeded();
    assert!(again.stderr.contains("it starts anew"), "{}", again.stderr);
}

/// A started `fedmpi`, and what it wrote once it has ended.
fn signalled(mut command: Command, signal: &str, ready: impl Fn() -> bool) -> Finished {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let began = Instant::now();
    while !ready() {
        assert!(began.elapsed() < Duration::from_secs(60), "it does not come up");
        std::thread::sleep(Duration::from_millis(10));
    }
    Command::new("kill")
        .arg(format!("-{signal}"))
        .arg(child.id().to_string())
        .status()
        .expect("kill runs");
    Finished::of(child.wait_with_output().expect("ends"))
}

/// A training whose clients take for ever.
const ENDLESS: &str = "--client_num_in_total 12 --client_num_per_round 4 --partition_method natural --epochs 4000000000";

fn endless(folder: &Path, launched: bool) -> Command {
    // Whoever runs tests under nohup ignores SIGHUP, and so would they.
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_fedmpi")]);
    if launched {
        command.args(["launch", "-np", "2", "--"]);
    }
    command
        .args(ENDLESS.split(' '))
        .arg("--out_dir")
        .arg(folder);
    command
}

#[test]
fn signals_of_people_and_batch_systems_save_and_end_with_code_three() {
    let parent = tempfile::tempdir().expect("a folder");
    let journal = |folder: &Path| {
        folder
            .join("journal.jsonl")
            .metadata()
            .is_ok_and(|facts| facts.len() > 0)
    };
    for signal in ["INT", "TERM", "HUP", "USR2", "XCPU", "ALRM"] {
        let folder = parent.path().join(signal);
        let ended = signalled(endless(&folder, false), signal, || journal(&folder));
        assert_eq!(ended.code, Some(3), "{signal}\n{}", ended.stderr);
        assert!(
            has_checkpoint(&folder) && !ended.stderr.contains("ORTE_ERROR"),
            "{signal}\n{}",
            ended.stderr
        );
    }
    let folder = parent.path().join("launched");
    let ended = signalled(endless(&folder, true), "TERM", || journal(&folder));
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(has_checkpoint(&folder) && !ended.stderr.contains("MPI_ABORT"), "{}", ended.stderr);
}

#[test]
fn ranks_save_and_end_with_a_launch_that_is_killed() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("run");
    let mut command = endless(&folder, true);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let began = Instant::now();
    let wait = |what: &str, there: &dyn Fn() -> bool| {
        while !there() {
            assert!(began.elapsed() < Duration::from_secs(60), "{what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait("it comes up", &|| folder.join("journal.jsonl").exists());
    child.kill().expect("alive");
    child.wait().expect("ends");
    wait("its ranks end", &|| ranks_of(&folder).is_empty());
    assert!(has_checkpoint(&folder));
}

#[test]
fn what_another_start_cannot_change_is_not_tried_again() {
    let parent = tempfile::tempdir().expect("a folder");
    let hosts = parent.path().join("hosts");
    fs::write(&hosts, "localhost:1\nnowhere.invalid:2\n").expect("writable");
    let mut command = launch(&["-np", "2", "--max_restarts", "3", "-hostfile"]);
    command.arg(&hosts);
    training(&mut command, &parent.path().join("run"));
    let failed = Finished::of(command.output().expect("runs"));
    assert_eq!(failed.code, Some(1), "{}", failed.stderr);
    assert!(failed.stderr.contains("no rank got as far as"), "{}", failed.stderr);
    assert!(!failed.stderr.contains("restarts left"), "{}", failed.stderr);
}

#[test]
fn a_refusal_of_the_ranks_is_told_once_and_a_killed_rank_by_mpi_too() {
    let parent = tempfile::tempdir().expect("a folder");
    let data = parent.path().join("data");
    fs::create_dir(&data).expect("writable");
    for file in fs::read_dir(generated_mnist()).expect("there") {
        let file = file.expect("there");
        fs::copy(file.path(), data.join(file.file_name())).expect("writable");
    }
    fs::write(data.join("train-labels-idx1-ubyte"), "x").expect("writable");
    let mut command = launch(&[
        "-np",
        "3",
        "--max_restarts",
        "1",
        "--",
        "--dataset",
        "mnist",
        "--data_dir",
    ]);
    command
        .arg(&data)
        .arg("--out_dir")
        .arg(parent.path().join("run"));
    let refused = Finished::of(command.output().expect("runs"));
    assert_eq!((refused.code, refused.stderr.lines().count()), (Some(2), 1), "{}", refused.stderr);
    assert!(
        refused
            .stderr
            .contains("train-labels-idx1-ubyte is damaged"),
        "{}",
        refused.stderr
    );
    if !crate::support::is_open_mpi() {
        return;
    }
    let folder = parent.path().join("killed");
    let killed = signalled_rank(endless(&folder, true), &folder);
    assert!(killed.stderr.contains("exited on signal 9"), "{}", killed.stderr);
}

/// A launched job whose newest rank is killed once it trains.
fn signalled_rank(mut command: Command, folder: &Path) -> Finished {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let began = Instant::now();
    while !folder.join("journal.jsonl").exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "it does not come up");
        std::thread::sleep(Duration::from_millis(10));
    }
    let rank = ranks_of(folder)
        .into_iter()
        .max()
        .expect("ranks")
        .to_string();
    Command::new("kill")
        .args(["-KILL", &rank])
        .status()
        .expect("kill runs");
    Finished::of(child.wait_with_output().expect("ends"))
}

#[test]
fn doctor_examines_this_machine_when_no_other_is_named() {
    let doctor = |hosts: Option<&Path>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fedmpi"));
        command
            .arg("doctor")
            .args(hosts.map(|_| "-hostfile"))
            .args(hosts);
        for name in [
            "SLURM_JOB_NODELIST",
            "PBS_NODEFILE",
            "LSB_DJOB_HOSTFILE",
            "PE_HOSTFILE",
        ] {
            command.env_remove(name);
        }
        Finished::of(command.output().expect("runs"))
    };
    let folder = tempfile::tempdir().expect("a folder");
    let hosts = folder.path().join("hosts");
    fs::write(&hosts, "localhost:2\nlocalhost\n").expect("writable");
    for file in [None, Some(hosts.as_path())] {
        let said = doctor(file).succeeded().stdout;
        assert!(
            said.ends_with("ok: every host is fit for a job\n") && said.contains("2 ranks"),
            "{said}"
        );
    }
    for text in ["-V\n", "", "a\u{1b}[2J\n"] {
        fs::write(&hosts, text).expect("writable");
        let refused = doctor(Some(&hosts));
        assert_eq!(
            (refused.code, refused.stderr.lines().count()),
            (Some(2), 1),
            "{}",
            refused.stderr
        );
        assert!(!refused.stderr.contains('\u{1b}'), "{}", refused.stderr);
    }
}
