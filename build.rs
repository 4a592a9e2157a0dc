//! Bakes the folders of libtorch and MPI into the binaries, so that `mpirun` needs no environment on
//! any host.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-env-changed=MPICC");
    println!("cargo:rerun-if-env-changed=PATH");
    if env::var_os("CARGO_FEATURE_TORCH").is_some() {
        let root = env::var("LIBTORCH").map(|root| format!("{root}/lib"));
        root.into_iter().for_each(|folder| search_at_run_time(&folder));
    }
    if env::var_os("CARGO_FEATURE_MPI").is_some() {
        mpi_folders().iter().for_each(|folder| search_at_run_time(folder));
    }
}

fn search_at_run_time(folder: &str) {
    println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
}

/// The `-L` folders of the compiler wrapper, whose `-show` both Open MPI and MPICH understand.
fn mpi_folders() -> Vec<String> {
    let wrapper = env::var("MPICC").unwrap_or_else(|_| "mpicc".to_owned());
    let shown = Command::new(wrapper).arg("-show").output().map(|output| output.stdout).unwrap_or_default();
    let line = String::from_utf8_lossy(&shown);
    line.split_whitespace().filter_map(|word| word.strip_prefix("-L")).map(str::to_owned).collect()
}
