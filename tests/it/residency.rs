//! Data that never leaves its machine: the bits are those of a run in which every rank sees all data.

use crate::support::{Finished, Job};
use fedmpi::config::Config;
use fedmpi::data::write_idx;
use fedmpi::partition::Partition;
use fedmpi::plan::Plan;
use std::fs;
use std::path::{Path, PathBuf};

const FLAGS: &str = "--dataset mnist --model 2nn --client_num_in_total 6 --client_num_per_round 4 --comm_round 3 \
                     --partition_method homo --lr 0.1 --seed 3";

/// So many images, some grey and some with a bright corner.
fn images(folder: &Path, part: &str, from: usize, count: usize) {
    let labels: Vec<u8> = (from..from + count).map(|i| (i * 7 % 10) as u8).collect();
    let pixel = |i: usize, place: usize| ((i * 31 + place * (1 + i * 7 % 10)) % 251) as u8;
    let pixels: Vec<u8> = (from..from + count).flat_map(|i| (0..784).map(move |place| pixel(i, place))).collect();
    fs::create_dir_all(folder).expect("writable");
    write_idx(&folder.join(format!("{part}-images-idx3-ubyte")), &[count as u32, 28, 28], &pixels).expect("writable");
    write_idx(&folder.join(format!("{part}-labels-idx1-ubyte")), &[count as u32], &labels).expect("writable");
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
        lists.extend(part.lists().iter().map(|list| list.iter().map(|sample| sample + first).collect::<Vec<u32>>()));
        first += own as u32;
    }
    let path = parent.join("partition.json");
    Partition::new(&lists).save(&path).expect("writable");
    path
}

fn trained(ranks: usize, data: &Path, out: &Path, flags: &str) -> Finished {
    Job::ranks(ranks).with(FLAGS).path("--data_dir", data).path("--out_dir", out).with(flags).run()
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
        let accuracy = |said: &Finished| said.stdout.split(" after").next().map(str::to_owned);
        assert_eq!(accuracy(&local), accuracy(&central), "{flags}");
    }
    let asynchronous = "--mode async --concurrency 4 --aggregator fedbuff --buffer_size 3 --delay uniform:1,3";
    let central = trained(3, &all, &parent.path().join("async"), &format!("{asynchronous} {shared}")).succeeded();
    let out = parent.path().join("async_local");
    let local = trained(4, &own, &out, &format!("{asynchronous} --data_residency local")).succeeded();
    assert_eq!(local.model_hash(), central.model_hash());
}

#[test]
fn ranks_that_read_one_folder_share_its_clients() {
    let parent = tempfile::tempdir().expect("a folder");
    let (_, all) = folders(parent.path());
    let hash = |ranks, flags: &str| {
        let out = parent.path().join(format!("{ranks}{}", flags.len()));
        trained(ranks, &all, &out, flags).succeeded().model_hash().to_owned()
    };
    let wanted = hash(2, "");
    for ranks in [1, 2, 4] {
        assert_eq!(hash(ranks, "--data_residency local"), wanted, "{ranks} ranks");
    }
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let parent = tempfile::tempdir().expect("a folder");
    let (own, _) = folders(parent.path());
    let refused = |flags: &str| {
        let job = Job::ranks(4).with("--data_residency local").path("--data_dir", &own).with(flags);
        let finished = job.path("--out_dir", &parent.path().join("never")).run();
        assert_eq!((finished.code, finished.errors().len()), (Some(2), 1), "{flags}\n{}", finished.stderr);
        finished.stderr
    };
    assert!(refused("--dataset mnist --dispatch pull").contains("where their data is"));
    assert!(refused("--dataset synthetic").contains("generated alike"));
    assert!(refused("--dataset mnist --client_num_in_total 0").contains("nobody counts the data's owners"));
    let two = "--dataset mnist --client_num_in_total 2 --client_num_per_round 2";
    assert!(refused(two).contains("3 places"));
    assert!(refused("--dataset mnist --partition_save x.json").contains("nobody knows the whole partition"));
    fs::remove_dir_all(parent.path().join("own/2")).expect("removable");
    let said = refused(&format!("{FLAGS} --evaluate clients"));
    assert!(said.contains("rank 2 on") && said.contains("own/2/train-images-idx3-ubyte"), "{said}");
}
