//! `listed`: a factor for each round, from a file: a number a line, or a JSON list.

use super::{Rate, RateError};
use crate::files;
use crate::part;
use crate::part::Range;
use std::path::PathBuf;
use std::sync::Arc;

part! {
    /// Its settings.
    pub Listed {
        rates_file: Option<PathBuf> = "", "FILE", Range::ANY,
            "factors of the learning rate, one for each round";
    }
}

impl Listed {
    /// The schedule.
    ///
    /// # Errors
    /// A file that is missing, or says no such factors.
    pub fn rate(self) -> Result<Rate, RateError> {
        let path = self.rates_file.ok_or(RateError::NoFile)?;
        let read = files::text(&path).map_err(|error| format!("cannot be read: {error}"));
        match read.and_then(|text| parse(&text)) {
            Ok(factors) => {
                let (listed, own) = (Arc::new(factors.clone()), factors);
                let factor = move |round: u32, _| own[(round as usize).min(own.len() - 1)];
                Ok(Rate {
                    listed,
                    ..Rate::new(factor)
                })
            }
            Err(reason) => Err(RateError::File { path, reason }),
        }
    }
}

/// The factors of a text, at least one.
fn parse(text: &str) -> Result<Vec<f64>, String> {
    let factors: Vec<f64> = match text.trim_start().starts_with('[') {
        true => serde_json::from_str(text).map_err(|error| error.to_string())?,
        false => lines(text)?,
    };
    if let Some(round) = factors
        .iter()
        .position(|factor| !factor.is_finite() || *factor < 0.0)
    {
        let factor = factors[round];
        return Err(format!(
            "round {} has the factor {factor}, it must be finite and from 0 up",
            round + 1
        ));
    }
    match factors.is_empty() {
        true => Err("it names no factor (hint: a number a line, one for each round)".to_owned()),
        false => Ok(factors),
    }
}

fn lines(text: &str) -> Result<Vec<f64>, String> {
    let written = (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty());
    written
        .map(|(number, line)| {
            let line = line.trim();
            line.parse().map_err(|_| {
                format!("line {number}: `{line}` is no number (hint: a factor a line)")
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Round;

    fn read(text: &str) -> Result<Rate, String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("writable");
        Listed {
            rates_file: Some(file.path().to_owned()),
        }
        .rate()
        .map_err(|error| error.to_string())
    }

    #[test]
    fn the_last_factor_stays() {
        for text in ["1\n0.5\n\n0.25\n", "[1, 0.5, 0.25]"] {
            let rate = read(text).expect("sound");
            assert_eq!([0, 1, 2, 9].map(|round| rate.at(Round(round), 10)), [1.0, 0.5, 0.25, 0.25]);
            assert_eq!(rate.contents(), [1.0, 0.5, 0.25]);
        }
    }

    #[test]
    fn what_is_no_factor_is_named() {
        for (text, said) in [
            ("1\nhalf\n", "line 2: `half` is no number"),
            ("1\n-0.5\n", "round 2 has the factor -0.5"),
            ("inf\n", "round 1 has the factor inf"),
            ("\n", "names no factor"),
            ("[1, ", "EOF"),
        ] {
            let fault = read(text).err().expect("refused");
            assert!(fault.contains(said), "{text}: {fault}");
        }
        assert!(
            Listed { rates_file: None }
                .rate()
                .err()
                .expect("refused")
                .to_string()
                .contains("--rates_file")
        );
    }
}
