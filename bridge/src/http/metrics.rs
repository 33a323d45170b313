//! `/bridge/metrics`: what happens, in the text format of Prometheus (version 0.0.4).
//!
//! No id and no name: a visit is "seat 1, 2, 3 …", the lowest number that is free when it begins, so whoever reads this learns how well
//! visits run and not whose they are. Gauges are of the last second; what is not known is left out, and never 0.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use bridge_core::freezes::Freezes;
use protocol::{LegQuality, Tier, Trouble};

use super::Shared;
use crate::observe::Visits;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

const TIERS: [(Tier, &str); 3] = [(Tier::Video, "video"), (Tier::Stills, "stills"), (Tier::Audio, "audio")];
const SIDES: [(Trouble, &str); 3] = [(Trouble::Pupil, "pupil"), (Trouble::School, "school"), (Trouble::Robot, "robot")];

pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let (robots, sessions) = shared.status.counts();
    let outbox = shared.status.outbox();
    let held = shared.status.held();
    let mut text = String::with_capacity(4096);
    let plain = [
        ("robots", "Robots that are connected.", robots as u64),
        ("sessions", "Visits that are open.", sessions as u64),
        ("connections", "Media connections, made or being made.", held.legs as u64),
        (
            "media_busy_percent",
            "Share of a core that the busiest media thread used or waited for lately.",
            held.busy_pct as u64,
        ),
        ("addresses", "Addresses that media is taken from.", held.addresses as u64),
        ("resources", "Connections that robots and tablets can still name by HTTP.", shared.status.resources() as u64),
        ("outbox_waiting", "Facts that the server has not committed.", outbox.waiting),
        ("outbox_full_percent", "How full the outbox is.", outbox.full_pct),
        ("broker_connected", "Whether the broker is connected.", u64::from(shared.status.is_broker_connected())),
        ("draining", "Whether nobody new is taken.", u64::from(shared.status.is_draining())),
        ("silent_media_threads", "Media threads that do not answer.", shared.status.silent_threads() as u64),
    ];
    for (name, help, value) in plain {
        family(&mut text, name, "gauge", help);
        line(&mut text, format_args!("windowseat_bridge_{name} {value}"));
    }
    shared.status.with_visits(|visits| of_visits(&mut text, visits));
    ([(header::CONTENT_TYPE, TEXT)], text)
}

/// A value of a leg, if it is known.
type Reading = fn(&LegQuality) -> Option<f64>;

fn of_visits(text: &mut String, visits: &Visits) {
    let readings: [(&str, &str, Reading); 5] = [
        ("received_bits_per_second", "Media from this side.", |leg| Some(f64::from(leg.receive.0))),
        ("sent_bits_per_second", "Media to this side.", |leg| Some(f64::from(leg.send.0))),
        (
            "loss_ratio",
            "Packets lost on the way: to the pupil all of them, from the robot those that no repair brought.",
            |leg| leg.loss_pct.map(|percent| f64::from(percent) / 100.0),
        ),
        ("round_trip_seconds", "Round trip to this side.", |leg| leg.rtt_ms.map(|millis| f64::from(millis) / 1000.0)),
        ("jitter_seconds", "How unevenly sound arrives.", |leg| leg.jitter_ms.map(|millis| f64::from(millis) / 1000.0)),
    ];
    for (name, help, reading) in readings {
        family(text, &format!("visit_{name}"), "gauge", help);
        for (seat, glance) in visits.seats() {
            for (side, leg) in [("robot", glance.robot), ("pupil", glance.pupil)] {
                if let Some(value) = leg.as_ref().and_then(reading).filter(|value| value.is_finite()) {
                    line(text, format_args!("windowseat_bridge_visit_{name}{{seat=\"{seat}\",side=\"{side}\"}} {value}"));
                }
            }
        }
    }
    family(text, "visit_tier", "gauge", "What reaches the pupil: 1 for what does.");
    for (seat, glance) in visits.seats() {
        for (tier, word) in TIERS {
            let is = u8::from(glance.tier == Some(tier));
            line(text, format_args!("windowseat_bridge_visit_tier{{seat=\"{seat}\",tier=\"{word}\"}} {is}"));
        }
    }
    family(text, "visit_trouble", "gauge", "Whose side it is that a visit does not run well: 1 for the one it is.");
    for (seat, glance) in visits.seats() {
        for (side, word) in SIDES {
            let is = u8::from(glance.trouble == Some(side));
            line(text, format_args!("windowseat_bridge_visit_trouble{{seat=\"{seat}\",side=\"{word}\"}} {is}"));
        }
    }
    type Read = fn(Freezes) -> f64;
    let kinds: [(&str, &str, Read); 2] = [
        ("freezes_total", "Times that the picture stood still, as the tablet counts them", |freezes| of(freezes.count)),
        ("frozen_seconds_total", "How long the picture stood still, as the tablet counts it", |freezes| {
            of(freezes.millis) / 1000.0
        }),
    ];
    for (name, help, kind) in kinds {
        family(text, &format!("visit_{name}"), "counter", &format!("{help}, in this visit."));
        for (seat, glance) in visits.seats() {
            if let Some(freezes) = glance.freezes {
                line(text, format_args!("windowseat_bridge_visit_{name}{{seat=\"{seat}\"}} {}", kind(freezes)));
            }
        }
        family(text, name, "counter", &format!("{help}, since the start."));
        line(text, format_args!("windowseat_bridge_{name} {}", kind(visits.freezes())));
    }
    family(text, "tier_seconds_total", "counter", "Seconds of visits by what reached the pupil, since the start.");
    for (tier, word) in TIERS {
        let seconds = visits.tier_seconds(tier);
        line(text, format_args!("windowseat_bridge_tier_seconds_total{{tier=\"{word}\"}} {seconds}"));
    }
    family(text, "trouble_seconds_total", "counter", "Seconds of visits with trouble by its side, since the start.");
    for (side, word) in SIDES {
        let seconds = visits.trouble_seconds(side);
        line(text, format_args!("windowseat_bridge_trouble_seconds_total{{side=\"{word}\"}} {seconds}"));
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a bridge's life")]
fn of(count: u64) -> f64 {
    count as f64
}

fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    line(text, format_args!("# HELP windowseat_bridge_{name} {help}"));
    line(text, format_args!("# TYPE windowseat_bridge_{name} {kind}"));
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(content);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use bridge_core::roster::Glance;
    use protocol::{Bitrate, SessionId};

    use super::*;

    #[test]
    fn what_is_known_is_told_by_seat_and_what_is_not_is_left_out() {
        let mut visits = Visits::default();
        let robot = LegQuality { loss_pct: Some(2.5), receive: Bitrate(600_000), ..LegQuality::default() };
        let pupil = LegQuality { rtt_ms: Some(40.0), jitter_ms: Some(12.0), send: Bitrate(590_000), ..LegQuality::default() };
        let glance = Glance {
            session: SessionId::new(),
            robot: Some(robot),
            pupil: Some(pupil),
            tier: Some(Tier::Video),
            trouble: Some(Trouble::Pupil),
            freezes: Some(Freezes { count: 2, millis: 1250 }),
        };
        visits.second(glance);
        visits.second(Glance { freezes: Some(Freezes { count: 3, millis: 1500 }), ..glance });
        visits.second(Glance { session: SessionId::new(), robot: None, pupil: None, tier: None, trouble: None, freezes: None });
        let mut text = String::new();
        of_visits(&mut text, &visits);
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        for expected in [
            "windowseat_bridge_visit_received_bits_per_second{seat=\"1\",side=\"robot\"} 600000",
            "windowseat_bridge_visit_loss_ratio{seat=\"1\",side=\"robot\"} 0.025",
            "windowseat_bridge_visit_round_trip_seconds{seat=\"1\",side=\"pupil\"} 0.04",
            "windowseat_bridge_visit_tier{seat=\"1\",tier=\"video\"} 1",
            "windowseat_bridge_visit_tier{seat=\"2\",tier=\"video\"} 0",
            "windowseat_bridge_visit_trouble{seat=\"1\",side=\"pupil\"} 1",
            "windowseat_bridge_tier_seconds_total{tier=\"video\"} 2",
            "windowseat_bridge_trouble_seconds_total{side=\"pupil\"} 2",
            "windowseat_bridge_visit_freezes_total{seat=\"1\"} 3",
            "windowseat_bridge_visit_frozen_seconds_total{seat=\"1\"} 1.5",
            "windowseat_bridge_freezes_total 3",
            "windowseat_bridge_frozen_seconds_total 1.5",
        ] {
            assert!(lines.contains(&expected), "{expected} is not in\n{text}");
        }
        assert!(!lines.iter().any(|line| line.contains("round_trip") && line.contains("robot")));
        assert!(!lines.iter().any(|line| line.contains("visit_fr") && line.contains("seat=\"2\"")));
        assert!(!lines.iter().any(|line| line.contains("bits") && line.contains("seat=\"2\"")));
        assert!(!text.contains(&glance.session.to_string()));
    }
}
