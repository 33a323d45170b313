//! Lists of words that policy packs, the store and the program share. Nothing but the macro that keeps word and variant together.

/// An enum whose variants have a code each: in packs, in the store, and nowhere shown to people.
macro_rules! coded {
    ($(#[$doc:meta])* $name:ident { $($(#[$item:meta])+ $variant:ident = $code:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$item])+ $variant,)+ }

        impl $name {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its word in packs and in the store.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The one of a word in a pack or in the store.
            #[must_use]
            pub fn from_code(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.code() == code)
            }
        }
    };
}

pub(crate) use coded;
