//! How far a run is, as its events tell, and how long the rest will take; as text of one line.

use super::figures::{self, FIGURE};
use crate::event::{Event, RoundDone, Underway};
use crate::metrics::Metrics;
use std::time::{Duration, Instant};

/// How far a run is.
#[derive(Clone, Debug)]
pub struct Course {
    rounds: u32,
    word: &'static str,
    metric: Option<String>,
    /// Rounds done; in async mode moves of the model.
    pub done: u32,
    // Those that were done before this process.
    first: u32,
    loss: Option<f64>,
    test: Option<(String, f64)>,
    underway: Option<Underway>,
    // Clients of the last round that took long.
    cohort: Option<usize>,
    begun: Instant,
    // When the last round ended.
    ended: Instant,
    pace: Pace,
}

/// Seconds of a round: the mean, in which a round counts the less the older it is, by rounds or by
/// time.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    seconds: f64,
    rounds: f64,
}

/// What is left of a round's weight after another, or after so many seconds if that is more.
const FADE: f64 = 0.95;
const SECONDS: f64 = 10.0;

impl Pace {
    fn note(&mut self, seconds: f64) {
        let fade = FADE.max((-seconds / SECONDS).exp());
        self.seconds = fade * self.seconds + seconds;
        self.rounds = fade * self.rounds + 1.0;
    }

    fn mean(self) -> Option<f64> {
        (self.rounds > 0.0).then(|| self.seconds / self.rounds)
    }
}

impl Course {
    /// Of so many rounds some are `done`. In async mode the model moves without rounds. `metric` is
    /// what the run is to reach; without one the task's own metric leads.
    pub fn new(rounds: u32, is_async: bool, metric: Option<&str>, done: u32) -> Course {
        let (now, word) = (Instant::now(), if is_async { "move" } else { "round" });
        Course {
            rounds,
            word,
            metric: metric.map(str::to_owned),
            done,
            first: done,
            loss: None,
            test: None,
            underway: None,
            cohort: None,
            begun: now,
            ended: now,
            pace: Pace::default(),
        }
    }

    /// Takes note of an event at its time.
    pub fn note(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Started(_) => (self.begun, self.ended) = (now, now),
            Event::Underway(underway) => {
                self.cohort = Some(underway.clients);
                self.underway = Some(underway.clone());
            }
            Event::RoundDone(done) => self.note_round(done, now),
            _ => {}
        }
    }

    fn note_round(&mut self, done: &RoundDone, now: Instant) {
        self.pace.note((now - self.ended).as_secs_f64());
        (self.done, self.ended, self.underway) = (done.round.0 + 1, now, None);
        self.loss = done.train_loss;
        if let Some(test) = &done.test {
            self.test = Some(self.lead(test));
        }
    }

    /// The metric that says most.
    fn lead(&self, test: &Metrics) -> (String, f64) {
        let wanted = self
            .metric
            .as_ref()
            .and_then(|name| Some((name.clone(), test.value(name)?)));
        let (name, value) = wanted.unwrap_or_else(|| {
            let (name, value) = test.lead();
            (name.to_owned(), value)
        });
        // The other loss is of the training.
        (
            if name == "loss" {
                "test loss".to_owned()
            } else {
                name
            },
            value,
        )
    }

    /// Rounds to do.
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    /// Rounds that were done before this process.
    pub fn first(&self) -> u32 {
        self.first
    }

    /// Whether all rounds are done.
    pub fn is_over(&self) -> bool {
        self.done >= self.rounds
    }

    /// Rounds done as a share of all.
    pub fn share(&self) -> f64 {
        let in_hand = self
            .underway
            .as_ref()
            .map_or(0.0, |it| it.done as f64 / it.clients.max(1) as f64);
        ((f64::from(self.done) + in_hand.min(1.0)) / f64::from(self.rounds.max(1))).min(1.0)
    }

    /// How long the rest will take, if that can be told.
    fn left(&self, now: Instant) -> Option<Duration> {
        let of_round = || {
            let underway = self
                .underway
                .as_ref()
                .filter(|underway| underway.done > 0)?;
            Some(underway.seconds * underway.clients as f64 / underway.done as f64)
        };
        let mean = self
            .pace
            .mean()
            .or_else(of_round)
            .filter(|_| !self.is_over())?;
        let all = mean * f64::from(self.rounds - self.done);
        Duration::try_from_secs_f64((all - (now - self.ended).as_secs_f64()).max(0.0)).ok()
    }

    /// The last round as a line, with the mean time of the rounds that it stands for; no longer
    /// than `room`.
    pub fn line(&self, a_round: Duration, now: Instant, room: usize) -> String {
        let loss = self.loss.map_or("nobody trained".to_owned(), |loss| {
            format!("loss {:>7}", figures::figure(loss))
        });
        let columns = [
            Some(self.place(self.done)),
            Some(format!("{loss:<12}")),
            self.test_column(),
            Some(format!("{:>7}", figures::seconds(a_round))),
            self.left_column(now),
        ];
        joined(columns, room)
    }

    /// The round in hand as a line; none when nothing is known of it.
    pub fn underway_line(&self, now: Instant, room: usize) -> Option<String> {
        let underway = self.underway.as_ref()?;
        let busy = underway
            .workers
            .iter()
            .filter(|lane| lane.client.is_some())
            .count();
        let columns = [
            Some(self.place(underway.round.0 + 1)),
            Some(clients(underway.done, underway.clients)),
            Some(format!("{busy} of {} workers busy", underway.workers.len())),
            Duration::try_from_secs_f64(underway.seconds)
                .ok()
                .map(figures::clock),
            self.left_column(now),
        ];
        Some(joined(columns, room))
    }

    /// What stands before and after a bar, which gets the rest of `room`.
    pub fn around_bar(&self, now: Instant, room: usize) -> (String, String) {
        let current = (self.done + 1).min(self.rounds);
        let after = [
            self.cohort.map(|all| {
                clients(self.underway.as_ref().map_or(0, |underway| underway.done), all)
            }),
            self.test_column(),
            Some(figures::clock(now - self.begun)),
            self.left_column(now),
        ];
        let before = self.place(current);
        let room = room.saturating_sub(before.len());
        (before, joined(after, room))
    }

    fn place(&self, round: u32) -> String {
        let (word, rounds) = (self.word, self.rounds);
        format!("{word} {round:>width$}/{rounds}", width = rounds.to_string().len())
    }

    fn test_column(&self) -> Option<String> {
        let (name, value) = self.test.as_ref()?;
        Some(format!("{name} {:>FIGURE$}", figures::metric(name, *value)))
    }

    fn left_column(&self, now: Instant) -> Option<String> {
        self.left(now)
            .map(|left| format!("left {}", figures::clock(left)))
    }
}

/// Clients that are done of those of a round.
fn clients(done: usize, all: usize) -> String {
    format!("{done:>width$} of {all} clients", width = all.to_string().len())
}

/// Columns side by side, without the last ones where there is no room for all.
fn joined<const N: usize>(columns: [Option<String>; N], room: usize) -> String {
    let mut line = String::new();
    for column in columns.into_iter().flatten() {
        let gap = if line.is_empty() { "" } else { "  " };
        if line.chars().count() + gap.len() + column.chars().count() > room {
            break;
        }
        line += gap;
        line += &column;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::super::ROOM;
    use super::*;
    use crate::event::{Lane, Started};
    use crate::ids::{ClientId, Rank, Round};

    fn after(
        course: &mut Course,
        round: u32,
        loss: Option<f64>,
        test: Option<Metrics>,
        now: Instant,
    ) {
        let done = RoundDone {
            round: Round(round),
            train_loss: loss,
            test,
            ..RoundDone::default()
        };
        course.note(&Event::RoundDone(done), now);
    }

    fn accuracy(share: f64) -> Option<Metrics> {
        Some(
            Metrics::default()
                .with("loss", 1.0, 1)
                .with("accuracy", share, 1),
        )
    }

    #[test]
    fn columns_stay_where_they_are() {
        let (mut course, start) = (Course::new(10, false, None, 0), Instant::now());
        course.note(&Event::Started(Started::default()), start);
        let line = |course: &Course, now| course.line(Duration::from_millis(2000), now, ROOM);
        let at = |seconds| start + Duration::from_secs(seconds);
        after(&mut course, 7, Some(2.3125), accuracy(0.0985), at(16));
        assert_eq!(
            line(&course, at(16)),
            "round  8/10  loss  2.3125  accuracy   9.85 %  2.000 s  left 0:32"
        );
        after(&mut course, 8, Some(1.5), None, at(32));
        assert_eq!(
            line(&course, at(32)),
            "round  9/10  loss  1.5000  accuracy   9.85 %  2.000 s  left 0:16"
        );
        after(&mut course, 9, None, accuracy(1.0), at(33));
        assert_eq!(
            line(&course, at(33)),
            "round 10/10  nobody trained  accuracy 100.00 %  2.000 s"
        );
        assert!(course.is_over());
    }

    #[test]
    fn the_task_says_what_leads_unless_a_target_does() {
        let test = || {
            Some(
                Metrics::default()
                    .with("loss", 2.0, 1)
                    .with("accuracy", 0.5, 1),
            )
        };
        let shown = |metric: Option<&str>, test: Option<Metrics>| {
            let mut course = Course::new(3, true, metric, 1);
            after(&mut course, 1, Some(1.0), test, Instant::now());
            course.line(Duration::ZERO, Instant::now(), ROOM)
        };
        let loss_only = Some(Metrics::default().with("loss", 2.0, 1));
        assert!(
            shown(None, loss_only)
                .starts_with("move 2/3  loss  1.0000  test loss   2.0000   0.0 ms")
        );
        assert!(shown(Some("perplexity"), test()).contains("  perplexity   7.3891"));
        assert!(shown(None, test()).contains("  accuracy  50.00 %"));
    }

    #[test]
    fn a_round_moves_before_it_ends() {
        let (mut course, start) = (Course::new(4, false, None, 0), Instant::now());
        course.note(&Event::Started(Started::default()), start);
        assert_eq!((course.share(), course.underway_line(start, ROOM)), (0.0, None));
        let lane = |client: Option<u32>| Lane {
            rank: Rank(1),
            client: client.map(ClientId),
            done: 0,
        };
        let workers = vec![lane(Some(3)), lane(None)];
        let underway = Underway {
            round: Round(0),
            seconds: 6.0,
            clients: 10,
            done: 2,
            workers,
        };
        course.note(&Event::Underway(underway), start);
        let now = start + Duration::from_secs(6);
        let line = course.underway_line(now, ROOM).expect("known");
        assert_eq!(line, "round 1/4   2 of 10 clients  1 of 2 workers busy  0:06  left 1:54");
        let (before, rest) = course.around_bar(now, ROOM);
        assert_eq!(
            (before.as_str(), rest.as_str()),
            ("round 1/4", " 2 of 10 clients  0:06  left 1:54")
        );
        assert_eq!(course.share(), 0.05);
    }

    #[test]
    fn every_line_fits_whatever_it_says() {
        let extremes = [
            0.0,
            -1e-300,
            f64::MAX,
            f64::MIN,
            f64::NAN,
            f64::INFINITY,
            99_999.95,
        ];
        for (rounds, metric) in [
            (1, None),
            (u32::MAX, None),
            (1_000_000, Some("squared_error")),
            (10_000, None),
        ] {
            for value in extremes {
                let start = Instant::now();
                let mut course = Course::new(rounds, rounds > 9, metric, 0);
                let test =
                    Metrics::default()
                        .with("loss", value, 1)
                        .with("squared_error", value, 1);
                after(
                    &mut course,
                    rounds / 2,
                    Some(value),
                    Some(test.with("accuracy", 1.0, 1)),
                    start,
                );
                let workers = vec![
                    Lane {
                        client: Some(ClientId(1)),
                        ..Lane::default()
                    };
                    4096
                ];
                let (clients, round) = (usize::MAX, Round(rounds / 2));
                let underway = Underway {
                    round,
                    seconds: 1e12,
                    clients,
                    done: clients,
                    workers,
                };
                course.note(&Event::Underway(underway), start);
                let now = start + Duration::from_secs(1 << 30);
                let mut lines = vec![course.line(Duration::MAX, now, ROOM)];
                lines.extend(course.underway_line(now, ROOM));
                let (before, rest) = course.around_bar(now, ROOM);
                lines.push(before + &rest);
                for line in lines {
                    assert!(line.chars().count() <= ROOM, "{line}");
                }
            }
        }
    }
}
