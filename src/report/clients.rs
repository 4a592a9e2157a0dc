//! How clients fared: the last training loss of each, by how much they own and of what.

use super::figure::{Axes, Figure, Line, Point, bars};
use super::reported::Reported;
use crate::ids::{ClientId, Rank};
use crate::metrics::median;
use std::collections::BTreeMap;

/// Parts into which clients are divided by size.
const PARTS: usize = 10;

/// What a run says of one client.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Client {
    /// Its number.
    pub id: u32,
    /// How often it was trained.
    pub times: usize,
    /// Its last training loss; none when it was no finite number.
    pub loss: Option<f64>,
    /// Samples behind its updates; 0 where nothing says so.
    pub samples: u64,
    /// Mean seconds of its trainings.
    pub seconds: f64,
    /// How often it was left out because its training diverged.
    pub diverged: usize,
    /// Who trained it last.
    pub rank: Rank,
}

/// What a run says of all its clients.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spread {
    /// Clients that were trained.
    pub clients: usize,
    /// Mean of their last losses.
    pub loss: Option<f64>,
    /// The same of the tenth with the highest.
    pub worst: Option<f64>,
    /// The same of the tenth that owns least.
    pub smallest: Option<f64>,
    /// How often a client was trained: at least, at the median, at most.
    pub times: [usize; 3],
}

/// Every client that was trained, or was to be, by number.
pub fn clients(run: &Reported) -> Vec<Client> {
    let mut found: BTreeMap<u32, Client> = BTreeMap::new();
    for trained in &run.history.trained {
        let client = entry(&mut found, trained.client);
        client.samples = trained.samples;
        client.note(trained.loss, trained.seconds, trained.rank);
    }
    for arrived in &run.history.arrived {
        let client = entry(&mut found, arrived.client);
        client.samples = owned(run, arrived.client);
        client.note(arrived.loss, arrived.seconds, arrived.rank);
    }
    for (_, id) in &run.history.left_out {
        let client = entry(&mut found, *id);
        client.diverged += 1;
        if client.times == 0 {
            client.samples = owned(run, *id);
        }
    }
    found.into_values().collect()
}

fn entry(found: &mut BTreeMap<u32, Client>, client: ClientId) -> &mut Client {
    found.entry(client.0).or_insert_with(|| Client {
        id: client.0,
        ..Client::default()
    })
}

/// Samples that a client owns; 0 where nothing says so.
fn owned(run: &Reported, client: ClientId) -> u64 {
    let samples = run.mix.as_ref().map(|mix| &mix.samples);
    let own = samples.and_then(|samples| samples.get(client.index()));
    own.copied().unwrap_or(0)
}

impl Client {
    /// Takes note of a training.
    fn note(&mut self, loss: f64, seconds: f64, rank: Rank) {
        self.times += 1;
        self.rank = rank;
        self.loss = Some(loss).filter(|loss| loss.is_finite());
        self.seconds += (seconds - self.seconds) / self.times as f64;
    }
}

/// All of them in a few figures.
pub fn spread(clients: &[Client]) -> Spread {
    let mut known: Vec<&Client> = clients
        .iter()
        .filter(|client| client.loss.is_some())
        .collect();
    let tenth = known.len().div_ceil(PARTS);
    let loss = |client: &Client| client.loss.unwrap_or(0.0);
    known.sort_by(|one, other| loss(other).total_cmp(&loss(one)));
    let worst = mean(&known[..tenth]);
    known.sort_by_key(|client| client.samples);
    let largest = known.last();
    let sized = largest.is_some_and(|client| client.samples > known[0].samples);
    let times = clients.iter().map(|client| client.times);
    let mut times: Vec<usize> = times.filter(|times| *times > 0).collect();
    times.sort_unstable();
    let middle = median(
        &times
            .iter()
            .map(|times| *times as f64)
            .collect::<Vec<f64>>(),
    );
    let [least, most] = [times.first(), times.last()].map(|times| times.copied().unwrap_or(0));
    Spread {
        clients: times.len(),
        loss: mean(&known),
        worst,
        smallest: mean(&known[..tenth]).filter(|_| sized),
        times: [least, middle as usize, most],
    }
}

fn mean(clients: &[&Client]) -> Option<f64> {
    let losses = clients.iter().filter_map(|client| client.loss);
    (!clients.is_empty()).then(|| losses.sum::<f64>() / clients.len() as f64)
}

/// The share of clients whose last loss is at most so high: what is on the right is the worst
/// tenth.
pub fn distribution(runs: &[(&str, Vec<Client>)]) -> Figure {
    let axes = Axes {
        x: "last training loss",
        y: "share of clients",
        holds: Some(0.0..1.0),
    };
    let lines: Vec<Line> = runs
        .iter()
        .map(|(name, clients)| loss_line(name, clients))
        .collect();
    Figure::of_lines("clients_loss", "How many clients have at most this loss", &axes, &lines)
}

fn loss_line(name: &str, clients: &[Client]) -> Line {
    let mut losses: Vec<f64> = clients.iter().filter_map(|client| client.loss).collect();
    losses.sort_by(f64::total_cmp);
    let mut points = Vec::with_capacity(losses.len());
    for (place, loss) in losses.iter().enumerate() {
        points.push(Point {
            x: *loss,
            y: (place + 1) as f64 / losses.len() as f64,
            spread: 0.0,
        });
    }
    Line {
        label: name.to_owned(),
        points,
    }
}

/// Mean last loss of ten equal parts of the clients, from the smallest to the largest; none where
/// all own as much.
pub fn by_size(runs: &[(&str, Vec<Client>)]) -> Option<Figure> {
    let lines: Vec<Line> = runs
        .iter()
        .filter_map(|(name, clients)| size_line(name, clients))
        .collect();
    let axes = Axes {
        x: "samples of the client",
        y: "last training loss",
        holds: None,
    };
    if lines.is_empty() {
        return None;
    }
    let title = "Loss by size, in ten equal parts of the clients";
    Some(Figure::of_lines("clients_size", title, &axes, &lines))
}

fn size_line(name: &str, clients: &[Client]) -> Option<Line> {
    let mut known: Vec<&Client> = clients
        .iter()
        .filter(|client| client.loss.is_some())
        .collect();
    known.sort_by_key(|client| client.samples);
    if known.len() < 2 * PARTS || known[0].samples == known[known.len() - 1].samples {
        return None;
    }
    let parts = known.chunks(known.len().div_ceil(PARTS));
    Some(Line {
        label: name.to_owned(),
        points: parts.filter_map(size_point).collect(),
    })
}

/// The mean size and the mean last loss of a part.
fn size_point(part: &[&Client]) -> Option<Point> {
    let samples: f64 = part.iter().map(|client| client.samples as f64).sum();
    Some(Point {
        x: samples / part.len() as f64,
        y: mean(part)?,
        spread: 0.0,
    })
}

/// Mean last loss of the clients that have most of each class; none where there are no classes.
pub fn by_class(run: &Reported, clients: &[Client], name: &str) -> Option<Figure> {
    let mix = run.mix.as_ref().filter(|mix| mix.width() > 1)?;
    let mut classes: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for client in clients {
        let class = mix.main_class(client.id as usize);
        if let (Some(class), Some(loss)) = (class, client.loss) {
            classes.entry(class).or_default().push(loss);
        }
    }
    let bar = |(class, losses): (usize, Vec<f64>)| {
        (class.to_string(), losses.iter().sum::<f64>() / losses.len() as f64)
    };
    let of: Vec<(String, f64)> = classes.into_iter().map(bar).collect();
    let title = format!("{}: loss by the class of which a client has most", run.name);
    let axes = Axes {
        x: "class",
        y: "last training loss",
        holds: None,
    };
    (!of.is_empty()).then(|| bars(name, &title, &axes, &of))
}

/// The slowest clients first, by mean seconds of a training.
pub fn slowest(clients: &[Client], most: usize) -> Vec<&Client> {
    let mut sorted: Vec<&Client> = clients.iter().collect();
    sorted.sort_by(|one, other| other.seconds.total_cmp(&one.seconds));
    sorted.truncate(most);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Trained;
    use crate::ids::Round;
    use crate::partition::Mix;
    use crate::report::tests::reported;

    fn run() -> Reported {
        let mut run = reported("a");
        let trained = |round: u32, client: u32, loss: f64, seconds: f64| Trained {
            round: Round(round),
            client: ClientId(client),
            samples: 10 + u64::from(client),
            loss,
            seconds,
            ..Trained::default()
        };
        run.history.trained = (0..20)
            .map(|client| trained(0, client, f64::from(client), 1.0))
            .collect();
        run.history.trained.push(trained(1, 3, 100.0, 3.0));
        run.history.trained.push(trained(1, 4, f64::NAN, 3.0));
        run.mix = Some(Mix {
            samples: vec![7; 20],
            classes: (0..20)
                .map(|client| vec![client % 2, 1 - client % 2])
                .collect(),
        });
        run
    }

    #[test]
    fn the_last_loss_counts_and_tenths_are_told() {
        let clients = clients(&run());
        let spread = spread(&clients);
        assert_eq!((spread.clients, spread.times), (20, [1, 1, 2]));
        // 0, 1, ... 19 without 3 and 4, and 100.
        let mean = (190.0 - 7.0 + 100.0) / 19.0;
        assert_eq!(
            (spread.loss, spread.worst, spread.smallest),
            (Some(mean), Some(59.5), Some(0.5))
        );
        assert_eq!(
            (clients[3].loss, clients[4].loss, clients[3].seconds),
            (Some(100.0), None, 2.0)
        );
        let slow: Vec<u32> = slowest(&clients, 2)
            .iter()
            .map(|client| client.id)
            .collect();
        assert_eq!(slow, [3, 4]);
        assert_eq!(super::spread(&[]), Spread::default());
    }

    #[test]
    fn clients_are_drawn_by_loss_size_and_class() {
        let run = run();
        let clients = clients(&run);
        let figure = by_class(&run, &clients, "clients_class").expect("classes");
        assert_eq!(figure.table.lines().count(), 3);
        let mut more = clients.clone();
        more.push(Client {
            id: 20,
            loss: Some(1.0),
            samples: 99,
            ..Client::default()
        });
        assert_eq!(
            by_size(&[("a", more)])
                .expect("sizes")
                .table
                .lines()
                .count(),
            11
        );
        assert_eq!(by_size(&[("a", clients[..9].to_vec())]).map(|figure| figure.name), None);
        assert_eq!(distribution(&[("a", clients)]).table.lines().count(), 20);
    }
}
