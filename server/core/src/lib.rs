//! The rules of schools, pupils and minutes. Pure: no socket, task, file or clock is read here; time is an argument.

pub mod pupil;
