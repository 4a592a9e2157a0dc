//! Curves over rounds.

use super::seen::Seen;
use super::tables::BRIGHT;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, GraphType, Paragraph, Widget};

/// What is measured on the test set.
const TEST: Style = Style::new().fg(Color::Cyan);
/// What training says of itself.
const TRAINING: Style = Style::new().fg(Color::Yellow);

/// Accuracy beside loss; the loss alone where the task has no accuracy.
pub(super) fn draw(seen: &Seen, area: Rect, buffer: &mut Buffer) {
    let has_accuracy = !seen.accuracy.is_empty() || seen.loss.is_empty();
    if has_accuracy {
        let [left, right] = Layout::horizontal([Constraint::Fill(1); 2]).areas(area);
        let percents = seen
            .accuracy
            .iter()
            .map(|(round, share)| (*round, 100.0 * share));
        let percents: Vec<(f64, f64)> = percents.collect();
        let curve = Curve {
            points: &percents,
            style: TEST,
            marker: Marker::Braille,
        };
        curves(accuracy_title(seen), &[curve], seen.done, left, buffer);
        losses(seen, right, buffer);
    } else {
        losses(seen, area, buffer);
    }
}

fn losses(seen: &Seen, area: Rect, buffer: &mut Buffer) {
    let train = Curve {
        points: &seen.train_loss,
        style: TRAINING,
        marker: Marker::Dot,
    };
    let test = Curve {
        points: &seen.loss,
        style: TEST,
        marker: Marker::Braille,
    };
    curves(loss_title(seen), &[train, test], seen.done, area, buffer);
}

fn accuracy_title(seen: &Seen) -> Line<'static> {
    let Some((now, last)) = seen.accuracy.last().copied() else {
        return " accuracy ".into();
    };
    let best = match seen.best() {
        Some((round, best)) if round < now => format!("(best {} at {round}) ", percent(best)),
        _ => String::new(),
    };
    Line::from(vec![
        " accuracy ".into(),
        Span::styled(percent(last), TEST),
        format!(" {best}").into(),
    ])
}

fn loss_title(seen: &Seen) -> Line<'static> {
    let mut words = vec![Span::from(" loss ")];
    for (name, points, style) in [
        ("test ", &seen.loss, TEST),
        ("training ", &seen.train_loss, TRAINING),
    ] {
        if let Some((_, last)) = points.last() {
            words.push(Span::styled(format!("{name}{}  ", figure(*last)), style));
        }
    }
    words.into()
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

fn figure(value: f64) -> String {
    if value.abs() < 1e6 {
        format!("{value:.4}")
    } else {
        format!("{value:.2e}")
    }
}

/// One line of a chart.
struct Curve<'a> {
    points: &'a [(f64, f64)],
    style: Style,
    marker: Marker,
}

impl Curve<'_> {
    fn dataset(&self) -> Dataset<'_> {
        let is_line = self.points.len() > 1;
        let kind = if is_line {
            GraphType::Line
        } else {
            GraphType::Scatter
        };
        Dataset::default()
            .marker(self.marker)
            .graph_type(kind)
            .style(self.style)
            .data(self.points)
    }
}

fn curves(title: Line<'_>, curves: &[Curve<'_>], rounds: u32, area: Rect, buffer: &mut Buffer) {
    let block = Block::bordered()
        .title(title)
        .border_style(Modifier::DIM)
        .title_style(BRIGHT);
    let points = curves.iter().flat_map(|curve| curve.points);
    let values: Vec<f64> = points.map(|(_, value)| *value).collect();
    let Some(range) = Range::of(&values) else {
        return Paragraph::new("nothing is evaluated yet")
            .style(Modifier::DIM)
            .block(block)
            .render(area, buffer);
    };
    let sets = curves.iter().map(Curve::dataset).collect();
    let last = rounds.max(2);
    let along = Axis::default()
        .bounds([1.0, f64::from(last)])
        .labels([1.to_string(), last.to_string()])
        .style(Modifier::DIM);
    let up = Axis::default()
        .bounds([range.low, range.high])
        .labels(range.labels())
        .style(Modifier::DIM);
    Chart::new(sets)
        .block(block)
        .x_axis(along)
        .y_axis(up)
        .legend_position(None)
        .render(area, buffer);
}

/// What an axis spans, in round figures.
#[derive(Debug, PartialEq)]
struct Range {
    low: f64,
    high: f64,
}

impl Range {
    /// Around finite values; none without any.
    fn of(values: &[f64]) -> Option<Range> {
        let low = values.iter().copied().reduce(f64::min)?;
        let high = values.iter().copied().reduce(f64::max)?;
        // A curve that is flat stands in the middle.
        let span = if high > low {
            high - low
        } else {
            high.abs().max(1e-3) / 2.0
        };
        let power = span.log10().floor();
        let step = 10f64.powf(power) / 2.0;
        let below = if high > low { low } else { low - span };
        let above = if high > low { high } else { high + span };
        Some(Range {
            low: (below / step).floor() * step,
            high: (above / step).ceil() * step,
        })
    }

    fn labels(&self) -> [String; 3] {
        let ticks = [self.low, f64::midpoint(self.low, self.high), self.high];
        // As few decimals as say all of them.
        let decimals = (0..9).find(|decimals| ticks.iter().all(|tick| is_said(*tick, *decimals)));
        let decimals = decimals.unwrap_or(9);
        ticks.map(|value| match value.abs() {
            0.0..1e6 => format!("{value:.*}", decimals as usize),
            _ => format!("{value:.1e}"),
        })
    }
}

/// Whether so many decimals say all of a figure.
fn is_said(figure: f64, decimals: i32) -> bool {
    let shifted = figure * 10f64.powi(decimals);
    (shifted - shifted.round()).abs() < 1e-6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_span_round_figures() {
        let range = |values: &[f64]| Range::of(values).map(|range| range.labels().join(" "));
        assert_eq!(range(&[0.113, 0.942]).as_deref(), Some("0.100 0.525 0.950"));
        assert_eq!(range(&[2.3, 0.21, 14.0]).as_deref(), Some("0.0 7.5 15.0"));
        assert_eq!(range(&[0.5]).as_deref(), Some("0.25 0.50 0.75"));
        assert_eq!(range(&[]), None);
        assert!(range(&[0.0, 1e30]).is_some_and(|labels| labels.ends_with("e30")));
    }
}
