//! What is wrong with a choice, in words that name the part, the setting and what it must be.

/// A choice that makes no sense.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum PartError {
    /// A name that no table line bears.
    #[error("unknown {kind} `{name}` (hint: {hint})")]
    Unknown {
        /// Of what.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        hint: String,
    },
    /// A name of another mode.
    #[error("{kind} `{name}` needs {mode}")]
    OtherMode {
        /// Of what.
        kind: &'static str,
        /// What was asked for.
        name: &'static str,
        /// As a flag.
        mode: &'static str,
    },
    /// A setting that the part does not have.
    #[error("{kind} `{part}` has no setting `{key}` (hint: {hint})")]
    NoParam {
        /// Of what.
        kind: &'static str,
        /// The part.
        part: &'static str,
        /// What it was to be told.
        key: String,
        /// What it can be told.
        hint: String,
    },
    /// A value of the wrong kind or out of range.
    #[error("--{name} is {value}: it must be {wanted} ({kind} `{part}`)")]
    Value {
        /// Of what.
        kind: &'static str,
        /// The part.
        part: &'static str,
        /// The setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// What it must be.
        wanted: String,
    },
}
