//! What a user says of a table: which column is what, and what becomes of missing cells.

use crate::data::own::taken::Taken;
use crate::part::words;

/// What a user says of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Roles {
    /// Column of the target.
    pub label: String,
    /// Column of users; none when empty.
    pub user: String,
    /// Columns that are not looked at.
    pub leave_out: Vec<String>,
    /// Numeric columns that are categories.
    pub categorical: Vec<String>,
    /// What is learned.
    pub task: Target,
    /// What becomes of missing cells.
    pub missing: Missing,
}

impl Roles {
    /// Columns that users name, and so must be there.
    pub(super) fn named(&self) -> impl Iterator<Item = &String> {
        let user = Some(&self.user).filter(|user| !user.is_empty());
        let rest = [&self.label].into_iter().chain(user);
        self.leave_out.iter().chain(&self.categorical).chain(rest)
    }

    /// How a column is taken.
    pub fn taken(&self, name: &str) -> Taken {
        let is_among = |names: &[String]| names.iter().any(|other| other == name);
        if self.user == name {
            Taken::Names
        } else if self.label == name {
            match self.task {
                Target::Classes => Taken::Classes,
                Target::Values => Taken::Values,
                Target::Detect => Taken::Target,
            }
        } else if is_among(&self.leave_out) {
            Taken::Not
        } else if is_among(&self.categorical) {
            Taken::Classes
        } else {
            Taken::Input
        }
    }

    /// Columns without whose cells a row is nothing: the target's, and the users' if there is one.
    pub(super) fn needed(&self) -> impl Iterator<Item = &String> {
        let names = [&self.label, &self.user].into_iter();
        names.filter(|name| !name.is_empty())
    }
}

words! {
    /// What a column of targets holds.
    #[derive(Default)]
    pub Target {
        /// Classes where it has words or few whole numbers, else values.
        #[default]
        Detect = "detect";
        /// Classes.
        Classes = "classes";
        /// Numbers.
        Values = "values";
    }
}

words! {
    /// What becomes of missing cells of inputs.
    #[derive(Default)]
    pub Missing {
        /// They are refused.
        #[default]
        Refuse = "refuse";
        /// Their rows are left out.
        Drop = "drop";
        /// They become 0.
        Zero = "zero";
        /// They become the mean of the training data.
        Mean = "mean";
    }
}
