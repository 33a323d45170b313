//! One connection to the broker, kept up.
