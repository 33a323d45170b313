//! The demonstration's reintegration record: Ada's plan as it stands in its fifth week, with the people, days and contacts around it.
//!
//! Written by the same functions that the pages call, as the people of the demonstration at the times when they would have done it.
//! Days are counted from the Monday of the placement's first week, so the picture is the same whenever it is tried.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use server_core::contact::{By, CheckOutcome, Contact};
use server_core::framework::{Area, Assessment, Intervention, Note, Profile, Scale, Trait, Voice};
use server_core::goal::{Acknowledgement, Family, Goal, Wording};
use server_core::party::{OrganisationId, Party, PersonId};
use server_core::plan::{
    ActionEntry, Answer, Barrier, Basis, Change, Consent, EndGoal, EngagementBeside, Evaluation, How, Meeting, OwnWord,
    ReintegrationPlan, Reply, Revision, Setback, Stated, StatedSource, Went,
};
use server_core::policy::{Code, Event, Instead, Override, Pack, Route, for_day};
use server_core::words::{Reason, Words};
use store::Store;
use store::audit::{Actor, NewAudit, Subject};
use store::kept;
use store::placements::PlacementRow;
use store::plans::Changed;
use store::record::{DeadlineWord, PartyRow, PersonRow, Seen};
use store::sheets::{NewSheet, Owner, SheetKind};

use super::ids;
use crate::{cases, lessons};

/// Ada's father; without an account.
const PARENT: PersonId = PersonId(ids::ADA_PARENT);
const KEY_WORKER: PersonId = PersonId(ids::KEY_WORKER);

/// Adds the record of Ada's placement, if she has none.
///
/// # Errors
/// The database does not answer.
pub async fn seed_record(store: &Store, now: DateTime<Utc>) -> anyhow::Result<()> {
    let placement = store.placement(ids::ADA_PLACEMENT.0).await?.context("the placement is part of the demonstration")?;
    if !store.plans_of(placement.placement_id).await?.is_empty() {
        return Ok(());
    }
    let pack = Code::new("havering").and_then(|id| for_day(cases::packs().ok()?, &id, placement.from_day));
    let case = Case { store, pack: pack.context("the policy is in the binary")?, placement, now };
    case.people().await?;
    case.plan().await?;
    case.days().await?;
    case.contacts().await?;
    case.growth().await?;
    case.goals().await
}

fn calendar_day(now: DateTime<Utc>) -> NaiveDate {
    super::calendar().day(now)
}

struct Case<'a> {
    store: &'a Store,
    pack: &'static Pack,
    placement: PlacementRow,
    now: DateTime<Utc>,
}

impl Case<'_> {
    /// Day `weekday` (Monday: 0) of week `week` (from 1) at the provider. Weeks of the holidays have no number.
    fn day(&self, week: u64, weekday: u64) -> NaiveDate {
        let closed = super::christmas(calendar_day(self.now));
        let mut open = self.placement.from_day.iter_weeks().filter(|monday| !closed.contains(monday));
        let monday = open.nth(usize::try_from(week - 1).unwrap_or(0)).unwrap_or(self.placement.from_day);
        monday + Days::new(weekday)
    }

    /// Late in the morning of that day, or a minute ago if that is still to come.
    fn at(&self, day: NaiveDate) -> DateTime<Utc> {
        let morning = day.and_hms_opt(10, 40, 0).unwrap_or_default().and_utc();
        morning.min(self.now - TimeDelta::minutes(1))
    }

    async fn people(&self) -> anyhow::Result<()> {
        let pupil_id = self.placement.pupil_id;
        let parent = PersonRow {
            person_id: PARENT.0,
            pupil_id,
            name: "Mr Q.".to_owned(),
            reach: Some("By telephone, after four".to_owned()),
        };
        let began = self.at(self.day(1, 0));
        self.store.add_person(&parent, audit("add person"), began).await?;
        for (n, party, person) in [
            (1, Party::KeyWorker, KEY_WORKER),
            (2, Party::ProviderLead, KEY_WORKER),
            (3, Party::Parent, PARENT),
            (4, Party::HomeSchool, PersonId(ids::ALDER_LEAD)),
            (5, Party::ReceivingSchool, PersonId(ids::ALDER_LEAD)),
        ] {
            let row = PartyRow {
                placement_party_id: ids::party(n),
                placement_id: self.placement.placement_id,
                party,
                person,
                name: None,
                from_day: Some(self.placement.from_day),
                until_day: None,
            };
            self.store.set_party(&row, audit("name person"), began).await?;
        }
        Ok(())
    }

    async fn plan(&self) -> anyhow::Result<()> {
        let school = OrganisationId(self.placement.school_id);
        let basis = Basis {
            route: Route::Medical,
            home_school: school,
            provider: self.placement.provider_id.map_or(school, OrganisationId),
            receiving_school: school,
            responsible: school,
            planned_length: code("phased-return")?,
            end_goal: EndGoal::HomeSchool,
            in_their_words: Some(words("Keep up with science. See my friends. Go back after Christmas.")?),
        };
        let draft = ReintegrationPlan::draft(self.pack, basis)?;
        let began = self.day(1, 0);
        self.store.add_plan(ids::ADA_PLAN, ids::ADA_PLACEMENT.0, &draft, audit("begin plan"), self.at(began)).await?;
        let mut revision = draft.revision();
        for (day, changes) in
            [(began, self.opening()?), (self.day(2, 3), self.patterns()?), (self.day(4, 4), self.later().await?)]
        {
            let (now, entry) = (self.at(day), audit("change plan"));
            match self.store.change_plan(ids::ADA_PLAN, revision, self.pack, changes, entry, now).await? {
                Changed::Made(next) => revision = next,
                other => anyhow::bail!("the made-up plan breaks a rule: {other:?}"),
            }
        }
        anyhow::ensure!(revision > Revision::default(), "the plan was written");
        Ok(())
    }

    /// The first week: consent, the form's head, stage 1 with what stands in the way.
    fn opening(&self) -> anyhow::Result<Vec<Change>> {
        let began = self.day(1, 0);
        let parent = Consent {
            party: Party::Parent,
            own_word: OwnWord::Beside,
            who: PARENT,
            how: words("Signed on paper at the first meeting")?,
            on: began,
            withdrawn: None,
        };
        let stated = |figure: &str| -> anyhow::Result<Answer> {
            let source = StatedSource::Person(PersonId(ids::ALDER_LEAD));
            Ok(Answer::Stated(Stated { figure: words(figure)?, source, on: began }))
        };
        let school = OrganisationId(self.placement.school_id);
        let answers = [
            ("year-group", Answer::Words(words(&format!("Year {}", self.placement.year_group))?)),
            ("current-provider", Answer::Organisation(OrganisationId(ids::HOSPITAL_SCHOOL))),
            ("receiving-school", Answer::Organisation(school)),
            ("provider-lead", Answer::Person(KEY_WORKER)),
            ("receiving-lead", Answer::Person(PersonId(ids::ALDER_LEAD))),
            ("provider-start", Answer::Day(began)),
            ("four-week-review", Answer::Day(self.day(4, 4))),
            ("attendance", stated("Code D since 26 October; 71 % in the half-term before")?),
            (
                "aims",
                Answer::Words(words(
                    "Keep up in science and maths. Stay one of the class. Be at school two days a week by January.",
                )?),
            ),
            ("on-track", Answer::YesNo(false)),
            ("target-academic", Answer::Words(words("Science topic 3, with the class")?)),
            ("target-behaviour", Answer::Words(words("Says when it is too much, with the card")?)),
            ("target-attendance", Answer::Words(words("Two days on site by week 8")?)),
        ];
        let barriers = [
            ("health", "Mornings are hard after treatment", "A later start on Mondays, and a room to rest", 4),
            ("parent-worry", "Who notices when it gets too much?", "The buddy and the key member of staff are named", 2),
        ];
        let barrier =
            |(id, why, needed, weeks)| anyhow::Ok(Barrier { code: code(id)?, why: words(why)?, needed: words(needed)?, weeks });
        let mut all = vec![Change::Consent(parent), Change::Open];
        for (id, answer) in answers {
            all.push(Change::Answer(code(id)?, Some(answer)));
        }
        all.push(Change::Barriers(barriers.into_iter().map(barrier).collect::<Result<_, _>>()?));
        all.push(Change::PupilSays(1, Some(words("I want to see everyone. I don't want to be asked why I was away.")?)));
        Ok(all)
    }

    /// The second week: who is where on which half-day, from now to the end.
    fn patterns(&self) -> anyhow::Result<Vec<Change>> {
        let weeks = [
            (1, "o- r- o- r- --"),
            (3, "rr o- rr o- r-"),
            (8, "ss ss rr o- rr"),
            (10, "ss ss rr ss r-"),
            (11, "ss ss rr ss ss"),
            (12, "ss ss ss ss ss"),
        ];
        let mut all = Vec::new();
        for (week, pattern) in weeks {
            all.push(Change::Week(code("provider")?, week, pattern.parse().context("the pattern has ten half-days")?));
        }
        all.push(Change::PupilSays(2, Some(words("Fridays are long. Can I rest in the afternoon?")?)));
        Ok(all)
    }

    /// The weeks since: what was looked back upon, a hiccup, and the planning meeting that had to be held twice.
    async fn later(&self) -> anyhow::Result<Vec<Change>> {
        let mut all = Vec::new();
        for (list, item) in [
            ("start-gate", "clear-plan"),
            ("start-gate", "adjustments"),
            ("prerequisites", "baseline"),
            ("prerequisites", "talked"),
            ("prerequisites", "meeting-arranged"),
            ("induction-pack", "timetable"),
            ("induction-pack", "key-staff"),
        ] {
            all.push(Change::Tick { list: code(list)?, item: code(item)?, is_done: true });
        }
        for (week, question, went, why) in [
            (1, "settled", Went::Partly, Some("The first lessons were loud. A seat near the door helps.")),
            (2, "aims-possible", Went::Yes, None),
            (3, "engaged", Went::Yes, None),
        ] {
            all.push(Change::Evaluate(self.evaluation(week, question, went, why).await?));
        }
        all.push(Change::Setback(Setback {
            on: self.day(3, 2),
            code: code("health")?,
            what: Some(words("Too tired for three days after a treatment")?),
            what_helps: Some(words("Only the first lesson of the day, for a week")?),
        }));
        let meeting = |on, present: &[(Party, How)], outcomes: &[&str], notes: &str| {
            anyhow::Ok(Change::Meeting(Meeting {
                on,
                convenor: Party::ProviderLead,
                venue: code("receiving-school")?,
                present: present.iter().copied().collect::<BTreeMap<_, _>>(),
                outcomes: outcomes.iter().map(|outcome| code(outcome)).collect::<Result<BTreeSet<_>, _>>()?,
                notes: Some(words(notes)?),
            }))
        };
        let adults =
            [(Party::Parent, How::InPerson), (Party::ReceivingSchool, How::InPerson), (Party::ProviderLead, How::InPerson)];
        all.push(meeting(self.day(4, 1), &adults, &[], "Ada was not well enough to come. Held again by robot.")?);
        let mut everybody = adults.to_vec();
        everybody.push((Party::Pupil, How::ByRobot));
        let settled = ["support", "key-staff", "timetable", "handover"];
        all.push(meeting(
            self.day(4, 3),
            &everybody,
            &settled,
            "Ada chose her buddy. The tour is on the first induction day.",
        )?);
        let settle = |details: &str, agreed: &[Party]| {
            anyhow::Ok(ActionEntry {
                details: Some(words(details)?),
                outcome: None,
                day: None,
                is_settled: true,
                agreed: agreed.iter().copied().collect(),
            })
        };
        let three = [Party::ProviderLead, Party::Pupil, Party::Parent];
        let start = ActionEntry { day: Some(self.day(8, 0)), ..ActionEntry::default() };
        for (id, entry) in [
            ("start-date", start),
            ("staff-know", settle("Form tutor and the Monday and Tuesday teachers", &[])?),
            ("medical-handover", settle("Care plan is with the first-aid room", &three)?),
            ("uniform", settle("Alder Road School lends a jumper", &[])?),
        ] {
            all.push(Change::Action(code(id)?, entry));
        }
        Ok(all)
    }

    async fn evaluation(&self, week: u16, question: &str, went: Went, why: Option<&str>) -> anyhow::Result<Evaluation> {
        let (first, last) = (self.day(u64::from(week), 0), self.day(u64::from(week), 4));
        let days = lessons::school_days(self.store, &self.placement, (first, last), self.now).await?;
        let engagement = EngagementBeside::of(days.iter().map(|day| &day.account));
        let reply = Reply { question: code(question)?, went, why: why.map(words).transpose()?, comment: None, action: None };
        Ok(Evaluation {
            clock: code("provider")?,
            week,
            on: last,
            replies: vec![reply],
            attendance: None,
            punctuality: None,
            // The made-up history begins in the third week.
            engagement: (engagement.in_lessons.get() > 0).then_some(engagement),
            pupil_says: None,
        })
    }

    async fn days(&self) -> anyhow::Result<()> {
        let said = self.at(self.day(3, 4));
        for (event, day) in
            [(Event::PanelHearing, self.day(3, 1)), (Event::StageOne, self.day(3, 3)), (Event::PartTimeEnd, self.day(12, 4))]
        {
            let entry = NewAudit { detail: Some(event.code()), ..audit("say event") };
            self.store.say_event(ids::ADA_PLACEMENT.0, event, Seen::Whatever, Some(day), entry, said).await?;
        }
        let later = Override {
            rule: code("start-after-panel")?,
            week: None,
            instead: Instead::Day(self.day(8, 0)),
            reason: Reason::new("The hospital asks that school begins only after the last treatment")?,
            by: KEY_WORKER,
            on: self.day(3, 4),
        };
        let entry = audit("say limit");
        self.store.say_deadline(ids::ADA_PLACEMENT.0, &DeadlineWord::Instead(later), Seen::Whatever, entry, said).await?;
        Ok(())
    }

    async fn contacts(&self) -> anyhow::Result<()> {
        use Party::{HomeSchool, KeyWorker, Parent, ProviderLead, Pupil};
        let all: [Entry<'_>; 6] = [
            (self.day(1, 1), By::Visit, &[Pupil, ProviderLead, HomeSchool], None, "First hour together at school"),
            (self.day(1, 3), By::Call, &[Parent, KeyWorker], None, "How the first days went"),
            (self.day(2, 2), By::Call, &[Pupil, HomeSchool], None, "The form tutor rang; Ada told of the ward"),
            (self.day(3, 1), By::Attempt, &[Parent, KeyWorker], None, "Nobody answered"),
            (self.day(3, 4), By::Message, &[Pupil, HomeSchool], None, "A card from the class"),
            (self.day(4, 2), By::Call, &[HomeSchool, KeyWorker], Some(CheckOutcome::InUse), "Robin is used every day"),
        ];
        for (n, (on, by, with, outcome, notes)) in (1..).zip(all) {
            let contact = Contact {
                on,
                by,
                with: with.iter().copied().collect(),
                written_by: KEY_WORKER,
                outcome,
                notes: Some(words(notes)?),
            };
            let entry = audit("write contact");
            self.store.add_contact(ids::contact(n), ids::ADA_PLACEMENT.0, &contact, entry, self.at(on)).await?;
        }
        Ok(())
    }

    /// Three looks at what was looked at, one of them the pupil's own, and what helps.
    async fn growth(&self) -> anyhow::Result<()> {
        let scale = Scale::plain();
        let owner = Owner::Placement(ids::ADA_PLACEMENT.0);
        let (first, then, now) = (self.day(1, 1), self.day(3, 1), self.day(4, 3));
        let looks: [(NaiveDate, Voice, [u8; 18]); 4] = [
            (first, Voice::Staff, [0, 1, 0, 0, 2, 0, 0, 1, 0, 1, 0, 2, 2, 1, 0, 1, 2, 1]),
            (then, Voice::Staff, [1, 1, 0, 1, 2, 0, 1, 1, 1, 1, 0, 2, 2, 2, 1, 1, 2, 1]),
            (now, Voice::Staff, [1, 2, 1, 0, 2, 1, 1, 2, 2, 2, 0, 2, 2, 3, 1, 1, 2, 1]),
            (now, Voice::Pupil, [1, 2, 1, 1, 3, 1, 0, 2, 2, 2, 1, 3, 2, 3, 1, 2, 2, 2]),
        ];
        for (n, (on, voice, steps)) in (1..).zip(looks) {
            let words = |step: u8| scale.steps().get(usize::from(step)).and_then(|words| scale.level(words));
            let levels = Area::ALL.iter().zip(steps).filter_map(|(area, step)| Some((*area, words(step)?))).collect();
            let look = Assessment::new(on, voice, KEY_WORKER, &scale, levels, BTreeMap::new())?;
            let body = kept::written_assessment(&look, &scale).context("the look is on that scale")?;
            let (kind, sheet_id) = (SheetKind::Assessment, ids::sheet(n));
            let sheet = NewSheet { sheet_id, based_on: 0, kind, owner, day: Some(on), body: &body };
            self.store.save_sheet(&sheet, audit("add look"), self.at(on)).await?;
        }
        let notes = [
            (Trait::Strength, "Asks good questions. Draws.", true),
            (Trait::Need, "A quiet start, and one instruction at a time", true),
            (Trait::Trigger, "Noise after lunch", true),
            (Trait::Trigger, "Being asked why I was away", false),
            (Trait::Coping, "Five minutes by the door, then back", true),
            (Trait::Adjustment, "May leave the lesson with the card, without a word", true),
        ];
        let note = |(about, text, is_shared): (Trait, &str, bool)| {
            anyhow::Ok(Note { about, words: words(text)?, shared_on: is_shared.then_some(now) })
        };
        let quiet = Intervention::new(
            words("Breathing with the mentor, Tuesdays")?,
            [Area::Resilience, Area::EmotionalIntelligence].into(),
            Party::ProviderLead,
            first,
            None,
        )?;
        let profile = Profile { notes: notes.into_iter().map(note).collect::<Result<_, _>>()?, interventions: vec![quiet] };
        let body = kept::written_profile(&profile);
        let (kind, sheet_id) = (SheetKind::Profile, ids::ADA_PLACEMENT.0);
        let sheet = NewSheet { sheet_id, based_on: 0, kind, owner, day: None, body: &body };
        self.store.save_sheet(&sheet, audit("change profile"), self.at(now)).await?;
        Ok(())
    }

    async fn goals(&self) -> anyhow::Result<()> {
        let on = self.day(1, 0);
        let all = [
            (Family::Attendance, "Two days on site by week 8", "Mondays with my friends", self.day(8, 1)),
            (Family::Academic, "Science topic 3, with the class", "I want to see the volcano", self.day(5, 4)),
        ];
        for (n, (family, text, own, review)) in (11..).zip(all) {
            let wording = Wording {
                words: words(text)?,
                pupil_words: Some(words(own)?),
                authors: [Party::Pupil, Party::KeyWorker].into(),
                on,
            };
            let mut goal = Goal::new(family, wording)?;
            goal.review_on = Some(review);
            for (party, who) in [(Party::Pupil, PersonId(ids::ADA)), (Party::Parent, PARENT), (Party::KeyWorker, KEY_WORKER)] {
                goal.acknowledge(party, Acknowledgement { who, on, wording: 1 })?;
            }
            let body = kept::written_goal(&goal);
            let sheet = NewSheet {
                sheet_id: ids::sheet(n),
                based_on: 0,
                kind: SheetKind::Goal,
                owner: Owner::Placement(ids::ADA_PLACEMENT.0),
                day: goal.review_on,
                body: &body,
            };
            self.store.save_sheet(&sheet, audit("change goal"), self.at(on)).await?;
        }
        Ok(())
    }
}

/// A contact: when, how, with whom, what a check found, what was said.
type Entry<'a> = (NaiveDate, By, &'a [Party], Option<CheckOutcome>, &'a str);

fn audit(action: &'static str) -> NewAudit<'static> {
    NewAudit { actor: Actor::Staff(ids::KEY_WORKER), action, subject: Subject::Pupil(ids::ADA), detail: None }
}

fn code(text: &str) -> anyhow::Result<Code> {
    Code::new(text).with_context(|| format!("{text} is a code"))
}

fn words(text: &str) -> anyhow::Result<Words> {
    Ok(Words::new(text)?)
}

/// An id of the demonstration, for what has no meaning outside.
#[cfg(test)]
fn is_ours(id: uuid::Uuid) -> bool {
    id.to_string().starts_with("dec0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_plan_is_there_once_with_a_meeting_that_counts_and_something_left_to_do() {
        for now in ["2026-11-23T09:20:00Z", "2026-11-28T22:00:00Z", "2027-01-04T00:10:00Z"] {
            let dir = tempfile::tempdir().unwrap();
            let store = store_sqlite::open(&dir.path().join("demo.db")).await.unwrap();
            let now: DateTime<Utc> = now.parse().unwrap();
            super::super::seed_store(&store, &dir.path().join("none"), now).await.unwrap();
            seed_record(&store, now).await.unwrap();
            seed_record(&store, now).await.unwrap();
            let plans = store.plans_of(ids::ADA_PLACEMENT.0).await.unwrap();
            let [row] = plans.as_slice() else { panic!("{} plans", plans.len()) };
            assert!(is_ours(row.plan_id));
            let pack = cases::pack_of(&row.plan).unwrap();
            let counts: Vec<_> = row.plan.meetings().iter().map(|held| held.missing(&pack.meeting).is_empty()).collect();
            assert_eq!(counts, [false, true], "{now}");
            assert_eq!(row.plan.on_track(pack), Some(false));
            assert!(!row.plan.gates(pack).is_empty());
            // On a Monday the made-up fortnight covers the third week.
            let week = row.plan.evaluation(&code("provider").unwrap(), 3).unwrap();
            let is_monday = chrono::Datelike::weekday(&now.date_naive()) == chrono::Weekday::Mon;
            assert!(week.engagement.is_some() || !is_monday, "{now}");
            let history = store.plan_history(row.plan_id, None, None, 500).await.unwrap();
            assert!(history.iter().all(|change| change.at < now && change.actor_id == Some(ids::KEY_WORKER)));
            assert_eq!(store.parties(ids::ADA_PLACEMENT.0).await.unwrap().len(), 5);
        }
    }
}
