//! How often and for how long the picture stood still for a pupil, as the tablet tells it.
//!
//! A tablet counts from nothing on each connection, so what is told is added up by its increments. Nothing of it decides anything: it is for
//! whoever looks after the networks, and one word can add no more than [`MOST`].

/// Freezes, and how long they lasted together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freezes {
    /// How many.
    pub count: u64,
    /// For how long, in milliseconds.
    pub millis: u64,
}

/// The most that one word of a tablet adds.
pub const MOST: Freezes = Freezes { count: 1000, millis: 600_000 };

impl Freezes {
    /// What is in `self` beyond `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self { count: self.count.saturating_sub(before.count), millis: self.millis.saturating_sub(before.millis) }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, more: Self) -> Self {
        Self { count: self.count.saturating_add(more.count), millis: self.millis.saturating_add(more.millis) }
    }

    fn at_most(self, most: Self) -> Self {
        Self { count: self.count.min(most.count), millis: self.millis.min(most.millis) }
    }
}

/// Those of one visit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    sum: Option<Freezes>,
    of_connection: Freezes,
}

impl Told {
    /// The tablet's word on its connection so far.
    pub fn hear(&mut self, freezes: Freezes) {
        let more = freezes.since(self.of_connection).at_most(MOST);
        self.of_connection = freezes;
        self.sum = Some(self.sum.unwrap_or_default().and(more));
    }

    /// Another connection begins.
    pub fn reconnected(&mut self) {
        self.of_connection = Freezes::default();
    }

    /// Those of the visit so far; `None` if the tablet never said.
    #[must_use]
    pub fn sum(&self) -> Option<Freezes> {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn freezes(count: u64, millis: u64) -> Freezes {
        Freezes { count, millis }
    }

    #[test]
    fn each_connection_counts_from_nothing_and_a_visit_adds_them_up() {
        let mut told = Told::default();
        assert_eq!(told.sum(), None);
        told.hear(freezes(0, 0));
        assert_eq!(told.sum(), Some(freezes(0, 0)), "said, and none");
        told.hear(freezes(2, 900));
        told.hear(freezes(2, 900));
        told.reconnected();
        told.hear(freezes(1, 400));
        assert_eq!(told.sum(), Some(freezes(3, 1300)));
    }

    #[test]
    fn what_cannot_be_adds_little() {
        let mut told = Told::default();
        told.hear(freezes(u64::MAX, u64::MAX));
        assert_eq!(told.sum(), Some(MOST));
        told.hear(freezes(5, 5));
        told.hear(freezes(6, 6));
        assert_eq!(told.sum(), Some(freezes(1001, 600_001)), "a count that falls adds nothing");
    }
}
