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
//! | [`pupil`], [`school`], [`register`] | checked values: UPN, URN; imported marks, their meanings, questions about them |
//! | [`csv`] | rows and columns of a file that a school brings |
//!
//! The reintegration record (rows A-1 … R-9 of the project's table of sources):
//!
//! | file | decides |
//! |---|---|
//! | [`policy`] | what an authority asks for, as versioned data; overrides with a reason |
//! | [`school_days`], [`deadline`] | what is due, counted in the right school's days, with the arithmetic; iCalendar |
//! | [`plan`] | the plan from draft to end: what may be changed when, and what to do first |
//! | [`contact`], [`goal`] | which contacts count and which are owed; goals and who stands by them |
//! | [`framework`] | eighteen areas, several voices, no score |
//! | [`glide`] | from away to on site, week by week; a question for the review |
//! | [`continuity`] | meetings with each teacher |
//! | [`cost`] | exact pence; savings "if sustained" |
//! | [`sharing`] | what a document holds, by who will read it |
//! | [`party`], [`words`] | who has a part; what people wrote, never printed by accident |
//!
//! A day of the record goes like this: events and imported marks are the facts, [`deadline::schedule`] and [`contact::cadences`] say
//! what is due, [`plan::ReintegrationPlan::apply`] takes a change or says what to do first, [`plan::changes`] tells the history, and
//! [`glide::glide`] draws the weeks.
//!
//! **Two ledgers.** Attendance minutes are evidence of remote participation. The statutory register is kept by the school and
//! imported. No function here, or anywhere, takes one and gives the other: see [`register`].

pub mod access;
pub mod attendance;
pub mod calendar;
mod coded;
pub mod contact;
pub mod continuity;
pub mod cost;
pub mod csv;
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
pub mod sharing;
pub mod timetable;
pub mod usage;
pub mod words;
