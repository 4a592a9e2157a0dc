//! A lane for every worker, and the clients that take longest.

use super::seen::{Seen, Worker};
use super::tally::Effort;
use crate::ids::ClientId;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Widget};

/// Columns of a lane, the space beside it among them.
const LANE: u16 = 44;
/// Columns of the table of clients, with its frame.
pub(super) const CLIENTS: u16 = 36;
/// Titles stand out from their frames.
pub(super) const BRIGHT: Style = Style::new().remove_modifier(Modifier::DIM);
/// Cells of a bar.
const BAR: usize = 8;
/// Cells of a host's name.
const HOST: usize = 10;

/// How many workers fit side by side into a panel of this width.
fn lanes_beside(width: u16) -> u16 {
    (width / LANE).max(1)
}

/// Rows of a panel of this width that shows so many workers.
pub(super) fn rows_of(workers: usize, width: u16) -> u16 {
    u16::try_from(workers.div_ceil(lanes_beside(width).into()) + 3).unwrap_or(u16::MAX)
}

/// How many workers fit into a panel.
pub(super) fn lanes_in(area: Rect) -> usize {
    usize::from(lanes_beside(area.width)) * usize::from(area.height.saturating_sub(3)).max(1)
}

/// The workers of one page.
pub(super) fn workers(seen: &Seen, page: usize, area: Rect, buffer: &mut Buffer) {
    let room = lanes_in(area);
    let pages = seen.workers.len().div_ceil(room).max(1);
    let page = page.min(pages - 1);
    let paged = if pages > 1 {
        format!("(page {} of {pages}) ", page + 1)
    } else {
        String::new()
    };
    let busy = seen
        .workers
        .iter()
        .filter(|worker| worker.client.is_some())
        .count();
    let at_work = if seen.clients.is_some() {
        format!("{busy} of {} at work ", seen.workers.len())
    } else {
        String::new()
    };
    let block = panel(format!(" workers {at_work}{paged}"));
    let inner = block.inner(area);
    block.render(area, buffer);
    let rows = usize::from(inner.height.saturating_sub(1)).max(1);
    let shown: Vec<&Worker> = seen.workers.iter().skip(page * room).take(room).collect();
    for (column, lanes) in shown.chunks(rows).enumerate() {
        let done = if seen.clients.is_some() {
            "done"
        } else {
            "last"
        };
        let head = format!("{:>4} {:<HOST$} {:>7} {done:>4} busy", "rank", "host", "client");
        let mut lines = vec![Line::styled(head, Modifier::DIM)];
        lines.extend(lanes.iter().map(|worker| lane(worker)));
        let place = Rect {
            x: inner.x + column as u16 * LANE,
            width: LANE.min(inner.width),
            ..inner
        }
        .intersection(inner);
        Paragraph::new(lines).render(place, buffer);
    }
}

fn lane(worker: &Worker) -> Line<'static> {
    let host = cut(worker.host.split('.').next().unwrap_or_default(), HOST);
    let client = worker
        .client
        .map_or("-".to_owned(), |client| client.to_string());
    let start = format!("{:>4} {host:<HOST$} {client:>7} {:>4} ", worker.rank, worker.done);
    if worker.lost {
        return Line::from(vec![
            start.into(),
            Span::styled("lost", Style::new().fg(Color::Red)),
        ]);
    }
    let Some(busy) = worker.busy else { return start.into() };
    Line::from(vec![
        start.into(),
        Span::styled(bar(busy, BAR), colour(busy)),
        format!("{:>3.0} %", 100.0 * busy).into(),
    ])
}

/// Who waits most is seen first.
fn colour(busy: f64) -> Style {
    Style::new().fg(if busy < 0.5 {
        Color::Yellow
    } else {
        Color::Green
    })
}

/// A share as so many cells.
pub(super) fn bar(share: f64, cells: usize) -> String {
    let full = (share.clamp(0.0, 1.0) * cells as f64).round() as usize;
    "█".repeat(full) + &"░".repeat(cells - full)
}

/// Clients by mean seconds.
pub(super) fn clients(seen: &Seen, area: Rect, buffer: &mut Buffer) {
    let block = panel(" slowest clients ".to_owned());
    let head = " client times samples s each loss";
    let mut lines = vec![Line::styled(head, Modifier::DIM)];
    lines.extend(seen.slowest.iter().map(client));
    Paragraph::new(lines).block(block).render(area, buffer);
}

fn client((client, effort): &(ClientId, Effort)) -> Line<'static> {
    let samples = if effort.samples > 0 {
        effort.samples.to_string()
    } else {
        "-".to_owned()
    };
    let mean = effort.mean();
    let seconds = if mean < 100.0 {
        format!("{mean:.3}")
    } else {
        format!("{mean:.0}")
    };
    format!("{client:>7} {:>5} {samples:>7} {seconds:>6} {:.2}", effort.times, effort.loss).into()
}

fn panel(title: String) -> Block<'static> {
    Block::bordered()
        .title(title)
        .border_style(Modifier::DIM)
        .title_style(BRIGHT)
}

/// A text in no more than so many cells.
pub(super) fn cut(text: &str, cells: usize) -> String {
    if text.chars().count() <= cells {
        return text.to_owned();
    }
    text.chars()
        .take(cells.saturating_sub(1))
        .chain(['…'])
        .collect()
}
