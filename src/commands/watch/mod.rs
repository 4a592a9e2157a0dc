//! `fedmpi watch`: a run as it goes on, or as it ended. All of it is read from the run's folder, so
//! it may be watched from any host that sees the folder, and nothing of the run waits for who looks
//! on.

mod charts;
mod screen;
mod seen;
mod tables;
mod tally;
mod view;

use super::{say, terminal};
use crate::record::{self, Follower, Run};
use crate::stop;
use anyhow::{Result, ensure};
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::Rect;
use ratatui::widgets::Widget;
use screen::Screen;
use seen::Seen;
use std::path::Path;
use std::time::{Duration, Instant};
use tally::Tally;
use view::View;

/// How often the journal is looked at; file systems of clusters tell of no change by themselves.
const POLL: Duration = Duration::from_millis(500);
/// How often it is asked whether a silent run is alive.
const PATIENCE: Duration = Duration::from_secs(5);
/// The widest picture without a terminal.
const WIDEST: u16 = 200;

/// Shows a run until somebody has seen enough; without a terminal, or `once`, how it stands now.
pub(super) fn run(name: &Path, once: bool) -> Result<()> {
    let mut watch = Watch::of(name)?;
    if once || !terminal::is_there() {
        return say(watch.picture(terminal::columns().min(WIDEST)));
    }
    // Signals end the loop, so that the terminal is left as it was.
    stop::listen()?;
    watch.go_on(&mut Screen::enter()?)
}

/// A run under observation.
struct Watch {
    run: Run,
    follower: Follower,
    tally: Tally,
    // When something was new last, and when it was asked whether the run is alive.
    news: Instant,
    asked: Instant,
    /// Why the journal cannot be read just now.
    trouble: Option<String>,
    page: usize,
    help: bool,
}

impl Watch {
    fn of(name: &Path) -> Result<Watch> {
        let folder = record::find(name)?;
        let begun = record::is_run(&folder);
        ensure!(
            begun,
            "{} is not the folder of a run (hint: fedmpi runs lists those in runs/)",
            folder.display()
        );
        let now = Instant::now();
        let mut watch = Watch {
            run: Run::look(&folder),
            follower: Follower::new(&folder),
            tally: Tally::default(),
            news: now,
            asked: now,
            trouble: None,
            page: 0,
            help: false,
        };
        watch.look();
        Ok(watch)
    }

    /// Takes in what is new.
    fn look(&mut self) {
        match self.follower.refresh() {
            Ok(true) => {
                self.news = Instant::now();
                self.tally.take_in(&self.follower.history);
            }
            Ok(false) => {}
            Err(error) => self.trouble = Some(error.to_string()),
        }
        if self.news.elapsed() > PATIENCE && self.asked.elapsed() > PATIENCE {
            self.run = Run::look(&self.run.folder);
            self.asked = Instant::now();
        }
    }

    fn seen(&self) -> Seen {
        Seen::of(&self.run, &self.follower.history, &self.tally, self.news.elapsed())
    }

    /// How the run stands, as text: every worker is shown.
    fn picture(&self, columns: u16) -> String {
        let seen = self.seen();
        let view = View {
            seen: &seen,
            page: 0,
            help: false,
            trouble: self.trouble.as_deref(),
            keys: false,
        };
        let area = Rect::new(0, 0, columns.max(view::LEAST.0), view.whole_height(columns));
        let mut buffer = Buffer::empty(area);
        view.render(area, &mut buffer);
        text(&buffer)
    }

    fn go_on(&mut self, screen: &mut Screen) -> Result<()> {
        let mut looked = Instant::now();
        while !stop::end_wanted() {
            let seen = self.seen();
            let trouble = self.trouble.as_deref();
            let view = View {
                seen: &seen,
                page: self.page,
                help: self.help,
                trouble,
                keys: true,
            };
            self.page = screen.draw(&view)?;
            if event::poll(POLL.saturating_sub(looked.elapsed()))? && !self.react(&event::read()?) {
                break;
            }
            if looked.elapsed() >= POLL {
                self.trouble = None;
                self.look();
                looked = Instant::now();
            }
        }
        Ok(())
    }

    /// Does what a key says; false when somebody has seen enough.
    fn react(&mut self, event: &Event) -> bool {
        let Event::Key(KeyEvent {
            code,
            modifiers,
            kind: KeyEventKind::Press,
            ..
        }) = event
        else {
            return true;
        };
        match code {
            KeyCode::Char('c') if modifiers.contains(KeyModifiers::CONTROL) => return false,
            KeyCode::Char('q') => return false,
            KeyCode::Esc if self.help => self.help = false,
            KeyCode::Esc => return false,
            KeyCode::Char('?' | 'h') => self.help = !self.help,
            KeyCode::Down | KeyCode::Right | KeyCode::PageDown | KeyCode::Char(' ' | 'j') => {
                self.page += 1
            }
            KeyCode::Up | KeyCode::Left | KeyCode::PageUp | KeyCode::Char('k') => {
                self.page = self.page.saturating_sub(1)
            }
            KeyCode::Home => self.page = 0,
            KeyCode::End => self.page = usize::MAX,
            _ => {}
        }
        true
    }
}

/// The letters of a picture, line by line.
fn text(buffer: &Buffer) -> String {
    let lines = buffer.content.chunks(buffer.area.width.max(1).into());
    let letters = lines.map(|line| line.iter().map(|cell| cell.symbol()).collect::<String>());
    letters
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect()
}
