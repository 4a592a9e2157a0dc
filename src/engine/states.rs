//! What clients keep, as the server knows of it: in a file of its own, from where it travels to
//! whoever trains them; or at their homes, which it never leaves, and then only versions are here.

use super::EngineError;
use super::kept::Kept;
use super::versions::Versions;
use crate::event::{KeptIndex, State};
use crate::ids::{ClientId, Rank, Round};
use crate::message::{Content, Keeps, Label};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where what clients keep is.
pub enum States {
    /// In a file of the server's.
    Here(Box<Here>),
    /// On the machines of their data.
    AtHomes(Versions),
}

/// A file of the server's, and who holds copies.
pub struct Here {
    // Values that each client keeps; 0: clients keep nothing.
    length: usize,
    path: Option<PathBuf>,
    checkpoints: usize,
    // Made when the first vector comes.
    file: Option<Kept>,
    // Who has the newest state of a client: the worker that trained it last.
    holders: BTreeMap<ClientId, Rank>,
    trained: BTreeMap<ClientId, Rank>,
}

impl States {
    /// For clients that keep `length` values each, in the server's file at `path`, if it shall
    /// outlive the process.
    pub fn here(length: usize, path: Option<PathBuf>, checkpoints: usize) -> States {
        let (holders, trained) = (BTreeMap::new(), BTreeMap::new());
        States::Here(Box::new(Here {
            length,
            path,
            checkpoints,
            file: None,
            holders,
            trained,
        }))
    }

    /// For clients that keep something at their homes; `path` tells this run from others.
    pub fn at_homes(path: Option<&Path>, checkpoints: usize) -> States {
        States::AtHomes(Versions::new(path, checkpoints))
    }

    /// Whether what clients keep goes along with orders.
    pub fn travel(&self) -> bool {
        matches!(self, States::Here(here) if here.length > 0)
    }

    /// Goes on with what a checkpoint refers to.
    ///
    /// # Errors
    /// A file that cannot be opened; states that are somewhere else.
    pub fn go_on(&mut self, state: &State) -> Result<(), EngineError> {
        match self {
            States::Here(here) => here.go_on(&state.kept),
            States::AtHomes(versions) => versions.go_on(&state.kept, state.kept_in.as_deref()),
        }
    }

    /// A worker is lost, and what it had.
    pub fn lose(&mut self, rank: Rank) {
        if let States::Here(here) = self {
            here.holders.retain(|_, holder| *holder != rank);
            here.trained.retain(|_, holder| *holder != rank);
        }
    }

    /// Where what a client keeps is for a worker that shall train it, and what goes along to there.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn send(
        &self,
        rank: Rank,
        client: ClientId,
        content: Content,
    ) -> Result<(Keeps, Content), EngineError> {
        match self {
            States::Here(here) => here.send(rank, client, content),
            States::AtHomes(versions) => Ok((versions.at_home(client), content)),
        }
    }

    /// Takes note that a client was trained, and of what it keeps, if that has come.
    ///
    /// # Errors
    /// A file that cannot be made or written.
    pub fn note(
        &mut self,
        rank: Rank,
        client: ClientId,
        round: Round,
        kept: Option<&[f32]>,
    ) -> Result<(), EngineError> {
        match (self, kept) {
            (States::Here(here), Some(kept)) => here.note(rank, client, round, kept)?,
            (States::Here(_), None) => {}
            (States::AtHomes(versions), _) => versions.note(client, round),
        }
        Ok(())
    }

    /// What a worker holds of a client is not to be gone on with.
    pub fn distrust(&mut self, client: ClientId) {
        if let States::Here(here) = self {
            here.holders.remove(&client);
        }
    }

    /// The round is complete.
    pub fn settle(&mut self) {
        match self {
            States::Here(here) => {
                here.holders.append(&mut here.trained);
                here.file.iter_mut().for_each(Kept::settle);
            }
            States::AtHomes(versions) => versions.settle(),
        }
    }

    /// The round came to nothing. What workers hold is of it, so nobody has the newest state.
    pub fn forget(&mut self) {
        match self {
            States::Here(here) => {
                for client in std::mem::take(&mut here.trained).into_keys() {
                    here.holders.remove(&client);
                }
                here.file.iter_mut().for_each(Kept::forget);
            }
            States::AtHomes(versions) => versions.forget(),
        }
    }

    /// Where everything is that clients keep, for a checkpoint; and what that is called at their
    /// homes.
    ///
    /// # Errors
    /// A file that cannot be brought to disk.
    pub fn pin(&mut self) -> Result<(KeptIndex, Option<String>), EngineError> {
        match self {
            States::Here(here) => Ok((
                here.file
                    .as_mut()
                    .map_or(Ok(KeptIndex::default()), Kept::pin)?,
                None,
            )),
            States::AtHomes(versions) => Ok((versions.pin(), Some(versions.run().to_owned()))),
        }
    }
}

impl Here {
    fn go_on(&mut self, index: &KeptIndex) -> Result<(), EngineError> {
        if let Some(path) = self
            .path
            .as_ref()
            .filter(|_| self.length > 0 && !index.0.is_empty())
        {
            self.file = Some(Kept::open(self.length, path, index, self.checkpoints)?);
        }
        Ok(())
    }

    fn send(
        &self,
        rank: Rank,
        client: ClientId,
        content: Content,
    ) -> Result<(Keeps, Content), EngineError> {
        let file = self.file.as_ref();
        let Some((file, round)) = file.and_then(|file| Some((file, file.version(client)?))) else {
            return Ok((Keeps::Nothing, content));
        };
        if self.holders.get(&client) == Some(&rank) {
            return Ok((Keeps::Held(round), content));
        }
        Ok(match file.of(client)? {
            Some(values) => (Keeps::Sent, content.with(Label::Kept(client), Arc::new(values))),
            None => (Keeps::Nothing, content),
        })
    }

    fn note(
        &mut self,
        rank: Rank,
        client: ClientId,
        round: Round,
        kept: &[f32],
    ) -> Result<(), EngineError> {
        self.trained.insert(client, rank);
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = Kept::create(self.length, self.path.as_deref(), self.checkpoints)?;
                self.file.insert(file)
            }
        };
        file.note(client, round, kept)
    }
}
