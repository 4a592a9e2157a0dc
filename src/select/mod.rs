//! Stage 3, select: who takes part in this round?

mod attendance;
mod availability;
mod fedml;
mod fixed;
mod poisson;
mod power_of_choice;
mod round_robin;
mod uniform;
mod weighted;

use crate::files;
use crate::ids::{ClientId, Round};
use crate::part;
use crate::part::{Choice, Entry, Kind, Part, PartError, Range, Values};
use crate::seed::Stream;
use std::path::{Path, PathBuf};

pub use attendance::{Attendance, Attended};

/// One client of a cohort and the samples it will train on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// Whom to train.
    pub client: ClientId,
    /// How much there is to train on.
    pub samples: u64,
}

/// The clients that a selector chooses from.
pub struct Pool<'a> {
    /// Who they are.
    pub members: Members<'a>,
    /// Samples of each.
    pub samples: &'a dyn Fn(ClientId) -> u64,
}

/// The members of a pool.
#[derive(Clone, Copy, Debug)]
pub enum Members<'a> {
    /// All clients below a number.
    All(usize),
    /// These, in ascending order: without rounds some are in training.
    Some(&'a [ClientId]),
}

impl Pool<'_> {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self.members {
            Members::All(clients) => clients,
            Members::Some(clients) => clients.len(),
        }
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The member at a place, in ascending order.
    fn at(&self, place: usize) -> ClientId {
        match self.members {
            Members::All(_) => ClientId::from(place),
            Members::Some(clients) => clients[place],
        }
    }

    /// All of them, in ascending order.
    fn clients(&self) -> impl Iterator<Item = ClientId> {
        (0..self.len()).map(|place| self.at(place))
    }

    /// The place of the first member whose id is not below `id`.
    fn place_of(&self, id: usize) -> usize {
        match self.members {
            Members::All(clients) => id.min(clients),
            Members::Some(clients) => clients.partition_point(|client| client.index() < id),
        }
    }

    fn holds(&self, client: ClientId) -> bool {
        let place = self.place_of(client.index());
        place < self.len() && self.at(place) == client
    }
}

/// What a choice of clients depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// On chance alone, of each client by itself: as many as wanted in the mean only.
    Independent,
    /// On chance alone: every set of as many as wanted is equally likely.
    Uniform,
    /// On nothing that clients have, but who takes part can be foreseen.
    Blind,
    /// On what clients have: samples, or losses.
    Informed,
}

/// Chooses the cohort of a round.
///
/// Law: ids are distinct, from the pool, in ascending order, and as many as wanted (fewer only when
/// the pool has fewer, or fewer can take part; in the mean only with [`Draw::Independent`]); they depend only on the arguments and on what was
/// learned before.
pub trait Selector {
    /// `wanted` clients of the pool. Without rounds, `round` is how often the model has moved.
    fn select(
        &mut self,
        round: Round,
        pool: &Pool<'_>,
        wanted: usize,
        stream: &mut Stream,
    ) -> Vec<ClientId>;

    /// What the choice depends on.
    fn draw(&self) -> Draw {
        Draw::Informed
    }

    /// Takes note of a client's mean training loss. Most selectors do not care.
    fn learn(&mut self, _client: ClientId, _loss: f64) {}

    /// Whether it makes sense only when the model moves in rounds.
    fn needs_rounds(&self) -> bool {
        false
    }

    /// The last choice came to nothing and will be made again.
    fn undo(&mut self) {}

    /// What was learned, for a checkpoint.
    fn state(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// Takes over what [`Selector::state`] gave.
    ///
    /// # Errors
    /// What is no such state.
    fn restore(&mut self, _state: &serde_json::Value) -> serde_json::Result<()> {
        Ok(())
    }
}

/// What selectors may depend on beside their own settings.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Clients that there are.
    pub clients: usize,
    /// Clients in a round.
    pub wanted: usize,
}

part! {
    /// The settings of those that read a file.
    pub Listed {
        selection_file: Option<PathBuf> = "", "FILE", Range::ANY,
            "list of cohorts for `fixed`, trace for `availability`";
    }
}

/// A selector that cannot be made.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum SelectError {
    /// A choice that makes no sense.
    #[error(transparent)]
    Part(#[from] PartError),
    /// A file is needed.
    #[error("--client_selection {0} needs a file (hint: --selection_file FILE)")]
    NoFile(&'static str),
    /// A file that cannot be read or understood.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line and a hint.
        reason: String,
    },
}

impl SelectError {
    fn file(path: &Path, reason: impl ToString) -> SelectError {
        SelectError::File {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// What a selector's file says. It is read once: what is checked is what decides.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// Where it was.
    pub path: PathBuf,
    /// All of it.
    pub text: String,
}

impl List {
    /// Reads the file that a choice names, if it names one.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn of(choice: &Choice) -> Result<Option<List>, SelectError> {
        let (_, values) = KIND.look_up(choice)?;
        Listed::read(&values)
            .selection_file
            .map(List::read)
            .transpose()
    }

    fn read(path: PathBuf) -> Result<List, SelectError> {
        match files::text(&path) {
            Ok(text) => Ok(List { path, text }),
            Err(error) => {
                let reason =
                    format!("cannot be read: {error} (hint: --selection_file, on every host)");
                Err(SelectError::File { path, reason })
            }
        }
    }
}

/// Makes a selector, with what its file says.
pub type Build = fn(&Values, Facts, Option<&List>) -> Result<Box<dyn Selector>, SelectError>;

/// All selectors.
pub const KIND: Kind<Build> = Kind {
    setting: "client_selection",
    about: "client selection",
    table: SELECTORS,
};

/// Makes a selector by choice, with [`List::of`] it.
///
/// # Errors
/// A choice that makes no sense, and lists that do not.
pub fn make(
    choice: &Choice,
    facts: Facts,
    list: Option<&List>,
) -> Result<Box<dyn Selector>, SelectError> {
    let (entry, values) = KIND.look_up(choice)?;
    (entry.build)(&values, facts, list)
}

/// Every selector, by the name users write.
pub const SELECTORS: &[Entry<Build>] = &[
    Entry::<Build>::new(
        "uniform",
        "every client equally likely, without replacement",
        |_, _, _| Ok(Box::new(uniform::Uniform)),
    )
    .also(&["random"]),
    Entry::<Build>::new(
        "poisson",
        "each client by itself, as many as wanted in the mean: what accounts of privacy assume",
        |_, _, _| Ok(Box::new(poisson::Poisson)),
    ),
    Entry::<Build>::new(
        "weighted",
        "clients likely in proportion to their samples, without replacement",
        |_, _, _| Ok(Box::new(weighted::Weighted)),
    ),
    Entry::<Build>::new(
        "round_robin",
        "clients in turn: the first ones, then the next ones, and so on",
        |_, _, _| Ok(Box::new(round_robin::RoundRobin::default())),
    ),
    Entry::<Build>::new(
        "fedml",
        "FedML's: by numpy's generator, seeded by the round whatever --seed",
        |_, _, _| Ok(Box::new(fedml::FedMl)),
    ),
    Entry::<Build>::new(
        "fixed",
        "the clients that --selection_file lists, a line for each round from the first on, over \
         and over",
        |_, facts, list| {
            let list = needed("fixed", list)?;
            Ok(Box::new(fixed::Fixed::read(list, facts)?))
        },
    )
    .with(Listed::PARAMS),
    Entry::<Build>::new(
        "power_of_choice",
        "twice as many candidates by samples, of these the ones with the largest last loss \
         (Cho et al. 2022)",
        |_, _, _| Ok(Box::new(power_of_choice::PowerOfChoice::default())),
    ),
    Entry::<Build>::new(
        "availability",
        "uniform among those that are there, by the trace in --selection_file \
         (client,first_round,last_round; rounds from 1)",
        |_, facts, list| {
            let list = needed("availability", list)?;
            Ok(Box::new(availability::Availability::read(list, facts)?))
        },
    )
    .with(Listed::PARAMS),
];

/// Distinct clients in ascending order.
fn in_order(clients: impl IntoIterator<Item = ClientId>) -> Vec<ClientId> {
    let mut cohort: Vec<ClientId> = clients.into_iter().collect();
    cohort.sort_unstable();
    cohort
}

fn needed<'a>(name: &'static str, list: Option<&'a List>) -> Result<&'a List, SelectError> {
    list.ok_or(SelectError::NoFile(name))
}

/// A client id in a file.
fn known(text: &str, clients: usize, path: &Path, line: usize) -> Result<ClientId, SelectError> {
    let fault = |reason: String| SelectError::file(path, format!("line {line}: {reason}"));
    let id: usize = text
        .trim()
        .parse()
        .map_err(|_| fault(format!("`{}` is no client id", text.trim())))?;
    match id < clients {
        true => Ok(ClientId::from(id)),
        false => Err(fault(format!(
            "client {id} does not exist, there are {clients} (hint: ids count from 0)"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};
    use proptest::prelude::*;
    use std::io::Write;

    /// What selectors read: a list of cohorts that names the first clients, or a trace that has
    /// everybody.
    fn file(name: &str, clients: usize, wanted: usize) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        match name {
            "fixed" => writeln!(
                file,
                "{}",
                (0..wanted)
                    .map(|id| id.to_string())
                    .collect::<Vec<_>>()
                    .join(" ")
            ),
            _ => (0..clients).try_for_each(|id| writeln!(file, "{id},1,1000")),
        }
        .expect("writable");
        file
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_selector_keeps_the_law(
            clients in 1usize..200, share in 0.0f64..1.0, round in 0u32..50, gaps in 1usize..4,
        ) {
            let wanted = 1 + ((clients - 1) as f64 * share) as usize;
            let some: Vec<ClientId> = (0..clients).step_by(gaps).map(ClientId::from).collect();
            let samples = |client: ClientId| u64::from(client.0 % 7 + 1);
            for (entry, members) in SELECTORS.iter().flat_map(|entry| {
                [(entry, Members::All(clients)), (entry, Members::Some(&some))]
            }) {
                let pool = Pool { members, samples: &samples };
                let file = file(entry.name, clients, wanted);
                let mut choice = Choice::from(entry.name);
                if !entry.params.is_empty() {
                    let path = file.path().display().to_string();
                    choice.values.insert("selection_file".into(), path.into());
                }
                let mut varies = false;
                let mut select = || {
                    let mut stream = Seed(1).for_round(Purpose::Select, Round(round));
                    let list = List::of(&choice).expect("readable");
                    let facts = Facts { clients, wanted };
                    let mut selector = make(&choice, facts, list.as_ref()).expect("a sound list");
                    selector.learn(ClientId(0), 0.5);
                    varies = selector.draw() == Draw::Independent;
                    selector.select(Round(round), &pool, wanted, &mut stream)
                };
                let cohort = select();
                // A listed cohort is whoever of it is in the pool.
                let listed = (0..wanted).filter(|&id| pool.holds(ClientId::from(id))).count();
                let most = if entry.name == "fixed" { listed } else { pool.len() };
                let again = select();
                prop_assert!(varies || cohort.len() == wanted.min(most), "{}", entry.name);
                prop_assert!(cohort.windows(2).all(|pair| pair[0] < pair[1]));
                prop_assert!(cohort.iter().all(|client| pool.holds(*client)));
                prop_assert_eq!(cohort, again);
            }
        }
    }
}
