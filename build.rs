//! Bakes the folders of libtorch and MPI into the binaries, so that `mpirun` needs no environment
//! on any host; and tells them to crates that use this one, whose own build script bakes them into
//! theirs. Bakes in the commit too.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-env-changed=MPICC");
    println!("cargo:rerun-if-env-changed=PATH");
    println!("cargo:rustc-env=FEDMPI_COMMIT={}", commit());
    let mut folders = Vec::new();
    if env::var_os("CARGO_FEATURE_TORCH").is_some() {
        folders.extend(env::var("LIBTORCH").map(|root| format!("{root}/lib")));
    }
    if env::var_os("CARGO_FEATURE_MPI").is_some() {
        folders.extend(mpi_folders());
    }
    if !folders.is_empty() {
        let path = folders.join(":");
        println!("cargo:rustc-link-arg=-Wl,-rpath,{path}");
        // `DEP_FEDMPI_RPATH` of build scripts of crates that use this one.
        println!("cargo:rpath={path}");
    }
}

/// The `-L` folders of the compiler wrapper, whose `-show` both Open MPI and MPICH understand.
fn mpi_folders() -> Vec<String> {
    let wrapper = env::var("MPICC").unwrap_or_else(|_| "mpicc".to_owned());
    let shown = Command::new(wrapper)
        .arg("-show")
        .output()
        .map(|output| output.stdout)
        .unwrap_or_default();
    let line = String::from_utf8_lossy(&shown);
    line.split_whitespace()
        .filter_map(|word| word.strip_prefix("-L"))
        .map(str::to_owned)
        .collect()
}

/// The commit that is built: what packagers say, else that of the checkout.
fn commit() -> String {
    println!("cargo:rerun-if-env-changed=GIT_COMMIT");
    if let Ok(said) = env::var("GIT_COMMIT") {
        return said;
    }
    // A copy without its history may lie in somebody else's.
    if !Path::new(".git").exists() {
        return "unknown".to_owned();
    }
    // They change with every commit and every checkout. A file that is not there would be taken for
    // one that changes.
    let watched = ["HEAD", "logs/HEAD"]
        .iter()
        .filter_map(|name| git(&["rev-parse", "--git-path", name]));
    watched
        .filter(|file| Path::new(file).exists())
        .for_each(|file| println!("cargo:rerun-if-changed={file}"));
    git(&["rev-parse", "HEAD"]).unwrap_or_else(|| "unknown".to_owned())
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(arguments)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
