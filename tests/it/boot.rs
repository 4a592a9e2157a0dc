//! Bad input: refused on one rank before training, with file, value and hint; nothing hangs.

use crate::support::{Finished, Job, generated_mnist};
use fedmpi::data::write_idx;
use std::fs;
use std::path::{Path, PathBuf};

/// One error that says all of `expected`, exit code 2: before MPI starts without rank and time.
fn refused(job: Job, expected: &[&str]) {
    let finished: Finished = job.run();
    let ours = finished
        .stderr
        .lines()
        .filter(|line| line.contains(" error: rank ") || line.starts_with("error: "));
    let ours = ours.count();
    assert_eq!((finished.code, ours), (Some(2), 1), "{expected:?}\n{}", finished.stderr);
    for part in expected {
        assert!(finished.stderr.contains(part), "{part} is not in:\n{}", finished.stderr);
    }
    assert!(!finished.stderr.contains("round 1"), "{}", finished.stderr);
}

fn flags(flags: &str) -> Job {
    Job::ranks(3).with(flags)
}

/// A copy of the generated MNIST with one file replaced.
fn damaged(name: &str, content: impl FnOnce(&Path)) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    for entry in fs::read_dir(generated_mnist()).expect("readable") {
        let entry = entry.expect("readable");
        fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("writable");
    }
    let file = folder.path().join(name);
    content(&file);
    (folder, file)
}

#[test]
fn unknown_names_are_refused_with_a_suggestion() {
    refused(flags("--model lrr"), &["unknown model `lrr`", "did you mean `lr`"]);
    refused(flags("--dataset minst"), &["unknown dataset `minst`", "hint"]);
    refused(flags("--partition_method homoo"), &["did you mean `homo`"]);
    refused(flags("--client_optimizer sdg"), &["did you mean `sgd`"]);
    refused(flags("--no_such_flag 3"), &["--no_such_flag"]);
}

#[test]
fn zero_and_negative_numbers_are_refused() {
    refused(flags("--comm_round 0"), &["--comm_round is 0", "from 1 to"]);
    refused(flags("--client_num_in_total -3"), &["--client_num_in_total is -3"]);
    refused(flags("--lr -0.1"), &["--lr is -0.1"]);
    refused(flags("--epochs many"), &["--epochs", "many"]);
    refused(flags("--client_num_per_round 500"), &["--client_num_per_round is 500", "100 clients"]);
}

#[test]
fn damaged_data_files_are_refused() {
    let run = |folder: &Path| flags("--dataset mnist").path("--data_dir", folder);
    refused(run(Path::new("/nowhere")), &["/nowhere/train-images-idx3-ubyte", "--data_dir"]);
    let (folder, file) = damaged("train-images-idx3-ubyte", |file| {
        let bytes = fs::read(file).expect("readable");
        fs::write(file, &bytes[..bytes.len() / 2]).expect("writable");
    });
    refused(run(folder.path()), &[file.to_str().expect("text"), "truncated"]);
    let (folder, _) = damaged("t10k-labels-idx1-ubyte", |file| {
        fs::write(file, [1, 2, 3, 4, 5]).expect("writable")
    });
    refused(run(folder.path()), &["t10k-labels-idx1-ubyte", "magic number"]);
    let (folder, _) = damaged("train-labels-idx1-ubyte", |file| {
        write_idx(file, &[6000], &[11; 6000]).expect("writable")
    });
    refused(run(folder.path()), &["train-labels-idx1-ubyte", "label 11"]);
}

#[test]
fn more_clients_than_samples_are_refused() {
    let job = flags("--dataset mnist --client_num_in_total 7000 --partition_method homo");
    refused(job.path("--data_dir", &generated_mnist()), &["7000 clients with at least", "hint"]);
}

#[test]
fn mappings_that_do_not_fit_are_refused_with_the_table() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("gpu_mapping.yaml");
    let run = |text: &str, more: &str| {
        fs::write(&file, text).expect("writable");
        flags(more).path("--gpu_mapping_file", &file)
    };
    refused(run("mapping_default:\n  localhost: [5]\n", ""), &["mapped processes", "sum"]);
    refused(run("mapping_default:\n  elsewhere: [3]\n", ""), &["elsewhere", "not mapped"]);
    refused(
        run("mapping_a:\n  localhost: [3]\n", "--gpu_mapping_key mapping_b"),
        &["did you mean `mapping_a`"],
    );
    refused(
        run("mapping_default:\n\tlocalhost: [3]\n", ""),
        &["gpu_mapping.yaml", "line 2", "tabs are not allowed"],
    );
}

#[test]
fn malformed_config_files_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("run.yaml");
    fs::write(&file, "lr: [0.1\n").expect("writable");
    refused(flags("").path("--cf", &file), &["run.yaml", "line", "YAML"]);
    refused(flags("").path("--cf", &folder.path().join("none.yaml")), &["none.yaml"]);
}

#[test]
fn occupied_and_unwritable_folders_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let job = || flags("--comm_round 1").path("--out_dir", folder.path());
    job().run().succeeded();
    refused(job(), &["holds a run already", "--overwrite"]);
    job().with("--overwrite true").run().succeeded();
    let below_a_file = folder.path().join("summary.json/x");
    refused(flags("").path("--out_dir", &below_a_file), &["cannot write to", "hint"]);
}

#[test]
fn what_is_not_of_a_run_is_neither_read_as_a_file_nor_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    fs::create_dir_all(path("theirs/checkpoints")).expect("writable");
    fs::write(path("theirs/checkpoints/best.pt"), "mine").expect("writable");
    for flags_ in ["", "--overwrite"] {
        let job = flags(flags_).path("--out_dir", &path("theirs"));
        refused(job, &["theirs/checkpoints", "not of a run", "another --out_dir"]);
    }
    assert_eq!(fs::read(path("theirs/checkpoints/best.pt")).expect("there"), b"mine");
    std::process::Command::new("mkfifo")
        .arg(path("fifo"))
        .status()
        .expect("mkfifo runs");
    for flag in ["--cf", "--gpu_mapping_file", "--partition_load"] {
        refused(flags("").path(flag, &path("fifo")), &["fifo", "no plain file"]);
    }
    fs::create_dir(path("run")).expect("writable");
    std::os::unix::fs::symlink(path("victim"), path("run/.fedmpi")).expect("links");
    fs::write(path("victim"), "mine").expect("writable");
    refused(flags("").path("--out_dir", &path("run")), &["cannot write to", ".fedmpi"]);
    assert_eq!(fs::read(path("victim")).expect("there"), b"mine");
}

#[test]
fn a_runs_config_repeats_it_and_leaves_that_run_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let saved = path("partition.json");
    let job = flags("--comm_round 1 --overwrite").path("--partition_save", &saved);
    let first = job.path("--out_dir", &path("a")).run().succeeded();
    let before = fs::read(path("a/summary.json")).expect("there");
    fs::write(&saved, "thesis").expect("writable");
    let again = flags("")
        .path("--cf", &path("a/config.yaml"))
        .path("--out_dir", &path("b"))
        .run()
        .succeeded();
    assert_eq!(again.model_hash(), first.model_hash());
    refused(
        flags("")
            .path("--cf", &path("a/config.yaml"))
            .path("--out_dir", &path("a")),
        &["holds a run already"],
    );
    assert_eq!(fs::read(path("a/summary.json")).expect("there"), before);
    assert_eq!(fs::read(&saved).expect("there"), b"thesis");
}

#[test]
fn ways_of_running_a_round_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("trace.csv");
    fs::write(&trace, "client,begin,end\n7,1,9\n100,1,9\n").expect("writable");
    let traced = flags("--client_selection availability").path("--selection_file", &trace);
    refused(
        traced,
        &[
            "trace.csv",
            "line 3",
            "client 100 does not exist, there are 100",
        ],
    );
    refused(flags("--aggregator median"), &["--reduce is worker", "`median`", "--reduce server"]);
    refused(
        flags("--dispatch one_per_worker"),
        &["is 10, but there are 2 workers", "mpirun -np 11"],
    );
    refused(flags("--worker_slowdown 1:2,1:3"), &["`1:3` is neither", "each rank once"]);
    refused(
        flags("--mode async --drop_rate 0.1"),
        &["--drop_rate is 0.1", "--mode async has none"],
    );
}

#[test]
fn a_rank_that_cannot_make_its_trainer_ends_the_job() {
    refused(
        flags("").env("FEDMPI_FAULT", "make:1"),
        &["rank 1 on", "fault asked for by FEDMPI_FAULT"],
    );
    refused(
        Job::ranks(1).env("FEDMPI_FAULT", "make:0"),
        &["rank 0 on", "fault asked for by FEDMPI_FAULT"],
    );
    let folder = tempfile::tempdir().expect("a folder");
    let alone = Job::ranks(1)
        .env("FEDMPI_FAULT", "make:1")
        .path("--out_dir", folder.path())
        .run();
    assert_eq!((alone.code, alone.errors().len()), (Some(1), 1), "{}", alone.stderr);
    assert!(alone.errors()[0].contains("rank 1 cannot work: panicked"), "{}", alone.stderr);
}

#[test]
fn a_panic_in_training_ends_the_job_with_one_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let job = flags("--client_num_in_total 10 --comm_round 5").env("FEDMPI_FAULT", "panic:3:4");
    let finished = job.path("--out_dir", folder.path()).run();
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    let errors = finished.errors();
    assert_eq!(errors.len(), 1, "{}", finished.stderr);
    assert!(errors[0].contains("failed to train client 4 in round 3"), "{}", errors[0]);
    // Rounds that were done are on record.
    let journal = fs::read_to_string(folder.path().join("journal.jsonl")).expect("a journal");
    assert_eq!(journal.matches("\"round_done\"").count(), 2);
}
