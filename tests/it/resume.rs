//! Promise 3, and promise 1 across an interruption.

use crate::support::{Job, has_checkpoint, mnist, plan, ranks_of, small};
use fedmpi::config::Config;
use fedmpi::engine::run_local;
use fedmpi::event::Standing;
use fedmpi::record::{Checkpoints, Summary, checkpoint};
use fedmpi::train::{Quadratic, Trainer};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const FLAGS: &str = "--dataset mnist --model 2nn --ci 1 --lr 0.05";
const LEARNING: &str = "--client_selection power_of_choice";

fn trained(ranks: usize, folder: &Path, flags: &str) -> String {
    let job = Job::ranks(ranks)
        .with(FLAGS)
        .path("--data_dir", &mnist())
        .path("--out_dir", folder)
        .with(flags);
    job.run().succeeded().model_hash().to_owned()
}

fn state(folder: &Path) -> Standing {
    Summary::read(folder)
        .expect("readable")
        .expect("there")
        .state
}

fn resumed(ranks: usize, folder: &Path, flags: &str) -> String {
    Job::ranks(ranks)
        .path("--resume", folder)
        .with(flags)
        .run()
        .succeeded()
        .model_hash()
        .to_owned()
}

#[test]
fn a_run_that_goes_on_elsewhere_ends_with_the_same_bits_and_lines() {
    let parent = tempfile::tempdir().expect("a folder");
    let path = |name: &str| parent.path().join(name);
    let wanted = trained(3, &path("whole"), &format!("{LEARNING} --comm_round 6"));
    let lines = |name: &str| {
        let text = fs::read_to_string(path(name).join("metrics.csv")).expect("written");
        text.lines()
            .map(|line| line.rsplit(',').next().expect("a column").to_owned())
            .collect::<Vec<_>>()
    };
    for (name, ranks, flags) in [
        ("a", 2, "--reduce allreduce"),
        ("b", 5, "--dispatch pull"),
        ("c", 1, "--reduce server"),
    ] {
        trained(2, &path(name), &format!("{LEARNING} --comm_round 3"));
        // A torn tail, as a crash leaves it, and a round beyond the checkpoint.
        let journal = path(name).join("journal.jsonl");
        let text = fs::read_to_string(&journal).expect("written");
        fs::write(&journal, format!("{text}{{\"event\":\"round_do")).expect("writable");
        assert_eq!(
            resumed(ranks, &path(name), &format!("--comm_round 6 {flags}")),
            wanted,
            "{flags}"
        );
        assert_eq!(lines(name), lines("whole"), "{flags}");
    }
}

#[test]
fn a_signal_ends_the_run_and_nothing_is_lost() {
    let parent = tempfile::tempdir().expect("a folder");
    for selection in ["power_of_choice", "round_robin"] {
        ended_by_a_signal(
            &parent.path().join(selection),
            &format!("--client_selection {selection}"),
        );
    }
}

fn ended_by_a_signal(parent: &Path, selection: &str) {
    let folder = parent.join("run");
    let long = format!("--comm_round 400 --epochs 3 --checkpoint_every 1 {selection}");
    let job = Job::ranks(3)
        .with(FLAGS)
        .path("--data_dir", &mnist())
        .path("--out_dir", &folder);
    let mut job = job.with(&long).start();
    let began = Instant::now();
    while !has_checkpoint(&folder) {
        assert!(began.elapsed() < Duration::from_secs(60), "no checkpoint came");
        std::thread::sleep(Duration::from_millis(20));
    }
    Command::new("kill")
        .arg("-TERM")
        .arg(job.id().to_string())
        .status()
        .expect("kill runs");
    let status = job.wait().expect("ends");
    assert!(!status.success() && began.elapsed() < Duration::from_secs(100));
    // The launcher may be gone before its ranks are.
    while !ranks_of(&folder).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(110), "a rank is left behind");
        std::thread::sleep(Duration::from_millis(20));
    }
    let entries = fs::read_dir(folder.join("checkpoints")).expect("there");
    let newest = entries
        .map(|entry| entry.expect("readable").file_name())
        .max();
    let newest = newest.expect("a checkpoint").into_string().expect("text");
    let rounds: u32 = newest[6..14].parse().expect("a round");
    let more = rounds + 2;
    let wanted =
        trained(2, &parent.join("whole"), &format!("--epochs 3 --comm_round {more} {selection}"));
    assert_eq!(
        resumed(2, &folder, &format!("--comm_round {more}")),
        wanted,
        "after round {rounds}"
    );
}

#[test]
fn asynchronous_runs_go_on_after_a_signal() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("run");
    // Saved at once and long enough that the signal comes in time, and no longer.
    let flags = "--mode async --aggregator fedbuff --buffer_size 4 --concurrency 6 --delay uniform:1,4 --epochs 3 \
                 --frequency_of_the_test 1000 --checkpoint_every 1 --comm_round 90";
    let wanted = trained(2, &parent.path().join("whole"), flags);
    let job = Job::ranks(3)
        .with(FLAGS)
        .path("--data_dir", &mnist())
        .path("--out_dir", &folder)
        .with(flags);
    let mut job = job.start();
    let began = Instant::now();
    while !has_checkpoint(&folder) {
        assert!(began.elapsed() < Duration::from_secs(60), "no checkpoint came");
        std::thread::sleep(Duration::from_millis(20));
    }
    Command::new("kill")
        .arg("-TERM")
        .arg(job.id().to_string())
        .status()
        .expect("kill runs");
    assert!(!job.wait().expect("ends").success());
    while !ranks_of(&folder).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(110), "a rank is left behind");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Stopped, or on a busy machine killed by a launcher that does not wait for long.
    assert_ne!(state(&folder), Standing::Finished, "it had come to its end");
    assert_eq!(resumed(2, &folder, ""), wanted);
}

#[test]
fn what_cannot_go_on_is_refused() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("run");
    trained(2, &folder, "--comm_round 3 --checkpoint_every 1");
    let refused = |flags: &str| {
        let finished = Job::ranks(2).path("--resume", &folder).with(flags).run();
        assert_eq!(finished.code, Some(2), "{}", finished.stderr);
        assert_eq!(finished.errors().len(), 1, "{}", finished.stderr);
        finished.stderr
    };
    assert!(refused("--lr 0.5 --comm_round 4").contains("another plan: --lr is 0.5, and was 0.05"));
    assert!(
        refused("--comm_round 2")
            .contains("3 rounds are done, and --comm_round 2 would take some of them back")
    );
    assert!(refused("--mode async").contains("--mode async has none"));
    let newest = folder.join("checkpoints/round-00000003.safetensors");
    let mut bytes = fs::read(&newest).expect("there");
    let last = bytes.len() - 5;
    bytes[last] ^= 4;
    fs::write(&newest, bytes).expect("writable");
    let said = refused("--comm_round 5");
    assert!(
        said.contains("checksum") && said.contains("round-00000002.safetensors is whole"),
        "{said}"
    );
    fs::remove_dir_all(folder.join("checkpoints")).expect("removable");
    assert!(refused("--comm_round 5").contains("no checkpoint"));
}

/// Every file of a folder with its content, and of the folders in it.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder)
        .expect("readable")
        .map(|entry| entry.expect("readable").path());
    let within = |path: PathBuf| match path.is_dir() {
        true => content(&path),
        false => BTreeMap::from([(path.clone(), fs::read(&path).expect("readable"))]),
    };
    entries.flat_map(within).collect()
}

#[test]
fn a_finished_run_is_not_touched_and_goes_on_from_its_last_round() {
    let parent = tempfile::tempdir().expect("a folder");
    let path = |name: &str| parent.path().join(name);
    for (name, flags) in [
        ("rounds", ""),
        ("async", "--mode async --aggregator fedasync --concurrency 4"),
    ] {
        // No rhythm ever comes to a checkpoint: only the end does.
        let flags = format!("{flags} --checkpoint_every 1000");
        let folder = path(name);
        let hash = trained(2, &folder, &format!("{flags} --comm_round 3"));
        let before = content(&folder);
        for ranks in [1, 3] {
            assert_eq!(resumed(ranks, &folder, ""), hash, "{name}");
        }
        assert!(content(&folder) == before, "{name}");
        let wanted =
            trained(2, &path(&format!("{name}-whole")), &format!("{flags} --comm_round 5"));
        assert_eq!(resumed(2, &folder, "--comm_round 5"), wanted, "{name}");
    }
    let target = path("target");
    let hash = trained(2, &target, "--target_accuracy 0.01 --comm_round 9");
    let summary = Summary::read(&target).expect("readable").expect("there");
    assert_eq!(
        (summary.rounds, summary.reason.as_str()),
        (1, "the target accuracy>=0.01 is reached")
    );
    assert_eq!(resumed(2, &target, ""), hash);
}

#[test]
fn a_damaged_journal_is_kept_and_what_is_good_of_it_stays() {
    let parent = tempfile::tempdir().expect("a folder");
    let path = |name: &str| parent.path().join(name);
    let wanted = trained(2, &path("whole"), "--comm_round 4");
    let folder = path("run");
    trained(2, &folder, "--comm_round 3");
    let journal = folder.join("journal.jsonl");
    let text = fs::read_to_string(&journal).expect("there");
    let second = text
        .lines()
        .filter(|line| line.contains("round_done"))
        .nth(1)
        .expect("a round");
    fs::write(&journal, text.replace(second, "{damaged")).expect("writable");
    let job = Job::ranks(2)
        .path("--resume", &folder)
        .with("--comm_round 4")
        .run()
        .succeeded();
    assert_eq!(job.model_hash(), wanted);
    assert!(job.stderr.contains("rounds are missing: 2"), "{}", job.stderr);
    assert!(
        fs::read_to_string(folder.join("journal.jsonl.kept-1"))
            .expect("kept")
            .contains("{damaged")
    );
    let rows = |name: &str| {
        fs::read_to_string(folder.join(name))
            .expect("there")
            .lines()
            .count()
    };
    assert_eq!((rows("metrics.csv"), rows("metrics.csv.kept-1")), (4, 4));
}

#[test]
fn a_run_that_diverges_says_so_in_its_folder_and_can_be_compared() {
    let parent = tempfile::tempdir().expect("a folder");
    let path = |name: &str| parent.path().join(name);
    for (name, flags, words) in [
        (
            "rounds",
            "--server_step sgd:server_lr=1e300",
            "the server's step made a model that is not finite",
        ),
        (
            "async",
            "--mode async --aggregator fedbuff:buffer_size=2,server_lr=1e300",
            "that is not finite",
        ),
        ("client", "--mode async --aggregator avg --lr 1e30", "changed linear.weight"),
    ] {
        let flags =
            format!("{flags} --comm_round 3 --client_num_in_total 12 --client_num_per_round 4");
        let job = Job::ranks(2)
            .with(&flags)
            .path("--out_dir", &path(name))
            .run();
        assert_eq!((job.code, job.errors().len()), (Some(1), 1), "{}", job.stderr);
        let summary = Summary::read(&path(name))
            .expect("readable")
            .expect("there");
        assert_eq!(summary.state, Standing::Failed);
        assert!(summary.reason.contains(words), "{}", summary.reason);
        let journal = fs::read_to_string(path(name).join("journal.jsonl")).expect("there");
        let last = journal.lines().last().expect("a line");
        assert!(last.contains("\"event\":\"ended\"") && last.contains(words), "{last}");
    }
    // A loss that is no number is said, and survives a resume.
    let (job, folder) = (Job::ranks(2), path("loss"));
    let flags = "--server_step sgd:server_lr=1e37 --comm_round 2 --client_num_in_total 12 --client_num_per_round 4";
    let said = job
        .with(flags)
        .path("--out_dir", &folder)
        .run()
        .succeeded()
        .stderr;
    assert!(said.contains("round 2: the test loss is "), "{said}");
    resumed(2, &folder, "--comm_round 3");
    let rows = fs::read_to_string(folder.join("metrics.csv")).expect("there");
    assert_eq!(rows.lines().count(), 4, "{rows}");
    let mut compared = Command::new(env!("CARGO_BIN_EXE_fedmpi"));
    compared
        .arg("compare")
        .args(["rounds", "loss"].map(path))
        .arg("--svg")
        .arg(path("both.svg"));
    let table = String::from_utf8(compared.output().expect("runs").stdout).expect("text");
    assert!(table.contains("rounds failed in round 1: ") && table.contains("loss: "), "{table}");
}

/// A server step that remembers two values for each weight, of a model that is too large for a JSON
/// header.
#[test]
fn memory_of_large_models_is_read_back() {
    let make = |_| -> Result<Box<dyn Trainer>, _> { Ok(Box::new(Quadratic::new(3_000_000, 0.5))) };
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config {
        aggregator: Some("fedadam".into()),
        comm_round: 2,
        client_num_per_round: 2,
        checkpoint_every: Some(1),
        out_dir: Some(folder.path().to_owned()),
        ..small()
    };
    let plan = plan(config);
    let mut checkpoints =
        Checkpoints::create(folder.path().join("checkpoints"), &plan).expect("writable");
    let wanted = run_local(&plan, 1, make, &mut checkpoints, None).expect("sound");
    let saved = checkpoint::newest(&folder.path().join("checkpoints"), &plan).expect("whole");
    assert_eq!((saved.state.rounds, saved.state.memory[1].len()), (2, 6_000_001));
    assert!(saved.weights == wanted.weights);
}
