//! What people see of a run under `mpirun`, and what programs read of it.

use crate::support::{AS_ROOT, Finished, Job};
use std::fs;
use std::path::Path;
use std::process::Command;

fn job(flags: &str, folder: &Path) -> Job {
    Job::ranks(3)
        .with("--overwrite")
        .with(flags)
        .path("--out_dir", folder)
}

fn fits(text: &str) -> bool {
    text.lines().all(|line| line.chars().count() <= 80) && !text.contains('\u{1b}')
}

#[test]
fn lines_fit_a_screen_and_the_end_says_why() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("run");
    let told = job("--comm_round 12 --target_accuracy 0.2", &folder)
        .run()
        .succeeded();
    assert!(fits(&told.stderr) && !told.stderr.contains("rank 0"), "{}", told.stderr);
    for words in [
        "synthetic: ",
        "10 classes (chance 10 %)",
        "; 2 workers on ",
        " round  1/12  loss  ",
    ] {
        assert!(told.stderr.contains(words), "{words}: {}", told.stderr);
    }
    let lines: Vec<&str> = told.stdout.lines().collect();
    assert!(lines[0].starts_with("the target accuracy>=0.2 is reached after "), "{}", told.stdout);
    assert!(
        lines[1].starts_with("final test accuracy ") && lines[1].contains(" % (best "),
        "{}",
        told.stdout
    );
    assert!(
        lines[2].starts_with("results in ") && lines[3].starts_with("next: "),
        "{}",
        told.stdout
    );
    // What is to be pasted goes on.
    let next = lines[4]
        .trim()
        .replace("--comm_round ", "--target_accuracy 0.9 --comm_round ");
    let more = Command::new("sh")
        .args(["-c", &next])
        .envs(AS_ROOT)
        .output()
        .expect("sh");
    let more = Finished::of(more).succeeded();
    assert!(
        more.stderr.contains("going on after round ") && !more.stderr.contains("warning"),
        "{}",
        more.stderr
    );
}

#[test]
fn silence_is_kept_but_for_what_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let without = job("--comm_round 3 --progress none", folder.path())
        .run()
        .succeeded();
    assert!(
        !without.stderr.contains("round 1/3") && without.stderr.contains("results go to"),
        "{}",
        without.stderr
    );
    let quiet = job("--comm_round 3 --quiet", folder.path())
        .run()
        .succeeded();
    assert_eq!((quiet.stderr.as_str(), quiet.stdout.lines().count()), ("", 3), "{}", quiet.stdout);
    // Nobody takes part in a round: that is a warning.
    let warned = job("--comm_round 3 --quiet --drop_rate 0.999999", folder.path())
        .run()
        .succeeded();
    assert!(
        warned
            .stderr
            .lines()
            .all(|line| line.contains(" warning: round ")),
        "{}",
        warned.stderr
    );
    let missing = job("--comm_round 3 --progress bar", folder.path())
        .run()
        .succeeded();
    let warning = "there is no terminal to draw on";
    assert!(
        missing.stderr.contains(warning) && !missing.stderr.contains('\u{1b}'),
        "{}",
        missing.stderr
    );
}

#[test]
fn programs_read_the_journal_on_standard_output() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = folder.path().join("run");
    let told = job("--comm_round 3 --json", &run).run().succeeded();
    assert_eq!(told.stdout, fs::read_to_string(run.join("journal.jsonl")).expect("a journal"));
    let config = fs::read_to_string(run.join("config.yaml")).expect("a config");
    assert!(
        !config.contains("json") && !config.contains("quiet") && !config.contains("progress"),
        "{config}"
    );
    let mut launch = Command::new(env!("CARGO_BIN_EXE_fedmpi"));
    launch
        .args([
            "launch",
            "-np",
            "2",
            "--",
            "--comm_round",
            "2",
            "--json",
            "--overwrite",
            "--out_dir",
        ])
        .arg(&run);
    let launched = Finished::of(launch.output().expect("starts")).succeeded();
    assert_eq!(launched.stdout, fs::read_to_string(run.join("journal.jsonl")).expect("a journal"));
}

/// What `mpirun -np 2 fedmpi` writes to a terminal; none where there is no `script` to make one.
fn on_terminal(term: &str, folder: &Path, ending: &str) -> Option<String> {
    let program = env!("CARGO_BIN_EXE_fedmpi");
    let flags = "--oversubscribe -np 2";
    let flags = if crate::support::is_open_mpi() {
        flags
    } else {
        "-np 2"
    };
    shown_by(&format!("mpirun {flags} {program}"), term, folder, ending)
}

/// What a training writes to a terminal that is started by `start`.
fn shown_by(start: &str, term: &str, folder: &Path, ending: &str) -> Option<String> {
    let line =
        format!("{start} --overwrite --comm_round 3 --out_dir {} {ending}", folder.display());
    let mut command = Command::new("script");
    command
        .args(["-q", "-e", "-c", &line, "/dev/null"])
        .envs(AS_ROOT)
        .env("TERM", term)
        .env_remove("NO_COLOR");
    let done = Finished::of(command.output().ok()?);
    Some(done.succeeded().stdout)
}

#[test]
fn a_bar_is_drawn_on_the_terminal_of_mpirun_and_nowhere_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(shown) = on_terminal("xterm", folder.path(), "") else { return };
    assert!(shown.contains("\u{1b}[1mround 1/3\u{1b}[0m \u{1b}[32m["), "{shown:?}");
    // Lines erase the bar, and nothing is left of it in the end.
    assert!(shown.contains("\u{1b}[K") && shown.contains(" round 3/3  loss "), "{shown:?}");
    let end = shown.rsplit("\r\u{1b}[K").next().expect("an end");
    assert!(end.contains("all 3 rounds are done") && !end.contains("[="), "{shown:?}");
    for (term, ending) in [
        ("dumb", ""),
        ("xterm", "2>/dev/null"),
        ("xterm", "--progress lines --quiet"),
    ] {
        let shown = on_terminal(term, folder.path(), ending).expect("as before");
        assert!(
            !shown.contains('\u{1b}') && shown.contains("final test accuracy"),
            "{term} {ending}: {shown:?}"
        );
    }
}

#[test]
fn a_bar_is_drawn_on_the_terminal_of_launch_unless_its_errors_go_elsewhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = format!("{} launch -np 2 --", env!("CARGO_BIN_EXE_fedmpi"));
    let Some(shown) = shown_by(&start, "xterm", folder.path(), "") else { return };
    assert!(shown.contains("\u{1b}[1mround 1/3\u{1b}[0m \u{1b}[32m["), "{shown:?}");
    for ending in ["2>/dev/null", "2>&1 | cat"] {
        let shown = shown_by(&start, "xterm", folder.path(), ending).expect("as before");
        assert!(
            !shown.contains('\u{1b}') && shown.contains("final test accuracy"),
            "{ending}: {shown:?}"
        );
    }
}
