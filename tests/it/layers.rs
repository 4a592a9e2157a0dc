//! The direction of imports: a module may use only what stands left of it.

use std::fs;
use std::path::{Path, PathBuf};

/// From the vocabulary outwards; modules of one layer may use each other.
const LAYERS: &[&[&str]] = &[
    &["ids", "files", "seed", "part", "weights", "metrics", "shelf", "staleness", "stop"],
    &["event", "message"],
    &[
        "delay",
        "select",
        "schedule",
        "aggregate",
        "algorithm",
        "update",
        "partition",
        "data",
        "train",
        "transport",
        "config",
    ],
    &["record", "engine"],
    &["launch"],
    &["torch"],
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable").path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// Names after `crate::` in the code of a file, comments excluded; several in braces too.
fn uses(text: &str) -> Vec<String> {
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let name = |text: &str| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let after = |rest: &str| match rest.strip_prefix('{') {
        Some(list) => list.split('}').next().unwrap_or_default().split(',').map(name).collect(),
        None => vec![name(rest)],
    };
    code.join("\n").split("crate::").skip(1).flat_map(after).collect()
}

#[test]
fn imports_point_inwards() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in sources(&root) {
        let inner = path.strip_prefix(&root).expect("below src");
        let module = inner.components().next().expect("a name").as_os_str().to_string_lossy().replace(".rs", "");
        if ["main", "lib", "cli", "boot", "bench", "doctor"].contains(&module.as_str()) {
            continue;
        }
        let own = layer(&module).unwrap_or_else(|| panic!("{module} has no layer"));
        let text = fs::read_to_string(&path).expect("text");
        let code = text.split("#[cfg(test)]\nmod tests").next().expect("code");
        for used in uses(code) {
            let theirs = layer(&used).unwrap_or_else(|| panic!("{}: {used} has no layer", inner.display()));
            assert!(theirs <= own, "{} uses {used}", inner.display());
        }
        let outside = |name: &str, home: &str| {
            let word = |line: &str| {
                line.match_indices(name).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
            };
            let named = code.lines().any(|line| !line.trim_start().starts_with("//") && word(line));
            assert!(!named || inner.starts_with(home), "{} names {name}", inner.display());
        };
        outside("tch::", "torch");
        outside("mpi::traits", "transport/mpi");
        outside("cudarc::", "transport/nccl");
        outside("println!", "cli");
    }
}
