//! Emulated heterogeneity, for experiments on equal machines: a worker rests after each client, and
//! its rest counts as training time. Both forms are FedML's (Parrot's experiments).

use crate::ids::{Rank, Round};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::fmt;
use std::str::FromStr;

/// How much longer each rank takes.
///
/// ```
/// use fedmpi::{
///     ids::{Rank, Round},
///     schedule::Slowdown,
/// };
/// let slow: Slowdown = "2:3, 4:1.5".parse()?;
/// assert_eq!(slow.factor(Rank(2), Round(0), 10), 3.0);
/// assert_eq!(slow.factor(Rank(1), Round(0), 10), 1.0);
/// let waves: Slowdown = "cos:0.5".parse()?; // 1 + 0.5 (1 + cos(pi round / rounds + rank))
/// assert_eq!(waves.factor(Rank(0), Round(5), 10), 1.5);
/// # Ok::<(), fedmpi::schedule::SlowdownError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slowdown {
    ranks: BTreeMap<Rank, f64>,
    wave: f64,
}

/// A slowdown that cannot be read.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error(
    "`{0}` is neither RANK:FACTOR with a factor from 1 up, each rank once, nor one cos:RATIO \
     (hint: --worker_slowdown 1:2,3:1.5)"
)]
pub struct SlowdownError(String);

impl FromStr for Slowdown {
    type Err = SlowdownError;

    /// Reads `RANK:FACTOR` or `cos:RATIO`, several separated by commas.
    ///
    /// # Errors
    /// Anything else, factors below 1, ratios below 0 and ranks that come twice.
    fn from_str(text: &str) -> Result<Slowdown, SlowdownError> {
        let mut slowdown = Slowdown::default();
        for part in text.split(',').map(str::trim) {
            let unread = || SlowdownError(part.to_owned());
            let (who, much) = part.split_once(':').ok_or_else(unread)?;
            let much: f64 = much.trim().parse().map_err(|_| unread())?;
            match who.trim() {
                "cos" if (0.0..1e6).contains(&much) && slowdown.wave == 0.0 => slowdown.wave = much,
                rank if (1.0..1e6).contains(&much) => {
                    let again = slowdown
                        .ranks
                        .insert(Rank(rank.parse().map_err(|_| unread())?), much);
                    again.map_or(Ok(()), |_| Err(unread()))?;
                }
                _ => return Err(unread()),
            }
        }
        Ok(slowdown)
    }
}

impl TryFrom<String> for Slowdown {
    type Error = SlowdownError;

    fn try_from(text: String) -> Result<Slowdown, SlowdownError> {
        text.parse()
    }
}

impl From<Slowdown> for String {
    fn from(slowdown: Slowdown) -> String {
        slowdown.to_string()
    }
}

impl fmt::Display for Slowdown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranks = self
            .ranks
            .iter()
            .map(|(rank, factor)| format!("{rank}:{factor}"));
        let wave = (self.wave > 0.0).then(|| format!("cos:{}", self.wave));
        out.write_str(&ranks.chain(wave).collect::<Vec<_>>().join(","))
    }
}

impl Slowdown {
    /// The ranks that are named.
    pub fn ranks(&self) -> impl Iterator<Item = Rank> + '_ {
        self.ranks.keys().copied()
    }

    /// Time of a rank in a round as a multiple of what it would be.
    pub fn factor(&self, rank: Rank, round: Round, rounds: u32) -> f64 {
        let constant = self.ranks.get(&rank).copied().unwrap_or(1.0);
        let phase = PI * f64::from(round.0) / f64::from(rounds.max(1)) + f64::from(rank.0);
        constant + self.wave * (1.0 + phase.cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slowdown_is_written_as_it_is_read() {
        for text in ["1:2,3:1.5", "cos:0.5", "2:3,cos:1"] {
            assert_eq!(text.parse::<Slowdown>().expect("sound").to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "2",
            "2:",
            "2:0.5",
            "x:2",
            "2:NaN",
            "cos:-1",
            "2:1e9",
            "2:3,2:4",
            "cos:1,cos:2",
        ] {
            assert!(text.parse::<Slowdown>().is_err(), "{text}");
        }
    }
}
