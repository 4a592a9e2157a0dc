//! Python's pickles of CIFAR, read without running anything: a dictionary with numpy's array of
//! bytes, and lists of labels. Calls in a pickle are not made; what an array is built from stands
//! in its place, `(version, shape, type, order, bytes)`.

use serde_pickle::{DeOptions, HashableValue, Value, value_from_reader};
use std::collections::BTreeMap;
use std::io::Read;

/// Nobody's batch of pictures is larger.
const MOST_BYTES: u64 = 1 << 31;

/// The bytes under `data`, and the numbers under `labels`.
///
/// # Errors
/// What is wrong with it, in words.
pub fn batch(reader: impl Read, labels: &str) -> Result<(Vec<u8>, Vec<i64>), String> {
    let options = DeOptions::new().replace_unresolved_globals();
    let value = value_from_reader(reader.take(MOST_BYTES), options)
        .map_err(|error| format!("no pickle: {error}"))?;
    let Value::Dict(mut entries) = value else {
        return Err("the pickle holds no dictionary".to_owned());
    };
    let pixels = entry(&mut entries, "data")?;
    let pixels = array(pixels).ok_or("its `data` is no array of bytes, row by row")?;
    let classes = entry(&mut entries, labels)?;
    let classes =
        numbers(classes).ok_or_else(|| format!("its `{labels}` are no list of whole numbers"))?;
    Ok((pixels, classes))
}

/// What is under a name, which Python 2 has written as bytes.
fn entry(entries: &mut BTreeMap<HashableValue, Value>, name: &str) -> Result<Value, String> {
    let bytes = entries.remove(&HashableValue::Bytes(name.as_bytes().to_vec()));
    let found = bytes.or_else(|| entries.remove(&HashableValue::String(name.to_owned())));
    found.ok_or_else(|| format!("the pickle has no `{name}`"))
}

/// The bytes of an array in the order of its rows.
fn array(built: Value) -> Option<Vec<u8>> {
    let Value::Tuple(mut parts) = built else { return None };
    match (parts.pop(), parts.pop()) {
        (Some(Value::Bytes(bytes)), Some(Value::Bool(false))) => Some(bytes),
        _ => None,
    }
}

fn numbers(list: Value) -> Option<Vec<i64>> {
    let Value::List(list) = list else { return None };
    let number = |value| match value {
        Value::I64(number) => Some(number),
        _ => None,
    };
    list.into_iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_such_a_batch_is_taken() {
        let refused = |bytes: &[u8]| batch(bytes, "labels").expect_err("refused");
        assert!(refused(b"\x80\x02K\x01.").contains("no dictionary"));
        assert!(refused(b"\x80\x02}.").contains("no `data`"));
        assert!(refused(b"\x80\x02}U\x04dataK\x01s.").contains("no array"));
        assert!(refused(b"torn").contains("no pickle"));
        // A call of os.system is not made, and is no array.
        assert!(refused(b"\x80\x02}U\x04datacos\nsystem\nU\x04true\x85Rs.").contains("no array"));
    }
}
