//! Who owns how much of what, as a table for programs and a picture for papers.

use super::picture::{classes, png, svg};
use crate::files;
use crate::ids::ClientId;
use crate::plan::Plan;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};

/// The first columns of the table; one for each class follows.
const HEAD: &str = "client,samples";
/// The table, and the picture twice.
const FILES: [&str; 3] = ["partition.csv", "partition.svg", "partition.png"];

/// Writes table and pictures into a folder; gives where.
pub(in crate::commands) fn write(plan: &Plan, folder: &Path) -> Result<Vec<PathBuf>> {
    let paths: Vec<PathBuf> = FILES.map(|name| folder.join(name)).into();
    paths.iter().try_for_each(|path| is_free(path))?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let [_, svg_path, png_path] = &paths[..] else { unreachable!("three files") };
    let drawn = |path: &Path| format!("cannot draw {}", path.display());
    let contents =
        [table(plan)?, svg(plan).with_context(|| drawn(svg_path))?, png(plan).with_context(|| drawn(png_path))?];
    for (path, content) in paths.iter().zip(&contents) {
        files::write_named(path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(paths)
}

/// Refuses to write over anything.
pub(super) fn is_free(path: &Path) -> Result<()> {
    let hint = "hint: another folder, or remove it";
    ensure!(!files::is_there(path), "{} is there already ({hint})", path.display());
    Ok(())
}

/// A line for each client: samples, and of each class.
fn table(plan: &Plan) -> Result<Vec<u8>> {
    let mut lines = csv::Writer::from_writer(Vec::new());
    let classes = (0..classes(plan)).map(|class| format!("class_{class}"));
    lines.write_record(HEAD.split(',').map(str::to_owned).chain(classes))?;
    for client in plan.partition.ids() {
        let counts = counts(plan, client);
        let numbers = [client.0.into(), plan.samples(client)].into_iter().chain(counts);
        lines.write_record(numbers.map(|number: u64| number.to_string()))?;
    }
    Ok(lines.into_inner()?)
}

/// How many samples of each class a client has; nothing where samples have none.
pub(super) fn counts(plan: &Plan, client: ClientId) -> Vec<u64> {
    plan.dataset.train.classes().map_or(Vec::new(), |labels| class_counts(plan, labels, client))
}

/// How many samples of each class a client has.
pub(super) fn class_counts(plan: &Plan, labels: &[u32], client: ClientId) -> Vec<u64> {
    let mut counts = vec![0; plan.dataset.facts.task.outputs()];
    for &sample in plan.partition.of(client).iter() {
        counts[labels[sample as usize] as usize] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_table_adds_up_and_nothing_is_written_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config { client_num_in_total: 7, client_num_per_round: 1, ..Config::default() };
        let plan = Plan::resolve(config).expect("sound");
        let paths = write(&plan, &folder.path().join("new")).expect("written");
        let text = fs::read_to_string(&paths[0]).expect("text");
        assert!(text.starts_with("client,samples,class_0,") && text.lines().count() == 8, "{text}");
        for line in text.lines().skip(1) {
            let numbers: Vec<u64> = line.split(',').map(|number| number.parse().expect("a number")).collect();
            assert_eq!(numbers[1], numbers[2..].iter().sum::<u64>(), "{line}");
        }
        assert!(fs::read_to_string(&paths[1]).expect("text").contains("client"));
        assert!(fs::read(&paths[2]).expect("bytes").starts_with(b"\x89PNG"));
        let again = write(&plan, &folder.path().join("new")).expect_err("refused").to_string();
        assert!(again.contains("partition.csv is there already"), "{again}");
    }
}
