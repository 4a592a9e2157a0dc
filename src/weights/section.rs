//! Several vectors of a client in one sum, each with a weight of its own kind.

use super::SumError;
use crate::ids::ClientId;
use serde::{Deserialize, Serialize};

/// What stands behind a cohort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// Samples of all its clients.
    pub samples: u64,
    /// How many clients it has.
    pub clients: u32,
}

impl Total {
    /// What is left without a client of so many samples.
    pub fn without(self, samples: u64) -> Total {
        Total {
            samples: self.samples.saturating_sub(samples),
            clients: self.clients.saturating_sub(1),
        }
    }
}

/// A cohort as its clients were told, by which they weigh what they contribute, and as much of it
/// as counts in the end: clients may be left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turnout {
    /// What clients were told.
    pub told: Total,
    /// What counts.
    pub counted: Total,
}

impl Turnout {
    /// Everybody counts.
    pub fn whole(total: Total) -> Turnout {
        Turnout {
            told: total,
            counted: total,
        }
    }

    /// What makes a mean over all who were asked one over those who count.
    fn scale(&self, weigh: Weigh) -> f64 {
        let clients = f64::from(self.told.clients.max(1)) / f64::from(self.counted.clients.max(1));
        match weigh {
            Weigh::Samples => self.told.samples.max(1) as f64 / self.counted.samples.max(1) as f64,
            Weigh::Clients => clients,
            Weigh::Cohort(_) => 1.0,
            Weigh::Own(most) => most * clients,
        }
    }
}

/// How a client's vector is weighed in the mean over the cohort.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Weigh {
    /// By samples: `n_i / N`.
    #[default]
    Samples,
    /// All alike: `1 / m`.
    Clients,
    /// As in a cohort of so many, however many there are: `1 / m`.
    Cohort(u32),
    /// By a weight of the client's own, at most this: `weight_i / m`.
    Own(f64),
}

/// One vector of each client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Section {
    /// Values in it.
    pub length: usize,
    /// How it is weighed.
    pub weigh: Weigh,
}

/// Whose vectors are added, and what they count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Who {
    /// Whose.
    pub client: ClientId,
    /// Samples behind them.
    pub samples: u64,
    /// Its own weight, where one is asked for.
    pub weight: f64,
}

/// How the vectors of a client lie in one flat sum.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sections(pub Vec<Section>);

impl Sections {
    /// Values in all of them.
    pub fn length(&self) -> usize {
        self.0.iter().map(|section| section.length).sum()
    }

    /// Where each begins.
    pub fn starts(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().scan(0, |end, section| {
            let start = *end;
            *end += section.length;
            Some(start)
        })
    }

    /// The share of a client in the mean of a section, from 0 to 1.
    ///
    /// # Errors
    /// A weight of its own that is not from 0 to the most that was declared.
    pub fn share(&self, place: usize, who: Who, total: Total) -> Result<f64, SumError> {
        let clients = f64::from(total.clients.max(1));
        match self.0[place].weigh {
            Weigh::Samples => Ok(who.samples as f64 / total.samples.max(1) as f64),
            Weigh::Clients => Ok(1.0 / clients),
            Weigh::Cohort(clients) => Ok(1.0 / f64::from(clients.max(1))),
            Weigh::Own(most) if (0.0..=most).contains(&who.weight) => {
                Ok(who.weight / most / clients)
            }
            Weigh::Own(most) => Err(SumError::Weight {
                client: who.client,
                weight: who.weight,
                most,
            }),
        }
    }

    /// Splits a sum of all sections into the means of each over those who count.
    pub fn split<'a>(&self, sum: &'a mut [f64], turnout: Turnout) -> Vec<&'a mut [f64]> {
        let mut rest = sum;
        self.0
            .iter()
            .map(|section| {
                let (mean, others) = std::mem::take(&mut rest).split_at_mut(section.length);
                rest = others;
                let scale = turnout.scale(section.weigh);
                if scale != 1.0 {
                    mean.iter_mut().for_each(|value| *value *= scale);
                }
                mean
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_their_kind() {
        let kinds = [Weigh::Samples, Weigh::Clients, Weigh::Own(10.0)];
        let sections = Sections(kinds.map(|weigh| Section { length: 2, weigh }).into());
        let total = Total {
            samples: 8,
            clients: 4,
        };
        let who = |weight| Who {
            client: ClientId(3),
            samples: 2,
            weight,
        };
        let share = |place, weight| sections.share(place, who(weight), total);
        assert_eq!((share(0, 5.0), share(1, 5.0), share(2, 5.0)), (Ok(0.25), Ok(0.25), Ok(0.125)));
        let refused =
            [-1.0, 10.1, f64::NAN].map(|weight| share(2, weight).expect_err("refused").to_string());
        assert!(refused.iter().all(|text| text.contains("client 3")), "{refused:?}");
        assert_eq!((sections.length(), sections.starts().collect::<Vec<_>>()), (6, vec![0, 2, 4]));
        let mut sum = [1.0, 2.0, 3.0, 4.0, 0.5, 0.25];
        assert_eq!(sections.split(&mut sum, Turnout::whole(total))[2], [5.0, 2.5]);
    }

    #[test]
    fn those_who_are_left_out_do_not_weigh() {
        let kinds = [Weigh::Samples, Weigh::Clients, Weigh::Own(10.0)];
        let sections = Sections(kinds.map(|weigh| Section { length: 1, weigh }).into());
        let told = Total {
            samples: 8,
            clients: 4,
        };
        let turnout = Turnout {
            told,
            counted: told.without(6),
        };
        let fixed = Sections(vec![Section {
            length: 1,
            weigh: Weigh::Cohort(4),
        }]);
        assert_eq!(fixed.split(&mut [0.75], turnout)[0], [0.75]);
        // Of eight samples two are left, of four clients three.
        let mut sum = [1.0, 3.0, 0.3];
        let means = sections.split(&mut sum, turnout);
        assert!(means.iter().all(|mean| (mean[0] - 4.0).abs() < 1e-12), "{means:?}");
    }
}
