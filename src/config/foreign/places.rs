//! What lies where other systems keep it.

use super::Around;
use super::reading::Reading;
use crate::files;
use std::path::{Path, PathBuf};

/// A path with `~` at its start as the home folder, where there is one.
fn at_home(path: &Path) -> PathBuf {
    files::at_home(path).unwrap_or_else(|_| path.to_owned())
}

/// A file that another file names: as it is seen from here, else from where that file lies, else
/// from the folder above, where these systems are started.
pub fn beside(around: Around<'_>, named: &str) -> PathBuf {
    let named = at_home(Path::new(named));
    let own = around.file.parent().unwrap_or(Path::new(""));
    let above = own.parent().unwrap_or(own);
    let places = [named.clone(), own.join(&named), above.join(&named)];
    places
        .into_iter()
        .find(|place| place.exists())
        .unwrap_or(named)
}

/// The folder of the data: a flag's, else what the file says.
pub fn data_folder(reading: &Reading<'_>, key: &str) -> PathBuf {
    let said = reading.text(key);
    let folder = reading
        .around
        .data_dir
        .map_or_else(|| PathBuf::from(said), Path::to_owned);
    at_home(&folder)
}

/// Whether a folder holds LEAF's JSON.
pub fn has_leaf(folder: &Path) -> bool {
    let is_json = |path: PathBuf| path.extension().is_some_and(|end| end == "json");
    let entries = folder.join("train").read_dir();
    entries.is_ok_and(|mut entries| {
        entries.any(|entry| entry.is_ok_and(|entry| is_json(entry.path())))
    })
}

/// Whether a folder holds the four files of MNIST's own form, plain or packed, or torchvision's
/// folder of them.
pub fn has_idx(folder: &Path) -> bool {
    let names = [
        "train-images-idx3-ubyte",
        "train-images-idx3-ubyte.gz",
        "MNIST/raw",
    ];
    names.iter().any(|name| folder.join(name).exists())
}
