//! Where a mark and a live stream do not go together: a quiet question to the school, and never a mark.
//!
//! What decides a mark is where the child's body is and who is with it. A stream says neither; only a named adult does, as a
//! [`PupilPlace`]. So a hint needs a declared home, speaks of two facts that stand beside each other, suggests no code, and disappears
//! when the school changes either fact. A lesson from a quiet room of the school, or from a hospital school, is no matter for a hint.
//!
//! Sources: `DOMAIN.md` §0.1 … §0.3, D2, D3, D8, N1, X2 (SI 2024/208, regulation 10; guidance on remote education).

use chrono::{DateTime, NaiveDate, Utc};

use super::{CodeTable, HalfDay, ImportedMark};
use crate::calendar::Calendar;
use crate::coded::coded;
use crate::party::Party;
use crate::school_days::day_words;

coded! {
    /// Where a pupil was, as a named adult declared it. Never worked out from a connection.
    PupilPlace {
        /// At home.
        Home = "home",
        /// In hospital, on a ward.
        Hospital = "hospital",
        /// On the site of the school, in another room.
        SchoolSite = "school-site",
        /// At a provider or hospital school, with staff.
        Provider = "provider",
        /// Nobody has said.
        NotSaid = "not-said",
    }
}

/// A time in which a pupil was live in class by robot, and where from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HomeStream {
    /// First instant.
    pub from: DateTime<Utc>,
    /// One past the last.
    pub until: DateTime<Utc>,
    /// Where the pupil was.
    pub place: PupilPlace,
}

/// When the register's sessions are, in minutes after the school's midnight; a stream outside them is no matter for the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTimes {
    /// Morning: first minute, and one past the last.
    pub am: (u16, u16),
    /// Afternoon.
    pub pm: (u16, u16),
}

impl SessionTimes {
    /// By a school's own timetable: from its first lesson to its last, parted by the longest break that begins around noon. `lessons`
    /// are minutes after midnight, of any classes. Without lessons, the default; without such a break, parted as by default.
    #[must_use]
    pub fn of_lessons(lessons: &[(u16, u16)]) -> Self {
        let mut lessons: Vec<(u16, u16)> = lessons.iter().copied().filter(|(begins, ends)| begins < ends).collect();
        lessons.sort_unstable();
        let usual = Self::default();
        let (Some(first), Some(last)) = (lessons.first().map(|one| one.0), lessons.iter().map(|one| one.1).max()) else {
            return usual;
        };
        let (mut until, mut noon): (u16, Option<(u16, u16)>) = (first, None);
        for (begins, ends) in lessons {
            if begins > until && AROUND_NOON.contains(&until) && noon.is_none_or(|held| begins - until > held.1 - held.0) {
                noon = Some((until, begins));
            }
            until = until.max(ends);
        }
        let (am_ends, pm_begins) = noon.unwrap_or((usual.am.1, usual.pm.0));
        Self { am: (first.min(am_ends), am_ends), pm: (pm_begins, last.max(pm_begins)) }
    }

    /// The half-day of a minute after midnight: the afternoon begins where the morning ends, so that the break belongs to it.
    #[must_use]
    pub fn half_of(&self, minute: u32) -> HalfDay {
        if minute < u32::from(self.am.1) { HalfDay::Am } else { HalfDay::Pm }
    }
}

impl Default for SessionTimes {
    /// From 08:30 to 12:00 and from 13:00 to 15:30.
    fn default() -> Self {
        Self { am: (8 * 60 + 30, 12 * 60), pm: (13 * 60, 15 * 60 + 30) }
    }
}

/// A mark that needs a place beside a stream from home: a question for whoever keeps the register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Which day.
    pub day: NaiveDate,
    /// Which half of it.
    pub half_day: HalfDay,
    /// The two facts, as a sentence.
    pub because: String,
    /// The question.
    pub ask: &'static str,
    /// Who is asked.
    pub for_party: Party,
}

/// When the break between the sessions may begin: from 11:00 to 14:00.
const AROUND_NOON: std::ops::RangeInclusive<u16> = 11 * 60..=14 * 60;

const ASK: &str = "Is the mark as the school wants it? Windowseat suggests none.";

/// The hints about one pupil's marks. Streams may be of any days and in any order.
#[must_use]
pub fn hints(
    marks: &[ImportedMark],
    table: &CodeTable,
    streams: &[HomeStream],
    calendar: &Calendar,
    times: SessionTimes,
) -> Vec<Hint> {
    let mut all = Vec::new();
    for mark in marks {
        let Some(meaning) = table.meaning(mark.code(), mark.day()).filter(|meaning| meaning.requires_place()) else { continue };
        let (half, (begins, ends)) = match mark.half_day() {
            HalfDay::Am => ("morning", times.am),
            HalfDay::Pm => ("afternoon", times.pm),
        };
        let session = (calendar.instant(mark.day(), begins), calendar.instant(mark.day(), ends));
        let from_home = streams.iter().filter(|stream| stream.place == PupilPlace::Home);
        let overlaps = from_home.map(|stream| (stream.from.max(session.0), stream.until.min(session.1)));
        let Some((from, until)) = overlaps.filter(|(from, until)| from < until).min() else { continue };
        let clock = |at| calendar.local(at).format("%H:%M");
        let because = format!(
            "The register has “{}” ({}) for the {half} of {}, and the pupil was live by robot from home from {} to {}.",
            mark.code().as_str(),
            meaning.words,
            day_words(mark.day()),
            clock(from),
            clock(until)
        );
        all.push(Hint { day: mark.day(), half_day: mark.half_day(), because, ask: ASK, for_party: Party::AttendanceLead });
    }
    all.sort_by_key(|hint| (hint.day, hint.half_day));
    all
}

#[cfg(test)]
mod tests;
