//! How values of the record become JSON text and values again. The core has no serde: what may be written is said here, type by type.
//!
//! A type with fields is taken apart by name, so a new field that is forgotten here does not compile. A field that an older program
//! did not write is read as nothing, which lists and optional values can be. Everything that is read goes through the checked
//! constructors of its type: a text that no form would take is unreadable, not believed. So a constructor may become more lenient with
//! time, and never stricter: what was kept under the older rule would be unreadable.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use server_core::party::{OrganisationId, Party, PersonId};
use server_core::policy::{Code, Route};
use server_core::words::{Reason, Words};
use uuid::Uuid;

mod plan;
mod sheets;

pub use self::plan::{PlanParts, read_parts, written_parts};
pub use self::sheets::{
    read_assessment, read_breakdown, read_costs, read_goal, read_part_time, read_place, read_profile, read_scale, read_share,
    written_assessment, written_breakdown, written_costs, written_goal, written_part_time, written_place, written_profile,
    written_scale, written_share,
};

/// A value that can be kept as JSON.
pub(crate) trait Kept: Sized {
    fn keep(&self) -> Value;

    /// `None`: this is not such a value.
    fn read(value: &Value) -> Option<Self>;
}

/// A type with fields, each under its name.
macro_rules! kept {
    ($name:ty { $($field:ident),+ $(,)? }) => {
        impl Kept for $name {
            fn keep(&self) -> Value {
                let Self { $($field),+ } = self;
                Value::Object([$((stringify!($field).to_owned(), $field.keep())),+].into_iter().collect())
            }

            fn read(value: &Value) -> Option<Self> {
                let map = value.as_object()?;
                Some(Self { $($field: Kept::read(map.get(stringify!($field)).unwrap_or(&Value::Null))?),+ })
            }
        }
    };
}

/// A type with a code for each of its values.
macro_rules! kept_by_code {
    ($($name:ty),+) => {$(
        impl Kept for $name {
            fn keep(&self) -> Value {
                self.code().into()
            }

            fn read(value: &Value) -> Option<Self> {
                Self::from_code(value.as_str()?)
            }
        }
    )+};
}

/// A type whose values have no code in the core.
macro_rules! kept_as {
    ($name:ty { $($variant:ident = $code:literal),+ $(,)? }) => {
        impl Kept for $name {
            fn keep(&self) -> Value {
                match self { $(Self::$variant => $code.into()),+ }
            }

            fn read(value: &Value) -> Option<Self> {
                match value.as_str()? { $($code => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

pub(crate) use {kept, kept_as, kept_by_code};

kept_by_code!(Party, Route);

impl Kept for bool {
    fn keep(&self) -> Value {
        (*self).into()
    }

    fn read(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

impl Kept for u16 {
    fn keep(&self) -> Value {
        (*self).into()
    }

    fn read(value: &Value) -> Option<Self> {
        Self::try_from(value.as_u64()?).ok()
    }
}

impl Kept for String {
    fn keep(&self) -> Value {
        self.as_str().into()
    }

    fn read(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl Kept for NaiveDate {
    fn keep(&self) -> Value {
        self.to_string().into()
    }

    fn read(value: &Value) -> Option<Self> {
        value.as_str()?.parse().ok()
    }
}

impl Kept for DateTime<Utc> {
    fn keep(&self) -> Value {
        self.to_rfc3339().into()
    }

    fn read(value: &Value) -> Option<Self> {
        value.as_str()?.parse().ok()
    }
}

impl Kept for Uuid {
    fn keep(&self) -> Value {
        self.to_string().into()
    }

    fn read(value: &Value) -> Option<Self> {
        value.as_str()?.parse().ok()
    }
}

impl Kept for PersonId {
    fn keep(&self) -> Value {
        self.0.keep()
    }

    fn read(value: &Value) -> Option<Self> {
        Uuid::read(value).map(Self)
    }
}

impl Kept for OrganisationId {
    fn keep(&self) -> Value {
        self.0.keep()
    }

    fn read(value: &Value) -> Option<Self> {
        Uuid::read(value).map(Self)
    }
}

impl Kept for Code {
    fn keep(&self) -> Value {
        self.as_str().into()
    }

    fn read(value: &Value) -> Option<Self> {
        Self::new(value.as_str()?)
    }
}

impl Kept for Words {
    fn keep(&self) -> Value {
        self.expose().into()
    }

    fn read(value: &Value) -> Option<Self> {
        Self::new(value.as_str()?).ok()
    }
}

impl Kept for Reason {
    fn keep(&self) -> Value {
        self.expose().into()
    }

    fn read(value: &Value) -> Option<Self> {
        Self::new(value.as_str()?).ok()
    }
}

impl<T: Kept> Kept for Option<T> {
    fn keep(&self) -> Value {
        self.as_ref().map_or(Value::Null, Kept::keep)
    }

    fn read(value: &Value) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::read(value).map(Some) }
    }
}

/// The items of a list; none if an older program did not write it.
fn items(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Null => Some(&[]),
        Value::Array(items) => Some(items),
        _ => None,
    }
}

impl<T: Kept> Kept for Vec<T> {
    fn keep(&self) -> Value {
        self.iter().map(Kept::keep).collect()
    }

    fn read(value: &Value) -> Option<Self> {
        items(value)?.iter().map(T::read).collect()
    }
}

impl<T: Kept + Ord> Kept for BTreeSet<T> {
    fn keep(&self) -> Value {
        self.iter().map(Kept::keep).collect()
    }

    fn read(value: &Value) -> Option<Self> {
        items(value)?.iter().map(T::read).collect()
    }
}

/// As pairs: keys are not always texts.
impl<K: Kept + Ord, V: Kept> Kept for BTreeMap<K, V> {
    fn keep(&self) -> Value {
        self.iter().map(|(key, value)| Value::Array(vec![key.keep(), value.keep()])).collect()
    }

    fn read(value: &Value) -> Option<Self> {
        items(value)?.iter().map(<(K, V)>::read).collect()
    }
}

impl<A: Kept, B: Kept> Kept for (A, B) {
    fn keep(&self) -> Value {
        Value::Array(vec![self.0.keep(), self.1.keep()])
    }

    fn read(value: &Value) -> Option<Self> {
        let [a, b] = value.as_array()?.as_slice() else { return None };
        Some((A::read(a)?, B::read(b)?))
    }
}

impl<A: Kept, B: Kept, C: Kept> Kept for (A, B, C) {
    fn keep(&self) -> Value {
        Value::Array(vec![self.0.keep(), self.1.keep(), self.2.keep()])
    }

    fn read(value: &Value) -> Option<Self> {
        let [a, b, c] = value.as_array()?.as_slice() else { return None };
        Some((A::read(a)?, B::read(b)?, C::read(c)?))
    }
}

/// A text of the store → a value.
pub(crate) fn read_text<T: Kept>(text: &str) -> Option<T> {
    T::read(&serde_json::from_str(text).ok()?)
}
