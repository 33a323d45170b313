//! Small parts that pages share: icons, chips, and times as people read them.

use std::borrow::Cow;
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

/// `40 s fast`, of a clock that is so many milliseconds ahead of ours.
#[must_use]
pub fn off_by(ahead_ms: i64) -> String {
    format!("{} s {}", ahead_ms.unsigned_abs() / 1000, if ahead_ms > 0 { "fast" } else { "slow" })
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

/// `23 November 2026, 09:42`: a moment as histories say it, where the school is.
#[must_use]
pub fn full_moment(at: DateTime<Utc>, zone: Tz) -> String {
    format!("{}, {}", full_date(at.with_timezone(&zone).date_naive()), clock(at, zone))
}

/// Who did something, where it has no name of a person: the tablet is the pupil's, all else the program.
#[must_use]
pub fn actor(kind: &str, name: Option<&str>) -> String {
    name.unwrap_or(if kind == "tablet" { "The pupil" } else { "Windowseat" }).to_owned()
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

/// A sentence of the core as pages show it: with a capital letter and a full stop.
#[must_use]
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let end = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// `1 minute`, `12 minutes`
#[must_use]
pub fn minutes(count: i64) -> String {
    if count == 1 { "1 minute".to_owned() } else { format!("{count} minutes") }
}

/// `12,345`
#[must_use]
pub fn number(count: i64) -> String {
    let digits = count.unsigned_abs().to_string();
    let mut text = if count < 0 { "−".to_owned() } else { String::new() };
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Where a list by pages is: the address of this page, of the one before and of the next.
pub struct Pages {
    base: Cow<'static, str>,
    search: String,
    look: bool,
    page: i64,
    more: bool,
}

/// Pages after this one are not offered: whoever wants them searches.
const LAST_PAGE: i64 = 1_000;

impl Pages {
    /// How many rows to ask for: what a page shows, and one that tells whether there is a next.
    pub const ASK: i64 = store::pages::PAGE as i64 + 1;

    /// Page `page`, from 1, of a list at `base`.
    #[must_use]
    pub fn new(base: impl Into<Cow<'static, str>>, search: &str, look: &str, page: Option<i64>) -> Self {
        let search = search.trim().chars().take(100).collect();
        Self { base: base.into(), search, look: !look.is_empty(), page: page.unwrap_or(1).clamp(1, LAST_PAGE), more: false }
    }

    /// Whether there is a next page.
    #[must_use]
    pub fn with_more(self, more: bool) -> Self {
        Self { more, ..self }
    }

    /// Leaves what a page shows of [`Self::ASK`] rows, and knows whether there is a next.
    #[must_use]
    pub fn cut<T>(self, rows: &mut Vec<T>) -> Self {
        let more = rows.len() > store::pages::PAGE;
        rows.truncate(store::pages::PAGE);
        self.with_more(more)
    }

    /// Rows before this page.
    #[must_use]
    pub fn offset(&self) -> i64 {
        (self.page - 1) * i64::try_from(store::pages::PAGE).unwrap_or(0)
    }

    /// What was searched for.
    #[must_use]
    pub fn search(&self) -> &str {
        &self.search
    }

    /// Whether only those that need a look are listed.
    #[must_use]
    pub fn look(&self) -> bool {
        self.look
    }

    /// Whether this is the whole list, so that a page needs neither search nor further pages.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.page == 1 && !self.more && self.search.is_empty() && !self.look
    }

    /// This page, and how it is told apart from the others.
    #[must_use]
    pub fn number(&self) -> i64 {
        self.page
    }

    /// The page before.
    #[must_use]
    pub fn before(&self) -> Option<String> {
        (self.page > 1).then(|| self.address(self.page - 1))
    }

    /// The next page.
    #[must_use]
    pub fn next(&self) -> Option<String> {
        (self.more && self.page < LAST_PAGE).then(|| self.address(self.page + 1))
    }

    /// What comes after `?` in the address of this page.
    #[must_use]
    pub fn query(&self) -> String {
        self.query_of(self.page)
    }

    fn address(&self, page: i64) -> String {
        let and = if self.base.contains('?') { '&' } else { '?' };
        format!("{}{and}{}", self.base, self.query_of(page))
    }

    fn query_of(&self, page: i64) -> String {
        let mut query = format!("page={page}");
        if self.look {
            query.push_str("&look=1");
        }
        if !self.search.is_empty() {
            query.push_str("&q=");
            for byte in self.search.bytes() {
                if byte.is_ascii_alphanumeric() {
                    query.push(char::from(byte));
                } else {
                    let _ = fmt::Write::write_fmt(&mut query, format_args!("%{byte:02X}"));
                }
            }
        }
        query
    }
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

    #[test]
    fn numbers_are_grouped() {
        for (count, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567"), (-12_345, "−12,345")] {
            assert_eq!(number(count), text);
        }
    }

    #[test]
    fn addresses_of_pages_keep_the_search() {
        let pages = Pages::new("/robots", " St. Mary’s & co ", "1", Some(2)).with_more(true);
        assert_eq!(pages.next().unwrap(), "/robots?page=3&look=1&q=St%2E%20Mary%E2%80%99s%20%26%20co");
        assert!(pages.before().unwrap().starts_with("/robots?page=1&"));
        assert_eq!((pages.offset(), pages.is_all()), (25, false));
        let first = Pages::new("/robots", "", "", Some(-5));
        assert_eq!((first.offset(), first.before(), first.next(), first.is_all()), (0, None, None, true));
        assert_eq!(Pages::new("/robots", "", "", Some(i64::MAX)).offset(), 24_975);
        let of = Pages::new("/days?of=1", "", "", None).with_more(true);
        assert_eq!(of.next().as_deref(), Some("/days?of=1&page=2"));
    }
}
