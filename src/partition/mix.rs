//! Who owns how much of what: of each class, where there are classes.

use crate::files;
use std::path::Path;

/// Samples of clients, and of each class.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mix {
    /// Samples of each client.
    pub samples: Vec<u64>,
    /// Samples of each class, client by client; empty lists where there are no classes.
    pub classes: Vec<Vec<u64>>,
}

impl Mix {
    /// What a file says; none where there is none that can be read.
    pub fn read(file: &Path) -> Option<Mix> {
        Mix::parse(&files::bytes(file).ok()?)
    }

    /// A table of `client,samples,class_0,...`, in the order of clients.
    fn parse(table: &[u8]) -> Option<Mix> {
        let mut mix = Mix::default();
        for line in csv::Reader::from_reader(table).deserialize() {
            let numbers: Vec<u64> = line.ok()?;
            mix.samples.push(*numbers.get(1)?);
            mix.classes.push(numbers[2..].to_vec());
        }
        Some(mix)
    }

    /// As a table for programs: `client,samples`, and a column for each class.
    ///
    /// # Errors
    /// As the writer of tables.
    pub fn table(&self) -> csv::Result<Vec<u8>> {
        let mut lines = csv::Writer::from_writer(Vec::new());
        let classes = (0..self.width()).map(|class| format!("class_{class}"));
        lines.write_record(
            "client,samples"
                .split(',')
                .map(str::to_owned)
                .chain(classes),
        )?;
        for (client, (samples, counts)) in self.samples.iter().zip(&self.classes).enumerate() {
            let numbers = [client as u64, *samples]
                .into_iter()
                .chain(counts.iter().copied());
            lines.write_record(numbers.map(|number| number.to_string()))?;
        }
        lines
            .into_inner()
            .map_err(|error| error.into_error().into())
    }

    /// Figures in its table.
    pub fn figures(&self) -> usize {
        self.samples.len() * (2 + self.width())
    }

    /// Classes; 0 where samples have none.
    pub fn width(&self) -> usize {
        self.classes.first().map_or(0, Vec::len)
    }

    /// The class of which a client has most; none where there are none.
    pub fn main_class(&self, client: usize) -> Option<usize> {
        let counts = self.classes.get(client)?;
        let most = counts.iter().max()?;
        counts.iter().position(|count| count == most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_comes_back() {
        let mix = Mix {
            samples: vec![5, 2],
            classes: vec![vec![1, 4], vec![2, 0]],
        };
        let table = mix.table().expect("plain");
        assert!(table.starts_with(b"client,samples,class_0,class_1\n0,5,1,4\n"));
        assert_eq!(Mix::parse(&table).as_ref(), Some(&mix));
        assert_eq!((mix.main_class(0), mix.main_class(7), mix.figures()), (Some(1), None, 8));
        assert_eq!(Mix::parse(b"client,samples\n0,x\n"), None);
    }
}
