//! What clients keep, on the machine of their data: a file for each client and round, so that all
//! ranks of a home find it, and a run that goes on finds the state that belongs to its model. What
//! is not needed any more goes with the client's next training.

use super::EngineError;
use super::kept::header;
use crate::config::Config;
use crate::files;
use crate::ids::{ClientId, Rank, Round};
use crate::plan::expand;
use crate::transport::host_name;
use std::fs;
use std::io::{self, Error};
use std::path::{Path, PathBuf};

/// The folder in `--data_dir`, where no other is wished for.
const FOLDER: &str = ".fedmpi-kept";
/// Bytes of a fingerprint.
const SUM: usize = blake3::OUT_LEN;

/// A home's folder of states.
pub struct Home {
    folder: PathBuf,
    // Values of each state.
    length: usize,
}

impl Home {
    /// The home of a rank, for states of `length` values.
    ///
    /// # Errors
    /// A folder that cannot be made or written to.
    pub fn open(config: &Config, length: usize, rank: Rank) -> Result<Home, EngineError> {
        let wished = config
            .kept_dir
            .clone()
            .unwrap_or_else(|| config.data_dir.join(FOLDER));
        let folder = expand(&wished, rank, &host_name());
        let writable =
            fs::create_dir_all(&folder).and_then(|()| tempfile::tempfile_in(&folder).map(drop));
        writable.map_err(|error| {
            lost(&folder, &error, "--kept_dir names a folder that can be written to")
        })?;
        Ok(Home { folder, length })
    }

    /// What a client keeps since a round.
    ///
    /// # Errors
    /// A state that is gone or damaged.
    pub fn of(&self, run: &str, client: ClientId, round: Round) -> Result<Vec<f32>, EngineError> {
        let path = self.folder_of(run, client)?.join(round.to_string());
        let read = files::bytes(&path).and_then(|bytes| self.decoded(client, round, &bytes));
        read.map_err(|error| {
            let hint = "bring the folder back, or start the run anew; --kept_dir says where it is";
            lost(
                &path,
                &format_args!("client {client} keeps it since round {round}: {error}"),
                hint,
            )
        })
    }

    /// Takes note of what a client keeps since `round`, and removes what it kept before, but of the
    /// rounds that are `needed`.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn note(
        &self,
        run: &str,
        client: ClientId,
        round: Round,
        values: &[f32],
        needed: &[Round],
    ) -> Result<(), EngineError> {
        let folder = self.folder_of(run, client)?;
        let path = folder.join(round.to_string());
        let written = fs::create_dir_all(&folder)
            .and_then(|()| files::write_whole(&path, &encoded(client, round, values)));
        written.map_err(|error| {
            lost(&path, &error, "check free space; --kept_dir names another folder")
        })?;
        remove_but(&folder, needed, round)
            .map_err(|error| lost(&folder, &error, "check permissions"))
    }

    /// The folder of a client. What a run is called comes from elsewhere, and must not lead
    /// elsewhere.
    fn folder_of(&self, run: &str, client: ClientId) -> Result<PathBuf, EngineError> {
        match !run.is_empty() && run.bytes().all(|letter| letter.is_ascii_alphanumeric()) {
            true => Ok(self.folder.join(run).join(client.to_string())),
            false => {
                Err(lost(Path::new(run), &"it is no name of a run", "use the checkpoint of a run"))
            }
        }
    }

    /// The values of a state, if it is the one that is meant and whole.
    fn decoded(&self, client: ClientId, round: Round, bytes: &[u8]) -> io::Result<Vec<f32>> {
        let head = header(client, round);
        let damaged = || Error::other("it is damaged");
        let rest = bytes.strip_prefix(&head).ok_or_else(damaged)?;
        let (sum, values) = rest.split_at_checked(SUM).ok_or_else(damaged)?;
        if values.len() != size_of::<f32>() * self.length || sum != blake3::hash(values).as_bytes()
        {
            return Err(damaged());
        }
        Ok(bytemuck::allocation::pod_collect_to_vec(values))
    }
}

/// A state as it lies in its file: whose it is and of which round, its fingerprint, its values.
fn encoded(client: ClientId, round: Round, values: &[f32]) -> Vec<u8> {
    let values: &[u8] = bytemuck::cast_slice(values);
    [
        &header(client, round)[..],
        blake3::hash(values).as_bytes(),
        values,
    ]
    .concat()
}

/// Removes states of other rounds from a client's folder, and nothing that has another name.
fn remove_but(folder: &Path, needed: &[Round], fresh: Round) -> io::Result<()> {
    let stays: Vec<String> = needed
        .iter()
        .chain([&fresh])
        .map(Round::to_string)
        .collect();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let is_state = !name.is_empty() && name.bytes().all(|letter| letter.is_ascii_digit());
        if is_state && !stays.contains(&name) {
            files::remove(&folder.join(name))?;
        }
    }
    Ok(())
}

/// What clients keep at this home cannot be used.
fn lost(path: &Path, reason: &dyn ToString, hint: &str) -> EngineError {
    let reason = format!("{} on {}: {}", path.display(), host_name(), reason.to_string());
    EngineError::KeptAtHome {
        reason,
        hint: hint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ClientId = ClientId(7);

    fn home(folder: &Path) -> Home {
        let config = Config {
            data_dir: folder.to_owned(),
            ..Config::default()
        };
        Home::open(&config, 2, Rank(1)).expect("writable")
    }

    #[test]
    fn states_are_found_by_their_round_until_nobody_needs_them() {
        let parent = tempfile::tempdir().expect("a folder");
        let home = home(parent.path());
        let note = |round: u32, needed: &[u32]| {
            let needed: Vec<Round> = needed.iter().map(|&round| Round(round)).collect();
            home.note("run", A, Round(round), &[round as f32, 0.5], &needed)
                .expect("writable");
        };
        let value = |round: u32| home.of("run", A, Round(round)).map(|values| values[0]).ok();
        note(3, &[]);
        note(5, &[3]);
        note(8, &[3, 5]);
        assert_eq!([3, 5, 8].map(value), [Some(3.0), Some(5.0), Some(8.0)]);
        note(9, &[8]);
        assert_eq!([3, 5, 8, 9].map(value), [None, None, Some(8.0), Some(9.0)]);
        assert!(
            home.of("other", A, Round(9)).is_err()
                && home.of("run", ClientId(8), Round(9)).is_err()
        );
    }

    #[test]
    fn what_is_gone_or_damaged_is_said_and_nothing_lies_elsewhere() {
        let parent = tempfile::tempdir().expect("a folder");
        let home = home(parent.path());
        home.note("run", A, Round(0), &[1.0, 2.0], &[])
            .expect("writable");
        let path = parent
            .path()
            .join(FOLDER)
            .join("run/7")
            .join(Round(0).to_string());
        let said = |run: &str| home.of(run, A, Round(0)).expect_err("refused").to_string();
        let whole = fs::read(&path).expect("there");
        let mut flipped = whole.clone();
        *flipped.last_mut().expect("bytes") ^= 1;
        for bytes in [&whole[..whole.len() - 1], &flipped[..], &[]] {
            fs::write(&path, bytes).expect("writable");
            assert!(
                said("run").contains("client 7 keeps it since round 1: it is damaged"),
                "{}",
                said("run")
            );
        }
        fs::remove_file(&path).expect("there");
        let gone = said("run");
        assert!(gone.contains(&host_name()) && gone.contains("start the run anew"), "{gone}");
        for run in ["../run", "", "/etc"] {
            assert!(said(run).contains("no name of a run"), "{run}");
        }
    }
}
