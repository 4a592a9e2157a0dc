//! The laws that every partitioner keeps, over the whole table.

#[cfg(test)]
mod tests {
    use crate::part::{Choice, Param, ParamKind, Range};
    use crate::partition::{KIND, PARTITIONERS, Partition, PartitionError, Pool, hetero_fix};
    use crate::seed::{Purpose, Seed};
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::ops::Bound;
    use tempfile::NamedTempFile;

    /// Samples of some classes, with an owner for each client.
    struct Samples {
        labels: Vec<u32>,
        owners: Vec<usize>,
        classes: usize,
        // What a partition that is in a file says: the first samples, one each.
        file: NamedTempFile,
    }

    impl Samples {
        fn new(clients: usize, per_client: usize, classes: u32) -> Samples {
            let labels = (0..(clients * per_client) as u32)
                .map(|i| (i * 7919 + 3) % classes)
                .collect();
            let file = NamedTempFile::new().expect("a file");
            let lines = (0..clients).map(|client| format!("{client}: [\n{client}\n]\n"));
            fs::write(file.path(), lines.collect::<String>()).expect("writable");
            let owners = (0..=clients).map(|client| client * per_client).collect();
            Samples {
                labels,
                owners,
                classes: classes as usize,
                file,
            }
        }

        /// A choice with what it needs on so little data.
        fn choice(&self, name: &str, params: &[Param]) -> Choice {
            let mut choice = Choice::from(name);
            for param in params {
                let value = match param.name {
                    "partition_alpha" => 5.0.into(),
                    "classes" => self.classes.into(),
                    "first_samples" => 1.into(),
                    "partition_file" => self.file.path().display().to_string().into(),
                    _ => continue,
                };
                choice.values.insert(param.name.into(), value);
            }
            choice
        }

        fn split(&self, choice: &Choice, seed: u64) -> Result<Partition, PartitionError> {
            let (labels, classes) = (&self.labels[..], self.classes);
            let pool = Pool {
                count: labels.len(),
                labels,
                classes,
                owners: Some(&self.owners),
            };
            let (entry, values) = KIND.look_up(choice).expect("sound");
            let partitioner = (entry.build)(&values, self.owners.len() - 1);
            partitioner.split(&pool, &mut Seed(seed).stream(Purpose::Partition))
        }

        /// What is wrong with a partition, if anything is.
        fn fault(&self, name: &str, partition: &Partition) -> Option<String> {
            let lists: Vec<Vec<u32>> = partition
                .ids()
                .map(|client| partition.of(client).to_vec())
                .collect();
            let all: Vec<u32> = lists.concat();
            let distinct: BTreeSet<u32> = all.iter().copied().collect();
            // What a file says may leave samples out.
            let is_whole = distinct.len() == self.labels.len() || name == hetero_fix::NAME;
            let faults = [
                (lists.len() + 1 == self.owners.len(), "a list for each client"),
                (lists.iter().all(|list| !list.is_empty()), "everybody owns something"),
                (distinct.len() == all.len(), "nobody owns what another does"),
                (
                    distinct
                        .iter()
                        .all(|&sample| (sample as usize) < self.labels.len()),
                    "there are so many samples",
                ),
                (is_whole, "every sample has an owner"),
            ];
            faults
                .into_iter()
                .find(|(holds, _)| !holds)
                .map(|(_, law)| format!("{name}: {law}"))
        }
    }

    proptest! {
        #[test]
        fn every_partitioner_keeps_the_law(
            clients in 1usize..12,
            per_client in 30usize..60,
            classes in 2u32..10,
            seed in any::<u64>(),
        ) {
            let samples = Samples::new(clients, per_client, classes);
            for entry in PARTITIONERS {
                let choice = samples.choice(entry.name, entry.params);
                let partition = samples.split(&choice, seed);
                let fault = |error| TestCaseError::fail(format!("{}: {error}", entry.name));
                let partition = partition.map_err(fault)?;
                prop_assert_eq!(samples.fault(entry.name, &partition), None);
                prop_assert_eq!(Ok(partition), samples.split(&choice, seed), "{}", entry.name);
            }
        }
    }

    /// The least and the largest numbers that a setting may be, or nearly.
    fn extremes(Range { from, to }: Range) -> Vec<f64> {
        let least = match from {
            Bound::Included(least) => least,
            Bound::Excluded(least) => least + 1e-300,
            Bound::Unbounded => -1e300,
        };
        let most = match to {
            Bound::Included(most) => most,
            Bound::Excluded(most) => most - 1e-9,
            Bound::Unbounded => 1e300,
        };
        vec![least, most]
    }

    /// Every setting at its ends gives a lawful partition or a refusal that says what would do,
    /// soon.
    #[test]
    fn no_setting_breaks_the_law_at_its_ends() {
        let samples = Samples::new(6, 50, 4);
        let (mut lawful, mut refused) = (0, 0);
        for entry in PARTITIONERS {
            let numbers =
                |param: &&Param| matches!(param.kind, ParamKind::Number | ParamKind::Whole);
            for param in entry.params.iter().filter(numbers) {
                for number in extremes(param.range) {
                    let mut choice = samples.choice(entry.name, entry.params);
                    let value = if param.kind == ParamKind::Whole {
                        (number as u64).into()
                    } else {
                        number.into()
                    };
                    choice.values.insert(param.name.into(), value);
                    match samples.split(&choice, 3) {
                        Ok(partition) => {
                            assert_eq!(samples.fault(entry.name, &partition), None, "{choice}");
                            lawful += 1;
                        }
                        Err(refusal) => {
                            assert!(refusal.to_string().contains("hint"), "{choice}: {refusal}");
                            refused += 1;
                        }
                    }
                }
            }
        }
        assert!(lawful > refused && refused > 0, "{lawful} {refused}");
    }

    #[test]
    fn too_many_clients_are_refused_by_all() {
        let pool = Pool {
            count: 3,
            labels: &[0, 1, 0],
            classes: 2,
            owners: Some(&[0, 1, 2, 3]),
        };
        for entry in PARTITIONERS {
            let (entry, values) = KIND.look_up(&entry.name.into()).expect("sound");
            let split =
                (entry.build)(&values, 4).split(&pool, &mut Seed(0).stream(Purpose::Partition));
            assert!(split.is_err(), "{}", entry.name);
        }
    }

    #[test]
    fn refusals_say_what_is_needed_and_what_would_do() {
        let labels = [0; 60];
        let pool = Pool {
            count: 60,
            labels: &labels,
            classes: 2,
            owners: None,
        };
        let refused = |name: &str, clients| {
            let (entry, values) = KIND.look_up(&name.into()).expect("sound");
            let split = (entry.build)(&values, clients)
                .split(&pool, &mut Seed(0).stream(Purpose::Partition));
            split.expect_err("refused").to_string()
        };
        for (name, clients, least, need, most) in [
            ("homo", 61, 1, 61, 60),
            ("shards", 31, 2, 62, 30),
            ("hetero", 7, 10, 70, 6),
            ("quantity", 7, 10, 70, 6),
            ("power_law", 61, 1, 61, 60),
            ("lognormal", 61, 1, 61, 60),
            ("leaf_power_law", 13, 5, 65, 12),
        ] {
            let wanted = format!(
                "{clients} clients with at least {least} each need {need} samples, there are 60 \
                 (hint: --client_num_in_total at most {most})"
            );
            assert_eq!(refused(name, clients), wanted);
        }
    }
}
