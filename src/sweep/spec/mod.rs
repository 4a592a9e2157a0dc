//! What a sweep is: parameters, how members are chosen among their values, and the flags that all
//! of them have. It is written into the sweep's folder, and read from files that people write.

mod chosen;
mod folder;
mod written;

use super::parameter::Parameter;
use crate::launch::last_wins;
use std::ffi::OsString;

pub use folder::FILE;

/// A sweep.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spec {
    /// What differs between members; the first changes slowest.
    pub parameters: Vec<Parameter>,
    /// How many settings are drawn at random; none takes all, as a grid.
    pub samples: Option<usize>,
    /// What the draws follow from.
    pub sample_seed: u64,
    /// The metric that members are compared by; none is the one that says most.
    pub metric: Option<String>,
    /// Flags of every member.
    pub flags: Vec<String>,
}

impl Spec {
    /// The flags as words of a command line, of which the last of a name wins.
    pub fn words(&self) -> Vec<OsString> {
        last_wins(&self.flags.iter().map(OsString::from).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A grid of these parameters.
    pub(super) fn spec(words: &str) -> Spec {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        Spec {
            parameters: Parameter::of_words(&words).expect("sound"),
            ..Spec::default()
        }
    }
}
