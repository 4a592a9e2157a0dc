//! Whose a row is.

use std::collections::BTreeMap;

/// Users by name, in the order in which they first appear, and whose each row is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Users {
    names: Vec<String>,
    numbers: BTreeMap<String, u32>,
    rows: Vec<u32>,
}

impl Users {
    /// One name for each row.
    ///
    /// # Errors
    /// A name that is empty, with its row.
    pub fn of(rows: Vec<String>) -> Result<Users, String> {
        let mut users = Users::default();
        for (row, name) in rows.into_iter().enumerate() {
            if name.trim().is_empty() {
                return Err(format!("row {row} has no user (hint: name one, or leave the row out)"));
            }
            users.push(name);
        }
        Ok(users)
    }

    /// The next row belongs to this user.
    pub fn push(&mut self, name: String) {
        let next = self.names.len() as u32;
        let number = *self.numbers.entry(name.clone()).or_insert(next);
        if number == next {
            self.names.push(name);
        }
        self.rows.push(number);
    }

    /// Only these rows; users keep their order.
    pub fn pick(&self, rows: &[u32]) -> Users {
        let rows = rows.iter().map(|&row| self.rows[row as usize]).collect();
        Users { rows, ..self.clone() }
    }

    /// Each user that has rows, and which.
    pub fn groups(&self) -> Vec<(String, Vec<u32>)> {
        let mut groups: Vec<_> = self.names.iter().map(|name| (name.clone(), Vec::new())).collect();
        for (row, &user) in (0..).zip(&self.rows) {
            groups[user as usize].1.push(row);
        }
        groups.retain(|(_, rows)| !rows.is_empty());
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_own_their_rows_wherever_they_lie() {
        let users = Users::of(["b", "a", "b"].map(str::to_owned).to_vec()).expect("named");
        assert_eq!(users.groups(), [("b".to_owned(), vec![0, 2]), ("a".to_owned(), vec![1])]);
        assert_eq!(users.pick(&[1]).groups(), [("a".to_owned(), vec![0])]);
        let unnamed = Users::of(["b", " "].map(str::to_owned).to_vec()).expect_err("unnamed");
        assert!(unnamed.starts_with("row 1 has no user"), "{unnamed}");
    }
}
