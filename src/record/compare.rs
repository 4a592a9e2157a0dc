//! Runs side by side: a table and a picture of accuracy against virtual time.

use super::Summary;
use crate::config::{Config, Mode};
use plotters::prelude::*;
use serde::Deserialize;
use std::fs;
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
    // Of every evaluation.
    points: Vec<Point>,
}

#[derive(Clone, Copy)]
struct Point {
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

/// Reads runs from their folders. `target` is the accuracy whose time is asked for; without one it is
/// the best that all runs reach.
///
/// # Errors
/// A folder without a finished run of this program.
pub fn compare(folders: &[PathBuf], target: Option<f64>) -> Result<Comparison, String> {
    let runs = folders.iter().map(|folder| read(folder)).collect::<Result<Vec<Run>, String>>()?;
    let best = |run: &Run| run.points.iter().map(|point| point.accuracy).fold(0.0, f64::max);
    let target = target.unwrap_or_else(|| runs.iter().map(best).fold(1.0, f64::min));
    Ok(Comparison { runs, target })
}

fn read(folder: &Path) -> Result<Run, String> {
    let text = |name: &str| {
        let path = folder.join(name);
        let hint = "(hint: name folders of finished runs)";
        fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error} {hint}", path.display()))
    };
    let wrong = |name: &str, error: &dyn ToString| format!("{}: {}", folder.join(name).display(), error.to_string());
    let config: Config = serde_yaml::from_str(&text("config.yaml")?).map_err(|error| wrong("config.yaml", &error))?;
    let summary: Summary =
        serde_json::from_str(&text("summary.json")?).map_err(|error| wrong("summary.json", &error))?;
    let metrics = text("metrics.csv")?;
    let mut points = Vec::new();
    for line in csv::Reader::from_reader(metrics.as_bytes()).deserialize() {
        let Line { clock, updates, test_accuracy } = line.map_err(|error| wrong("metrics.csv", &error))?;
        points.extend(test_accuracy.map(|accuracy| Point { clock, updates, accuracy }));
    }
    let name = folder.file_name().map_or_else(|| folder.display().to_string(), |name| name.to_string_lossy().into());
    let rule = config.method();
    let how = match config.mode {
        Mode::Sync => format!("{rule}, rounds of {}", config.client_num_per_round),
        Mode::Async => format!("{rule}, {} at once", config.concurrency),
    };
    let slowed = if summary.worker_slowdowns.is_empty() { "" } else { ", slowed down" };
    Ok(Run { name, how: how + slowed, summary, points })
}

impl Comparison {
    /// One line per run.
    pub fn table(&self) -> String {
        let to_target = format!("time to {:.4}", self.target);
        let mut text = format!(
            "{:<20} {:<40} {:>8} {:>12} {:>9} {:>10} {:>15} {:>10}\n",
            "run", "how", "updates", "virtual s", "accuracy", "utilised", to_target, "updates"
        );
        for run in &self.runs {
            let there = run.points.iter().find(|point| point.accuracy >= self.target);
            let (time, updates) = there.map_or(("never".to_owned(), "-".to_owned()), |point| {
                (format!("{:.2}", point.clock), point.updates.to_string())
            });
            let Summary { updates: all, virtual_seconds, final_test_accuracy, worker_utilisation, .. } = run.summary;
            text += &format!(
                "{:<20} {:<40} {all:>8} {virtual_seconds:>12.2} {final_test_accuracy:>9.4} {worker_utilisation:>10.2} \
                 {time:>15} {updates:>10}\n",
                run.name, run.how
            );
        }
        text
    }

    /// Draws accuracy against virtual time as an SVG picture.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn draw(&self, path: &Path) -> Result<(), String> {
        self.picture(path).map_err(|error| format!("cannot draw {}: {error}", path.display()))
    }

    fn picture(&self, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
        let points = || self.runs.iter().flat_map(|run| &run.points);
        let last = points().map(|point| point.clock).fold(1e-9, f64::max);
        let lowest = points().map(|point| point.accuracy).fold(1.0, f64::min);
        let area = SVGBackend::new(path, (900, 560)).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .margin(16)
            .x_label_area_size(44)
            .y_label_area_size(56)
            .build_cartesian_2d(0.0..last, lowest..1.0)?;
        chart.configure_mesh().x_desc("virtual seconds").y_desc("test accuracy").draw()?;
        for (index, run) in self.runs.iter().enumerate() {
            let colour = Palette99::pick(index).to_rgba();
            let line = run.points.iter().map(|point| (point.clock, point.accuracy));
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
            .draw()?;
        Ok(area.present()?)
    }
}
