//! Reads tables of TOML with one-sentence errors that say where and what to write. Unknown keys are refused.
//!
//! It knows no rule of a policy: see `load.rs`. No serde: a derived error tells a type, this tells a person what to do.

use std::cell::RefCell;
use std::collections::BTreeSet;

use chrono::NaiveDate;
use toml::{Table, Value};

use super::{Code, PolicyError};

/// A table, its place in the file, and which of its keys were read.
pub(crate) struct Node<'a> {
    file: &'a str,
    path: String,
    table: &'a Table,
    read: RefCell<BTreeSet<&'static str>>,
}

/// A code that must be one of a list.
pub(crate) trait Coded: Sized + Copy + 'static {
    /// Every one.
    const LIST: &'static [Self];
    /// Its word.
    fn word(self) -> &'static str;
}

macro_rules! is_coded {
    ($($name:ty),+) => {$(
        impl crate::policy::read::Coded for $name {
            const LIST: &'static [Self] = Self::ALL;
            fn word(self) -> &'static str {
                self.code()
            }
        }
    )+};
}
pub(crate) use is_coded;

/// The table of a whole file.
pub(crate) fn parse(file: &str, text: &str) -> Result<Table, PolicyError> {
    text.parse::<Table>().map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
        let message = error.message().lines().next().unwrap_or("it is not TOML").to_owned();
        PolicyError { file: file.to_owned(), says: format!("line {line} cannot be read: {message}") }
    })
}

impl<'a> Node<'a> {
    pub(crate) fn root(file: &'a str, table: &'a Table) -> Self {
        Self { file, path: String::new(), table, read: RefCell::default() }
    }

    /// An error about this table.
    pub(crate) fn wrong(&self, says: impl std::fmt::Display) -> PolicyError {
        let says = if self.path.is_empty() { says.to_string() } else { format!("{}: {says}", self.path) };
        PolicyError { file: self.file.to_owned(), says }
    }

    /// Says which entry this is, once its id is known.
    pub(crate) fn named_by(mut self, key: &'static str) -> Result<Self, PolicyError> {
        let id = self.text(key)?;
        self.path = format!("{} `{id}`", self.path.split('[').next().unwrap_or_default());
        Ok(self)
    }

    fn get(&self, key: &'static str) -> Option<&'a Value> {
        self.read.borrow_mut().insert(key);
        self.table.get(key)
    }

    fn must<T>(&self, key: &'static str, found: Option<T>) -> Result<T, PolicyError> {
        found.ok_or_else(|| self.wrong(format_args!("`{key}` is missing")))
    }

    pub(crate) fn has(&self, key: &'static str) -> bool {
        self.get(key).is_some()
    }

    pub(crate) fn maybe_text(&self, key: &'static str) -> Result<Option<String>, PolicyError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let text = value.as_str().map(str::trim).filter(|text| !text.is_empty());
        text.map(|text| Some(text.to_owned()))
            .ok_or_else(|| self.wrong(format_args!("`{key}` must be a text that says something")))
    }

    pub(crate) fn text(&self, key: &'static str) -> Result<String, PolicyError> {
        let found = self.maybe_text(key)?;
        self.must(key, found)
    }

    pub(crate) fn maybe_code(&self, key: &'static str) -> Result<Option<Code>, PolicyError> {
        self.maybe_text(key)?.map(|text| self.as_code(key, &text)).transpose()
    }

    pub(crate) fn as_code(&self, key: &str, text: &str) -> Result<Code, PolicyError> {
        Code::new(text)
            .ok_or_else(|| self.wrong(format_args!("`{key}` is `{text}`: write small letters, digits and hyphens, 60 at most")))
    }

    pub(crate) fn code(&self, key: &'static str) -> Result<Code, PolicyError> {
        let found = self.maybe_code(key)?;
        self.must(key, found)
    }

    pub(crate) fn maybe_number(&self, key: &'static str, from: u16, to: u16) -> Result<Option<u16>, PolicyError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = value.as_integer().and_then(|n| u16::try_from(n).ok()).filter(|n| (from..=to).contains(n));
        number.map(Some).ok_or_else(|| self.wrong(format_args!("`{key}` must be a whole number from {from} to {to}")))
    }

    pub(crate) fn number(&self, key: &'static str, from: u16, to: u16) -> Result<u16, PolicyError> {
        let found = self.maybe_number(key, from, to)?;
        self.must(key, found)
    }

    pub(crate) fn yes(&self, key: &'static str) -> Result<bool, PolicyError> {
        let Some(value) = self.get(key) else { return Ok(false) };
        value.as_bool().ok_or_else(|| self.wrong(format_args!("`{key}` must be true or false")))
    }

    pub(crate) fn maybe_day(&self, key: &'static str) -> Result<Option<NaiveDate>, PolicyError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let date = value.as_datetime().filter(|at| at.time.is_none()).and_then(|at| at.date);
        let day = date.and_then(|d| NaiveDate::from_ymd_opt(d.year.into(), d.month.into(), d.day.into()));
        day.map(Some).ok_or_else(|| self.wrong(format_args!("`{key}` must be a day without quotes, such as 2020-09-01")))
    }

    pub(crate) fn day(&self, key: &'static str) -> Result<NaiveDate, PolicyError> {
        let found = self.maybe_day(key)?;
        self.must(key, found)
    }

    pub(crate) fn maybe_one_of<T: Coded>(&self, key: &'static str) -> Result<Option<T>, PolicyError> {
        self.maybe_text(key)?.map(|text| self.as_one_of(key, &text)).transpose()
    }

    pub(crate) fn one_of<T: Coded>(&self, key: &'static str) -> Result<T, PolicyError> {
        let found = self.maybe_one_of(key)?;
        self.must(key, found)
    }

    pub(crate) fn as_one_of<T: Coded>(&self, key: &str, text: &str) -> Result<T, PolicyError> {
        T::LIST.iter().copied().find(|one| one.word() == text).ok_or_else(|| {
            let known: Vec<_> = T::LIST.iter().map(|one| one.word()).collect();
            self.wrong(format_args!("`{key}` is `{text}`, which is none of {}", known.join(", ")))
        })
    }

    /// The values of an array; an absent key is an empty one.
    pub(crate) fn array(&self, key: &'static str) -> Result<&'a [Value], PolicyError> {
        let Some(value) = self.get(key) else { return Ok(&[]) };
        value.as_array().map(Vec::as_slice).ok_or_else(|| self.wrong(format_args!("`{key}` must be a list in square brackets")))
    }

    pub(crate) fn texts_in(&self, key: &str, value: &'a Value) -> Result<Vec<&'a str>, PolicyError> {
        let texts: Option<Vec<_>> = value.as_array().map(|all| all.iter().map(Value::as_str).collect()).unwrap_or_default();
        texts.ok_or_else(|| self.wrong(format_args!("each entry of `{key}` must be a list of texts")))
    }

    pub(crate) fn many_of<T: Coded>(&self, key: &'static str) -> Result<Vec<T>, PolicyError> {
        let texts = self
            .array(key)?
            .iter()
            .map(|value| value.as_str().ok_or_else(|| self.wrong(format_args!("`{key}` must be a list of texts"))));
        texts.map(|text| self.as_one_of(key, text?)).collect()
    }

    /// The tables `[[key]]`.
    pub(crate) fn tables(&self, key: &'static str) -> Result<Vec<Node<'a>>, PolicyError> {
        let all = self.array(key)?.iter().enumerate().map(|(n, value)| {
            let path =
                if self.path.is_empty() { format!("{key}[{}]", n + 1) } else { format!("{}, {key}[{}]", self.path, n + 1) };
            let table = value.as_table().ok_or_else(|| self.wrong(format_args!("`{key}` must be written as [[{key}]]")))?;
            Ok(Node { file: self.file, path, table, read: RefCell::default() })
        });
        all.collect()
    }

    /// The table `[key]`.
    pub(crate) fn table(&self, key: &'static str) -> Result<Node<'a>, PolicyError> {
        let value = self.must(key, self.get(key))?;
        let table = value.as_table().ok_or_else(|| self.wrong(format_args!("`{key}` must be written as [{key}]")))?;
        Ok(Node { file: self.file, path: key.to_owned(), table, read: RefCell::default() })
    }

    /// Refuses what was not read: probably mistyped.
    pub(crate) fn finish(self) -> Result<(), PolicyError> {
        let read = self.read.borrow();
        match self.table.keys().find(|key| !read.contains(key.as_str())) {
            None => Ok(()),
            Some(key) => Err(self.wrong(format_args!("`{key}` is not a key that is known here"))),
        }
    }
}
