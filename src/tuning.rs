//! Which of a model's tensors are trained: all of them, those of some names, or small adapters
//! beside them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use wildmatch::WildMatch;

/// Names of tensors, with `*` for any letters and `|` between several. The name of a layer stands
/// for all of its tensors.
///
/// ```
/// use fedmpi::tuning::Pattern;
/// let heads: Pattern = "fc*|encoder.norm".parse()?;
/// assert!(
///     heads.takes("fc1.weight")
///         && heads.takes("encoder.norm.bias")
///         && !heads.takes("encoder.fc1.weight")
/// );
/// # Ok::<(), fedmpi::tuning::TuningError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(String);

impl Pattern {
    /// Whether a tensor is meant.
    pub fn takes(&self, name: &str) -> bool {
        let layer = name.rsplit_once('.').map_or(name, |(layer, _)| layer);
        self.0
            .split('|')
            .map(str::trim)
            .map(WildMatch::new)
            .any(|word| word.matches(name) || word.matches(layer))
    }
}

/// What cannot be meant.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TuningError {
    /// Names of nothing.
    #[error(
        "`{0}` has an empty name (hint: names of tensors, `*` for any letters, `|` between \
         several: `fc*|head`)"
    )]
    Pattern(String),
    /// Adapters without rank or place.
    #[error(
        "`{0}` is not rank=R,on=PATTERN, nor rank=R,alpha=A,on=PATTERN (hint: --lora \
         rank=8,alpha=16,on=fc*)"
    )]
    Lora(String),
}

impl FromStr for Pattern {
    type Err = TuningError;

    fn from_str(text: &str) -> Result<Pattern, TuningError> {
        if text.split('|').all(|word| !word.trim().is_empty()) {
            return Ok(Pattern(text.to_owned()));
        }
        Err(TuningError::Pattern(text.to_owned()))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Low-rank adapters (Hu et al. 2021): a layer computes with `W + (alpha / rank) B A`, of which
/// only `A` and `B` are trained.
///
/// ```
/// use fedmpi::tuning::Lora;
/// let lora: Lora = "rank=8,on=fc*".parse()?;
/// assert_eq!((lora.rank.get(), lora.alpha, lora.scale()), (8, 8.0, 1.0));
/// # Ok::<(), fedmpi::tuning::TuningError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Lora {
    /// Rows of `A`, columns of `B`.
    pub rank: NonZeroUsize,
    /// Weight of the adapters; the rank unless said.
    pub alpha: f64,
    /// The matrices that are adapted.
    pub on: Pattern,
}

impl Lora {
    /// By what `B A` is multiplied.
    pub fn scale(&self) -> f64 {
        self.alpha / self.rank.get() as f64
    }
}

impl FromStr for Lora {
    type Err = TuningError;

    fn from_str(text: &str) -> Result<Lora, TuningError> {
        let unread = || TuningError::Lora(text.to_owned());
        let (mut rank, mut alpha, mut on) = (None, None, None);
        for word in text.split(',') {
            let (key, value) = word.split_once('=').ok_or_else(unread)?;
            match (key.trim(), value.trim()) {
                ("rank", value) => {
                    rank = Some(value.parse::<NonZeroUsize>().map_err(|_| unread())?)
                }
                ("alpha", value) => {
                    alpha = value
                        .parse()
                        .ok()
                        .filter(|alpha: &f64| alpha.is_finite() && *alpha > 0.0)
                }
                ("on", value) => on = Some(value.parse::<Pattern>()?),
                _ => return Err(unread()),
            }
            if key.trim() == "alpha" && alpha.is_none() {
                return Err(unread());
            }
        }
        let (rank, on) = (rank.ok_or_else(unread)?, on.ok_or_else(unread)?);
        Ok(Lora {
            rank,
            alpha: alpha.unwrap_or(rank.get() as f64),
            on,
        })
    }
}

impl fmt::Display for Lora {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "rank={},alpha={},on={}", self.rank, self.alpha, self.on)
    }
}

macro_rules! as_text {
    ($($type:ident),*) => { $(
        impl TryFrom<String> for $type {
            type Error = TuningError;

            fn try_from(text: String) -> Result<$type, TuningError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> String {
                value.to_string()
            }
        }
    )* };
}
as_text!(Pattern, Lora);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_back_and_nonsense_is_refused() {
        let lora: Lora = "rank=4,alpha=16,on=a.*|b".parse().expect("well-formed");
        assert_eq!((lora.to_string().parse(), lora.scale()), (Ok(lora), 4.0));
        for text in [
            "",
            "rank=8",
            "on=fc",
            "rank=0,on=fc",
            "rank=2,alpha=-1,on=fc",
            "rank=2,alpha=x,on=fc",
            "8,on=fc",
        ] {
            let fault = text.parse::<Lora>().expect_err(text).to_string();
            assert!(fault.contains("--lora rank=8"), "{fault}");
        }
        assert!("fc||head".parse::<Pattern>().is_err() && "rank=2,on=".parse::<Lora>().is_err());
    }
}
