//! Runs side by side: a table and a picture of accuracy against virtual time, or rounds. Runs that failed or were stopped
//! are compared by what they have.

use super::Summary;
use crate::config::{Config, Mode, RUN_CONFIG};
use crate::event::Standing;
use crate::files;
use crate::plan::settings_in;
use plotters::prelude::*;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Several runs.
pub struct Comparison {
    runs: Vec<Run>,
    target: f64,
}

struct Run {
    name: String,
    how: String,
    summary: Summary,
    settings: BTreeMap<String, String>,
    // Of every evaluation.
    points: Vec<Point>,
}

#[derive(Clone, Copy)]
struct Point {
    rounds: u32,
    clock: f64,
    updates: u64,
    accuracy: f64,
}

/// The columns of `metrics.csv` that are compared.
#[derive(Deserialize)]
struct Line {
    clock: f64,
    updates: u64,
    test_accuracy: Option<f64>,
}

/// What is said of every run anyway, or does not touch what is compared.
const NOT_SHOWN: &[&str] = &[
    "mode",
    "aggregator",
    "algorithm",
    "server_step",
    "combine",
    "client_num_per_round",
    "concurrency",
    "data_dir",
    "record",
    "verbose",
    "checkpoint_every",
    "keep_checkpoints",
    "round_timeout",
    "gpu_mapping_file",
    "gpu_mapping_key",
    "gpu_util_parse",
];
/// Settings that are said of a run at most.
const MOST_SHOWN: usize = 4;
/// Colours that most people can tell apart (Okabe and Ito), without the yellow, which is pale on white.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(0, 0, 0),
];
/// Letters of a picture, in pixels.
const LETTERS: (&str, u32) = ("sans-serif", 16);

/// Reads runs from their folders. `target` is the accuracy whose time is asked for; without one it is
/// the best that all runs reach.
///
/// # Errors
/// A folder without a run of this program.
pub fn compare(folders: &[PathBuf], target: Option<f64>) -> Result<Comparison, String> {
    let mut runs = folders.iter().map(|folder| read(folder)).collect::<Result<Vec<Run>, String>>()?;
    for (run, name) in runs.iter_mut().zip(names(folders)) {
        run.name = name;
    }
    let differ = differing(&runs);
    runs.iter_mut().for_each(|run| run.how += &run.said(&differ));
    let best = |run: &Run| run.points.iter().map(|point| point.accuracy).reduce(f64::max);
    let target = target.unwrap_or_else(|| runs.iter().filter_map(best).fold(1.0, f64::min));
    Ok(Comparison { runs, target })
}

fn read(folder: &Path) -> Result<Run, String> {
    let content = |name: &str| {
        let path = folder.join(name);
        let hint = "(hint: name folders of runs)";
        files::bytes(&path).map_err(|error| format!("cannot read {}: {error} {hint}", path.display()))
    };
    let wrong = |name: &str, error: &dyn ToString| format!("{}: {}", folder.join(name).display(), error.to_string());
    let config = String::from_utf8_lossy(&content(RUN_CONFIG)?).into_owned();
    let config = Config::parse(&config).map_err(|error| wrong(RUN_CONFIG, &error))?;
    let points = points(&content("metrics.csv")?).map_err(|error| wrong("metrics.csv", &error))?;
    let summary = Summary::read(folder).map_err(|error| error.to_string())?;
    // Without one the run was ended before it could say so.
    let state = super::standing(folder, summary.as_ref());
    let summary = Summary { state, ..summary.unwrap_or_default() };
    let rule = config.method();
    let how = match config.mode {
        Mode::Sync => format!("{rule}, rounds of {}", config.client_num_per_round),
        Mode::Async => format!("{rule}, {} at once", config.concurrency),
    };
    let settings = serde_json::to_string(&config).map(|text| settings_in(&text)).unwrap_or_default();
    Ok(Run { name: String::new(), how, summary, settings, points })
}

/// The evaluations of a table.
fn points(table: &[u8]) -> Result<Vec<Point>, String> {
    let mut points = Vec::new();
    for (rounds, line) in (1..).zip(csv::Reader::from_reader(table).deserialize()) {
        let Line { clock, updates, test_accuracy } = line.map_err(|error| error.to_string())?;
        if !clock.is_finite() {
            // The first line is the heading.
            return Err(format!("line {}: the clock is {clock}", rounds + 1));
        }
        let accuracy = test_accuracy.filter(|accuracy| accuracy.is_finite());
        points.extend(accuracy.map(|accuracy| Point { rounds, clock, updates, accuracy }));
    }
    Ok(points)
}

/// The shortest ends of paths that tell all of them apart.
fn names(folders: &[PathBuf]) -> Vec<String> {
    let parts: Vec<Vec<_>> = folders.iter().map(|folder| folder.components().collect()).collect();
    let longest = parts.iter().map(Vec::len).max().unwrap_or(1);
    let ends = |length: usize| -> Vec<String> {
        let end = |parts: &Vec<std::path::Component<'_>>| {
            let end: PathBuf = parts[parts.len().saturating_sub(length)..].iter().collect();
            end.display().to_string()
        };
        parts.iter().map(end).collect()
    };
    let distinct = |names: &Vec<String>| names.iter().collect::<BTreeSet<_>>().len() == names.len();
    (1..=longest).map(ends).find(distinct).unwrap_or_else(|| ends(longest))
}

/// Settings in which runs differ.
fn differing(runs: &[Run]) -> Vec<String> {
    let names: BTreeSet<&String> = runs.iter().flat_map(|run| run.settings.keys()).collect();
    let shown = names.into_iter().filter(|name| !NOT_SHOWN.contains(&name.as_str()));
    let differs = |name: &&String| runs.iter().any(|run| run.settings.get(*name) != runs[0].settings.get(*name));
    shown.filter(differs).cloned().collect()
}

impl Run {
    /// What is said of a run beside its method: settings in which runs differ, and how it ended.
    fn said(&self, differ: &[String]) -> String {
        let own = differ.iter().filter_map(|name| Some(format!(", {name} {}", self.settings.get(name)?)));
        let own: String = own.take(MOST_SHOWN).collect();
        let more = if differ.len() > MOST_SHOWN { ", ..." } else { "" };
        let slowed = if self.summary.worker_slowdowns.is_empty() { "" } else { ", slowed down" };
        let ended = match self.summary.state {
            Standing::Finished => String::new(),
            state => format!(", {state} in round {}", self.summary.rounds + 1),
        };
        format!("{own}{more}{slowed}{ended}")
    }
}

impl Comparison {
    /// One line per run, and why some did not come to their end.
    pub fn table(&self) -> String {
        let width =
            |texts: &mut dyn Iterator<Item = &String>| texts.map(|text| text.chars().count()).max().unwrap_or(0);
        let (wide, how_wide) = (
            width(&mut self.runs.iter().map(|run| &run.name)).max(20),
            width(&mut self.runs.iter().map(|run| &run.how)).max(40),
        );
        let to_target = format!("time to {:.4}", self.target);
        let mut text = format!(
            "{:<wide$} {:<how_wide$} {:>8} {:>12} {:>9} {:>10} {:>15} {:>10}\n",
            "run", "how", "updates", "virtual s", "accuracy", "utilised", to_target, "updates"
        );
        for run in &self.runs {
            let there = run.points.iter().find(|point| point.accuracy >= self.target);
            let (time, updates) = there.map_or(("never".to_owned(), "-".to_owned()), |point| {
                (format!("{:.2}", point.clock), point.updates.to_string())
            });
            let Summary { updates: all, virtual_seconds, final_test_accuracy, worker_utilisation, .. } = run.summary;
            text += &format!(
                "{:<wide$} {:<how_wide$} {all:>8} {virtual_seconds:>12.2} {final_test_accuracy:>9.4} \
                 {worker_utilisation:>10.2} {time:>15} {updates:>10}\n",
                run.name, run.how
            );
        }
        let unfinished = self.runs.iter().filter(|run| run.summary.state != Standing::Finished);
        for run in unfinished.filter(|run| !run.summary.reason.is_empty()) {
            text += &format!("{} {}: {}\n", run.name, run.summary.state, run.summary.reason);
        }
        text
    }

    /// Draws accuracy against virtual time, or rounds, as an SVG picture; false when there is nothing to draw.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn draw(&self, path: &Path, by_rounds: bool) -> Result<bool, String> {
        if self.runs.iter().all(|run| run.points.len() < 2) {
            return Ok(false);
        }
        let fault = |error: &dyn ToString| format!("cannot draw {}: {}", path.display(), error.to_string());
        let mut picture = String::new();
        self.picture(&mut picture, by_rounds).map_err(|error| fault(&error))?;
        files::write_named(path, picture.as_bytes()).map_err(|error| fault(&error))?;
        Ok(true)
    }

    fn picture(&self, picture: &mut String, by_rounds: bool) -> Result<(), Box<dyn std::error::Error>> {
        let along = |point: &Point| if by_rounds { f64::from(point.rounds) } else { point.clock };
        let points = || self.runs.iter().flat_map(|run| &run.points);
        let last = points().map(along).fold(1e-9, f64::max);
        let lowest = points().map(|point| point.accuracy).fold(0.99, f64::min);
        let area = SVGBackend::with_string(picture, (900, 560)).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .margin(16)
            .x_label_area_size(52)
            .y_label_area_size(72)
            .build_cartesian_2d(0.0..last, lowest..1.0)?;
        chart
            .configure_mesh()
            .x_desc(if by_rounds { "rounds" } else { "virtual seconds" })
            .y_desc("test accuracy")
            .label_style(LETTERS)
            .axis_desc_style(LETTERS)
            .draw()?;
        for (run, colour) in self.runs.iter().zip(COLOURS.iter().cycle()) {
            let line = run.points.iter().map(|point| (along(point), point.accuracy));
            chart
                .draw_series(LineSeries::new(line, colour.stroke_width(2)))?
                .label(format!("{} ({})", run.name, run.how))
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK)
            .label_font(LETTERS)
            .draw()?;
        Ok(area.present()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const HEAD: &str = "clock,updates,test_accuracy\n";

    /// A run's folder of a config and a table.
    fn made(parent: &Path, name: &str, config: &Config, table: &str, summary: &Summary) -> PathBuf {
        let folder = parent.join(name);
        fs::create_dir_all(&folder).expect("writable");
        fs::write(folder.join("config.yaml"), config.portable().expect("plain data")).expect("writable");
        fs::write(folder.join("metrics.csv"), format!("{HEAD}{table}")).expect("writable");
        fs::write(folder.join("summary.json"), serde_json::to_string(summary).expect("encodes")).expect("writable");
        folder
    }

    #[test]
    fn runs_are_told_apart_by_path_settings_and_how_they_ended() {
        let parent = tempfile::tempdir().expect("a folder");
        let lr = |lr: &str| Config { client_optimizer: format!("sgd:lr={lr}").as_str().into(), ..Config::default() };
        let reason = "round 2: client 7 returned NaN".to_owned();
        let failed = Summary { state: Standing::Failed, rounds: 1, reason, ..Summary::default() };
        let (done, table) = (Summary::default(), "0.5,10,0.2\n1.0,20,0.4\n");
        let folders = [
            made(parent.path(), "x/run", &lr("0.1"), table, &done),
            made(parent.path(), "y/run", &lr("9"), "0.5,10,NaN\n", &failed),
        ];
        let comparison = compare(&folders, None).expect("runs");
        let table = comparison.table();
        for words in
            ["x/run", "y/run", "lr 0.1", "lr 9.0, failed in round 2", "y/run failed: round 2: client 7", "0.4000"]
        {
            assert!(table.contains(words), "{words}: {table}");
        }
        let picture = parent.path().join("a.svg");
        for (by_rounds, axis) in [(false, "virtual seconds"), (true, "rounds")] {
            assert_eq!(comparison.draw(&picture, by_rounds), Ok(true));
            assert!(fs::read_to_string(&picture).expect("drawn").contains(axis));
        }
        let alone = compare(&folders[1..], None).expect("a run");
        assert_eq!(alone.draw(&picture, false), Ok(false));
    }

    #[test]
    fn clocks_that_stand_nowhere_are_refused_by_line() {
        assert!(
            points(format!("{HEAD}0.5,1,0.1\ninf,2,0.2\n").as_bytes()).is_err_and(|fault| fault.contains("line 3"))
        );
    }
}
