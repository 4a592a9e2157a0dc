//! Command lines as a shell reads them back.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Words as one line that can be pasted into a shell. What is no plain text is written in `$'...'`,
/// so that neither a terminal nor a log sees other signs than letters.
///
/// ```
/// use fedmpi::launch::pasteable;
/// assert_eq!(pasteable(["--out_dir", "$(touch x)", "a b"]), "--out_dir '$(touch x)' 'a b'");
/// assert_eq!(pasteable(["a\u{1b}[2J"]), r"$'a\x1b[2J'");
/// ```
pub fn pasteable<T: AsRef<OsStr>>(words: impl IntoIterator<Item = T>) -> String {
    let quoted: Vec<String> = words
        .into_iter()
        .map(|word| quoted(word.as_ref()))
        .collect();
    quoted.join(" ")
}

fn quoted(word: &OsStr) -> String {
    let plain = word
        .to_str()
        .filter(|text| !text.chars().any(char::is_control));
    match plain.and_then(|text| shlex::try_quote(text).ok()) {
        Some(text) => text.into_owned(),
        None => format!("$'{}'", escaped(word.as_bytes())),
    }
}

/// In bash's own escapes.
fn escaped(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|&byte| byte.escape_ascii().to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    use std::process::Command;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn bash_reads_back_any_bytes(bytes in prop::collection::vec(1u8.., 0..12)) {
            let word = OsString::from_vec(bytes.clone());
            let line = pasteable(["printf", "%s"].map(OsString::from).into_iter().chain([word]));
            let read = Command::new("bash").args(["-c", &line]).output().expect("bash");
            prop_assert_eq!(read.stdout, bytes, "{}", line);
        }
    }
}
