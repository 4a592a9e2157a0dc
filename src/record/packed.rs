//! A checkpoint as bytes: a safetensors file with the weights, what is remembered beside them, and
//! facts in JSON, under a checksum. Reading them never panics, whatever they are.

use crate::event::{KeptIndex, State};
use crate::ids::{ClientId, Round};
use bytemuck::allocation::pod_collect_to_vec;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Raised whenever the meaning of a checkpoint changes.
pub const FORMAT: u32 = 5;
/// Names of tensors.
const GLOBAL: &str = "weights";
const START: &str = "start.";
const MEMORY: &str = "memory.";
const KEPT: &str = "kept";
/// What every format says.
#[derive(Deserialize)]
struct Header {
    format: u32,
}

/// What is written beside the weights.
#[derive(Serialize, Deserialize)]
pub struct Facts {
    pub format: u32,
    pub plan: String,
    // What the fingerprint of the plan is made of; older files do not say it.
    #[serde(default)]
    pub decisive: String,
    pub state: State,
}

/// Where a run goes on.
#[derive(Clone, Debug)]
pub struct Saved {
    /// Everything but the weights.
    pub state: State,
    /// The global model, flat.
    pub weights: Vec<f32>,
}

/// A tensor as it lies in a file.
type Bytes<'a> = (Dtype, Cow<'a, [u8]>);

/// The tensors of a checkpoint by name: the global model, what is remembered, where what clients
/// keep is, and the models that trainings under way start from.
fn tensors<'a>(state: &'a State, weights: &'a [f32]) -> BTreeMap<String, Bytes<'a>> {
    let floats = |values: &'a [f32]| (Dtype::F32, Cow::Borrowed(bytemuck::cast_slice(values)));
    let starts = state.flight.iter().flat_map(|flight| &flight.starts);
    let mut tensors: BTreeMap<String, Bytes<'a>> = starts
        .map(|(version, start)| (format!("{START}{version}"), floats(start)))
        .collect();
    let memory = state.memory.iter().enumerate();
    tensors.extend(memory.map(|(place, values)| (format!("{MEMORY}{place}"), floats(values))));
    if !state.kept.0.is_empty() {
        let index: Vec<u32> = state
            .kept
            .0
            .iter()
            .flat_map(|(client, place, round)| [client.0, *place, round.0])
            .collect();
        tensors.insert(
            KEPT.to_owned(),
            (Dtype::U32, Cow::Owned(bytemuck::cast_slice(&index).to_vec())),
        );
    }
    tensors.insert(GLOBAL.to_owned(), floats(weights));
    tensors
}

/// The bytes of a checkpoint.
pub fn encode(facts: &Facts, weights: &[f32]) -> Result<Vec<u8>, safetensors::SafeTensorError> {
    let tensors = tensors(&facts.state, weights);
    let facts = serde_json::to_string(facts).expect("plain data always encodes");
    let sum = checksum(
        &facts,
        tensors
            .iter()
            .map(|(name, (_, bytes))| (name.as_str(), &bytes[..])),
    );
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

/// Reads a checkpoint from bytes that may be anything, whatever plan it belongs to.
///
/// # Errors
/// What is wrong with the bytes; never panics.
pub fn decode(bytes: &[u8]) -> Result<Saved, String> {
    unpack(bytes)
        .map(|(facts, weights)| Saved {
            state: facts.state,
            weights,
        })
        .map_err(|fault| match fault {
            Unfit::Damaged(reason) => reason,
            Unfit::Format(found) => format!("it has format {found}"),
        })
}

/// Why bytes are no checkpoint of this program.
#[derive(Debug)]
pub enum Unfit {
    Damaged(String),
    Format(u32),
}

impl<E: ToString> From<E> for Unfit {
    fn from(reason: E) -> Unfit {
        Unfit::Damaged(reason.to_string())
    }
}

/// As [`decode`], with all facts.
pub fn unpack(bytes: &[u8]) -> Result<(Facts, Vec<f32>), Unfit> {
    let (_, header) = SafeTensors::read_metadata(bytes)?;
    let file = SafeTensors::deserialize(bytes)?;
    let metadata = header.metadata().as_ref().ok_or("it has no facts")?;
    let facts = metadata.get("facts").ok_or("it has no facts")?;
    // Another format may have another checksum and other facts.
    let Header { format } = serde_json::from_str(facts)?;
    if format != FORMAT {
        return Err(Unfit::Format(format));
    }
    let tensors: BTreeMap<String, &[u8]> = file
        .tensors()
        .into_iter()
        .map(|(name, tensor)| (name, tensor.data()))
        .collect();
    if metadata.get("checksum")
        != Some(&checksum(facts, tensors.iter().map(|(name, bytes)| (name.as_str(), *bytes))))
    {
        return Err("its checksum does not fit".into());
    }
    let mut facts: Facts = serde_json::from_str(facts)?;
    if let Some(flight) = &mut facts.state.flight {
        let starts = tensors
            .iter()
            .filter_map(|(name, bytes)| Some((name.strip_prefix(START)?.parse().ok()?, bytes)));
        flight.starts = starts
            .map(|(version, bytes)| (version, Arc::new(pod_collect_to_vec(bytes))))
            .collect();
    }
    let remembered = (0..).map_while(|place| tensors.get(&format!("{MEMORY}{place}")));
    facts.state.memory = remembered.map(|bytes| pod_collect_to_vec(bytes)).collect();
    let index: Vec<u32> = tensors
        .get(KEPT)
        .map_or_else(Vec::new, |bytes| pod_collect_to_vec(bytes));
    let entry = |entry: &[u32]| (ClientId(entry[0]), entry[1], Round(entry[2]));
    facts.state.kept = KeptIndex(index.chunks_exact(3).map(entry).collect());
    let weights = tensors.get(GLOBAL).ok_or("it has no weights")?;
    Ok((facts, pod_collect_to_vec(weights)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop, prop_assert, proptest};

    fn state(rounds: u32) -> State {
        let kept = KeptIndex(vec![(ClientId(3), 1, Round(2))]);
        State {
            rounds,
            clock: 0.1 + 0.2,
            updates: 7,
            memory: vec![vec![0.5], vec![]],
            kept,
            ..State::default()
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(0u8..=255, 0..300)) {
            let _ = unpack(&bytes);
        }

        #[test]
        fn every_flipped_bit_is_noticed(place in 0usize..10_000, bit in 0u8..8) {
            let facts = Facts { format: FORMAT, plan: "plan".to_owned(), decisive: String::new(), state: state(3) };
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
