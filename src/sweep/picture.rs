//! A sweep as a picture: a line for each setting, with a dot for each seed, the mean, and the interval in which it lies.

use super::Results;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const MEAN: RGBColor = RGBColor(0, 114, 178);
const BEST: RGBColor = RGBColor(213, 94, 0);
const REPEAT: RGBColor = RGBColor(120, 120, 120);
const GRID: RGBColor = RGBColor(225, 225, 225);
const LETTERS: (&str, u32) = ("sans-serif", 16);
/// Pixels.
const WIDTH: u32 = 900;
const ROW: u32 = 34;
const AROUND: u32 = 100;
const LETTER: u32 = 8;

impl Results {
    /// The picture as SVG; none when no setting has a mean.
    ///
    /// # Errors
    /// What cannot be drawn.
    pub fn picture(&self) -> Result<Option<String>, String> {
        let Some((low, high)) = self.extent() else { return Ok(None) };
        let mut picture = String::new();
        self.draw(&mut picture, low, high).map_err(|error| error.to_string())?;
        Ok(Some(picture))
    }

    /// The least and the largest number that is shown, with some room.
    fn extent(&self) -> Option<(f64, f64)> {
        let ends = self.settings().iter().filter_map(|setting| setting.sample).flat_map(|sample| {
            let margin = sample.margin.unwrap_or(0.0);
            [sample.mean - margin, sample.mean + margin]
        });
        let shown = self.settings().iter().flat_map(|setting| setting.metrics.iter().copied()).chain(ends);
        let shown: Vec<f64> = shown.filter(|number| number.is_finite()).collect();
        let low = shown.iter().copied().reduce(f64::min)?;
        let high = shown.iter().copied().reduce(f64::max)?;
        let room = (0.05 * (high - low)).max(1e-3 * high.abs()).max(1e-9);
        Some((low - room, high + room))
    }

    fn draw(&self, picture: &mut String, low: f64, high: f64) -> Result<(), Box<dyn std::error::Error>> {
        let rows = self.settings().len();
        let longest = self.settings().iter().map(|setting| setting.name().chars().count()).max().unwrap_or(0);
        let names = (LETTER * u32::try_from(longest)?).clamp(60, WIDTH / 2);
        let area = SVGBackend::with_string(picture, (WIDTH, AROUND + ROW * u32::try_from(rows)?)).into_drawing_area();
        area.fill(&WHITE)?;
        // The first setting is at the top.
        let height = |place: usize| (rows - place) as f64;
        let mut chart = ChartBuilder::on(&area)
            .margin(16)
            .x_label_area_size(52)
            .y_label_area_size(names + 12)
            .build_cartesian_2d(low..high, 0.5..rows as f64 + 0.5)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .y_labels(0)
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .x_desc(format!("test {} after the last round: each seed, mean and 95 % interval", self.metric()))
            .label_style(LETTERS)
            .axis_desc_style(LETTERS)
            .draw()?;
        let best = self.best();
        let right = Pos::new(HPos::Right, VPos::Center);
        for (place, setting) in self.settings().iter().enumerate() {
            let at = height(place);
            let colour = if best == Some(place) { BEST } else { MEAN };
            let (left, y) = chart.plotting_area().map_coordinate(&(low, at));
            let style = LETTERS.into_font().color(if best == Some(place) { &BEST } else { &BLACK }).pos(right);
            area.draw_text(&setting.name(), &style, (left - 8, y))?;
            let repeats = setting.metrics.iter().filter(|metric| metric.is_finite());
            chart.draw_series(repeats.map(|metric| Circle::new((*metric, at), 3, REPEAT.mix(0.6).filled())))?;
            let Some(sample) = setting.sample.filter(|sample| sample.mean.is_finite()) else { continue };
            let margin = sample.margin.unwrap_or(0.0);
            let interval = [(sample.mean - margin, at), (sample.mean + margin, at)];
            chart.draw_series([PathElement::new(interval, colour.stroke_width(2))])?;
            chart.draw_series([Circle::new((sample.mean, at), 6, colour.filled())])?;
        }
        Ok(area.present()?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Member, Outcome};
    use super::*;
    use crate::event::Standing;

    #[test]
    fn settings_have_a_line_each_and_no_figures_no_picture() {
        let member = |lr: &str, accuracy: Option<f64>| {
            let settings = vec![("lr".to_owned(), lr.to_owned())];
            let metrics = accuracy.map(|accuracy| ("accuracy".to_owned(), accuracy)).into_iter().collect();
            let standing = Some(Standing::Finished);
            (
                Member::all(vec![settings]).remove(0),
                Outcome { standing, metrics, lead: "accuracy", ..Outcome::default() },
            )
        };
        let picture = |members| Results::of(members, None).expect("compared").picture().expect("drawn");
        let drawn = picture(vec![member("0.1", Some(0.5)), member("1", Some(0.7)), member("9", Some(f64::NAN))]);
        let drawn = drawn.expect("three settings");
        assert_eq!(drawn.matches("lr=").count(), 3);
        assert!(drawn.contains("test accuracy after the last round") && !drawn.contains("NaN"));
        assert_eq!(picture(vec![member("9", Some(f64::NAN))]), None);
        assert!(picture(vec![member("1", Some(0.5))]).is_some());
    }
}
