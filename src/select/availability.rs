//! `availability`: clients come and go, by a trace (as FedScale's device traces, in rounds).

use super::{Draw, Facts, List, Pool, SelectError, Selector, in_order, known};
use crate::ids::{ClientId, Round};
use crate::seed::Stream;
use rand::seq::index;

/// When each client is there; one that the trace does not name never is.
#[derive(Debug)]
pub struct Availability {
    spans: Vec<(ClientId, Round, Round)>,
}

impl Availability {
    /// Reads lines `client,first_round,last_round` (rounds from 1, both included; without rounds
    /// the first is before the model has moved); a client may have
    /// several. A heading and `#` comments are skipped.
    ///
    /// # Errors
    /// An empty one, unknown clients, or spans that end before they begin.
    pub fn read(List { path, text }: &List, facts: Facts) -> Result<Availability, SelectError> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(heading(text))
            .comment(Some(b'#'))
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let mut spans = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| SelectError::file(path, error))?;
            let line = record
                .position()
                .map_or(0, |position| position.line() as usize);
            let fault = |reason: String| SelectError::file(path, format!("line {line}: {reason}"));
            let [client, first, last] =
                [0, 1, 2].map(|column| record.get(column).unwrap_or_default());
            let client = known(client, facts.clients, path, line)?;
            let first = counted(first).map_err(fault)?;
            let last = counted(last).map_err(fault)?;
            if last < first {
                return Err(fault("the last round comes before the first".to_owned()));
            }
            spans.push((client, first, last));
        }
        match spans.is_empty() {
            true => Err(SelectError::file(
                path,
                "no client is ever there (hint: client,first_round,last_round)",
            )),
            false => Ok(Availability { spans }),
        }
    }

    fn present(&self, round: Round) -> Vec<ClientId> {
        let there = self
            .spans
            .iter()
            .filter(|(_, first, last)| (*first..=*last).contains(&round));
        let mut present = in_order(there.map(|(client, _, _)| *client));
        present.dedup();
        present
    }
}

/// Whether the first line that says something is a heading.
fn heading(text: &str) -> bool {
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .is_some_and(|line| line.starts_with("client"))
}

impl Selector for Availability {
    fn select(
        &mut self,
        round: Round,
        pool: &Pool<'_>,
        wanted: usize,
        stream: &mut Stream,
    ) -> Vec<ClientId> {
        let mut present = self.present(round);
        present.retain(|client| pool.holds(*client));
        let chosen = index::sample(stream, present.len(), wanted.min(present.len()));
        in_order(chosen.into_iter().map(|place| present[place]))
    }

    fn draw(&self) -> Draw {
        Draw::Blind
    }
}

/// A round as people count, from 1.
fn counted(text: &str) -> Result<Round, String> {
    let Ok(number) = text.parse() else {
        return Err(format!("`{text}` is no round"));
    };
    let round = Round::counted(number);
    round.ok_or_else(|| "there is no round 0 (hint: rounds count from 1)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::Members;
    use super::*;
    use crate::seed::{Purpose, Seed};

    fn make(text: &str) -> Result<Availability, SelectError> {
        let list = List {
            path: "list".into(),
            text: text.to_owned(),
        };
        let facts = Facts {
            clients: 10,
            wanted: 5,
        };
        Availability::read(&list, facts)
    }

    #[test]
    fn only_those_that_are_there_are_chosen() {
        let mut trace =
            make("# who is there\nclient,first_round,last_round\n1,1,5\n2,4,10\n1,4,4\n")
                .expect("sound");
        let pool = Pool {
            members: Members::All(10),
            samples: &|_| 1,
        };
        let mut cohort =
            |round| trace.select(Round(round), &pool, 5, &mut Seed(0).stream(Purpose::Select));
        assert_eq!(cohort(0), [ClientId(1)]);
        assert_eq!(cohort(3), [ClientId(1), ClientId(2)]);
        assert_eq!(cohort(10), []);
        let fault = |text: &str| make(text).map(|_| ()).expect_err("refused").to_string();
        assert!(
            fault("1,1,4\n10,1,1\n").contains("line 2: client 10 does not exist, there are 10")
        );
        assert!(fault("1,4,1\n").contains("before the first"));
        assert!(fault("1,x,1\n").contains("`x`"));
        assert!(fault("1,0,4\n").contains("line 1: there is no round 0"));
        assert!(fault("").contains("no client is ever there"));
    }
}
