//! Settings that are one of a few words.

use serde::{Deserialize, Serialize};

/// How the global model moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// In rounds: once all clients of a cohort are there.
    Sync,
    /// As updates arrive.
    Async,
}

/// What becomes of a run when a client's training diverges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum OnNan {
    /// It ends, once the others of the round are trained.
    End,
    /// It goes on without that client.
    Skip,
}

/// With how many bits clients compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// All 32 of a float.
    Full,
    /// 16 in products and convolutions, 32 elsewhere.
    Bf16,
}

/// Where data lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Residency {
    /// Every rank can read all of it.
    Shared,
    /// Every worker has its own.
    Local,
}

/// Who evaluates the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Evaluator {
    /// The server, on its test data.
    Server,
    /// The workers, each on its own test data.
    Clients,
}

/// What carries collective sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Collective {
    /// NCCL where it can, else MPI.
    Auto,
    /// MPI.
    Mpi,
}

/// Where ranks compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum DeviceChoice {
    /// Always the CPU.
    Cpu,
    /// As mapped, on the CPU where a host has no GPU.
    Auto,
    /// As mapped, or not at all.
    Mapped,
}

/// How rounds are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// A bar where there is a terminal, else lines.
    Auto,
    /// A bar.
    Bar,
    /// Lines.
    Lines,
    /// Not at all.
    None,
}
