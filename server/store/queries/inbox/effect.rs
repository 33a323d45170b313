//! What messages change: worked out in memory, in the order they came, then written with one statement a table.
//!
//! Everything that is compared is loaded first and locked, so the outcome is that of one message after another.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Datelike as _, DurationRound as _, TimeDelta, Utc};
use protocol::{EventMessage, HelloMessage, LinkMessage, PresenceMessage, RobotMessage, Role, Status};
use server_core::attendance::applied_offset;
use server_core::calendar::Calendar;
use sqlx::Transaction;
use store::StoreError;
use store::inbox::{Fact, Received, Touched};
use uuid::Uuid;

use super::numbers::Noted;
use super::rows::{
    Ended, Event, Interval, Minute, NewVisit, Place, Placed, RobotBody, RobotHeld, RobotHello, RobotLink, RobotUsed, Visited,
    without_nul,
};
use super::{Outcome, hello};
use crate::queries::minutes::{self, Marks};
use crate::queries::presence;
use crate::queries::words::{body_word, event_word, status_word, tier_word};
use crate::{Db, bulk};

const UNKNOWN_ROBOT: &str = "the robot is not known";
const OUT_OF_RANGE: &str = "a time in it is out of range";

/// The text of a reason, as both engines take it.
pub(super) fn reason(text: &str) -> String {
    without_nul(text)
}

/// A bridge's hello: which message of the batch, and how far its clock is off as far as that says.
type Greeting<'a> = (usize, &'a HelloMessage, Option<i64>);

/// The changes of a batch, gathered.
pub(super) struct Effects<'a> {
    devices: &'a HashMap<Uuid, bool>,
    robots: HashMap<Uuid, RobotHeld>,
    hellos: HashMap<Uuid, RobotHello>,
    bodies: HashMap<Uuid, RobotBody>,
    links: HashMap<Uuid, RobotLink>,
    used: HashMap<Uuid, RobotUsed>,
    /// By id, each with the calendar of its pupil's days.
    placements: HashMap<Uuid, (Placed, Option<Calendar>)>,
    /// By session.
    visits: HashMap<Uuid, Visited>,
    /// Where the intervals that are told lay before.
    places: HashMap<(Uuid, i64), Place>,
    new_visits: Vec<NewVisit>,
    intervals: BTreeMap<(Uuid, i64), Vec<Told>>,
    /// Of each visit the latest end told.
    ended: HashMap<Uuid, Ended>,
    bridges: BTreeMap<Uuid, Vec<Greeting<'a>>>,
    events: HashMap<Uuid, Event>,
    minutes: BTreeMap<(Uuid, DateTime<Utc>), Minute>,
    touched: Vec<(usize, Touched)>,
    refused: Vec<(usize, String)>,
}

/// An interval as several messages told it alike, and which ones.
struct Told {
    interval: Interval,
    robot_id: Uuid,
    by: Vec<usize>,
}

impl<'a> Effects<'a> {
    /// Loads and locks what these messages are about.
    pub(super) async fn load(
        tx: &mut Transaction<'static, Db>,
        noted: &'a Noted,
        messages: impl Iterator<Item = Option<&'a Received>>,
    ) -> Result<Effects<'a>, StoreError> {
        let (mut robots, mut placements, mut sessions) = (HashSet::new(), HashSet::new(), HashSet::new());
        let mut told = HashSet::new();
        for message in messages.flatten() {
            match &message.fact {
                Fact::Presence(
                    PresenceMessage::Interval { session, placement, robot, .. }
                    | PresenceMessage::Ended { session, placement, robot, .. },
                ) => {
                    robots.insert(robot.0);
                    placements.insert(placement.0);
                    sessions.insert(session.0);
                    if let Fact::Presence(PresenceMessage::Interval { n, .. }) = &message.fact {
                        told.insert((session.0, i64::from(*n)));
                    }
                }
                Fact::Event(event) => _ = robots.insert(event.robot.0),
                Fact::Link(link) => _ = robots.insert(link.robot.0),
                Fact::Hello(HelloMessage { role: Role::Robot, .. }) | Fact::Body(_) => _ = robots.insert(message.device_id),
                Fact::Hello(_) | Fact::Unusable(_) => {}
            }
        }
        let list = |ids: HashSet<Uuid>| ids.into_iter().collect::<Vec<_>>();
        let mut effects = Effects {
            devices: &noted.devices,
            robots: HashMap::new(),
            hellos: HashMap::new(),
            bodies: HashMap::new(),
            links: HashMap::new(),
            used: HashMap::new(),
            placements: HashMap::new(),
            visits: HashMap::new(),
            places: HashMap::new(),
            new_visits: Vec::new(),
            intervals: BTreeMap::new(),
            ended: HashMap::new(),
            bridges: BTreeMap::new(),
            events: HashMap::new(),
            minutes: BTreeMap::new(),
            touched: Vec::new(),
            refused: Vec::new(),
        };
        if !robots.is_empty() {
            let rows = bulk::lock_robots(tx, &list(robots)).await?;
            effects.robots = rows.into_iter().map(|row| (row.robot_id, row)).collect();
        }
        if !placements.is_empty() {
            let rows = bulk::placements(tx, &list(placements)).await?;
            effects.placements = rows
                .into_iter()
                // Days of a school whose zone cannot be read are those of UTC.
                .map(|row| (row.placement_id, (row.clone(), Calendar::new(&row.time_zone, [], []).ok())))
                .collect();
            let sessions = list(sessions);
            let rows = bulk::visits(tx, &sessions).await?;
            effects.visits = rows.into_iter().map(|row| (row.session_id, row)).collect();
            if !effects.visits.is_empty() {
                let rows = bulk::places(tx, &told.into_iter().collect::<Vec<_>>()).await?;
                effects.places = rows.into_iter().map(|place| ((place.session_id, place.n), place)).collect();
            }
        }
        Ok(effects)
    }

    /// Takes one message's effect up.
    pub(super) fn apply(&mut self, index: usize, message: &'a Received, now: DateTime<Utc>) {
        let done = match &message.fact {
            Fact::Unusable(text) => Err(reason(text)),
            Fact::Presence(fact) => self.presence(index, fact, message.offset_ms).map_err(str::to_owned),
            Fact::Hello(hello) => self.hello(index, message, hello, now).map_err(str::to_owned),
            Fact::Body(body) => self.body(index, message, body, now).map_err(str::to_owned),
            Fact::Link(link) => self.link(index, message.device_id, link, now).map_err(str::to_owned),
            Fact::Event(event) => self.event(index, message, event).map_err(str::to_owned),
        };
        if let Err(reason) = done {
            self.refused.push((index, reason));
        }
    }

    /// A visit is through the robot that its first message names, whichever the placement has by the time that it arrives: the bridge
    /// let it begin by a permission in which this server had signed placement and robot together, and the facts of a morning may come
    /// after the robot was exchanged.
    fn presence(&mut self, index: usize, fact: &PresenceMessage, offset_ms: Option<i64>) -> Result<(), &'static str> {
        let (PresenceMessage::Interval { session, placement, robot, .. }
        | PresenceMessage::Ended { session, placement, robot, .. }) = fact;
        let (placed, _) = self.placements.get(&placement.0).ok_or("the placement does not exist")?;
        let pupil_id = placed.pupil_id;
        if !self.robots.contains_key(&robot.0) {
            return Err(UNKNOWN_ROBOT);
        }
        let known = *self.visits.entry(session.0).or_insert_with(|| {
            self.new_visits.push(NewVisit { session_id: session.0, placement_id: placement.0, robot_id: robot.0 });
            Visited { session_id: session.0, placement_id: placement.0, robot_id: robot.0, is_over: false }
        });
        if known.placement_id != placement.0 {
            return Err("the session belongs to another placement");
        }
        if known.robot_id != robot.0 {
            return Err("the session goes through another robot");
        }
        match presence::told(fact, pupil_id, offset_ms) {
            presence::Told::Ended(ended) => {
                in_range(&[ended.at])?;
                if self.ended.get(&ended.session_id).is_none_or(|known| known.at <= ended.at) {
                    self.ended.insert(ended.session_id, ended);
                }
            }
            presence::Told::Interval(interval) => {
                // A clock may be said to be off by anything.
                let placed = DateTime::from_timestamp_millis(interval.placed_ms).ok_or(OUT_OF_RANGE)?;
                in_range(&[interval.from_at, interval.until_at, placed])?;
                let told = self.intervals.entry((interval.session_id, interval.n)).or_default();
                match told.iter_mut().find(|told| presence::is_same(&told.interval, &interval)) {
                    Some(told) => {
                        presence::merge(&mut told.interval, &interval);
                        told.by.push(index);
                    }
                    None => told.push(Told { interval, robot_id: robot.0, by: vec![index] }),
                }
            }
        }
        self.touched.extend([(index, Touched::Pupil(pupil_id)), (index, Touched::Robot(robot.0))]);
        Ok(())
    }

    fn hello(
        &mut self,
        index: usize,
        message: &Received,
        hello: &'a HelloMessage,
        now: DateTime<Utc>,
    ) -> Result<(), &'static str> {
        in_range(&[hello.connected_at])?;
        let device = message.device_id;
        match hello.role {
            Role::Bridge => {
                in_range(hello.outbox.and_then(|outbox| outbox.oldest_at).as_slice())?;
                let told = self.bridges.entry(device).or_default();
                let mut offset_ms = message.offset_ms;
                if let Some((_, last, offset_before_ms)) = told.last()
                    && hello::says_all_of(hello, last)
                {
                    offset_ms = offset_ms.or(*offset_before_ms);
                    told.pop();
                }
                told.push((index, hello, offset_ms));
            }
            Role::Robot => {
                let robot = self.robots.get_mut(&device).ok_or(UNKNOWN_ROBOT)?;
                // A bridge that is not known here cannot be where it stands.
                let stands_at = hello.bridge.map(|bridge| bridge.0).filter(|bridge| self.devices.get(bridge) == Some(&true));
                if let Some(row) = hello::robot_said(robot, hello, stands_at, message.offset_ms, now) {
                    self.hellos.insert(device, row);
                    self.touched.push((index, Touched::Robot(device)));
                }
            }
        }
        Ok(())
    }

    fn body(&mut self, index: usize, message: &Received, body: &RobotMessage, now: DateTime<Utc>) -> Result<(), &'static str> {
        let device = message.device_id;
        let robot = self.robots.get_mut(&device).ok_or(UNKNOWN_ROBOT)?;
        robot.clock_offset_ms = message.offset_ms.or(robot.clock_offset_ms);
        let clock_offset_ms = robot.clock_offset_ms;
        let row = RobotBody {
            robot_id: device,
            body_state: body_word(body.state),
            battery_pct: i64::from(body.battery_pct.get()),
            charging: body.charging,
            wifi_dbm: body.wifi_dbm.map(i64::from),
            hand_up: body.hand_up,
            clock_offset_ms,
        };
        let minute = self.minute(device, now);
        minute.battery_pct = Some(row.battery_pct);
        minute.wifi_dbm = row.wifi_dbm.or(minute.wifi_dbm);
        self.bodies.insert(device, row);
        self.touched.push((index, Touched::Robot(device)));
        Ok(())
    }

    fn link(&mut self, index: usize, bridge: Uuid, link: &LinkMessage, now: DateTime<Utc>) -> Result<(), &'static str> {
        let robot = self.robots.get_mut(&link.robot.0).ok_or(UNKNOWN_ROBOT)?;
        self.touched.push((index, Touched::Robot(link.robot.0)));
        let stands_here = link.robot_leg.is_some();
        // A bridge that the robot has left says so of itself only; one that hung believes for a while that it still has what has moved
        // on, but a robot that is connected says itself where it stands.
        let says_itself = robot.status == status_word(Status::Here);
        if (!stands_here || says_itself) && robot.bridge_id.is_some_and(|stands_at| stands_at != bridge) {
            return Ok(());
        }
        let tier = link.tier.map(tier_word);
        robot.bridge_id = stands_here.then_some(bridge);
        let row = RobotLink {
            robot_id: link.robot.0,
            live_session_id: link.session.map(|session| session.0),
            live_tier: tier,
            live_link: link.session.and_then(|_| serde_json::to_string(link).ok()),
            bridge_id: robot.bridge_id,
        };
        self.links.insert(link.robot.0, row);
        if link.robot_leg.is_none() && link.pupil_leg.is_none() {
            return Ok(());
        }
        let minute = self.minute(link.robot.0, now);
        minute.tier = tier.or(minute.tier);
        if let Some(leg) = &link.robot_leg {
            minute.robot_rtt_ms = minute.robot_rtt_ms.max(leg.rtt_ms.map(|ms| scaled(ms, 1.0)));
            minute.robot_loss_permille = minute.robot_loss_permille.max(leg.loss_pct.map(|pct| scaled(pct, 10.0)));
            minute.robot_receive_bps = Some(i64::from(leg.receive.0));
        }
        if let Some(leg) = &link.pupil_leg {
            minute.pupil_rtt_ms = minute.pupil_rtt_ms.max(leg.rtt_ms.map(|ms| scaled(ms, 1.0)));
            minute.pupil_loss_permille = minute.pupil_loss_permille.max(leg.loss_pct.map(|pct| scaled(pct, 10.0)));
            minute.pupil_send_bps = Some(i64::from(leg.send.0));
        }
        Ok(())
    }

    fn event(&mut self, index: usize, message: &Received, event: &EventMessage) -> Result<(), &'static str> {
        let robot = self.robots.get(&event.robot.0).ok_or(UNKNOWN_ROBOT)?;
        // What a robot noted stands at our time. Its own message may have waited, so what was known of its clock before counts.
        let is_its_own = message.device_id == event.robot.0;
        let ahead_ms = robot.clock_offset_ms.filter(|_| is_its_own).map_or(0, |ms| applied_offset(None, ms));
        let at = TimeDelta::try_milliseconds(ahead_ms).and_then(|ahead| event.at.checked_sub_signed(ahead)).unwrap_or(event.at);
        in_range(&[at])?;
        let what = event_word(event.what);
        let (id, robot_id, session_id) = (message.message_id, event.robot.0, event.session.map(|session| session.0));
        let known = self.events.entry(id).or_insert(Event { robot_event_id: id, robot_id, session_id, what, at });
        if known.robot_id == robot_id {
            known.what = what;
        }
        self.touched.push((index, Touched::Robot(robot_id)));
        Ok(())
    }

    fn minute(&mut self, robot_id: Uuid, now: DateTime<Utc>) -> &mut Minute {
        let minute_at = now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now);
        self.minutes.entry((robot_id, minute_at)).or_insert(Minute {
            robot_id,
            minute_at,
            battery_pct: None,
            wifi_dbm: None,
            robot_rtt_ms: None,
            robot_loss_permille: None,
            robot_receive_bps: None,
            pupil_rtt_ms: None,
            pupil_loss_permille: None,
            pupil_send_bps: None,
            tier: None,
        })
    }

    /// Writes everything that was taken up.
    pub(super) async fn write(mut self, tx: &mut Transaction<'static, Db>, now: DateTime<Utc>) -> Result<Outcome, StoreError> {
        if !self.new_visits.is_empty() {
            bulk::add_visits(tx, &self.new_visits).await?;
        }
        let mut marks = Marks::new();
        let mut moved = self.write_intervals(tx, &mut marks).await?;
        if !self.ended.is_empty() {
            bulk::end_visits(tx, &self.ended.values().cloned().collect::<Vec<_>>()).await?;
            moved.extend(self.ended.keys());
        }
        self.mark_ends(tx, &moved, &mut marks).await?;
        self.write_robots(tx, now).await?;
        for (bridge_id, hellos) in &self.bridges {
            for (index, hello, offset_ms) in hellos {
                match hello::bridge_said(tx, *bridge_id, hello, *offset_ms, now).await? {
                    Some(true) => self.touched.push((*index, Touched::Bridge(*bridge_id))),
                    Some(false) => {}
                    None => self.refused.push((*index, "the bridge is not known".to_owned())),
                }
            }
        }
        if !self.events.is_empty() {
            bulk::add_events(tx, &self.events.into_values().collect::<Vec<_>>()).await?;
        }
        if !self.minutes.is_empty() {
            bulk::merge_minutes(tx, &self.minutes.into_values().collect::<Vec<_>>()).await?;
        }
        minutes::mark(tx, &marks).await?;
        let refused: HashSet<usize> = self.refused.iter().map(|(index, _)| *index).collect();
        let mut seen = HashSet::new();
        let touched = self.touched.into_iter().filter(|(index, touched)| !refused.contains(index) && seen.insert(*touched));
        Ok(Outcome { touched: touched.map(|(_, touched)| touched).collect(), refused: self.refused })
    }

    async fn write_robots(&mut self, tx: &mut Transaction<'static, Db>, now: DateTime<Utc>) -> Result<(), StoreError> {
        if !self.hellos.is_empty() {
            let mut rows: Vec<RobotHello> = std::mem::take(&mut self.hellos).into_values().collect();
            for row in &mut rows {
                // A link that came after the hello knows better.
                row.bridge_id = self.robots.get(&row.robot_id).and_then(|robot| robot.bridge_id);
            }
            bulk::write_hellos(tx, &rows, now).await?;
        }
        if !self.links.is_empty() {
            let mut rows: Vec<RobotLink> = std::mem::take(&mut self.links).into_values().collect();
            for row in &mut rows {
                row.bridge_id = self.robots.get(&row.robot_id).and_then(|robot| robot.bridge_id);
            }
            bulk::write_links(tx, &rows, now).await?;
        }
        if !self.bodies.is_empty() {
            bulk::write_bodies(tx, &std::mem::take(&mut self.bodies).into_values().collect::<Vec<_>>(), now).await?;
        }
        if !self.used.is_empty() {
            bulk::write_used(tx, &std::mem::take(&mut self.used).into_values().collect::<Vec<_>>()).await?;
        }
        Ok(())
    }

    /// One round writes each interval once. Only if one is told with several beginnings or tiers are there more rounds: the one
    /// that is written first stays, the others are refused.
    ///
    /// Marks the days that change, and returns the visits that are over and got another interval.
    async fn write_intervals(
        &mut self,
        tx: &mut Transaction<'static, Db>,
        marks: &mut Marks,
    ) -> Result<HashSet<Uuid>, StoreError> {
        let mut told: Vec<Vec<Told>> = std::mem::take(&mut self.intervals).into_values().collect();
        let mut late = HashSet::new();
        while !told.is_empty() {
            let round: Vec<Told> = told.iter_mut().map(|variants| variants.remove(0)).collect();
            told.retain(|variants| !variants.is_empty());
            let intervals: Vec<Interval> = round.iter().map(|told| told.interval.clone()).collect();
            let taken = bulk::merge_intervals(tx, &intervals).await?;
            let taken: HashMap<(Uuid, i64), Place> =
                taken.into_iter().map(|place| ((place.session_id, place.n), place)).collect();
            for told in round {
                let Some(place) = taken.get(&(told.interval.session_id, told.interval.n)) else {
                    let reason = "the interval is already known with another beginning or tier";
                    self.refused.extend(told.by.into_iter().map(|index| (index, reason.to_owned())));
                    continue;
                };
                self.mark(place.session_id, place.placed_ms, place.end_ms(), marks);
                // A better knowledge of the clock may have moved it from another day.
                if let Some(before) = self.places.insert((place.session_id, place.n), *place) {
                    self.mark(place.session_id, before.placed_ms, before.end_ms(), marks);
                }
                if self.visits.get(&place.session_id).is_some_and(|visit| visit.is_over) {
                    late.insert(place.session_id);
                }
                let end = DateTime::from_timestamp_millis(place.end_ms()).unwrap_or(told.interval.until_at);
                if let Some(robot) = self.robots.get_mut(&told.robot_id)
                    && in_range(&[end]).is_ok()
                    && robot.last_used_at.is_none_or(|used| used < end)
                {
                    robot.last_used_at = Some(end);
                    self.used.insert(told.robot_id, RobotUsed { robot_id: told.robot_id, last_used_at: end });
                }
            }
        }
        Ok(late)
    }

    /// Marks the days on which it is said whether these visits are complete: those of their last instants.
    async fn mark_ends(
        &self,
        tx: &mut Transaction<'static, Db>,
        sessions: &HashSet<Uuid>,
        marks: &mut Marks,
    ) -> Result<(), StoreError> {
        if sessions.is_empty() {
            return Ok(());
        }
        let held = bulk::ends(tx, &sessions.iter().copied().collect::<Vec<_>>()).await?;
        let told = sessions.iter().filter_map(|session| Some((*session, self.ended.get(session)?.at.timestamp_millis())));
        for (session, end) in held.into_iter().chain(told) {
            self.mark(session, end, end, marks);
        }
        Ok(())
    }

    /// Marks the days of a visit's pupil from one instant to another; no interval is longer than a day.
    fn mark(&self, session: Uuid, from_ms: i64, until_ms: i64, marks: &mut Marks) {
        let Some((placed, calendar)) = self.visits.get(&session).and_then(|visit| self.placements.get(&visit.placement_id))
        else {
            return;
        };
        let day = |at_ms: i64| {
            let at = DateTime::from_timestamp_millis(at_ms).filter(|at| in_range(&[*at]).is_ok())?;
            Some(calendar.as_ref().map_or(at.date_naive(), |calendar| calendar.day(at)))
        };
        if let (Some(first), Some(last)) = (day(from_ms), day(until_ms)) {
            marks.extend(first.iter_days().take_while(|day| *day <= last).take(3).map(|day| (placed.pupil_id, day)));
        }
    }
}

/// What a column of time can hold in either engine, and a person can read.
fn in_range(times: &[DateTime<Utc>]) -> Result<(), &'static str> {
    if times.iter().all(|at| (1970..=9999).contains(&at.year())) { Ok(()) } else { Err(OUT_OF_RANGE) }
}

/// A measurement as a whole number; what is not a number is 0.
#[expect(clippy::cast_possible_truncation, reason = "`as` saturates, which is what is wanted of a measurement")]
fn scaled(value: f32, by: f32) -> i64 {
    i64::from((value * by).round().clamp(0.0, 1e9) as i32)
}
