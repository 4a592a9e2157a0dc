//! What is learned, and what data looks like: all that a model must know to fit.

use serde::{Deserialize, Serialize};

/// What is learned of a sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Task {
    /// One of so many classes. Targets: a class.
    Classes(usize),
    /// The next token, after a row of them or after each. Targets: a token, or a row of them.
    Next {
        /// Tokens that there are.
        vocabulary: usize,
        /// A token that is not learned, such as padding.
        ignore: Option<u32>,
    },
    /// Tokens that are hidden. Targets: what they are, with `ignore` for all others; where they are
    /// yet to be hidden, the row itself, with `ignore` where nothing may be.
    Masked {
        /// Tokens that there are.
        vocabulary: usize,
        /// What stands among targets for what is not hidden: none of the tokens, or padding.
        ignore: u32,
        /// How tokens are hidden, others each time; none when the data has them hidden already.
        hiding: Option<Hiding>,
        /// The token that fills rows up, which nobody looks at.
        padding: Option<u32>,
    },
    /// Any of so many labels at once. Targets: a row of zeros and ones.
    Sets(usize),
    /// So many numbers. Targets: a row of floats.
    Values(usize),
}

/// How tokens are hidden.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hiding {
    /// The token that stands for others.
    pub mask: u32,
    /// Share of tokens that are hidden.
    pub share: f64,
}

impl Default for Task {
    fn default() -> Task {
        Task::Classes(0)
    }
}

impl Task {
    /// Numbers that a model gives for a target.
    pub fn outputs(&self) -> usize {
        match *self {
            Task::Classes(count) | Task::Sets(count) | Task::Values(count) => count,
            Task::Next { vocabulary, .. } | Task::Masked { vocabulary, .. } => vocabulary,
        }
    }

    /// What users call it.
    pub fn name(&self) -> &'static str {
        match self {
            Task::Classes(_) => "classes",
            Task::Next { .. } => "next",
            Task::Masked { .. } => "masked",
            Task::Sets(_) => "sets",
            Task::Values(_) => "values",
        }
    }

    /// What stands for a target that is not learned.
    pub fn ignored(&self) -> Option<u32> {
        match *self {
            Task::Next { ignore, .. } => ignore,
            Task::Masked { ignore, .. } => Some(ignore),
            _ => None,
        }
    }

    /// Whether what is learned are tokens, as inputs are.
    pub fn is_of_tokens(&self) -> bool {
        matches!(self, Task::Next { .. } | Task::Masked { .. })
    }

    /// The names of its metrics, beside what follows from them.
    pub fn metrics(&self) -> &'static [&'static str] {
        match self {
            Task::Classes(count) if *count < TOP_CLASSES => &["loss", "accuracy"],
            Task::Classes(_) => &["loss", "accuracy", "top5"],
            Task::Next { .. } | Task::Masked { .. } => &["loss", "accuracy", "perplexity"],
            Task::Sets(_) => &["loss", "accuracy", "f1"],
            Task::Values(_) => &["loss", "squared_error"],
        }
    }
}

/// With fewer classes nobody asks for the five best.
pub const TOP_CLASSES: usize = 20;

/// What a model takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Input {
    /// Floats of the data's shape.
    #[default]
    Numbers,
    /// Tokens, a row of the data's shape.
    Tokens,
}

/// All that a model must know of its data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Shape of one sample's input, such as `[1, 28, 28]` (channels, height, width), `[60]`, or
    /// `[80]` tokens. Empty when there is no data here.
    pub shape: Vec<usize>,
    /// What is learned.
    pub task: Task,
    /// What inputs are.
    pub input: Input,
    /// Targets of a sample.
    pub targets: usize,
}

impl Facts {
    /// Numbers of this shape, each of one of so many classes.
    pub fn classes(shape: &[usize], classes: usize) -> Facts {
        Facts {
            shape: shape.to_vec(),
            task: Task::Classes(classes),
            input: Input::Numbers,
            targets: 1,
        }
    }

    /// Values in a sample's input.
    pub fn width(&self) -> usize {
        self.shape.iter().product()
    }
}
