//! Checkpoints: everything that the next round depends on, in a file that is whole or not there. The
//! last few are kept.

use super::fault;
use crate::event::{Event, KeptIndex, RecordError, Recorder, State};
use crate::files::write_whole;
use crate::ids::{ClientId, Round};
use crate::plan::Plan;
use crate::stop;
use bytemuck::allocation::pod_collect_to_vec;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Raised whenever the meaning of a checkpoint changes.
const FORMAT: u32 = 4;
/// Names of tensors.
const GLOBAL: &str = "weights";
const START: &str = "start.";
const MEMORY: &str = "memory.";
const KEPT: &str = "kept";
/// What clients keep, beside the checkpoints' folder.
pub const KEPT_FILE: &str = "kept.bin";
/// Without a fixed rhythm, writing takes at most one part in so many of the time.
const SPARING: u32 = 20;

/// A checkpoint that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// There is none.
    #[error("{0} holds no checkpoint (hint: start without --resume, or name the run's folder)")]
    None(PathBuf),
    /// A file that is not whole any more.
    #[error("{path} is damaged: {reason} (hint: {hint})")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// A file of an older or newer program.
    #[error("{path} has format {found}, this program reads {FORMAT} (hint: resume with the version that wrote it)")]
    Format {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: u32,
    },
    /// A file of another plan.
    #[error("{path} belongs to another plan or other data (hint: resume with the settings in the run's config.yaml)")]
    OtherPlan {
        /// The file.
        path: PathBuf,
    },
}

/// What every format says.
#[derive(Deserialize)]
struct Header {
    format: u32,
}

/// What is written beside the weights.
#[derive(Serialize, Deserialize)]
struct Facts {
    format: u32,
    plan: String,
    state: State,
}

/// Where a run goes on.
#[derive(Clone, Debug)]
pub struct Saved {
    /// Everything but the weights.
    pub state: State,
    /// The global model, flat.
    pub weights: Vec<f32>,
}

/// Writes checkpoints.
pub struct Checkpoints {
    folder: PathBuf,
    plan: String,
    every: Option<u32>,
    keep: usize,
    last: Instant,
    cost: Duration,
    rounds: u32,
}

impl Checkpoints {
    /// Will write to `folder`.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn create(folder: PathBuf, plan: &Plan) -> Result<Checkpoints, RecordError> {
        fs::create_dir_all(&folder).map_err(|error| fault(&folder, error))?;
        Ok(Checkpoints {
            folder,
            plan: plan.lasting_digest(),
            every: plan.checkpoint_every(),
            keep: plan.config.keep_checkpoints as usize,
            last: Instant::now(),
            cost: Duration::ZERO,
            rounds: 0,
        })
    }

    /// Removes all but the newest ones.
    fn thin_out(&self) -> Result<(), RecordError> {
        let files = files(&self.folder);
        let old = files.len().saturating_sub(self.keep);
        files[..old].iter().try_for_each(|file| fs::remove_file(file).map_err(|error| fault(file, error)))
    }
}

impl Recorder for Checkpoints {
    fn wants_state(&mut self) -> bool {
        self.rounds += 1;
        if stop::save_wanted() {
            return true;
        }
        match self.every {
            Some(0) => false,
            Some(every) => self.rounds.is_multiple_of(every),
            None => self.last.elapsed() >= self.cost * SPARING,
        }
    }

    fn keeps_at(&self) -> Option<PathBuf> {
        Some(self.folder.parent()?.join(KEPT_FILE))
    }

    fn record(&mut self, event: &Event, weights: &[f32]) -> Result<(), RecordError> {
        let Event::Saved(state) = event else { return Ok(()) };
        let began = Instant::now();
        let path = self.folder.join(format!("round-{:08}.safetensors", state.rounds));
        let facts = Facts { format: FORMAT, plan: self.plan.clone(), state: state.clone() };
        let bytes = encode(&facts, weights).map_err(|error| fault(&path, error))?;
        write_whole(&path, &bytes).map_err(|error| fault(&path, error))?;
        self.cost = began.elapsed();
        self.last = Instant::now();
        self.thin_out()
    }
}

/// A tensor as it lies in a file.
type Bytes<'a> = (Dtype, Cow<'a, [u8]>);

/// The tensors of a checkpoint by name: the global model, what is remembered, where what clients keep is, and the
/// models that trainings under way start from.
fn tensors<'a>(state: &'a State, weights: &'a [f32]) -> BTreeMap<String, Bytes<'a>> {
    let floats = |values: &'a [f32]| (Dtype::F32, Cow::Borrowed(bytemuck::cast_slice(values)));
    let starts = state.flight.iter().flat_map(|flight| &flight.starts);
    let mut tensors: BTreeMap<String, Bytes<'a>> =
        starts.map(|(version, start)| (format!("{START}{version}"), floats(start))).collect();
    let memory = state.memory.iter().enumerate();
    tensors.extend(memory.map(|(place, values)| (format!("{MEMORY}{place}"), floats(values))));
    if !state.kept.0.is_empty() {
        let index: Vec<u32> =
            state.kept.0.iter().flat_map(|(client, place, round)| [client.0, *place, round.0]).collect();
        tensors.insert(KEPT.to_owned(), (Dtype::U32, Cow::Owned(bytemuck::cast_slice(&index).to_vec())));
    }
    tensors.insert(GLOBAL.to_owned(), floats(weights));
    tensors
}

fn encode(facts: &Facts, weights: &[f32]) -> Result<Vec<u8>, safetensors::SafeTensorError> {
    let tensors = tensors(&facts.state, weights);
    let facts = serde_json::to_string(facts).expect("plain data always encodes");
    let sum = checksum(&facts, tensors.iter().map(|(name, (_, bytes))| (name.as_str(), &bytes[..])));
    let metadata = HashMap::from([("checksum".to_owned(), sum), ("facts".to_owned(), facts)]);
    let mut views = Vec::with_capacity(tensors.len());
    for (name, (kind, bytes)) in &tensors {
        views.push((name.clone(), TensorView::new(*kind, vec![bytes.len() / 4], bytes)?));
    }
    safetensors::serialize(views, &Some(metadata))
}

/// Of facts, then of tensors and their names, in order of names.
fn checksum<'a>(facts: &str, tensors: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(facts.as_bytes());
    for (name, bytes) in tensors {
        hasher.update(name.as_bytes());
        hasher.update(bytes);
    }
    hasher.finalize().to_hex().to_string()
}

/// The checkpoints of a folder, oldest first.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "safetensors")).collect();
    files.sort();
    files
}

/// The newest checkpoint of a folder.
///
/// # Errors
/// None there, or the newest one cannot be used; then the message names the newest that can.
pub fn newest(folder: &Path, plan: &Plan) -> Result<Saved, CheckpointError> {
    let files = files(folder);
    let (newest, older) = files.split_last().ok_or_else(|| CheckpointError::None(folder.to_owned()))?;
    read(newest, plan).map_err(|error| match error {
        CheckpointError::Damaged { path, reason, .. } => {
            let good = older.iter().rev().find(|path| read(path, plan).is_ok());
            let hint = good.map_or("there is no older one that is whole".to_owned(), |good| {
                format!("{} is whole: remove the damaged one to go on from there", good.display())
            });
            CheckpointError::Damaged { path, reason, hint }
        }
        other => other,
    })
}

/// The file of a folder's newest checkpoint, whatever it holds.
pub fn newest_file(folder: &Path) -> Option<PathBuf> {
    files(folder).pop()
}

fn read(path: &Path, plan: &Plan) -> Result<Saved, CheckpointError> {
    let damaged = |reason: String| CheckpointError::Damaged { path: path.to_owned(), reason, hint: String::new() };
    let bytes = fs::read(path).map_err(|error| damaged(error.to_string()))?;
    let (facts, weights) = unpack(&bytes).map_err(|fault| match fault {
        Unfit::Damaged(reason) => damaged(reason),
        Unfit::Format(found) => CheckpointError::Format { path: path.to_owned(), found },
    })?;
    match facts.plan == plan.lasting_digest() {
        true => Ok(Saved { state: facts.state, weights }),
        false => Err(CheckpointError::OtherPlan { path: path.to_owned() }),
    }
}

/// Reads a checkpoint from bytes that may be anything, whatever plan it belongs to.
///
/// # Errors
/// What is wrong with the bytes; never panics.
pub fn decode(bytes: &[u8]) -> Result<Saved, String> {
    unpack(bytes).map(|(facts, weights)| Saved { state: facts.state, weights }).map_err(|fault| match fault {
        Unfit::Damaged(reason) => reason,
        Unfit::Format(found) => format!("it has format {found}"),
    })
}

/// Why bytes are no checkpoint of this program.
#[derive(Debug)]
enum Unfit {
    Damaged(String),
    Format(u32),
}

impl<E: ToString> From<E> for Unfit {
    fn from(reason: E) -> Unfit {
        Unfit::Damaged(reason.to_string())
    }
}

fn unpack(bytes: &[u8]) -> Result<(Facts, Vec<f32>), Unfit> {
    let (_, header) = SafeTensors::read_metadata(bytes)?;
    let file = SafeTensors::deserialize(bytes)?;
    let metadata = header.metadata().as_ref().ok_or("it has no facts")?;
    let facts = metadata.get("facts").ok_or("it has no facts")?;
    // Another format may have another checksum and other facts.
    let Header { format } = serde_json::from_str(facts)?;
    if format != FORMAT {
        return Err(Unfit::Format(format));
    }
    let tensors: BTreeMap<String, &[u8]> =
        file.tensors().into_iter().map(|(name, tensor)| (name, tensor.data())).collect();
    if metadata.get("checksum") != Some(&checksum(facts, tensors.iter().map(|(name, bytes)| (name.as_str(), *bytes)))) {
        return Err("its checksum does not fit".into());
    }
    let mut facts: Facts = serde_json::from_str(facts)?;
    if let Some(flight) = &mut facts.state.flight {
        let starts = tensors.iter().filter_map(|(name, bytes)| Some((name.strip_prefix(START)?.parse().ok()?, bytes)));
        flight.starts = starts.map(|(version, bytes)| (version, Arc::new(pod_collect_to_vec(bytes)))).collect();
    }
    let remembered = (0..).map_while(|place| tensors.get(&format!("{MEMORY}{place}")));
    facts.state.memory = remembered.map(|bytes| pod_collect_to_vec(bytes)).collect();
    let index: Vec<u32> = tensors.get(KEPT).map_or_else(Vec::new, |bytes| pod_collect_to_vec(bytes));
    let entry = |entry: &[u32]| (ClientId(entry[0]), entry[1], Round(entry[2]));
    facts.state.kept = KeptIndex(index.chunks_exact(3).map(entry).collect());
    let weights = tensors.get(GLOBAL).ok_or("it has no weights")?;
    Ok((facts, pod_collect_to_vec(weights)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use proptest::prelude::{prop, prop_assert, proptest};

    fn config() -> Config {
        Config { client_num_in_total: 3, client_num_per_round: 2, ..Config::default() }
    }

    fn plan() -> Plan {
        Plan::resolve(config()).expect("sound")
    }

    fn state(rounds: u32) -> State {
        let kept = KeptIndex(vec![(ClientId(3), 1, Round(2))]);
        State { rounds, clock: 0.1 + 0.2, updates: 7, memory: vec![vec![0.5], vec![]], kept, ..State::default() }
    }

    #[test]
    fn the_last_ones_are_kept_and_come_back_exactly() {
        let (folder, plan) = (tempfile::tempdir().expect("a folder"), plan());
        let mut checkpoints = Checkpoints::create(folder.path().join("c"), &plan).expect("made");
        for rounds in 1..6 {
            checkpoints.record(&Event::Saved(state(rounds)), &[rounds as f32, 0.1]).expect("written");
        }
        assert_eq!(files(&folder.path().join("c")).len(), 2);
        let saved = newest(&folder.path().join("c"), &plan).expect("whole");
        assert_eq!((saved.state, saved.weights), (state(5), vec![5.0, 0.1]));
        assert!(matches!(newest(folder.path(), &plan), Err(CheckpointError::None(_))));
    }

    #[test]
    fn damaged_foreign_and_newer_ones_are_refused_and_the_good_one_is_offered() {
        let (folder, plan) = (tempfile::tempdir().expect("a folder"), plan());
        let mut checkpoints = Checkpoints::create(folder.path().to_owned(), &plan).expect("made");
        (1..3).for_each(|rounds| checkpoints.record(&Event::Saved(state(rounds)), &[1.0]).expect("written"));
        let last = files(folder.path()).pop().expect("there");
        let whole = fs::read(&last).expect("readable");
        let refused = |bytes: &[u8], plan: &Plan| {
            fs::write(&last, bytes).expect("writable");
            newest(folder.path(), plan).expect_err("refused").to_string()
        };
        assert!(refused(&whole[..whole.len() - 1], &plan).contains("round-00000001.safetensors is whole"));
        let mut flipped = whole.clone();
        *flipped.last_mut().expect("bytes") ^= 1;
        assert!(refused(&flipped, &plan).contains("checksum"));
        let newer = TensorView::new(Dtype::F32, vec![0], &[]).expect("an empty tensor");
        let facts = HashMap::from([("facts".to_owned(), r#"{"format": 9, "state": "other"}"#.to_owned())]);
        let newer = safetensors::serialize([("model", newer)], &Some(facts)).expect("encodes");
        assert!(refused(&newer, &plan).contains("has format 9"));
        let other = Plan::resolve(Config { client_optimizer: "sgd:lr=0.9".into(), ..config() }).expect("sound");
        assert!(refused(&whole, &other).contains("another plan"));
        // More rounds are no other plan.
        let longer = Plan::resolve(Config { comm_round: 99, ..config() }).expect("sound");
        assert!(newest(folder.path(), &longer).is_ok());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(0u8..=255, 0..300)) {
            let _ = unpack(&bytes);
        }

        #[test]
        fn every_flipped_bit_is_noticed(place in 0usize..10_000, bit in 0u8..8) {
            let facts = Facts { format: FORMAT, plan: "plan".to_owned(), state: state(3) };
            let mut bytes = encode(&facts, &[1.5, -2.0]).expect("encodes");
            let place = place % bytes.len();
            bytes[place] ^= 1 << bit;
            // What still reads must be what was written: a flip in the padding changes nothing.
            if let Ok((facts, weights)) = unpack(&bytes) {
                prop_assert!(facts.state == state(3) && weights == [1.5, -2.0]);
            }
        }
    }
}
