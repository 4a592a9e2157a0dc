//! How things end early. Panics as values: a fault inside one client's training becomes a message
//! that names it. Signals as wishes: batch systems send them before they kill.

use signal_hook::consts::{
    SIGALRM, SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU, SIGXFSZ,
};
use signal_hook::flag;
use std::cell::RefCell;
use std::fs;
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
        let place = info
            .location()
            .map_or_else(String::new, |location| format!(" at {location}"));
        let text = format!("panicked{place}: {}", info.payload_as_str().unwrap_or("no message"));
        log::debug!("{text}");
        LAST.with_borrow_mut(|last| *last = Some(text));
    }));
}

/// Leaves work that cannot or need not go on: [`catch`] gives the reason as it is.
///
/// # Panics
/// That is how it leaves.
pub fn leave(reason: impl Into<String>) -> ! {
    panic::resume_unwind(Box::new(reason.into()))
}

/// Runs `work`; a panic comes back as its message.
pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let text = payload.downcast_ref::<String>().cloned();
        let text = text.or_else(|| payload.downcast_ref::<&str>().map(|&text| text.to_owned()));
        LAST.take()
            .or(text)
            .unwrap_or_else(|| "panicked".to_owned())
    })
}

static WISHES: OnceLock<[Arc<AtomicBool>; 3]> = OnceLock::new();

/// For the end, for a checkpoint, and whether there is nothing to save yet.
fn wishes() -> &'static [Arc<AtomicBool>; 3] {
    WISHES.get_or_init(Default::default)
}

/// Signals that ask for the end: those of people and launchers, and those that batch systems send
/// before they kill, at a limit or when their connection is gone.
const ENDS: [i32; 6] = [SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGXCPU, SIGALRM];

/// From now on signals for the end ask for it, and SIGUSR1 for a checkpoint, instead of killing; a
/// file that grows too large is an error of its writer. Call once, on every rank: launchers send
/// signals to all.
///
/// # Errors
/// What the system says.
pub fn listen() -> std::io::Result<()> {
    let [end, save, unsaved] = wishes();
    let ignored = fs::read_to_string("/proc/self/status").map_or(0, |status| ignored(&status));
    for signal in ENDS
        .into_iter()
        .filter(|signal| *signal != SIGHUP || !is_in(ignored, SIGHUP))
    {
        flag::register_conditional_shutdown(signal, exit::ENDED.into(), Arc::clone(unsaved))?;
        flag::register(signal, Arc::clone(end))?;
    }
    flag::register(SIGUSR1, Arc::clone(save))?;
    flag::register(SIGXFSZ, Arc::default()).map(drop)
}

/// Whether there is nothing to save yet, so that a signal for the end need not be waited for.
pub fn end_at_once(unsaved: bool) {
    wishes()[2].store(unsaved, Ordering::Relaxed);
}

/// The signals that this process was started to ignore, as `nohup` does with SIGHUP.
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

fn is_in(mask: u64, signal: i32) -> bool {
    mask >> (signal - 1) & 1 == 1
}

/// From now on this process ends quietly when nobody reads what it prints, as `fedmpi check |
/// head`.
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
        assert!(
            catch(|| -> u8 { panic!("client data is odd") })
                .expect_err("panicked")
                .contains("client data is odd")
        );
        assert_eq!(catch(|| 3), Ok(3));
        assert_eq!(catch(|| -> u8 { leave("enough") }), Err("enough".to_owned()));
    }

    #[test]
    fn what_nohup_ignores_stays_ignored() {
        let mask = ignored("Name:\tfedmpi\nSigIgn:\t0000000000001001\n");
        assert!(is_in(mask, SIGHUP) && !is_in(mask, SIGTERM) && is_in(mask, SIGPIPE));
        assert_eq!(ignored("SigIgn:\tx"), 0);
    }
}
