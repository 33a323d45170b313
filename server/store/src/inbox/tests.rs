//! Batches, copies, gaps, quarantine.
