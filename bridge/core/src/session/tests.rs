//! Scripts of a visit and what they leave behind. Between the lines of a script a second passes at a time, with the media that was
//! last named; the deadline is honoured as the driver does.

use chrono::TimeDelta;
use proptest::prelude::*;
use protocol::DeviceId;
use protocol::measure::Measure;

use super::*;

const GRACE: Duration = Duration::from_secs(30);

struct World {
    now: Now,
    session: Session,
    permit: ViewPermit,
    media: Sample,
    reporting: bool,
    connected: bool,
    said: Vec<String>,
    facts: Vec<PresenceMessage>,
    checkpoint: Option<Checkpoint>,
}

impl World {
    fn new(until_s: u64) -> Self {
        Self::paced(until_s, 1)
    }

    fn paced(until_s: u64, pace: u32) -> Self {
        let utc = DateTime::from_timestamp(1_760_000_400, 0).unwrap();
        let now = Now { monotonic: Duration::from_secs(1000), utc };
        let until = now.monotonic + Duration::from_secs(until_s);
        let permit = ViewPermit {
            robot: RobotId::new(),
            placement: PlacementId::new(),
            device: Some(DeviceId::new()),
            talk: true,
            given_at: utc,
            until,
        };
        Self {
            now,
            session: Session::admit(now, SessionId::new(), permit, GRACE, pace),
            permit,
            media: Sample::default(),
            reporting: true,
            connected: false,
            said: Vec::new(),
            facts: Vec::new(),
            checkpoint: None,
        }
    }

    fn event(&mut self, event: Event) {
        for effect in self.session.handle(self.now, event) {
            match effect {
                Effect::Wake => self.said.push("wake".into()),
                Effect::Sleep => self.said.push("sleep".into()),
                Effect::TellSeat { robot_here } => self.said.push(if robot_here { "here" } else { "robot away" }.into()),
                Effect::Report(what) => self.said.push(format!("{what:?}")),
                Effect::End(reason) => self.said.push(format!("end {reason:?}")),
                Effect::Record(record) => {
                    self.facts.extend(record.facts);
                    self.checkpoint = record.checkpoint;
                }
            }
        }
    }

    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now = self.now.plus(Duration::from_secs(1));
            if self.connected {
                self.event(Event::Second(Sample { reports: self.reporting, ..self.media }));
            }
            if self.session.deadline().is_some_and(|due| due <= self.now.monotonic) {
                self.event(Event::Tick);
            }
        }
    }

    fn run(&mut self, script: &str) {
        for line in script.split(';') {
            let (time, what) = line.trim().split_once(' ').expect("time, then what");
            let (minutes, seconds) = time.split_once(':').expect("mm:ss");
            let at = Duration::from_secs(1000 + minutes.parse::<u64>().unwrap() * 60 + seconds.parse::<u64>().unwrap());
            self.pass((at - self.now.monotonic).as_secs());
            let sample = |video, audio| Sample { video, audio, ..Sample::default() };
            match what {
                "connected" => {
                    self.connected = true;
                    self.event(Event::PupilConnected);
                }
                "video" => self.media = sample(60, 50),
                "stills" => self.media = sample(2, 50),
                "sound" => self.media = sample(0, 50),
                "nothing" => self.media = sample(0, 0),
                "speaks" => self.media.voice = 50,
                "unheard" => self.reporting = false,
                "heard" => self.reporting = true,
                "silent" => self.event(Event::PupilSilent),
                "back" => self.event(Event::PupilBack),
                "closed" => {
                    self.connected = false;
                    self.event(Event::PupilGone(Parting::Vanished));
                }
                "goodbye" => {
                    self.connected = false;
                    self.event(Event::PupilGone(Parting::Goodbye));
                }
                "robot away" => self.event(Event::RobotAway),
                "robot here" => self.event(Event::RobotHere),
                "left" => self.event(Event::PupilLeft),
                "shutdown" => self.event(Event::Shutdown),
                "other tablet" => {
                    let permit = ViewPermit { device: Some(DeviceId::new()), ..self.permit };
                    self.event(Event::TakenOver(permit));
                }
                "same tablet" => self.event(Event::TakenOver(self.permit)),
                "look" => self.event(Event::Did(Deed::Look)),
                "hand up" => self.event(Event::Did(Deed::Hand { up: true })),
                "hand down" => self.event(Event::Did(Deed::Hand { up: false })),
                "happy" => self.event(Event::Did(Deed::Feeling { shown: Some(1) })),
                "unsure" => self.event(Event::Did(Deed::Feeling { shown: Some(2) })),
                "clock steps" => self.now.utc += TimeDelta::seconds(500),
                "server ahead" => {
                    // Its clock shows four seconds more than ours would if that had never stepped.
                    let mut measure = Measure::new();
                    let (of, mono) = (protocol::MessageId::new(), self.now.monotonic);
                    let passed = TimeDelta::from_std(mono - Duration::from_secs(1000)).unwrap();
                    let server = DateTime::from_timestamp(1_760_000_404, 0).unwrap() + passed;
                    measure.sent(of, mono);
                    let mono_ms = u64::try_from(mono.as_millis()).unwrap();
                    measure.echo(mono, &protocol::ClockEcho { of, mono_ms, received_at: server, sent_at: server, error_ms: 0 });
                    self.event(Event::Measured(measure.estimate().unwrap()));
                }
                "revoked" => self.event(Event::Revoked),
                "end" => {}
                other => panic!("unknown: {other}"),
            }
        }
    }

    /// The last word on each interval, and the end: what a receiver that merges facts ends up with.
    fn summary(&self) -> String {
        let mut intervals: std::collections::BTreeMap<u32, String> = std::collections::BTreeMap::new();
        let mut end = String::new();
        for fact in &self.facts {
            match fact {
                PresenceMessage::Interval { n, tier, span_ms, closed_by, .. } => {
                    let by = closed_by.map_or("open".to_owned(), |by| format!("{by:?}"));
                    intervals.insert(*n, format!("{tier:?} {}s {by}", span_ms / 1000));
                }
                PresenceMessage::Ended { reason, intervals, total_ms, .. } => {
                    end = format!("{reason:?} {intervals}/{}s", total_ms / 1000);
                }
            }
        }
        intervals.into_values().chain((!end.is_empty()).then_some(end)).collect::<Vec<_>>().join("; ")
    }
}

#[track_caller]
fn check(script: &str, expected: &str) -> World {
    let mut world = World::new(3600);
    world.run(script);
    assert_eq!(world.summary(), expected, "{script}");
    world
}

#[test]
fn a_plain_visit_is_one_interval() {
    check("00:00 connected; 00:00 video; 10:00 left", "Video 600s End; Left 1/600s");
}

#[test]
fn seconds_without_a_report_count_only_when_one_follows() {
    check("00:00 connected; 00:00 video; 00:10 unheard; 00:12 heard; 00:20 left", "Video 20s End; Left 1/20s");
}

#[test]
fn what_was_sent_into_the_void_does_not_count() {
    check("00:00 connected; 00:00 video; 01:00 unheard; 01:05 silent; 02:00 end", "Video 60s Interruption; PupilLost 1/60s");
}

#[test]
fn sound_alone_waits_longer_for_its_reports() {
    check("00:00 connected; 00:00 sound; 01:00 unheard; 01:05 heard; 01:20 left", "Audio 80s End; Left 1/80s");
}

#[test]
fn a_gap_shorter_than_the_grace_keeps_the_session_and_costs_its_own_length() {
    check(
        "00:00 connected; 00:00 video; 05:10 closed; 05:30 connected; 10:00 left",
        "Video 310s Interruption; Video 270s End; Left 2/580s",
    );
}

#[test]
fn a_gap_longer_than_the_grace_ends_the_session() {
    let world = check("00:00 connected; 00:00 video; 05:10 closed; 06:00 end", "Video 310s Interruption; PupilLost 1/310s");
    assert_eq!(world.said.last().unwrap(), "end PupilLost");
}

#[test]
fn a_robot_that_stays_away_ends_the_session() {
    let world = check(
        "00:00 connected; 00:00 video; 01:00 nothing; 01:00 robot away; 02:00 end",
        "Video 60s Interruption; RobotLost 1/60s",
    );
    assert_eq!(world.said, ["PupilJoined", "wake", "here", "robot away", "sleep", "end RobotLost"]);
}

#[test]
fn whoever_left_first_is_the_reason() {
    check("00:00 connected; 00:00 nothing; 01:00 robot away; 01:10 closed; 03:00 end", "RobotLost 0/0s");
    check("00:00 connected; 00:00 nothing; 01:00 closed; 01:10 robot away; 03:00 end", "PupilLost 0/0s");
}

#[test]
fn a_robot_that_comes_back_is_woken_again() {
    let world = check(
        "00:00 connected; 00:00 video; 01:00 nothing; 01:00 robot away; 01:10 robot here; 01:10 video; 02:00 left",
        "Video 60s Interruption; Video 50s End; Left 2/110s",
    );
    assert_eq!(world.said[3..], ["robot away", "wake", "here", "sleep", "end Left"]);
}

#[test]
fn the_robot_sleeps_while_nobody_is_there() {
    let world = check(
        "00:00 connected; 00:00 video; 00:10 goodbye; 00:20 connected; 00:30 left",
        "Video 10s Interruption; Video 10s End; Left 2/20s",
    );
    assert_eq!(world.said, ["PupilJoined", "wake", "here", "sleep", "wake", "here", "sleep", "end Left"]);
}

#[test]
fn a_goodbye_proves_that_the_pupil_was_there_and_vanishing_does_not() {
    check("00:00 connected; 00:00 video; 00:10 unheard; 00:12 goodbye; 01:00 end", "Video 12s Interruption; PupilLost 1/12s");
    check("00:00 connected; 00:00 video; 00:10 unheard; 00:12 closed; 01:00 end", "Video 10s Interruption; PupilLost 1/10s");
}

#[test]
fn each_tier_is_its_own_interval_and_they_adjoin() {
    let world = check(
        "00:00 connected; 00:00 video; 01:00 sound; 02:00 video; 03:00 left",
        "Video 62s TierChange; Audio 58s TierChange; Video 60s End; Left 3/180s",
    );
    let ends: Vec<_> = world
        .facts
        .iter()
        .filter_map(|fact| match fact {
            PresenceMessage::Interval { from, until, closed_by: Some(_), .. } => Some((*from, *until)),
            _ => None,
        })
        .collect();
    assert_eq!(ends[0].1, ends[1].0);
    assert_eq!(ends[1].1, ends[2].0);
}

#[test]
fn a_picture_now_and_then_is_stills() {
    check("00:00 connected; 00:00 stills; 01:00 left", "Stills 60s End; Left 1/60s");
}

#[test]
fn a_hiccup_of_the_picture_does_not_split_the_interval() {
    check("00:00 connected; 00:00 video; 00:30 sound; 00:32 video; 01:00 left", "Video 60s End; Left 1/60s");
}

#[test]
fn seconds_without_media_are_not_presence() {
    check(
        "00:00 connected; 00:00 nothing; 00:10 video; 01:10 nothing; 01:20 video; 01:30 left",
        "Video 60s Interruption; Video 10s End; Left 2/70s",
    );
}

#[test]
fn the_grant_ends_the_session() {
    let mut world = World::new(60);
    world.run("00:00 connected; 00:00 video; 02:00 end");
    assert_eq!(world.summary(), "Video 60s End; GrantEnded 1/60s");
}

#[test]
fn a_shutdown_ends_the_session_with_its_facts() {
    check("00:00 connected; 00:00 video; 00:42 shutdown", "Video 42s End; Shutdown 1/42s");
}

#[test]
fn a_visit_that_never_connected_leaves_nothing_behind() {
    let world = check("00:00 video; 05:00 end", "");
    assert_eq!(world.said, ["end PupilLost"]);
    assert_eq!(world.checkpoint, None);
}

#[test]
fn another_tablet_takes_over_within_the_same_session() {
    let world =
        check("00:00 connected; 00:00 video; 01:00 other tablet; 01:00 connected; 02:00 left", "Video 120s End; Left 1/120s");
    assert_eq!(world.said[3..], ["TabletTookOver", "wake", "here", "sleep", "end Left"]);
}

#[test]
fn a_reload_on_the_same_tablet_is_no_takeover_worth_telling() {
    let world =
        check("00:00 connected; 00:00 video; 01:00 same tablet; 01:00 connected; 02:00 left", "Video 120s End; Left 1/120s");
    assert!(!world.said.contains(&"TabletTookOver".to_owned()));
}

#[test]
fn what_the_pupil_does_is_counted_once() {
    let world = check(
        "00:00 connected; 00:00 hand up; 00:00 video; 00:10 hand up; 00:11 hand down; 00:12 hand up; 00:20 happy; 00:20 happy; \
         00:21 unsure; 00:30 look; 00:30 look; 00:31 look; 00:40 look; 00:50 speaks; 01:00 left",
        "Video 60s End; Left 1/60s",
    );
    let Some(PresenceMessage::Interval { active, .. }) =
        world.facts.iter().rfind(|fact| matches!(fact, PresenceMessage::Interval { .. }))
    else {
        panic!("an interval");
    };
    assert_eq!(*active, protocol::Active { spoke_ms: 10_000, hands: 2, looks: 3, feelings: 2 });
}

#[test]
fn a_step_of_civil_time_changes_no_length_and_shows() {
    let world = check("00:00 connected; 00:00 video; 00:30 clock steps; 01:00 left", "Video 60s End; Left 1/60s");
    let steps: Vec<_> = world
        .facts
        .iter()
        .filter_map(|fact| match fact {
            PresenceMessage::Interval { from, until, span_ms, .. } => {
                Some((*until - *from).num_milliseconds() - i64::try_from(*span_ms).unwrap())
            }
            PresenceMessage::Ended { .. } => None,
        })
        .collect();
    assert_eq!(steps, [0, 500_000, 500_000], "at its first second, after 30 s, at its end");
}

/// What the server makes of a fact: begin and end in its own time.
fn positions(world: &World) -> Vec<(i64, i64)> {
    let mut positions = std::collections::BTreeMap::new();
    for fact in &world.facts {
        if let PresenceMessage::Interval { n, from, span_ms, clock_offset_ms: Some(offset), .. } = fact {
            let at = from.timestamp_millis() - offset - 1_760_000_400_000;
            positions.insert(*n, (at, at + i64::try_from(*span_ms).unwrap()));
        }
    }
    positions.into_values().collect()
}

#[test]
fn positions_follow_the_server_whatever_the_civil_clock_does() {
    let world = check(
        "00:00 connected; 00:00 server ahead; 00:00 video; 01:00 clock steps; 02:00 sound; 03:00 clock steps; 04:00 closed; \
         04:10 clock steps; 04:20 connected; 05:00 left",
        "Video 122s TierChange; Audio 118s Interruption; Audio 40s End; Left 3/280s",
    );
    let server = |second: i64| second * 1000 + 4_000;
    assert_eq!(positions(&world), [(0, 122), (122, 240), (260, 300)].map(|(from, until)| (server(from), server(until))));
}

#[test]
fn an_offset_measured_later_is_that_of_the_first_instant_and_stays() {
    let world = check(
        "00:00 connected; 00:00 video; 00:10 clock steps; 00:20 server ahead; 00:40 clock steps; 01:00 left",
        "Video 60s End; Left 1/60s",
    );
    let offsets: Vec<_> = world
        .facts
        .iter()
        .filter_map(|fact| match fact {
            PresenceMessage::Interval { clock_offset_ms, .. } => Some(*clock_offset_ms),
            PresenceMessage::Ended { .. } => None,
        })
        .collect();
    assert_eq!(offsets, [None, Some(-4_000), Some(-4_000)]);
    assert_eq!(positions(&world), [(4_000, 64_000)]);
}

#[test]
fn what_waited_for_a_report_of_the_old_tablet_is_not_confirmed_by_the_new_one() {
    // Up to 3 s that nobody had confirmed survived a takeover, and the first report of the new leg counted them.
    check(
        "00:00 connected; 00:00 video; 00:10 unheard; 00:12 other tablet; 00:12 connected; 00:12 heard; 00:20 left",
        "Video 10s Interruption; Video 8s End; Left 2/18s",
    );
}

#[test]
fn silence_just_before_the_pupil_is_back_does_not_count() {
    let mut world = World::new(3600);
    world.run("00:00 connected; 00:00 video; 00:10 silent");
    world.now = world.now.plus(Duration::from_millis(2_400));
    world.event(Event::PupilBack);
    world.now = world.now.plus(Duration::from_millis(500));
    world.event(Event::Second(Sample { reports: true, ..world.media }));
    world.event(Event::PupilLeft);
    assert!(
        matches!(world.facts.last(), Some(PresenceMessage::Ended { total_ms: 10_500, intervals: 2, .. })),
        "{:?}",
        world.facts
    );
}

#[test]
fn a_withdrawn_permission_ends_the_visit() {
    check("00:00 connected; 00:00 video; 00:42 revoked", "Video 42s End; Revoked 1/42s");
}

#[test]
fn an_open_interval_is_told_at_once_and_every_30_s() {
    let mut world = World::new(3600);
    world.run("00:00 connected; 00:00 video; 01:35 end");
    let spans: Vec<_> = world
        .facts
        .iter()
        .map(|fact| match fact {
            PresenceMessage::Interval { span_ms, .. } => span_ms / 1000,
            PresenceMessage::Ended { .. } => 0,
        })
        .collect();
    assert_eq!(spans, [1, 31, 61, 91]);
}

/// The largest loss of a bridge that is killed, in milliseconds, if a report comes with every `heard_every`th line. It is killed at the
/// worst moment: just before the next line.
fn worst_loss(media: &str, heard_every: u64, feedback: bool, pace: u32) -> u64 {
    let mut world = World::paced(3600 * u64::from(pace), pace);
    world.run(&format!("00:00 connected; 00:00 {media}"));
    let second = Duration::from_secs(u64::from(pace));
    let mut worst = 0;
    for line in 1..200 {
        world.now = world.now.plus(second);
        let reports = line % heard_every == 0;
        world.event(Event::Second(Sample { reports, feedback, ..world.media }));
        if world.session.deadline().is_some_and(|due| due <= world.now.monotonic) {
            world.event(Event::Tick);
        }
        let facts = world.checkpoint.expect("remembered").recover();
        let Some(PresenceMessage::Ended { reason: EndReason::Recovery, total_ms, .. }) = facts.last() else {
            panic!("the end: {facts:?}")
        };
        let spans: Vec<_> = facts
            .iter()
            .filter_map(|fact| match fact {
                PresenceMessage::Interval { span_ms, closed_by, .. } => Some((*span_ms, *closed_by)),
                PresenceMessage::Ended { .. } => None,
            })
            .collect();
        assert!(spans.iter().all(|(span, by)| span == total_ms && *by == Some(ClosedBy::Recovery)), "{facts:?}");
        // Whatever was told before is never taken back.
        for fact in &world.facts {
            if let PresenceMessage::Interval { span_ms: told, .. } = fact {
                assert!(told <= total_ms);
            }
        }
        let delivered = u64::try_from((second * (line as u32 + 1)).as_millis()).unwrap();
        worst = worst.max(delivered - total_ms);
    }
    worst
}

#[test]
fn a_killed_bridge_loses_at_most_five_seconds() {
    for pace in [1, 12] {
        for media in ["video", "stills"] {
            for heard_every in 1..=2 {
                assert!(worst_loss(media, heard_every, false, pace) <= 4_500 * u64::from(pace), "{media} {heard_every} {pace}");
            }
        }
        for heard_every in 1..=5 {
            assert!(worst_loss("sound", heard_every, false, pace) <= 5_000 * u64::from(pace), "sound {heard_every} {pace}");
        }
        for heard_every in 1..=2 {
            assert!(
                worst_loss("sound", heard_every, true, pace) <= 3_000 * u64::from(pace),
                "sound with feedback {heard_every} {pace}"
            );
        }
    }
}

#[test]
fn an_ended_session_answers_nothing() {
    let mut world = World::new(3600);
    world.run("00:00 connected; 00:00 video; 00:10 left; 00:20 connected; 00:20 left; 02:00 end");
    assert_eq!(world.session.deadline(), None);
    assert_eq!(world.facts.iter().filter(|fact| matches!(fact, PresenceMessage::Ended { .. })).count(), 1);
}

proptest! {
    /// Whatever happens: intervals do not overlap, lengths agree with positions, the end's total is the sum of the last word on
    /// each interval, and no interval ever becomes shorter.
    #[test]
    fn the_facts_of_any_visit_agree(steps in prop::collection::vec((0_u64..20, 0_usize..14), 1..60)) {
        let names = ["connected", "video", "stills", "sound", "nothing", "unheard", "heard", "silent", "back", "closed", "goodbye",
            "robot away", "robot here", "other tablet"];
        let mut world = World::new(3600);
        let mut at = 0;
        for (wait, what) in steps {
            at += wait;
            world.run(&format!("{}:{} {}", at / 60, at % 60, names[what]));
        }
        world.event(Event::PupilLeft);
        let mut last: std::collections::BTreeMap<u32, (DateTime<Utc>, DateTime<Utc>, u64)> = std::collections::BTreeMap::new();
        let mut ended = 0;
        for fact in &world.facts {
            match fact {
                PresenceMessage::Interval { n, from, until, span_ms, .. } => {
                    prop_assert_eq!((*until - *from).num_milliseconds(), i64::try_from(*span_ms).unwrap());
                    if let Some((was_from, was_until, _)) = last.get(n) {
                        prop_assert!(was_from == from && was_until <= until);
                    }
                    last.insert(*n, (*from, *until, *span_ms));
                }
                PresenceMessage::Ended { intervals, total_ms, .. } => {
                    ended += 1;
                    prop_assert_eq!(*intervals as usize, last.len());
                    prop_assert_eq!(*total_ms, last.values().map(|(_, _, span)| span).sum::<u64>());
                }
            }
        }
        prop_assert!(ended <= 1);
        prop_assert_eq!(ended == 1, world.session.was_joined());
        let runs: Vec<_> = last.values().collect();
        for pair in runs.windows(2) {
            prop_assert!(pair[0].1 <= pair[1].0, "{:?}", runs);
        }
    }
}
