//! Bytes from nowhere.
