//! `fixed`: cohorts from a file, to repeat an experiment of another system exactly.

use super::{Draw, Facts, List, Pool, SelectError, Selector, in_order, known};
use crate::ids::{ClientId, Round};
use crate::seed::Stream;
use std::collections::BTreeSet;

/// One cohort per line; after the last line the first follows.
pub struct Fixed {
    cohorts: Vec<Vec<ClientId>>,
}

impl Fixed {
    /// Reads client ids separated by spaces or commas, a line for each round from round 1 on; `#`
    /// begins a comment.
    ///
    /// # Errors
    /// An empty one, ids that do not exist or come twice in a line, and lines with more of them
    /// than a round takes.
    pub fn read(List { path, text }: &List, facts: Facts) -> Result<Fixed, SelectError> {
        let mut cohorts = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            let words: Vec<&str> = line
                .split([' ', ',', '\t'])
                .filter(|word| !word.is_empty())
                .collect();
            let ids = words
                .iter()
                .map(|word| known(word, facts.clients, path, number + 1));
            let cohort = ids.collect::<Result<BTreeSet<ClientId>, _>>()?;
            if cohort.len() < words.len() {
                return Err(SelectError::file(
                    path,
                    format!("line {}: a client comes twice", number + 1),
                ));
            }
            if cohort.len() > facts.wanted {
                let hint = format!("(hint: --client_num_per_round {})", cohort.len());
                let reason =
                    format!("{} clients where a round takes {} {hint}", cohort.len(), facts.wanted);
                return Err(SelectError::file(path, format!("line {}: {reason}", number + 1)));
            }
            if !cohort.is_empty() {
                cohorts.push(in_order(cohort));
            }
        }
        match cohorts.is_empty() {
            true => Err(SelectError::file(
                path,
                "no clients are listed (hint: a line of ids for each round)",
            )),
            false => Ok(Fixed { cohorts }),
        }
    }
}

impl Selector for Fixed {
    /// The whole line.
    fn select(&mut self, round: Round, pool: &Pool<'_>, _: usize, _: &mut Stream) -> Vec<ClientId> {
        let line = &self.cohorts[round.index() % self.cohorts.len()];
        line.iter()
            .copied()
            .filter(|client| pool.holds(*client))
            .collect()
    }

    fn draw(&self) -> Draw {
        Draw::Blind
    }

    fn needs_rounds(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(text: &str) -> Result<Fixed, SelectError> {
        let list = List {
            path: "list".into(),
            text: text.to_owned(),
        };
        let facts = Facts {
            clients: 5,
            wanted: 2,
        };
        Fixed::read(&list, facts)
    }

    #[test]
    fn lines_are_rounds_and_faults_are_named() {
        let fixed = make("3 1 # first\n\n0,4\n").expect("sound");
        assert_eq!(
            fixed.cohorts,
            [
                vec![ClientId(1), ClientId(3)],
                vec![ClientId(0), ClientId(4)]
            ]
        );
        let fault = |text: &str| make(text).map(|_| ()).expect_err("refused").to_string();
        assert!(fault("1\n5\n").contains("line 2: client 5 does not exist, there are 5"));
        assert!(fault("1 1\n").contains("twice"));
        assert!(fault("0 1\n1 2 3\n").contains("line 2: 3 clients where a round takes 2"));
        assert!(fault("one\n").contains("`one`"));
        assert!(fault("\n").contains("no clients"));
    }
}
