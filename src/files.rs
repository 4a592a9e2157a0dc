//! The one door to files. Only plain files are read: a FIFO or device in their place is an error
//! and never a wait. What lies in a run's folder is replaced, never written through a link; and a
//! file is whole or not there.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// No file that people write is longer.
const LONGEST_TEXT: u64 = 256 << 20;
/// What a file is called until it is whole.
const PART: &str = ".part";

/// A path with `~` at its beginning resolved to the home folder, as shells do where they see one.
///
/// # Errors
/// There is no home folder.
pub fn at_home(path: &Path) -> io::Result<PathBuf> {
    let Ok(below) = path.strip_prefix("~") else { return Ok(path.to_owned()) };
    let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
    let missing =
        || io::Error::new(ErrorKind::NotFound, format!("{}: HOME is not set", path.display()));
    home.map(|home| home.join(below)).ok_or_else(missing)
}

/// Whether two paths lead to the same place.
pub fn are_one(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    place(one) == place(other)
}

/// Opens a plain file to be read.
///
/// # Errors
/// What the system says; anything but a plain file.
pub fn open(path: &Path) -> io::Result<File> {
    plain(
        OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)?,
    )
}

/// The bytes of a plain file.
///
/// # Errors
/// As [`open`].
pub fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What people have written to a plain file, without the byte order mark that some editors begin it
/// with.
///
/// # Errors
/// As [`open`]; a file that is longer than people write, or not in UTF-8.
pub fn text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    open(path)?.take(LONGEST_TEXT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST_TEXT {
        return Err(io::Error::other(format!("it is longer than {} MiB", LONGEST_TEXT >> 20)));
    }
    let text =
        String::from_utf8(bytes).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
    Ok(text
        .strip_prefix('\u{feff}')
        .map(str::to_owned)
        .unwrap_or(text))
}

/// An empty file of ours, to be written and read; what was there is replaced.
///
/// # Errors
/// What the system says.
pub fn create(path: &Path) -> io::Result<File> {
    remove(path)?;
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path)
}

/// A file of ours that is there, to be written and read. Links are not followed.
///
/// # Errors
/// As [`open`].
pub fn open_own(path: &Path) -> io::Result<File> {
    plain(own().open(path)?)
}

/// As [`open_own`], to be written at its end.
///
/// # Errors
/// As [`open`].
pub fn append(path: &Path) -> io::Result<File> {
    plain(own().append(true).open(path)?)
}

/// As [`open_own`]; it is made if it is not there.
///
/// # Errors
/// As [`open`].
pub fn open_or_create(path: &Path) -> io::Result<File> {
    plain(own().create(true).truncate(false).open(path)?)
}

fn own() -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW);
    options
}

/// Writes a whole file of ours: beside its place, to disk, then in place, so that no reader sees
/// half of it.
///
/// # Errors
/// What the system says; nothing is left beside then.
pub fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = part_of(path);
    let written = create(&beside).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    });
    written.inspect_err(|_| _ = fs::remove_file(&beside))
}

/// Writes a whole file where a user wants it: through a link, and to a device as it is.
///
/// # Errors
/// What the system says; a FIFO that nobody reads.
pub fn write_named(path: &Path, content: &[u8]) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        // Who reads a FIFO must be there already.
        OpenOptions::new()
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)?;
        return OpenOptions::new()
            .write(true)
            .open(path)?
            .write_all(content);
    }
    let path = aim(path);
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    let mut file = builder
        .prefix(".fedmpi-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(&path).map(drop).map_err(|error| error.error)
}

/// Where a link leads; the path itself otherwise.
fn aim(path: &Path) -> PathBuf {
    let folder = path.parent().unwrap_or(Path::new(""));
    let linked =
        fs::canonicalize(path).or_else(|_| fs::read_link(path).map(|target| folder.join(target)));
    linked.unwrap_or_else(|_| path.to_owned())
}

/// Removes a file or link of ours, if it is there.
///
/// # Errors
/// What the system says; a folder.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Removes what a writer that was killed has left beside a file of ours.
pub fn remove_part(path: &Path) {
    // One that stays is replaced by the next writer.
    let _ = remove(&part_of(path));
}

/// Keeps a file of ours from being replaced, under the first free name of `NAME.kept-1`,
/// `NAME.kept-2` and so on. None when it is not there.
///
/// # Errors
/// What the system says.
pub fn set_aside(path: &Path) -> io::Result<Option<PathBuf>> {
    if !is_there(path) {
        return Ok(None);
    }
    let kept = (1..)
        .map(|number: u32| with_end(path, &format!(".kept-{number}")))
        .find(|kept| !is_there(kept));
    let kept = kept.expect("numbers do not end");
    fs::rename(path, &kept)?;
    Ok(Some(kept))
}

/// Whether anything has this name, be it a link that leads nowhere.
pub fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// What a file of ours is called until it is whole.
pub fn part_of(path: &Path) -> PathBuf {
    with_end(path, PART)
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

fn plain(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(ErrorKind::InvalidInput, "it is no plain file"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    #[test]
    fn files_of_ours_replace_links_and_leave_what_they_lead_to() {
        let folder = folder();
        let [thesis, link, own] =
            ["thesis.tex", "a.json", "b.json"].map(|name| folder.path().join(name));
        fs::write(&thesis, "mine").expect("writable");
        symlink(&thesis, &link).expect("links");
        symlink(&thesis, part_of(&own)).expect("links");
        write_whole(&link, b"two").expect("writable");
        write_whole(&own, b"three").expect("writable");
        assert_eq!(
            (bytes(&link).expect("there"), bytes(&own).expect("there")),
            (b"two".to_vec(), b"three".to_vec())
        );
        symlink(&thesis, folder.path().join("c")).expect("links");
        assert!(append(&folder.path().join("c")).is_err());
        create(&folder.path().join("c")).expect("replaced");
        assert_eq!(fs::read(&thesis).expect("there"), b"mine");
    }

    #[test]
    fn users_links_are_followed_and_nothing_beside_is_touched() {
        let folder = folder();
        let [file, link, beside] =
            ["a.json", "b.json", "a.json.part"].map(|name| folder.path().join(name));
        fs::write(&beside, "mine").expect("writable");
        symlink("a.json", &link).expect("links");
        write_named(&link, b"one").expect("writable");
        write_named(&link, b"two").expect("writable");
        assert_eq!(fs::read(&file).expect("there"), b"two");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::read(&beside).expect("there"), b"mine");
        write_named(Path::new("/dev/null"), b"gone").expect("a device");
    }

    #[test]
    fn only_a_leading_tilde_is_the_home_folder() {
        let home = std::env::home_dir().expect("a home folder");
        let found = |path: &str| at_home(Path::new(path)).expect("there is one");
        assert_eq!((found("~"), found("~/b")), (home.clone(), home.join("b")));
        assert_eq!((found("a/~/b"), found("~b")), (PathBuf::from("a/~/b"), PathBuf::from("~b")));
    }

    #[test]
    fn fifos_devices_and_folders_are_refused_at_once() {
        let folder = folder();
        let fifo = folder.path().join("fifo");
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .expect("mkfifo runs");
        for path in [fifo.as_path(), Path::new("/dev/zero"), folder.path()] {
            assert!(bytes(path).is_err() && text(path).is_err(), "{}", path.display());
        }
        assert!(
            open_own(&fifo).is_err()
                && open_or_create(&fifo).is_err()
                && write_named(&fifo, b"unread").is_err()
        );
        create(&fifo).expect("replaced");
    }

    #[test]
    fn failed_writers_leave_nothing_beside() {
        let folder = folder();
        let path = folder.path().join("model");
        fs::create_dir(&path).expect("writable");
        assert!(write_whole(&path, b"x").is_err());
        assert!(!is_there(&part_of(&path)));
    }

    #[test]
    fn texts_begin_after_their_mark_and_files_that_are_set_aside_keep_their_content() {
        let folder = folder();
        let path = folder.path().join("hosts");
        for content in ["\u{feff}a", "b"] {
            fs::write(&path, content).expect("writable");
            assert_eq!(text(&path).expect("there"), content.trim_start_matches('\u{feff}'));
            set_aside(&path).expect("movable").expect("there");
        }
        assert_eq!(fs::read(with_end(&path, ".kept-2")).expect("there"), b"b");
        assert_eq!(set_aside(&path).expect("nothing to do"), None);
    }
}
