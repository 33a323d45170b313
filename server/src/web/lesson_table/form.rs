//! One lesson as a form holds it, read and checked; and a stored lesson as a form shows it.

use chrono::NaiveDate;
use store::lessons::SlotRow;
use store::organisations::RoomRow;
use store::tables::Clash;
use uuid::Uuid;

use super::super::plan::{Choice, Sent, optional_day};
use super::super::view;

/// Subject and teacher are not longer than this, in characters.
const MAX_WORDS: usize = 60;

/// Days of a week, in the order of their numbers.
pub const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// What a lesson is read by.
pub struct Ground<'a> {
    pub class: Uuid,
    pub rooms: &'a [RoomRow],
    /// Whether the school's weeks alternate.
    pub alternates: bool,
    pub today: NaiveDate,
}

/// What the fields of a lesson hold.
pub struct LessonForm {
    pub weeks: Vec<Choice>,
    pub days: Vec<Choice>,
    pub start: String,
    pub end: String,
    pub subject: String,
    pub teacher: String,
    pub rooms: Vec<Choice>,
    pub stays_out: bool,
    pub from: String,
    pub until: String,
}

impl LessonForm {
    /// As it was sent, or for a new lesson.
    #[must_use]
    pub fn of(sent: &Sent, ground: &Ground<'_>) -> Self {
        let typed = |name: &str| sent.get(name).cloned().unwrap_or_default();
        let choice = |code: &str, words: String, name: &str| (code.to_owned(), words, typed(name) == code);
        let weeks = [("both", "Every week"), ("1", "Week 1"), ("2", "Week 2")];
        Self {
            weeks: weeks
                .into_iter()
                .filter(|_| ground.alternates)
                .map(|(code, words)| choice(code, words.to_owned(), "week"))
                .collect(),
            days: DAYS.iter().zip(1..).map(|(day, n)| choice(&n.to_string(), (*day).to_owned(), "weekday")).collect(),
            start: typed("start"),
            end: typed("end"),
            subject: typed("subject"),
            teacher: typed("teacher"),
            rooms: ground.rooms.iter().map(|room| choice(&room.room_id.to_string(), room.name.clone(), "room")).collect(),
            stays_out: sent.contains_key("stays-out"),
            from: sent.get("from").cloned().unwrap_or_else(|| ground.today.to_string()),
            until: typed("until"),
        }
    }
}

/// A stored lesson as its form would send it, from a day on.
#[must_use]
pub fn fields(row: &SlotRow, from: NaiveDate) -> Sent {
    let mut sent: Sent = [
        ("week", row.week.to_string()),
        ("weekday", row.weekday.to_string()),
        ("start", clock(row.start_min)),
        ("end", clock(row.end_min)),
        ("subject", row.subject.clone()),
        ("teacher", row.teacher.clone()),
        ("room", row.room_id.to_string()),
        ("from", from.to_string()),
        ("until", row.valid_until.map_or_else(String::new, |day| day.to_string())),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if row.robot_stays_out {
        sent.insert("stays-out".to_owned(), "on".to_owned());
    }
    sent
}

/// The lessons of a form, one for each week that it names; in words, what is wrong with it.
///
/// # Errors
/// A field that breaks its rule.
pub fn read(sent: &Sent, ground: &Ground<'_>) -> Result<Vec<SlotRow>, String> {
    let text = |name: &str| sent.get(name).map_or("", |text| text.trim());
    let weeks: &[i64] = match (ground.alternates, text("week")) {
        (false, _) | (true, "1") => &[1],
        (true, "2") => &[2],
        (true, "both") => &[1, 2],
        _ => return Err("Week: choose one.".to_owned()),
    };
    let weekday = text("weekday").parse::<i64>().ok().filter(|day| (1..=7).contains(day)).ok_or("Day: choose one.")?;
    let start_min = minutes(text("start")).ok_or("Start: write a time, such as 08:50.")?;
    let end_min = minutes(text("end")).ok_or("End: write a time, such as 09:40.")?;
    if end_min <= start_min {
        return Err(format!("End: {} is not after the start at {}.", clock(end_min), clock(start_min)));
    }
    let subject = words(text("subject"), "Subject")?;
    if subject.is_empty() {
        return Err("Subject: write what the lesson is called, such as Maths.".to_owned());
    }
    let teacher = words(text("teacher"), "Teacher")?;
    let room = ground.rooms.iter().find(|room| room.room_id.to_string() == text("room")).ok_or("Room: choose one.")?;
    let from = optional_day(sent, "from", "First day")?.ok_or("First day: choose a day.")?;
    if from < ground.today {
        return Err("First day: that day is over. Today is the earliest; what was, stays.".to_owned());
    }
    let until = optional_day(sent, "until", "Last day")?;
    if until.is_some_and(|until| until < from) {
        return Err("Last day: it lies before the first.".to_owned());
    }
    let slot = |week: &i64| SlotRow {
        timetable_slot_id: Uuid::now_v7(),
        class_group_id: ground.class,
        room_id: room.room_id,
        room_name: room.name.clone(),
        week: *week,
        weekday,
        start_min,
        end_min,
        subject: subject.clone(),
        teacher: teacher.clone(),
        robot_stays_out: sent.contains_key("stays-out"),
        valid_from: Some(from),
        valid_until: until,
        expected: false,
        expected_from: None,
        expected_until: None,
    };
    Ok(weeks.iter().map(slot).collect())
}

fn words(text: &str, label: &str) -> Result<String, String> {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() > MAX_WORDS || words.chars().any(char::is_control) {
        return Err(format!("{label}: write it in one line of at most {MAX_WORDS} characters."));
    }
    Ok(words)
}

/// Minutes after midnight of `8:50` or `08:50`.
fn minutes(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |text: &str, most: usize| -> Option<i64> {
        let is_plain = (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_plain { text.parse().ok() } else { None }
    };
    let (hour, minute) = (digits(hour, 2)?, digits(minute, 2).filter(|_| minute.len() == 2)?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// `08:50` of minutes after midnight.
#[must_use]
pub fn clock(minutes: i64) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// `Monday`, or `Week 1, Monday` where weeks alternate.
#[must_use]
pub fn day_words(week: i64, weekday: i64, alternates: bool) -> String {
    let day = usize::try_from(weekday - 1).ok().and_then(|at| DAYS.get(at)).copied().unwrap_or("Day");
    if alternates { format!("Week {week}, {day}") } else { day.to_owned() }
}

/// When a lesson is held, if not always.
#[must_use]
pub fn span_words(row: &SlotRow, today: NaiveDate) -> String {
    let from = row.valid_from.filter(|from| *from > today).map(|from| format!("from {}", view::full_date(from)));
    let until = row.valid_until.map(|until| format!("until {}", view::full_date(until)));
    [from, until].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Why a lesson cannot be there: the one that is.
#[must_use]
pub fn clash_words(clash: &Clash, alternates: bool) -> String {
    format!(
        "The class has {} on {} from {} to {}. Choose another time, or end that lesson first.",
        clash.subject,
        day_words(clash.week, clash.weekday, alternates),
        clock(clash.start_min),
        clock(clash.end_min)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: &[(&str, &str)], alternates: bool) -> Result<Vec<SlotRow>, String> {
        let room = Uuid::from_u128(1);
        let rooms = [RoomRow { room_id: room, organisation_id: Uuid::nil(), name: "Room 12".into() }];
        let ground = Ground { class: Uuid::from_u128(2), rooms: &rooms, alternates, today: "2026-11-23".parse().unwrap() };
        let id = room.to_string();
        let good = [
            ("week", "both"),
            ("weekday", "1"),
            ("start", "8:50"),
            ("end", "09:40"),
            ("subject", " Maths  1 "),
            ("room", id.as_str()),
            ("from", "2026-11-23"),
        ];
        let mut sent: Sent = good.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        sent.extend(change.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        read(&sent, &ground)
    }

    #[test]
    fn a_lesson_of_every_week_is_two_where_weeks_alternate() {
        let rows = check(&[], true).unwrap();
        assert_eq!(rows.iter().map(|row| row.week).collect::<Vec<_>>(), [1, 2]);
        let [row] = &check(&[("week", "2")], false).unwrap()[..] else { panic!("one") };
        assert_eq!((row.week, row.start_min, row.end_min, row.subject.as_str()), (1, 530, 580, "Maths 1"));
        assert_eq!(
            read(
                &fields(row, row.valid_from.unwrap()),
                &Ground { class: row.class_group_id, rooms: &[], alternates: false, today: row.valid_from.unwrap() }
            )
            .unwrap_err(),
            "Room: choose one."
        );
    }

    #[test]
    fn what_is_wrong_is_said_by_its_field() {
        for (name, value, field) in [
            ("week", "3", "Week:"),
            ("weekday", "8", "Day:"),
            ("start", "8.50", "Start:"),
            ("start", "24:00", "Start:"),
            ("end", "9:4", "End:"),
            ("end", "08:50", "End:"),
            ("end", "08:00", "End:"),
            ("subject", " ", "Subject:"),
            ("teacher", &"x".repeat(61), "Teacher:"),
            ("room", "", "Room:"),
            ("from", "", "First day:"),
            ("from", "2026-11-22", "First day: that day is over"),
            ("until", "2026-11-22", "Last day:"),
        ] {
            let wrong = check(&[(name, value)], true).expect_err(value);
            assert!(wrong.starts_with(field), "{name} {value}: {wrong}");
        }
    }
}
