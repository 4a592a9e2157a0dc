//! Compiles the part that speaks C++, against the headers of the libtorch that `LIBTORCH` names.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-changed=src/module.cpp");
    let root = env::var("LIBTORCH")
        .expect("LIBTORCH names the folder of libtorch (hint: scripts/setup.sh)");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{root}/lib");
    let include = Path::new(&root).join("include");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .warnings(false)
        .includes([include.join("torch/csrc/api/include"), include])
        .file("src/module.cpp")
        .compile("fedmpi_torchscript");
}
