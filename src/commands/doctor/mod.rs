//! `fedmpi doctor`: asks every host for its facts over ssh, then lets a small MPI job run over all
//! of them.

mod ask;

use super::{places, say, tell};
use crate::cli::DoctorArgs;
use crate::config::wrapped;
use crate::host::{self, facts};
use crate::hosts::{HostFile, HostName};
use crate::launch::{self, Job, Launcher, diagnose};
use crate::stop::exit;
use anyhow::{Result, bail};
use std::env;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How long the small MPI job may take.
const LIMIT: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(50);

/// Examines the hosts of a file, or of the allocation, or this one; gives the exit code.
pub(super) fn run(arguments: &DoctorArgs) -> Result<u8> {
    let hosts = match places::hosts(arguments.hostfile.as_deref())? {
        Some(hosts) => hosts,
        None => HostFile::of([(HostName::parse("localhost")?, None)])?,
    };
    Ok(if examine(arguments, &hosts)? {
        exit::DONE
    } else {
        exit::FAILED
    })
}

/// What this host says when another one asks.
pub(super) fn answer(data_dir: Option<&Path>) -> Result<()> {
    say(serde_json::to_string(&facts(data_dir)?)?)
}

/// Examines all hosts; true when nothing is wrong.
fn examine(arguments: &DoctorArgs, hosts: &HostFile) -> Result<bool> {
    let data_dir = arguments.data_dir.as_deref();
    let here = facts(data_dir)?;
    let text = format!(
        "here: fedmpi {}, libtorch {}, {}, {} cores",
        here.binary, here.libtorch, here.mpi, here.cores
    );
    tell(wrapped(&text, 0, 6));
    let program = env::current_exe()?;
    let probes = ask::all(hosts, &program, data_dir);
    let diagnosis = diagnose(&here, &probes);
    tell(&diagnosis.table);
    for remedy in &diagnosis.remedies {
        tell(format_args!("fault: {remedy}"));
    }
    if probes.iter().any(|probe| probe.facts.is_err()) {
        tell("no MPI job was started, since some hosts cannot be reached");
        return Ok(false);
    }
    let connected = connect(arguments, hosts, &program);
    if let Err(error) = &connected {
        tell(format_args!("fault: {error:#}"));
    }
    let sound = diagnosis.remedies.is_empty() && connected.is_ok();
    if sound {
        tell("ok: every host is fit for a job");
    }
    Ok(sound)
}

/// One rank on each host, or two on the only one: does everybody hear everybody, and how fast?
fn connect(arguments: &DoctorArgs, hosts: &HostFile, program: &Path) -> Result<()> {
    let each = if hosts.hosts().len() == 1 { 2 } else { 1 };
    let job = Job {
        launcher: Launcher::installed()?,
        ranks: hosts.hosts().len() * each as usize,
        hosts: Some(hosts.each(each)),
        cores: host::cores(),
        tag_output: false,
        survive: false,
        interface: arguments.interface.clone(),
        options: Vec::new(),
        program: [program.as_os_str(), "bench".as_ref(), "net".as_ref()]
            .map(Into::into)
            .into(),
    };
    let place = tempfile::Builder::new()
        .prefix("fedmpi-hosts-")
        .tempfile()?;
    let mut child = launch::command(&job, place.path())?.spawn()?;
    let began = Instant::now();
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => bail!("the MPI job ended with {status}: its own words are above"),
            None if began.elapsed() > LIMIT => break,
            None => thread::sleep(GLANCE),
        }
    }
    child.kill()?;
    bail!(
        "ssh reaches all hosts, MPI does not connect them in {} s: a firewall between them, or the \
         wrong network (hint: --interface NAME, as `ip -brief address` lists them)",
        LIMIT.as_secs()
    )
}
