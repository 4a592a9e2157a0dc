//! Between training and the sum: what becomes of a client's change before it is added, such as
//! compression and privacy. Since the sum gets what was decoded, every reduction gives the same
//! bits.

mod clip;
mod noise;
mod topk;

use crate::part::{Choice, Entry, Kind, Part, PartError, Values};
use crate::seed::Stream;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

pub use noise::Noise;

/// Alters a client's change on its way.
///
/// Law: what it leaves depends on the arguments alone, so it is the same whoever trains the client.
pub trait Update: Send + Sync {
    /// Leaves in `change` what enters the sum, and in `kept` what the client keeps for the next
    /// time; gives the bits that a client would send, if it changes how many.
    fn close(&self, change: &mut [f32], kept: &mut [f32], stream: &mut Stream) -> Option<u64>;

    /// The longest that it leaves a change, whatever that was; none if it bounds nothing.
    fn bound(&self) -> Option<f64> {
        None
    }

    /// Noise on the mean of what it leaves, if it asks for any.
    fn noise(&self) -> Option<&Noise> {
        None
    }

    /// Values that a client keeps, for changes of `length`; zeros at first.
    fn kept(&self, _length: usize) -> usize {
        0
    }
}

/// Makes an update.
pub type Build = fn(&Values) -> Arc<dyn Update>;

/// All updates.
pub const KIND: Kind<Build> = Kind {
    setting: "update",
    about: "update",
    table: UPDATES,
};

/// Every update, by the name users write.
pub const UPDATES: &[Entry<Build>] = &[
    Entry::<Build>::new("clip", "changes longer than a norm are shortened to it", |values| {
        Arc::new(clip::Clip::read(values))
    })
    .with(clip::Clip::PARAMS),
    Entry::<Build>::new(
        "noise",
        "after `clip`, changes weigh alike and their mean gets normal noise: differential privacy \
         of clients (McMahan et al. 2018)",
        |values| Arc::new(Noise::read(values)),
    )
    .with(Noise::PARAMS),
    Entry::<Build>::new(
        "topk",
        "only the largest values are sent; the rest is kept and added the next time, if wanted",
        |values| Arc::new(topk::TopK::read(values)),
    )
    .with(topk::TopK::PARAMS),
];

/// Updates one after another, written `clip:norm=1;topk:share=0.01`, in YAML as a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Chain(pub Vec<Choice>);

impl std::str::FromStr for Chain {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Chain, Self::Err> {
        let words = text
            .split(';')
            .map(str::trim)
            .filter(|word| !word.is_empty());
        Ok(Chain(words.map(Choice::from).collect()))
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        write!(out, "{}", words.join(";"))
    }
}

impl<'de> Deserialize<'de> for Chain {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Chain, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Line(String),
            List(Vec<Choice>),
            One(Choice),
        }
        Ok(match Written::deserialize(from)? {
            Written::Line(text) => text.parse().unwrap_or_default(),
            Written::List(list) => Chain(list),
            Written::One(choice) => Chain(vec![choice]),
        })
    }
}

/// The updates of a chain, ready to be used.
#[derive(Clone, Default)]
pub struct Updates(Vec<Arc<dyn Update>>);

impl Updates {
    /// Makes all of a chain.
    ///
    /// # Errors
    /// A choice that makes no sense.
    pub fn make(chain: &Chain) -> Result<Updates, PartError> {
        let made = chain.0.iter().map(|choice| {
            KIND.look_up(choice)
                .map(|(entry, values)| (entry.build)(&values))
        });
        made.collect::<Result<_, _>>().map(Updates)
    }

    /// Whether changes go on as they are.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The noise that is asked for, and the bound of what it comes after; noise that does not come
    /// last has none.
    pub fn noise(&self) -> Option<(&Noise, Option<f64>)> {
        let place = self.0.iter().position(|update| update.noise().is_some())?;
        let before = self.0[..place].last().filter(|_| place + 1 == self.0.len());
        Some((self.0[place].noise()?, before.and_then(|update| update.bound())))
    }

    /// Values that a client keeps for all of them.
    pub fn kept(&self, length: usize) -> usize {
        self.0.iter().map(|update| update.kept(length)).sum()
    }

    /// Alters a change by one after another; gives the bits that a client would send.
    pub fn close(&self, change: &mut [f32], kept: &mut [f32], stream: &mut Stream) -> u64 {
        let mut bits = 32 * change.len() as u64;
        let mut rest = kept;
        for update in &self.0 {
            let (own, others) = std::mem::take(&mut rest).split_at_mut(update.kept(change.len()));
            bits = update.close(change, own, stream).unwrap_or(bits);
            rest = others;
        }
        bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    #[test]
    fn chains_are_lines_and_lists() {
        let chain: Chain = "clip:norm=1; topk:share=0.5".parse().expect("never fails");
        let yaml =
            serde_yaml::from_str::<Chain>("[{name: clip, norm: 1}, {name: topk, share: 0.5}]")
                .expect("a list");
        assert_eq!((chain.0.len(), &chain), (2, &yaml));
        let written = serde_yaml::to_string(&chain).expect("plain data");
        assert_eq!(serde_yaml::from_str::<Chain>(&written).expect("own output"), chain);
    }

    #[test]
    fn noise_has_a_bound_only_where_it_comes_last_and_after_one() {
        let bound = |text: &str| {
            let updates = Updates::make(&text.parse().expect("never fails")).expect("sound");
            updates.noise().map(|(_, bound)| bound)
        };
        assert_eq!(bound("clip:norm=2;noise:noise_multiplier=1"), Some(Some(2.0)));
        assert_eq!(bound("topk;clip:norm=2;noise:noise_multiplier=1"), Some(Some(2.0)));
        for unbounded in [
            "noise",
            "clip;topk;noise",
            "clip;noise;topk",
            "clip;noise;noise",
        ] {
            assert_eq!(bound(unbounded), Some(None), "{unbounded}");
        }
        assert_eq!(bound("clip"), None);
    }

    #[test]
    fn nothing_stays_nothing_for_every_update() {
        for entry in UPDATES {
            let updates = Updates::make(&Chain(vec![entry.name.into()])).expect("sound");
            let (mut change, mut kept) = ([0.0f32; 5], vec![0.0; updates.kept(5)]);
            let bits = updates.close(&mut change, &mut kept, &mut Seed(0).stream(Purpose::Update));
            assert!(
                change == [0.0; 5] && kept.iter().all(|&value| value == 0.0) && bits > 0,
                "{}",
                entry.name
            );
        }
    }
}
