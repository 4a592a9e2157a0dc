//! How things end early. Panics as values: a fault inside one client's training becomes a message that
//! names it. Signals as wishes: batch systems send them before they kill.

use signal_hook::consts::{SIGINT, SIGPIPE, SIGTERM, SIGUSR1};
use signal_hook::flag;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// How a process of this program ends.
pub mod exit {
    /// The run or command is finished.
    pub const DONE: u8 = 0;
    /// It failed after training had begun; something is wrong with the hosts.
    pub const FAILED: u8 = 1;
    /// Input was refused; another attempt would be refused too.
    pub const REFUSED: u8 = 2;
    /// Somebody wanted the end.
    pub const ENDED: u8 = 3;
}

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Makes panics remember their place instead of printing it; whoever catches one reports it once.
/// Call once, at the start of the process.
pub fn remember_panics() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |location| format!(" at {location}"));
        let text = format!("panicked{place}: {}", info.payload_as_str().unwrap_or("no message"));
        log::debug!("{text}");
        LAST.with_borrow_mut(|last| *last = Some(text));
    }));
}

/// Runs `work`; a panic comes back as its message.
pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let text = payload.downcast_ref::<String>().cloned();
        let text = text.or_else(|| payload.downcast_ref::<&str>().map(|&text| text.to_owned()));
        LAST.take().or(text).unwrap_or_else(|| "panicked".to_owned())
    })
}

static WISHES: OnceLock<[Arc<AtomicBool>; 2]> = OnceLock::new();

fn wishes() -> &'static [Arc<AtomicBool>; 2] {
    WISHES.get_or_init(Default::default)
}

/// From now on SIGTERM and SIGINT ask for the end and SIGUSR1 for a checkpoint, instead of killing.
/// Call once, on every rank: launchers send signals to all.
///
/// # Errors
/// What the system says.
pub fn listen() -> std::io::Result<()> {
    let [end, save] = wishes();
    for (signal, wish) in [(SIGTERM, end), (SIGINT, end), (SIGUSR1, save)] {
        flag::register(signal, Arc::clone(wish))?;
    }
    Ok(())
}

/// From now on this process ends quietly when nobody reads what it prints, as `fedmpi check | head`.
///
/// # Errors
/// What the system says.
pub fn end_unread() -> std::io::Result<()> {
    flag::register_conditional_default(SIGPIPE, Arc::new(AtomicBool::new(true))).map(drop)
}

/// Whether somebody wants the run to end.
pub fn end_wanted() -> bool {
    wishes()[0].load(Ordering::Relaxed)
}

/// Whether somebody wants a checkpoint; says so once.
pub fn save_wanted() -> bool {
    wishes()[1].swap(false, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_come_back_as_text() {
        assert!(catch(|| -> u8 { panic!("client data is odd") }).expect_err("panicked").contains("client data is odd"));
        assert_eq!(catch(|| 3), Ok(3));
    }
}
