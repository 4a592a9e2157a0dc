//! The training's flags as words, when a job is started again or flags are given twice. Words are
//! bytes.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Flags that say where a run's folder is or what happens to it.
const OF_THE_FOLDER: &[&str] = &["out_dir", "overwrite", "resume"];
/// Flags that may come several times.
const REPEATED: &[&str] = &["set"];

/// A flag and the words that belong to it, or a word that belongs to none.
struct Group<'a> {
    name: Option<String>,
    words: &'a [OsString],
}

/// Words in groups: a flag without `=` takes those up to the next flag.
fn groups(words: &[OsString]) -> Vec<Group<'_>> {
    let mut groups = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let (name, takes) = match flag(&words[at]) {
            Some((name, takes)) => (Some(name), takes),
            None => (None, false),
        };
        let after = words[at + 1..].iter();
        let values = if takes {
            after.take_while(|word| flag(word).is_none()).count()
        } else {
            0
        };
        groups.push(Group {
            name,
            words: &words[at..=at + values],
        });
        at += 1 + values;
    }
    groups
}

/// A flag's name, hyphens as underscores, and whether its value is in the words after it.
fn flag(word: &OsStr) -> Option<(String, bool)> {
    let text = word.as_bytes().strip_prefix(b"--")?;
    let name = text.split(|&byte| byte == b'=').next().unwrap_or_default();
    let named = String::from_utf8_lossy(name).replace('-', "_");
    Some((named, name.len() == text.len()))
}

/// The words without some flags and their values; names are written with underscores.
pub fn without(words: &[OsString], names: &[&str]) -> Vec<OsString> {
    let mut kept = Vec::new();
    for group in groups(words) {
        let is_named = group
            .name
            .is_some_and(|name| names.contains(&name.as_str()));
        if !is_named {
            kept.extend_from_slice(group.words);
        }
    }
    kept
}

/// The words with the last of each flag: what is added at the end of a script wins over what is
/// written in it.
///
/// ```
/// let words = |text: &str| text.split(' ').map(Into::into).collect::<Vec<std::ffi::OsString>>();
/// let said = words("--lr 1 --epochs 2 --set a=1 --lr=3 --set b=2");
/// assert_eq!(fedmpi::launch::last_wins(&said), words("--epochs 2 --set a=1 --lr=3 --set b=2"));
/// ```
pub fn last_wins(words: &[OsString]) -> Vec<OsString> {
    let mut seen = BTreeSet::new();
    let mut kept: Vec<&[OsString]> = Vec::new();
    for group in groups(words).into_iter().rev() {
        let again = group
            .name
            .filter(|name| !REPEATED.contains(&name.as_str()))
            .is_some_and(|name| !seen.insert(name));
        if !again {
            kept.push(group.words);
        }
    }
    kept.into_iter().rev().flatten().cloned().collect()
}

/// The same program, going on in `folder`.
pub(super) fn resuming(program: &[OsString], folder: &Path) -> Vec<OsString> {
    let mut program = without(program, OF_THE_FOLDER);
    program.extend(["--resume".into(), folder.into()]);
    program
}

/// The same program from the start; what it left behind may go.
pub(super) fn renewed(program: &[OsString]) -> Vec<OsString> {
    let mut program = without(program, &["overwrite"]);
    program.extend(["--overwrite".into(), "true".into()]);
    program
}

/// Whether the program was to go on with a run.
pub(super) fn goes_on(program: &[OsString]) -> bool {
    groups(program)
        .iter()
        .any(|group| group.name.as_deref() == Some("resume"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn a_restart_goes_on_in_the_same_folder() {
        let program = words("fedmpi --out-dir x --lr 1 --overwrite --epochs 2 --resume=y");
        assert_eq!(
            resuming(&program, Path::new("x")),
            words("fedmpi --lr 1 --epochs 2 --resume x")
        );
        assert!(goes_on(&program) && !goes_on(&words("fedmpi --lr 1")));
        let fresh = words("fedmpi --out_dir x --overwrite --lr 1");
        assert_eq!(renewed(&fresh), words("fedmpi --out_dir x --lr 1 --overwrite true"));
    }

    #[test]
    fn words_that_are_no_text_stay_as_they_are() {
        let bytes = || OsString::from_vec(b"d\xff".to_vec());
        let program = [
            "fedmpi".into(),
            "--data_dir".into(),
            bytes(),
            "--out_dir".into(),
            bytes(),
        ];
        let folder = bytes();
        let wanted = [
            "fedmpi".into(),
            "--data_dir".into(),
            bytes(),
            "--resume".into(),
            bytes(),
        ];
        assert_eq!(resuming(&program, Path::new(&folder)), wanted);
    }
}
