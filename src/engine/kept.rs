//! What clients keep from one training to the next, in a file, so that memory does not grow with
//! clients. A client that has kept nothing takes no room.
//!
//! What a round wrote counts once the round is complete; a round that comes to nothing leaves no
//! trace. What a checkpoint refers to stays where it is until that checkpoint is gone.

use super::EngineError;
use crate::event::KeptIndex;
use crate::files;
use crate::ids::{ClientId, Round};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes before each vector: whose it is, and of which round.
const HEAD: usize = 8;

/// Vectors of one length by client.
pub struct Kept {
    file: File,
    length: usize,
    // Where the vector of each client is, and which round left it.
    settled: BTreeMap<ClientId, Slot>,
    // What the round in hand has written.
    fresh: BTreeMap<ClientId, Slot>,
    free: Vec<u32>,
    slots: u32,
    // The slots of each checkpoint that is kept, oldest first.
    pins: VecDeque<BTreeSet<u32>>,
    checkpoints: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    place: u32,
    round: Round,
}

impl Kept {
    /// An empty store of vectors of `length` values. `path` is where it lies, if it shall outlive
    /// the process; as many checkpoints as `checkpoints` may refer to it.
    ///
    /// # Errors
    /// A file that cannot be made.
    pub fn create(
        length: usize,
        path: Option<&Path>,
        checkpoints: usize,
    ) -> Result<Kept, EngineError> {
        let file = match path {
            Some(path) => files::create(path),
            None => tempfile::tempfile(),
        };
        Ok(Kept {
            file: file.map_err(unkept)?,
            length,
            settled: BTreeMap::new(),
            fresh: BTreeMap::new(),
            free: Vec::new(),
            slots: 0,
            pins: VecDeque::new(),
            checkpoints,
        })
    }

    /// Goes on with the store that a checkpoint refers to.
    ///
    /// # Errors
    /// A file that cannot be opened.
    pub fn open(
        length: usize,
        path: &Path,
        index: &KeptIndex,
        checkpoints: usize,
    ) -> Result<Kept, EngineError> {
        let file = files::open_own(path).map_err(unkept)?;
        let bytes = file.metadata().map_err(unkept)?.len();
        // Slots that nothing refers to are lost until a new one is needed there.
        let slots = (bytes / (HEAD + 4 * length) as u64) as u32;
        let settled: BTreeMap<_, _> = index
            .0
            .iter()
            .map(|&(client, place, round)| (client, Slot { place, round }))
            .collect();
        let used: BTreeSet<u32> = settled.values().map(|slot| slot.place).collect();
        let free = (0..slots).filter(|place| !used.contains(place)).collect();
        let pins = [used].into();
        Ok(Kept {
            file,
            length,
            settled,
            fresh: BTreeMap::new(),
            free,
            slots,
            pins,
            checkpoints,
        })
    }

    /// Which round left what a client keeps.
    pub fn version(&self, client: ClientId) -> Option<Round> {
        self.settled.get(&client).map(|slot| slot.round)
    }

    /// What a client keeps, if it does.
    ///
    /// # Errors
    /// A file that cannot be read, or that holds something else there.
    pub fn of(&self, client: ClientId) -> Result<Option<Vec<f32>>, EngineError> {
        let Some(slot) = self.settled.get(&client) else { return Ok(None) };
        let mut bytes = vec![0u8; HEAD + 4 * self.length];
        self.file
            .read_exact_at(&mut bytes, self.offset(slot.place))
            .map_err(unkept)?;
        let (head, values) = bytes.split_at(HEAD);
        if head != header(client, slot.round) {
            let reason = format!(
                "what client {client} keeps since round {} is not there any more",
                slot.round
            );
            return Err(EngineError::Kept { reason });
        }
        let mut floats = vec![0.0f32; self.length];
        bytemuck::cast_slice_mut(&mut floats).copy_from_slice(values);
        Ok(Some(floats))
    }

    /// Takes note of what a client keeps after a training in `round`; it counts once the round is
    /// settled.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn note(
        &mut self,
        client: ClientId,
        round: Round,
        values: &[f32],
    ) -> Result<(), EngineError> {
        let place = match self.fresh.get(&client) {
            Some(slot) => slot.place,
            None => self.free.pop().unwrap_or_else(|| {
                self.slots += 1;
                self.slots - 1
            }),
        };
        self.fresh.insert(client, Slot { place, round });
        let values: &[u8] = bytemuck::cast_slice(values);
        let head = header(client, round);
        let offset = self.offset(place);
        self.file.write_all_at(&head, offset).map_err(unkept)?;
        self.file
            .write_all_at(values, offset + HEAD as u64)
            .map_err(unkept)
    }

    /// The round is complete: what it wrote counts.
    pub fn settle(&mut self) {
        for (client, slot) in std::mem::take(&mut self.fresh) {
            let old = self.settled.insert(client, slot);
            self.free.extend(
                old.map(|old| old.place)
                    .filter(|place| !self.is_pinned(*place)),
            );
        }
    }

    /// The round came to nothing.
    pub fn forget(&mut self) {
        self.free.extend(
            std::mem::take(&mut self.fresh)
                .into_values()
                .map(|slot| slot.place),
        );
    }

    /// Where everything is, for a checkpoint; it stays there as long as that checkpoint is kept.
    ///
    /// # Errors
    /// A file that cannot be brought to disk.
    pub fn pin(&mut self) -> Result<KeptIndex, EngineError> {
        self.file.sync_data().map_err(unkept)?;
        self.pins
            .push_back(self.settled.values().map(|slot| slot.place).collect());
        while self.pins.len() > self.checkpoints {
            let old = self.pins.pop_front().unwrap_or_default();
            let used: BTreeSet<u32> = self.settled.values().map(|slot| slot.place).collect();
            let idle = old
                .difference(&used)
                .copied()
                .filter(|place| !self.is_pinned(*place));
            self.free.extend(idle.collect::<Vec<_>>());
        }
        Ok(KeptIndex(
            self.settled
                .iter()
                .map(|(client, slot)| (*client, slot.place, slot.round))
                .collect(),
        ))
    }

    fn is_pinned(&self, place: u32) -> bool {
        self.pins.iter().any(|pin| pin.contains(&place))
    }

    fn offset(&self, place: u32) -> u64 {
        u64::from(place) * (HEAD + 4 * self.length) as u64
    }
}

/// What is written before a vector: a slot that was used again is noticed.
pub fn header(client: ClientId, round: Round) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..4].copy_from_slice(&client.0.to_le_bytes());
    head[4..8].copy_from_slice(&round.0.to_le_bytes());
    head
}

fn unkept(error: io::Error) -> EngineError {
    EngineError::Kept {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ClientId = ClientId(7);

    fn value(kept: &Kept, client: ClientId) -> Option<f32> {
        kept.of(client).expect("readable").map(|values| values[0])
    }

    #[test]
    fn what_a_round_wrote_counts_once_it_is_settled() {
        let mut kept = Kept::create(2, None, 1).expect("made");
        assert_eq!(value(&kept, A), None);
        kept.note(A, Round(0), &[1.0; 2]).expect("written");
        assert_eq!(value(&kept, A), None);
        kept.settle();
        kept.note(A, Round(1), &[2.0; 2]).expect("written");
        kept.forget();
        assert_eq!((value(&kept, A), kept.version(A)), (Some(1.0), Some(Round(0))));
        for round in 2..20 {
            kept.note(A, Round(round), &[round as f32; 2])
                .expect("written");
            kept.note(A, Round(round), &[round as f32 + 0.5; 2])
                .expect("trained again");
            kept.settle();
        }
        assert_eq!((value(&kept, A), kept.slots), (Some(19.5), 2));
    }

    #[test]
    fn what_checkpoints_refer_to_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("kept.bin");
        let mut kept = Kept::create(1, Some(&path), 2).expect("made");
        let mut indices = Vec::new();
        for round in 0..6 {
            kept.note(A, Round(round), &[round as f32])
                .expect("written");
            kept.settle();
            indices.push(kept.pin().expect("on disk"));
        }
        // The one in force, one that an older checkpoint has, and one to write to.
        assert!(kept.slots <= 4, "{}", kept.slots);
        drop(kept);
        for (index, wanted) in indices[4..].iter().zip([4.0, 5.0]) {
            assert_eq!(value(&Kept::open(1, &path, index, 2).expect("there"), A), Some(wanted));
        }
        let gone = Kept::open(1, &path, &indices[0], 2).expect("there").of(A);
        assert!(
            gone.expect_err("overwritten")
                .to_string()
                .contains("client 7")
        );
    }
}
