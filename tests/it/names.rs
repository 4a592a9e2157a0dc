//! A part's name stands in its own file and its table, and nowhere else under `src/`: whoever
//! decides by a name would decide wrongly for the next part.

use fedmpi::config::KINDS;
use fedmpi::part::AnyKind;
use std::fs;
use std::path::{Path, PathBuf};

/// Where names of others are translated to ours.
const TRANSLATORS: &str = "config/foreign/";

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .expect("readable")
        .map(|entry| entry.expect("readable").path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// The code of a file, without comments, tests and what is said to people.
fn code(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("text");
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//"));
    lines.map(str::to_owned).collect()
}

#[test]
fn no_code_decides_by_the_name_of_a_part() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let kinds: Vec<&dyn AnyKind> = KINDS.to_vec();
    let files: Vec<(String, Vec<String>)> = sources(&root)
        .into_iter()
        .map(|path| {
            (
                path.strip_prefix(&root)
                    .expect("below src")
                    .display()
                    .to_string(),
                code(&path),
            )
        })
        .collect();
    for kind in &kinds {
        for part in kind.parts() {
            // A setting may bear the name of a part.
            if kinds
                .iter()
                .flat_map(|kind| kind.parts())
                .any(|other| other.params.iter().any(|p| p.name == part.name))
            {
                continue;
            }
            let quoted = [format!("\"{}\"", part.name), format!("\"{}:", part.name)];
            for (file, lines) in &files {
                // A table names its parts, and a kind's settings have defaults. A word of a setting
                // may be spelled alike.
                let is_word =
                    |line: &str| line.starts_with(char::is_uppercase) && line.ends_with("\";");
                // So may a folder that others have called as a data set.
                let is_folder = |line: &str| {
                    let signs = ["place(", "folders", "let places"];
                    signs.iter().any(|sign| line.contains(sign))
                };
                let named = |line: &&String| {
                    !is_word(line)
                        && !is_folder(line)
                        && quoted.iter().any(|name| line.contains(name.as_str()))
                };
                let table = lines.iter().any(|line| {
                    ["Kind<", "Entry<", "settings! {"]
                        .iter()
                        .any(|sign| line.contains(sign))
                });
                // One file may hold relatives, as `resnet.rs` does.
                let stem = Path::new(file)
                    .file_stem()
                    .and_then(|stem| stem.to_str())
                    .unwrap_or_default();
                let own = part.name.replace('-', "_").starts_with(stem);
                let found = lines.iter().find(named);
                assert!(
                    found.is_none() || table || own || file.starts_with(TRANSLATORS),
                    "{file} names `{}` of {}: {}",
                    part.name,
                    kind.setting(),
                    found.expect("checked")
                );
            }
        }
    }
}
