//! Where files lie: people keep data sets where the programs that they come from have unpacked
//! them.

use std::path::{Path, PathBuf};

/// The first of these paths below a folder that is there. An empty one is the folder itself: it is
/// named if none is there, else the first.
pub fn found(folder: &Path, below: &[&str]) -> PathBuf {
    let mut paths = below.iter().map(|below| path(folder, below));
    if let Some(there) = paths.find(|path| path.exists()) {
        return there;
    }
    match below.first() {
        Some(first) if !below.contains(&"") => path(folder, first),
        _ => folder.to_owned(),
    }
}

fn path(folder: &Path, below: &str) -> PathBuf {
    // Joined with nothing it would end in a stroke.
    if below.is_empty() {
        folder.to_owned()
    } else {
        folder.join(below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_that_is_there_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("b/raw")).expect("writable");
        assert_eq!(found(folder.path(), &["a/raw", "b/raw", ""]), folder.path().join("b/raw"));
        assert_eq!(found(folder.path(), &["a/raw", ""]), folder.path());
        assert_eq!(found(folder.path(), &["a/raw", "c"]), folder.path().join("a/raw"));
        let nowhere = folder.path().join("nowhere");
        assert_eq!(found(&nowhere, &["a/raw", ""]), nowhere);
    }
}
