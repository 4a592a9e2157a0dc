//! Places where data lies: the folder that each rank reads, which ranks read the same one, and how
//! many clients live in each.

use super::HomesError;
use crate::ids::Rank;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

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
    if clients != 0 && clients < homes {
        return Err(HomesError::TooFew { clients, homes });
    }
    let share = |home| clients / homes + usize::from(home < clients % homes);
    Ok((0..homes).map(share).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_are_no_text_have_ranks_too() {
        let folder = OsString::from_vec(b"d\xff/{rank}{host}{rank}".to_vec());
        let meant = OsString::from_vec(b"d\xff/3h3".to_vec());
        assert_eq!(expand(Path::new(&folder), Rank(3), "h"), Path::new(&meant));
    }

    #[test]
    fn clients_are_shared_out_evenly() {
        assert_eq!(shares(5, 2), Ok(vec![3, 2]));
        assert_eq!(shares(0, 2), Ok(vec![0, 0]));
        assert_eq!(
            shares(1, 2),
            Err(HomesError::TooFew {
                clients: 1,
                homes: 2
            })
        );
    }
}
