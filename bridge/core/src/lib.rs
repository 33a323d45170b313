//! Placeholder.
pub mod offer;
