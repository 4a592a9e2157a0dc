//! `fedmpi doctor`: asks every host for its facts over ssh, then lets a small MPI job run over all of
//! them.

use crate::cli::DoctorArgs;
use anyhow::{Context, Result, bail};
use fedmpi::config::{HostFile, expand};
use fedmpi::ids::Rank;
use fedmpi::launch::{self, Facts, Launcher, Probe, diagnose};
use fedmpi::torch;
use fedmpi::transport::Host;
use fedmpi::transport::mpi;
use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a host may take for its facts.
const ANSWER: Duration = Duration::from_secs(30);
/// How long the small MPI job may take.
const LIMIT: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(50);

/// What is known of this host.
pub fn facts(data_dir: Option<&Path>) -> Result<Facts> {
    let driver = fs::read_to_string("/proc/driver/nvidia/version").ok();
    let driver = driver.and_then(|text| launch::driver_version(&text));
    let gpus = if driver.is_some() { torch::gpus() } else { Ok(0) };
    Ok(Facts {
        host: Host::here().name,
        binary: build()?,
        libtorch: hash(&torch::libtorch().context("libtorch is not loaded")?)?,
        mpi: mpi::library_version(),
        data_fault: data_dir.and_then(|folder| data_fault(&expand(folder, Rank::SERVER, &Host::here().name))),
        gpu_fault: gpus.as_ref().err().cloned(),
        gpus: gpus.unwrap_or(0),
        driver,
        clock: now(),
        free_mib: free_mib(),
        cores: thread::available_parallelism().map_or(1, usize::from),
    })
}

/// Hash of this program.
pub fn build() -> Result<String> {
    hash(&env::current_exe()?)
}

fn hash(path: &Path) -> Result<String> {
    let file = fs::File::open(path).with_context(|| path.display().to_string())?;
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut io::BufReader::with_capacity(1 << 20, file), &mut hasher)?;
    Ok(hasher.finalize().to_hex()[..8].to_owned())
}

fn data_fault(folder: &Path) -> Option<String> {
    let fault = |reason: String| Some(format!("cannot read {}: {reason}", folder.display()));
    match fs::read_dir(folder).map(|entries| entries.flatten().find(|entry| entry.path().is_file())) {
        Ok(Some(entry)) => fs::File::open(entry.path()).err().and_then(|error| fault(error.to_string())),
        Ok(None) => fault("no file in it".to_owned()),
        Err(error) => fault(error.to_string()),
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn free_mib() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kib| kib / 1024)
}

/// Examines all hosts; true when nothing is wrong.
pub fn run(arguments: &DoctorArgs, hosts: &HostFile) -> Result<bool> {
    let here = facts(arguments.data_dir.as_deref())?;
    println!("here: fedmpi {}, libtorch {}, {}, {} cores", here.binary, here.libtorch, here.mpi, here.cores);
    let program = &env::current_exe()?;
    let probes: Vec<Probe> = thread::scope(|scope| {
        let asked: Vec<_> = hosts
            .hosts
            .iter()
            .map(|(host, _)| scope.spawn(move || probe(host, program, arguments.data_dir.as_deref())))
            .collect();
        asked.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let diagnosis = diagnose(&here, &probes);
    println!("{}", diagnosis.table);
    diagnosis.remedies.iter().for_each(|remedy| println!("fault: {remedy}"));
    if probes.iter().any(|probe| probe.facts.is_err()) {
        println!("no MPI job was started, since some hosts cannot be reached");
        return Ok(false);
    }
    let connected = connect(arguments, hosts, program);
    if let Err(error) = &connected {
        println!("fault: {error:#}");
    }
    Ok(diagnosis.remedies.is_empty() && connected.is_ok())
}

/// Asks one host for its facts, over ssh unless it is this one.
fn probe(host: &str, program: &Path, data_dir: Option<&Path>) -> Probe {
    let mut words = vec![program.to_string_lossy().into_owned(), "probe".to_owned()];
    // Over ssh commands start in another folder, and a shell reads them once more.
    if let Some(folder) = data_dir.and_then(|folder| std::path::absolute(folder).ok()) {
        words.extend(["--data_dir".to_owned(), folder.to_string_lossy().into_owned()]);
    }
    let mut command = match host == "localhost" || Host::here().answers_to(host) {
        true => Command::new(&words[0]),
        false => Command::new("ssh"),
    };
    match command.get_program() == "ssh" {
        true => {
            let line = shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default();
            command.args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=5", host, &line]);
        }
        false => _ = command.args(&words[1..]),
    }
    let (asked, program) = (now(), command.get_program().to_string_lossy().into_owned());
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let output = child.map_err(|error| format!("cannot run {program}: {error}")).and_then(answer);
    Probe { host: host.to_owned(), facts: output.and_then(read), window: (asked, now()) }
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

fn read(output: Output) -> Result<Facts, String> {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(out.trim()).map_err(|_| if err.trim().is_empty() { out.into() } else { err.trim().into() })
}

/// One rank on each host: does everybody hear everybody, and how fast?
fn connect(arguments: &DoctorArgs, hosts: &HostFile, program: &Path) -> Result<()> {
    let hosts = HostFile { hosts: hosts.hosts.iter().map(|(host, _)| (host.clone(), Some(1))).collect() };
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
