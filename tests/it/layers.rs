//! The direction of imports: a module may use only what stands on its floor or below, and no floor
//! has a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// From the vocabulary upwards; modules of one floor may use each other, but not in circles.
const LAYERS: &[&[&str]] = &[
    &[
        "allocator",
        "ids",
        "files",
        "number",
        "seed",
        "part",
        "weights",
        "metrics",
        "shelf",
        "staleness",
        "stop",
        "task",
        "tuning",
    ],
    &["event", "message"],
    &[
        "data",
        "partition",
        "delay",
        "select",
        "privacy",
        "schedule",
        "transport",
        "train",
        "update",
        "aggregate",
        "algorithm",
        "models",
    ],
    &["config"],
    &["hosts", "plan"],
    &["engine", "record"],
    &["report"],
    &["launch", "screen"],
    &["sweep"],
    &["torch"],
    &["cli", "host"],
    &["start"],
    &["commands"],
    &["program"],
];

/// Modules that may use less than their floor allows.
const ONLY: &[(&str, &[&str])] = &[
    ("cli", &["config", "files", "hosts", "report"]),
    ("hosts", &["config", "ids", "part", "transport"]),
];

/// Names, and the only places that may say them; a name within another comes after it.
const HOMES: &[(&str, &[&str])] = &[
    ("tch::Device", &["torch", "start"]),
    ("tch::", &["torch", "models"]),
    ("mpi::traits", &["transport/mpi"]),
    ("cudarc::", &["transport/nccl"]),
    // Terminals are drawn on by commands only.
    ("ratatui::", &["commands"]),
    // Files are opened by one door, which is no way around plain files and into links.
    ("File::open", OPENERS),
    ("File::create", OPENERS),
    ("File::options", OPENERS),
    ("OpenOptions", OPENERS),
    ("fs::read(", OPENERS),
    ("fs::read_to_string", OPENERS),
    ("fs::write", OPENERS),
    ("from_path", OPENERS),
    // They panic when nobody reads.
    ("println!", &[]),
    ("print!", &[]),
    ("eprintln!", &[]),
    ("eprint!", &[]),
    ("io::stdout", PRINTERS),
];

/// The door, and who asks the system about itself, or writes what only this process knows.
const OPENERS: &[&str] = &[
    "files.rs",
    "host.rs",
    "stop.rs",
    "torch/device.rs",
    "engine/mod.rs",
    "launch/mod.rs",
];

const PRINTERS: &[&str] = &["commands"];

/// Modules, and the others that each of them uses.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// A file of the library: its path below `src`, its module, and its code without comments and
/// tests.
struct Source {
    path: PathBuf,
    module: String,
    code: String,
}

impl Source {
    fn read(root: &Path, path: &Path) -> Source {
        let inner = path.strip_prefix(root).expect("below src");
        let first = inner
            .components()
            .next()
            .expect("a name")
            .as_os_str()
            .to_string_lossy();
        let text = fs::read_to_string(path).expect("text");
        let code = text.split("#[cfg(test)]\nmod tests").next().expect("code");
        let code: Vec<&str> = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        Source {
            path: inner.to_owned(),
            module: first.replace(".rs", ""),
            code: code.join("\n"),
        }
    }

    /// Whether it stands on a floor: the roots name all modules.
    fn has_layer(&self) -> bool {
        !["main", "lib"].contains(&self.module.as_str())
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    files(&root)
        .iter()
        .map(|path| Source::read(&root, path))
        .collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .expect("readable")
        .map(|entry| entry.expect("readable").path());
    // Tests in files of their own are no part of the program.
    let program = entries.filter(|path| !path.ends_with("tests"));
    program
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// Names after `crate::` in code; several in braces too.
fn uses(code: &str) -> BTreeSet<String> {
    code.split("crate::").skip(1).flat_map(names).collect()
}

/// The first name of a path, or of each path in braces.
fn names(path: &str) -> Vec<String> {
    let Some(list) = path.strip_prefix('{') else { return vec![first_name(path)] };
    let (mut names, mut depth, mut from) = (Vec::new(), 1, 0);
    for (at, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && letter == ',') {
            names.push(first_name(&list[from..at]));
            from = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn first_name(path: &str) -> String {
    path.trim()
        .chars()
        .take_while(|letter| is_of_name(*letter))
        .collect()
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Whether code says a name that is not the end of a longer one.
fn says(code: &str, name: &str) -> bool {
    code.match_indices(name)
        .any(|(at, _)| !code[..at].ends_with(is_of_name))
}

fn graph(sources: &[Source]) -> Graph {
    let mut graph = Graph::new();
    for source in sources.iter().filter(|source| source.has_layer()) {
        let mut used = uses(&source.code);
        used.remove(&source.module);
        graph
            .entry(source.module.clone())
            .or_default()
            .append(&mut used);
    }
    graph
}

/// What is left of a graph when whoever uses nobody left, or is used by nobody left, is taken away:
/// its circles.
fn circles(mut graph: Graph) -> Vec<String> {
    loop {
        let (before, used) =
            (graph.len(), graph.values().flatten().cloned().collect::<BTreeSet<_>>());
        let left: BTreeSet<String> = graph.keys().cloned().collect();
        graph.retain(|module, uses| used.contains(module) && !uses.is_disjoint(&left));
        if graph.len() == before {
            return graph.into_keys().collect();
        }
    }
}

#[test]
fn imports_point_inwards() {
    for source in sources().iter().filter(|source| source.has_layer()) {
        let (module, path) = (&source.module, source.path.display());
        let own = layer(module).unwrap_or_else(|| panic!("{module} has no layer"));
        for used in uses(&source.code) {
            let theirs = layer(&used).unwrap_or_else(|| panic!("{path}: {used} has no layer"));
            assert!(theirs <= own, "{path} uses {used}");
            let only = ONLY.iter().find(|(few, _)| few == module);
            let fine =
                used == *module || only.is_none_or(|(_, theirs)| theirs.contains(&used.as_str()));
            assert!(fine, "{path} uses {used}");
        }
    }
}

#[test]
fn modules_form_no_circles() {
    assert_eq!(
        circles(graph(&sources())),
        Vec::<String>::new(),
        "these use each other in a circle"
    );
}

#[test]
fn names_stay_in_their_homes() {
    for source in sources() {
        let mut code = source.code.clone();
        for (name, homes) in HOMES {
            if homes.iter().any(|home| source.path.starts_with(home)) {
                code = code.replace(name, "");
            }
            assert!(!says(&code, name), "{} names {name}", source.path.display());
        }
    }
}

/// A number that JSON cannot say must not be lost: whoever adds one to a record says how it is
/// told.
#[test]
fn numbers_of_records_are_told_whatever_they_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in [
        "event/mod.rs",
        "event/state.rs",
        "metrics.rs",
        "record/summary.rs",
    ] {
        let source = Source::read(&root, &root.join(file));
        for structure in source
            .code
            .split("#[derive(")
            .filter(|text| text.contains("Serialize"))
        {
            let body = structure.split("\n}").next().expect("a body");
            let mut attributes = String::new();
            for line in body.lines() {
                let told = attributes.contains("with = \"crate::number\"");
                assert!(told || !is_number(line), "{file}: {}", line.trim());
                attributes.push_str(line);
                if is_field(line) {
                    attributes.clear();
                }
            }
        }
    }
}

/// The name and the type of the field that a line declares.
fn field(line: &str) -> Option<(&str, &str)> {
    let (name, kind) = line.trim().strip_suffix(',')?.split_once(": ")?;
    (!kind.contains('(')).then_some((name, kind))
}

fn is_field(line: &str) -> bool {
    field(line).is_some()
}

/// Whether a line is a field that holds numbers with a point.
fn is_number(line: &str) -> bool {
    field(line).is_some_and(|(_, kind)| says(kind, "f64"))
}

#[test]
fn circles_are_found_and_named() {
    let arrows = ["a b", "b c", "c b", "c d", "e a"];
    let mut graph: Graph = ["d".to_owned()].map(|end| (end, BTreeSet::new())).into();
    for (from, to) in arrows.iter().filter_map(|arrow| arrow.split_once(' ')) {
        graph
            .entry(from.to_owned())
            .or_default()
            .insert(to.to_owned());
    }
    assert_eq!(circles(graph.clone()), ["b", "c"]);
    graph.remove("c");
    assert!(circles(graph).is_empty());
}

#[test]
fn names_in_braces_are_found() {
    let code = "use crate::{a::{b, c}, d, e::*};\nuse crate::f::{g, h};\n$crate::i::j()";
    assert_eq!(uses(code).into_iter().collect::<Vec<_>>(), ["a", "d", "e", "f", "i"]);
}
