//! Data that never leaves its machine: which ranks hold which clients. Ranks that read the same
//! folder of the same host are one home.

mod error;
mod places;

use super::digest::written;
use crate::config::Config;
use crate::data::About;
use crate::ids::{ClientId, Rank};
use crate::task::Facts;
use serde::{Deserialize, Serialize};
use std::ops::Range;

pub use error::HomesError;
pub use places::{expand, housemates, shares};

/// What a rank says of the data that it holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Holding {
    /// What a model must know of it; of an empty shape when it holds nothing.
    pub facts: Facts,
    /// What its numbers, classes and tokens mean.
    pub about: About,
    /// Samples of each client that it holds.
    pub counts: Vec<u64>,
    /// Fingerprint of its training data.
    pub data: String,
    /// Fingerprint of everything that it holds, to notice when that changes.
    pub digest: String,
}

impl Holding {
    fn is_empty(&self) -> bool {
        self.facts.shape.is_empty()
    }

    /// Shape of a sample, and in how many classes they are.
    fn kind(&self) -> (&[usize], usize) {
        (&self.facts.shape, self.facts.task.outputs())
    }
}

/// Ranks that hold the same clients.
#[derive(Clone, Debug, PartialEq)]
pub struct Home {
    /// Its ranks, in order.
    pub ranks: Vec<Rank>,
    /// Its clients.
    pub clients: Range<usize>,
}

/// All homes, by their lowest rank; clients are numbered in this order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Homes {
    homes: Vec<Home>,
    counts: Vec<u64>,
    digests: Vec<String>,
    // The training data of each.
    data: Vec<String>,
}

impl Homes {
    /// Puts together what all ranks hold; `holdings` are by rank.
    ///
    /// # Errors
    /// Data of different kinds, or another number of clients than the config says, if it says one.
    pub fn new(
        config: &Config,
        mates: Vec<Vec<Rank>>,
        holdings: &[Holding],
    ) -> Result<Homes, HomesError> {
        check_alike(holdings)?;
        let mut all = Homes::default();
        for ranks in mates {
            all.add(ranks, holdings)?;
        }
        let (found, wanted) = (all.counts.len(), config.client_num_in_total as usize);
        if wanted != 0 && found != wanted {
            return Err(HomesError::OtherNumber { found, wanted });
        }
        Ok(all)
    }

    /// One home more, of ranks that must all hold the same.
    fn add(&mut self, ranks: Vec<Rank>, holdings: &[Holding]) -> Result<(), HomesError> {
        let first = ranks[0];
        // A job of one rank holds its worker's data itself.
        let ours = holdings.get(first.index()).unwrap_or(&holdings[0]);
        for &rank in &ranks {
            let theirs = holdings.get(rank.index()).unwrap_or(ours);
            if theirs != ours {
                return Err(HomesError::OtherData { first, rank });
            }
        }
        let start = self.counts.len();
        self.counts.extend(&ours.counts);
        self.digests.push(ours.digest.clone());
        self.data.push(ours.data.clone());
        let clients = start..self.counts.len();
        self.homes.push(Home { ranks, clients });
        Ok(())
    }

    /// Ranks of different places that hold the same training data: one of the copies is a mistake,
    /// most likely.
    pub fn twins(&self) -> Vec<(Rank, Rank)> {
        let mut twins = Vec::new();
        for (place, home) in self.homes.iter().enumerate() {
            if let Some(twin) = self.twin_before(place) {
                twins.push((twin.ranks[0], home.ranks[0]));
            }
        }
        twins
    }

    /// The first home of the same training data, if there is one before this.
    fn twin_before(&self, place: usize) -> Option<&Home> {
        let mut earlier = self.homes.iter().zip(&self.data[..place]);
        let (home, _) = earlier.find(|(_, data)| **data == self.data[place])?;
        Some(home)
    }

    /// Every home.
    pub fn all(&self) -> &[Home] {
        &self.homes
    }

    /// The home of a client.
    pub fn of(&self, client: ClientId) -> &Home {
        let place = self
            .homes
            .partition_point(|home| home.clients.end <= client.index());
        &self.homes[place]
    }

    /// The first client of a rank.
    pub fn first_of(&self, rank: Rank) -> usize {
        self.homes
            .iter()
            .find(|home| home.ranks.contains(&rank))
            .map_or(0, |home| home.clients.start)
    }

    /// Fingerprint of who holds what.
    pub fn digest(&self) -> String {
        let text = [written(&self.counts), written(&self.digests)].join(" ");
        blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
    }

    /// Samples of every client.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }
}

/// What all ranks hold is of one kind; a rank that holds nothing does not count.
fn check_alike(holdings: &[Holding]) -> Result<(), HomesError> {
    let mut held = (0..)
        .map(Rank)
        .zip(holdings)
        .filter(|(_, holding)| !holding.is_empty());
    let Some((first, wanted)) = held.next() else { return Ok(()) };
    for (rank, found) in held {
        if found.kind() != wanted.kind() {
            let (found, found_classes) = found.kind();
            let (wanted, wanted_classes) = wanted.kind();
            return Err(HomesError::OtherShape {
                rank,
                found: found.to_vec(),
                found_classes,
                first,
                wanted: wanted.to_vec(),
                wanted_classes,
            });
        }
        if found.about != wanted.about {
            return Err(HomesError::OtherMeaning { first, rank });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(counts: &[u64]) -> Holding {
        Holding {
            facts: Facts::classes(&[2], 3),
            about: About::default(),
            counts: counts.to_vec(),
            data: format!("{counts:?}"),
            digest: String::new(),
        }
    }

    fn config(clients: i64) -> Config {
        Config {
            client_num_in_total: clients,
            ..Config::default()
        }
    }

    #[test]
    fn places_with_the_same_data_are_told() {
        let places = ["server", "h /1", "h /2", "h /2", "h /3"].map(str::to_owned);
        let holdings = [&[][..], &[4, 5], &[6], &[6], &[4, 5]].map(holding);
        let homes = Homes::new(&config(5), housemates(&places), &holdings).expect("sound");
        assert_eq!(homes.twins(), [(Rank(1), Rank(4))]);
    }

    #[test]
    fn ranks_of_one_folder_are_one_home() {
        let places = ["h1 /0", "h1 /a", "h2 /a", "h1 /a"].map(str::to_owned);
        let mates = housemates(&places);
        assert_eq!(mates, [vec![Rank(1), Rank(3)], vec![Rank(2)]]);
        let holdings = [
            Holding::default(),
            holding(&[7, 8, 9]),
            holding(&[1, 2]),
            holding(&[7, 8, 9]),
        ];
        let homes = Homes::new(&config(5), mates, &holdings).expect("sound");
        assert_eq!(homes.counts(), [7, 8, 9, 1, 2]);
        assert_eq!(homes.of(ClientId(2)).ranks, [Rank(1), Rank(3)]);
        assert_eq!(
            (homes.of(ClientId(3)).ranks[0], homes.first_of(Rank(2)), homes.first_of(Rank(3))),
            (Rank(2), 3, 0)
        );
    }

    #[test]
    fn a_job_of_one_rank_is_its_own_worker() {
        let homes = Homes::new(&config(2), housemates(&["h /1".to_owned()]), &[holding(&[4, 5])])
            .expect("sound");
        assert_eq!(
            homes.all(),
            [Home {
                ranks: vec![Rank(1)],
                clients: 0..2
            }]
        );
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let mates = || vec![vec![Rank(1)], vec![Rank(2)]];
        let other = Holding {
            facts: Facts::classes(&[2], 4),
            ..holding(&[1])
        };
        let refused = |holdings: &[Holding], clients| {
            Homes::new(&config(clients), mates(), holdings).expect_err("refused")
        };
        let said = refused(&[Holding::default(), holding(&[1]), other], 2).to_string();
        assert!(said.starts_with("rank 2 holds samples of shape [2] in 4 classes"), "{said}");
        let about = About {
            classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
            ..About::default()
        };
        let other = Holding {
            about,
            ..holding(&[1])
        };
        let refusal = refused(&[Holding::default(), holding(&[1]), other], 2);
        assert_eq!(
            refusal,
            HomesError::OtherMeaning {
                first: Rank(1),
                rank: Rank(2)
            }
        );
        let two = [Holding::default(), holding(&[1]), holding(&[1])];
        let same = || vec![vec![Rank(1), Rank(2)]];
        let cloned = [
            Holding::default(),
            holding(&[1]),
            Holding {
                digest: "else".into(),
                ..holding(&[1])
            },
        ];
        let refusal = Homes::new(&config(1), same(), &cloned).expect_err("refused");
        assert_eq!(
            refusal,
            HomesError::OtherData {
                first: Rank(1),
                rank: Rank(2)
            }
        );
        assert_eq!(
            refused(&two, 3),
            HomesError::OtherNumber {
                found: 2,
                wanted: 3
            }
        );
    }
}
