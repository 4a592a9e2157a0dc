//! Times by client, from a file.

use super::{Delay, DelayError};
use crate::files;
use crate::part;
use crate::part::{Part, Range, Values};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

part! {
    /// Of what reads a file.
    pub Listed {
        delay_file: Option<PathBuf> = "", "FILE", Range::ANY, "virtual seconds of every client";
    }
}

part! {
    /// Of `list`.
    pub Said {
        delay_list: Vec<f64> = "[0]", "SECONDS,...", Range::NOT_NEGATIVE,
            "virtual seconds of every client, from the first on";
    }
}

/// As many numbers as clients.
pub(super) fn said(values: &Values, clients: usize) -> Result<Delay, DelayError> {
    let seconds = Said::read(values).delay_list;
    if seconds.len() != clients {
        let reason = format!(
            "{} numbers for {clients} clients (hint: --delay_list, one for each)",
            seconds.len()
        );
        return Err(DelayError::Together(reason));
    }
    Ok(Delay::listed(seconds))
}

/// A JSON list, a JSON dictionary from client to seconds, or a number a line.
pub(super) fn file(values: &Values, clients: usize) -> Result<Delay, DelayError> {
    let path = path(values)?;
    read(&path, clients).map(Delay::listed)
}

/// A CSV file.
pub(super) fn trace(values: &Values, clients: usize) -> Result<Delay, DelayError> {
    let path = path(values)?;
    read_trace(&path, clients).map(Delay::listed)
}

fn path(values: &Values) -> Result<PathBuf, DelayError> {
    let none =
        || DelayError::Together("no file of delays is named (hint: --delay_file FILE)".to_owned());
    Listed::read(values).delay_file.ok_or_else(none)
}

fn usable(seconds: f64) -> bool {
    seconds.is_finite() && seconds >= 0.0
}

fn read(path: &Path, clients: usize) -> Result<Vec<f64>, DelayError> {
    let fault = |reason: String| DelayError::file(path, reason);
    let text = files::text(path).map_err(|error| fault(format!("cannot be read: {error}")))?;
    let json = |error: serde_json::Error| fault(error.to_string());
    let listed = match text.trim_start().chars().next() {
        Some('[') => serde_json::from_str(&text).map_err(json)?,
        Some('{') => {
            let by_client: BTreeMap<usize, f64> = serde_json::from_str(&text).map_err(json)?;
            return complete(path, by_client, clients);
        }
        _ => lines(&text).map_err(fault)?,
    };
    complete(path, listed.into_iter().enumerate().collect(), clients)
}

/// A number in each line that has one.
fn lines(text: &str) -> Result<Vec<f64>, String> {
    let mut numbers = Vec::new();
    for (line, text) in (1..).zip(text.lines().map(str::trim)) {
        if !text.is_empty() {
            let number = text.parse();
            numbers.push(number.map_err(|_| format!("line {line}: `{text}` is no number"))?);
        }
    }
    Ok(numbers)
}

fn read_trace(path: &Path, clients: usize) -> Result<Vec<f64>, DelayError> {
    let fault = |reason: String| DelayError::file(path, reason);
    let text = files::text(path).map_err(|error| fault(format!("cannot be read: {error}")))?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Result<BTreeMap<usize, f64>, _> = reader.deserialize::<(usize, f64)>().collect();
    complete(
        path,
        rows.map_err(|error| fault(format!("{error} (hint: columns client,seconds)")))?,
        clients,
    )
}

/// Every client must have a delay that can be used.
fn complete(
    path: &Path,
    by_client: BTreeMap<usize, f64>,
    clients: usize,
) -> Result<Vec<f64>, DelayError> {
    if let Some((client, seconds)) = by_client.iter().find(|(_, seconds)| !usable(**seconds)) {
        let reason =
            format!("client {client} has a delay of {seconds}, it must be finite and from 0 up");
        return Err(DelayError::file(path, reason));
    }
    let mut delays = Vec::with_capacity(clients);
    for client in 0..clients {
        let Some(seconds) = by_client.get(&client) else {
            let count = by_client.len().max(1);
            let hint = format!("(hint: --client_num_in_total {count})");
            let reason = format!("no delay for client {client} of {clients} {hint}");
            return Err(DelayError::file(path, reason));
        };
        delays.push(*seconds);
    }
    Ok(delays)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_of_all_forms_are_read_and_must_name_every_client() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("stale.txt");
        let read = |kind: &str, text: &str| {
            fs::write(&path, text).expect("writable");
            Delay::make(&format!("{kind}:{}", path.display()).as_str().into(), 3)
        };
        let wanted = [0.0, 5.0, 2.5];
        for (kind, text) in [
            ("file", "0\n5\n2.5\n"),
            ("file", "[0, 5, 2.5]"),
            ("file", r#"{"0": 0, "2": 2.5, "1": 5}"#),
            ("trace", "client,seconds\n2,2.5\n0,0\n1,5\n"),
        ] {
            assert_eq!(read(kind, text).expect(text).contents(), wanted, "{text}");
        }
        let fault = |text: &str| read("file", text).err().expect("refused").to_string();
        assert!(fault("0\n5\n").contains("no delay for client 2 of 3"));
        assert!(fault("0\n-5\n1\n").contains("client 1 has a delay of -5"));
        assert!(fault("0\nNaN\n1\n").contains("client 1 has a delay of NaN"));
        assert!(fault("0\nsoon\n1\n").contains("line 2: `soon`"));
    }
}
