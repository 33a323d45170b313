//! What is due as iCalendar text (RFC 5545), for a person's own calendar program.
//!
//! Such a feed leaves the house: it is copied to phones and to the clouds of calendar makers. So it says *what kind* of thing is due
//! and for which [`CaseRef`], and nothing else. A summary is built from the pack's own title and the reference; a school's words for a
//! closure, a person's reason and everything else that somebody typed stay behind. There is no way to put a name in.
//!
//! ```compile_fail
//! let named = server_core::deadline::ical::CaseRef("Ada Q.".to_owned());
//! ```
//!
//! Sources: RFC 5545 §3.1 (folding), §3.3.11 (escaping), §3.6.1 (whole-day events); `DOMAIN.md` (e2) row "iCalendar", §0 and N7.

use std::fmt::{self, Write};

use chrono::{DateTime, Utc};
use protocol::PlacementId;

use super::Due;
use crate::policy::Binding;
use crate::school_days::day_words;

/// A line is folded after this many octets (RFC 5545 §3.1), its end not counted.
const FOLD_AT: usize = 75;
/// A feed holds no more entries; the earliest are kept.
pub const MAX_ENTRIES: usize = 2000;

/// How a case is called where no name may be: eight signs of its placement's identifier.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaseRef(String);

impl CaseRef {
    /// Of a placement.
    #[must_use]
    pub fn of(placement: PlacementId) -> Self {
        // The first signs of a UUIDv7 are a time, alike for all placements of a morning; the last are chance.
        let id = placement.0.simple().to_string().to_uppercase();
        Self(format!("{}-{}", &id[24..28], &id[28..32]))
    }
}

impl fmt::Display for CaseRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A feed of what is due. `stamp`: when it was made. What is done is left out.
#[must_use]
pub fn feed(due: &[(PlacementId, &Due)], stamp: DateTime<Utc>) -> String {
    let mut open: Vec<_> = due.iter().filter(|(_, due)| due.done.is_none()).collect();
    open.sort_by(|a, b| (a.1.day, a.0, &a.1.rule, a.1.week).cmp(&(b.1.day, b.0, &b.1.rule, b.1.week)));
    let mut out = String::new();
    line(&mut out, "BEGIN", "VCALENDAR");
    line(&mut out, "VERSION", "2.0");
    line(&mut out, "PRODID", "-//Windowseat//What is due//EN");
    line(&mut out, "CALSCALE", "GREGORIAN");
    line(&mut out, "METHOD", "PUBLISH");
    line(&mut out, "X-WR-CALNAME", "Windowseat: what is due");
    for (placement, due) in open.into_iter().take(MAX_ENTRIES) {
        event(&mut out, *placement, due, stamp);
    }
    line(&mut out, "END", "VCALENDAR");
    out
}

fn event(out: &mut String, placement: PlacementId, due: &Due, stamp: DateTime<Utc>) {
    let case = CaseRef::of(placement);
    let week = due.week.map(|week| format!("-{week}")).unwrap_or_default();
    let is_information = due.binding == Binding::Information;
    let note = if is_information { "For information." } else { "Due by the end of this day." };
    let row = format!("{note} Case {case}. Source {}.", due.row);
    let counted =
        due.arithmetic.from.map(|(event, day)| format!(" Counted from: {}, {}.", event.words().to_lowercase(), day_words(day)));
    line(out, "BEGIN", "VEVENT");
    // The same thing keeps its name when its day moves, so that a calendar moves the entry instead of adding one.
    line(out, "UID", &format!("{}{week}-{placement}@windowseat", due.rule));
    line(out, "DTSTAMP", &stamp.format("%Y%m%dT%H%M%SZ").to_string());
    line(out, "DTSTART;VALUE=DATE", &due.day.format("%Y%m%d").to_string());
    if let Some(next) = due.day.succ_opt() {
        line(out, "DTEND;VALUE=DATE", &next.format("%Y%m%d").to_string());
    }
    line(out, "SUMMARY", &escaped(&format!("{}: {case}", due.title)));
    line(out, "DESCRIPTION", &escaped(&format!("{row}{}", counted.unwrap_or_default())));
    // Nobody is busy all day because something is due.
    line(out, "TRANSP", "TRANSPARENT");
    line(out, "CLASS", "CONFIDENTIAL");
    line(out, "END", "VEVENT");
}

/// A text value (RFC 5545 §3.3.11). Control characters, which no text may hold, are left out.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            ';' => out.push_str("\\;"),
            ',' => out.push_str("\\,"),
            '\n' | '\r' => out.push_str("\\n"),
            c if c.is_control() && c != '\t' => {}
            c => out.push(c),
        }
    }
    out
}

/// One content line, folded so that no character is torn.
fn line(out: &mut String, name: &str, value: &str) {
    let mut width = 0;
    for c in name.chars().chain([':']).chain(value.chars()) {
        if width + c.len_utf8() > FOLD_AT {
            out.push_str("\r\n ");
            // The space of the continuation counts.
            width = 1;
        }
        let _ = out.write_char(c);
        width += c.len_utf8();
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests;
