//! Which tokens of a row are hidden (Devlin et al. 2019): each with the same probability; of those
//! 80 % become the mask, 10 % any token, and 10 % stay, so that a model cannot know which are asked
//! for. A row of which none would be hidden hides one, else a small batch could ask for nothing.

use crate::seed::Stream;
use crate::task::{Hiding, Task};
use rand::Rng;
use rand::seq::IteratorRandom;

/// Of hidden tokens, which become the mask.
const MASKED: f64 = 0.8;
/// And up to where they become any token.
const CHANGED: f64 = 0.9;

/// Hides tokens. What it does with a sample depends on its stream, the epoch and the sample, and on
/// nothing else.
pub struct Hider {
    stream: Stream,
    vocabulary: u32,
    ignore: u32,
    mask: u32,
    share: f64,
    epoch: u32,
    first: u32,
}

impl Hider {
    /// For a task that hides tokens, none for others; of samples that are numbered from `first`:
    /// what is hidden depends on the place among them.
    pub fn new(task: &Task, stream: Stream, first: u32) -> Option<Hider> {
        let &Task::Masked {
            vocabulary,
            ignore,
            hiding: Some(Hiding { mask, share }),
            ..
        } = task
        else {
            return None;
        };
        Some(Hider {
            stream,
            vocabulary: vocabulary as u32,
            ignore,
            mask,
            share,
            epoch: 0,
            first,
        })
    }

    /// Hides others in another epoch.
    pub fn begin(&mut self, epoch: u32) {
        self.epoch = epoch;
    }

    /// Hides tokens of a row. `targets` holds the row, with the ignored token where nothing is to
    /// be hidden; afterwards, where nothing is.
    pub fn hide(&self, sample: u32, row: &mut [u32], targets: &mut [u32]) {
        let mut stream = self.stream.clone();
        stream.set_stream(u64::from(self.epoch) << 32 | u64::from(sample - self.first));
        let places = || (0..targets.len()).filter(|&place| targets[place] != self.ignore);
        let mut hidden: Vec<usize> = places()
            .filter(|_| stream.random::<f64>() < self.share)
            .collect();
        if hidden.is_empty() {
            hidden.extend(places().choose(&mut stream));
        }
        let mut asked = vec![self.ignore; targets.len()];
        for place in hidden {
            asked[place] = targets[place];
            row[place] = match stream.random::<f64>() {
                part if part < MASKED => self.mask,
                part if part < CHANGED => stream.random_range(0..self.vocabulary),
                _ => row[place],
            };
        }
        targets.copy_from_slice(&asked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ClientId, Round};
    use crate::seed::{Purpose, Seed};

    const IGNORE: u32 = 0;
    const MASK: u32 = 4;

    fn hider(client: u32, first: u32) -> Hider {
        let hiding = Some(Hiding {
            mask: MASK,
            share: 0.15,
        });
        let task = Task::Masked {
            vocabulary: 1000,
            ignore: IGNORE,
            hiding,
            padding: Some(0),
        };
        let stream = Seed(1).for_client(Purpose::Hide, Round(2), ClientId(client));
        Hider::new(&task, stream, first).expect("hides")
    }

    /// A row of tokens from 100 on, the last tenth of which is padding.
    fn hidden(hider: &Hider, sample: u32, length: u32) -> (Vec<u32>, Vec<u32>) {
        let mut row: Vec<u32> = (0..length)
            .map(|at| {
                if at < length * 9 / 10 {
                    100 + at % 800
                } else {
                    IGNORE
                }
            })
            .collect();
        let mut targets = row.clone();
        hider.hide(sample, &mut row, &mut targets);
        (row, targets)
    }

    #[test]
    fn fifteen_of_a_hundred_are_asked_for_and_eighty_of_those_masked() {
        let (row, targets) = hidden(&hider(0, 0), 0, 100_000);
        let asked: Vec<usize> = (0..row.len()).filter(|&at| targets[at] != IGNORE).collect();
        let share = |count: usize, of: usize| count as f64 / of as f64;
        let masked = asked.iter().filter(|&&at| row[at] == MASK).count();
        let same = asked.iter().filter(|&&at| row[at] == targets[at]).count();
        assert!((share(asked.len(), 90_000) - 0.15).abs() < 0.005, "{}", asked.len());
        assert!((share(masked, asked.len()) - 0.8).abs() < 0.02, "{masked}");
        assert!((share(same, asked.len()) - 0.1).abs() < 0.02, "{same}");
        // Padding and what was not asked for is as it was.
        let untouched = |at: &usize| {
            row[*at]
                == if *at < 90_000 {
                    100 + *at as u32 % 800
                } else {
                    IGNORE
                }
        };
        assert!(
            (0..row.len())
                .filter(|&at| targets[at] == IGNORE)
                .all(|at| untouched(&at))
        );
    }

    #[test]
    fn what_is_hidden_depends_on_client_sample_and_epoch_alone() {
        let first = hidden(&hider(7, 0), 3, 500);
        assert_eq!(hidden(&hider(7, 0), 3, 500), first);
        assert_ne!(hidden(&hider(8, 0), 3, 500), first);
        assert_ne!(hidden(&hider(7, 0), 4, 500), first);
        let mut later = hider(7, 0);
        later.begin(1);
        assert_ne!(hidden(&later, 3, 500), first);
        // The same sample, wherever a client's samples begin.
        assert_eq!(hidden(&hider(7, 40), 43, 500), first);
    }

    #[test]
    fn a_short_row_still_asks_for_a_token_and_one_of_padding_for_none() {
        for sample in 0..100 {
            let (_, targets) = hidden(&hider(0, 0), sample, 4);
            assert!(targets.iter().any(|&target| target != IGNORE));
        }
        let (mut row, mut targets) = ([IGNORE; 3], [IGNORE; 3]);
        hider(0, 0).hide(0, &mut row, &mut targets);
        assert_eq!((row, targets), ([IGNORE; 3], [IGNORE; 3]));
    }
}
