//! The terminal while a run is watched. However that ends, even by a panic, it is left as it was.

use super::view::View;
use crate::stop::exit;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use std::io::{self, Stdout};
use std::{process, thread};

/// A terminal of which every cell is ours.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn enter() -> io::Result<Screen> {
        let screen = Screen {
            terminal: Terminal::new(CrosstermBackend::new(io::stdout()))?,
        };
        thread::spawn(end_with_the_terminal);
        enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen)?;
        Ok(screen)
    }

    /// Draws what has changed; gives the page of workers that is shown.
    pub(super) fn draw(&mut self, view: &View<'_>) -> io::Result<usize> {
        let mut page = 0;
        self.terminal.draw(|frame| {
            page = view.page_in(frame.area());
            frame.render_widget(view, frame.area());
        })?;
        Ok(page)
    }
}

/// Ends the process when its terminal is closed: crossterm would wait for keys without a rest, and
/// hear no signal.
fn end_with_the_terminal() {
    let out = io::stdout();
    let mut hung_up = [PollFd::new(&out, PollFlags::empty())];
    loop {
        match poll(&mut hung_up, None) {
            Err(Errno::INTR) => {}
            Err(_) => return,
            Ok(_) => process::exit(exit::DONE.into()),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}
