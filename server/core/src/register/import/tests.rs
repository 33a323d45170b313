//! Files as schools export them, and files that are not right.

use proptest::prelude::*;

use super::*;
use crate::register::{CodeKind, CodeTable, on_site, sickness, week_told};

const ADA: &str = "B801200005001";

fn source() -> Source {
    Source { system: System::Sims, imported_at: "2026-11-17T09:42:00Z".parse().unwrap() }
}

fn read(text: &str) -> Imported {
    import(text, source()).unwrap()
}

/// Marks as "02 am /".
fn marks(imported: &Imported) -> Vec<String> {
    let half = |mark: &ImportedMark| if mark.half_day() == HalfDay::Am { "am" } else { "pm" };
    imported.marks.iter().map(|mark| format!("{} {} {}", mark.day().format("%d"), half(mark), mark.code().as_str())).collect()
}

#[test]
fn a_row_a_mark() {
    let imported = read(&format!(
        "Student ID,UPN,Date,Session Name,Mark\r\n7,{ADA},16/11/2026,AM,D\r\n7,{ADA},16/11/2026,PM,D\r\n7,{ADA},17/11/2026,AM,-\r\n"
    ));
    assert_eq!(marks(&imported), ["16 am D", "16 pm D"]);
    assert_eq!((imported.not_taken, imported.problems.len()), (1, 0));
    assert_eq!(imported.marks[0].source(), source());
    assert!(matches!(imported.marks[0].pupil(), PupilKey::Upn(_)));
}

#[test]
fn a_mark_that_was_kept_is_the_mark_that_was_imported() {
    let imported = read(&format!("UPN,Date,AM,PM\n{ADA},16/11/2026,/,C2\n"));
    for mark in imported.marks {
        let half = HalfDay::from_word(mark.half_day().as_str()).unwrap();
        let kept = ImportedMark::kept(mark.pupil().clone(), mark.day(), half, mark.code().as_str(), mark.source());
        assert_eq!(kept, Ok(mark));
    }
    assert!(ImportedMark::kept(PupilKey::Local("7".to_owned()), NaiveDate::MIN, HalfDay::Am, "", source()).is_err());
    assert_eq!(HalfDay::from_word("noon"), None);
}

#[test]
fn a_row_a_day_below_a_title_with_names_that_are_not_kept() {
    let text =
        format!("Attendance, autumn term\n\n\"Pupil name\";UPN;Date;AM Mark;PM Mark\n\"Quist, Ada\";{ADA};2026-11-16;/;\\\n");
    let imported = read(&text);
    assert_eq!(marks(&imported), ["16 am /", "16 pm \\"]);
    assert!(!format!("{imported:?}").contains("Quist") && !format!("{imported:?}").contains("8012"));
}

#[test]
fn a_row_a_pupil_with_a_column_a_session() {
    let text = "Adm No\tMon 02/11/2026 AM\tMon 02/11/2026 PM\t03 Nov 2026 AM\n0042\tI\tI\tC2\n0043\t\tN\t/\n";
    let head = text.replace("Adm No", "Admission Number");
    let imported = read(&head);
    assert_eq!(marks(&imported), ["02 am I", "02 pm I", "03 am C2", "02 pm N", "03 am /"]);
    assert_eq!(imported.not_taken, 1);
    assert!(matches!(imported.marks[0].pupil(), PupilKey::Local(local) if local == "0042"));
}

#[test]
fn dates_are_read_as_in_england() {
    for text in [
        "03/11/2026",
        "2026-11-03",
        "03-11-2026",
        "3 Nov 2026",
        "03-Nov-26",
        "03/11/26",
        "2026-11-03T00:00:00",
        "03/11/2026 00:00",
    ] {
        let imported = read(&format!("UPN,Date,AM,PM\n{ADA},{text},/,\\\n"));
        assert_eq!(marks(&imported), ["03 am /", "03 pm \\"], "{text}");
    }
    for text in ["11/31/2026", "yesterday", "", "2026", "03/11/1926", "30/02/2026"] {
        let imported = read(&format!("UPN,Date,AM,PM\n{ADA},{text},/,\\\n"));
        assert_eq!(imported.problems, [(2, Problem::Date)], "{text}");
    }
}

#[test]
fn what_cannot_be_read_is_told_by_line_and_never_repeated() {
    let imported = read(&format!(
        "UPN,Date,Session,Mark\nA801200005001,16/11/2026,AM,/\n,16/11/2026,AM,/\n{ADA},16/11/2026,Noon,/\n{ADA},16/11/2026,AM,X02\n"
    ));
    assert_eq!(imported.problems, [(2, Problem::Upn), (3, Problem::NoPupil), (4, Problem::Session), (5, Problem::Mark)]);
    assert!(imported.marks.is_empty());
    for (_, problem) in imported.problems {
        assert!(!problem.to_string().contains("8012"));
    }
}

#[test]
fn two_rows_that_disagree_give_no_mark_and_two_that_agree_give_one() {
    let row = |mark: &str| format!("{ADA},16/11/2026,AM,{mark}\n");
    let imported = read(&format!("UPN,Date,Session,Mark\n{}{}{}", row("/"), row("I"), row("/")));
    assert!(imported.marks.is_empty());
    assert_eq!(imported.problems, [(2, Problem::Disagrees), (3, Problem::Disagrees)]);
    assert_eq!(marks(&read(&format!("UPN,Date,Session,Mark\n{}{}", row("I"), row("I")))), ["16 am I"]);
}

#[test]
fn a_file_without_its_columns_is_refused() {
    for text in ["", "hello", "UPN,Name\n1,2\n", "Date,AM,PM\n16/11/2026,/,\\\n", "UPN,Date,AM\n"] {
        assert_eq!(import(text, source()), Err(FileError::NoHead), "{text:?}");
    }
    assert_eq!(import(&" ".repeat(MAX_BYTES + 1), source()), Err(FileError::TooLarge));
}

#[test]
fn files_come_in_several_encodings() {
    let text = format!("UPN,Date,AM,PM\n{ADA},16/11/2026,/,\\\n");
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let marked: Vec<u8> = [0xef, 0xbb, 0xbf].into_iter().chain(text.bytes()).collect();
    let old: Vec<u8> = [0xe9].into_iter().chain(text.replace("UPN", ",UPN").replace(ADA, &format!(",{ADA}")).bytes()).collect();
    for bytes in [text.clone().into_bytes(), wide, marked, old] {
        assert_eq!(read(&text_of(&bytes).unwrap()).marks.len(), 2);
    }
    assert_eq!(text_of(&[0xff, 0xfe, 0x00, 0xd8]), Err(FileError::NotText));
    assert_eq!(text_of(b"PK\x03\x04\0\0"), Err(FileError::NotText), "a workbook is no CSV");
}

#[test]
fn codes_mean_what_they_meant_on_their_day() {
    let table = CodeTable::england().unwrap();
    let imported = read(&format!("UPN,Date,AM,PM\n{ADA},16/11/2026,C2,B\n{ADA},16/07/2024,C2,H\n{ADA},16/11/2026,C2,B\n"));
    let kinds: Vec<_> =
        imported.marks.iter().map(|mark| table.meaning(mark.code(), mark.day()).map(|meaning| meaning.kind)).collect();
    assert_eq!(kinds, [Some(CodeKind::Authorised), Some(CodeKind::Place), None, Some(CodeKind::Authorised)]);
    let unknown = read(&format!("UPN,Date,AM,PM\n{ADA},16/11/2026,+,/\n"));
    assert_eq!(marks(&unknown), ["16 am +", "16 pm /"], "a mark that nobody knows is kept as it is");
}

#[test]
fn a_code_table_with_two_meanings_at_once_is_refused() {
    let head = "schema = 1\nid = \"x\"\nversion = \"1\"\ntitle = \"X\"\n";
    let code = |code: &str, rest: &str| format!("[[code]]\ncode = \"{code}\"\nkind = \"place\"\nwords = \"there\"\n{rest}\n");
    let load = |codes: &[String]| {
        CodeTable::load("x.toml", &format!("{head}{}", codes.concat())).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(load(&[code("B", "until = 2024-08-18"), code("B", "from = 2024-08-19")]), Ok(()));
    let twice = "policy x.toml: code `B`: it is no code of one or two characters, or it has two meanings at one time.";
    assert_eq!(load(&[code("B", "until = 2024-08-19"), code("B", "from = 2024-08-19")]), Err(twice.to_owned()));
    assert!(load(&[code("BBB", "")]).is_err());
}

#[test]
fn marks_say_who_was_on_site_and_which_half_days_were_sickness() {
    let table = CodeTable::england().unwrap();
    let imported = read(&format!(
        "UPN,Date,AM,PM\n{ADA},16/11/2026,/,L\n{ADA},17/11/2026,I,I\n{ADA},18/11/2026,D,U\n{ADA},19/11/2026,B,#\n{ADA},20/11/2026,+,O\n"
    ));
    let there: Vec<_> =
        on_site(&imported.marks, &table).iter().map(|fact| (fact.half.0.format("%d").to_string(), fact.was_there)).collect();
    let expected = [("16", true), ("16", true), ("17", false), ("17", false), ("19", false), ("20", false)];
    assert_eq!(there, expected.map(|(day, was)| (day.to_owned(), was)));
    assert_eq!(sickness(&imported.marks, &table).len(), 2);
}

#[test]
fn h_29_a_week_that_is_covered_is_told_in_the_marks_own_counts_and_one_with_a_gap_is_not() {
    let table = CodeTable::england().unwrap();
    let told = |rows: &str, days: &[u32]| {
        let marks = read(&format!("UPN,Date,AM,PM\n{rows}")).marks;
        let halves = days.iter().flat_map(|day| {
            let day = chrono::NaiveDate::from_ymd_opt(2026, 11, *day).unwrap();
            [(day, HalfDay::Am), (day, HalfDay::Pm)]
        });
        week_told(&marks, &halves.collect::<Vec<_>>(), &table)
    };
    let row = |day: u32, marks: &str| format!("{ADA},{day}/11/2026,{marks}\n");
    let week = [row(16, "/,L"), row(17, "I,I"), row(18, "D,U"), row(19, "B,#"), row(20, "+,O")].concat();
    let one = told(&week, &[16, 17, 18, 19, 20]).unwrap();
    assert_eq!(
        one.attendance,
        "At school 2, at another place 1, expected at the other school 1, absent with leave 2, absent without leave 2, \
         with a mark that is not known here 1; of 9 half-days"
    );
    assert_eq!(one.punctuality.as_deref(), Some("Late 2 of 3 half-days at school"));
    assert_eq!((one.system.as_str(), one.at), (System::Sims.words(), source().imported_at));
    assert_eq!(told(&row(16, "/,/"), &[16, 17]), None, "a day without marks");
    assert_eq!(told(&row(16, "#,#"), &[16]), None, "there was no school");
    assert_eq!(told(&row(16, "/,/"), &[]), None);
    assert_eq!(told(&row(17, "I,I"), &[17]).unwrap().punctuality, None, "who was not there was not late");
}

proptest! {
    #[test]
    fn no_file_makes_it_panic_and_every_mark_is_a_cell(text in "(UPN|Date|AM|PM|Session|Mark|B801200005001|16/11/2026|[a-z/\\\\,;\"\t\n ])*") {
        if let Ok(imported) = import(&text, source()) {
            for mark in imported.marks {
                prop_assert!(text.contains(mark.code().as_str()));
            }
        }
    }

    #[test]
    fn the_order_of_rows_does_not_change_the_marks(rows in proptest::collection::vec((1_u32..28, any::<bool>(), 0_usize..4), 0..40), turn in 0_usize..40) {
        let line = |(day, is_am, code): &(u32, bool, usize)| {
            format!("{ADA},{day:02}/11/2026,{},{}\n", if *is_am { "AM" } else { "PM" }, ["/", "I", "C2", "-"][*code])
        };
        let lines: Vec<String> = rows.iter().map(line).collect();
        let mut turned = lines.clone();
        if !turned.is_empty() {
            turned.rotate_left(turn % lines.len());
        }
        let sorted = |lines: &[String]| {
            let mut all = marks(&read(&format!("UPN,Date,Session,Mark\n{}", lines.concat())));
            all.sort();
            all
        };
        prop_assert_eq!(sorted(&lines), sorted(&turned));
    }
}
