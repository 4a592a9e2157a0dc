//! The real program under `mpirun`: the main job, its files, the scripts' flags.

mod alone;
mod commands;

use crate::support::{Finished, Job, generated_mnist, has_checkpoint, mnist};
use fedmpi::event::Standing;
use fedmpi::record::Summary;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

fn summary(folder: &Path) -> Summary {
    let text = fs::read_to_string(folder.join("summary.json")).expect("a summary");
    serde_json::from_str(&text).expect("well-formed")
}

#[test]
fn one_two_three_four_and_five_ranks_give_the_same_model() {
    let parent = tempfile::tempdir().expect("a folder");
    let hashes: Vec<String> = [1, 2, 3, 4, 5]
        .map(|ranks| {
            let job = Job::ranks(ranks).with(
                "--dataset mnist --model 2nn --partition_method hetero --comm_round 2 --ci 1",
            );
            let job = job
                .path("--data_dir", &mnist())
                .path("--out_dir", &parent.path().join(ranks.to_string()));
            job.run().succeeded().model_hash().to_owned()
        })
        .into();
    assert!(hashes.iter().all(|hash| hash == &hashes[0]), "{hashes:?}");
}

#[test]
fn the_run_folder_holds_what_is_promised() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("run");
    let finished = Job::ranks(3)
        .with("--comm_round 4 --frequency_of_the_test 2")
        .path("--out_dir", &folder)
        .run();
    let finished = finished.succeeded();
    assert!(finished.stdout.contains(folder.to_str().expect("text")), "{}", finished.stdout);
    let summary = summary(&folder);
    assert_eq!((summary.rounds, summary.peak_rss_mib.len(), summary.ranks.len()), (4, 3, 3));
    assert_eq!(summary.model_hash, finished.model_hash());
    assert!(
        summary.final_test_accuracy > 0.0
            && summary.median_round_seconds > 0.0
            && summary.bytes_sent > 0
    );
    let metrics = fs::read_to_string(folder.join("metrics.csv")).expect("a table");
    let place = metrics
        .split(',')
        .position(|name| name == "test_accuracy")
        .expect("a column");
    let tested: Vec<bool> = metrics
        .lines()
        .skip(1)
        .map(|line| {
            line.split(',')
                .nth(place)
                .is_some_and(|cell| !cell.is_empty())
        })
        .collect();
    assert_eq!(tested, [false, true, false, true], "{metrics}");
    let journal = fs::read_to_string(folder.join("journal.jsonl")).expect("a journal");
    let events: Vec<serde_json::Value> = journal
        .lines()
        .map(|line| serde_json::from_str(line).expect("one event a line"))
        .collect();
    assert_eq!(
        events
            .iter()
            .filter(|event| event["event"] == "round_done")
            .count(),
        4
    );
    assert_eq!(
        events
            .iter()
            .filter(|event| event["event"] == "client_trained")
            .count(),
        40
    );
    assert!(folder.join("config.yaml").exists() && folder.join("model.safetensors").exists());
    // The run can be repeated from its own config, with another number of ranks.
    let again = Job::ranks(2)
        .path("--cf", &folder.join("config.yaml"))
        .path("--out_dir", &parent.path().join("again"));
    assert_eq!(again.run().succeeded().model_hash(), summary.model_hash);
}

/// FedML's file, over IDX files: what differs is said once, whatever the number of ranks.
#[test]
fn a_file_of_fedml_runs_and_says_what_differs() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("fedml_config.yaml");
    let text = "common_args:\n  training_type: simulation\n  random_seed: 0\ndata_args:\n  dataset: mnist\n  \
                partition_method: hetero\n  partition_alpha: 0.5\nmodel_args:\n  model: lr\ntrain_args:\n  \
                federated_optimizer: FedAvg\n  client_num_in_total: 10\n  client_num_per_round: 4\n  comm_round: 3\n  \
                learning_rate: 0.03\n  lr: 0.001\n  weight_decay: 0.001\n  client_optimizer: sgd\nvalidation_args:\n  \
                frequency_of_the_test: 2\ndevice_args:\n  using_gpu: false\n  gpu_mapping_file: nowhere.yaml\n";
    fs::write(&file, text).expect("writable");
    let out = folder.path().join("run");
    let job = Job::ranks(3)
        .path("--cf", &file)
        .path("--data_dir", &generated_mnist())
        .path("--out_dir", &out);
    let finished = job.with("--ci 1").run().succeeded();
    let said = |words: &str| finished.stderr.matches(words).count();
    assert_eq!(said("line 16, lr: learning_rate counts"), 1, "{}", finished.stderr);
    assert_eq!((said("IDX files"), said("decide nothing here")), (1, 1), "{}", finished.stderr);
    let config = fs::read_to_string(out.join("config.yaml")).expect("resolved");
    for line in [
        "model: lr_sigmoid",
        "client_selection: fedml",
        "device: cpu",
        "  lr: 0.03",
        "  wd: 0.0",
    ] {
        assert!(config.contains(line), "{line}: {config}");
    }
    // numpy draws these for the first round, which is 0 there.
    let journal = fs::read_to_string(out.join("journal.jsonl")).expect("a journal");
    let events = journal
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("an event"));
    let first = events.filter(|event| event["event"] == "client_trained" && event["round"] == 1);
    let clients: Vec<u64> = first.filter_map(|event| event["client"].as_u64()).collect();
    assert_eq!(clients, [2, 4, 8, 9]);
}

#[test]
fn paths_are_bytes_and_lose_no_flag() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent
        .path()
        .join(std::ffi::OsString::from_vec(b"run\xff".to_vec()));
    let hash = |job: Job| job.run().succeeded().model_hash().to_owned();
    let first = Job::ranks(2)
        .with("--comm_round 2 --seed 7")
        .path("--out-dir", &folder);
    let plain = Job::ranks(2)
        .with("--comm_round 2 --seed 7")
        .path("--out_dir", &parent.path().join("plain"));
    assert_eq!(hash(first), hash(plain));
    assert!(folder.join("summary.json").exists());
    let again = Job::ranks(3)
        .with("--comm_round 3")
        .path("--resume", &folder);
    let whole = Job::ranks(2)
        .with("--comm_round 3 --seed 7")
        .path("--out_dir", &parent.path().join("whole"));
    assert_eq!(hash(again), hash(whole));
}

#[test]
fn nobody_need_read_what_is_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let into_full = |arguments: &[&str]| {
        let full = || {
            fs::File::options()
                .write(true)
                .open("/dev/full")
                .expect("Linux")
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_fedmpi"));
        command
            .args(arguments)
            .current_dir(folder.path())
            .stdout(full());
        Finished::of(command.output().expect("runs"))
    };
    into_full(&["--comm_round", "1", "--out_dir", "alone"]).succeeded();
    into_full(&[
        "launch",
        "-np",
        "2",
        "--",
        "--comm_round",
        "1",
        "--out_dir",
        "launched",
    ])
    .succeeded();
    assert!(folder.path().join("launched/summary.json").exists());
    for command in [&["list"][..], &["check"], &["config", "--schema"]] {
        let unheard = into_full(command);
        assert_eq!(
            (unheard.code, unheard.stderr.lines().count()),
            (Some(1), 1),
            "{}",
            unheard.stderr
        );
        assert!(unheard.stderr.contains("cannot write to standard output"), "{}", unheard.stderr);
    }
}

#[test]
fn ranks_of_another_mpis_launcher_are_told_once() {
    let alone = |rank: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fedmpi"));
        Finished::of(
            command
                .envs([("PMI_RANK", rank), ("PMI_SIZE", "3")])
                .output()
                .expect("runs"),
        )
    };
    let (first, second) = (alone("0"), alone("1"));
    assert_eq!((first.code, second.code), (Some(2), Some(2)));
    assert!(
        first.stderr.contains("started 3 ranks") && second.stderr.is_empty(),
        "{}{}",
        first.stderr,
        second.stderr
    );
}

#[test]
fn every_round_logs_its_hash_with_rank_and_host_to_those_who_ask() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |job: Job| job.path("--out_dir", folder.path()).run().succeeded();
    let loud = run(Job::ranks(2).with("--comm_round 3 --verbose 1"));
    let rounds: Vec<&str> = loud
        .stderr
        .lines()
        .filter(|line| line.contains(", model "))
        .collect();
    assert_eq!(rounds.len(), 3, "{}", loud.stderr);
    for line in rounds {
        assert!(line.contains(" debug: rank 0 on "), "{line}");
        assert_eq!(line.rsplit("model ").next().expect("a hash").len(), 16, "{line}");
    }
    let asked = run(Job::ranks(2)
        .with("--comm_round 1 --overwrite")
        .env("RUST_LOG", "fedmpi=debug"));
    assert!(asked.stderr.contains(" debug: rank 1 on "), "{}", asked.stderr);
}

#[test]
fn a_mapping_on_a_machine_without_gpus_falls_back_unless_insisted_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("gpu_mapping.yaml");
    fs::write(&file, "mapping_default:\n  localhost:[1,2]\n").expect("writable");
    let job = |device: &str, name: &str| {
        let job = Job::ranks(3).with("--comm_round 1 --device").with(device);
        job.path("--gpu_mapping_file", &file)
            .path("--out_dir", &folder.path().join(name))
            .run()
    };
    job("cpu", "cpu").succeeded();
    if fedmpi::torch::gpus().is_ok_and(|gpus| gpus > 0) {
        return;
    }
    let fallen_back = job("auto", "auto").succeeded();
    let warning = "GPUs of this host that the mapping needs: 2, that can be used: 0: ";
    assert_eq!(fallen_back.stderr.matches(warning).count(), 1, "{}", fallen_back.stderr);
    let insisted = job("mapped", "mapped");
    assert_eq!((insisted.code, insisted.errors().len()), (Some(2), 1), "{}", insisted.stderr);
    assert!(insisted.stderr.contains("GPUs found"), "{}", insisted.stderr);
}

#[test]
fn the_positional_script_trains_and_explains_itself() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/run_fedavg_distributed.sh");
    let run = |arguments: &str| {
        let mut command = Command::new(&script);
        Finished::of(
            command
                .args(arguments.split_whitespace())
                .output()
                .expect("starts"),
        )
    };
    let folder = mnist();
    let trained = |rest: &str| {
        let trained =
            run(&format!("20 2 lr homo 3 1 10 0.1 mnist {} sgd {rest}", folder.display()))
                .succeeded();
        assert!(trained.stdout.contains("all 3 rounds are done"), "{}", trained.stdout);
        trained
    };
    let (older, later) = (trained("1"), trained("MPI 1"));
    assert_eq!(older.model_hash(), later.model_hash());
    let noted = |run: &Finished| run.stderr.contains("--backend decides nothing");
    assert_eq!((noted(&older), noted(&later)), (false, true), "{}", later.stderr);
    let usage = run("100 2 lr");
    assert_eq!(usage.code, Some(2));
    assert!(
        usage.stderr.contains("CLIENT_NUM WORKER_NUM") && usage.stderr.contains("3 of 12 or 13"),
        "{}",
        usage.stderr
    );
}

#[test]
fn the_examples_run_and_do_not_depend_on_the_number_of_ranks() {
    for (name, wanted) in [
        ("custom_trainer", "y = 2.999 x + 1.001"),
        ("custom_aggregator", "test accuracy"),
        ("custom_main", "stopped after"),
    ] {
        let said = |ranks| Job::example(ranks, name).run().succeeded().stdout;
        let (two, four) = (said(2), said(4));
        assert!(two.contains(wanted), "{name}: {two}");
        assert_eq!(two, four, "{name}");
    }
}

#[test]
fn a_million_clients_fit() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = "--client_num_in_total 1000000 --client_num_per_round 1000 --comm_round 2";
    Job::ranks(3)
        .with(flags)
        .path("--out_dir", &folder.path().join("run"))
        .run()
        .succeeded();
    let peaks = summary(&folder.path().join("run")).peak_rss_mib;
    assert_eq!(peaks.len(), 3);
    assert!(peaks.iter().all(|peak| *peak < 1024.0), "{peaks:?}");
}

#[test]
fn sixty_four_ranks_of_one_machine_start_train_and_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = "--client_num_per_round 80 --comm_round 5";
    let hash = |ranks: usize| {
        let job = Job::ranks(ranks)
            .with(flags)
            .path("--out_dir", &folder.path().join(ranks.to_string()));
        job.run().succeeded().model_hash().to_owned()
    };
    assert_eq!(hash(64), hash(2));
}
