//! `fedmpi doctor`: asks every host for its facts over ssh, then lets a small MPI job run over all of
//! them.

use super::places;
use crate::cli::DoctorArgs;
use crate::host::{facts, now};
use crate::hosts::HostFile;
use crate::launch::{self, Facts, Launcher, Probe, diagnose};
use crate::stop::exit;
use crate::transport::Host;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

/// How long a host may take for its facts.
const ANSWER: Duration = Duration::from_secs(30);
/// How long the small MPI job may take.
const LIMIT: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(50);

/// Examines the hosts of a file, or of the allocation; gives the exit code.
pub(super) fn run(arguments: &DoctorArgs) -> Result<u8> {
    let hosts = places::hosts(arguments.hostfile.as_deref())?;
    let hosts = hosts.context("no hosts are known (hint: -hostfile FILE)")?;
    Ok(if examine(arguments, &hosts)? { exit::DONE } else { exit::FAILED })
}

/// What this host says when another one asks.
pub(super) fn tell(data_dir: Option<&Path>) -> Result<()> {
    println!("{}", serde_json::to_string(&facts(data_dir)?)?);
    Ok(())
}

/// Examines all hosts; true when nothing is wrong.
fn examine(arguments: &DoctorArgs, hosts: &HostFile) -> Result<bool> {
    let data_dir = arguments.data_dir.as_deref();
    let here = facts(data_dir)?;
    println!("here: fedmpi {}, libtorch {}, {}, {} cores", here.binary, here.libtorch, here.mpi, here.cores);
    let program = env::current_exe()?;
    let probes = probe_all(hosts, &program, data_dir);
    let diagnosis = diagnose(&here, &probes);
    println!("{}", diagnosis.table);
    for remedy in &diagnosis.remedies {
        println!("fault: {remedy}");
    }
    if probes.iter().any(|probe| probe.facts.is_err()) {
        println!("no MPI job was started, since some hosts cannot be reached");
        return Ok(false);
    }
    let connected = connect(arguments, hosts, &program);
    if let Err(error) = &connected {
        println!("fault: {error:#}");
    }
    Ok(diagnosis.remedies.is_empty() && connected.is_ok())
}

/// Asks all hosts at once; the answers come in the order of the file.
fn probe_all(hosts: &HostFile, program: &Path, data_dir: Option<&Path>) -> Vec<Probe> {
    thread::scope(|scope| {
        let mut asked = Vec::new();
        for (host, _) in &hosts.hosts {
            asked.push(scope.spawn(move || probe(host, program, data_dir)));
        }
        asked.into_iter().filter_map(|thread| thread.join().ok()).collect()
    })
}

/// Asks one host for its facts.
fn probe(host: &str, program: &Path, data_dir: Option<&Path>) -> Probe {
    let mut command = question(host, program, data_dir);
    let asked = now();
    let facts = ask(&mut command).and_then(answer).and_then(read);
    Probe { host: host.to_owned(), facts, window: (asked, now()) }
}

/// The command that asks a host, over ssh unless it is this one.
fn question(host: &str, program: &Path, data_dir: Option<&Path>) -> Command {
    let mut words = vec![program.to_string_lossy().into_owned(), "probe".to_owned()];
    // Over ssh commands start in another folder, and a shell reads them once more.
    if let Some(folder) = data_dir.and_then(|folder| std::path::absolute(folder).ok()) {
        words.extend(["--data_dir".to_owned(), folder.to_string_lossy().into_owned()]);
    }
    if host == "localhost" || Host::here().answers_to(host) {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        return command;
    }
    let line = shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default();
    let mut command = Command::new("ssh");
    command.args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=5", host, &line]);
    command
}

fn ask(command: &mut Command) -> Result<Child, String> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    child.map_err(|error| format!("cannot run {}: {error}", command.get_program().to_string_lossy()))
}

/// What a host says, unless it takes too long.
fn answer(mut child: Child) -> Result<Output, String> {
    let began = Instant::now();
    while let Ok(None) = child.try_wait() {
        if began.elapsed() > ANSWER {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("no answer in {} s: a file system that hangs?", ANSWER.as_secs()));
        }
        thread::sleep(GLANCE);
    }
    child.wait_with_output().map_err(|error| error.to_string())
}

/// The facts in what a host printed, or its complaint.
fn read(output: Output) -> Result<Facts, String> {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if let Ok(facts) = serde_json::from_str(out.trim()) {
        return Ok(facts);
    }
    Err(if err.trim().is_empty() { out.into() } else { err.trim().into() })
}

/// One rank on each host: does everybody hear everybody, and how fast?
fn connect(arguments: &DoctorArgs, hosts: &HostFile, program: &Path) -> Result<()> {
    let one_each = hosts.hosts.iter().map(|(host, _)| (host.clone(), Some(1)));
    let hosts = HostFile { hosts: one_each.collect() };
    let job = launch::Job {
        launcher: Launcher::installed()?,
        ranks: hosts.hosts.len(),
        hosts: Some(hosts),
        tag_output: false,
        survive: false,
        interface: arguments.interface.clone(),
        options: Vec::new(),
        program: vec![program.display().to_string(), "bench".to_owned(), "net".to_owned()],
    };
    let place = tempfile::Builder::new().prefix("fedmpi-hosts-").tempfile()?;
    let mut child = launch::start(&job, place.path())?;
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
        "ssh reaches all hosts, MPI does not connect them in {} s: a firewall between them, or the wrong network \
         (hint: --interface NAME, as `ip -brief address` lists them)",
        LIMIT.as_secs()
    )
}
