//! Promise 2 and 3 under fire: ranks are killed or stopped at random moments in all modes; every
//! run ends with the bits of an undisturbed one, every round is on record, and nothing hangs.
//!
//! `FEDMPI_KILLS=200 cargo test --release --test it kills -- --nocapture` does more of it.

use crate::support::{Finished, generated_mnist, has_checkpoint, is_open_mpi, ranks_of};
use fedmpi::seed::{Purpose, Seed};
use rand::Rng;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const JOB: &str = "--dataset mnist --model 2nn --client_num_in_total 30 --client_num_per_round 6 --comm_round 80 \
                   --frequency_of_the_test 20 --ci 1 --checkpoint_every 1 --round_timeout 2";
/// Every way to run a job.
pub const MODES: [&str; 8] = [
    "--reduce worker",
    "--reduce worker --dispatch pull",
    "--reduce server",
    "--reduce server --dispatch pull",
    "--reduce allreduce",
    "--reduce allreduce --dispatch pull",
    "--mode async --aggregator fedbuff --buffer_size 5 --concurrency 8",
    "--mode async --aggregator fedasync --concurrency 6",
];
const RANKS: usize = 4;
/// No run may need longer, its restarts included.
const LIMIT: Duration = Duration::from_secs(90);

/// An MPI to run under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mpi {
    /// The installed one; a lost rank costs a restart.
    Installed,
    /// Open MPI 5, which goes on without lost workers.
    Survivor,
}

fn open_mpi_5() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/openmpi5");
    folder.join("bin/mpirun").exists().then_some(folder)
}

fn launch(mpi: Mpi, mode: &str, folder: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.args([
        "--kill-after=5",
        &LIMIT.as_secs().to_string(),
        env!("CARGO_BIN_EXE_fedmpi"),
        "launch",
    ]);
    command.args(["-np", &RANKS.to_string(), "--max_restarts", "4"]);
    match (mpi, open_mpi_5()) {
        (Mpi::Survivor, Some(home)) => {
            let path = std::env::var("PATH").unwrap_or_default();
            command.env("PATH", format!("{}:{path}", home.join("bin").display()));
            command.env("LD_LIBRARY_PATH", home.join("lib"));
            command.args(["--survive", "--mpirun_option=--oversubscribe"]);
        }
        // MPICH knows no slots.
        _ if is_open_mpi() => _ = command.arg("--mpirun_option=--oversubscribe"),
        _ => {}
    }
    command
        .arg("--")
        .args(JOB.split_whitespace())
        .args(mode.split_whitespace());
    command
        .arg("--data_dir")
        .arg(generated_mnist())
        .arg("--out_dir")
        .arg(folder);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What every rank and schedule must agree on: the hash after each round.
fn rounds(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("metrics.csv")).expect("written");
    text.lines()
        .map(|line| line.rsplit(',').next().expect("a column").to_owned())
        .collect()
}

/// Runs a job and strikes one of its ranks; whether the strike came before the end.
fn struck(
    mpi: Mpi,
    mode: &str,
    folder: &Path,
    signal: &str,
    victim: usize,
    after: Duration,
) -> (bool, Finished) {
    let child = launch(mpi, mode, folder).spawn().expect("timeout");
    let began = Instant::now();
    while !has_checkpoint(folder) {
        assert!(began.elapsed() < LIMIT, "no checkpoint came");
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(after);
    let mut ranks = ranks_of(folder);
    ranks.sort_unstable();
    let hit = ranks.get(victim).is_some_and(|id| {
        Command::new("kill")
            .arg(format!("-{signal}"))
            .arg(id.to_string())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    });
    (hit, Finished::of(child.wait_with_output().expect("ends")))
}

#[test]
fn a_run_whose_worker_was_killed_is_listed_with_the_reason() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("run");
    let mut command = Command::new("timeout");
    command.args([
        "--kill-after=5",
        &LIMIT.as_secs().to_string(),
        env!("CARGO_BIN_EXE_fedmpi"),
    ]);
    command.args([
        "launch",
        "-np",
        "3",
        "--",
        "--comm_round",
        "1000000",
        "--checkpoint_every",
        "1",
        "--out_dir",
    ]);
    command
        .arg(&folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().expect("timeout");
    let began = Instant::now();
    while !has_checkpoint(&folder) {
        assert!(began.elapsed() < LIMIT, "no checkpoint came");
        thread::sleep(Duration::from_millis(5));
    }
    let worker = ranks_of(&folder).into_iter().max().expect("ranks");
    assert!(
        Command::new("kill")
            .args(["-KILL", &worker.to_string()])
            .status()
            .is_ok_and(|status| status.success())
    );
    assert_eq!(Finished::of(child.wait_with_output().expect("ends")).code, Some(1));
    let listed = Command::new(env!("CARGO_BIN_EXE_fedmpi"))
        .arg("runs")
        .arg(&folder)
        .output()
        .expect("starts");
    let listed = Finished::of(listed).succeeded().stdout;
    let reason = if is_open_mpi() {
        "exited on signal 9 (Killed)"
    } else {
        "mpirun"
    };
    assert!(listed.contains(reason), "{listed}");
}

#[test]
fn random_kills_cost_no_round_and_no_bit() {
    let wanted: usize = std::env::var("FEDMPI_KILLS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(30);
    let parent = tempfile::tempdir().expect("a folder");
    let survivor = open_mpi_5().is_some();
    if !survivor {
        eprintln!("kills: Open MPI 5 is not there (scripts/test.sh installs it): restarts only");
    }
    let undisturbed: BTreeMap<&str, Vec<String>> = MODES
        .into_iter()
        .enumerate()
        .map(|(number, mode)| {
            let folder = parent.path().join(format!("whole{number}"));
            Finished::of(
                launch(Mpi::Installed, mode, &folder)
                    .output()
                    .expect("runs"),
            )
            .succeeded();
            (mode, rounds(&folder))
        })
        .collect();
    let mut stream = Seed(7).stream(Purpose::Attend);
    let (mut kills, mut survived, mut longest) = (0, 0, Duration::ZERO);
    for trial in 0.. {
        if kills == wanted {
            break;
        }
        assert!(trial < 3 * wanted, "most strikes came too late");
        let mode = MODES[trial % MODES.len()];
        let mpi = if survivor && stream.random_bool(0.5) {
            Mpi::Survivor
        } else {
            Mpi::Installed
        };
        let signal = if stream.random_bool(0.7) {
            "KILL"
        } else {
            "STOP"
        };
        let victim = stream.random_range(0..RANKS);
        let after = Duration::from_millis(stream.random_range(0..900));
        let folder = parent.path().join(format!("trial{trial}"));
        let began = Instant::now();
        let (hit, finished) = struck(mpi, mode, &folder, signal, victim, after);
        let name =
            format!("trial {trial}: {mpi:?} `{mode}` {signal} to process {victim} after {after:?}");
        println!(
            "{name}: {:.1} s{}",
            began.elapsed().as_secs_f64(),
            if hit { "" } else { ", too late" }
        );
        assert_eq!(finished.code, Some(0), "{name}\n{}\n{}", finished.stdout, finished.stderr);
        assert_eq!(rounds(&folder), undisturbed[mode], "{name}");
        kills += usize::from(hit);
        survived += usize::from(finished.stderr.contains(" is lost"));
        longest = longest.max(began.elapsed());
        fs::remove_dir_all(&folder).expect("removable");
    }
    println!(
        "{kills} kills, {survived} of them survived without a restart, longest run {:.1} s",
        longest.as_secs_f64()
    );
}
