//! A sweep's folder: it says whose it is, and takes no members of another sweep.

use super::Spec;
use super::written::line;
use crate::files;
use crate::sweep::SweepError;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The file in the sweep's folder that says what it is.
pub const FILE: &str = "sweep.yaml";

impl Spec {
    /// The sweep of a folder; none where there is none.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(folder: &Path) -> Result<Option<Spec>, SweepError> {
        let file = folder.join(FILE);
        let spec = match files::text(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => Err(error.to_string()),
            Ok(text) => Spec::parse(&text),
        };
        spec.map(Some).map_err(|reason| in_file(&file, reason))
    }

    /// Makes a folder this sweep's, unless it is that already.
    ///
    /// # Errors
    /// A folder of another sweep, or one that cannot be written to.
    pub fn claim(&self, folder: &Path) -> Result<(), SweepError> {
        let there = Spec::read(folder)?;
        if let Some(what) = there.as_ref().and_then(|there| self.difference(there)) {
            return Err(SweepError::Another {
                folder: folder.display().to_string(),
                what,
            });
        }
        self.write(folder)
            .map_err(|reason| in_file(&folder.join(FILE), reason))
    }

    fn write(&self, folder: &Path) -> Result<(), String> {
        let text = self.text()?;
        fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        files::write_whole(&folder.join(FILE), text.as_bytes()).map_err(|error| error.to_string())
    }

    /// In what members differ from those of another sweep; how they are compared does not matter.
    fn difference(&self, there: &Spec) -> Option<String> {
        let sides = [
            ("its parameters are", there.shown(), self.shown()),
            ("samples are", there.choice(), self.choice()),
            (
                "its flags are",
                line(&there.flags).unwrap_or_default(),
                line(&self.flags).unwrap_or_default(),
            ),
        ];
        let (what, theirs, ours) = sides.into_iter().find(|(_, theirs, ours)| theirs != ours)?;
        Some(format!("{what} `{theirs}`, not `{ours}`"))
    }

    /// The parameters in words.
    fn shown(&self) -> String {
        let named: Vec<String> = self
            .parameters
            .iter()
            .map(|parameter| format!("{} {}", parameter.name, parameter.values))
            .collect();
        named.join(", ")
    }

    /// Which settings are taken, in words.
    fn choice(&self) -> String {
        match self.samples {
            Some(samples) => format!("{samples} of seed {}", self.sample_seed),
            None => "all".to_owned(),
        }
    }
}

fn in_file(path: &Path, reason: String) -> SweepError {
    SweepError::File {
        path: path.display().to_string(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::spec;
    use super::*;

    #[test]
    fn a_folder_takes_no_other_sweep() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("a");
        let first = spec("lr 0.1,1");
        first.claim(&folder).expect("free");
        first.claim(&folder).expect("its own");
        assert_eq!(Spec::read(&folder).expect("there"), Some(first.clone()));
        let compared = Spec {
            metric: Some("loss".to_owned()),
            ..first.clone()
        };
        compared.claim(&folder).expect("the same members");
        let other = spec("lr 0.1,2")
            .claim(&folder)
            .expect_err("another")
            .to_string();
        assert!(other.contains("its parameters are `lr 0.1,1`, not `lr 0.1,2`"), "{other}");
        let longer = Spec {
            flags: vec!["--epochs".to_owned(), "2".to_owned()],
            ..first
        };
        assert!(
            longer
                .claim(&folder)
                .expect_err("flags")
                .to_string()
                .contains("its flags are ``, not `--epochs 2`")
        );
    }
}
