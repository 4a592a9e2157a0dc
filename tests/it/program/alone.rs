//! The program without a launcher: a server, and workers on threads.

use super::*;

/// A model that is large enough for workers to add to the server's sum.
const LARGE: &str = "--model mlp --hidden 1100,1000 --local_steps 1 --client_num_per_round 6";

fn alone(flags: &str, folder: &Path) -> Finished {
    Job::alone().with(flags).path("--out_dir", folder).run()
}

#[test]
fn threads_give_the_model_that_ranks_give() {
    let parent = tempfile::tempdir().expect("a folder");
    for (name, flags) in [
        ("small", String::new()),
        ("large", LARGE.to_owned()),
        ("said", format!("{LARGE} --algorithm scaffold")),
        ("pull", format!("{LARGE} --dispatch pull --update clip:norm=0.01")),
        ("seen", format!("{LARGE} --combine median --reduce server")),
        ("together", format!("{LARGE} --reduce allreduce")),
    ] {
        let flags = format!("{flags} --comm_round 2");
        let folder = |who: &str| parent.path().join(format!("{name}-{who}"));
        let wanted = Job::ranks(3)
            .with(&flags)
            .path("--out_dir", &folder("ranks"))
            .run();
        let wanted = wanted.succeeded().model_hash().to_owned();
        for workers in [1, 4] {
            let folder = folder(&workers.to_string());
            let finished = alone(&format!("{flags} --workers {workers}"), &folder);
            assert_eq!(finished.succeeded().model_hash(), wanted, "{name} on {workers}");
            assert_eq!(summary(&folder).ranks.len(), 1 + workers, "{name} on {workers}");
        }
    }
}

#[test]
fn a_run_goes_on_with_threads_instead_of_ranks_and_back() {
    let parent = tempfile::tempdir().expect("a folder");
    let (whole, parts) = (parent.path().join("whole"), parent.path().join("parts"));
    let wanted = alone(&format!("{LARGE} --comm_round 3 --workers 2"), &whole);
    let wanted = wanted.succeeded().model_hash().to_owned();
    alone(&format!("{LARGE} --comm_round 1 --workers 3"), &parts).succeeded();
    let resumed = |ranks: usize, rounds: &str| {
        let job = Job::ranks(ranks).with(&format!("--comm_round {rounds}"));
        job.path("--resume", &parts).run()
    };
    let between = resumed(3, "2");
    assert!(between.stderr.contains("--workers 3 has no effect"), "{}", between.stderr);
    between.succeeded();
    assert_eq!(resumed(1, "3").succeeded().model_hash(), wanted);
}

#[test]
fn threads_where_they_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for (flags, wanted) in [
        ("--workers 0", "--workers"),
        ("--workers 2 --data_residency local --dataset mnist", "(hint: mpirun, and leave it out)"),
        ("--workers 2 --dispatch one_per_worker", "is 10, but there are 2 workers"),
    ] {
        let refused = alone(flags, folder.path());
        assert_eq!(refused.code, Some(2), "{flags}: {}", refused.stderr);
        assert!(refused.stderr.contains(wanted), "{flags}: {}", refused.stderr);
    }
}

#[test]
fn a_thread_that_hangs_ends_the_run_and_is_named() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("run");
    let job =
        Job::alone().with("--workers 2 --comm_round 3 --round_timeout 1 --checkpoint_every 1");
    let all = job.with("--client_num_in_total 12 --client_num_per_round 12");
    let hung = all
        .path("--out_dir", &folder)
        .env("FEDMPI_FAULT", "hang:3:7")
        .run();
    assert_eq!(hung.code, Some(1), "{}", hung.stderr);
    assert!(hung.stderr.contains("no sign of life for 1 s: rank "), "{}", hung.stderr);
    let summary = summary(&folder);
    assert_eq!((summary.state, summary.rounds), (Standing::Failed, 2));
    let resumed = Job::alone().path("--resume", &folder).run().succeeded();
    let whole = alone(
        "--comm_round 3 --client_num_in_total 12 --client_num_per_round 12",
        &parent.path().join("whole"),
    );
    assert_eq!(resumed.model_hash(), whole.succeeded().model_hash());
}

#[test]
fn a_signal_is_followed_at_once_whatever_threads_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().join("run");
    let job = Job::alone().with("--workers 2 --comm_round 3 --checkpoint_every 1");
    let all = job.with("--client_num_in_total 12 --client_num_per_round 12");
    let mut job = all
        .path("--out_dir", &folder)
        .env("FEDMPI_FAULT", "hang:2:7")
        .start();
    let began = Instant::now();
    while !has_checkpoint(&folder) {
        assert!(began.elapsed() < Duration::from_secs(60), "no checkpoint came");
        thread::sleep(Duration::from_millis(20));
    }
    let kill = Command::new("kill")
        .arg("-TERM")
        .arg(job.id().to_string())
        .status();
    assert!(kill.expect("kill runs").success());
    assert_eq!(job.wait().expect("ends").code(), Some(3));
    assert_eq!(summary(&folder).state, Standing::Stopped);
}

#[test]
fn check_knows_threads() {
    let checked = Job::alone().with("check --workers 4").run().succeeded();
    for wanted in [
        "a server and 4 workers as threads",
        "on 4 workers",
        "ok: fedmpi --workers 4",
    ] {
        assert!(checked.stdout.contains(wanted), "{wanted}: {}", checked.stdout);
    }
}
