//! A bar at the end of the terminal. Others write to the same terminal meanwhile, so the cursor
//! rests at the bar's beginning: a line that comes erases the bar and takes its place, and the bar
//! is drawn anew below it.

use super::{Course, Terminal};
use crate::event::{Event, RecordError, Recorder};
use env_logger::fmt::style::{AnsiColor, Style};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often it is drawn.
const TICK: Duration = Duration::from_millis(200);
/// Open MPI's messages begin with a line as long as this, which hides a bar.
const WIDTH: usize = 74;
/// A bar that says something.
const LEAST: usize = 8;
/// Erases what stands behind the cursor.
pub const ERASE: &str = "\x1b[K";

/// Draws how far a run is.
pub struct Bar {
    course: Arc<Mutex<Course>>,
    terminal: Option<Terminal>,
    colours: bool,
    drawn: Option<Drawn>,
}

/// Who draws; it ends when it hears nothing any more.
struct Drawn {
    end: Sender<()>,
    thread: JoinHandle<()>,
}

impl Bar {
    /// Will draw on a terminal from the start of the run on.
    pub fn new(course: Course, terminal: Terminal, colours: bool) -> Bar {
        Bar {
            course: Arc::new(Mutex::new(course)),
            terminal: Some(terminal),
            colours,
            drawn: None,
        }
    }

    fn begin(&mut self) {
        let Some(terminal) = self.terminal.take() else { return };
        let (course, colours) = (Arc::clone(&self.course), self.colours);
        let (end, ended) = mpsc::channel();
        let draw = move || draw_until(&ended, &course, &terminal, colours);
        // Without a thread there is no bar, and the run goes on.
        let thread = thread::Builder::new().name("bar".to_owned()).spawn(draw);
        self.drawn = thread.ok().map(|thread| Drawn { end, thread });
    }

    /// What is printed from now on stands where the bar stood.
    fn end(&mut self) {
        let Some(Drawn { end, thread }) = self.drawn.take() else { return };
        drop(end);
        // It has nothing to give back.
        let _ = thread.join();
    }
}

/// Draws the bar at every tick, and erases it in the end.
fn draw_until(ended: &Receiver<()>, course: &Mutex<Course>, terminal: &Terminal, colours: bool) {
    let draw = || terminal.write(&drawn(&held(course), colours, terminal.width()));
    draw();
    while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
        draw();
    }
    terminal.write(&format!("\r{ERASE}"));
}

fn held(course: &Mutex<Course>) -> MutexGuard<'_, Course> {
    course.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a terminal gets, all at once.
fn drawn(course: &Course, colours: bool, width: usize) -> String {
    let room = width.saturating_sub(1).min(WIDTH);
    let (before, after) = course.around_bar(Instant::now(), room);
    let left = room.saturating_sub(before.chars().count() + after.chars().count() + "  ".len());
    let (head, done) = if colours {
        (Style::new().bold(), AnsiColor::Green.on_default())
    } else {
        (Style::new(), Style::new())
    };
    let bar = match bar(course.share(), left) {
        Some(bar) => format!(" {done}{bar}{done:#}"),
        None => String::new(),
    };
    let gap = if after.is_empty() { "" } else { " " };
    format!("\r{head}{before}{head:#}{bar}{gap}{after}{ERASE}\r")
}

/// So much of so many columns; none where they are too few.
fn bar(share: f64, columns: usize) -> Option<String> {
    let inner = columns.checked_sub("[]".len())?;
    if inner < LEAST {
        return None;
    }
    let done = ((share * inner as f64) as usize).min(inner);
    let head = if done > 0 && done < inner { ">" } else { "" };
    let body = "=".repeat(done - head.len());
    Some(format!("[{:<inner$}]", body + head))
}

impl Recorder for Bar {
    fn record(&mut self, event: &Event, _: &[f32]) -> Result<(), RecordError> {
        held(&self.course).note(event, Instant::now());
        match event {
            Event::Started(_) => self.begin(),
            Event::Finished { .. } | Event::Ended { .. } => self.end(),
            _ => {}
        }
        Ok(())
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RoundDone;
    use crate::ids::Round;
    use crate::metrics::Metrics;

    #[test]
    fn a_bar_fills_its_columns() {
        assert_eq!(bar(0.0, 12).as_deref(), Some("[          ]"));
        assert_eq!(bar(0.55, 12).as_deref(), Some("[====>     ]"));
        assert_eq!(bar(1.0, 12).as_deref(), Some("[==========]"));
        assert_eq!(bar(0.5, 9), None);
    }

    #[test]
    fn it_never_wraps_and_leaves_the_cursor_at_its_beginning() {
        let mut course = Course::new(100, false, None, 0);
        let test = Some(Metrics::default().with("accuracy", 0.5, 1));
        let done = RoundDone {
            round: Round(9),
            train_loss: Some(1.0),
            test,
            ..RoundDone::default()
        };
        course.note(&Event::RoundDone(done), Instant::now());
        for width in [0, 1, 9, 20, 40, 80, 200] {
            let text = drawn(&course, false, width);
            let inner = text
                .strip_prefix('\r')
                .and_then(|text| text.strip_suffix("\x1b[K\r"))
                .expect("erased behind");
            assert!(
                inner.chars().count() <= width.saturating_sub(1).clamp(13, WIDTH),
                "{width}: {inner}"
            );
        }
        let text = drawn(&course, true, 80);
        assert!(
            text.contains("\x1b[32m[=>")
                && text.contains("round  11/100")
                && text.contains("50.00 %"),
            "{text:?}"
        );
    }
}
