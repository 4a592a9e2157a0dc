//! Who owns what, once it is settled: a list of samples for each client, in little memory.

use crate::ids::ClientId;
use std::borrow::Cow;
use std::ops::Range;

/// Who owns what: where each client's part begins in one flat list of sample numbers. Without a
/// list the numbers are simply in order, so that a million clients cost a number each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    samples: Option<Vec<u32>>,
    starts: Vec<usize>,
    // Where clients live on many machines: the first one here, and how much each owns anywhere.
    among: Option<(usize, Vec<u64>)>,
}

impl Partition {
    /// Joins the lists of all clients.
    pub fn new(lists: &[Vec<u32>]) -> Self {
        let mut starts = vec![0];
        starts.extend(lists.iter().scan(0, |end, list| {
            *end += list.len();
            Some(*end)
        }));
        Partition {
            samples: Some(lists.concat()),
            starts,
            among: None,
        }
    }

    /// Client `i` owns the samples from `starts[i]` to below `starts[i + 1]`.
    pub fn in_order(starts: Vec<usize>) -> Self {
        Partition {
            samples: None,
            starts,
            among: None,
        }
    }

    /// The same clients among those of other machines: they are numbered from `first`, and `counts`
    /// says how many samples every client owns. Lists of clients elsewhere are empty.
    pub fn among(self, first: usize, counts: Vec<u64>) -> Self {
        Partition {
            among: Some((first, counts)),
            ..self
        }
    }

    /// Number of clients.
    pub fn clients(&self) -> usize {
        match &self.among {
            Some((_, counts)) => counts.len(),
            None => self.starts.len() - 1,
        }
    }

    fn range(&self, client: ClientId) -> Range<usize> {
        let first = self.among.as_ref().map_or(0, |(first, _)| *first);
        match client.index().checked_sub(first) {
            Some(place) if place + 1 < self.starts.len() => {
                self.starts[place]..self.starts[place + 1]
            }
            _ => 0..0,
        }
    }

    /// The sample numbers of one client.
    pub fn of(&self, client: ClientId) -> Cow<'_, [u32]> {
        let range = self.range(client);
        match &self.samples {
            Some(samples) => Cow::Borrowed(&samples[range]),
            None => Cow::Owned((range.start as u32..range.end as u32).collect()),
        }
    }

    /// How many samples one client has.
    pub fn count(&self, client: ClientId) -> u64 {
        match &self.among {
            Some((_, counts)) => counts[client.index()],
            None => self.range(client).len() as u64,
        }
    }

    /// The sample numbers of all clients, by client.
    pub fn lists(&self) -> Vec<Cow<'_, [u32]>> {
        self.ids().map(|client| self.of(client)).collect()
    }

    /// Every client, in order.
    pub fn ids(&self) -> impl Iterator<Item = ClientId> + use<> {
        (0..self.clients()).map(ClientId::from)
    }

    /// Fingerprint, to tell hosts with another partition apart. Of clients on many machines only
    /// the amounts are known everywhere.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        if let Some((_, counts)) = &self.among {
            for count in counts {
                hasher.update(&count.to_le_bytes());
            }
            return hasher.finalize().to_hex()[..16].to_owned();
        }
        hasher.update(bytemuck::cast_slice(self.samples.as_deref().unwrap_or_default()));
        for start in &self.starts {
            hasher.update(&(*start as u64).to_le_bytes());
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_gives_back_each_list() {
        let partition = Partition::new(&[vec![3, 1], vec![2]]);
        assert_eq!(
            (&partition.of(ClientId(0))[..], partition.count(ClientId(1))),
            (&[3, 1][..], 1)
        );
        assert_ne!(partition.digest(), Partition::new(&[vec![3], vec![1, 2]]).digest());
    }
}
