//! Starting a job: which launcher is installed, where the hosts come from, what command it takes; and
//! starting it again from the newest checkpoint when it fails.

mod allocation;
mod doctor;
mod launcher;
mod slurm;

use crate::event::Standing;
use crate::hosts::{Dialect, HostFile};
use crate::record::{self, Summary, checkpoint};
use crate::stop::{self, exit};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{self, Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use allocation::allocation;
pub use doctor::{Diagnosis, Facts, Probe, diagnose, driver_version};
pub use launcher::{LaunchError, Launcher, launched_rank};
pub use slurm::SlurmJob;

/// How often a running job is looked after.
const GLANCE: Duration = Duration::from_millis(100);
/// How long a job may take to end when its run is finished.
const LAST_WORDS: Duration = Duration::from_secs(20);

/// A job to start.
#[derive(Clone, Debug)]
pub struct Job {
    /// The installed launcher.
    pub launcher: Launcher,
    /// Ranks, the server included.
    pub ranks: usize,
    /// Where they may run; none leaves it to the launcher.
    pub hosts: Option<HostFile>,
    /// Whether each line of output says its rank.
    pub tag_output: bool,
    /// Go on without workers that are lost; Open MPI 5 can.
    pub survive: bool,
    /// The network interface to use, as `eth0`.
    pub interface: Option<String>,
    /// Further options for the launcher.
    pub options: Vec<String>,
    /// The program and the training's flags.
    pub program: Vec<String>,
}

impl Job {
    /// The command line; `host_file` is where the hosts are written for the launcher.
    pub fn command(&self, host_file: &Path) -> Vec<String> {
        let mut command = vec!["mpirun".to_owned(), "-np".to_owned(), self.ranks.to_string()];
        if let Some(hosts) = &self.hosts {
            command.push(self.launcher.flag("--hostfile", "--hostfile", "-f").to_owned());
            command.push(host_file.display().to_string());
            let slots: Option<u32> = hosts.hosts.iter().map(|(_, slots)| *slots).sum();
            let crowded = slots.is_none_or(|slots| (slots as usize) < self.ranks);
            if crowded && self.launcher.dialect() == Dialect::Openmpi {
                command.push("--oversubscribe".to_owned());
            }
            command.extend(self.launcher.keepalive());
        }
        if self.survive {
            command.extend(["--with-ft".to_owned(), "ulfm".to_owned()]);
        }
        if let Some(interface) = &self.interface {
            command.extend(self.launcher.on_interface(interface));
        }
        if self.tag_output {
            let flag = self.launcher.flag("--tag-output", "--output tag", "-prepend-rank");
            command.extend(flag.split(' ').map(str::to_owned));
        }
        command.extend(self.options.iter().cloned());
        command.extend(self.program.iter().cloned());
        command
    }

    /// Where each rank will run, by rank, as launchers fill slots in the order of the file.
    pub fn places(&self) -> Vec<String> {
        let hosts = self.hosts.as_ref().map(|file| file.hosts.clone()).unwrap_or_default();
        let slots = hosts.iter().flat_map(|(host, slots)| std::iter::repeat_n(host, slots.unwrap_or(1) as usize));
        let mut places: Vec<String> = slots.take(self.ranks).cloned().collect();
        let last = hosts.last().map_or_else(|| "as the launcher likes".to_owned(), |(host, _)| host.clone());
        places.resize(self.ranks, last);
        places
    }
}

/// Runs a job. When it fails in training, it is started again up to `restarts` times, from the newest
/// checkpoint that it has left in `folder`. SIGTERM and SIGINT are passed on and end it. Gives the exit
/// code of this program.
///
/// # Errors
/// When the launcher or the host file cannot be used.
pub fn run(job: &Job, folder: &Path, restarts: u32) -> io::Result<u8> {
    let place = tempfile::Builder::new().prefix("fedmpi-hosts-").tempfile()?;
    let name = new_name();
    let mut job = Job { program: named(&job.program, &name), ..job.clone() };
    for attempt in 0..=restarts {
        let before = summary_of(folder);
        let finished = || summary_of(folder) != before && is_finished(folder);
        let code = match watch(start(&job, place.path())?, finished)? {
            // However its ranks and the launcher ended.
            _ if finished() => exit::DONE,
            // A launcher that loses a host may take that for success.
            exit::DONE if folder.exists() && !is_finished(folder) => exit::FAILED,
            code => code,
        };
        let settled = [exit::DONE, exit::REFUSED, exit::ENDED].contains(&code);
        if settled || stop::end_wanted() || attempt == restarts {
            return Ok(code);
        }
        let left = restarts - attempt;
        let (program, how) = again(&job.program, folder, &name);
        log::warn!("the job ended with code {code}; {how} ({left} restarts left)");
        job.program = program;
    }
    Ok(exit::FAILED)
}

/// The program that is started after a failure, and what it does. Only what this very job has written in the folder may go.
fn again(program: &[String], folder: &Path, name: &str) -> (Vec<String>, &'static str) {
    let own = record::job_of(folder).as_deref() == Some(name);
    let saved = !checkpoint::files(&record::checkpoints(folder)).is_empty();
    match (own, saved) {
        (true, true) => (resuming(program, folder), "it goes on from its newest checkpoint"),
        (true, false) => (renewed(program), "it had no checkpoint yet and starts anew"),
        (false, _) => (program.to_vec(), "it had not begun yet and starts again"),
    }
}

/// A name that no other job has.
fn new_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}", now.as_nanos(), process::id())
}

/// The program, told the name of its job.
fn named(program: &[String], name: &str) -> Vec<String> {
    [program, &["--job".to_owned(), name.to_owned()]].concat()
}

/// Which file the summary of a run is, by what changes with each writing. Clocks of hosts may differ: it is compared for
/// equality alone.
fn summary_of(folder: &Path) -> Option<(u64, i64, i64, u64)> {
    let facts = fs::metadata(folder.join(record::SUMMARY)).ok()?;
    Some((facts.ino(), facts.mtime(), facts.mtime_nsec(), facts.len()))
}

/// Whether the folder holds a run that has come to its end.
fn is_finished(folder: &Path) -> bool {
    let summary = Summary::read(folder).ok().flatten();
    summary.is_some_and(|summary| summary.state == Standing::Finished)
}

/// Starts a job once; `host_file` is where the hosts are written for the launcher.
///
/// # Errors
/// When the launcher or the host file cannot be used.
pub fn start(job: &Job, host_file: &Path) -> io::Result<Child> {
    if let Some(hosts) = &job.hosts {
        fs::write(host_file, hosts.write(job.launcher.dialect()))?;
    }
    let command = job.command(host_file);
    let mut process = Command::new(&command[0]);
    process.args(command[1..].iter().map(OsString::from));
    if geteuid().is_root() {
        // Open MPI refuses to run as root unless told twice.
        for name in ["OMPI_ALLOW_RUN_AS_ROOT", "PRTE_ALLOW_RUN_AS_ROOT"] {
            process.env(name, "1").env(format!("{name}_CONFIRM"), "1");
        }
    }
    process.spawn()
}

/// Waits for a job and passes signals on. A job whose run has `finished` may still have a rank that
/// hangs at its exit: it is not waited for.
fn watch(mut child: Child, finished: impl Fn() -> bool) -> io::Result<u8> {
    let (mut told, mut end): (bool, Option<Instant>) = (false, None);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(code(status));
        }
        if stop::end_wanted() && !told {
            told = true;
            send(&child, Signal::TERM)?;
        }
        if finished() && end.get_or_insert_with(Instant::now).elapsed() > LAST_WORDS {
            log::warn!("the run is finished and saved, but its ranks do not end; they are ended now");
            send(&child, Signal::TERM)?;
            thread::sleep(LAST_WORDS / 4);
            child.kill()?;
            child.wait()?;
            return Ok(exit::DONE);
        }
        thread::sleep(GLANCE);
    }
}

fn send(child: &Child, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    Ok(pid.map_or(Ok(()), |pid| kill_process(pid, signal))?)
}

/// A launcher that was killed by a signal has failed.
fn code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(exit::FAILED)
}

/// Flags that say where a run's folder is or what happens to it.
const OF_THE_FOLDER: &[&str] = &["out_dir", "overwrite", "resume"];

/// The same program, going on in `folder`.
fn resuming(program: &[String], folder: &Path) -> Vec<String> {
    let mut program = without(program, OF_THE_FOLDER);
    program.extend(["--resume".to_owned(), folder.display().to_string()]);
    program
}

/// The same program from the start; what it left behind may go. One that was to go on still is.
fn renewed(program: &[String]) -> Vec<String> {
    if without(program, &["resume"]).len() < program.len() {
        return program.to_vec();
    }
    let mut program = without(program, &["overwrite"]);
    program.extend(["--overwrite".to_owned(), "true".to_owned()]);
    program
}

/// The arguments without some flags and their values.
fn without(program: &[String], names: &[&str]) -> Vec<String> {
    let mut kept = Vec::with_capacity(program.len());
    let mut arguments = program.iter().peekable();
    while let Some(argument) = arguments.next() {
        let (name, value) =
            argument.split_once('=').map_or((argument.as_str(), None), |(name, value)| (name, Some(value)));
        let flag = name.strip_prefix("--").map(|name| name.replace('-', "_"));
        match flag.is_some_and(|flag| names.contains(&flag.as_str())) {
            true if value.is_none() => _ = arguments.next_if(|next| !next.starts_with("--")),
            true => {}
            false => kept.push(argument.clone()),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::record::RunFolder;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    fn job(launcher: Launcher, hosts: &str) -> Job {
        let hosts = Some(HostFile::parse(hosts).expect("well-formed"));
        let (options, program) = (words("--x y"), words("fedmpi --lr 1"));
        Job { launcher, ranks: 4, hosts, tag_output: true, survive: false, interface: None, options, program }
    }

    #[test]
    fn every_launcher_gets_its_own_words() {
        let line = |launcher, hosts| job(launcher, hosts).command(Path::new("F")).join(" ");
        let alive = |flag: &str| {
            format!(
                "{flag} oob_tcp_keepalive_time 10 {flag} oob_tcp_keepalive_intvl 2 {flag} oob_tcp_keepalive_probes 3"
            )
        };
        assert_eq!(
            line(Launcher::OpenMpi4, "a:2\nb:2"),
            format!("mpirun -np 4 --hostfile F {} --tag-output --x y fedmpi --lr 1", alive("--mca"))
        );
        assert_eq!(
            line(Launcher::OpenMpi5, "a slots=1"),
            format!(
                "mpirun -np 4 --hostfile F --oversubscribe {} --output tag --x y fedmpi --lr 1",
                alive("--prtemca")
            )
        );
        let survivor = Job { survive: true, interface: Some("eth1".into()), ..job(Launcher::OpenMpi5, "a:4") };
        let said = survivor.command(Path::new("F")).join(" ");
        assert!(
            said.contains("--with-ft ulfm --mca btl_tcp_if_include eth1 --prtemca oob_tcp_if_include eth1"),
            "{said}"
        );
        assert_eq!(line(Launcher::Mpich, "a"), "mpirun -np 4 -f F -prepend-rank --x y fedmpi --lr 1");
    }

    #[test]
    fn slots_are_filled_in_order() {
        assert_eq!(job(Launcher::OpenMpi4, "a:1\nb:2").places(), ["a", "b", "b", "b"]);
    }

    #[test]
    fn only_this_jobs_own_folder_is_replaced_or_gone_on_with() {
        let folder = tempfile::tempdir().expect("a folder");
        let (program, path) = (words("fedmpi --lr 1"), folder.path());
        let next = |name: &str| again(&program, path, name).0.join(" ");
        assert_eq!(next("7"), "fedmpi --lr 1");
        let config = Config { out_dir: Some(path.to_owned()), ..Config::default() };
        let mut held = RunFolder::claim(&config).expect("free");
        held.prepare(&config, Some("7")).expect("new");
        assert_eq!((next("8"), next("7")), ("fedmpi --lr 1".to_owned(), "fedmpi --lr 1 --overwrite true".to_owned()));
        fs::create_dir(path.join("checkpoints")).expect("writable");
        fs::write(path.join("checkpoints/round-00000001.safetensors"), "").expect("writable");
        assert_eq!(
            (next("8"), next("7")),
            ("fedmpi --lr 1".to_owned(), format!("fedmpi --lr 1 --resume {}", path.display()))
        );
    }

    #[test]
    fn a_restart_goes_on_in_the_same_folder() {
        let program = words("fedmpi --out-dir x --lr 1 --overwrite --epochs 2 --resume=y");
        assert_eq!(resuming(&program, Path::new("x")).join(" "), "fedmpi --lr 1 --epochs 2 --resume x");
        assert_eq!(renewed(&program), program);
        let fresh = words("fedmpi --out_dir x --overwrite --lr 1");
        assert_eq!(renewed(&fresh).join(" "), "fedmpi --out_dir x --lr 1 --overwrite true");
    }
}
