//! The ready configurations of configs/ on small files in the layouts of those they are for: two
//! rounds each under mpirun.

use crate::support::Job;
use std::fs;
use std::path::{Path, PathBuf};

/// Four users with sentences, as FLUTE writes them: under `x` for the next word, directly for
/// hidden ones.
fn texts(folder: &Path, end: &str, is_direct: bool) {
    let sentence = |user: usize, row: usize| {
        let words = [
            "the king",
            "my lord",
            "good night",
            "sweet prince",
            "what news",
            "come away",
        ];
        (0..4)
            .map(|at| words[(user + row * at) % words.len()])
            .collect::<Vec<_>>()
            .join(" ")
    };
    for part in ["train", "test"] {
        let users: Vec<String> = (0..4).map(|user| format!("user{user}")).collect();
        let own = |user: usize| match is_direct {
            true => serde_json::json!((0..8).map(|row| [sentence(user, row)]).collect::<Vec<_>>()),
            false => {
                serde_json::json!({"x": (0..8).map(|row| sentence(user, row)).collect::<Vec<_>>()})
            }
        };
        let data: serde_json::Map<_, _> = users
            .iter()
            .enumerate()
            .map(|(user, name)| (name.clone(), own(user)))
            .collect();
        let file =
            serde_json::json!({"users": users, "num_samples": vec![8; 4], "user_data": data});
        fs::write(folder.join(format!("{part}_data.{end}")), file.to_string()).expect("writable");
    }
}

/// Three users with two pictures each, as FLUTE writes them in JSON: samples directly, labels
/// beside them.
fn pictures(folder: &Path) {
    let picture = |tone: usize| {
        (0..32)
            .map(|row| vec![[(row * 7 + tone) % 256; 3]; 32])
            .collect::<Vec<_>>()
    };
    for part in ["train", "test"] {
        let users = ["0000", "0001", "0002"];
        let data: serde_json::Map<_, _> = users
            .iter()
            .map(|user| ((*user).to_owned(), serde_json::json!([picture(3), picture(90)])))
            .collect();
        let labels: serde_json::Map<_, _> = users
            .iter()
            .map(|user| ((*user).to_owned(), serde_json::json!([0, 9])))
            .collect();
        // Longer than the users, as FLUTE has it.
        let file = serde_json::json!({"users": users, "num_samples": vec![2; 10], "user_data": data, "user_data_label": labels});
        fs::write(folder.join(format!("{part}_data.json")), file.to_string()).expect("writable");
    }
}

/// Files that lie in the project.
fn stored(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/files")
        .join(name)
}

/// The model after a configuration's first two rounds on so many ranks.
fn after_two_rounds(ranks: usize, name: &str, data: &Path, more: &str) -> String {
    let parent = tempfile::tempdir().expect("a folder");
    let config = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("configs")
        .join(format!("{name}.yaml"));
    let job = Job::ranks(ranks)
        .path("--cf", &config)
        .path("--data_dir", data)
        .path("--out_dir", &parent.path().join("run"));
    let more = format!("--client_num_per_round 2 --comm_round 2 --frequency_of_the_test 1 {more}");
    job.with(&more).run().succeeded().model_hash().to_owned()
}

#[test]
fn flutes_tasks_train_two_rounds_on_its_own_files() {
    let [words, hidden, images] = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
    texts(words.path(), "json", false);
    texts(hidden.path(), "txt", true);
    pictures(images.path());
    after_two_rounds(3, "nlg_gru", words.path(), "");
    after_two_rounds(3, "mlm_bert", hidden.path(), "--length 16");
    after_two_rounds(3, "classif_cnn", images.path(), "");
    after_two_rounds(3, "ecg_cnn", &stored("flute"), "");
    after_two_rounds(
        3,
        "cv",
        &stored("cifar10"),
        "--client_num_in_total 2 --partition_method homo",
    );
}

#[test]
fn fedmls_fed_shakespeare_trains_two_rounds_on_tffs_files() {
    after_two_rounds(3, "fed_shakespeare_rnn", &stored("fed_shakespeare"), "");
}

#[test]
fn bert_is_the_same_on_any_number_of_ranks() {
    let folder = tempfile::tempdir().expect("a folder");
    texts(folder.path(), "txt", true);
    let hashes =
        [1, 2, 3].map(|ranks| after_two_rounds(ranks, "mlm_bert", folder.path(), "--length 16"));
    assert!(hashes.iter().all(|hash| hash == &hashes[0]), "{hashes:?}");
}

#[test]
fn fedmls_cifar10_trains_resnet56_two_rounds_on_its_files() {
    let more = "--client_num_in_total 2 --partition_method homo --epochs 1";
    after_two_rounds(3, "fedml_cifar10_resnet56", &stored("cifar10"), more);
}
