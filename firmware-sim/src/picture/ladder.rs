//! How much of a picture the network leaves room for: all of it, a small one, one now and then, or none. Sound always comes first.
//!
//! Pure: time is an argument. Down at once, as far as the limit says; up one rung at a time, and not before the limit has left room for
//! the next rung for a while. A rung that could not be held is waited for twice as long the next time. Rates are in bits per second.

use std::time::Duration;

/// What sound takes, headers included. It is taken off every limit first.
pub const SOUND_BPS: u32 = 40_000;

/// The least that a picture of full size and rate needs to be worth it, a small one, and one now and then.
const FULL_BPS: u32 = 200_000;
const SMALL_BPS: u32 = 70_000;
const STILLS_BPS: u32 = 15_000;

/// The most that goes into a small picture.
const SMALL_MOST_BPS: u32 = 180_000;
/// A small picture moves at most this often in a second.
const SMALL_FPS: u32 = 10;
/// The time between two stills.
pub const STILL_EVERY: Duration = Duration::from_secs(3);

/// How long there has to be room for the next rung.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A rung that is left sooner than this after it was climbed was not held.
const HELD: Duration = Duration::from_secs(20);

/// What is sent, from the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// Sound only.
    Sound,
    /// A small picture every [`STILL_EVERY`].
    Stills,
    /// Half as wide and high, and at most ten a second.
    Small,
    /// As configured.
    Full,
}

impl Rung {
    const ALL: [Self; 4] = [Self::Sound, Self::Stills, Self::Small, Self::Full];

    /// What it needs of what is left beside sound.
    fn needs(self) -> u32 {
        match self {
            Self::Sound => 0,
            Self::Stills => STILLS_BPS,
            Self::Small => SMALL_BPS,
            Self::Full => FULL_BPS,
        }
    }

    fn above(self) -> Option<Self> {
        Self::ALL.into_iter().find(|rung| *rung > self)
    }
}

/// How to make pictures now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Pixels across; even.
    pub width: u32,
    /// Pixels down; even.
    pub height: u32,
    /// In a second.
    pub fps: u32,
    /// At most this much is put into them.
    pub most_bps: u32,
}

/// On which rung a camera stands, and since when.
#[derive(Clone, Copy, Debug)]
pub struct Ladder {
    full: Frame,
    rung: Rung,
    climbed_at: Option<Duration>,
    /// Since when there has been room for the next rung.
    room_since: Option<Duration>,
    wait: Duration,
}

impl Ladder {
    /// At the top. `full` is what the camera is configured for.
    #[must_use]
    pub fn new(full: Frame) -> Self {
        Self { full, rung: Rung::Full, climbed_at: None, room_since: None, wait: FIRST_WAIT }
    }

    /// As new, for somebody else.
    #[must_use]
    pub fn again(&self) -> Self {
        Self::new(self.full)
    }

    /// Where it stands.
    #[must_use]
    pub fn rung(&self) -> Rung {
        self.rung
    }

    /// What is left for pictures under this limit: a tenth less for headers, then less sound.
    #[must_use]
    pub fn room(limit_bps: u32) -> u32 {
        (limit_bps - limit_bps / 10).saturating_sub(SOUND_BPS)
    }

    /// Looks at the limit. Returns whether the rung changed.
    pub fn look(&mut self, limit_bps: u32, now: Duration) -> bool {
        let before = self.rung;
        let may = Rung::ALL.into_iter().rev().find(|rung| self.fits(*rung, limit_bps)).unwrap_or(Rung::Sound);
        if may < self.rung {
            let held = self.climbed_at.is_none_or(|at| now.saturating_sub(at) >= HELD);
            self.wait = if held { FIRST_WAIT } else { (self.wait * 2).min(LONGEST_WAIT) };
            (self.rung, self.climbed_at, self.room_since) = (may, None, None);
        } else if let Some(next) = self.rung.above().filter(|next| *next <= may) {
            let since = *self.room_since.get_or_insert(now);
            if now.saturating_sub(since) >= self.wait {
                (self.rung, self.climbed_at, self.room_since) = (next, Some(now), None);
            }
        } else {
            self.room_since = None;
        }
        self.rung != before
    }

    fn fits(&self, rung: Rung, limit_bps: u32) -> bool {
        // A camera configured for little needs little.
        Self::room(limit_bps) >= rung.needs().min(self.full.most_bps)
    }

    /// Whether this limit leaves no room for the next rung. Where it does, only the waiting for it goes on.
    #[must_use]
    pub fn is_held_by(&self, limit_bps: u32) -> bool {
        self.rung.above().is_some_and(|next| !self.fits(next, limit_bps))
    }

    /// How to make pictures on this rung. `None`: none are made.
    #[must_use]
    pub fn frame(&self) -> Option<Frame> {
        // Chroma has half of both, so both stay even.
        let half = |length: u32| (length / 4 * 2).max(2);
        let small = Frame {
            width: half(self.full.width),
            height: half(self.full.height),
            fps: self.full.fps.min(SMALL_FPS),
            most_bps: self.full.most_bps.min(SMALL_MOST_BPS),
        };
        match self.rung {
            Rung::Full => Some(self.full),
            Rung::Small => Some(small),
            Rung::Stills => Some(Frame { fps: 1, ..small }),
            Rung::Sound => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Frame = Frame { width: 640, height: 360, fps: 15, most_bps: 600_000 };

    /// The limit of each second, and the rungs that follow.
    fn climb(ladder: &mut Ladder, from: u64, limits: &[(u64, u32)]) -> Vec<(u64, Rung)> {
        let (mut second, mut changes) = (from, Vec::new());
        for (seconds, limit) in limits {
            for _ in 0..*seconds {
                if ladder.look(*limit, Duration::from_secs(second)) {
                    changes.push((second, ladder.rung()));
                }
                second += 1;
            }
        }
        changes
    }

    #[test]
    fn down_at_once_and_up_one_rung_at_a_time() {
        let mut ladder = Ladder::new(FULL);
        let wide = u32::MAX;
        let changes = climb(&mut ladder, 0, &[(5, wide), (5, 200_000), (5, 80_000), (5, 50_000), (20, wide)]);
        assert_eq!(
            changes,
            [(5, Rung::Small), (10, Rung::Stills), (15, Rung::Sound), (25, Rung::Stills), (31, Rung::Small), (37, Rung::Full)]
        );
    }

    #[test]
    fn from_full_to_sound_is_one_step_when_nothing_is_left() {
        let mut ladder = Ladder::new(FULL);
        assert!(ladder.look(10_000, Duration::ZERO));
        assert_eq!((ladder.rung(), ladder.frame()), (Rung::Sound, None));
    }

    #[test]
    fn a_rung_that_is_not_held_is_waited_for_longer_each_time() {
        let mut ladder = Ladder::new(FULL);
        let mut climbed = Vec::new();
        ladder.look(200_000, Duration::ZERO);
        for second in 1..300 {
            // There always seems to be room, until it is used.
            let limit = if ladder.rung() == Rung::Full { 200_000 } else { u32::MAX };
            if ladder.look(limit, Duration::from_secs(second)) && ladder.rung() == Rung::Full {
                climbed.push(second);
            }
        }
        let waits: Vec<u64> = climbed.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(waits, [12, 22, 42, 62, 62, 62]);
    }

    #[test]
    fn a_rung_that_was_held_for_long_is_waited_for_briefly_again() {
        let mut ladder = Ladder::new(FULL);
        let changes = climb(&mut ladder, 0, &[(1, 200_000), (6, u32::MAX), (30, u32::MAX), (1, 200_000), (7, u32::MAX)]);
        assert_eq!(changes, [(0, Rung::Small), (6, Rung::Full), (37, Rung::Small), (43, Rung::Full)]);
    }

    #[test]
    fn a_limit_holds_it_as_long_as_it_leaves_no_room_for_more() {
        let mut ladder = Ladder::new(FULL);
        assert!(!ladder.is_held_by(10_000), "it is not down yet, and there is nothing above");
        let _ = ladder.look(150_000, Duration::from_secs(1));
        assert_eq!(ladder.rung(), Rung::Small);
        assert!(ladder.is_held_by(150_000) && !ladder.is_held_by(u32::MAX), "with room it waits, and is not held");
        assert_eq!((ladder.again().rung(), ladder.again().frame()), (Rung::Full, Some(FULL)));
    }

    #[test]
    fn each_rung_is_less_of_a_picture() {
        let mut ladder = Ladder::new(FULL);
        assert_eq!(ladder.frame(), Some(FULL));
        ladder.look(200_000, Duration::ZERO);
        assert_eq!(ladder.frame(), Some(Frame { width: 320, height: 180, fps: 10, most_bps: 180_000 }));
        ladder.look(80_000, Duration::ZERO);
        assert_eq!(ladder.frame().map(|frame| frame.fps), Some(1));
        let odd = Ladder { rung: Rung::Small, ..Ladder::new(Frame { width: 854, height: 478, fps: 5, most_bps: 50_000 }) };
        assert_eq!(odd.frame(), Some(Frame { width: 426, height: 238, fps: 5, most_bps: 50_000 }));
    }

    #[test]
    fn a_camera_configured_for_little_is_full_with_little() {
        let mut ladder = Ladder::new(Frame { most_bps: 100_000, ..FULL });
        assert!(!ladder.look(160_000, Duration::ZERO), "100 kbit/s and the sound fit");
        assert!(ladder.look(140_000, Duration::ZERO));
        assert_eq!(ladder.rung(), Rung::Small);
    }
}
