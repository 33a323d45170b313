//! What forms of the record send, read with words for people: texts, days and codes, each with what is wrong with it.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use server_core::policy::{Code, Pack};
use server_core::words::{Words, WordsError};

/// What a form sent: name → value. Names that a page does not know are passed over.
pub type Sent = BTreeMap<String, String>;

/// What somebody typed into one form of the page, and was not saved; nothing if it was another form.
#[derive(Clone, Copy, Default)]
pub struct Typed<'a>(pub Option<&'a Sent>);

impl Typed<'_> {
    pub fn is_any(self) -> bool {
        self.0.is_some()
    }

    pub fn get(self, name: &str) -> String {
        self.0.and_then(|sent| sent.get(name)).cloned().unwrap_or_default()
    }

    pub fn or(self, name: &str, otherwise: impl ToString) -> String {
        self.0.and_then(|sent| sent.get(name)).cloned().unwrap_or_else(|| otherwise.to_string())
    }

    pub fn has(self, name: &str) -> bool {
        self.0.is_some_and(|sent| sent.contains_key(name))
    }
}

/// Words that may be left out. `name`: how the form calls the field; `label`: how a person does.
pub fn optional_words(sent: &Sent, name: &str, label: &str) -> Result<Option<Words>, String> {
    match Words::new(sent.get(name).map_or("", String::as_str)) {
        Ok(words) => Ok(Some(words)),
        Err(WordsError::Empty) => Ok(None),
        Err(error) => Err(format!("{label}: {error}.")),
    }
}

/// Words that must be there.
pub fn words(sent: &Sent, name: &str, label: &str) -> Result<Words, String> {
    Words::new(sent.get(name).map_or("", String::as_str)).map_err(|error| format!("{label}: {error}."))
}

/// A day that may be left out.
pub fn optional_day(sent: &Sent, name: &str, label: &str) -> Result<Option<NaiveDate>, String> {
    match sent.get(name).map_or("", |day| day.trim()) {
        "" => Ok(None),
        day => day.parse().map(Some).map_err(|_| format!("{label}: choose a day.")),
    }
}

/// A day that must be there and has come.
pub fn past_day(today: NaiveDate, sent: &Sent, name: &str, label: &str) -> Result<NaiveDate, String> {
    let day = optional_day(sent, name, label)?.ok_or_else(|| format!("{label}: choose a day."))?;
    if day > today { Err(format!("{label}: that day has not come yet.")) } else { Ok(day) }
}

/// A code of one of the pack's lists.
pub fn code(sent: &Sent, name: &str, label: &str) -> Result<Code, String> {
    sent.get(name).and_then(|code| Code::new(code)).ok_or_else(|| format!("{label}: choose one."))
}

/// A choice of a select or of buttons: code, words, whether it is the one.
pub type Choice = (String, String, bool);

/// The items of a list of the pack as choices.
pub fn choices(pack: &Pack, list: &str, chosen: &str) -> Vec<Choice> {
    pack.list(list).iter().map(|(code, words)| (code.to_string(), words.clone(), code.as_str() == chosen)).collect()
}
