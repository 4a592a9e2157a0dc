//! A mapping of many ranks, divided among the groups that they form.

use super::{GpuMapping, MappingError};
use crate::transport::Host;
use std::iter;

impl GpuMapping {
    /// The part of each group, whose ranks are on these hosts, by rank. They take their seats one
    /// group after another, as the ranks of one job would.
    ///
    /// Law: by its part, every rank has the seat that it has by the whole.
    ///
    /// # Errors
    /// A table of wanted against found when hosts or counts differ. Nobody has counted GPUs: as
    /// many are taken for found as are mapped.
    ///
    /// ```
    /// # use fedmpi::hosts::GpuMapping;
    /// # use fedmpi::transport::Host;
    /// let group = |name: &str| vec![Host { name: name.to_owned(), ..Host::default() }; 2];
    /// let whole = GpuMapping::parse_line("a:1,3;b:0,2")?;
    /// let parts = whole.divide(&[group("a"), group("b"), group("a")])?;
    /// let lines: Vec<String> = parts.iter().map(GpuMapping::line).collect();
    /// assert_eq!(lines, ["a:1,1", "b:0,2", "a:0,2"]);
    /// # Ok::<(), fedmpi::hosts::MappingError>(())
    /// ```
    pub fn divide(&self, groups: &[Vec<Host>]) -> Result<Vec<GpuMapping>, MappingError> {
        let ranks = groups.concat();
        let Some(taken) = self.taken(&ranks) else {
            return Err(MappingError::Misfit(self.misfit(&self.equipped(&ranks))));
        };
        let mut taken = taken.into_iter();
        let each = groups.iter();
        Ok(each
            .map(|group| self.part(taken.by_ref().take(group.len())))
            .collect())
    }

    /// The hosts that some ranks take, in the order of the whole.
    fn part(&self, taken: impl Iterator<Item = (usize, usize)>) -> GpuMapping {
        let mut gpus = vec![Vec::new(); self.hosts.len()];
        for (place, gpu) in taken {
            gpus[place].push(gpu);
        }
        let names = self.hosts.iter().map(|(name, _)| name.clone());
        let hosts = iter::zip(names, gpus).filter(|(_, gpus)| !gpus.is_empty());
        GpuMapping {
            hosts: hosts.collect(),
        }
    }

    /// The hosts with the GPUs that the mapping needs there.
    fn equipped(&self, ranks: &[Host]) -> Vec<Host> {
        let numbers = 0..ranks.len();
        numbers
            .map(|rank| Host {
                gpus: self.needs(rank, ranks),
                ..ranks[rank].clone()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DeviceChoice;
    use crate::hosts::Seat;
    use proptest::prelude::*;

    const NAMES: [&str; 3] = ["a.x.org", "b", "10.0.0.3"];

    fn mapping(line: &str) -> GpuMapping {
        GpuMapping::parse_line(line).expect(line)
    }

    /// Hosts by their first letters: `aab` is two ranks on `a` and one on `b`.
    fn ranks(letters: &str) -> Vec<Host> {
        let named = |letter: char| Host {
            name: letter.to_string(),
            ..Host::default()
        };
        letters.chars().map(named).collect()
    }

    fn divided(line: &str, groups: &[&str]) -> Result<Vec<String>, String> {
        let groups: Vec<Vec<Host>> = groups.iter().map(|letters| ranks(letters)).collect();
        let parts = mapping(line)
            .divide(&groups)
            .map_err(|error| error.to_string())?;
        Ok(parts.iter().map(GpuMapping::line).collect())
    }

    #[test]
    fn groups_take_seats_one_after_another() {
        let parts = |line, groups: &[&str]| divided(line, groups).expect(line);
        assert_eq!(parts("a:3;b:1,2", &["aaa", "bbb"]), ["a:3", "b:1,2"]);
        assert_eq!(parts("b:1,0,3;a:2", &["aab", "bbb"]), ["b:1;a:2", "b:0,0,3"]);
        assert_eq!(parts("a:1,2,1", &["aa", "aa"]), ["a:1,1", "a:0,1,1"]);
        // Names stay as they were written, and those without processes go.
        assert_eq!(parts("localhost:2,2;c:0", &["aa", "aa"]), ["localhost:2", "localhost:0,2"]);
    }

    #[test]
    fn hosts_of_other_names_and_counts_are_refused_with_a_table() {
        let refused = divided("a:1,2;b:1", &["aa", "bc"]).expect_err("one of a is left");
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines: Vec<String> = refused.lines().skip(2).map(words).collect();
        assert_eq!(lines, ["a 3 2 2 2", "b 1 1 1 1", "c not mapped 1 0 0", "sum 4 4"]);
    }

    /// Hosts of the ranks of some groups, and the GPU of each.
    fn jobs() -> impl Strategy<Value = Vec<Vec<(usize, usize)>>> {
        (1..5usize).prop_flat_map(|ranks| {
            let rank = (0..NAMES.len(), 0..4usize);
            prop::collection::vec(prop::collection::vec(rank, ranks), 1..5)
        })
    }

    proptest! {
        #[test]
        fn every_rank_has_the_seat_of_the_whole(job in jobs()) {
            let host = |name: &str| Host { name: name.to_owned(), addresses: vec![], gpus: 4 };
            let mut counts = [[0; 4]; NAMES.len()];
            for (host, gpu) in job.iter().flatten() {
                counts[*host][*gpu] += 1;
            }
            let written = |(name, counts): (&str, [usize; 4])| {
                format!("{name}:{}", counts.map(|count| count.to_string()).join(","))
            };
            let whole: Vec<String> = iter::zip(NAMES, counts).map(written).collect();
            let whole = mapping(&whole.join(";"));
            let groups: Vec<Vec<Host>> = job
                .iter()
                .map(|group| group.iter().map(|(place, _)| host(NAMES[*place])).collect())
                .collect();

            let seats = whole.place(&groups.concat(), DeviceChoice::Mapped).expect("it fits");
            let parts = whole.divide(&groups).expect("it fits");
            let mut own = Vec::<Seat>::new();
            for (part, group) in iter::zip(&parts, &groups) {
                prop_assert_eq!(part.processes(), group.len());
                prop_assert_eq!(&mapping(&part.line()), part);
                own.extend(part.place(group, DeviceChoice::Mapped).expect("its own"));
            }
            prop_assert_eq!(own, seats);
        }
    }
}
