//! Files that are whole or not there.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Writes a whole file: beside its place, to disk, then in place, so that no reader sees half of it. What is
/// there and no plain file, such as a link or `/dev/stdout`, is written to as it is.
///
/// # Errors
/// What the system says.
pub fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return fs::write(path, content);
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let mut file = File::create(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_and_links_are_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let [file, link, other] = ["a.json", "b.json", "b.part"].map(|name| folder.path().join(name));
        fs::write(&other, "mine").expect("writable");
        std::os::unix::fs::symlink(&file, &link).expect("links");
        write_whole(&file, b"one").expect("writable");
        write_whole(&link, b"two").expect("writable");
        assert_eq!(fs::read(&file).expect("there"), b"two");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::read(&other).expect("there"), b"mine");
    }
}
