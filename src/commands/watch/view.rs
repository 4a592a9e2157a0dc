//! The whole picture, for a terminal of any size.

use super::super::runs::length;
use super::seen::Seen;
use super::{charts, tables};
use crate::event::Standing;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Widget, Wrap};

/// Columns and rows below which nothing can be shown.
pub(super) const LEAST: (u16, u16) = (60, 16);
/// Rows of head and foot.
const HEAD: u16 = 3;
/// Rows of a chart in a text.
const CHART: u16 = 12;
/// Rows of a table in a text at least: head, frame and as many clients.
const TABLE: u16 = 12;
/// Seconds after which it is said that nothing is new.
const QUIET: f64 = 10.0;

const HELP: &str = "\
q, Esc, Ctrl-C   leave; the run goes on
arrows, pages    further workers
Home, End        the first and the last of them
?                this help

workers   client: whom it trains now
          done: clients of this round (last: of the last one)
          busy: share of the last 20 rounds spent on training
clients   by mean seconds of a training
left      by the pace of the last 20 rounds";

/// A run on a page.
pub(super) struct View<'a> {
    /// The run.
    pub(super) seen: &'a Seen,
    /// Which page of workers.
    pub(super) page: usize,
    /// Whether the help lies above.
    pub(super) help: bool,
    /// Why the journal cannot be read.
    pub(super) trouble: Option<&'a str>,
    /// Whether there are keys to press.
    pub(super) keys: bool,
}

/// Where everything goes.
struct Places {
    head: Rect,
    charts: Rect,
    workers: Rect,
    clients: Rect,
    foot: Rect,
}

impl Places {
    /// The tables get what they need, on a terminal no more than half; the charts get the rest.
    fn of(seen: &Seen, keys: bool, area: Rect) -> Places {
        let body = area.height.saturating_sub(HEAD + 1);
        let needed =
            tables::rows_of(seen.workers.len(), area.width.saturating_sub(tables::CLIENTS));
        let most = if keys {
            body * 11 / 20
        } else {
            body.saturating_sub(CHART)
        };
        let table = needed.max(body / 3).max(TABLE).min(most);
        let rows = [
            Constraint::Length(HEAD),
            Constraint::Fill(1),
            Constraint::Length(table),
            Constraint::Length(1),
        ];
        let [head, charts, tables, foot] = Layout::vertical(rows).areas(area);
        let columns = [Constraint::Fill(1), Constraint::Length(tables::CLIENTS)];
        let [workers, clients] = Layout::horizontal(columns).areas(tables);
        Places {
            head,
            charts,
            workers,
            clients,
            foot,
        }
    }
}

impl View<'_> {
    /// The page that is shown in an area: the last one is not passed.
    pub(super) fn page_in(&self, area: Rect) -> usize {
        let room = tables::lanes_in(Places::of(self.seen, self.keys, area).workers);
        self.page
            .min(self.seen.workers.len().div_ceil(room).saturating_sub(1))
    }

    /// Rows in which every worker is shown.
    pub(super) fn whole_height(&self, columns: u16) -> u16 {
        let table =
            tables::rows_of(self.seen.workers.len(), columns.saturating_sub(tables::CLIENTS))
                .max(TABLE);
        HEAD + table.saturating_add(CHART) + 1
    }

    fn head(&self, area: Rect, buffer: &mut Buffer) {
        let seen = self.seen;
        let width = usize::from(area.width);
        let time = match seen.left {
            Some(left) => format!("{}, left {}", length(seen.seconds), length(left)),
            None => length(seen.seconds),
        };
        let state = seen.standing.to_string();
        let name = tables::cut(&seen.name, width.saturating_sub(state.len() + time.len() + 4));
        let gap =
            " ".repeat(width.saturating_sub(name.chars().count() + state.len() + time.len() + 4));
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let first = vec![
            format!(" {name}  ").into(),
            Span::styled(state, bold.fg(colour(seen.standing))),
            gap.into(),
            time.into(),
        ];
        let round = format!(" round {}/{} ", seen.done, seen.planned);
        let clients = seen
            .clients
            .map_or_else(String::new, |(done, all)| format!(" {done} of {all} clients"));
        let cells = width.saturating_sub(round.len() + clients.len() + 1);
        let bar = Span::styled(tables::bar(seen.share(), cells), Style::new().fg(Color::Cyan));
        let second = vec![round.into(), bar, clients.into()];
        let third = Line::styled(
            format!(" {}", tables::cut(&seen.what, width.saturating_sub(2))),
            Modifier::DIM,
        );
        Paragraph::new(vec![first.into(), second.into(), third]).render(area, buffer);
    }

    /// What must be known, else which keys there are.
    fn foot(&self, area: Rect, buffer: &mut Buffer) {
        let red = Style::new().fg(Color::Red);
        let (text, style) = match (self.trouble, self.seen.standing) {
            (Some(trouble), Standing::Running) => (trouble.to_owned(), red),
            (None, Standing::Running) if self.seen.quiet > QUIET => (
                format!("nothing new for {}", length(self.seen.quiet)),
                Style::new().fg(Color::Yellow),
            ),
            (None, Standing::Running) if self.keys => {
                ("q leaves, ? helps, arrows show further workers".to_owned(), Modifier::DIM.into())
            }
            (None, Standing::Running) => return,
            (_, Standing::Finished) => (self.seen.reason.clone(), Style::new()),
            (_, standing) => {
                (format!("{standing}: {}", self.seen.reason), Style::new().fg(colour(standing)))
            }
        };
        Line::styled(format!(" {}", tables::cut(&text, usize::from(area.width) - 2)), style)
            .render(area, buffer);
    }

    fn help(area: Rect, buffer: &mut Buffer) {
        let (rows, columns) = (HELP.lines().count() as u16 + 2, 64.min(area.width));
        let place =
            area.centered(Constraint::Length(columns), Constraint::Length(rows.min(area.height)));
        Clear.render(place, buffer);
        Paragraph::new(HELP)
            .block(Block::bordered().title(" keys and words "))
            .render(place, buffer);
    }

    fn too_small(&self, area: Rect, buffer: &mut Buffer) {
        let seen = self.seen;
        let text = format!(
            "{}: round {}/{}. {} x {} is too small to show more: {} x {} is enough.",
            seen.standing, seen.done, seen.planned, area.width, area.height, LEAST.0, LEAST.1
        );
        Paragraph::new(text)
            .wrap(Wrap { trim: true })
            .render(area, buffer);
    }
}

impl Widget for &View<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        if area.width < LEAST.0 || area.height < LEAST.1 {
            return self.too_small(area, buffer);
        }
        let places = Places::of(self.seen, self.keys, area);
        self.head(places.head, buffer);
        charts::draw(self.seen, places.charts, buffer);
        tables::workers(self.seen, self.page, places.workers, buffer);
        tables::clients(self.seen, places.clients, buffer);
        self.foot(places.foot, buffer);
        if self.help {
            View::help(area, buffer);
        }
    }
}

fn colour(standing: Standing) -> Color {
    match standing {
        Standing::Running => Color::Cyan,
        Standing::Finished => Color::Green,
        Standing::Stopped => Color::Yellow,
        Standing::Failed | Standing::Killed => Color::Red,
    }
}

#[cfg(test)]
mod tests;
