//! Small parts that pages share: icons, chips, and times as people read them.

use std::fmt;

use askama::Template;
use askama::filters::HtmlSafe;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

/// An icon of `assets/icons.svg`, drawn in the text's colour. Always beside a word.
#[must_use]
pub fn icon(name: &'static str) -> Icon {
    Icon(name)
}

/// See [`icon`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Icon(&'static str);

impl fmt::Display for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r##"<svg class="ic" aria-hidden="true"><use href="/assets/icons.svg#i-{}"/></svg>"##, self.0)
    }
}

// The name is a constant of this program.
impl HtmlSafe for Icon {}

/// A state: icon and word; colour only helps.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(
    source = r#"<span class="chip{% if !class.is_empty() %} {{ class }}{% endif %}">{{ icon }}{{ text }}</span>"#,
    ext = "html"
)]
pub struct Chip {
    class: &'static str,
    icon: Icon,
    text: String,
}

// Its template escapes the text.
impl HtmlSafe for Chip {}

impl Chip {
    /// `class` is one of the design’s: "", live, rest, move, look, fault, line; with "wrap" if the words may be long.
    #[must_use]
    pub fn new(class: &'static str, icon: &'static str, text: impl Into<String>) -> Self {
        Self { class, icon: Icon(icon), text: text.into() }
    }

    /// Its words, for answers that are no page.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A chip or quiet words in its place.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(
    source = r#"{% match self %}{% when Told::Chip(chip) %}{{ chip }}{% when Told::Quiet(text) %}<span class="quiet">{{ text }}</span>{% when Told::Plain(text) %}{{ text }}{% endmatch %}"#,
    ext = "html"
)]
pub enum Told {
    /// A state.
    Chip(Chip),
    /// Words in the second colour.
    Quiet(String),
    /// Words.
    Plain(String),
}

impl HtmlSafe for Told {}

impl Told {
    /// Words in the second colour.
    #[must_use]
    pub fn quiet(text: impl Into<String>) -> Self {
        Self::Quiet(text.into())
    }
}

impl From<Chip> for Told {
    fn from(chip: Chip) -> Self {
        Self::Chip(chip)
    }
}

/// `14:05`
#[must_use]
pub fn clock(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%H:%M").to_string()
}

/// `Tuesday 17 November`
#[must_use]
pub fn day(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%A %-d %B").to_string()
}

/// `17 Nov`
#[must_use]
pub fn short_date(day: NaiveDate) -> String {
    day.format("%-d %b").to_string()
}

/// `29 January 2027`
#[must_use]
pub fn full_date(day: NaiveDate) -> String {
    day.format("%-d %B %Y").to_string()
}

/// `Today, 10:42`, `Yesterday, 10:42` or `12 Nov, 10:42`.
#[must_use]
pub fn moment(at: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> String {
    let (then, today) = (at.with_timezone(&zone).date_naive(), now.with_timezone(&zone).date_naive());
    let date = match (today - then).num_days() {
        0 => "Today".to_owned(),
        1 => "Yesterday".to_owned(),
        _ => short_date(then),
    };
    format!("{date}, {}", clock(at, zone))
}

/// `1 minute`, `12 minutes`
#[must_use]
pub fn minutes(count: i64) -> String {
    if count == 1 { "1 minute".to_owned() } else { format!("{count} minutes") }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    #[test]
    fn times_are_those_of_the_school() {
        let london = chrono_tz::Europe::London;
        let summer = Utc.with_ymd_and_hms(2026, 6, 9, 10, 4, 0).unwrap();
        assert_eq!(clock(summer, london), "11:04");
        assert_eq!(day(summer, london), "Tuesday 9 June");
        let late = Utc.with_ymd_and_hms(2026, 6, 8, 23, 30, 0).unwrap();
        assert_eq!(moment(late, summer, london), "Today, 00:30");
    }

    #[test]
    fn a_chip_escapes_its_words() {
        assert!(Chip::new("", "dot", "<lab>").to_string().contains("&#60;lab&#62;"));
    }
}
