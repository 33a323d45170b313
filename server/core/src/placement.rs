//! Whether a pupil may go to class now, and until when. The server signs a grant only after this; the robot still has the last
//! word on its own body.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::calendar::Calendar;
use crate::timetable::Lesson;

/// A dated arrangement: this pupil uses this robot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// First day.
    pub from_day: NaiveDate,
    /// Last day.
    pub until_day: NaiveDate,
}

/// What is known of the robot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RobotNow {
    /// Connected, and willing.
    Here,
    /// Connected, and paused by someone in the classroom.
    Paused,
    /// Not connected.
    Gone,
    /// Switched off at its button.
    OffByPerson,
}

/// How far a visit may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VisitLimits {
    /// A visit is not longer than this.
    pub at_most: TimeDelta,
    /// The robot may be used this long before the first lesson and after the last of a day.
    pub around_lessons: TimeDelta,
}

/// Why not now. Each has its own words on the pupil's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinRefusal {
    /// No robot is given to the placement: not yet, or no more.
    NoRobot,
    /// Today is before the placement's first day or after its last.
    OutsidePlacement,
    /// No lesson today.
    NoSchoolToday,
    /// Too early or too late in the day.
    NotNow {
        /// When it is possible, if still today.
        from: Option<DateTime<Utc>>,
    },
    /// The robot stays out of this lesson.
    RobotStaysOut {
        /// End of that lesson.
        until: DateTime<Utc>,
    },
    /// Someone in the classroom paused the robot.
    Paused,
    /// The robot is switched off.
    RobotOff,
    /// The robot is not connected.
    RobotGone,
    /// No bridge is connected, so nothing can be relayed.
    NoBridge,
}

/// Until when a visit that begins now may last. `today`: the lessons of the school's day, expected or not, by time.
///
/// # Errors
/// Why not now; the rule that no waiting changes comes first.
pub fn may_join(
    placement: &Placement,
    calendar: &Calendar,
    today: &[Lesson],
    robot: RobotNow,
    limits: VisitLimits,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, JoinRefusal> {
    let day = calendar.day(now);
    if day < placement.from_day || day > placement.until_day {
        return Err(JoinRefusal::OutsidePlacement);
    }
    let (Some(first), Some(last)) = (today.iter().map(|l| l.start).min(), today.iter().map(|l| l.end).max()) else {
        return Err(JoinRefusal::NoSchoolToday);
    };
    let (opens, closes) = (first - limits.around_lessons, last + limits.around_lessons);
    if now < opens {
        return Err(JoinRefusal::NotNow { from: Some(opens) });
    }
    if now >= closes {
        return Err(JoinRefusal::NotNow { from: None });
    }
    if let Some(lesson) = today.iter().find(|lesson| lesson.about.robot_stays_out && lesson.is_at(now)) {
        return Err(JoinRefusal::RobotStaysOut { until: lesson.end });
    }
    match robot {
        RobotNow::Here => {}
        RobotNow::Paused => return Err(JoinRefusal::Paused),
        RobotNow::OffByPerson => return Err(JoinRefusal::RobotOff),
        RobotNow::Gone => return Err(JoinRefusal::RobotGone),
    }
    let stays_out = today.iter().filter(|l| l.about.robot_stays_out && l.start > now).map(|l| l.start).min();
    Ok(closes.min(now + limits.at_most).min(stays_out.unwrap_or(closes)))
}

#[cfg(test)]
mod tests {
    use protocol::RoomId;
    use uuid::Uuid;

    use super::*;
    use crate::timetable::About;

    fn at(time: &str) -> DateTime<Utc> {
        format!("2026-11-23T{time}:00Z").parse().unwrap()
    }

    fn lesson(start: &str, end: &str, robot_stays_out: bool) -> Lesson {
        let about = About {
            room: RoomId(Uuid::nil()),
            room_name: String::new(),
            subject: String::new(),
            teacher: String::new(),
            robot_stays_out,
            expected: true,
        };
        Lesson { slot: Uuid::nil(), start: at(start), end: at(end), about }
    }

    /// Lessons 08:50–09:50 and 13:00–14:00, PE (the robot stays out) 10:00–11:00.
    fn check(now: &str, robot: RobotNow, expected: Result<&str, JoinRefusal>) {
        let calendar = Calendar::new("Europe/London", None, []).unwrap();
        let placement = Placement { from_day: at("00:00").date_naive(), until_day: at("00:00").date_naive() };
        let limits = VisitLimits { at_most: TimeDelta::hours(2), around_lessons: TimeDelta::minutes(30) };
        let today = [lesson("08:50", "09:50", false), lesson("10:00", "11:00", true), lesson("13:00", "14:00", false)];
        assert_eq!(may_join(&placement, &calendar, &today, robot, limits, at(now)), expected.map(at), "{now}");
    }

    #[test]
    fn a_visit_ends_at_the_first_of_its_limits() {
        check("08:50", RobotNow::Here, Ok("10:00"));
        check("11:00", RobotNow::Here, Ok("13:00"));
        check("13:30", RobotNow::Here, Ok("14:30"));
    }

    #[test]
    fn every_refusal_has_its_reason() {
        check("08:19", RobotNow::Here, Err(JoinRefusal::NotNow { from: Some(at("08:20")) }));
        check("14:30", RobotNow::Here, Err(JoinRefusal::NotNow { from: None }));
        check("10:30", RobotNow::Gone, Err(JoinRefusal::RobotStaysOut { until: at("11:00") }));
        check("09:00", RobotNow::Paused, Err(JoinRefusal::Paused));
        check("09:00", RobotNow::OffByPerson, Err(JoinRefusal::RobotOff));
        check("09:00", RobotNow::Gone, Err(JoinRefusal::RobotGone));
    }

    #[test]
    fn days_outside_the_placement_and_days_without_lessons() {
        let calendar = Calendar::new("Europe/London", None, []).unwrap();
        let limits = VisitLimits { at_most: TimeDelta::hours(2), around_lessons: TimeDelta::minutes(30) };
        let day = at("00:00").date_naive();
        let join = |from_day, until_day, lessons: &[Lesson]| {
            may_join(&Placement { from_day, until_day }, &calendar, lessons, RobotNow::Here, limits, at("09:00"))
        };
        let (before, after) = (day.pred_opt().unwrap(), day.succ_opt().unwrap());
        assert_eq!(join(before, before, &[lesson("08:50", "09:50", false)]), Err(JoinRefusal::OutsidePlacement));
        assert_eq!(join(after, after, &[lesson("08:50", "09:50", false)]), Err(JoinRefusal::OutsidePlacement));
        assert_eq!(join(before, after, &[]), Err(JoinRefusal::NoSchoolToday));
    }
}
