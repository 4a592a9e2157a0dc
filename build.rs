//! Bakes the folders of libtorch and MPI into the binaries, so that `mpirun` needs no environment on
//! any host; and tells them to crates that use this one, whose own build script bakes them into theirs.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-env-changed=MPICC");
    println!("cargo:rerun-if-env-changed=PATH");
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
    let shown = Command::new(wrapper).arg("-show").output().map(|output| output.stdout).unwrap_or_default();
    let line = String::from_utf8_lossy(&shown);
    line.split_whitespace().filter_map(|word| word.strip_prefix("-L")).map(str::to_owned).collect()
}
