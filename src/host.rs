//! What this machine says of itself: its program and libraries, data, GPUs, clock and memory.

use crate::files;
use crate::ids::Rank;
use crate::launch::{Facts, driver_version};
use crate::plan::expand;
use crate::torch;
use crate::transport::{Host, mpi};
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs, io, thread};

/// What is known of this host.
pub(crate) fn facts(data_dir: Option<&Path>) -> Result<Facts> {
    let host = Host::here().name;
    let data_dir = data_dir.map(|folder| expand(folder, Rank::SERVER, &host));
    let driver = fs::read_to_string("/proc/driver/nvidia/version").ok();
    let driver = driver.and_then(|text| driver_version(&text));
    let gpus = if driver.is_some() {
        torch::gpus()
    } else {
        Ok(0)
    };
    Ok(Facts {
        host,
        binary: build()?,
        libtorch: hash(&torch::libtorch().context("libtorch is not loaded")?)?,
        mpi: mpi::library_version(),
        data_fault: data_dir.and_then(|folder| data_fault(&folder)),
        gpu_fault: gpus.as_ref().err().cloned(),
        gpus: gpus.unwrap_or(0),
        driver,
        clock: now(),
        free_mib: free_mib(),
        cores: cores(),
    })
}

/// This program's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit that it was built from, or `unknown`.
pub(crate) const COMMIT: &str = env!("FEDMPI_COMMIT");

/// Hash of this program.
pub(crate) fn build() -> Result<String> {
    hash(&env::current_exe()?)
}

/// The first digits of a file's hash.
fn hash(path: &Path) -> Result<String> {
    let file = files::open(path).with_context(|| path.display().to_string())?;
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut io::BufReader::with_capacity(1 << 20, file), &mut hasher)?;
    Ok(hasher.finalize().to_hex()[..8].to_owned())
}

/// What is wrong with a folder of data, if anything is.
fn data_fault(folder: &Path) -> Option<String> {
    let reason = match first_file(folder) {
        Ok(Some(file)) => files::open(&file).err()?.to_string(),
        Ok(None) => "no file in it".to_owned(),
        Err(error) => error.to_string(),
    };
    Some(format!("cannot read {}: {reason}", folder.display()))
}

fn first_file(folder: &Path) -> io::Result<Option<PathBuf>> {
    let mut paths = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    Ok(paths.find(|path| path.is_file()))
}

/// The clock: seconds since 1970.
pub(crate) fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

/// Cores that this process may use, each counted once however many threads it runs at a time;
/// launchers count so.
pub(crate) fn cores() -> usize {
    match names_of_cores() {
        Some(cores) if !cores.is_empty() => cores.len(),
        _ => thread::available_parallelism().map_or(1, usize::from),
    }
}

/// Their names on this host, if it tells them.
pub(crate) fn names_of_cores() -> Option<BTreeSet<String>> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let allowed = lines.find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let allowed = allowed.map_or(Vec::new(), numbers);
    allowed.into_iter().map(siblings).collect()
}

/// The threads of a core, as the system lists them.
fn siblings(cpu: usize) -> Option<String> {
    let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
    fs::read_to_string(path).ok()
}

/// What the processor is called, as `AMD EPYC 7763 64-Core Processor`; else its kind, as `x86_64`.
pub(crate) fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    model_of(&text).unwrap_or_else(|| env::consts::ARCH.to_owned())
}

/// The name in `/proc/cpuinfo`, which only some kinds of processors have there.
fn model_of(text: &str) -> Option<String> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let (_, name) = lines
        .into_iter()
        .find(|(key, _)| key.trim() == "model name")?;
    Some(name.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The numbers of a list such as `0-3,8`.
fn numbers(list: &str) -> Vec<usize> {
    list.split(',').filter_map(range).flatten().collect()
}

/// `0-3` or `8`.
fn range(part: &str) -> Option<RangeInclusive<usize>> {
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
}

/// Memory that is free, in MiB.
fn free_mib() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib: Option<u64> = available.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    kib.unwrap_or(0) / 1024
}

/// Whether NVIDIA's multi-process service (MPS) runs here, by which processes compute on a GPU side
/// by side instead of by turns.
pub(crate) fn shares_gpus() -> bool {
    let folder = env::var_os("CUDA_MPS_PIPE_DIRECTORY");
    let folder = folder.map_or_else(|| PathBuf::from("/tmp/nvidia-mps"), PathBuf::from);
    folder.join("control").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_have_a_name() {
        assert_eq!(model_of("processor\t: 0\nmodel name\t: A  B\n"), Some("A B".to_owned()));
        assert_eq!(model_of("processor : 0\n"), None);
        assert!(!processor().is_empty());
    }

    #[test]
    fn cores_are_counted_once() {
        assert_eq!(numbers("\t0-2,8\n"), [0, 1, 2, 8]);
        assert!((1..=thread::available_parallelism().map_or(1, usize::from)).contains(&cores()));
    }
}
