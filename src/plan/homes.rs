//! Data that never leaves its machine: which ranks hold which clients. Ranks that read the same
//! folder of the same host are one home.

use super::digest::written;
use crate::config::Config;
use crate::data::About;
use crate::ids::{ClientId, Rank};
use crate::task::Facts;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::ops::Range;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

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

/// Data that does not fit together.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum HomesError {
    /// Somebody has other data.
    #[error(
        "rank {rank} holds samples of shape {found:?} in {found_classes} classes, rank {first} of {wanted:?} in \
         {wanted_classes} (hint: the same --dataset in every --data_dir)"
    )]
    OtherShape {
        /// Who.
        rank: Rank,
        /// What it holds.
        found: Vec<usize>,
        /// In how many classes.
        found_classes: usize,
        /// The first that holds data.
        first: Rank,
        /// What that holds.
        wanted: Vec<usize>,
        /// In how many classes.
        wanted_classes: usize,
    },
    /// The same numbers would mean different things.
    #[error(
        "ranks {first} and {rank} hold data of which columns, classes or tokens mean other things, or that is standardised by \
         other figures (hint: give them: --dataset NAME:standardise=MEAN/DEVIATION, vocabulary=FILE; the same classes everywhere)"
    )]
    OtherMeaning {
        /// The first that holds data.
        first: Rank,
        /// Who differs.
        rank: Rank,
    },
    /// Ranks that should hold the same.
    #[error(
        "ranks {first} and {rank} read the same folder of a host of the same name, but hold other data (hint: give \
         hosts different names, or use {{rank}} in --data_dir)"
    )]
    OtherData {
        /// The first of them.
        first: Rank,
        /// Who differs.
        rank: Rank,
    },
    /// More or fewer clients than wanted.
    #[error(
        "all ranks together hold {found} clients, --client_num_in_total is {wanted} (hint: --client_num_in_total {found})"
    )]
    OtherNumber {
        /// Clients there are.
        found: usize,
        /// Clients wanted.
        wanted: usize,
    },
    /// Not enough clients for all.
    #[error(
        "--client_num_in_total is {clients}, but data lies in {homes} places (hint: at least one client for each)"
    )]
    TooFew {
        /// Clients wanted.
        clients: usize,
        /// Homes there are.
        homes: usize,
    },
}

/// `{rank}` and `{host}` in a folder's name.
///
/// ```
/// # use fedmpi::{ids::Rank, plan::expand};
/// # use std::path::Path;
/// assert_eq!(
///     expand(Path::new("/data/{host}/{rank}"), Rank(2), "node7"),
///     Path::new("/data/node7/2")
/// );
/// ```
pub fn expand(folder: &Path, rank: Rank, host: &str) -> PathBuf {
    let path = replaced(folder.as_os_str().as_bytes(), b"{rank}", rank.to_string().as_bytes());
    OsString::from_vec(replaced(&path, b"{host}", host.as_bytes())).into()
}

/// Bytes with all places of a word filled in: a path need not be text.
fn replaced(text: &[u8], word: &[u8], value: &[u8]) -> Vec<u8> {
    let (mut filled, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.windows(word.len()).position(|part| part == word) {
        filled.extend_from_slice(&rest[..at]);
        filled.extend_from_slice(value);
        rest = &rest[at + word.len()..];
    }
    filled.extend_from_slice(rest);
    filled
}

/// Workers by the place that each reads from, in the order of the lowest rank. `places` are by
/// rank; a job of one rank has its worker there too.
pub fn housemates(places: &[String]) -> Vec<Vec<Rank>> {
    if places.len() == 1 {
        return vec![vec![Rank(1)]];
    }
    let mut homes: Vec<(&String, Vec<Rank>)> = Vec::new();
    for (rank, place) in places.iter().enumerate().skip(1) {
        match homes.iter_mut().find(|(known, _)| *known == place) {
            Some((_, ranks)) => ranks.push(Rank::from(rank)),
            None => homes.push((place, vec![Rank::from(rank)])),
        }
    }
    homes.into_iter().map(|(_, ranks)| ranks).collect()
}

/// How many of `clients` live in each of `homes`: as evenly as can be. Of none the data tells how
/// many there are.
pub fn shares(clients: usize, homes: usize) -> Result<Vec<usize>, HomesError> {
    match clients >= homes || clients == 0 {
        true => Ok((0..homes)
            .map(|home| clients / homes + usize::from(home < clients % homes))
            .collect()),
        false => Err(HomesError::TooFew { clients, homes }),
    }
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
        let held: Vec<(Rank, &Holding)> = holdings
            .iter()
            .enumerate()
            .map(|(rank, holding)| (Rank::from(rank), holding))
            .filter(|(_, holding)| !holding.facts.shape.is_empty())
            .collect();
        let kind = |holding: &Holding| (holding.facts.shape.clone(), holding.facts.task.outputs());
        for &(rank, holding) in held.iter().skip(1) {
            let ((found, found_classes), (first, (wanted, wanted_classes))) =
                (kind(holding), (held[0].0, kind(held[0].1)));
            if (&found, found_classes) != (&wanted, wanted_classes) {
                return Err(HomesError::OtherShape {
                    rank,
                    found,
                    found_classes,
                    first,
                    wanted,
                    wanted_classes,
                });
            }
            if holding.about != held[0].1.about {
                return Err(HomesError::OtherMeaning { first, rank });
            }
        }
        let (mut homes, mut counts) = (Vec::with_capacity(mates.len()), Vec::new());
        let (mut digests, mut data) = (Vec::new(), Vec::new());
        for ranks in mates {
            // A job of one rank holds its worker's data itself.
            let holding = holdings.get(ranks[0].index()).unwrap_or(&holdings[0]);
            let other = ranks.iter().find(|rank| {
                holdings
                    .get(rank.index())
                    .is_some_and(|theirs| theirs != holding)
            });
            if let Some(&rank) = other {
                return Err(HomesError::OtherData {
                    first: ranks[0],
                    rank,
                });
            }
            digests.push(holding.digest.clone());
            data.push(holding.data.clone());
            let first = counts.len();
            counts.extend(&holding.counts);
            homes.push(Home {
                ranks,
                clients: first..counts.len(),
            });
        }
        let (found, wanted) = (counts.len(), config.client_num_in_total as usize);
        if wanted != 0 && found != wanted {
            return Err(HomesError::OtherNumber { found, wanted });
        }
        Ok(Homes {
            homes,
            counts,
            digests,
            data,
        })
    }

    /// Ranks of different places that hold the same training data: one of the copies is a mistake,
    /// most likely.
    pub fn twins(&self) -> Vec<(Rank, Rank)> {
        let first = |place: usize| self.homes[place].ranks[0];
        let twin = |place: usize| {
            self.data[..place]
                .iter()
                .position(|data| *data == self.data[place])
        };
        (0..self.homes.len())
            .filter_map(|place| Some((first(twin(place)?), first(place))))
            .collect()
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
    fn folders_that_are_no_text_have_ranks_too() {
        let folder = OsString::from_vec(b"d\xff/{rank}{host}{rank}".to_vec());
        let meant = OsString::from_vec(b"d\xff/3h3".to_vec());
        assert_eq!(expand(Path::new(&folder), Rank(3), "h"), Path::new(&meant));
    }

    #[test]
    fn ranks_of_one_folder_are_one_home() {
        let places = ["h1 /0", "h1 /a", "h2 /a", "h1 /a"].map(str::to_owned);
        let mates = housemates(&places);
        assert_eq!(mates, [vec![Rank(1), Rank(3)], vec![Rank(2)]]);
        assert_eq!(shares(5, mates.len()), Ok(vec![3, 2]));
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
        assert_eq!(
            shares(1, 2),
            Err(HomesError::TooFew {
                clients: 1,
                homes: 2
            })
        );
    }
}
