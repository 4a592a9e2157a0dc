//! What is wrong where the data of several machines does not fit together.

use crate::ids::Rank;

/// Data that does not fit together.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum HomesError {
    /// Somebody has other data.
    #[error(
        "rank {rank} holds samples of shape {found:?} in {found_classes} classes, rank {first} of \
         {wanted:?} in {wanted_classes} (hint: the same --dataset in every --data_dir)"
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
        "ranks {first} and {rank} hold data of which columns, classes or tokens mean other things, \
         or that is standardised by other figures (hint: give them: --dataset \
         NAME:standardise=MEAN/DEVIATION, vocabulary=FILE; the same classes everywhere)"
    )]
    OtherMeaning {
        /// The first that holds data.
        first: Rank,
        /// Who differs.
        rank: Rank,
    },
    /// Ranks that should hold the same.
    #[error(
        "ranks {first} and {rank} read the same folder of a host of the same name, but hold other \
         data (hint: give hosts different names, or use {{rank}} in --data_dir)"
    )]
    OtherData {
        /// The first of them.
        first: Rank,
        /// Who differs.
        rank: Rank,
    },
    /// More or fewer clients than wanted.
    #[error(
        "all ranks together hold {found} clients, --client_num_in_total is {wanted} (hint: \
         --client_num_in_total {found})"
    )]
    OtherNumber {
        /// Clients there are.
        found: usize,
        /// Clients wanted.
        wanted: usize,
    },
    /// Not enough clients for all.
    #[error(
        "--client_num_in_total is {clients}, but data lies in {homes} places (hint: at least one \
         client for each)"
    )]
    TooFew {
        /// Clients wanted.
        clients: usize,
        /// Homes there are.
        homes: usize,
    },
}
