//! Who owns how much of what, as a table for programs and a picture for papers.

use crate::files;
use crate::plan::Plan;
use crate::report::figure::{Export, export, shares};
use anyhow::{Context, Error, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};

/// The table.
const TABLE: &str = "partition.csv";
/// The picture, but for the end of its name.
const PICTURE: &str = "partition";

/// Writes table and pictures into a folder; gives where.
pub(in crate::commands) fn write(plan: &Plan, folder: &Path) -> Result<Vec<PathBuf>> {
    let mix = plan.mix();
    let mut contents = vec![(folder.join(TABLE), mix.table()?)];
    let figure = shares(PICTURE, "", &mix);
    for kind in Export::ALL {
        let path = folder.join(format!("{PICTURE}.{}", kind.end()));
        let drawn = export(&figure.drawing, kind).map_err(Error::msg);
        let drawn = drawn.with_context(|| format!("cannot draw {}", path.display()))?;
        contents.push((path, drawn));
    }
    contents.iter().try_for_each(|(path, _)| is_free(path))?;
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for (path, content) in &contents {
        files::write_named(path, content)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(contents.into_iter().map(|(path, _)| path).collect())
}

/// Refuses to write over anything.
pub(super) fn is_free(path: &Path) -> Result<()> {
    let hint = "hint: another folder, or remove it";
    ensure!(!files::is_there(path), "{} is there already ({hint})", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_table_adds_up_and_nothing_is_written_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config {
            client_num_in_total: 7,
            client_num_per_round: 1,
            ..Config::default()
        };
        let plan = Plan::resolve(config).expect("sound");
        let paths = write(&plan, &folder.path().join("new")).expect("written");
        let text = fs::read_to_string(&paths[0]).expect("text");
        assert!(text.starts_with("client,samples,class_0,") && text.lines().count() == 8, "{text}");
        for line in text.lines().skip(1) {
            let numbers: Vec<u64> = line
                .split(',')
                .map(|number| number.parse().expect("a number"))
                .collect();
            assert_eq!(numbers[1], numbers[2..].iter().sum::<u64>(), "{line}");
        }
        assert!(
            fs::read_to_string(&paths[1])
                .expect("text")
                .contains("client")
        );
        assert!(fs::read(&paths[2]).expect("bytes").starts_with(b"\x89PNG"));
        let again = write(&plan, &folder.path().join("new"))
            .expect_err("refused")
            .to_string();
        assert!(again.contains("partition.csv is there already"), "{again}");
    }
}
