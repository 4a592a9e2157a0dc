//! `fedmpi sweep`: members that train, that fail and that were stopped, and the table of all of
//! them.

use crate::support::{AS_ROOT, Finished};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SMALL: &str = "--client_num_in_total 12 --client_num_per_round 4 --comm_round 2";

fn sweep(arguments: &str, folder: &Path, training: &str) -> Command {
    let mut command = Command::new("timeout");
    command
        .args(["--kill-after=5", "120"])
        .arg(env!("CARGO_BIN_EXE_fedmpi"))
        .arg("sweep")
        .envs(AS_ROOT);
    command
        .args(arguments.split_whitespace())
        .arg("--out_dir")
        .arg(folder);
    if !training.is_empty() {
        command.arg("--").args(training.split_whitespace());
    }
    command
}

fn ended(mut command: Command) -> Finished {
    Finished::of(command.output().expect("runs"))
}

/// When each member's summary was written: one that is left alone keeps its time.
fn written(folder: &Path) -> BTreeMap<String, std::time::SystemTime> {
    let entries = fs::read_dir(folder).expect("there").flatten();
    let summary = |entry: fs::DirEntry| {
        let facts = entry.path().join("summary.json").metadata().ok()?;
        Some((entry.file_name().into_string().ok()?, facts.modified().ok()?))
    };
    entries.filter_map(summary).collect()
}

#[test]
fn a_member_that_diverges_is_marked_and_what_is_done_stays() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("a");
    let grid = "-L lr 0.05,1e30 -L seed=0..1 -np 2";
    let first = ended(sweep(grid, &folder, SMALL)).succeeded();
    for words in [
        "4 members in",
        "4 to train, 1 at once",
        "*  0.05  2  0.",
        "   1e30  0  -",
        "2 failed",
        "best: lr=0.05",
    ] {
        assert!(first.stdout.contains(words), "{words}\n{}", first.stdout);
    }
    assert!(first.stdout.contains("lr=1e30,seed=0: failed: "), "{}", first.stdout);
    let csv = fs::read_to_string(folder.join("members.csv")).expect("written");
    assert_eq!(
        (csv.lines().count(), csv.matches(",finished,2,").count(), csv.matches(",failed,").count()),
        (5, 2, 2)
    );
    assert!(
        fs::read_to_string(folder.join("sweep.svg"))
            .expect("drawn")
            .contains("lr=0.05")
    );

    let before = written(&folder);
    let again = ended(sweep("-np 2", &folder, "")).succeeded();
    assert!(again.stdout.contains("0 to train") && written(&folder) == before, "{}", again.stdout);
    let table = Command::new(env!("CARGO_BIN_EXE_fedmpi"))
        .args(["sweep", "--table"])
        .arg(&folder)
        .output();
    let table = Finished::of(table.expect("runs")).succeeded().stdout;
    assert!(again.stdout.ends_with(&table), "{table}\n{}", again.stdout);

    let other = ended(sweep("-L lr 0.05,0.1 -np 2", &folder, SMALL));
    assert_eq!((other.code, other.errors().len()), (Some(2), 1), "{}", other.stderr);
    assert!(other.stderr.contains("holds another sweep"), "{}", other.stderr);
}

#[test]
fn members_are_checked_before_any_is_trained() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("a");
    for (arguments, training, reason) in [
        ("-L lr 0.1,-1 -np 2", SMALL, "member lr=-1"),
        ("-L model lr,3nn -np 2", SMALL, "member model=3nn"),
        ("-L lr 0.1,1 -np 2", "--out_dir x", "each member has its own folder"),
        ("-L lrr 0.1,1 -np 2", SMALL, "no setting that a sweep can change"),
        ("-np 2", "", "there is nothing to sweep"),
    ] {
        let refused = ended(sweep(arguments, &folder, training));
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(
            refused.stderr.contains(reason) && !folder.exists(),
            "{arguments}: {}",
            refused.stderr
        );
    }
    let dry = ended(sweep("-L lr 0.1,1 --repeat 2 -np 2 --dry_run", &folder, SMALL)).succeeded();
    assert!(
        dry.stdout.contains("4 members in") && dry.stdout.contains("lr=1,seed=1: not begun"),
        "{}",
        dry.stdout
    );
    assert!(!folder.exists());
}

#[test]
fn a_stopped_sweep_saves_its_members_and_goes_on_to_the_same_models() {
    let parent = tempfile::tempdir().expect("a folder");
    let training = "--client_num_in_total 12 --client_num_per_round 4 --comm_round 300 --checkpoint_every 1 --epochs 20";
    let grid = "-L seed=0..1 -np 2 --groups 2";
    let whole = parent.path().join("whole");
    ended(sweep(grid, &whole, training)).succeeded();

    let folder = parent.path().join("stopped");
    stop_when_saved(sweep(grid, &folder, training), &folder);
    ended(sweep("-np 2 --groups 2", &folder, "")).succeeded();
    let hashes = |folder: &Path| {
        let hash = |seed: u32| {
            let text = fs::read_to_string(folder.join(format!("seed={seed}/summary.json")))
                .expect("written");
            serde_json::from_str::<serde_json::Value>(&text).expect("JSON")["model_hash"].clone()
        };
        [hash(0), hash(1)]
    };
    assert_eq!(hashes(&folder), hashes(&whole));
}

/// Starts a sweep of two seeds that train at once, and stops it once both are saved.
fn stop_when_saved(mut command: Command, folder: &Path) {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let began = Instant::now();
    let saved = |seed: u32| crate::support::has_checkpoint(&folder.join(format!("seed={seed}")));
    while !(saved(0) && saved(1)) {
        assert!(began.elapsed() < Duration::from_secs(60), "no checkpoint");
        std::thread::sleep(Duration::from_millis(5));
    }
    Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .expect("kill runs");
    let stopped = Finished::of(child.wait_with_output().expect("ends"));
    assert_eq!(stopped.code, Some(3), "{}\n{}", stopped.stdout, stopped.stderr);
    let (out, hint) = (stopped.stdout, "stopped; it goes on with: fedmpi sweep --out_dir");
    assert!(out.contains(hint) && out.ends_with("-np 2 --groups 2\n"), "{out}");
}

#[test]
fn each_group_has_its_part_of_a_mapping_and_who_goes_on_has_its_own() {
    let parent = tempfile::tempdir().expect("a folder");
    let (file, folder) = (parent.path().join("gpu_mapping.yaml"), parent.path().join("a"));
    let keys = "whole:\n  localhost: [1, 2, 1]\nsmall:\n  localhost: [2]\nfar:\n  h7: [4]\n";
    fs::write(&file, keys).expect("writable");
    let training = |key: &str| {
        let long = SMALL.replace("--comm_round 2", "--comm_round 300 --checkpoint_every 1");
        format!("{long} --epochs 20 --gpu_mapping_file {} {key}", file.display())
    };
    let grid = "-L seed=0..1 -np 2 --groups 2";
    for (arguments, key, reason) in [
        (grid, "--gpu_mapping_key small", "2 groups of 2 ranks need 4 processes"),
        (grid, "--gpu_mapping_key far", "GPUs found"),
        ("-L gpu_mapping_key whole,small -np 2 --groups 2", "", "have different GPU mappings"),
    ] {
        let refused = ended(sweep(arguments, &folder, &training(key)));
        let (said, begun) = (&refused.stderr, folder.exists());
        assert_eq!((refused.code, refused.errors().len(), begun), (Some(2), 1, false), "{said}");
        assert!(said.contains(reason), "{said}");
    }

    if fedmpi::torch::gpus().is_ok_and(|gpus| gpus > 0) {
        return;
    }
    let mapped = |seed: u32| {
        let text =
            fs::read_to_string(folder.join(format!("seed={seed}/config.yaml"))).expect("written");
        let lines = text
            .lines()
            .filter(|line| line.starts_with("gpu_util_parse"));
        assert!(!text.contains("gpu_mapping_file"), "{text}");
        lines.collect::<Vec<_>>().join("\n")
    };
    stop_when_saved(sweep(grid, &folder, &training("--gpu_mapping_key=whole")), &folder);
    let [first, second] = ["localhost:1,1", "localhost:0,1,1"];
    assert_eq!(
        [mapped(0), mapped(1)],
        [first, second].map(|line| format!("gpu_util_parse: {line}"))
    );

    // All ranks as one group, which has the whole.
    let went_on = ended(sweep("-np 4", &folder, "")).succeeded().stdout;
    assert_eq!(went_on.matches("after 300 rounds").count(), 2, "{went_on}");
    assert_eq!([mapped(0), mapped(1)], ["gpu_util_parse: localhost:1,2,1"; 2]);
    let said = fs::read_to_string(folder.join("seed=0/output.log")).expect("written");
    assert!(said.contains("--resume") && !said.contains("has no effect"), "{said}");
}

#[test]
fn a_file_says_a_sweep_and_slurm_gets_a_task_for_each_member() {
    let parent = tempfile::tempdir().expect("a folder");
    let (file, folder) = (parent.path().join("sweep.yaml"), parent.path().join("a"));
    let text = format!(
        "parameters:\n  lr: 'log:0.01..0.1'\n  seed: 0..1\nmethod: random\nsamples: 2\nflags: {SMALL}\n"
    );
    fs::write(&file, text).expect("writable");
    let arguments =
        format!("-np 2 --jobs slurm --groups 3 --sbatch account=physics --file {}", file.display());
    let said = ended(sweep(&arguments, &folder, "")).succeeded().stdout;
    assert!(said.contains("an array job of 4 tasks: sbatch"), "{said}");
    let script = fs::read_to_string(folder.join("job.sbatch")).expect("written");
    for line in [
        "#SBATCH --array='0-3%3'",
        "#SBATCH --account=physics",
        "#SBATCH --ntasks-per-node=2",
    ] {
        assert!(script.lines().any(|written| written == line), "{line}\n{script}");
    }
    // A task of the array, as Slurm would start it.
    let task = |index: &str| {
        let mut bash = Command::new("bash");
        bash.arg(folder.join("job.sbatch"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .envs(AS_ROOT);
        bash.env("SLURM_SUBMIT_DIR", parent.path())
            .env("SLURM_NTASKS", "2")
            .env("SLURM_ARRAY_TASK_ID", index);
        ended(bash)
    };
    task("3").succeeded();
    assert_eq!(task("4").code, Some(2));
    let table = ended(sweep("-np 2 --dry_run", &folder, ""))
        .succeeded()
        .stdout;
    assert_eq!(
        (table.matches(": finished").count(), table.matches(": not begun").count()),
        (1, 3),
        "{table}"
    );
}
