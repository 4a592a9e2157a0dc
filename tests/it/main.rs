//! Whole walks: in process with exact answers, and the real program under `mpirun`.

mod algorithms;
mod asynchronous;
mod boot;
mod diverged;
mod engine;
mod equality;
mod folders;
mod hosts;
mod kills;
mod launch;
mod layers;
mod loss;
mod modes;
mod mutations;
mod names;
mod nccl;
mod program;
mod ready;
mod residency;
mod resume;
mod support;
mod terminal;
mod traffic;
mod training;
mod verify;
mod watch;
