//! Values that arguments of commands take: numbers, shares, paths, rounds.

use crate::config::RANGES;
use crate::files;
use clap::builder::{PathBufValueParser, RangedU64ValueParser, TypedValueParser};
use std::path::PathBuf;
use std::str::FromStr;

/// Whole numbers from `least` up to what no cluster has.
pub(super) fn count(least: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least..=1 << 20)
}

/// A share as `--target_accuracy` of a run may be.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "it is no number".to_owned())?;
    match RANGES.iter().find(|(name, _)| *name == "target_accuracy") {
        Some((_, range)) if !range.contains(share) => Err(format!("it must be {range}")),
        _ => Ok(share),
    }
}

/// Paths, of which a leading `~` is the home folder, also where no shell has seen it.
pub(super) fn place() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| files::at_home(&path))
}

/// Some rounds of a run, as people count them.
#[derive(Clone, Debug, PartialEq)]
pub enum Rounds {
    /// The last one that is on record.
    Last,
    /// Every one.
    All,
    /// Those of these numbers, from 1.
    These(Vec<u32>),
}

impl FromStr for Rounds {
    type Err = String;

    fn from_str(text: &str) -> Result<Rounds, String> {
        match text {
            "last" => return Ok(Rounds::Last),
            "all" => return Ok(Rounds::All),
            _ => {}
        }
        let round = |word: &str| word.trim().parse().ok().filter(|round| *round > 0);
        let rounds: Option<Vec<u32>> = text.split(',').map(round).collect();
        let fault = "it is neither `all` nor `last` nor numbers from 1 up, separated by commas";
        rounds.map(Rounds::These).ok_or(fault.to_owned())
    }
}
