//! A file of the run's folder that grows by lines. One that is removed or replaced while the run
//! goes on is written again.

use crate::files;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Appends to a file; what is written is there once it is [`Lines::settle`]d.
pub struct Lines {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Lines {
    /// Starts an empty file.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: PathBuf) -> io::Result<Lines> {
        let file = BufWriter::new(files::create(&path)?);
        Ok(Lines { path, file })
    }

    /// Starts a file with so much in it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create_with(path: PathBuf, content: &[u8]) -> io::Result<Lines> {
        files::write_whole(&path, content)?;
        let file = BufWriter::new(files::append(&path)?);
        Ok(Lines { path, file })
    }

    /// Where it is.
    pub fn path(&self) -> &PathBuf {
        &self.path
    }

    /// What was written is in the file of this name.
    ///
    /// # Errors
    /// What the system says.
    pub fn settle(&mut self) -> io::Result<()> {
        self.file.flush()?;
        if self.is_in_place() {
            Ok(())
        } else {
            self.restore()
        }
    }

    /// As [`Lines::settle`], and on disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn sync(&mut self) -> io::Result<()> {
        self.settle()?;
        self.file.get_ref().sync_data()
    }

    /// Whether the name still leads to the file that is written to.
    fn is_in_place(&self) -> bool {
        let identity = |facts: fs::Metadata| (facts.dev(), facts.ino());
        let named = fs::symlink_metadata(&self.path).map(identity);
        let held = self.file.get_ref().metadata().map(identity);
        matches!((named, held), (Ok(named), Ok(held)) if named == held)
    }

    /// Writes the file anew from what is held of it.
    fn restore(&mut self) -> io::Result<()> {
        let mut content = Vec::new();
        let held = self.file.get_mut();
        held.rewind()?;
        held.read_to_end(&mut content)?;
        let kept = files::set_aside(&self.path)?;
        let beside = kept.map_or(String::new(), |kept| {
            format!(", and what was put there is now {}", kept.display())
        });
        log::warn!(
            "{} was taken away while the run goes on: it is written again{beside}",
            self.path.display()
        );
        *self = Lines::create_with(self.path.clone(), &content)?;
        Ok(())
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.settle()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_removed_or_replaced_comes_back_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.csv");
        let mut lines = Lines::create(path.clone()).expect("made");
        lines
            .write_all(b"1\n")
            .and_then(|()| lines.settle())
            .expect("written");
        fs::remove_file(&path).expect("there");
        lines
            .write_all(b"2\n")
            .and_then(|()| lines.settle())
            .expect("written");
        assert_eq!(fs::read(&path).expect("there"), b"1\n2\n");
        fs::write(folder.path().join("b"), "mine").expect("writable");
        fs::rename(folder.path().join("b"), &path).expect("movable");
        lines
            .write_all(b"3\n")
            .and_then(|()| lines.sync())
            .expect("written");
        assert_eq!(fs::read(&path).expect("there"), b"1\n2\n3\n");
        assert_eq!(fs::read(folder.path().join("a.csv.kept-1")).expect("kept"), b"mine");
    }
}
