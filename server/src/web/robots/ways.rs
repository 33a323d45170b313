//! How picture and sound travel now, on both sides of the bridge: the latest word of it on a visit, in words and figures.

use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use protocol::{Bitrate, LegQuality, LinkMessage, Tier, Trouble};
use store::robots::RobotRow;

use crate::web::view::Chip;

/// A word this old is not about now.
const OLD_AFTER: TimeDelta = TimeDelta::seconds(20);

/// The part of a robot's page.
#[derive(Template)]
#[template(path = "staff/robot_ways.html")]
pub(super) struct RobotWays<'a> {
    /// The visit, if there is one.
    pub(super) ways: Option<&'a Ways>,
}

/// A visit that runs.
pub(super) struct Ways {
    pub(super) tier: Chip,
    pub(super) cause: Chip,
    pub(super) rows: Vec<Row>,
    pub(super) freezes: Option<String>,
}

pub(super) struct Row {
    pub(super) what: &'static str,
    pub(super) school: String,
    pub(super) pupil: String,
}

impl Ways {
    /// What the bridge said last of the visit to this robot. `None`: nobody is visiting.
    pub(super) fn of(row: &RobotRow, now: DateTime<Utc>) -> Option<Self> {
        // Said every 5 s: a bridge that fell silent knows nothing any more.
        row.link_at.filter(|at| now - *at < OLD_AFTER)?;
        // Written by ourselves, from a message that was checked; an older server wrote none.
        let link: LinkMessage = serde_json::from_str(row.live_link.as_deref()?).ok()?;
        let rows = [
            ("To the pupil", link.robot_leg.map(|leg| rate(leg.receive)), link.pupil_leg.map(|leg| rate(leg.send))),
            ("To the class", link.robot_leg.map(|leg| rate(leg.send)), link.pupil_leg.map(|leg| rate(leg.receive))),
            measured("Lost on the way", &link, |leg| leg.loss_pct.map(|pct| format!("{pct:.1} %"))),
            measured("There and back", &link, |leg| leg.rtt_ms.map(|ms| format!("{ms:.0} ms"))),
            measured("Sound uneven by", &link, |leg| leg.jitter_ms.map(|ms| format!("{ms:.0} ms"))),
        ];
        let told = |words: Option<String>| words.unwrap_or_else(|| "not known".to_owned());
        Some(Self {
            tier: tier(link.tier),
            cause: cause(link.trouble),
            rows: rows
                .into_iter()
                .map(|(what, school, pupil)| Row { what, school: told(school), pupil: told(pupil) })
                .collect(),
            freezes: link.freezes.map(|freezes| stood_still(freezes.count, freezes.millis)),
        })
    }
}

type Measured = (&'static str, Option<String>, Option<String>);

fn measured(what: &'static str, link: &LinkMessage, of: impl Fn(LegQuality) -> Option<String>) -> Measured {
    (what, link.robot_leg.and_then(&of), link.pupil_leg.and_then(&of))
}

fn rate(Bitrate(bits): Bitrate) -> String {
    if bits < 1_000_000 { format!("{} kbit/s", bits / 1000) } else { format!("{:.1} Mbit/s", f64::from(bits) / 1e6) }
}

fn tier(tier: Option<Tier>) -> Chip {
    match tier {
        Some(Tier::Video) => Chip::new("live", "eye", "Moving picture and sound"),
        Some(Tier::Stills) => Chip::new("look", "eye", "Still pictures and sound"),
        Some(Tier::Audio) => Chip::new("look", "ear", "Sound only"),
        None => Chip::new("", "wifi", "Nothing arrives yet"),
    }
}

fn cause(trouble: Option<Trouble>) -> Chip {
    match trouble {
        None => Chip::new("live", "check", "All sides are fine"),
        Some(Trouble::Pupil) => Chip::new("look", "tablet", "The pupil’s network is the cause"),
        Some(Trouble::School) => Chip::new("look", "wifioff", "The school’s network is the cause"),
        Some(Trouble::Robot) => Chip::new("look", "robot", "The robot is the cause"),
    }
}

fn stood_still(count: u64, millis: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "seconds of one visit, to a tenth")]
    let seconds = millis as f64 / 1000.0;
    match count {
        0 => "The picture never stood still, says the tablet.".to_owned(),
        1 => format!("The picture stood still once, for {seconds:.1} s, says the tablet."),
        _ => format!("The picture stood still {count} times, {seconds:.1} s in all, says the tablet."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_people_say_them() {
        assert_eq!(
            [0, 24_400, 999_999, 1_440_000].map(|bits| rate(Bitrate(bits))),
            ["0 kbit/s", "24 kbit/s", "999 kbit/s", "1.4 Mbit/s"]
        );
        assert_eq!(stood_still(1, 1_400), "The picture stood still once, for 1.4 s, says the tablet.");
        assert_eq!(stood_still(3, 61_000), "The picture stood still 3 times, 61.0 s in all, says the tablet.");
    }
}
