//! Many runs of one training that differ in a few settings: which parameters there are, the members
//! that they make, where each member stands, and what all of them come to. Nothing is started here.

mod groups;
mod member;
mod parameter;
mod picture;
mod results;
mod setting;
mod spec;
mod statistics;
mod table;

pub use groups::divide;
pub use member::{Member, Way};
pub use parameter::{Parameter, Values};
pub use results::{OUTPUT, Outcome};
pub use setting::Setting;
pub use spec::{FILE, Spec};
pub use statistics::Sample;
pub use table::Results;

/// The setting that repeats a run: settings are compared over it.
const SEED: &str = "seed";

/// No sweep.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A parameter that is none.
    #[error("`{name}` is no setting that a sweep can change ({hint})")]
    Name {
        /// What was written.
        name: String,
        /// What to write instead.
        hint: String,
    },
    /// Values that cannot be.
    #[error("parameter {name}: {reason}")]
    Values {
        /// The parameter.
        name: String,
        /// What is wrong, and a hint.
        reason: String,
    },
    /// Said twice.
    #[error("`{0}` is said twice (hint: -L {0} VALUE,VALUE, once, and not among the flags)")]
    Twice(String),
    /// No parameter.
    #[error(
        "there is nothing to sweep (hint: -L lr 0.01,0.1 or --repeat 5; or --out_dir of a sweep, which goes on)"
    )]
    Nothing,
    /// A number of members that nobody trains.
    #[error("this makes more than {0} members (hint: fewer values, or --random N)")]
    TooMany(usize),
    /// More settings wanted than there are.
    #[error(
        "{wanted} different settings are wanted, and {found} were found (hint: a grid has them all)"
    )]
    TooFew {
        /// Asked for.
        wanted: usize,
        /// Different ones.
        found: usize,
    },
    /// A file that is no sweep's.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder of another one.
    #[error(
        "{folder} holds another sweep: {what} (hint: another --out_dir; without parameters and flags it goes on)"
    )]
    Another {
        /// The folder.
        folder: String,
        /// In what it differs.
        what: String,
    },
    /// Too few slots.
    #[error(
        "{groups} groups of {ranks} ranks need {wanted} slots, and the hosts have {slots} (hint: fewer --groups)"
    )]
    Slots {
        /// Groups.
        groups: usize,
        /// Ranks of each.
        ranks: usize,
        /// Slots that they need.
        wanted: usize,
        /// Slots that there are.
        slots: usize,
    },
    /// A mapping of other groups.
    #[error(
        "{groups} groups of {ranks} ranks need {wanted} processes in the GPU mapping, which has \
         {mapped} (hint: map the ranks of all groups, the server of each included; or leave \
         --groups out)"
    )]
    Mapped {
        /// Groups.
        groups: usize,
        /// Ranks of each.
        ranks: usize,
        /// Processes that they need.
        wanted: usize,
        /// Processes that there are.
        mapped: usize,
    },
    /// Members that cannot share.
    #[error(
        "members {one} and {other} have different GPU mappings, and groups have parts of one \
         (hint: leave --groups out, or --jobs slurm)"
    )]
    Mappings {
        /// A member.
        one: String,
        /// Another member.
        other: String,
    },
    /// A metric that no run has.
    #[error("no member has the metric `{name}` (hint: {known})")]
    Metric {
        /// What was asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
}
