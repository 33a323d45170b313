//! The rules of schools, pupils and minutes. Pure: no socket, task, file or clock is read here; time is an argument.
//!
//! | file | decides |
//! |---|---|
//! | [`calendar`], [`timetable`] | which lessons there are, as UTC spans |
//! | [`attendance`] | presence + lessons + corrections → attendance minutes, with anomalies beside |
//! | [`placement`] | whether a pupil may go to class now, and until when |
//! | [`placing`] | which bridge a robot should use |
//! | [`usage`] | the word for what a robot is doing, and whether somebody should look |
//! | [`access`] | who may see or change what |
//! | [`pupil`], [`school`], [`register`] | checked values: UPN, URN, register code |
//!
//! **Two ledgers.** Attendance minutes are evidence of remote participation. The statutory register is kept by the school and
//! imported. No function here, or anywhere, takes one and gives the other: see [`register`].

pub mod access;
pub mod attendance;
pub mod calendar;
mod coded;
pub mod contact;
pub mod cost;
pub mod deadline;
pub mod framework;
pub mod glide;
pub mod goal;
pub mod party;
pub mod placement;
pub mod placing;
pub mod plan;
pub mod policy;
pub mod pupil;
pub mod register;
pub mod school;
pub mod school_days;
pub mod timetable;
pub mod usage;
pub mod words;
