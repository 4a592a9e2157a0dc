//! What is wrong with a mapping, or with the job that it does not fit.

/// A mapping that cannot be read or does not fit the job.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum MappingError {
    /// YAML does not allow tabs.
    #[error("line {line}: tabs are not allowed in YAML (hint: indent with spaces)")]
    Tab {
        /// Counting from 1.
        line: usize,
    },
    /// Not YAML, or not of the form above.
    #[error("{0} (hint: write `mapping_default:` and below it, indented, `host1: [2, 1]`)")]
    Form(String),
    /// Another key is wanted.
    #[error("no mapping `{key}` (hint: {hint})")]
    Key {
        /// The key that was asked for.
        key: String,
        /// The keys that there are.
        hint: String,
    },
    /// Hosts, counts or GPUs differ from the job.
    #[error(
        "the mapping does not fit the job (hint: per host, the numbers add up to its ranks, \
         server included, on GPUs that it has)\n{0}"
    )]
    Misfit(String),
}
