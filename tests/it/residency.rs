//! Data that never leaves its machine: the bits are those of a run in which every rank sees all
//! data.

use crate::support::{Finished, Job, generated_mnist, generated_text, quadratic};
use fedmpi::config::{Config, Residency};
use fedmpi::data::write_idx;
use fedmpi::ids::Rank;
use fedmpi::partition::Partition;
use fedmpi::plan::{Holding, Homes, Plan};
use std::fs;
use std::path::{Path, PathBuf};

const FLAGS: &str = "--dataset mnist --model 2nn --client_num_in_total 6 --client_num_per_round 4 \
                     --partition_method homo --lr 0.1 --seed 3";

/// So many images, some grey and some with a bright corner.
fn images(folder: &Path, part: &str, from: usize, count: usize) {
    let labels: Vec<u8> = (from..from + count).map(|i| (i * 7 % 10) as u8).collect();
    let pixel = |i: usize, place: usize| ((i * 31 + place * (1 + i * 7 % 10)) % 251) as u8;
    let pixels: Vec<u8> = (from..from + count)
        .flat_map(|i| (0..784).map(move |place| pixel(i, place)))
        .collect();
    fs::create_dir_all(folder).expect("writable");
    write_idx(&folder.join(format!("{part}-images-idx3-ubyte")), &[count as u32, 28, 28], &pixels)
        .expect("writable");
    write_idx(&folder.join(format!("{part}-labels-idx1-ubyte")), &[count as u32], &labels)
        .expect("writable");
}

/// Samples of each home: training, then test.
const HOMES: [(usize, usize); 3] = [(60, 20), (45, 30), (80, 10)];

/// One folder for each home and one with everything, of which the server's has test data only.
fn folders(parent: &Path) -> (PathBuf, PathBuf) {
    let (mut train, mut test) = (0, 1000);
    for (home, (own, tests)) in HOMES.into_iter().enumerate() {
        images(&parent.join(format!("own/{}", home + 1)), "train", train, own);
        images(&parent.join(format!("own/{}", home + 1)), "t10k", test, tests);
        (train, test) = (train + own, test + tests);
    }
    images(&parent.join("own/0"), "t10k", 1000, test - 1000);
    images(&parent.join("all"), "train", 0, train);
    images(&parent.join("all"), "t10k", 1000, test - 1000);
    (parent.join("own/{rank}"), parent.join("all"))
}

/// How the homes divide what they own, as one partition of everything.
fn partition(parent: &Path) -> PathBuf {
    let (mut lists, mut first) = (Vec::new(), 0);
    for (home, (own, _)) in HOMES.into_iter().enumerate() {
        let config = Config {
            dataset: "mnist".into(),
            data_dir: parent.join(format!("own/{}", home + 1)),
            partition_method: "homo".into(),
            seed: 3,
            ..Config::default()
        };
        let dataset = Plan::read(&config).expect("readable");
        let part = Plan::divide_own(&config, &dataset, 2).expect("divisible");
        lists.extend(part.lists().iter().map(|list| {
            list.iter()
                .map(|sample| sample + first)
                .collect::<Vec<u32>>()
        }));
        first += own as u32;
    }
    let path = parent.join("partition.json");
    Partition::new(&lists).save(&path).expect("writable");
    path
}

/// Three rounds, unless the flags say how many.
fn trained(ranks: usize, data: &Path, out: &Path, flags: &str) -> Finished {
    let rounds = if flags.contains("--comm_round") {
        ""
    } else {
        "--comm_round 3"
    };
    Job::ranks(ranks)
        .with(FLAGS)
        .with(rounds)
        .path("--data_dir", data)
        .path("--out_dir", out)
        .with(flags)
        .run()
}

#[test]
fn local_data_gives_the_bits_of_shared_data() {
    let parent = tempfile::tempdir().expect("a folder");
    let (own, all) = folders(parent.path());
    let partition = partition(parent.path());
    let shared = format!("--partition_load {}", partition.display());
    let central = trained(2, &all, &parent.path().join("central"), &shared).succeeded();
    let wanted = central.model_hash().to_owned();
    for (number, flags) in [
        "--reduce worker",
        "--reduce allreduce",
        "--reduce server --scheduler round_robin",
        "--evaluate clients",
        "--evaluate clients --reduce allreduce",
    ]
    .into_iter()
    .enumerate()
    {
        let out = parent.path().join(format!("local{number}"));
        let local = trained(4, &own, &out, &format!("--data_residency local {flags}")).succeeded();
        assert_eq!(local.model_hash(), wanted, "{flags}");
        let accuracy = |said: &Finished| {
            said.stdout
                .lines()
                .find(|line| line.starts_with("final test"))
                .map(str::to_owned)
        };
        assert!(
            accuracy(&local).is_some() && accuracy(&local) == accuracy(&central),
            "{flags}: {}",
            local.stdout
        );
    }
    let asynchronous =
        "--mode async --concurrency 4 --aggregator fedbuff --buffer_size 3 --delay uniform:1,3";
    let central =
        trained(3, &all, &parent.path().join("async"), &format!("{asynchronous} {shared}"))
            .succeeded();
    let out = parent.path().join("async_local");
    let local =
        trained(4, &own, &out, &format!("{asynchronous} --data_residency local")).succeeded();
    assert_eq!(local.model_hash(), central.model_hash());
}

#[test]
fn ranks_that_read_one_folder_share_its_clients() {
    let parent = tempfile::tempdir().expect("a folder");
    let (_, all) = folders(parent.path());
    let hash = |ranks, flags: &str| {
        let out = parent.path().join(format!("{ranks}{}", flags.len()));
        trained(ranks, &all, &out, flags)
            .succeeded()
            .model_hash()
            .to_owned()
    };
    let wanted = hash(2, "");
    for ranks in [1, 2, 4] {
        assert_eq!(hash(ranks, "--data_residency local"), wanted, "{ranks} ranks");
    }
    // They share what its clients keep.
    let wanted = hash(2, "--algorithm scaffold");
    for ranks in [1, 4] {
        assert_eq!(
            hash(ranks, "--data_residency local --algorithm scaffold"),
            wanted,
            "{ranks} ranks"
        );
    }
}

/// A figure of all rounds.
fn column(folder: &Path, name: &str) -> Vec<f64> {
    let text = fs::read_to_string(folder.join("metrics.csv")).expect("written");
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = lines.next().expect("a head");
    let place = head.iter().position(|own| *own == name).expect("a column");
    lines
        .map(|line| line[place].parse::<f64>().expect("a number"))
        .collect()
}

/// Bytes that the cluster carried in all rounds.
fn carried(folder: &Path) -> u64 {
    column(folder, "cluster_bytes").iter().sum::<f64>() as u64
}

#[test]
fn each_worker_evaluates_on_what_its_own_clients_train_on() {
    let parent = tempfile::tempdir().expect("a folder");
    let (own, all) = folders(parent.path());
    let shared =
        format!("--partition_load {} --evaluate_training true", partition(parent.path()).display());
    let path = |name: &str| parent.path().join(name);
    trained(2, &all, &path("central"), &shared).succeeded();
    trained(4, &own, &path("local"), "--data_residency local --evaluate_training true").succeeded();
    for name in ["train_set_loss", "train_set_accuracy"] {
        let figures = column(&path("local"), name);
        assert_eq!(figures, column(&path("central"), name), "{name}");
        assert!(figures.len() == 3 && figures.iter().all(|figure| figure.is_finite()));
    }
}

#[test]
fn what_clients_keep_stays_with_their_data() {
    let parent = tempfile::tempdir().expect("a folder");
    let (own, all) = folders(parent.path());
    let shared = format!("--partition_load {}", partition(parent.path()).display());
    let path = |name: &str| parent.path().join(name);
    let local = "--data_residency local --comm_round 5";
    trained(4, &own, &path("fedavg"), local).succeeded();
    for (number, (method, reduce)) in [
        ("--algorithm scaffold", "worker"),
        ("--algorithm ditto", "worker"),
        ("--update topk:share=0.1", "worker"),
        ("--algorithm scaffold", "allreduce"),
        ("--algorithm fedlin --update topk:share=0.2", "server"),
    ]
    .into_iter()
    .enumerate()
    {
        let central = trained(
            2,
            &all,
            &path(&format!("all{number}")),
            &format!("{shared} {method} --comm_round 5"),
        );
        let wanted = central.succeeded().model_hash().to_owned();
        let folder = path(&format!("local{number}"));
        let flags = format!("{local} {method} --reduce {reduce}");
        assert_eq!(trained(4, &own, &folder, &flags).succeeded().model_hash(), wanted, "{flags}");
        assert!(!folder.join("kept.bin").exists(), "{flags}");
        if reduce == "worker" && !method.contains("scaffold") {
            // A state has 800 KB: no part of one was sent.
            let more = carried(&folder).abs_diff(carried(&path("fedavg")));
            assert!(more < 10_000, "{flags}: {more} bytes more than fedavg");
        }
    }
    let states = |rank: usize| {
        fs::read_dir(path(&format!("own/{rank}/.fedmpi-kept")))
            .expect("there")
            .count()
    };
    assert_eq!([1, 2, 3].map(states), [5, 5, 5]);
    assert!(!path("own/0/.fedmpi-kept").exists());
}

#[test]
fn a_run_goes_on_with_what_clients_keep_at_home_or_says_what_is_gone() {
    let parent = tempfile::tempdir().expect("a folder");
    let (own, _) = folders(parent.path());
    let path = |name: &str| parent.path().join(name);
    let flags =
        "--data_residency local --algorithm scaffold --checkpoint_every 2 --keep_checkpoints 2";
    let wanted = trained(4, &own, &path("whole"), &format!("{flags} --comm_round 8")).succeeded();
    let run = path("run");
    trained(4, &own, &run, &format!("{flags} --comm_round 6")).succeeded();
    let resumed = |rounds: u32| {
        let job = Job::ranks(4)
            .path("--resume", &run)
            .with("--reduce allreduce");
        job.with(&format!("--comm_round {rounds}")).run()
    };
    // What rounds beyond a checkpoint left does not count: this goes on from the fourth.
    fs::remove_file(run.join("checkpoints/round-00000006.safetensors")).expect("there");
    fs::remove_file(run.join("summary.json")).expect("there");
    assert_eq!(resumed(8).succeeded().model_hash(), wanted.model_hash());
    let home = path("own/2/.fedmpi-kept");
    fs::rename(&home, path("moved")).expect("movable");
    let said = resumed(30);
    assert_eq!((said.code, said.errors().len()), (Some(1), 1), "{}", said.stderr);
    for word in [
        "rank 2 failed to train client ",
        "keeps it since round ",
        "own/2/.fedmpi-kept",
        "bring the folder back",
    ] {
        assert!(said.stderr.contains(word), "{word}: {}", said.stderr);
    }
    fs::remove_dir_all(&home).expect("made again");
    fs::rename(path("moved"), &home).expect("movable");
    resumed(9).succeeded();
}

#[test]
fn a_lost_worker_leaves_its_clients_states_at_home() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config {
        dataset: "mnist".into(),
        data_dir: generated_mnist(),
        kept_dir: Some(folder.path().to_owned()),
        data_residency: Residency::Local,
        partition_method: "homo".into(),
        client_num_in_total: 8,
        client_num_per_round: 5,
        comm_round: 4,
        algorithm: Some("scaffold".into()),
        ..Config::default()
    };
    let dataset = Plan::read(&config).expect("readable");
    let partition = Plan::divide_own(&config, &dataset, 8).expect("divisible");
    let counts = partition
        .ids()
        .map(|client| partition.count(client))
        .collect();
    let holding = Holding {
        facts: dataset.facts.clone(),
        counts,
        ..Holding::default()
    };
    let plan = |workers: usize| {
        let mates = vec![(1..=workers).map(Rank::from).collect()];
        let homes = Homes::new(&config, mates, &vec![holding.clone(); workers + 1]).expect("sound");
        Plan::at_home(config.clone(), dataset.clone(), partition.clone(), homes, Rank(1))
            .expect("sound")
    };
    let wanted = quadratic(&plan(1), 1).0;
    for calls in [1, 3, 4, 6, 9, 13] {
        let (outcome, _) = crate::loss::with_deaths(&plan(3), 3, &[(2, calls)]);
        assert!(outcome.expect("goes on") == wanted, "after {calls} calls");
    }
}

#[test]
fn the_homes_tell_how_many_clients_there_are_if_their_data_has_owners() {
    let parent = tempfile::tempdir().expect("a folder");
    let hash = |name: &str, flags: &str| {
        let job = Job::ranks(3).with(
            "--dataset shakespeare --model rnn --client_num_in_total 0 --comm_round 1 --ci 1",
        );
        let job = job
            .path("--data_dir", &generated_text())
            .path("--out_dir", &parent.path().join(name));
        job.with("--client_num_per_round 3")
            .with(flags)
            .run()
            .succeeded()
            .model_hash()
            .to_owned()
    };
    assert_eq!(hash("local", "--data_residency local"), hash("shared", ""));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let parent = tempfile::tempdir().expect("a folder");
    let (own, _) = folders(parent.path());
    let refused = |flags: &str| {
        let job = Job::ranks(4)
            .with("--data_residency local")
            .path("--data_dir", &own)
            .with(flags);
        let finished = job.path("--out_dir", &parent.path().join("never")).run();
        assert_eq!(
            (finished.code, finished.errors().len()),
            (Some(2), 1),
            "{flags}\n{}",
            finished.stderr
        );
        finished.stderr
    };
    assert!(refused("--dataset mnist --dispatch pull").contains("where their data is"));
    assert!(refused("--dataset synthetic").contains("generated alike"));
    assert!(refused("--dataset mnist --client_num_in_total 0").contains("no owners to count"));
    let two = "--dataset mnist --client_num_in_total 2 --client_num_per_round 2";
    assert!(refused(two).contains("3 places"));
    assert!(
        refused("--dataset mnist --partition_save x.json")
            .contains("nobody knows the whole partition")
    );
    let nowhere = parent.path().join("own/3/t10k-labels-idx1-ubyte/x");
    let said = refused(&format!("{FLAGS} --algorithm scaffold --kept_dir {}", nowhere.display()));
    assert!(
        said.contains("what clients keep at home is lost")
            && said.contains("--kept_dir names a folder"),
        "{said}"
    );
    fs::remove_dir_all(parent.path().join("own/2")).expect("removable");
    let said = refused(&format!("{FLAGS} --evaluate clients"));
    assert!(said.contains("rank 2 on") && said.contains("own/2/train-images-idx3-ubyte"), "{said}");
}
