//! A name for each row: whose it is, or which category it has. Each name is held once.

use std::collections::BTreeMap;

/// Names in the order in which they first appear, and which one each row has. An empty name says
/// that there is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Named {
    names: Vec<String>,
    numbers: BTreeMap<String, u32>,
    rows: Vec<u32>,
}

impl Named {
    /// The next row has this name.
    pub fn push(&mut self, name: &str) {
        let number = self
            .numbers
            .get(name)
            .copied()
            .unwrap_or_else(|| self.new_name(name));
        self.rows.push(number);
    }

    fn new_name(&mut self, name: &str) -> u32 {
        let number = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// Only these rows; names keep their order.
    pub fn pick(&self, rows: &[u32]) -> Named {
        let rows = rows.iter().map(|&row| self.rows[row as usize]).collect();
        Named {
            rows,
            ..self.clone()
        }
    }

    /// Each name that rows have, and which rows.
    pub fn groups(&self) -> Vec<(String, Vec<u32>)> {
        let mut groups: Vec<_> = self
            .names
            .iter()
            .map(|name| (name.clone(), Vec::new()))
            .collect();
        for (row, &name) in (0..).zip(&self.rows) {
            groups[name as usize].1.push(row);
        }
        groups.retain(|(_, rows)| !rows.is_empty());
        groups
    }

    /// The name of each row.
    pub fn rows(&self) -> impl Iterator<Item = &str> {
        self.rows
            .iter()
            .map(|&name| self.names[name as usize].as_str())
    }

    /// These as users, of whom every row needs one.
    ///
    /// # Errors
    /// The first row without.
    pub fn into_users(self) -> Result<Named, String> {
        let unnamed = self.rows().position(|name| name.trim().is_empty());
        match unnamed {
            Some(row) => {
                Err(format!("row {row} has no user (hint: name one, or leave the row out)"))
            }
            None => Ok(self),
        }
    }
}

impl<T: AsRef<str>> FromIterator<T> for Named {
    fn from_iter<I: IntoIterator<Item = T>>(rows: I) -> Named {
        let mut named = Named::default();
        rows.into_iter().for_each(|name| named.push(name.as_ref()));
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_own_their_rows_wherever_they_lie() {
        let users: Named = ["b", "a", "b"].into_iter().collect();
        assert_eq!(users.groups(), [("b".to_owned(), vec![0, 2]), ("a".to_owned(), vec![1])]);
        assert_eq!(users.pick(&[1]).groups(), [("a".to_owned(), vec![0])]);
        let unnamed = ["b", " "]
            .into_iter()
            .collect::<Named>()
            .into_users()
            .expect_err("unnamed");
        assert!(unnamed.starts_with("row 1 has no user"), "{unnamed}");
    }
}
