//! How long a client trains: passes over its samples or steps, and how many batches make a step.

/// When a client's training is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// After so many passes over its samples.
    Epochs(u64),
    /// After so many steps, in as many passes as that takes.
    Steps(u64),
}

/// What a client is asked to do in a round. The last step of a pass has the batches that are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// When it is over.
    pub length: Length,
    /// Batches whose gradients make a step.
    pub accumulate: u64,
}

impl Workload {
    /// How many samples are trained on, of so many in batches of so many, each as often as it
    /// comes.
    ///
    /// ```
    /// use fedmpi::train::{Length, Workload};
    /// let steps = |count| Workload {
    ///     length: Length::Steps(count),
    ///     accumulate: 1,
    /// };
    /// // Ten samples make batches of 4, 4 and 2.
    /// assert_eq!([2, 3, 4].map(|count| steps(count).samples(10, 4)), [8, 10, 14]);
    /// ```
    pub fn samples(self, samples: u64, batch: u64) -> u64 {
        let (samples, batch) = (samples.max(1), batch.max(1));
        match self.length {
            Length::Epochs(epochs) => samples.saturating_mul(epochs),
            Length::Steps(steps) => {
                let in_a_pass = samples.div_ceil(batch).div_ceil(self.accumulate);
                let rest = (steps % in_a_pass)
                    .saturating_mul(self.accumulate)
                    .saturating_mul(batch);
                (steps / in_a_pass)
                    .saturating_mul(samples)
                    .saturating_add(rest.min(samples))
            }
        }
    }
}

/// A client's way through its samples.
#[derive(Clone, Debug)]
pub struct Course {
    work: Workload,
    samples: usize,
    batch: usize,
    passes: u64,
    steps: u64,
    // Batches that wait for their step.
    waiting: u64,
}

impl Course {
    /// The beginning, for so many samples in batches of so many.
    pub fn new(work: Workload, samples: usize, batch: usize) -> Course {
        Course {
            work,
            samples,
            batch,
            passes: 0,
            steps: 0,
            waiting: 0,
        }
    }

    /// Begins a pass, if there is one: how many samples it takes, of all in a new order.
    pub fn next_pass(&mut self) -> Option<usize> {
        let left = match self.work.length {
            Length::Epochs(epochs) if self.passes < epochs => self.samples,
            Length::Epochs(_) => 0,
            Length::Steps(steps) => {
                let most = (steps - self.steps)
                    .saturating_mul(self.work.accumulate)
                    .saturating_mul(self.batch as u64);
                self.samples
                    .min(usize::try_from(most).unwrap_or(usize::MAX))
            }
        };
        self.passes += 1;
        (left > 0).then_some(left)
    }

    /// A batch is done: whether its step is due.
    pub fn batch(&mut self) -> bool {
        self.waiting += 1;
        self.waiting == self.work.accumulate && self.step()
    }

    /// A pass is done: whether a step is due with what is left.
    pub fn end_pass(&mut self) -> bool {
        self.waiting > 0 && self.step()
    }

    fn step(&mut self) -> bool {
        self.waiting = 0;
        self.steps += 1;
        true
    }

    /// Steps so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Walks to the end; gives the steps, and the samples that were passed.
    fn walked(work: Workload, samples: usize, batch: usize) -> (u64, u64) {
        let mut course = Course::new(work, samples, batch);
        let mut passed = 0;
        while let Some(taken) = course.next_pass() {
            passed += taken as u64;
            (0..taken.div_ceil(batch)).for_each(|_| _ = course.batch());
            course.end_pass();
        }
        (course.steps(), passed)
    }

    proptest! {
        #[test]
        fn as_long_as_was_asked_for(
            count in 1u64..40,
            accumulate in 1u64..5,
            samples in 1usize..50,
            batch in 1usize..60,
        ) {
            let batch = batch.min(samples);
            let work = |length| Workload { length, accumulate };
            let (steps, passed) = walked(work(Length::Steps(count)), samples, batch);
            prop_assert_eq!(steps, count);
            let asked = work(Length::Steps(count)).samples(samples as u64, batch as u64);
            prop_assert_eq!(passed, asked);
            let (steps, passed) = walked(work(Length::Epochs(count)), samples, batch);
            let in_a_pass = samples.div_ceil(batch).div_ceil(accumulate as usize) as u64;
            prop_assert_eq!((steps, passed), (count * in_a_pass, count * samples as u64));
        }
    }

    #[test]
    fn nobody_walks_for_ever_without_samples() {
        assert_eq!(
            walked(
                Workload {
                    length: Length::Steps(3),
                    accumulate: 1
                },
                0,
                1
            ),
            (0, 0)
        );
    }
}
