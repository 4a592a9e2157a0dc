//! How far a run is, as text of one line that no terminal breaks: columns stay where they are, and
//! the last ones give way where there is no room.

use super::Course;
use crate::screen::figures::{self, FIGURE};
use std::time::{Duration, Instant};

impl Course {
    /// The last round as a line, with the mean time of the rounds that it stands for; no longer
    /// than `room`.
    pub fn line(&self, a_round: Duration, now: Instant, room: usize) -> String {
        let loss = match self.loss {
            Some(loss) => format!("loss {:>7}", figures::figure(loss)),
            None => "nobody trained".to_owned(),
        };
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
        let lanes = underway.workers.iter();
        let busy = lanes.filter(|lane| lane.client.is_some()).count();
        let taken = Duration::try_from_secs_f64(underway.seconds).ok();
        let columns = [
            Some(self.place(underway.round.0 + 1)),
            Some(clients(underway.done, underway.clients)),
            Some(format!("{busy} of {} workers busy", underway.workers.len())),
            taken.map(figures::clock),
            self.left_column(now),
        ];
        Some(joined(columns, room))
    }

    /// What stands before and after a bar, which gets the rest of `room`.
    pub fn around_bar(&self, now: Instant, room: usize) -> (String, String) {
        let current = (self.done + 1).min(self.rounds);
        let done = self.underway.as_ref().map_or(0, |underway| underway.done);
        let after = [
            self.cohort.map(|all| clients(done, all)),
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
    use super::*;
    use crate::event::{Event, Lane, RoundDone, Started, Underway};
    use crate::ids::{ClientId, Rank, Round};
    use crate::metrics::Metrics;
    use crate::screen::ROOM;

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
        let loss = Metrics::default().with("loss", 1.0, 1);
        Some(loss.with("accuracy", share, 1))
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
        let loss_only = Metrics::default().with("loss", 2.0, 1);
        let test = || Some(loss_only.clone().with("accuracy", 0.5, 1));
        let shown = |metric: Option<&str>, test: Option<Metrics>| {
            let mut course = Course::new(3, true, metric, 1);
            after(&mut course, 1, Some(1.0), test, Instant::now());
            course.line(Duration::ZERO, Instant::now(), ROOM)
        };
        assert!(shown(Some("perplexity"), test()).contains("  perplexity   7.3891"));
        assert!(shown(None, test()).contains("  accuracy  50.00 %"));
        assert!(
            shown(None, Some(loss_only))
                .starts_with("move 2/3  loss  1.0000  test loss   2.0000   0.0 ms")
        );
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
