//! What users say of arrays.

use crate::part::words;

/// What a user says of arrays; each may be left to them.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// The task.
    pub task: Sought,
    /// What inputs are.
    pub inputs: Taken,
    /// Classes or tokens that there are; 0 when the files tell.
    pub classes: usize,
}

words! {
    /// What is to be learned.
    pub Sought {
        /// What targets look like.
        Detect = "detect";
        /// Classes.
        Classes = "classes";
        /// Numbers.
        Values = "values";
        /// Which of several hold.
        Sets = "sets";
        /// The next token.
        Next = "next";
        /// Hidden tokens.
        Masked = "masked";
    }
}

words! {
    /// What inputs are taken for.
    pub Taken {
        /// What their kind says.
        Detect = "detect";
        /// Numbers.
        Numbers = "numbers";
        /// Tokens.
        Tokens = "tokens";
    }
}
