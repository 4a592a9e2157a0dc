//! Where files lie: people keep data sets where the programs that they come from have unpacked them.

use std::path::{Path, PathBuf};

/// The first of these paths below a folder that is there; the first one if none is. An empty one is the folder itself.
pub fn found(folder: &Path, below: &[&str]) -> PathBuf {
    let path = |below: &&str| if below.is_empty() { folder.to_owned() } else { folder.join(below) };
    let first = below.first().map_or_else(|| folder.to_owned(), path);
    below.iter().map(path).find(|path| path.exists()).unwrap_or(first)
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
    }
}
