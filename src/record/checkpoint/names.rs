//! Which files of a folder are checkpoints, and in which order: their names say their rounds.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What the names of checkpoints are around the number of their rounds.
const BEGIN: &str = "round-";
const END: &str = ".safetensors";

/// What the checkpoint of so many rounds is called.
pub(super) fn name(rounds: u32) -> String {
    format!("{BEGIN}{rounds:08}{END}")
}

/// The checkpoints of a folder in the order of their rounds: what has another name, or is no plain
/// file, is none.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    if !is_own_folder(folder) {
        return Vec::new();
    }
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let plain = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let mut files: Vec<(u32, PathBuf)> = plain
        .filter_map(|entry| Some((round_of(entry.file_name().to_str()?)?, entry.path())))
        .collect();
    files.sort();
    files.into_iter().map(|(_, path)| path).collect()
}

/// The checkpoints of a folder by the rounds that are done in them.
pub fn by_rounds(folder: &Path) -> BTreeMap<u32, PathBuf> {
    let rounds = |path: &PathBuf| round_of(path.file_name()?.to_str()?);
    files(folder)
        .into_iter()
        .filter_map(|path| Some((rounds(&path)?, path)))
        .collect()
}

/// The file of a folder's newest checkpoint, whatever it holds.
pub fn newest_file(folder: &Path) -> Option<PathBuf> {
    files(folder).pop()
}

/// The rounds that are done in the checkpoint of this name.
fn round_of(name: &str) -> Option<u32> {
    let digits = name.strip_prefix(BEGIN)?.strip_suffix(END)?;
    let counts = digits.len() >= 8 && digits.bytes().all(|digit| digit.is_ascii_digit());
    digits.parse().ok().filter(|_| counts)
}

/// Whether checkpoints can be there: a link may lead to a folder of somebody else.
pub(super) fn is_own_folder(folder: &Path) -> bool {
    fs::symlink_metadata(folder).is_ok_and(|there| there.is_dir())
}

#[cfg(test)]
mod tests {
    use super::super::Checkpoints;
    use super::super::tests::plan;
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_what_has_our_names_counts_and_rounds_not_names_are_in_order() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("c");
        fs::create_dir(&folder).expect("writable");
        let names = [
            "round-100000000.safetensors",
            "round-99999999.safetensors",
            "round-00000002.safetensors",
        ];
        for name in names.iter().chain(&[
            "best.safetensors",
            "round-3.safetensors",
            "round-00000009.safetensors.part",
        ]) {
            fs::write(folder.join(name), "x").expect("writable");
        }
        fs::create_dir(folder.join("round-00000004.safetensors")).expect("writable");
        symlink("best.safetensors", folder.join("round-00000005.safetensors")).expect("links");
        let found: Vec<PathBuf> = names.iter().rev().map(|name| folder.join(name)).collect();
        assert_eq!(files(&folder), found);
        symlink(&folder, parent.path().join("link")).expect("links");
        let link = parent.path().join("link");
        assert!(files(&link).is_empty() && Checkpoints::create(link, &plan()).is_err());
    }
}
