//! `text`: files of plain text or Markdown, cut into rows of tokens; the target of each token is
//! the next. Files in `test` below the folder are for testing, with those of `train` or the folder
//! itself to train on.

use super::named::Named;
use super::passages::Owners;
use super::rows::{Finish, Raw, Rows};
use super::standard::Wanted;
use super::vocabulary::{Unit, Vocabulary};
use super::{fault, files_of, tell};
use crate::data::{About, Column, DataError, Dataset, Samples, Source};
use crate::part::{Part, Range, Values};
use crate::task::{Facts, Input, Task};
use crate::{files, part};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What names of files end in.
const ENDS: &[&str] = &[".txt", ".md"];

part! {
    /// Its settings.
    pub Text {
        unit: Unit = "characters", "UNIT", Range::ANY, "what a token is";
        users: Owners = "file", "OWNER", Range::ANY, "whose text it is; role: `**NAME**` or `NAME:` on a line of its own";
        length: usize = "80", "TOKENS", Range::between(1.0, 65536.0), "tokens of a row; each learns the next";
        vocabulary: Option<PathBuf> = "", "FILE", Range::ANY, "a token a line, or the data.json of a run; else what the training text has";
        most: usize = "10000", "WORDS", Range::COUNT, "words of the vocabulary, the most frequent ones";
        test_share: f64 = "0.2", "SHARE", Range::FRACTION, "share of each user's rows that is set aside where there is no folder test";
    }
}

/// Texts of owners, who may have several.
type Passages = Vec<(String, String)>;

/// Reads the files of a folder.
pub fn read(values: &Values, source: &Source<'_>) -> Result<Dataset, DataError> {
    let text = Text::read(values);
    let (unit, owners) = (text.unit, text.users);
    let (train, test) = folders(source.folder);
    let mut notes = vec![format!("unit={}", unit)];
    let mut passages = |folder: &Path| passages(folder, owners, &mut notes);
    let train = match source.test_only {
        true => None,
        false => Some(passages(&train)?),
    };
    let test = test.map(|folder| passages(&folder)).transpose()?;
    let known = train.iter().chain(&test).take(1).flatten();
    let known: Vec<&str> = known.map(|(_, text)| text.as_str()).collect();
    let vocabulary = match &text.vocabulary {
        Some(path) => Vocabulary::given(path).map_err(|reason| fault(path, reason))?,
        None => Vocabulary::found(unit, &known, text.most),
    };
    let mut about = About {
        vocabulary: vocabulary.names().to_vec(),
        notes,
        ..About::default()
    };
    let cut = Cut {
        unit,
        length: text.length,
        vocabulary: &vocabulary,
        owned: owners != Owners::Nobody,
    };
    let train = train.map(|passages| cut.rows(passages, &mut about.notes));
    let test = test.map(|passages| cut.rows(passages, &mut Vec::new()));
    let first = train.as_ref().or(test.as_ref());
    if first.is_some_and(|rows| rows.samples.is_empty()) {
        let reason = format!("no text has {} tokens (hint: a smaller length)", text.length + 1);
        return Err(fault(source.folder, reason));
    }
    let raw = Raw {
        place: source.folder.to_owned(),
        facts: facts(text.length, vocabulary.names().len()),
        about,
        measured: vec![],
        fills: false,
        train,
        test,
    };
    raw.finish(&Finish {
        test_share: text.test_share,
        standardise: &Wanted::None,
        seed: source.seed,
    })
}

/// The next of each of so many tokens of a row; 0 is padding.
fn facts(length: usize, vocabulary: usize) -> Facts {
    Facts {
        shape: vec![length],
        task: Task::Next {
            vocabulary,
            ignore: Some(0),
        },
        input: Input::Tokens,
        targets: length,
    }
}

/// Where texts to train and to test on lie.
fn folders(folder: &Path) -> (PathBuf, Option<PathBuf>) {
    let [train, test] = ["train", "test"].map(|name| folder.join(name));
    let train = if train.is_dir() {
        train
    } else {
        folder.to_owned()
    };
    (train, test.is_dir().then_some(test))
}

/// The texts of a folder by their owners.
fn passages(folder: &Path, owners: Owners, notes: &mut Vec<String>) -> Result<Passages, DataError> {
    let paths = files_of(folder, ENDS)?;
    if paths.is_empty() {
        return Err(fault(
            folder,
            "there is no .txt or .md file (hint: --data_dir names the folder of the texts)",
        ));
    }
    let (mut all, mut files_by_name) = (Vec::new(), BTreeMap::new());
    for path in paths {
        if let Some(other) =
            files_by_name.insert(path.file_stem().map(ToOwned::to_owned), path.clone())
        {
            let reason =
                format!("{} would be the same user (hint: call one otherwise)", other.display());
            return Err(fault(&path, reason));
        }
        let text = files::text(&path)
            .map_err(|error| fault(&path, format!("{error} (hint: plain text in UTF-8)")))?;
        // Lines end alike, whichever system wrote them.
        let text = text.replace("\r\n", "\n");
        let misread = owners.misread(&text);
        if misread > 0 {
            let note = format!(
                "{}: {misread} lines are `NAME: speech`, and belong to whoever spoke before \
                 (hint: a role's name is a line of its own)",
                path.display()
            );
            tell(notes, note);
        }
        let own = owners.passages(&path, &text);
        if own.iter().all(|(_, text)| text.trim().is_empty()) {
            let hint = match owners {
                Owners::Roles => "a role is a line of its own, `**NAME**` or `NAME:`",
                _ => "remove it",
            };
            let reason =
                format!("it has no text of any user (hint: {hint}, or another setting of users)");
            return Err(fault(&path, reason));
        }
        all.extend(own);
    }
    Ok(all)
}

/// How texts are cut.
struct Cut<'a> {
    unit: Unit,
    length: usize,
    vocabulary: &'a Vocabulary,
    owned: bool,
}

impl Cut<'_> {
    /// Rows of tokens, and the token after each as its target. What is left at the end of a text is
    /// no row; owners without one are left out.
    fn rows(&self, passages: Passages, notes: &mut Vec<String>) -> Rows {
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        let (mut users, mut left_out) = (Named::default(), 0);
        for (owner, text) in passages {
            let tokens = self.vocabulary.tokens(self.unit, &text);
            let rows = tokens.len().saturating_sub(1) / self.length;
            left_out += usize::from(rows == 0);
            inputs.extend_from_slice(&tokens[..rows * self.length]);
            targets.extend(tokens.iter().skip(1).take(rows * self.length));
            (0..rows).for_each(|_| users.push(&owner));
        }
        if left_out > 0 {
            notes.push(format!(
                "{left_out} users are left out: they have less than {} tokens",
                self.length + 1
            ));
        }
        let column = |tokens| Column::integers(tokens, self.length);
        let samples = Samples {
            inputs: column(inputs),
            targets: column(targets),
        };
        Rows {
            samples,
            users: self.owned.then_some(users),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{KIND, Train};
    use crate::seed::Seed;

    fn dataset(files: &[(&str, &str)], choice: &str) -> Result<Dataset, String> {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
            std::fs::write(path, text).expect("writable");
        }
        let (_, values) = KIND.look_up(&choice.into()).expect("sound settings");
        let source = Source {
            folder: folder.path(),
            clients: 2,
            seed: Seed(1),
            test_only: false,
        };
        read(&values, &source).map_err(|error| error.to_string())
    }

    #[test]
    fn each_token_learns_the_next() {
        let files = [
            ("train/a.txt", "abcabca"),
            ("train/b.txt", "ba"),
            ("test/c.txt", "cabz"),
        ];
        let set = dataset(&files, "text:length=3").expect("sound");
        let Train::Stored(train) = &set.train else { panic!("stored") };
        assert_eq!(set.about.vocabulary, ["<unknown>", "a", "b", "c"]);
        assert_eq!(
            (&train.inputs, &train.targets),
            (
                &Column::integers(vec![1, 2, 3, 1, 2, 3], 3),
                &Column::integers(vec![2, 3, 1, 2, 3, 1], 3)
            )
        );
        assert_eq!(set.test.targets, Column::integers(vec![1, 2, 0], 3));
        assert_eq!((set.about.owners.join(" "), set.owners), ("a".to_owned(), Some(vec![0, 2])));
        assert_eq!(
            set.about.notes,
            [
                "unit=characters",
                "1 users are left out: they have less than 4 tokens"
            ]
        );
        assert_eq!(
            set.facts.task,
            Task::Next {
                vocabulary: 4,
                ignore: Some(0)
            }
        );
    }

    #[test]
    fn lines_end_alike_and_speech_behind_a_name_is_told() {
        let set = dataset(&[("a.txt", "ab\r\nab\r\nab")], "text:length=1,users=nobody");
        assert_eq!(set.expect("sound").about.vocabulary, ["<unknown>", "\n", "a", "b"]);
        let play = "HAMLET:\nTo be, or not to be.\nOPHELIA: My lord.\n";
        let set = dataset(&[("a.txt", play)], "text:length=4,users=role").expect("sound");
        let none = dataset(&[("a.txt", "HAM: To be.\n")], "text:users=role");
        assert!(none.is_err_and(|fault| fault.contains("hint: a role is a line of its own")));
        let told = &set.about.notes[1];
        assert!(told.contains("a.txt: 1 lines are `NAME: speech`"), "{told}");
    }

    #[test]
    fn faults_name_the_file_and_a_remedy() {
        let refused =
            |files: &[(&str, &str)], choice: &str| dataset(files, choice).expect_err("refused");
        assert!(
            refused(&[("a.txt", "x")], "text")
                .contains("no text has 81 tokens (hint: a smaller length)")
        );
        assert!(
            refused(&[("a.txt", "x"), ("a.md", "x")], "text").contains("would be the same user")
        );
        assert!(refused(&[("a.txt", " \n")], "text").contains("a.txt: it has no text of any user"));
        assert!(refused(&[("a.csv", "x")], "text").contains("there is no .txt or .md file"));
        assert!(refused(&[("a.txt", "x")], "text:vocabulary=/nowhere").contains("/nowhere: "));
    }
}
