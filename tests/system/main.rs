//! The programs together, as stories: one test binary, one module a story.
//!
//! `lesson`, `bad_input` and `privacy` run what `windowseat up` runs, in this process, on free ports and a folder of their own.
//! `apart` and `first_start` run the built program itself. `tidy` reads the sources.

mod apart;
mod bad_input;
mod first_start;
mod harness;
mod lesson;
mod privacy;
mod tidy;
