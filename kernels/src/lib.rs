//! The inner loops of `fedmpi`, in a crate of their own: it is compiled as one unit, so that every
//! loop is inlined into what calls it here, and not again when a strategy changes.

pub mod dense;
pub mod fixed;
