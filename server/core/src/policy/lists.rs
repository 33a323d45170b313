//! Lists whose items rules depend on: the program knows what each item means, the pack says which are offered and what they are called.
//!
//! A pack that has no such list, as the first versions, offers all of them by their usual words. What was written by an item that a newer
//! version does not offer any more keeps its words.

use super::{Code, Pack};
use crate::contact::CheckOutcome;
use crate::plan::{EndGoal, PartTimeReason, ReviewOutcome};

/// An item of such a list.
pub trait Listed: Copy + Eq + 'static {
    /// The list's code in a pack.
    const LIST: &'static str;
    /// Every item.
    const ALL: &'static [Self];

    /// Its code in packs and in the store.
    fn code(self) -> &'static str;

    /// What it is called where a pack does not say.
    fn usual_words(self) -> &'static str;
}

macro_rules! listed {
    ($($name:ident, $list:literal { $($variant:ident: $words:literal,)+ })+) => {
        $(impl Listed for $name {
            const LIST: &'static str = $list;
            const ALL: &'static [Self] = Self::ALL;

            fn code(self) -> &'static str {
                self.code()
            }

            fn usual_words(self) -> &'static str {
                match self { $(Self::$variant => $words,)+ }
            }
        })+

        /// The codes of a list of this kind. `None`: rules do not depend on it.
        pub(super) fn known(list: &str) -> Option<Vec<&'static str>> {
            match list {
                $($list => Some($name::ALL.iter().map(|one| one.code()).collect()),)+
                _ => None,
            }
        }
    };
}

listed! {
    EndGoal, "end-goal" {
        HomeSchool: "Back to the home school",
        NewSchool: "A fresh start at another school",
        LongTermPlace: "A long-term place",
        NoReturnPlanned: "No return is planned; reviews go on",
    }
    ReviewOutcome, "review-outcome" {
        Continue: "On as before",
        StepUp: "A step up",
        StepDown: "A step down, for a while",
        Close: "The plan may be closed",
    }
    CheckOutcome, "check-outcome" {
        InUse: "Used as planned",
        Less: "Used less than planned",
        NotUsed: "Not used",
        BackInClass: "Back in class",
    }
    PartTimeReason, "part-time-reason" {
        Health: "Health",
        Return: "A step of the return",
        Need: "A need that the school cannot yet meet all day",
        Behaviour: "Behaviour, beside another reason",
    }
}

/// The items that a pack offers, in its order and by its words. Without a pack: all of them.
#[must_use]
pub fn offered<T: Listed>(pack: Option<&Pack>) -> Vec<(T, &str)> {
    let items = pack.map(|pack| pack.list(T::LIST)).unwrap_or_default();
    let one = |code: &Code| T::ALL.iter().copied().find(|one| one.code() == code.as_str());
    match items {
        [] => T::ALL.iter().map(|one| (*one, one.usual_words())).collect(),
        items => items.iter().filter_map(|(code, words)| Some((one(code)?, words.as_str()))).collect(),
    }
}

/// The item of a code that a form sent, if it is offered.
#[must_use]
pub fn chosen<T: Listed>(pack: Option<&Pack>, code: &str) -> Option<T> {
    offered::<T>(pack).into_iter().find(|(one, _)| one.code() == code).map(|(one, _)| one)
}

/// What an item is called, also one that is not offered any more.
#[must_use]
pub fn called<T: Listed>(pack: Option<&Pack>, one: T) -> &str {
    offered::<T>(pack).into_iter().find(|(known, _)| *known == one).map_or(one.usual_words(), |(_, words)| words)
}
