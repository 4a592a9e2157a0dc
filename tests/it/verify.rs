//! A recorded run is trained again, and predicted.

use crate::support::{Finished, Job, plan, small};
use fedmpi::config::Config;
use fedmpi::data::write_idx;
use fedmpi::engine::run_local;
use fedmpi::event::Recorder;
use fedmpi::metrics::Metrics;
use fedmpi::record::{History, Journal, Predictor};
use fedmpi::schedule::{DispatchMode, Slowdown};
use fedmpi::train::{Quadratic, Task, TrainError, Trained, Trainer};
use fedmpi::weights::Layout;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

fn verified(ranks: usize, folder: &Path, flags: &str) -> Finished {
    Job::ranks(ranks).path("verify", folder).with(flags).run()
}

/// Every file below a folder.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder)
        .expect("readable")
        .map(|entry| entry.expect("readable").path());
    let files = entries.flat_map(|path| {
        if path.is_dir() {
            contents(&path)
        } else {
            [(path.clone(), fs::read(&path).expect("readable"))].into()
        }
    });
    files.collect()
}

#[test]
fn recorded_rounds_come_out_again_on_any_ranks_and_nothing_is_written() {
    let parent = tempfile::tempdir().expect("a folder");
    let (folder, receipt) = (parent.path().join("run"), parent.path().join("receipt.json"));
    let flags = "--algorithm scaffold --client_selection power_of_choice --comm_round 5 --checkpoint_every 2";
    Job::ranks(3)
        .path("--out_dir", &folder)
        .with(flags)
        .run()
        .succeeded();
    let before = contents(&folder);
    let last = verified(2, &folder, "").succeeded().stdout;
    assert!(
        last.contains("round 5: ") && last.contains("verified: 1 of 1 round came out as recorded"),
        "{last}"
    );
    assert_eq!(
        last.matches("as recorded\n").count(),
        4,
        "a round, the plan, the data and all: {last}"
    );
    let some = Job::ranks(1)
        .path("verify", &folder)
        .path("--json", &receipt)
        .with("--rounds 2,5")
        .run()
        .succeeded();
    assert!(
        some.stdout
            .contains("2 of 2 rounds came out as recorded, and 1 more on the way"),
        "{}",
        some.stdout
    );
    let told: Value = serde_json::from_slice(&fs::read(&receipt).expect("written")).expect("JSON");
    let places = |name: &str| {
        let rounds = told["rounds"].as_array().expect("a list").iter();
        rounds
            .map(|round| round[name].as_u64().expect("a number"))
            .collect::<Vec<_>>()
    };
    assert_eq!((places("round"), places("from")), (vec![1, 2, 5], vec![0, 0, 4]));
    assert!(told["verified"] == true && told["models"][0]["round"] == 5, "{told}");
    assert_eq!(contents(&folder), before);
}

#[test]
fn a_model_is_evaluated_as_in_its_run_on_any_ranks_and_each_class_by_itself() {
    let parent = tempfile::tempdir().expect("a folder");
    let (folder, json) = (parent.path().join("run"), parent.path().join("found.json"));
    let flags = "--comm_round 3 --reduce allreduce --record csv;model;best";
    Job::ranks(3)
        .path("--out_dir", &folder)
        .with(flags)
        .run()
        .succeeded();
    let before = contents(&folder);
    let read = |path: &Path| -> Value {
        serde_json::from_slice(&fs::read(path).expect("written")).expect("JSON")
    };
    let wanted = read(&folder.join("summary.json"))["final_test"].clone();
    for ranks in [1, 3] {
        let job = Job::ranks(ranks)
            .path("evaluate", &folder)
            .path("--json", &json)
            .with("--classes");
        let shown = job.run().succeeded().stdout;
        let found = read(&json);
        assert!(found["metrics"] == wanted && shown.contains("model.safetensors"), "{shown}");
        let classes = found["classes"].as_array().expect("classes");
        let samples: u64 = classes
            .iter()
            .filter_map(|class| class["samples"].as_u64())
            .sum();
        assert_eq!(Some(samples), found["samples"].as_u64());
    }
    Job::ranks(2)
        .path("evaluate", &folder)
        .with("--best")
        .run()
        .succeeded();
    let other = Job::ranks(2)
        .path("evaluate", &folder)
        .with("-- --model cnn")
        .run();
    assert!(
        other.code == Some(2) && other.stderr.matches(" error: ").count() == 1,
        "{}",
        other.stderr
    );
    assert_eq!(contents(&folder), before);
}

#[test]
fn clients_are_listed_by_what_is_asked() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("run");
    Job::ranks(3)
        .path("--out_dir", &folder)
        .with("--comm_round 4")
        .run()
        .succeeded();
    let clients = |flags: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fedmpi"));
        Finished::of(
            command
                .arg("clients")
                .arg(&folder)
                .args(flags)
                .output()
                .expect("starts"),
        )
        .succeeded()
        .stdout
    };
    let table = clients(&["--csv", "--sort", "samples"]);
    let samples: Vec<u64> = table
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').nth(1)?.parse().ok())
        .collect();
    assert!(samples.len() > 10 && samples.is_sorted_by(|one, next| one >= next), "{table}");
    let trained: u64 = table
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').nth(2)?.parse::<u64>().ok())
        .sum();
    assert_eq!(trained, 40);
    let shown = clients(&["--most", "3"]);
    assert!(shown.lines().count() == 4 && shown.lines().all(|line| line.len() <= 80), "{shown}");
}

#[test]
fn moves_of_the_model_without_rounds_come_out_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run");
    let flags = "--mode async --aggregator fedbuff --buffer_size 3 --concurrency 5 --delay uniform:1,4 --comm_round 5 \
                 --checkpoint_every 1";
    Job::ranks(3)
        .path("--out_dir", &path)
        .with(flags)
        .run()
        .succeeded();
    for rounds in ["last", "all"] {
        let found = verified(2, &path, &format!("--rounds {rounds}"))
            .succeeded()
            .stdout;
        assert!(found.contains("round 5: ") && found.contains("verified: "), "{found}");
    }
    let timed = parent_of(&path).join("timed");
    Job::ranks(2)
        .path("--out_dir", &timed)
        .with("--mode async --clock real --comm_round 2")
        .run()
        .succeeded();
    let refused = verified(1, &timed, "");
    assert!(
        refused.code == Some(2) && refused.stderr.contains("never comes again"),
        "{}",
        refused.stderr
    );
}

fn parent_of(path: &Path) -> &Path {
    path.parent().expect("a folder")
}

/// Pictures of ten classes, of which one pixel may be chosen.
fn pictures(folder: &Path, pixel: u8) {
    fs::create_dir_all(folder).expect("writable");
    for (part, count) in [("train", 300u32), ("t10k", 50)] {
        let labels: Vec<u8> = (0..count).map(|i| (i % 10) as u8).collect();
        let mut images: Vec<u8> = labels
            .iter()
            .flat_map(|&label| {
                (0..784).map(move |i| if i % 10 == u32::from(label) { 200 } else { 0 })
            })
            .collect();
        images[0] = pixel;
        let path = |name: &str| folder.join(format!("{part}-{name}-ubyte"));
        write_idx(&path("images-idx3"), &[count, 28, 28], &images).expect("writable");
        write_idx(&path("labels-idx1"), &[count], &labels).expect("writable");
    }
}

#[test]
fn what_was_changed_is_noticed() {
    let parent = tempfile::tempdir().expect("a folder");
    let path = |name: &str| parent.path().join(name);
    pictures(&path("data"), 0);
    pictures(&path("other"), 1);
    let flags = "--dataset mnist --client_num_in_total 6 --client_num_per_round 3 --comm_round 3 --checkpoint_every 1";
    let job = Job::ranks(1)
        .path("--data_dir", &path("data"))
        .path("--out_dir", &path("run"));
    job.with(flags).run().succeeded();
    verified(1, &path("run"), "").succeeded();
    let [journal, model] =
        ["journal.jsonl", "model.safetensors"].map(|name| path("run").join(name));
    let noticed = |file: &Path, changed: Vec<u8>, said: &str| {
        let whole = fs::read(file).expect("there");
        assert_ne!(whole, changed, "nothing is changed");
        fs::write(file, changed).expect("writable");
        let found = verified(1, &path("run"), "");
        assert_eq!(found.code, Some(1), "{}\n{}", found.stdout, found.stderr);
        assert!(
            found.stdout.contains(said) && found.stdout.contains("NOT VERIFIED"),
            "{said}: {}",
            found.stdout
        );
        fs::write(file, whole).expect("writable");
    };
    let mut other = fs::read(&model).expect("there");
    *other.last_mut().expect("bytes") ^= 1;
    noticed(&model, other, "is the model of no recorded round");
    noticed(&model, b"no tensors".to_vec(), "model.safetensors is damaged");
    let last = |change: &dyn Fn(&mut Value)| {
        let text = fs::read_to_string(&journal).expect("there");
        let changed = text.lines().map(|line| {
            let mut event: Value = serde_json::from_str(line).expect("an event");
            if event["event"] == "round_done" && event["round"] == 3 {
                change(&mut event);
            }
            event.to_string() + "\n"
        });
        changed.collect::<String>().into_bytes()
    };
    noticed(
        &journal,
        last(&|event| event["model_hash"] = "0123456789abcdef".into()),
        "but recorded is 0123456789abcdef",
    );
    noticed(
        &journal,
        last(&|event| event["test"]["accuracy"]["sum"] = 49.0.into()),
        "recorded is 0.98",
    );
    let refused = |flags: &str, said: &str| {
        let found = verified(1, &path("run"), flags);
        assert_eq!(found.code, Some(2), "{}\n{}", found.stdout, found.stderr);
        assert!(found.stderr.contains(said), "{said}: {}", found.stderr);
    };
    refused(&format!("-- --data_dir {}", path("other").display()), "the data differs");
    refused("-- --lr 0.5", "--lr is 0.5, and was 0.03");
    refused("--rounds 4", "round 4 is on no record");
}

/// A trainer whose trainings take known times, and no core.
struct Asleep(Quadratic);

impl Trainer for Asleep {
    fn layout(&self) -> &Layout {
        self.0.layout()
    }

    fn initial(&mut self) -> Vec<f32> {
        self.0.initial()
    }

    fn train(&mut self, task: &Task<'_>) -> Result<Trained, TrainError> {
        thread::sleep(Duration::from_millis(20 + 20 * u64::from(task.client.0 % 3)));
        self.0.train(task)
    }

    fn evaluate(&mut self, weights: &[f32]) -> Result<Metrics, TrainError> {
        self.0.evaluate(weights)
    }
}

/// Runs in one process and records what a prediction needs; gives the mean seconds of a round.
fn recorded(config: &Config, workers: usize, folder: &Path) -> f64 {
    fs::create_dir_all(folder).expect("writable");
    fs::write(folder.join("config.yaml"), config.portable().expect("plain data"))
        .expect("writable");
    let make = |_| -> Result<Box<dyn Trainer>, TrainError> {
        Ok(Box::new(Asleep(Quadratic::new(3, 0.5))))
    };
    let journal = Journal::create(folder.join("journal.jsonl")).expect("writable");
    let mut recorders: Vec<Box<dyn Recorder>> = vec![Box::new(journal)];
    run_local(&plan(config.clone()), workers, make, &mut recorders, None).expect("a sound run");
    let history = History::read(folder).expect("there");
    history.rounds.iter().map(|done| done.seconds).sum::<f64>() / history.rounds.len() as f64
}

/// Others may use this machine meanwhile, which only lengthens a run: of some runs the fastest
/// counts. Gives the error of the seconds of a round on one, two and three workers, as predicted
/// from a run on two.
fn errors(dispatch: DispatchMode) -> Vec<f64> {
    let parent = tempfile::tempdir().expect("a folder");
    let config = Config {
        client_num_per_round: 12,
        comm_round: 3,
        dispatch,
        ..small()
    };
    let mut fastest = [
        (f64::INFINITY, PathBuf::new()),
        (f64::INFINITY, PathBuf::new()),
        (f64::INFINITY, PathBuf::new()),
    ];
    let mut errors = Vec::new();
    for again in 0..6 {
        for (workers, best) in (1..).zip(&mut fastest) {
            let folder = parent.path().join(format!("{again}-{workers}"));
            let seconds = recorded(&config, workers, &folder);
            if seconds < best.0 {
                *best = (seconds, folder);
            }
        }
        let predictor = Predictor::read(&fastest[1].1).expect("rounds");
        let error = |(workers, (real, _)): (usize, &(f64, PathBuf))| {
            (predictor.on(workers, &Slowdown::default()).round / real - 1.0).abs()
        };
        errors = (1..).zip(&fastest).map(error).collect();
        if errors.iter().all(|error| *error < 0.1) {
            break;
        }
    }
    errors
}

#[test]
fn a_run_on_two_workers_tells_what_it_would_take_on_one_and_three() {
    for dispatch in [DispatchMode::Pull, DispatchMode::Planned] {
        let errors = errors(dispatch);
        assert!(errors.iter().all(|error| *error < 0.1), "{dispatch:?}: {errors:?}");
    }
}

#[test]
fn a_run_that_is_not_there_is_missed_once() {
    let parent = tempfile::tempdir().expect("a folder");
    let nowhere = parent.path().join("nowhere");
    for command in ["verify", "evaluate"] {
        let missed = Job::ranks(4).path(command, &nowhere).run();
        assert_eq!(
            (missed.code, missed.stderr.matches("error: there is no run ").count()),
            (Some(2), 1),
            "{}",
            missed.stderr
        );
    }
}
