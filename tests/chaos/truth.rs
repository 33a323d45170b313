//! The ledger against the truth: what the bridges said that they closed, to the millisecond; and what the tablets received, to the
//! edge of a line.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use actors::peer::Run;
use chrono::{DateTime, TimeDelta, Utc};
use server::minutes::{self, Calendars};
use server_core::attendance::{self, Presence};
use store::presence::PresenceRow;
use tokio::time::Instant;
use uuid::Uuid;

use crate::Words;
use crate::fault::{HUNG_FOR, Kill, MOVED_WITHIN, Record};
use crate::noise::DAMAGED;
use crate::pupil::{End, Journal};
use crate::school::School;

/// The stated edge: a bridge notes one line a second, and a line counts whole. On a busy machine a line is a little longer.
pub const LINE: Duration = Duration::from_millis(1_300);
/// What a bridge that is killed may lose of each session, besides the edge of a line.
const CHECKPOINT: Duration = Duration::from_secs(5);
/// How far an interval may stand from where it was received: clocks of bridges and of replicas are set meanwhile, and a replica whose
/// clock is wrong measures that of a bridge wrongly.
const MISPLACED: Duration = Duration::from_millis(3_500);
/// What a connection costs of what was received, on average over a run: the rest of a line at its end.
const MEAN_LACK_MS: std::ops::RangeInclusive<i64> = -100..=1_300;
/// Of all that tablets received of robots of a kind, so much may be in another tier than these robots show, in per cent: a picture
/// begins to move late, and stands still for a moment on a busy machine.
const OTHER_TIER_PCT: u64 = 15;
/// A second that no report of the tablet confirmed in this time is not counted, because the tablet may have been gone.
const UNCONFIRMED: Duration = Duration::from_secs(6);

/// One pupil's day, both ways.
#[derive(Clone, Copy, Debug, Default)]
pub struct Line {
    /// Received by the tablet, in milliseconds of the school's time.
    pub received_ms: i64,
    /// In the ledger: the union of all intervals.
    pub ledger_ms: i64,
    /// In the ledger: the sum of all intervals.
    pub sum_ms: i64,
    /// Rows of days: two, for the run goes over midnight.
    pub days: usize,
    /// In the rows of the two days, which pages add up.
    pub rows_ms: i64,
    /// Minutes in lessons.
    pub lesson_minutes: u64,
    /// Minutes beside lessons.
    pub social_minutes: u64,
    /// How much less than received it may be at most, by what happened to this tablet's connections.
    pub may_lack_ms: i64,
    /// How much more, for edges of lines.
    pub may_exceed_ms: i64,
    /// Sessions.
    pub sessions: usize,
    /// In lessons, by tier.
    pub video_ms: u64,
    /// See `video_ms`.
    pub stills_ms: u64,
    /// See `video_ms`.
    pub audio_ms: u64,
}

/// What came out.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// By pupil.
    pub lines: Vec<Line>,
    /// Sentences; none if the ledger is right.
    pub wrong: Vec<String>,
    /// Intervals that bridges said they closed.
    pub closed: usize,
    /// Of them, by a bridge that found them after it was killed.
    pub recovered: usize,
    /// Intervals in the ledger that no bridge said, because it was killed between commit and log.
    pub unsaid: usize,
    /// Messages in quarantine, all damaged on purpose.
    pub quarantined: usize,
    /// What each session lost that was live at a kill, of ours.
    pub lost: Vec<Duration>,
    /// How far each interval in the ledger stands from where its tablet received it, of ours, the edge of a line included.
    pub misplaced: Vec<Duration>,
    /// Of robots that show a moving picture, and of the others: what stands in another tier, in per cent of what is in lessons.
    pub other_tier_pct: Vec<u64>,
    /// How much less than the tablet received the ledger has of a connection, on average, in milliseconds of ours.
    pub mean_lack_ms: i64,
    /// How long each pupil of a killed bridge was without class.
    pub moved: Vec<Duration>,
    /// By stay at a bridge that the pupil ended: how much less than received the ledger has of it, in milliseconds of ours.
    pub lack_ms: Vec<i64>,
}

/// A tablet at one bridge, over the connections that this one may take for one: all but those that the pupil ended.
#[derive(Clone, Debug)]
struct Stay {
    bridge: usize,
    runs: Vec<Run>,
    is_left: bool,
    may_lack: Duration,
}

impl Stay {
    fn received(&self) -> Duration {
        self.runs.iter().map(|(first, last)| last.duration_since(*first)).sum()
    }

    /// Edges of lines.
    fn may_exceed(&self) -> Duration {
        LINE * 2 * u32::try_from(self.runs.len()).unwrap()
    }
}

fn stays(journal: &Journal, kills: &[Kill]) -> Vec<Stay> {
    let mut stays: Vec<Stay> = Vec::new();
    for leg in &journal.legs {
        let was_killed = kills.iter().any(|kill| kill.bridge == leg.bridge && leg.opened < kill.at && kill.at < leg.closed);
        let by_end = match leg.end {
            End::Left => Duration::ZERO,
            End::LeftUnheard | End::Lost if was_killed => CHECKPOINT,
            End::LeftUnheard | End::Lost => UNCONFIRMED,
        };
        let (may_lack, is_left) = (by_end + LINE, leg.end == End::Left);
        match stays.iter_mut().rev().find(|stay| stay.bridge == leg.bridge) {
            Some(stay) if !stay.is_left => {
                stay.runs.extend(&leg.runs);
                stay.may_lack += may_lack;
                stay.is_left = is_left;
            }
            _ => stays.push(Stay { bridge: leg.bridge, runs: leg.runs.clone(), is_left, may_lack }),
        }
    }
    stays
}

/// By session and number in it.
type ByInterval<T> = BTreeMap<(Uuid, i64), T>;

/// An interval that a bridge said it closed.
#[derive(Clone, Debug)]
struct Said {
    bridge: usize,
    life: usize,
    placement: Uuid,
    tier: String,
    from: DateTime<Utc>,
    span_ms: i64,
    is_recovered: bool,
}

/// Everything that must hold.
pub async fn compare(school: &School, journals: &[Journal], (said, servers): &(Words, Words), record: &Record) -> Findings {
    let mut findings = Findings::default();
    // A replica says so when a number of a bridge never came and never will.
    let lost = servers.iter().flatten().flatten().filter(|line| line.contains("messages are lost"));
    findings.wrong.extend(lost.map(|line| format!("a replica misses messages: {line}")));
    let mut intervals = BTreeMap::new();
    let mut ended: BTreeMap<Uuid, usize> = BTreeMap::new();
    for (bridge, lives) in said.iter().enumerate() {
        for (life, lines) in lives.iter().enumerate() {
            for line in lines {
                read(line, bridge, life, &mut intervals, &mut ended, &mut findings);
            }
        }
    }
    findings.closed = intervals.len();
    findings.recovered = intervals.values().filter(|said| said.is_recovered).count();
    let mut in_ledger = BTreeMap::new();
    add_up(school).await;
    for (seat, journal) in school.seats.iter().zip(journals) {
        let rows = school.store.presence_of_pupil(seat.pupil, DateTime::UNIX_EPOCH, far(school)).await.unwrap();
        against_the_log(&rows, &intervals, &mut findings);
        in_ledger.extend(rows.iter().map(|row| ((row.session_id, row.n), server::lessons::placed_until(row))));
        positions(school, journal, &rows, &mut findings);
        let visits = school.store.ended_visits(seat.pupil, DateTime::UNIX_EPOCH, far(school)).await.unwrap();
        let incomplete = visits
            .iter()
            .filter(|visit| (visit.held_intervals, visit.held_ms) != (visit.reported_intervals, visit.reported_ms));
        findings.wrong.extend(incomplete.map(|visit| format!("the ledger misses part of a visit: {visit:?}")));
        let stays = stays(journal, &record.kills);
        by_stay(school, &stays, &rows, &intervals, &mut findings);
        let line = account(school, &stays, &rows, *seat).await;
        if line.ledger_ms > line.received_ms + line.may_exceed_ms {
            findings.wrong.push(format!("more than was received, pupil {}: {line:?}", findings.lines.len()));
        }
        if line.ledger_ms < line.received_ms - line.may_lack_ms {
            findings.wrong.push(format!("less than was received, pupil {}: {line:?}", findings.lines.len()));
        }
        let n = findings.lines.len();
        if line.days != 2 || line.rows_ms != line.ledger_ms {
            findings.wrong.push(format!("the rows that pages add up say something else, pupil {n}: {line:?}"));
        }
        overlaps(school, &rows, &mut findings);
        findings.lines.push(line);
    }
    for moves in [true, false] {
        let of_kind = findings.lines.iter().enumerate().filter(|(n, _)| crate::school::moves(*n) == moves);
        let (all, as_shown) = of_kind.fold((0, 0), |(all, as_shown), (_, line)| {
            let lesson_ms = line.video_ms + line.stills_ms + line.audio_ms;
            (all + lesson_ms, as_shown + if moves { line.video_ms } else { line.stills_ms })
        });
        let other_pct = (all - as_shown) * 100 / all.max(1);
        findings.other_tier_pct.push(other_pct);
        if other_pct > OTHER_TIER_PCT {
            findings.wrong.push(format!("{other_pct} % of what is seen of robots with moves = {moves} stands in another tier"));
        }
    }
    if !record.kills.iter().any(|kill| kill.is_alone) || record.hung.iter().all(|(_, moved)| moved.is_none()) {
        findings.wrong.push("no bridge was killed, or none that hung was left".to_owned());
    }
    for (from, _) in record.hung.iter().filter(|(_, moved)| moved.is_none()) {
        // A machine that stood still for a good part of it takes from the time in which they could have had one.
        if record.stalls.between(*from, *from + HUNG_FOR) < HUNG_FOR / 5 {
            findings.wrong.push(format!("pupils of a bridge that hung had no class for {HUNG_FOR:?}"));
        }
    }
    let legs: usize = journals.iter().map(|journal| journal.legs.len()).sum();
    let lack_ms: i64 = findings.lines.iter().map(|line| line.received_ms - line.ledger_ms).sum();
    findings.mean_lack_ms = lack_ms / i64::from(school.clock.speed) / i64::try_from(legs.max(1)).unwrap();
    if !MEAN_LACK_MS.contains(&findings.mean_lack_ms) {
        findings.wrong.push(format!("the ledger lacks {} ms of each connection, on average", findings.mean_lack_ms));
    }
    for (key, said) in &intervals {
        if !in_ledger.contains_key(key) {
            findings.wrong.push(format!("closed by a bridge and not in the ledger: {key:?} {said:?}"));
        }
    }
    for (session, times) in ended.iter().filter(|(_, times)| **times != 1) {
        findings.wrong.push(format!("session {session} ended {times} times"));
    }
    let kills: usize = record.kills.len() * school.seats.len();
    if findings.unsaid > kills {
        findings.wrong.push(format!("{} intervals are in the ledger that no bridge closed", findings.unsaid));
    }
    quarantine(school, &mut findings).await;
    after_kills(school, journals, (&intervals, &in_ledger), record, &mut findings);
    findings
}

/// What the job of the replicas had no time for: every day with its facts gets its row.
async fn add_up(school: &School) {
    let mut calendars = Calendars::new();
    while school.store.mark_changed(school.clock.at(Instant::now()).date_naive()).await.unwrap() > 0 {}
    for _ in 0..100 {
        let marks = school.store.dirty_days(Uuid::new_v4(), 1_000).await.unwrap();
        if marks.is_empty() {
            return;
        }
        let computed = minutes::compute(&school.store, &marks, &mut calendars, far(school)).await.unwrap();
        school.store.write_days(&computed).await.unwrap();
    }
    panic!("days are marked again and again, though nobody says anything any more");
}

fn far(school: &School) -> DateTime<Utc> {
    school.clock.at(Instant::now()) + TimeDelta::days(30)
}

fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let rest = line.split(&format!(" {name}=")).nth(1)?;
    Some(rest.split(' ').next()?.trim_matches('"'))
}

fn read(
    line: &str,
    bridge: usize,
    life: usize,
    intervals: &mut ByInterval<Said>,
    ended: &mut BTreeMap<Uuid, usize>,
    findings: &mut Findings,
) {
    if line.contains("a session is closed") {
        let session = field(line, "session.id").and_then(|id| id.parse().ok()).expect("a session has an id");
        *ended.entry(session).or_default() += 1;
    }
    if !line.contains("an interval is closed") {
        return;
    }
    let parsed = || {
        let key = (field(line, "session.id")?.parse().ok()?, field(line, "n")?.parse().ok()?);
        let said = Said {
            bridge,
            life,
            placement: field(line, "placement.id")?.parse().ok()?,
            tier: field(line, "tier")?.to_owned(),
            from: field(line, "from")?.parse().ok()?,
            span_ms: field(line, "span_ms")?.parse().ok()?,
            is_recovered: field(line, "closed_by")? == "Recovery",
        };
        Some((key, said))
    };
    let (key, said) = parsed().unwrap_or_else(|| panic!("a line of the log that cannot be read: {line}"));
    if let Some(before) = intervals.insert(key, said) {
        findings.wrong.push(format!("closed twice: {key:?}, before {before:?}"));
    }
}

/// To the millisecond: a bridge's words cut what is finer, PostgreSQL rounds it.
fn against_the_log(rows: &[PresenceRow], intervals: &ByInterval<Said>, findings: &mut Findings) {
    for row in rows {
        let key = (row.session_id, row.n);
        let Some(said) = intervals.get(&key) else {
            findings.unsaid += 1;
            if row.closed_by.is_none() {
                findings.wrong.push(format!("still open, and no bridge has it: {row:?}"));
            }
            continue;
        };
        let is_same = said.tier == format!("{:?}", row.tier)
            && (row.from_at - said.from).num_milliseconds().abs() <= 1
            && said.span_ms == row.span_ms
            && row.closed_by.is_some();
        if !is_same {
            findings.wrong.push(format!("bridge {} closed {said:?}, the ledger has {row:?}", said.bridge));
        }
    }
}

async fn account(school: &School, stays: &[Stay], rows: &[PresenceRow], seat: crate::school::seed::Seat) -> Line {
    let presence: Vec<Presence> = rows.iter().map(server::lessons::presence).collect();
    let placement = school.store.placement(seat.placement.0).await.unwrap().expect("it was added");
    let day = school.clock.at(Instant::now()).date_naive();
    let lessons = server::lessons::between(&school.store, &placement, day - chrono::Days::new(1), day).await.unwrap();
    let account = attendance::account(&lessons, &presence);
    let days = school.store.attendance_days(seat.pupil, day - chrono::Days::new(1), day).await.unwrap();
    let speed = i64::from(school.clock.speed);
    let ours = |duration: Duration| i64::try_from(duration.as_millis()).unwrap() * speed;
    let sum_ms: i64 = rows.iter().map(|row| row.span_ms).sum();
    let ledger_ms = i64::try_from(account.total.ms()).unwrap();
    let sessions: BTreeSet<Uuid> = rows.iter().map(|row| row.session_id).collect();
    let lesson_ms: u64 = account.lessons.iter().map(|lesson| lesson.connected.ms()).sum();
    let in_lessons = |part: fn(&attendance::AttendanceMinutes) -> attendance::Length| account.in_lessons(part).ms();
    Line {
        days: days.len(),
        rows_ms: days.iter().map(|row| row.connected_ms + row.social_ms).sum(),
        video_ms: in_lessons(|lesson| lesson.video),
        stills_ms: in_lessons(|lesson| lesson.stills),
        audio_ms: in_lessons(|lesson| lesson.audio),
        received_ms: stays.iter().map(|stay| ours(stay.received())).sum(),
        ledger_ms,
        sum_ms,
        lesson_minutes: lesson_ms / 60_000,
        social_minutes: account.social.ms() / 60_000,
        may_lack_ms: stays.iter().map(|stay| ours(stay.may_lack)).sum(),
        may_exceed_ms: stays.iter().map(|stay| ours(stay.may_exceed())).sum(),
        sessions: sessions.len(),
    }
}

/// Not only a day as a whole: each stay has its own length in the ledger, whatever the clocks make of its place. An interval belongs to
/// the stay at its bridge that it is nearest to.
fn by_stay(school: &School, stays: &[Stay], rows: &[PresenceRow], intervals: &ByInterval<Said>, findings: &mut Findings) {
    let signed = |duration: Duration| i64::try_from(duration.as_millis()).unwrap();
    let mut ledger_ms = vec![0; stays.len()];
    for row in rows {
        let (from, until) = (server::lessons::presence(row).placed_from(), server::lessons::placed_until(row));
        let beside = |stay: &Stay| {
            let (first, last) = (stay.runs.first()?.0, stay.runs.last()?.1);
            Some((school.clock.at(first) - from).max(until - school.clock.at(last)))
        };
        let said = intervals.get(&(row.session_id, row.n));
        let here = stays.iter().enumerate().filter(|(_, stay)| said.is_none_or(|said| said.bridge == stay.bridge));
        match here.filter_map(|(n, stay)| Some((beside(stay)?, n))).min() {
            Some((_, n)) => ledger_ms[n] += row.span_ms / i64::from(school.clock.speed),
            None => findings.wrong.push(format!("no tablet received anything of that: {row:?}")),
        }
    }
    for (stay, ledger_ms) in stays.iter().zip(ledger_ms) {
        let lack_ms = signed(stay.received()) - ledger_ms;
        if lack_ms > signed(stay.may_lack) || -lack_ms > signed(stay.may_exceed()) {
            findings.wrong.push(format!("of a stay {lack_ms} ms are missing in the ledger: {stay:?}"));
        }
        if stay.is_left {
            findings.lack_ms.push(lack_ms);
        }
    }
}

/// Two bridges may both count for a while: one that lost a tablet, or hung, and the one that has it now. The ledger takes the union.
fn overlaps(school: &School, rows: &[PresenceRow], findings: &mut Findings) {
    let spans = rows
        .iter()
        .map(|row| (server::lessons::presence(row).placed_from(), server::lessons::placed_until(row), row.session_id));
    let spans: Vec<_> = spans.collect();
    for (n, a) in spans.iter().enumerate() {
        for b in &spans[n + 1..] {
            let both = (a.1.min(b.1) - a.0.max(b.0)).to_std().unwrap_or_default() / school.clock.speed;
            let most = if a.2 == b.2 { LINE } else { UNCONFIRMED + MISPLACED };
            if both > most {
                findings.wrong.push(format!("counted twice for {both:?}: {a:?} and {b:?}"));
            }
        }
    }
}

async fn quarantine(school: &School, findings: &mut Findings) {
    let rows = school.store.quarantined(100_000, None).await.unwrap();
    findings.quarantined = rows.len();
    for row in rows.iter().filter(|row| !row.payload.starts_with(DAMAGED)) {
        let payload = String::from_utf8_lossy(&row.payload);
        findings.wrong.push(format!("in quarantine: {} ({}) {payload}", row.reason, row.topic));
    }
}

/// Each interval belongs to a time in which the tablet received something. A bridge counts on through a pause that it cannot see: where the
/// tablet took nothing for a moment, on a busy machine, the times before and after are one.
fn positions(school: &School, journal: &Journal, rows: &[PresenceRow], findings: &mut Findings) {
    let mut runs: Vec<Run> = Vec::new();
    for run in journal.legs.iter().flat_map(|leg| &leg.runs) {
        match runs.last_mut() {
            Some(before) if run.0.saturating_duration_since(before.1) <= MISPLACED => before.1 = before.1.max(run.1),
            _ => runs.push(*run),
        }
    }
    let runs: Vec<_> = runs.iter().map(|run| (school.clock.at(run.0), school.clock.at(run.1))).collect();
    for row in rows {
        let (from, until) = (server::lessons::presence(row).placed_from(), server::lessons::placed_until(row));
        let beside = runs.iter().map(|(first, last)| (*first - from).max(until - *last)).min();
        let beside = beside.unwrap_or(TimeDelta::MAX).to_std().unwrap_or_default() / school.clock.speed;
        if beside > MISPLACED {
            findings
                .wrong
                .push(format!("{beside:?} beside the time in which the tablet received it: {row:?}, received {runs:?}"));
        }
        findings.misplaced.push(beside);
    }
}

/// What each killed bridge lost, and when its pupils went on.
fn after_kills(
    school: &School,
    journals: &[Journal],
    (intervals, in_ledger): (&ByInterval<Said>, &ByInterval<DateTime<Utc>>),
    record: &Record,
    findings: &mut Findings,
) {
    for (order, Kill { bridge, at: killed, is_alone }) in record.kills.iter().enumerate() {
        let life = record.kills[..=order].iter().filter(|other| other.bridge == *bridge).count();
        for (n, (seat, journal)) in school.seats.iter().zip(journals).enumerate() {
            let leg = journal.legs.iter().find(|leg| leg.bridge == *bridge && leg.opened < *killed && *killed < leg.closed);
            let Some((leg, run)) = leg.and_then(|leg| {
                let run = leg.runs.iter().rev().find(|(first, last)| first < killed && *last + LINE > *killed)?;
                Some((leg, run))
            }) else {
                continue;
            };
            let recovered = intervals
                .iter()
                .filter(|(_, said)| said.bridge == *bridge && said.life == life && said.is_recovered)
                .find(|(_, said)| said.placement == seat.placement.0);
            // Where the ledger places it: the bridge's own clock may have been wrong when it began.
            let lost = match recovered.and_then(|(key, _)| in_ledger.get(key)) {
                Some(end) => (school.clock.at(run.1) - *end).to_std().unwrap_or_default() / school.clock.speed,
                None => run.1.duration_since(run.0),
            };
            if lost > CHECKPOINT + LINE {
                findings.wrong.push(format!("pupil {n} lost {lost:?} when bridge {bridge} was killed: {leg:?}, {recovered:?}"));
            }
            findings.lost.push(lost);
            if !is_alone {
                continue;
            }
            let again = journal
                .legs
                .iter()
                .filter(|leg| leg.bridge != *bridge)
                .flat_map(|leg| leg.runs.iter().map(|(first, _)| *first))
                .filter(|first| first > killed)
                .min();
            let stood = |first: Instant| record.stalls.between(*killed, first);
            match again.map(|first| first.duration_since(*killed).saturating_sub(stood(first))) {
                Some(after) if after <= MOVED_WITHIN => findings.moved.push(after),
                other => {
                    let since = |at: Instant| at.saturating_duration_since(*killed);
                    let legs = journal.legs.iter().filter(|leg| leg.closed > *killed);
                    let legs = legs.map(|leg| {
                        let media = leg.runs.iter().map(|(first, last)| (since(*first), since(*last))).collect::<Vec<_>>();
                        format!(
                            "on bridge {} from {:?} to {:?} with media {media:?}",
                            leg.bridge,
                            since(leg.opened),
                            since(leg.closed)
                        )
                    });
                    let tries = journal.refused.iter().filter(|(_, ended, _)| ended > killed);
                    let tries = tries
                        .map(|(began, ended, why)| format!("tried from {:?} to {:?}: {why}", since(*began), since(*ended)));
                    let story: Vec<String> = legs.take(4).chain(tries.take(8)).collect();
                    let word = format!("pupil {n} of bridge {bridge} was back on another one after {other:?}");
                    findings.wrong.push(format!("{word}; after the kill: {}", story.join("; ")));
                }
            }
        }
    }
}
