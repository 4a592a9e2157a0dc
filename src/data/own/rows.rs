//! From rows to a data set: a share is set aside for testing where there is no test file, rows are
//! put together by users, and numbers are standardised by what is trained on.

use super::named::Named;
use super::standard::{self, Wanted};
use super::{fault, tell};
use crate::data::{About, DataError, Dataset, Samples, Train};
use crate::seed::{Purpose, Seed};
use crate::task::{Facts, Task};
use rand::seq::SliceRandom;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// How many classes a note names.
const MOST_TOLD: usize = 9;

/// Rows of one file, or of several that belong together.
#[derive(Debug, Default)]
pub struct Rows {
    /// Inputs and targets.
    pub samples: Samples,
    /// Whose they are; nobody's when there are no users.
    pub users: Option<Named>,
}

impl Rows {
    fn pick(&self, rows: &[u32]) -> Rows {
        let samples = Samples {
            inputs: self.samples.inputs.pick(rows),
            targets: self.samples.targets.pick(rows),
        };
        Rows {
            samples,
            users: self.users.as_ref().map(|users| users.pick(rows)),
        }
    }

    /// The rows of each user; all of them as one group where there are none.
    fn groups(&self) -> Vec<Vec<u32>> {
        match &self.users {
            Some(users) => users.groups().into_iter().map(|(_, rows)| rows).collect(),
            None => vec![(0..self.samples.len() as u32).collect()],
        }
    }
}

/// What was read, before it is a data set.
pub struct Raw {
    /// The folder or file that is named where something is missing.
    pub place: PathBuf,
    /// What a model must know.
    pub facts: Facts,
    /// What else is known.
    pub about: About,
    /// Which numbers of an input are to be standardised; all when empty.
    pub measured: Vec<bool>,
    /// Whether numbers that are missing become means, which a model's user must know.
    pub fills: bool,
    /// What is trained on; none where only test data was asked for.
    pub train: Option<Rows>,
    /// What is tested on, if it has a file of its own.
    pub test: Option<Rows>,
}

/// How it becomes one.
pub struct Finish<'a> {
    /// Which share of each user's rows is set aside.
    pub test_share: f64,
    /// How numbers are standardised.
    pub standardise: &'a Wanted,
    /// For the rows that are set aside.
    pub seed: Seed,
}

impl Raw {
    /// Makes the data set.
    ///
    /// # Errors
    /// No rows to train or test on; a standardisation that does not fit.
    pub fn finish(self, how: &Finish<'_>) -> Result<Dataset, DataError> {
        let Raw {
            place,
            facts,
            mut about,
            measured,
            fills,
            train,
            test,
        } = self;
        let fault = |reason: &str| fault(&place, reason);
        let here = train.is_some();
        if let (Some(train), Some(test)) = (&train, &test) {
            let unseen = unseen(&facts, &about.classes, train, test);
            if let Some(note) = unseen {
                tell(&mut about.notes, note);
            }
        }
        let (train, test) = how.parts(train, test).map_err(fault)?;
        if test.samples.is_empty() || (here && train.samples.is_empty()) {
            return Err(fault(
                "too few rows to train and to test on (hint: a test file, or another test_share)",
            ));
        }
        let (mut train, owners) = by_users(train, &mut about);
        let mut test = test.samples;
        let known = here.then_some(&train.inputs);
        let means = standard::gaps(&[&train.inputs, &test.inputs], known, fills);
        if let Some(means) = means.map_err(|reason| fault(&reason))? {
            let named = about.features.iter().cloned().zip(means.iter().copied());
            let filled = named
                .zip(&measured)
                .filter(|(_, is_measured)| **is_measured);
            about.filled = filled.map(|(filled, _)| filled).collect();
            train.inputs = standard::filled(&train.inputs, &means);
            test.inputs = standard::filled(&test.inputs, &means);
        }
        let known = here.then_some(&train.inputs);
        let figures = how.standardise.figures(known, &facts, &measured);
        if let Some(standard) = figures.map_err(|reason| fault(&reason))? {
            train.inputs = train.inputs.standardised(&standard);
            test.inputs = test.inputs.standardised(&standard);
            about.standard = Some(standard);
        }
        Ok(Dataset {
            facts,
            train: Train::Stored(train),
            test,
            owners,
            about,
            ..Dataset::default()
        })
    }
}

/// Classes that a test file has and the training data has not, in words.
fn unseen(facts: &Facts, names: &[String], train: &Rows, test: &Rows) -> Option<String> {
    let Task::Classes(_) = facts.task else { return None };
    let classes = |rows: &Rows| Some(BTreeSet::from_iter(rows.samples.targets.classes()?.to_vec()));
    let unseen = &classes(test)? - &classes(train)?;
    let named = |class: &u32| {
        names
            .get(*class as usize)
            .cloned()
            .unwrap_or(class.to_string())
    };
    let told: Vec<String> = unseen.iter().take(MOST_TOLD).map(named).collect();
    let (told, count) = (told.join(", "), unseen.len());
    (count > 0)
        .then(|| format!("{count} classes of the test file are of no row to train on: {told}"))
}

impl Finish<'_> {
    /// What is trained and what is tested on.
    fn parts(&self, train: Option<Rows>, test: Option<Rows>) -> Result<(Rows, Rows), &'static str> {
        match (train, test) {
            (Some(train), Some(test)) => Ok((train, test)),
            (Some(train), None) => Ok(divide(&train, self.test_share, self.seed)),
            (None, Some(test)) => Ok((Rows::default(), test)),
            (None, None) => Err("there is no test file \
                                 (hint: the server needs one, or none with --evaluate clients)"),
        }
    }
}

/// Sets a share of each user's rows aside, drawn by the seed; whoever has rows keeps one.
fn divide(rows: &Rows, share: f64, seed: Seed) -> (Rows, Rows) {
    let mut stream = seed.stream(Purpose::Split);
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for mut group in rows.groups() {
        group.shuffle(&mut stream);
        let aside =
            ((share * group.len() as f64).round() as usize).min(group.len().saturating_sub(1));
        test.extend_from_slice(&group[..aside]);
        train.extend_from_slice(&group[aside..]);
    }
    train.sort_unstable();
    test.sort_unstable();
    (rows.pick(&train), rows.pick(&test))
}

/// Rows in the order of their users, and where each user's begin.
fn by_users(rows: Rows, about: &mut About) -> (Samples, Option<Vec<usize>>) {
    let Some(users) = &rows.users else { return (rows.samples, None) };
    let (mut order, mut starts) = (Vec::new(), vec![0]);
    for (name, group) in users.groups() {
        order.extend(group);
        starts.push(order.len());
        about.owners.push(name);
    }
    (rows.pick(&order).samples, Some(starts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Column;

    /// Rows whose only number is their place.
    fn rows(users: &[&str]) -> Rows {
        let places = || (0..users.len() as u32).collect::<Vec<_>>();
        let inputs = Column::floats(places().iter().map(|&place| place as f32).collect(), 1);
        let users = users.iter().collect();
        Rows {
            samples: Samples {
                inputs,
                targets: Column::integers(places(), 1),
            },
            users: Some(users),
        }
    }

    fn finished(
        train: Option<Rows>,
        test: Option<Rows>,
        test_share: f64,
    ) -> Result<Dataset, DataError> {
        let raw = Raw {
            place: "folder".into(),
            facts: Facts::classes(&[1], 9),
            about: About::default(),
            measured: vec![],
            fills: false,
            train,
            test,
        };
        raw.finish(&Finish {
            test_share,
            standardise: &Wanted::None,
            seed: Seed(3),
        })
    }

    #[test]
    fn users_rows_lie_together_and_everybody_keeps_one() {
        let names: Vec<&str> = "a b a c a b a a b a".split(' ').collect();
        let set = finished(Some(rows(&names)), None, 0.5).expect("enough");
        let Train::Stored(train) = &set.train else { panic!("stored") };
        let starts = set.owners.expect("users");
        assert_eq!((set.about.owners.join(""), starts), ("abc".to_owned(), vec![0, 3, 4, 5]));
        assert!(
            train.targets.classes().expect("one each")[..3]
                .iter()
                .all(|&row| names[row as usize] == "a")
        );
        let mut all = [train.targets.classes(), set.test.targets.classes()]
            .map(|rows| rows.expect("one"))
            .concat();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_to_test_on_is_refused_and_a_test_file_needs_no_share() {
        let refused = finished(Some(rows(&["a", "a"])), None, 0.0)
            .expect_err("no test rows")
            .to_string();
        assert!(refused.starts_with("folder: too few rows"), "{refused}");
        assert!(
            finished(None, None, 0.5)
                .expect_err("nothing")
                .to_string()
                .contains("no test file")
        );
        let set = finished(Some(rows(&["a"])), Some(rows(&["b"])), 0.5).expect("both");
        assert_eq!((set.train.count(), set.test.len()), (1, 1));
        assert_eq!(
            finished(None, Some(rows(&["b"])), 0.5)
                .expect("a test")
                .train
                .count(),
            0
        );
    }
}
