//! Who of a cohort turns up: clients drop out, and late ones are left out. Everything follows from
//! counters and a virtual clock, so it is known before anybody trains: nobody trains in vain, and
//! the outcome does not depend on how fast the real workers are.

use super::Job;
use crate::delay::Delay;
use crate::ids::Round;
use crate::seed::{Purpose, Seed};
use rand::Rng;
use std::cmp::Ordering;

/// The rules of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attendance {
    /// Chance that a client drops out of a round, from 0 to below 1.
    pub drop_rate: f64,
    /// Cohort size as a multiple of what is needed, from 1 up.
    pub over_select: f64,
    /// Virtual seconds after which a client is late; none waits for all.
    pub deadline: Option<f64>,
}

/// A cohort after the fact.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attended {
    /// Those whose updates count.
    pub cohort: Vec<Job>,
    /// How many dropped out.
    pub dropped: usize,
    /// How many were too late, or not needed any more.
    pub late: usize,
    /// Virtual seconds until the last update that counts.
    pub virtual_seconds: f64,
}

impl Attendance {
    /// Clients to select when `wanted` are needed and there are `clients`.
    pub fn invited(&self, wanted: usize, clients: usize) -> usize {
        // A tenth more of a hundred is 110, although 1.1 is not exact.
        ((wanted as f64 * self.over_select - 1e-6).ceil() as usize)
            .clamp(wanted.min(clients), clients)
    }

    /// Of those selected, the first `wanted` to finish in time.
    pub fn attend(
        &self,
        seed: Seed,
        round: Round,
        selected: Vec<Job>,
        wanted: usize,
        delay: &Delay,
    ) -> Attended {
        let before = selected.len();
        let mut finishing: Vec<Finish> = selected
            .into_iter()
            .filter_map(|job| self.finish(seed, round, job, delay))
            .collect();
        let dropped = before - finishing.len();
        finishing.sort_unstable_by(Finish::first);
        let wanted = match self.over_select > 1.0 {
            true => wanted,
            false => usize::MAX,
        };
        let in_time = |seconds: f64| self.deadline.is_none_or(|deadline| seconds <= deadline);
        let mut present: Vec<&Finish> = finishing
            .iter()
            .filter(|finish| in_time(finish.seconds))
            .take(wanted)
            .collect();
        let late = finishing.len() - present.len();
        // Who misses some waits for them until the deadline: that they have dropped out shows only
        // then.
        let virtual_seconds = match self.deadline {
            Some(deadline) if late + dropped > 0 && present.len() < wanted => deadline,
            _ => present.last().map_or(0.0, |finish| finish.seconds),
        };
        present.sort_unstable_by_key(|finish| finish.job.client);
        Attended {
            cohort: present.into_iter().map(|finish| finish.job).collect(),
            dropped,
            late,
            virtual_seconds,
        }
    }

    /// When a client finishes; none when it drops out.
    fn finish(&self, seed: Seed, round: Round, job: Job, delay: &Delay) -> Option<Finish> {
        let mut stream = seed.for_client(Purpose::Attend, round, job.client);
        let stays = stream.random::<f64>() >= self.drop_rate;
        stays.then(|| Finish {
            seconds: delay.seconds(seed, job.client, round, job.samples),
            lot: stream.random(),
            job,
        })
    }
}

/// A client that finishes.
struct Finish {
    seconds: f64,
    // Among those who finish at once the lot decides: else low ids would always come first.
    lot: u64,
    job: Job,
}

impl Finish {
    fn first(&self, other: &Finish) -> Ordering {
        self.seconds
            .total_cmp(&other.seconds)
            .then(self.lot.cmp(&other.lot))
            .then(self.job.client.cmp(&other.job.client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ClientId;

    const ALL: Attendance = Attendance {
        drop_rate: 0.0,
        over_select: 1.0,
        deadline: None,
    };

    /// A hundredth of a second for each sample.
    fn delay() -> Delay {
        Delay::make(&"samples:0.01".into(), 4).expect("sound")
    }

    #[test]
    fn among_equals_everybody_comes_equally_often() {
        let crowd = Attendance {
            over_select: 2.0,
            ..ALL
        };
        let delay = Delay::make(&"constant:1".into(), 4).expect("sound");
        let mut counts = [0; 10];
        for round in 0..1000 {
            let attended = crowd.attend(Seed(0), Round(round), jobs(10), 5, &delay);
            assert_eq!((attended.cohort.len(), attended.late), (5, 5));
            attended
                .cohort
                .iter()
                .for_each(|job| counts[job.client.index()] += 1);
        }
        // Each has 500 with a deviation of 16.
        assert!(counts.iter().all(|count| (430..570).contains(count)), "{counts:?}");
    }

    fn jobs(count: usize) -> Vec<Job> {
        (0..count)
            .map(|id| Job {
                client: ClientId::from(id),
                samples: 100 * (id as u64 + 1),
            })
            .collect()
    }

    #[test]
    fn without_rules_everybody_attends() {
        let attended = ALL.attend(Seed(0), Round(3), jobs(4), 4, &delay());
        assert_eq!((attended.cohort, attended.dropped, attended.late), (jobs(4), 0, 0));
        assert_eq!(attended.virtual_seconds, 4.0);
    }

    #[test]
    fn the_first_to_finish_count_and_the_deadline_cuts() {
        let rules = Attendance {
            over_select: 1.3,
            deadline: Some(2.5),
            ..ALL
        };
        assert_eq!(
            (rules.invited(10, 100), rules.invited(10, 12), rules.invited(3, 100)),
            (13, 12, 4)
        );
        assert_eq!(
            Attendance {
                over_select: 1.1,
                ..ALL
            }
            .invited(100, 1000),
            110
        );
        let attended = rules.attend(Seed(0), Round(0), jobs(4), 3, &delay());
        assert_eq!((attended.cohort, attended.late, attended.virtual_seconds), (jobs(2), 2, 2.5));
        let enough = Attendance {
            deadline: None,
            ..rules
        }
        .attend(Seed(0), Round(0), jobs(4), 3, &delay());
        assert_eq!((enough.cohort, enough.late), (jobs(3), 1));
    }

    #[test]
    fn those_who_drop_out_are_waited_for_until_the_deadline() {
        let rules = Attendance {
            drop_rate: 0.5,
            deadline: Some(100.0),
            ..ALL
        };
        let attended = rules.attend(Seed(0), Round(0), jobs(9), 9, &delay());
        assert!(attended.dropped > 0 && attended.late == 0, "{attended:?}");
        assert_eq!(attended.virtual_seconds, 100.0);
        // With enough of the others nobody waits, and without a deadline it is known at once.
        let enough = Attendance {
            over_select: 3.0,
            ..rules
        }
        .attend(Seed(0), Round(0), jobs(9), 3, &delay());
        assert!(enough.cohort.len() == 3 && enough.virtual_seconds < 10.0, "{enough:?}");
        let known = Attendance {
            deadline: None,
            ..rules
        }
        .attend(Seed(0), Round(0), jobs(9), 9, &delay());
        assert!(known.virtual_seconds < 10.0, "{known:?}");
    }

    #[test]
    fn a_third_drops_out() {
        let rules = Attendance {
            drop_rate: 1.0 / 3.0,
            ..ALL
        };
        let attended = rules.attend(Seed(5), Round(0), jobs(3000), 3000, &delay());
        assert!(
            (attended.dropped as f64 / 3000.0 - 1.0 / 3.0).abs() < 0.03,
            "{}",
            attended.dropped
        );
    }
}
