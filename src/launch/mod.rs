//! Starting a job: which launcher is installed, where the hosts come from, what command it takes;
//! and starting it again from the newest checkpoint when it fails.

mod allocation;
mod banner;
mod doctor;
mod ending;
mod flags;
mod job;
mod launcher;
mod node_list;
mod pace;
mod shell;
mod slurm;
mod trace;

use crate::record;
use crate::stop::{self, exit};
use banner::{LastWords, Passing};
use flags::{goes_on, renewed, resuming};
use pace::Pace;
use rustix::process::{Pid, geteuid, getppid, kill_process, set_parent_process_death_signal};
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use trace::Trace;

pub use allocation::{AllocationError, allocation};
pub use doctor::{Diagnosis, Facts, Probe, diagnose, driver_version};
pub use flags::{last_wins, without};
pub use job::{HostsBy, Job};
pub use launcher::{LaunchError, Launched, Launcher, launched_rank};
pub use rustix::process::Signal;
pub use shell::pasteable;
pub use slurm::{ScriptError, SlurmArray, SlurmJob};

/// How often a running job is looked after.
const GLANCE: Duration = Duration::from_millis(100);
/// How long a job may take to end when its run is finished.
const LAST_WORDS: Duration = Duration::from_secs(20);

/// Runs a job. When it fails in training, it is started again up to `restarts` times, from the
/// newest checkpoint that it has left in `folder`, unless another start would end alike. Signals
/// for the end are passed on and end it; SIGUSR1 is passed on for a checkpoint. Gives the exit code
/// of this program.
///
/// # Errors
/// When the launcher or the host file cannot be used.
pub fn run(job: &Job, folder: &Path, restarts: u32) -> io::Result<u8> {
    let place = tempfile::Builder::new()
        .prefix("fedmpi-hosts-")
        .tempfile()?;
    let name = new_name();
    let mut job = Job {
        program: named(&job.program, &name),
        ..job.clone()
    };
    let (mut pace, mut came_up) = (Pace::default(), false);
    for left in (0..=restarts).rev() {
        let came = start_once(&job, place.path(), folder)?;
        came_up |= came.up;
        if let Some(code) = last_code(came.code, came.is_finished(folder), &came.after, folder) {
            return Ok(code);
        }
        let code = came.code;
        if let Some(reason) = hopeless(folder, came_up) {
            log::error!(
                "the job ended with code {code}, and another start would end alike: {reason}"
            );
            return Ok(exit::FAILED);
        }
        let wait = pace.after(came.after.got_further_than(&came.before));
        if left == 0 {
            return Ok(exit::FAILED);
        }
        let Some(wait) = wait else {
            let starts = pace.fruitless();
            log::error!(
                "{starts} starts in a row came to nothing: giving up with {left} restarts left"
            );
            return Ok(exit::FAILED);
        };
        let way = again(&mut job, folder, came.after.is_saved(), &name);
        let seconds = wait.as_secs();
        log::warn!("the job ended with code {code}{way} in {seconds} s ({left} restarts left)");
        if !pause(wait) {
            return Ok(ended(&came.after));
        }
    }
    Ok(exit::FAILED)
}

/// What came of a start.
struct Came {
    code: u8,
    /// What the run had left before it.
    before: Trace,
    /// What it has left now.
    after: Trace,
    /// Whether its ranks came up.
    up: bool,
}

impl Came {
    fn is_finished(&self, folder: &Path) -> bool {
        // Whoever goes on with a finished run has nothing to do, and leaves it as it is.
        let is_idle = self.code == exit::DONE && !self.up && self.after.is_finished(folder);
        is_idle || self.before.is_finished_since(folder)
    }
}

/// Starts a job once, and notes in the run's folder how it ended if its ranks came up.
fn start_once(job: &Job, host_file: &Path, folder: &Path) -> io::Result<Came> {
    let before = Trace::of(folder);
    let (status, killed) = started(job, host_file, || before.is_finished_since(folder))?;
    let after = Trace::of(folder);
    let up = after.came_up_since(&before);
    if let Some(status) = status
        && up
    {
        ending::note(folder, status, killed.as_deref());
    }
    Ok(Came {
        code: status.map_or(exit::DONE, code),
        before,
        after,
        up,
    })
}

/// Starts a job and waits for its end. Whoever refuses says why, and so does who was asked to end:
/// then the launcher's own words on exit codes are left out. Gives which rank it said was killed.
fn started(
    job: &Job,
    host_file: &Path,
    finished: impl Fn() -> bool,
) -> io::Result<(Option<ExitStatus>, Option<String>)> {
    let mut child = command(job, host_file)?.stderr(Stdio::piped()).spawn()?;
    let mut passing = Passing::new(child.stderr.take());
    let status = watch(child, &mut passing, finished)?;
    let LastWords { kept, killed } = passing.end();
    if status.map(code) != Some(exit::REFUSED) && !stop::end_wanted() {
        // What nobody reads ends nothing.
        let _ = io::stderr().write_all(&kept);
    }
    Ok((status, killed))
}

/// The code to end with after a start that ended with `code`, unless it failed and may be tried
/// again.
fn last_code(code: u8, finished: bool, after: &Trace, folder: &Path) -> Option<u8> {
    match code {
        // However its ranks and the launcher ended.
        _ if finished => Some(exit::DONE),
        _ if stop::end_wanted() => Some(ended(after)),
        // A launcher that loses a host may take that for success.
        exit::DONE if folder.exists() => None,
        exit::DONE | exit::REFUSED | exit::ENDED => Some(code),
        _ => None,
    }
}

/// The code of a job that somebody ended: whether its run can go on.
fn ended(after: &Trace) -> u8 {
    if after.is_saved() {
        exit::ENDED
    } else {
        exit::FAILED
    }
}

/// Why no other start would help, if none would.
fn hopeless(folder: &Path, came_up: bool) -> Option<String> {
    if came_up {
        return trace::settled(folder);
    }
    // Nor could another start go on from what cannot be seen.
    let hint =
        "the launcher's own words are above; `fedmpi doctor -hostfile FILE` examines the hosts";
    Some(format!(
        "no rank got as far as {}, or it cannot be seen from here ({hint})",
        folder.display()
    ))
}

/// Makes a job go on from its checkpoint or start anew; says which. Only what this very job has
/// written in the folder may go.
fn again(job: &mut Job, folder: &Path, saved: bool, name: &str) -> &'static str {
    if record::job_of(folder).as_deref() != Some(name) {
        return " before it began; it starts again";
    }
    if saved {
        job.program = resuming(&job.program, folder);
        return "; it goes on from its newest checkpoint";
    }
    if !goes_on(&job.program) {
        job.program = renewed(&job.program);
    }
    " before any checkpoint; it starts anew"
}

/// A name that no other job has.
fn new_name() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    format!("{:x}-{:x}", now.as_nanos(), process::id())
}

/// The program, told the name of its job.
fn named(program: &[OsString], name: &str) -> Vec<OsString> {
    [program, &["--job".into(), name.into()]].concat()
}

/// Waits; false when a signal ends the wait.
fn pause(time: Duration) -> bool {
    let began = Instant::now();
    while began.elapsed() < time && !stop::end_wanted() {
        thread::sleep(GLANCE);
    }
    !stop::end_wanted()
}

/// The command that ties a launcher to this process, for [`tied`].
pub const TIED: &str = "tied";

/// What starts a job once; `host_file` is where the hosts are written for the launcher. It ends
/// with this process, however that ends.
///
/// # Errors
/// When this program or the host file cannot be used.
pub fn command(job: &Job, host_file: &Path) -> io::Result<Command> {
    if let Some(hosts) = &job.hosts {
        fs::write(host_file, hosts.write(job.launcher.dialect()))?;
    }
    let mut process = tied_to_us(job.command(HostsBy::File(host_file)))?;
    if geteuid().is_root() {
        // Open MPI refuses to run as root unless told twice.
        for name in ["OMPI_ALLOW_RUN_AS_ROOT", "PRTE_ALLOW_RUN_AS_ROOT"] {
            process.env(name, "1").env(format!("{name}_CONFIRM"), "1");
        }
    }
    Ok(process)
}

/// A command that gets SIGTERM when this process is gone, however it ends. Start it on a thread
/// that stays.
///
/// # Errors
/// When this program does not know where it is.
pub fn tied_to_us(command: impl IntoIterator<Item = OsString>) -> io::Result<Command> {
    let mut process = Command::new(env::current_exe()?);
    process
        .args([TIED, &process::id().to_string(), "--"])
        .args(command);
    Ok(process)
}

/// Becomes another program, which gets SIGTERM when the process `parent` is gone.
///
/// # Errors
/// When it cannot be run; when the parent is gone already.
pub fn tied(parent: u32, command: &[OsString]) -> io::Error {
    let Some((program, arguments)) = command.split_first() else {
        return io::Error::other("there is nothing to run");
    };
    if let Err(error) = set_parent_process_death_signal(Some(Signal::TERM)) {
        return error.into();
    }
    let now = getppid().map_or(0, |pid| pid.as_raw_nonzero().get().unsigned_abs());
    if now != parent {
        return io::Error::other("whoever started this is gone");
    }
    Command::new(program).args(arguments).exec()
}

/// Waits for a job and passes its words and signals on. All on one thread: what is tied to this
/// process is ended twice where there are two, and then Open MPI does not wait for its ranks. A job
/// whose run has `finished` may still have a rank that hangs at its exit: it is not waited for, and
/// there is no status.
fn watch(
    mut child: Child,
    passing: &mut Passing,
    finished: impl Fn() -> bool,
) -> io::Result<Option<ExitStatus>> {
    let (mut told, mut end): (bool, Option<Instant>) = (false, None);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if stop::end_wanted() && !told {
            told = true;
            send(&child, Signal::TERM)?;
        }
        if stop::save_wanted() {
            send(&child, Signal::USR1)?;
        }
        if finished() && end.get_or_insert_with(Instant::now).elapsed() > LAST_WORDS {
            log::warn!(
                "the run is finished and saved, but its ranks do not end; they are ended now"
            );
            send(&child, Signal::TERM)?;
            thread::sleep(LAST_WORDS / 4);
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        passing.wait(GLANCE);
    }
}

/// Sends a signal to a process that was started here.
///
/// # Errors
/// What the system says.
pub fn send(child: &Child, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    Ok(pid.map_or(Ok(()), |pid| kill_process(pid, signal))?)
}

/// How a process ended: one that was killed by a signal has failed.
pub fn code(status: ExitStatus) -> u8 {
    status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(exit::FAILED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::record::RunFolder;

    #[test]
    fn a_job_that_was_not_wanted_to_end_ends_as_its_launcher_says() {
        let parent = tempfile::tempdir().expect("a folder");
        let (folder, after) = (parent.path(), Trace::default());
        assert_eq!(last_code(137, true, &after, folder), Some(exit::DONE));
        assert_eq!(last_code(exit::REFUSED, false, &after, folder), Some(exit::REFUSED));
        assert_eq!(last_code(137, false, &after, folder), None);
        // The folder is there, and nothing in it says that the run is finished.
        assert_eq!(last_code(exit::DONE, false, &after, folder), None);
        assert_eq!(last_code(exit::DONE, false, &after, &folder.join("unseen")), Some(exit::DONE));
    }

    #[test]
    fn only_this_jobs_own_folder_is_replaced_or_gone_on_with() {
        let parent = tempfile::tempdir().expect("a folder");
        let path = parent.path();
        let job = Job {
            launcher: Launcher::Mpich,
            ranks: 2,
            hosts: None,
            cores: 2,
            tag_output: false,
            survive: false,
            interface: None,
            options: Vec::new(),
            program: ["fedmpi", "--lr", "1"].map(OsString::from).into(),
        };
        let next = |name: &str, saved: bool| {
            let mut job = job.clone();
            again(&mut job, path, saved, name);
            pasteable(&job.program)
        };
        assert_eq!(next("7", false), "fedmpi --lr 1");
        let config = Config {
            out_dir: Some(path.to_owned()),
            ..Config::default()
        };
        let mut held = RunFolder::claim(&config).expect("free");
        held.prepare(&config, Some("7")).expect("new");
        assert_eq!(
            [next("8", true), next("7", false)],
            ["fedmpi --lr 1", "fedmpi --lr 1 --overwrite true"]
        );
        assert_eq!(next("7", true), format!("fedmpi --lr 1 --resume {}", path.display()));
    }
}
