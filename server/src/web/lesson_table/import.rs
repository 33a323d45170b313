//! Lessons of many classes from a CSV file: read, shown line by line with what is wrong, and added only when somebody says so.
//!
//! The file comes back with "Add these" and is read once more, so what is added is what the page showed or nothing. Each line is one
//! lesson by the rules of its form (`form.rs`). Rooms and classes that the school does not have yet are added with it.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::NaiveDate;
use server_core::csv;
use store::audit::NewAudit;
use store::lessons::SlotRow;
use store::organisations::RoomRow;
use store::tables::{ClassRow, Entry, MOST_LESSONS, NewTable};
use uuid::Uuid;

use super::super::organisations::organisation_name;
use super::super::plan::Sent;
use super::super::rooms::{self, Asked};
use super::super::{Frame, page};
use super::form::{self, DAYS, Ground};
use super::{DayView, alternates, audit, days};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;

/// A file is not larger than this, as a form sends it.
pub const MOST_BYTES: usize = 1024 * 1024;
/// Lines of one file.
const MOST_LINES: usize = 1_000;
/// What is wrong is shown of so many lines.
const PROBLEMS_SHOWN: usize = 30;

/// The columns by their names in the first row; all but the last four have to be there.
const COLUMNS: [&str; 10] =
    ["class", "day", "start", "end", "subject", "room", "week", "teacher", "last day", "robot stays out"];
const NEEDED: usize = 6;

#[derive(Template)]
#[template(path = "staff/lessons_import.html")]
struct ImportPage {
    frame: Frame,
    wrong: String,
    school: Uuid,
    name: String,
    columns: String,
    example: String,
    file: String,
    from: String,
    preview: Option<Preview>,
}

struct Preview {
    words: String,
    new_rooms: String,
    new_classes: String,
    classes: Vec<(String, Vec<DayView>)>,
    problems: Vec<String>,
    more: usize,
    may_add: bool,
}

/// `GET /lessons/import`
pub async fn show(State(state): State<AppState>, caller: Caller, Query(asked): Query<Asked>) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let school = rooms::school(&scope, asked.of)?;
    draw(&state, &caller, &scope, school, &Sent::new(), (String::new(), None)).await
}

/// `POST /lessons/import`: what would be added, or adds it.
pub async fn read(State(state): State<AppState>, caller: Caller, Form(sent): Form<Sent>) -> Result<Response, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let (of, name) = rooms::school_of(&scope, &sent)?;
    let ground = School::of(&state, &scope, of).await?;
    let mut found = match ground.read(&sent) {
        Ok(found) => found,
        Err(wrong) => {
            let html = draw(&state, &caller, &scope, (of, name), &sent, (wrong, None)).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response());
        }
    };
    ground.clashes(&state, &mut found).await?;
    let is_sure = sent.get("what").is_some_and(|what| what == "add") && found.problems.is_empty();
    if is_sure {
        let id = of.to_string();
        let table = NewTable { rooms: &found.rooms, classes: &found.classes, slots: &found.slots() };
        let audit: NewAudit<'_> = audit(&caller, "add lessons from a file", &id);
        match state.store.enter_table(table, audit, state.clock.now().utc).await? {
            Entry::Written => return Ok(Redirect::to(&format!("/lessons?of={of}")).into_response()),
            Entry::Clash(clash) => found.problems.push((0, form::clash_words(&clash, ground.alternates))),
            Entry::NameTaken => {
                found.problems.push((0, "A room or a class of one of these names is here already, perhaps a room that is no longer used. Look under Rooms.".to_owned()));
            }
        }
    }
    let status = if found.problems.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let preview = found.preview(&ground);
    let html = draw(&state, &caller, &scope, (of, name), &sent, (String::new(), Some(preview))).await?;
    Ok((status, html).into_response())
}

/// What a file is read by.
struct School {
    of: Uuid,
    rooms: Vec<RoomRow>,
    classes: Vec<ClassRow>,
    alternates: bool,
    today: NaiveDate,
}

/// What a file holds.
#[derive(Default)]
struct Found {
    rooms: Vec<RoomRow>,
    classes: Vec<ClassRow>,
    /// Lessons with the line that they stand on.
    lessons: Vec<(usize, SlotRow)>,
    problems: Vec<(usize, String)>,
}

impl School {
    async fn of(state: &AppState, scope: &Scope, of: Uuid) -> Result<Self, ApiError> {
        Ok(Self {
            of,
            rooms: state.store.rooms(of).await?,
            classes: state.store.classes(of).await?,
            alternates: alternates(state, of).await?,
            today: scope.today(of, state.clock.now().utc),
        })
    }

    fn read(&self, sent: &Sent) -> Result<Found, String> {
        let text = sent.get("file").map_or("", |text| text.trim_start_matches('\u{feff}'));
        let rows = csv::rows(text, csv::separator(text), MOST_LINES + 2);
        let mut rows = rows.into_iter().filter(|(_, row)| row.iter().any(|cell| !cell.trim().is_empty()));
        let (_, head) = rows.next().ok_or("Choose a file, or paste it with the row that names its columns.")?;
        let head: Vec<String> = head.iter().map(|cell| cell.trim().to_lowercase()).collect();
        if let Some(missing) = COLUMNS[..NEEDED].iter().find(|column| !head.iter().any(|cell| cell == *column)) {
            return Err(format!("The first row names no column “{missing}”. It needs {}.", COLUMNS[..NEEDED].join(", ")));
        }
        let mut found = Found::default();
        for (n, (line, row)) in rows.enumerate() {
            if n == MOST_LINES {
                found.problems.push((line, format!("A file has at most {MOST_LINES} lessons. Bring it in by parts.")));
                break;
            }
            let cell = |column: &str| {
                let at = head.iter().position(|cell| cell == column);
                at.and_then(|at| row.get(at)).map_or("", |cell| cell.trim())
            };
            match self.line(&cell, sent, &mut found) {
                Ok(slots) => found.lessons.extend(slots.into_iter().map(|slot| (line, slot))),
                Err(wrong) => found.problems.push((line, wrong)),
            }
        }
        if found.lessons.is_empty() && found.problems.is_empty() {
            return Err("There is no lesson below the row that names the columns.".to_owned());
        }
        Ok(found)
    }

    fn line<'a>(&self, cell: &dyn Fn(&str) -> &'a str, sent: &Sent, found: &mut Found) -> Result<Vec<SlotRow>, String> {
        let class = self.class(cell("class"), found)?;
        let room = self.room(cell("room"), found)?;
        let week = match cell("week").to_lowercase().as_str() {
            "" | "both" | "every" => "both".to_owned(),
            "a" => "1".to_owned(),
            "b" => "2".to_owned(),
            other => other.to_owned(),
        };
        let stays_out = match cell("robot stays out").to_lowercase().as_str() {
            "" | "no" | "n" | "0" => false,
            "yes" | "y" | "1" | "x" => true,
            _ => return Err("Robot stays out: write yes, or leave it empty.".to_owned()),
        };
        let mut fields: Sent = [
            ("week", week),
            ("weekday", weekday(cell("day")).map_or_else(String::new, |day| day.to_string())),
            ("start", cell("start").to_owned()),
            ("end", cell("end").to_owned()),
            ("subject", cell("subject").to_owned()),
            ("teacher", cell("teacher").to_owned()),
            ("room", room.room_id.to_string()),
            ("from", sent.get("from").cloned().unwrap_or_default()),
            ("until", cell("last day").to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        if stays_out {
            fields.insert("stays-out".to_owned(), "on".to_owned());
        }
        let ground = Ground { class, rooms: &[room], alternates: self.alternates, today: self.today };
        form::read(&fields, &ground)
    }

    /// The class of this name, a new one if there is none.
    fn class(&self, name: &str, found: &mut Found) -> Result<Uuid, String> {
        let name = organisation_name(name).map_err(|_| "Class: write its name.".to_owned())?;
        let is_it = |row: &&ClassRow| row.name.to_lowercase() == name.to_lowercase();
        if let Some(row) = self.classes.iter().chain(&found.classes).find(is_it) {
            return Ok(row.class_group_id);
        }
        let class_group_id = Uuid::now_v7();
        found.classes.push(ClassRow { class_group_id, organisation_id: self.of, name });
        Ok(class_group_id)
    }

    /// The room of this name, a new one if there is none.
    fn room(&self, name: &str, found: &mut Found) -> Result<RoomRow, String> {
        let name = organisation_name(name).map_err(|_| "Room: write its name.".to_owned())?;
        let is_it = |row: &&RoomRow| row.name.to_lowercase() == name.to_lowercase();
        if let Some(row) = self.rooms.iter().chain(&found.rooms).find(is_it) {
            return Ok(row.clone());
        }
        let row = RoomRow { room_id: Uuid::now_v7(), organisation_id: self.of, name };
        found.rooms.push(row.clone());
        Ok(row)
    }

    /// Lessons of one class that are at one time, in the file or with those that are here.
    async fn clashes(&self, state: &AppState, found: &mut Found) -> Result<(), ApiError> {
        let mut held: BTreeMap<Uuid, Vec<(Option<usize>, SlotRow)>> = BTreeMap::new();
        for class in &self.classes {
            if found.lessons.iter().any(|(_, slot)| slot.class_group_id == class.class_group_id) {
                let rows = state.store.slots_of_class(class.class_group_id, None, self.today).await?;
                held.insert(class.class_group_id, rows.into_iter().map(|row| (None, row)).collect());
            }
        }
        for (line, slot) in &found.lessons {
            let beside = held.entry(slot.class_group_id).or_default();
            let when = |row: &SlotRow| {
                let day = form::day_words(row.week, row.weekday, self.alternates);
                format!("{}, {day}, {} to {}", row.subject, form::clock(row.start_min), form::clock(row.end_min))
            };
            if let Some((other, row)) = beside.iter().find(|(_, row)| overlap(row, slot)) {
                let place = other.map_or_else(|| "is here already".to_owned(), |other| format!("stands on line {other}"));
                found.problems.push((*line, format!("At that time the class has {}, which {place}.", when(row))));
            } else if beside.len() >= usize::try_from(MOST_LESSONS).unwrap_or(usize::MAX) {
                found.problems.push((*line, "The class has too many lessons.".to_owned()));
            }
            beside.push((Some(*line), slot.clone()));
        }
        Ok(())
    }
}

fn overlap(one: &SlotRow, other: &SlotRow) -> bool {
    let begins_before_end = |a: &SlotRow, b: &SlotRow| match (a.valid_from, b.valid_until) {
        (Some(from), Some(until)) => from <= until,
        _ => true,
    };
    (one.week, one.weekday) == (other.week, other.weekday)
        && one.start_min < other.end_min
        && other.start_min < one.end_min
        && begins_before_end(one, other)
        && begins_before_end(other, one)
}

/// `Monday`, `mon` or `1`.
fn weekday(text: &str) -> Option<usize> {
    let text = text.to_lowercase();
    let is_it = |day: &str| {
        let day = day.to_lowercase();
        text == day || (text.len() >= 3 && day.starts_with(&text))
    };
    let named = DAYS.iter().position(|day| is_it(day)).map(|at| at + 1);
    named.or_else(|| text.parse().ok().filter(|day| (1..=7).contains(day)))
}

impl Found {
    fn slots(&self) -> Vec<SlotRow> {
        self.lessons.iter().map(|(_, slot)| slot.clone()).collect()
    }

    fn preview(mut self, school: &School) -> Preview {
        self.problems.sort();
        let names = |names: Vec<&str>| names.join(", ");
        let classes = school.classes.iter().chain(&self.classes).filter_map(|class| {
            let own = |slot: &SlotRow| slot.class_group_id == class.class_group_id;
            let mut slots: Vec<SlotRow> = self.slots().into_iter().filter(own).collect();
            slots.sort_by_key(|slot| (slot.week, slot.weekday, slot.start_min));
            (!slots.is_empty()).then(|| (class.name.clone(), days(&slots, school.alternates, school.today)))
        });
        let lessons = match self.lessons.len() {
            1 => "One lesson".to_owned(),
            n => format!("{n} lessons"),
        };
        let words = match self.problems.len() {
            0 => format!("{lessons} will be added. Nothing is stored yet."),
            1 => "One line is not as it should be. Nothing is added before it is put right.".to_owned(),
            n => format!("{n} lines are not as they should be. Nothing is added before they are put right."),
        };
        let told = |(line, wrong): &(usize, String)| match line {
            0 => wrong.clone(),
            line => format!("Line {line}. {wrong}"),
        };
        Preview {
            words,
            new_rooms: names(self.rooms.iter().map(|row| row.name.as_str()).collect()),
            new_classes: names(self.classes.iter().map(|row| row.name.as_str()).collect()),
            classes: classes.collect(),
            problems: self.problems.iter().take(PROBLEMS_SHOWN).map(told).collect(),
            more: self.problems.len().saturating_sub(PROBLEMS_SHOWN),
            may_add: self.problems.is_empty(),
        }
    }
}

async fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    (of, name): (Uuid, String),
    sent: &Sent,
    (wrong, preview): (String, Option<Preview>),
) -> Result<Html<String>, ApiError> {
    let now = state.clock.now().utc;
    let week = if alternates(state, of).await? { "1" } else { "" };
    page(&ImportPage {
        frame: Frame::of(caller, scope, format!("Lessons of {name} from a file"), "/days", now),
        wrong,
        school: of,
        name,
        columns: COLUMNS.join(", "),
        example: format!("9A,Monday,08:50,09:50,Maths,Room 12,{week},Ms N.,,"),
        file: sent.get("file").cloned().unwrap_or_default(),
        from: sent.get("from").cloned().unwrap_or_else(|| scope.today(of, now).to_string()),
        preview,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str) -> Result<Found, String> {
        let school = School {
            of: Uuid::from_u128(1),
            rooms: vec![RoomRow { room_id: Uuid::from_u128(2), organisation_id: Uuid::from_u128(1), name: "Room 12".into() }],
            classes: Vec::new(),
            alternates: true,
            today: "2026-11-23".parse().unwrap(),
        };
        let sent = [("file", file), ("from", "2026-11-24")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        school.read(&sent.into())
    }

    #[test]
    fn a_file_is_lessons_with_the_rooms_and_classes_that_are_not_here_yet() {
        let file = "Day;Class;Start;End;Subject;Room;Week\nmon;9A;8:50;09:50;\"Maths; top set\";ROOM 12;A\n\n2;9a;8:50;9:50;Art;Studio;\n";
        let found = read(file).unwrap();
        let told: Vec<_> =
            found.lessons.iter().map(|(line, slot)| (*line, slot.week, slot.weekday, slot.subject.as_str())).collect();
        assert_eq!(told, [(2, 1, 1, "Maths; top set"), (4, 1, 2, "Art"), (4, 2, 2, "Art")]);
        assert_eq!((found.rooms.len(), found.classes.len(), found.problems), (1, 1, vec![]));
    }

    #[test]
    fn what_is_wrong_is_said_by_its_line() {
        assert!(read("").is_err_and(|wrong| wrong.contains("Choose a file")));
        assert!(read("class,day,start,end,subject\n").is_err_and(|wrong| wrong.contains("“room”")));
        assert!(read("class,day,start,end,subject,room\n").is_err_and(|wrong| wrong.contains("no lesson")));
        let lines = [
            ("9A,Someday,08:50,09:50,Maths,Room 12,,", "Day:"),
            (",Mon,08:50,09:50,Maths,Room 12,,", "Class:"),
            ("9A,Mon,08:50,09:50,Maths,,,", "Room:"),
            ("9A,Mon,08:50,08:40,Maths,Room 12,,", "End:"),
            ("9A,Mon,08:50,09:50,Maths,Room 12,C,", "Week:"),
            ("9A,Mon,08:50,09:50,Maths,Room 12,,perhaps", "Robot stays out:"),
        ];
        let file = format!("class,day,start,end,subject,room,week,robot stays out\n{}", lines.map(|(line, _)| line).join("\n"));
        let found = read(&file).unwrap();
        assert_eq!(found.lessons.len(), 0);
        for ((line, wrong), (at, (_, field))) in found.problems.iter().zip(lines.iter().enumerate()) {
            assert!(*line == at + 2 && wrong.starts_with(field), "{line}: {wrong}");
        }
        assert_eq!(found.problems.len(), lines.len());
    }
}
