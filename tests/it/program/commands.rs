//! Commands beside training: what they answer, and that they say it once.

use super::*;

fn plain(arguments: &[&str]) -> Finished {
    Finished::of(
        Command::new(env!("CARGO_BIN_EXE_fedmpi"))
            .args(arguments)
            .output()
            .expect("starts"),
    )
}

#[test]
fn check_and_list_answer_without_training() {
    let check = plain(&[
        "check",
        "--np",
        "3",
        "--partition_method",
        "natural",
        "--client-num-in-total",
        "20",
    ])
    .succeeded();
    for expected in [
        "of 20 clients",
        "client_num_in_total: 20",
        "rank  role",
        "2     worker",
        "partition: 20 clients",
        "estimate from",
    ] {
        // Lines end where the terminal does.
        let said = check.stdout.contains(expected)
            || check
                .stdout
                .replace("\n           ", " ")
                .contains(expected);
        assert!(said, "{expected}: {}", check.stdout);
    }
    assert!(check.stdout.lines().all(|line| line.chars().count() <= 80), "{}", check.stdout);
    assert!(!check.stdout.contains("comm_round"), "a default is said: {}", check.stdout);
    let folder = tempfile::tempdir().expect("a folder");
    let saved = folder.path().join("partition.json");
    let words = [
        "check",
        "--client_num_in_total",
        "20",
        "--partition_save",
        &saved.display().to_string(),
    ];
    assert!(
        plain(&words)
            .succeeded()
            .stdout
            .contains(&format!("it is in {}", saved.display()))
            && saved.exists()
    );
    let mapped = [
        "check",
        "--np",
        "11",
        "--gpu_mapping_file",
        "gpu_mapping.yaml",
        "--gpu_mapping_key",
    ];
    let table = plain(&[&mapped[..], &["mapping_three_machines"]].concat()).succeeded();
    assert!(
        table
            .stdout
            .contains("10    worker  host3                       cuda:1"),
        "{}",
        table.stdout
    );
    let list = plain(&["list"]).succeeded();
    for expected in ["fashion-mnist", "shards", "cnn_dropout", "adam"] {
        assert!(list.stdout.contains(expected), "{expected}: {}", list.stdout);
    }
    let wrong = plain(&["check", "--model", "cnn"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("[60]"), "{}", wrong.stderr);
}

#[test]
fn a_partition_made_beforehand_is_that_of_the_training() {
    let folder = tempfile::tempdir().expect("a folder");
    let (made, run) = (folder.path().join("made"), folder.path().join("run"));
    let (made, run, data) =
        (made.display().to_string(), run.display().to_string(), mnist().display().to_string());
    let data = [
        "--dataset",
        "mnist",
        "--data_dir",
        &data,
        "--client_num_in_total",
        "20",
    ];
    let skewed = ["--partition_method", "label_skew:classes=3"];
    let divide = || plain(&[&["partition", &made][..], &data, &skewed].concat());
    let said = divide().succeeded();
    assert!(said.stdout.contains("classes per client: median 3 of 10"), "{}", said.stdout);
    for name in [
        "partition.json",
        "partition.csv",
        "partition.svg",
        "partition.png",
    ] {
        let bytes = fs::metadata(Path::new(&made).join(name)).expect(name).len();
        assert!(bytes > 500, "{name}: {bytes}");
    }
    let file = format!("{made}/partition.json");
    let train = |division: &[&str]| {
        let flags = [
            "--comm_round",
            "1",
            "--ci",
            "1",
            "--overwrite",
            "--out_dir",
            &run,
        ];
        plain(&[&data[..], &flags, division].concat())
            .succeeded()
            .model_hash()
            .to_owned()
    };
    assert_eq!(train(&["--partition_load", &file]), train(&skewed));
    let again = divide();
    assert_eq!(again.code, Some(2));
    assert!(again.stderr.contains("is there already"), "{}", again.stderr);
}

/// What jemalloc itself says, if it is there.
#[test]
fn memory_is_that_of_jemalloc_with_settings_of_ours() {
    let version = Job::alone()
        .with("--version")
        .env("MALLOC_CONF", "confirm_conf:true")
        .run()
        .succeeded();
    assert!(version.stderr.contains("dirty_decay_ms:1000"), "{}", version.stderr);
}

#[test]
fn what_a_command_says_is_said_once_under_mpirun() {
    for (arguments, words) in [
        ("--help", "Usage: mpirun"),
        ("list server_step adam", "(--server_step)"),
        ("check --np 2", "every setting has its default"),
        ("config --schema", "\"$schema\""),
    ] {
        let said = Job::ranks(3).with(arguments).run().succeeded();
        assert_eq!(said.stdout.matches(words).count(), 1, "{arguments}: {}", said.stdout);
    }
    for (arguments, words) in [
        ("--comm_rond 3", "--comm_rond"),
        ("list server_step adma", "did you mean `adam`?"),
    ] {
        let refused = Job::ranks(3).with(arguments).run();
        assert_ne!(refused.code, Some(0));
        assert_eq!(refused.stderr.matches(words).count(), 1, "{arguments}: {}", refused.stderr);
    }
}

#[test]
fn hostfile_converts_the_shipped_file() {
    let converted = plain(&["hostfile", "--to", "mpich", "mpi_host_file"]).succeeded();
    assert_eq!(converted.stdout, "localhost:8\n");
}
