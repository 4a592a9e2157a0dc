//! Several hosts for real: network namespaces with their own names and sshd, by
//! `scripts/testbed.sh`. Skipped, with a line that says so, where these cannot be made.

use crate::kills::MODES;
use crate::support::{Finished, generated_mnist, has_checkpoint};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const JOB: &str = "--dataset mnist --model lr --client_num_in_total 12 --client_num_per_round 6 --partition_method homo";

fn testbed(arguments: &[&str]) -> Command {
    let mut command =
        Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/testbed.sh"));
    command.args(arguments);
    command
}

/// Hosts h1, h2 and h3 until it is dropped.
struct Testbed;

impl Testbed {
    fn up() -> Option<Testbed> {
        let output = testbed(&["up", "3"]).output().expect("bash");
        match output.status.code() {
            Some(0) => Some(Testbed),
            Some(77) => {
                eprintln!("{}", String::from_utf8_lossy(&output.stderr).trim());
                None
            }
            _ => panic!("{}", String::from_utf8_lossy(&output.stderr)),
        }
    }

    /// `fedmpi ARGUMENTS` on the first host, with a limit.
    fn fedmpi(&self, arguments: &[&str]) -> Command {
        let mut command = testbed(&[
            "exec",
            "h1",
            "timeout",
            "--kill-after=5",
            "100",
            env!("CARGO_BIN_EXE_fedmpi"),
        ]);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn launch(&self, hosts: &Path, options: &str, training: &str, said: Stdio) -> Child {
        let mut command = self.fedmpi(&["launch", "-np", "4", "-hostfile"]);
        command
            .arg(hosts)
            .args(options.split_whitespace())
            .arg("--")
            .args(training.split_whitespace());
        command.stderr(said).spawn().expect("bash")
    }

    fn finished(&self, hosts: &Path, training: &str) -> Finished {
        Finished::of(
            self.launch(hosts, "", training, Stdio::piped())
                .wait_with_output()
                .expect("ends"),
        )
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        let _ = testbed(&["down"]).status();
    }
}

fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
    fs::write(folder.join(name), text).expect("writable");
    folder.join(name)
}

fn job(folder: &Path, run: &str, data: &Path) -> String {
    format!("{JOB} --data_dir {} --out_dir {}", data.display(), folder.join(run).display())
}

#[test]
fn a_job_over_three_hosts() {
    let Some(bed) = Testbed::up() else { return };
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path();
    let data = generated_mnist();
    let slots = written(folder, "slots", "h1 slots=2\nh2 slots=1\nh3 slots=1\n");
    let colons = written(folder, "colons", "h1:2\nh2:1\nh3:1\n");
    let mapping = "mapping_default:\n    h1: [2]\n    h2: [1]\n    h3: [1]\n";
    let mapping = written(folder, "gpu_mapping.yaml", mapping);

    // Either dialect and a mapping by host name: one model, and each rank where it belongs.
    let alone = bed
        .fedmpi(&job(folder, "alone", &data).split(' ').collect::<Vec<_>>())
        .output()
        .expect("runs");
    let wanted = Finished::of(alone).succeeded().model_hash().to_owned();
    let mapped =
        format!("{} --gpu_mapping_file {}", job(folder, "mapped", &data), mapping.display());
    for (hosts, training) in [
        (&slots, &job(folder, "slots_run", &data)),
        (&colons, &mapped),
    ] {
        let finished = bed
            .finished(hosts, &format!("{training} --verbose 1"))
            .succeeded();
        assert_eq!(finished.model_hash(), wanted);
        let names = [
            "0     server  h1",
            "1     worker  h1",
            "2     worker  h2",
            "3     worker  h3",
        ];
        assert!(names.iter().all(|name| finished.stderr.contains(name)), "{}", finished.stderr);
    }

    // Each host's own data: one client on each of h2 and h3 and one on h1, ranks that share a host
    // share it.
    for host in ["h1", "h2", "h3"] {
        let own = folder.join(host);
        fs::create_dir(&own).expect("writable");
        for entry in fs::read_dir(&data).expect("there") {
            let entry = entry.expect("readable");
            fs::copy(entry.path(), own.join(entry.file_name())).expect("copied");
        }
    }
    let own = format!(
        "{} --data_residency local --evaluate clients",
        job(folder, "own", &folder.join("{host}"))
    );
    bed.finished(&slots, &own).succeeded();

    doctor_finds_another_build(&bed, folder, &slots, &job(folder, "never", &data));
    let modes = if std::env::var("FEDMPI_KILLS").is_ok() {
        &MODES[..]
    } else {
        &MODES[..1]
    };
    for (number, mode) in modes.iter().enumerate() {
        let training = format!("{} {mode}", job(folder, &format!("cut{number}"), &data));
        let began = Instant::now();
        a_host_is_cut_off(&bed, &slots, folder, &training, &folder.join(format!("cut{number}")));
        println!("cut off `{mode}`: {:.1} s", began.elapsed().as_secs_f64());
    }
}

/// The third host gets another file under the same name, in its own mounts.
fn doctor_finds_another_build(bed: &Testbed, folder: &Path, hosts: &Path, training: &str) {
    let doctor = || {
        let examined = bed
            .fedmpi(&["doctor", "-hostfile", &hosts.display().to_string()])
            .output()
            .expect("runs");
        Finished::of(examined)
    };
    let sound = doctor();
    assert_eq!(sound.code, Some(0), "{}\n{}", sound.stdout, sound.stderr);
    assert!(sound.stdout.contains("h1 to h3: "), "{}", sound.stdout);
    let binary = env!("CARGO_BIN_EXE_fedmpi");
    let other = folder.join("fedmpi");
    fs::copy(binary, &other).expect("copied");
    let mut longer = fs::File::options()
        .append(true)
        .open(&other)
        .expect("writable");
    std::io::Write::write_all(&mut longer, b"more").expect("written");
    drop(longer);
    let mount = |arguments: &[&str]| {
        let command: Vec<&str> = ["exec", "h3"].iter().chain(arguments).copied().collect();
        assert!(testbed(&command).status().expect("bash").success(), "{arguments:?}");
    };
    mount(&["mount", "--bind", &other.display().to_string(), binary]);
    let examined = doctor();
    assert_eq!(examined.code, Some(1), "{}", examined.stdout);
    assert!(examined.stdout.contains("fault: h3: another fedmpi"), "{}", examined.stdout);
    let refused = bed.finished(hosts, training);
    assert_eq!(refused.errors().len(), 1, "{}", refused.stderr);
    assert!(
        refused
            .stderr
            .contains("rank 3 on h3: this host has another build"),
        "{}",
        refused.stderr
    );
    mount(&["umount", binary]);
}

/// In mid-run a host loses its network: the job ends within seconds, and goes on once it is back.
fn a_host_is_cut_off(bed: &Testbed, hosts: &Path, folder: &Path, training: &str, run: &Path) {
    let rounds = if training.contains("async") {
        4000
    } else {
        1000
    };
    let long = format!(
        "{training} --checkpoint_every 5 --frequency_of_the_test 1000 --epochs 4 --comm_round {rounds}"
    );
    let whole = long.replace("/cut", "/whole");
    let alone = bed
        .fedmpi(&whole.split(' ').collect::<Vec<_>>())
        .output()
        .expect("runs");
    let wanted = Finished::of(alone).succeeded().model_hash().to_owned();
    let log = folder.join("log");
    let said = fs::File::create(&log).expect("writable");
    let job = bed.launch(hosts, "--max_restarts 5", &long, said.into());
    wait_for("a checkpoint", || has_checkpoint(run));
    testbed(&["cut", "h3"]).status().expect("bash");
    let cut = Instant::now();
    wait_for("the end", || {
        fs::read_to_string(&log)
            .is_ok_and(|said| said.contains("goes on from its newest checkpoint"))
    });
    assert!(cut.elapsed() < Duration::from_secs(40), "{:?}", cut.elapsed());
    testbed(&["join", "h3"]).status().expect("bash");
    let finished = Finished::of(job.wait_with_output().expect("ends")).succeeded();
    assert_eq!(finished.model_hash(), wanted);
}

fn wait_for(what: &str, there: impl Fn() -> bool) {
    let began = Instant::now();
    while !there() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what} did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}
