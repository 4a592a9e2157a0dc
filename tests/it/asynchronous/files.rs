//! A config of async-FL as it stands, beside a run in rounds.

use super::*;

/// async-FL's own kind of config and its delay file, then a comparison with rounds.
#[test]
fn a_config_of_async_fl_runs_and_is_compared_with_rounds() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("stale.txt"), (0..20).map(|i| format!("{}\n", i % 4)).collect::<String>())
        .expect("writable");
    let text = format!(
        r#"{{"global": {{"experiment": "x", "data_file": "MNIST", "data_name": "MNIST", "iid": true, "client_num": 20}},
            "server": {{"epochs": 8, "model_file": "CNN", "model_name": "CNN",
            "checkin": {{"checkin_interval": 600, "checkin_num": 200}},
            "scheduler": {{"scheduler_interval": 2, "schedule_name": "RandomSchedule", "params": {{"c_ratio": 0.1}}}},
            "updater": {{"update_name": "MyFed", "params": {{"a": 10, "b": 4, "alpha": 0.1, "r": 1}}}}}},
            "client": {{"epochs": 1, "batch_size": 50, "stale_file": "{}"}}}}"#,
        path("stale.txt").display()
    );
    std::fs::write(path("config.json"), text).expect("writable");
    let job = |cf: Option<&str>, flags: &str, out: &str| {
        let job = Job::ranks(3)
            .path("--data_dir", &generated_mnist())
            .path("--out_dir", &path(out))
            .with(flags);
        let job = cf
            .into_iter()
            .fold(job, |job, name| job.path("--cf", &path(name)));
        job.run().succeeded()
    };
    job(Some("config.json"), "--ci 1 --model lr --lr 0.001", "async");
    job(
        None,
        "--ci 1 --dataset mnist --client_num_in_total 20 --client_num_per_round 4 --comm_round 3",
        "sync",
    );
    for name in ["accuracy.txt", "time.txt"] {
        assert_eq!(
            std::fs::read_to_string(path("async").join(name))
                .expect("written")
                .lines()
                .count(),
            8,
            "{name}"
        );
    }
    let done = summary(&path("async"));
    assert_eq!((done.updates, done.staleness_histogram.iter().sum::<u64>()), (8, 8));
    assert!(done.worker_utilisation > 0.0 && done.worker_utilisation <= 1.0);
    let compared = std::process::Command::new(env!("CARGO_BIN_EXE_fedmpi"))
        .arg("compare")
        .args([path("async"), path("sync")])
        .arg("--svg")
        .arg(path("both.svg"))
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&compared.stdout);
    assert!(said.contains("myfed, 10 at once") && said.contains("fedavg, rounds of 4"), "{said}");
    assert!(
        std::fs::read_to_string(path("both.svg"))
            .expect("drawn")
            .contains("<svg")
    );
}
